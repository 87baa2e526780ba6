"""Figure 3: the queries cover the super-categories, and every verdict agrees with the labels."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageColor

from datrnet.core.errors import ConfigError, DataError
from datrnet.core.experiments import sheets
from datrnet.core.experiments.drawing import AMBER, GREEN
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.sheets import Line, Options, Shown, drawn, lines_of, run


def test_super_categories_are_changed_in_turn(setting: Setting) -> None:
    lines = lines_of(setting, Options(num_queries=5))
    assert [one.super_category for one in lines] == [
        "colour",
        "pattern",
        "colour",
        "pattern",
        "colour",
    ]
    assert len({one.row for one in lines}) == 5
    for one in lines:
        assert setting.catalog.splits[one.row] == "test"
        assert setting.catalog.labels_of(one.row)[one.super_category] == one.present != one.wanted


def test_verdicts_and_words_agree_with_the_labels(setting: Setting) -> None:
    lines = lines_of(setting, Options(num_queries=12, num_substitutes=11))
    seen = set()
    for line in lines:
        wanted = {**setting.catalog.labels_of(line.row), line.super_category: line.wanted}
        assert line.row not in [one.row for one in line.substitutes]
        for one in line.substitutes:
            labels = setting.catalog.labels_of(one.row)
            if labels == wanted:
                verdict = "exact"
            elif labels[line.super_category] == line.wanted:
                verdict = "change met"
            else:
                verdict = "change not met"
            assert one.verdict == verdict
            seen.add(verdict)
            assert {name for name, *_ in one.differences} == {
                name for name in labels if labels[name] != wanted[name]
            }
    assert len(seen) == 3


def test_the_table_is_the_sheet_in_words(setting: Setting) -> None:
    options = Options(num_queries=2, num_substitutes=3)
    outcome = run(setting, options)
    line = lines_of(setting, options)[0]
    assert outcome.columns == ("query", "instruction", "1.", "2.", "3.")
    code = setting.catalog.codes[line.row]
    assert outcome.rows[0][:2] == (code, f"colour: {line.present} → {line.wanted}")
    first = line.substitutes[0]
    assert outcome.rows[0][2] == f"{first.code}: {first.words}"


def test_what_differs_is_told_the_change_first() -> None:
    one = Shown(
        row=0,
        code="a",
        verdict="change not met",
        differences=(("colour", "Red", "Blue"), ("pattern", "none", "plain")),
    )
    assert one.words == "colour: Red, not Blue; pattern: none, not plain"
    assert one.caption == ("✗ colour: Red", "pattern: none")
    exact = Shown(row=0, code="a", verdict="exact", differences=())
    assert (exact.words, exact.caption) == ("as wanted", ("✓ as wanted",))


@pytest.mark.parametrize(("num_differences", "last"), [(4, "s3: a"), (5, "and 2 more")])
def test_a_caption_has_at_most_four_lines(num_differences: int, last: str) -> None:
    differences = tuple((f"s{number}", "a", "b") for number in range(num_differences))
    one = Shown(row=0, code="a", verdict="change met", differences=differences)
    assert len(one.caption) == 4
    assert one.caption[0] == "≈ s0: a"
    assert one.caption[-1] == last


def test_frames_have_the_colour_of_the_verdict(setting: Setting) -> None:
    row = int(setting.catalog.rows_in("test")[0])
    shown = [
        Shown(row=row, code="a", verdict=verdict, differences=())
        for verdict in ("exact", "change met", "change not met")
    ]
    line = Line(
        row=row, super_category="colour", present=None, wanted="Red", substitutes=tuple(shown)
    )
    options = Options(num_substitutes=3)
    picture = drawn(setting, [line], options)
    assert picture.height == sheets.HEADER + sheets.ROW
    middle = sheets.HEADER + 8 + sheets.SIDE // 2
    first = 3 * sheets.GAP + sheets.SIDE + sheets.INSTRUCTION
    frames = [
        picture.getpixel((first + rank * (sheets.SIDE + sheets.GAP) - 3, middle))
        for rank in range(3)
    ]
    assert frames == [ImageColor.getrgb(GREEN), ImageColor.getrgb(AMBER), (255, 255, 255)]


def test_a_picture_that_cannot_be_read_is_grey(setting: Setting) -> None:
    nowhere = ["nowhere.png"] * setting.catalog.num_items
    gone = replace(setting, catalog=replace(setting.catalog, picture_paths=nowhere))
    picture = run(gone, Options(num_queries=1)).pictures["sheets"]
    middle = (sheets.GAP + sheets.SIDE // 2, sheets.HEADER + 8 + sheets.SIDE // 2)
    assert picture.getpixel(middle) == (225, 225, 225)


def test_the_whole_catalogue_can_be_asked(setting: Setting) -> None:
    lines = lines_of(replace(setting, split="all"), Options(num_queries=30))
    assert len({setting.catalog.splits[line.row] for line in lines}) > 1


def test_values_without_a_prototype_are_not_asked_for(setting: Setting) -> None:
    setting.generation.prototypes_of(0)[:] = np.nan
    assert {one.super_category for one in lines_of(setting, Options())} == {"pattern"}
    setting.generation.prototypes_of(1)[:] = np.nan
    with pytest.raises(DataError, match="differs from another in one label only"):
        run(setting, Options())


@pytest.mark.parametrize("name", ["num_queries", "num_substitutes"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Options(**{name: 0})
