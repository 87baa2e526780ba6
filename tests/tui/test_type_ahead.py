"""Values that are found by typing, in the facets, the pickers and the dialog of values."""

from collections.abc import Callable
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.widgets.facet_rail import FacetRail, Line
from datrnet.tui.widgets.value_list import FindField, matches

Run = Callable[..., Any]
COLOURS = 1


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("blue", ["blue", "Blue-green", "navy blue", "pale/blue"]),
        ("NAVY  b", ["navy blue"]),
        ("gr", ["Blue-green"]),
        ("ue", ["navy blue", "blue", "Blue-green", "pale/blue"]),
        (" ", []),
        ("red", []),
    ],
)
def test_names_that_begin_with_a_text_come_first(text: str, found: list[str]) -> None:
    names = ["navy blue", "blue", "Blue-green", "pale/blue", ""]
    assert [names[place] for place in matches(names, text)] == found


def current(explorer: Any) -> str:
    """Return the line of the rail under the cursor."""
    rail = explorer.screen.query_one(FacetRail)
    return str(rail.options[rail.highlighted].prompt.plain.split()[-2])


async def test_in_the_facets(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f", "slash", *"bl")
        assert current(explorer) == "black"
        await explorer.press("down")
        assert current(explorer) == "blue"
        await explorer.press("down")
        assert current(explorer) == "black"
        await explorer.press("up", "enter")
        assert explorer.screen.query_one(FacetRail).has_focus
        assert not explorer.screen.query(FindField)
        await explorer.press("space")
        assert set(explorer.labels("colour", 99)) == {"blue"}


async def test_escape_goes_back_to_where_the_cursor_was(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f", "j", "slash", *"summ")
        assert current(explorer) == "summer"
        await explorer.press("x")
        assert explorer.screen.query_one(FindField).has_class("-missing")
        assert current(explorer) == "summer"
        await explorer.press("escape")
        assert current(explorer) == "shirt"
        assert explorer.screen.query_one(FacetRail).has_focus


async def test_what_is_folded_is_found_too(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        rail = explorer.screen.query_one(FacetRail)
        await explorer.press("f", "right_curly_bracket", "h")
        assert rail._line == Line(COLOURS)
        await explorer.press("slash", *"gre", "enter")
        assert current(explorer) == "green"


async def test_a_key_goes_to_the_next_super_category(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f", "j")
        seen = []
        for key in ("right", "right", "right", "left", "left"):
            await explorer.press(f"{key}_curly_bracket")
            seen.append(current(explorer))
        assert seen == ["black", "winter", "dress", "winter", "black"]
        await explorer.press("escape", "enter")
        for key, number in (("right", 1), ("right", 2), ("left", 1)):
            await explorer.press(f"{key}_curly_bracket")
            assert explorer.screen.pickers.number == number


async def test_in_a_picker_the_results_follow(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "2", "slash", *"gr")
        screen = explorer.screen
        assert screen.search.state.changes == {"colour": "green"}
        assert set(explorer.labels("colour", 3)) == {"green"}
        await explorer.press("escape")
        assert screen.search.state.changes == {}
        await explorer.press("slash", *"bl", "down", "enter", "enter")
        assert screen.search.state.changes == {"colour": "blue"}
        assert explorer.grid.has_focus


async def test_in_the_dialog_of_values(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(80, 40)) as explorer:
        category = explorer.snapshot.catalog.super_categories[COLOURS]
        chosen: list[int | None] = []
        explorer.app.push_screen(ValuePicker("Colour", category, {}, {}, "red"), chosen.append)
        await explorer.rest()
        values = explorer.screen.query_one("ValueList")
        assert values.size.height == len(category.values)  # no blank lines
        await explorer.press("slash", *"gr", "enter", "enter")
        assert chosen == [category.values.index("green")]
