"""Figure 3: the queries cover the super-categories, and every verdict agrees with the labels."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageColor

from datrnet.core.errors import ConfigError, DataError
from datrnet.core.research.experiments.charts import ABSENT
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.sheets import (
    AMBER,
    GREEN,
    SheetOptions,
    SheetRow,
    SheetSubstitute,
    draw_sheet,
    run,
    sheet_rows,
)


def test_super_categories_are_changed_in_turn(context: Context) -> None:
    lines = sheet_rows(context, SheetOptions(num_queries=5))
    assert [row.super_category for row in lines] == [
        "colour",
        "pattern",
        "colour",
        "pattern",
        "colour",
    ]
    assert len({row.row for row in lines}) == 5
    for row in lines:
        assert context.catalog.splits[row.row] == "test"
        assert context.catalog.labels_of(row.row)[row.super_category] == row.present != row.wanted


def test_verdicts_and_words_agree_with_the_labels(context: Context) -> None:
    lines = sheet_rows(context, SheetOptions(num_queries=12, num_substitutes=11))
    seen = set()
    for line in lines:
        wanted = {**context.catalog.labels_of(line.row), line.super_category: line.wanted}
        assert line.row not in [substitute.row for substitute in line.substitutes]
        for substitute in line.substitutes:
            labels = context.catalog.labels_of(substitute.row)
            if labels == wanted:
                verdict = "exact"
            elif labels[line.super_category] == line.wanted:
                verdict = "change met"
            else:
                verdict = "change not met"
            assert substitute.verdict == verdict
            seen.add(verdict)
            assert {name for name, *_ in substitute.differences} == {
                name for name in labels if labels[name] != wanted[name]
            }
    assert len(seen) == 3


def test_the_table_is_the_sheet_in_words(context: Context) -> None:
    options = SheetOptions(num_queries=2, num_substitutes=3)
    result = run(context, options)
    line = sheet_rows(context, options)[0]
    assert result.columns == ("query", "instruction", "1.", "2.", "3.")
    code = context.catalog.codes[line.row]
    assert result.rows[0][:2] == (code, f"colour: {line.present} → {line.wanted}")
    first = line.substitutes[0]
    assert result.rows[0][2] == f"{first.code}: {first.words}"


def test_what_differs_is_told_the_change_first() -> None:
    row = SheetSubstitute(
        row=0,
        code="a",
        verdict="change not met",
        differences=(("colour", "Red", "Blue"), ("pattern", "none", "plain")),
    )
    assert row.words == "colour: Red, not Blue; pattern: none, not plain"
    assert row.caption == ("✗ colour: Red", "pattern: none")
    exact = SheetSubstitute(row=0, code="a", verdict="exact", differences=())
    assert (exact.words, exact.caption) == ("all labels match", ("✓ all labels match",))


@pytest.mark.parametrize(("num_differences", "last"), [(4, "s3: a"), (5, "and 2 more")])
def test_a_caption_has_at_most_four_lines(num_differences: int, last: str) -> None:
    differences = tuple((f"s{number}", "a", "b") for number in range(num_differences))
    row = SheetSubstitute(row=0, code="a", verdict="change met", differences=differences)
    assert len(row.caption) == 4
    assert row.caption[0] == "≈ s0: a"
    assert row.caption[-1] == last


def test_frames_have_the_color_of_the_verdict(context: Context) -> None:
    row = int(context.catalog.rows_in("test")[0])
    shown = [
        SheetSubstitute(row=row, code="a", verdict=verdict, differences=())
        for verdict in ("exact", "change met", "change not met")
    ]
    line = SheetRow(
        row=row, super_category="colour", present=None, wanted="Red", substitutes=tuple(shown)
    )
    picture = draw_sheet(context, [line], SheetOptions(num_substitutes=3))
    pixels = np.asarray(picture)[picture.height // 2 :]  # below the legend
    columns = [
        np.flatnonzero((pixels == ImageColor.getrgb(color)).all(axis=2).sum(axis=0) > 50)
        for color in (GREEN, AMBER)
    ]
    column = picture.width / 6
    for place, lines in enumerate(columns, start=2):  # the left and the right of a frame
        assert lines.min() == pytest.approx(place * column, abs=column / 6)
        assert lines.max() == pytest.approx((place + 1) * column, abs=column / 6)


def test_a_picture_that_cannot_be_read_is_gray(context: Context) -> None:
    nowhere = ["nowhere.png"] * context.catalog.num_items
    gone = replace(context, catalog=replace(context.catalog, picture_paths=nowhere))
    picture = run(gone, SheetOptions(num_queries=1)).pictures["sheets"]
    middle = (picture.width // 12, picture.height // 2)
    assert picture.getpixel(middle) == ImageColor.getrgb(ABSENT)


def test_the_whole_catalog_can_be_asked(context: Context) -> None:
    lines = sheet_rows(replace(context, split="all"), SheetOptions(num_queries=30))
    assert len({context.catalog.splits[line.row] for line in lines}) > 1


def test_values_without_a_prototype_are_not_asked_for(context: Context) -> None:
    context.generation.prototypes_of(0)[:] = np.nan
    assert {row.super_category for row in sheet_rows(context, SheetOptions())} == {"pattern"}
    context.generation.prototypes_of(1)[:] = np.nan
    with pytest.raises(DataError, match="differs from another in one label only"):
        run(context, SheetOptions())


@pytest.mark.parametrize("name", ["num_queries", "num_substitutes"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SheetOptions(**{name: 0})
