"""Words fit their columns, and pictures keep their proportions."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.errors import ConfigError
from datrnet.core.research.experiments.charts import (
    BOLD_CHARACTERS,
    CHARACTERS,
    draw_picture,
    new_sheet,
    rendered,
    wrapped,
    write,
)


@given(st.text(max_size=60), st.integers(1, 4))
def test_lines_never_leave_their_column(text: str, num_lines: int) -> None:
    lines = wrapped(text, num_lines)
    assert len(lines) <= num_lines
    assert all(len(line) <= CHARACTERS for line in lines)


@pytest.mark.parametrize(("bold", "characters"), [(False, CHARACTERS), (True, BOLD_CHARACTERS)])
def test_as_many_letters_as_fit_a_column_stay_in_it(bold: bool, characters: int) -> None:
    sheet = new_sheet(1, 2, below=0.2)
    axes = sheet.axes[0]
    write(axes, ["attributes and colours x"[:characters]], bold=bold)
    ends = axes.texts[0].get_window_extent()
    column, gap = axes.get_window_extent(), sheet.axes[1].get_window_extent()
    assert column.x0 - 1 <= ends.x0 < ends.x1 < gap.x0


def test_words_are_broken_where_they_end() -> None:
    assert wrapped("navy blue linen trousers", 3) == ["navy blue linen", "trousers"]


def test_what_is_too_much_ends_in_dots() -> None:
    (line,) = wrapped("navy blue linen trousers")
    assert line == "navy blue linen…"
    long, rest = wrapped("x" * 30 + " long", 2)
    assert long == "x" * CHARACTERS
    assert rest.endswith("x long")
    assert wrapped("x" * 30)[0].endswith("x…")


def test_letters_of_strangers_are_inert() -> None:
    assert wrapped("a\x1b[31m\u202eb\nc") == ["a␛[31mb c"]


def test_an_arrow_is_an_arrow() -> None:
    arrow, missing, nothing = (words_on_a_sheet(words) for words in ("→", "\uffff", ""))
    assert (arrow != missing).any()
    assert (arrow != nothing).any()


def words_on_a_sheet(words: str) -> np.ndarray:
    sheet = new_sheet(1, 1, below=0.2)
    write(sheet.axes[0], [words])
    return np.asarray(rendered(sheet))


def test_a_picture_keeps_its_proportions() -> None:
    sheet = new_sheet(1, 1, below=0.2)
    draw_picture(sheet.axes[0], Image.new("RGB", (10, 20), "black"))
    dark = (np.asarray(rendered(sheet)) == 0).all(axis=2)
    height, width = (np.ptp(np.flatnonzero(dark.any(axis=side))) + 1 for side in (1, 0))
    assert height == pytest.approx(2 * width, abs=2)


def test_each_line_begins_below_the_one_before() -> None:
    sheet = new_sheet(1, 1, below=0.5)
    (axes,) = sheet.axes
    write(axes, ["one", "two"])
    write(axes, ["three"], skipped=2)
    first, second = (text.get_window_extent() for text in axes.texts)
    assert second.y1 <= first.y0 + 2


def test_without_matplotlib_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError) as caught:
        new_sheet(1, 1, below=0.2)
    assert 'pip install "datrnet[experiments]"' in caught.value.hint
