"""Letters fit their columns, and pictures keep their proportions."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.errors import ConfigError
from datrnet.core.research.experiments.sheets import Sheet, fitted, letters, text_width, wrapped


@given(st.text(max_size=60), st.integers(20, 200), st.integers(1, 4))
def test_lines_never_leave_their_column(text: str, width: int, num_lines: int) -> None:
    font = letters(12)
    lines = wrapped(text, font, width, num_lines)
    assert 1 <= len(lines) <= num_lines
    assert all(font.getlength(line) <= width for line in lines)


def test_words_are_broken_where_they_end() -> None:
    font = letters(12)
    width = int(font.getlength("navy blue")) + 1
    assert wrapped("navy blue linen", font, width, 3) == ["navy blue", "linen"]


def test_what_is_too_much_ends_in_dots() -> None:
    font = letters(12)
    width = int(font.getlength("navy blue"))
    (line,) = wrapped("navy blue linen", font, width, 1)
    assert line.startswith("navy bl")
    assert line.endswith("…")
    long, rest = wrapped("unbelievably long", font, width // 2 + 2, 2)
    assert long.endswith("…")
    assert rest == "long"


def test_letters_of_strangers_are_inert() -> None:
    assert wrapped("a\x1b[31m\u202eb\nc", letters(12), 500, 1) == ["a␛[31mb c"]


def test_an_arrow_is_an_arrow() -> None:
    missing = letters(16).getmask("\uffff")
    assert bytes(letters(16).getmask("→")) != bytes(missing)
    assert text_width("→", 16) > 5


def test_a_picture_keeps_its_proportions() -> None:
    square = np.asarray(fitted(Image.new("RGB", (10, 20), "black"), 40))
    assert square.shape == (40, 40, 3)
    dark = (square == 0).all(axis=2)
    assert dark[:, 10:30].all()
    assert not dark[:, :10].any()
    assert not dark[:, 30:].any()


def test_writing_tells_where_the_next_line_begins() -> None:
    sheet = Sheet(200, 100)
    assert sheet.write("one", 0, 10, 200, size=10) == 23
    assert sheet.write("one two", 0, 10, text_width("one ", 10), size=10, num_lines=2) == 36
    assert (np.asarray(sheet.picture) < 255).any()


def test_without_matplotlib_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    letters.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError) as caught:
        letters(12)
    assert 'pip install "datrnet[experiments]"' in caught.value.hint
