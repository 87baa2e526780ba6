"""What a person changes about an import before it happens, without an app."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.importer import (
    ImportOptions,
    KnownItems,
    parse_catalog,
    plan_table,
)
from datrnet.core.catalog.plan import TablePlan
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.sources.table import CatalogTable
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.tui.preview_state import PreviewState

HEADER = ("sku", "image", "name", "color", "price", "season", "note")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def table(tmp_path: Path) -> CatalogTable:
    rows = [
        (
            f"A-{number}",
            f"{number}.png",
            f"Shirt {number}",
            ("red", "blue")[number % 2],
            f"{number}.50 EUR",
            ("summer", "winter", "fall")[number % 3],
            "same",
        )
        for number in range(12)
    ]
    for number in range(11):  # the last one is missing
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    with (tmp_path / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return read_source(tmp_path / "shop.csv")


@pytest.fixture
def options(tmp_path: Path) -> ImportOptions:
    return ImportOptions(images=tmp_path)


@pytest.fixture
def state(workspace: Workspace, table: CatalogTable, options: ImportOptions) -> PreviewState:
    found = parse_catalog(workspace, table, options)
    assert isinstance(found.plan, TablePlan)
    state = PreviewState("shop.csv", options, found.plan)
    state.show(options, found)
    return state


def plan_of(table: CatalogTable, options: ImportOptions) -> TablePlan:
    return plan_table(table, options, KnownItems(), needs_pictures=False)[1]


def settle(state: PreviewState, workspace: Workspace, table: CatalogTable) -> None:
    options = state.options
    try:
        state.show(options, parse_catalog(workspace, table, options))
    except DataError as error:
        state.fail(options, error, plan_of(table, options))


def uses(state: PreviewState) -> dict[str, str]:
    return {column.column: column.use for column in state.columns}


RECOGNIZED = {
    "sku": "id",
    "image": "image",
    "name": "title",
    "color": "attribute",
    "price": "money",
    "season": "attribute",
    "note": "text",
}


def test_it_begins_with_what_was_recognized(state: PreviewState) -> None:
    assert uses(state) == RECOGNIZED
    assert state.is_settled
    assert state.summary == "12 rows: 11 items, 1 skipped"
    details = state.details(state.column("color")).plain
    assert "color: super-category; few values, each of several items" in details
    assert "2 values: red, blue" in details
    assert "1 row will be skipped" in details
    assert "11.png" in details
    assert not state.error


def test_a_change_is_shown_at_once_and_counted_later(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("season", "ignore")
    assert uses(state) == {**RECOGNIZED, "season": "ignore"}
    assert state.summary == "counting …"
    settle(state, workspace, table)
    assert state.is_settled
    assert state.parsed is not None
    assert state.parsed.plan.attributes == ("color",)
    assert list(uses(state)) == list(RECOGNIZED)  # in the same order
    assert "• season" in state.line(state.column("season"), 76).plain
    state.reset("season")
    settle(state, workspace, table)
    assert uses(state) == RECOGNIZED


def test_what_is_chosen_as_it_was_recognized_is_no_change(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("color", "text")
    settle(state, workspace, table)
    assert uses(state)["color"] == "text"
    state.use("color", "attribute")
    assert uses(state) == RECOGNIZED
    assert not state.options.uses
    settle(state, workspace, table)
    assert state.line(state.column("color"), 76).plain.startswith("  color")


def test_only_one_column_is_the_id(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("name", "id")
    settle(state, workspace, table)
    assert uses(state)["name"] == "id"
    assert uses(state)["sku"] != "id"
    state.use("sku", "id")
    settle(state, workspace, table)
    assert uses(state) == RECOGNIZED
    assert state.parsed is not None
    assert state.parsed.rows[0].item.code == "A-0"


def test_only_one_column_is_the_group(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    for column in ("season", "color"):
        state.use(column, "group")
        settle(state, workspace, table)
    assert [column for column, use in uses(state).items() if use == "group"] == ["color"]


def test_a_fact_gets_the_kind_of_its_values(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("price", "ignore")
    state.use_as_fact("price")
    state.use_as_fact("season")
    settle(state, workspace, table)
    assert (uses(state)["price"], uses(state)["season"]) == ("money", "text")


def test_what_an_option_says_can_be_changed(
    workspace: Workspace, table: CatalogTable, options: ImportOptions
) -> None:
    chosen = ImportOptions(images=options.images, attributes=("color", "season"), id="sku")
    state = PreviewState("shop.csv", chosen, plan_of(table, chosen))
    settle(state, workspace, table)
    state.use("season", "ignore")
    state.use("name", "id")
    settle(state, workspace, table)
    expected = {**RECOGNIZED, "season": "ignore", "name": "id", "sku": uses(state)["sku"]}
    assert uses(state) == expected
    assert uses(state)["sku"] != "id"


def test_keys_go_through_all_uses_and_around(state: PreviewState) -> None:
    seen = []
    for _ in range(14):
        state.step("color", 1)
        seen.append(state.column("color").use)
    assert len(set(seen)) == 14
    assert seen[-1] == "attribute"
    state.step("color", -1)
    assert state.column("color").use == "ignore"


def test_without_pictures_nothing_is_imported_until_a_column_has_them(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("image", "text")
    settle(state, workspace, table)
    assert "No column contains pictures" in state.error
    assert "No column contains pictures" in state.details(None).plain
    assert state.summary == "nothing to import"
    assert len(state.columns) == len(HEADER)
    state.use("image", "image")
    settle(state, workspace, table)
    assert not state.error


def test_many_bad_rows_are_refused_unless_they_are_skipped(
    state: PreviewState, workspace: Workspace, table: CatalogTable
) -> None:
    state.use("color", "id")  # most repeat the id of another row
    settle(state, workspace, table)
    assert "cannot be imported" in state.error
    assert "already on line" in state.details(None).plain
    assert "Press b to import" in state.error
    assert "--skip-bad" not in state.error
    state.skips_bad = True
    settle(state, workspace, table)
    assert not state.error
    assert state.options.skips_bad


@pytest.mark.parametrize("width", [36, 60, 76, 116, 160])
def test_lines_have_the_width_of_their_heading(state: PreviewState, width: int) -> None:
    heading = state.heading(width)
    for column in state.columns:
        line = state.line(column, width)
        assert line.cell_length <= width
        assert line.plain.index(column.column) == heading.index("column")
    assert (
        "few values, each of several items" in state.line(state.column("color"), width).plain
    ) == (width >= 110)
