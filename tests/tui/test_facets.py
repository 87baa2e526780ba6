"""Narrowing the catalog down by its values, which show how many items carry them."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input

from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import SuperCategory
from datrnet.tui.catalog_state import CatalogState
from datrnet.tui.widgets.facet_rail import NUM_COLLAPSED, FacetRail, _end_of_path

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


def lines(explorer: Any) -> list[str]:
    """Return the lines of the rail, a single space between words."""
    rail = explorer.screen.query_one(FacetRail)
    return [" ".join(option.prompt.plain.split()) for option in rail.options]


async def choose(explorer: Any, line: str) -> None:
    """Go to the line that begins so, and choose it."""
    rail = explorer.screen.query_one(FacetRail)
    rail.highlighted = next(
        place for place, text in enumerate(lines(explorer)) if text.lstrip("✓ ").startswith(line)
    )
    await explorer.press("space")


async def test_the_first_key_in_the_rail_chooses_the_first_value(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        assert lines(explorer) == [
            "▾ garment", "dress 16", "shirt 16", "skirt 16",
            "▾ colour", "black 12", "blue 12", "green 12", "red 12",
            "▾ season", "winter 20", "summer 18", "no label 10",
        ]  # fmt: skip
        assert "▾ garment" in explorer.text()
        await explorer.press("f", "enter")
        assert "✓ dress 16" in lines(explorer)
        assert len(explorer.codes) == 16
        assert "16 of 48 items" in explorer.text()


async def test_a_search_and_facets_narrow_down_together(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"shirt", "enter")
        assert len(explorer.codes) == 16
        assert "black 4" in lines(explorer)
        assert "✓ shirt 16" in lines(explorer)
        assert "dress 16" in lines(explorer)  # what else could be chosen
        await explorer.press("f")
        await choose(explorer, "black")
        assert len(explorer.codes) == 4
        await explorer.press("f", "escape")  # the search goes first
        assert len(explorer.codes) == 12
        await explorer.press("escape")
        assert len(explorer.codes) == 48


async def test_what_nothing_is_left_of_says_so(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"P-000", "enter", "f")
        await choose(explorer, "shirt")
        assert explorer.codes == []
        assert "No result of the search is garment shirt" in explorer.text()
        await explorer.press("x")
        assert explorer.codes == ["P-000"]
        await explorer.press("x")
        assert "No facets to clear" in explorer.notices()


async def test_the_cursor_stays_on_its_item(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "l", "l", "j", "f")
        code = explorer.code
        await choose(explorer, explorer.labels("colour", 99)[explorer.grid.cursor])
        assert explorer.code == code


async def test_super_categories_are_folded(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f", "g", "enter")
        assert lines(explorer)[:2] == ["▸ garment", "▾ colour"]
        await explorer.press("l")
        assert lines(explorer)[:2] == ["▾ garment", "dress 16"]
        await explorer.press("j", "j", "h")
        assert lines(explorer)[:2] == ["▸ garment", "▾ colour"]
        assert explorer.screen.query_one(FacetRail).highlighted == 0


async def test_where_there_is_no_room_the_key_shows_and_hides_them(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(80, 24)) as explorer:
        rail = explorer.screen.query_one(FacetRail)
        assert not rail.display or rail.styles.display == "none"
        await explorer.press("f")
        assert rail.has_focus
        assert "▾ garment" in explorer.text()
        await choose(explorer, "red")
        await explorer.press("f")
        assert "▾ garment" not in explorer.text()
        assert explorer.grid.has_focus
        assert set(explorer.labels("colour", 99)) == {"red"}


async def test_what_is_typed_at_once_goes_to_the_facets(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        for key in ("f", "j", "j", "space"):
            explorer.app._driver.process_message(events.Key(key, None))
        await explorer.until(lambda: len(explorer.codes) < 48)
        await explorer.rest()
        assert set(explorer.labels("garment", 99)) == {"skirt"}  # as key by key


async def test_escape_leaves_the_rail_before_it_clears_and_undo_brings_back(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f")
        await choose(explorer, "red")
        await explorer.press("escape")
        assert explorer.grid.has_focus
        assert set(explorer.labels("colour", 99)) == {"red"}
        await explorer.press("escape")
        assert len(explorer.codes) == 48
        await explorer.press("u")
        assert set(explorer.labels("colour", 99)) == {"red"}
        await explorer.press("u", "u")
        assert len(explorer.codes) == 48
        assert "Nothing to undo" in explorer.notices()
        await explorer.press("r")
        assert set(explorer.labels("colour", 99)) == {"red"}


async def test_a_typed_search_is_undone_and_redone(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red", "enter", "slash", *"red dress", "enter")
        assert len(explorer.codes) == 4
        field = explorer.screen.query_one("#search", Input)
        await explorer.press("u")
        assert (field.value, len(explorer.codes)) == ("red", 12)
        await explorer.press("u")
        assert (field.value, len(explorer.codes)) == ("", 48)
        await explorer.press("r", "r")
        assert (field.value, len(explorer.codes)) == ("red dress", 4)


async def test_what_was_typed_is_ticked_and_unticking_it_removes_its_chip(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red dress", "enter", "f")
        assert "✓ red 4" in lines(explorer)
        assert "✓ dress 4" in lines(explorer)
        assert "blue 4" in lines(explorer)
        assert "colour red" in explorer.text()
        await choose(explorer, "red")
        assert "colour red" not in explorer.text()
        assert explorer.screen.query_one("#search", Input).value == "dress"
        assert set(explorer.labels("garment", 99)) == {"dress"}
        assert len(explorer.codes) == 16
        await explorer.press("u")
        assert "✓ red 4" in lines(explorer)
        assert explorer.screen.query_one("#search", Input).value == "red dress"


async def test_chips_are_reached_and_removed_by_key(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red dress", "enter")
        both = len(explorer.codes)
        await explorer.press("comma", "x")
        await explorer.rest()
        assert set(explorer.labels("colour", 99)) == {"red"}
        assert len(explorer.codes) > both
        await explorer.press("escape")
        assert explorer.screen.state.text == "red"  # the first escape leaves the chips
        await explorer.press("comma", "x")
        await explorer.rest()
        assert len(explorer.codes) == 48
        assert explorer.grid.has_focus


async def test_facets_are_clicked(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.pilot.click(FacetRail, offset=(6, 6))
        await explorer.rest()
        assert set(explorer.labels("colour", 99)) == {"blue"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Tops", "Tops        "),
        ("A > Tops", "A > Tops    "),
        ("Apparel > Clothing > Tops", "… Tops      "),
        ("Apparel > A very long end", "… A very lo…"),
        ("A very long value", "A very long…"),
    ],
)
def test_of_a_long_path_the_end_is_shown(value: str, shown: str) -> None:
    assert _end_of_path(value, 12) == shown


@pytest.mark.parametrize("chosen", [None, 15])
async def test_of_many_values_the_frequent_ones_are_listed_first(chosen: int | None) -> None:
    values = tuple(f"v{number:02}" for number in range(20))
    labels = np.repeat(np.arange(20), np.arange(20, 0, -1)).astype(np.int16)[:, None]
    catalog = SimpleNamespace(
        super_categories=(SuperCategory(name="brand", values=values),),
        labels=labels,
        more_labels={},
        shown_rows=np.arange(len(labels)),
        num_items=len(labels),
    )
    snapshot: Any = SimpleNamespace(catalog=catalog, rows=np.arange(len(labels)), subset=None)
    state = CatalogState(snapshot)
    rail = FacetRail(state)

    class Alone(App[None]):
        def compose(self) -> ComposeResult:
            yield rail

    async with Alone().run_test() as pilot:
        frequent = [f"v{number:02} {20 - number}" for number in range(NUM_COLLAPSED)]
        assert lines(pilot.app) == ["▾ brand", *frequent, "12 more …"]
        rail.focus()
        await pilot.press("end")
        if chosen is None:
            await pilot.press("enter")
            assert len(lines(pilot.app)) == 21
        else:
            state.toggle(0, chosen)
            rail.show()  # what is chosen is always listed
            assert lines(pilot.app)[-2:] == ["✓ v15 5", "11 more …"]
