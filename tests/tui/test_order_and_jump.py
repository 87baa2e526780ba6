"""Sorting the catalog, jumping in it, and items whose pictures are gone."""

from collections.abc import Callable
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.launch import LaunchOptions
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.widgets.facet_rail import FacetRail

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from waiting."""
    monkeypatch.setattr(BrowseScreen, "check_pictures_after", 0.001)
    monkeypatch.setattr("datrnet.tui.screens.dialogs.REST", 0.001)
    monkeypatch.setattr("datrnet.tui.screens.dialogs.LONG_REST", 0.001)


async def test_an_order_is_chosen_and_turned_round(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("right", "right", "t", "j", "j", "enter")  # by title
        assert explorer.code == "P-002"  # the cursor stays on its item
        assert "by title ↑" in explorer.text()
        titles = [explorer.snapshot.title_of(code) for code in explorer.codes]
        assert titles[:2] == ["Black dress number 0", "Black dress number 12"]
        await explorer.press("T")
        assert "by title ↓" in explorer.text()
        assert explorer.codes[0] == "P-047"
        assert explorer.code == "P-002"
        await explorer.press("t", "enter")  # the same again
        assert "by title ↑" in explorer.text()
        await explorer.press("t", "g", "enter", "T")
        assert explorer.codes == [f"P-{number:03}" for number in range(47, -1, -1)]
        assert "newest first" in explorer.text()


async def test_n_and_shift_n_go_through_the_matches_and_over_the_ends(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("n")
        assert "No search to step through" in explorer.notices()
        await explorer.press("slash", *"red", "enter", "g", "n", "n")
        assert explorer.grid.cursor == 2
        await explorer.press("N", "N", "N")
        assert explorer.grid.cursor == 11
        await explorer.press("n")
        assert explorer.grid.cursor == 0


@pytest.mark.parametrize("size", [(60, 20), (300, 80)])
async def test_the_cursor_follows_an_id_as_it_is_typed(
    workspace: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    async with run_explorer(workspace, size=size) as explorer:
        grid = explorer.grid
        await explorer.press("number_sign", *"p-03")
        assert grid.cursor == 30
        assert "10 ids start with it; the first is P-030" in " ".join(explorer.text().split())
        await explorer.press("3")
        assert grid.cursor == 33
        await explorer.press("enter")
        assert explorer.code == "P-033"
        await explorer.press("J", *"P-04", "escape")
        assert explorer.code == "P-033"  # leaving brings the cursor back


async def test_an_unknown_id_is_told_with_the_nearest(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("number_sign", *"P-99", "enter")
        await explorer.rest(0.05)
        shown = " ".join(explorer.text().split())
        assert "No id starts with “P-99”" in shown
        assert "Did you mean P-0" in shown
        await explorer.press("escape")
        assert explorer.code == "P-000"


async def test_enter_right_after_the_last_letter_goes_there(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.tui.screens.dialogs.REST", 60.0)
    async with run_explorer(workspace) as explorer:
        await explorer.press("number_sign", *"P-040", "enter")
        await explorer.rest()
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-040"


async def test_jumping_out_of_a_narrowed_list_says_what_it_clears(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red", "enter", "f", "j", "j", "enter")
        assert len(explorer.codes) < 12
        await explorer.press("f", "number_sign", *"P-040")
        shown = explorer.text()
        assert "enter clears" in shown
        assert "search “red”" in shown
        await explorer.press("enter")
        assert explorer.code == "P-040"
        assert len(explorer.codes) == 48
        assert "Cleared the search “red” and the facets" in explorer.notices()


async def test_items_given_are_all_there_is(workspace: Workspace, run_explorer: Run) -> None:
    wants = LaunchOptions(items=("P-009", "p-003", "nowhere", "P-009"))
    async with run_explorer(workspace, options=wants) as explorer:
        assert explorer.codes == ["P-009", "P-003"]
        assert "1 of the given ids" in explorer.notices()
        await explorer.press("slash", *"number", "enter")
        assert sorted(explorer.codes) == ["P-003", "P-009"]
        await explorer.press("number_sign", *"P-004", "enter")
        assert "not among the given items" in explorer.notices()


async def test_items_whose_picture_is_gone_are_a_facet(
    workspace: Workspace, run_explorer: Run
) -> None:
    for number in (7, 11):
        (workspace.root / "pictures" / f"{number:02}.png").unlink()
    (workspace.root / "pictures" / "20.png").write_bytes(b"")
    async with run_explorer(workspace) as explorer:
        await explorer.rest(0.05)
        rail = explorer.screen.query_one(FacetRail)
        rail.scroll_end(animate=False)
        await explorer.rest()
        shown = explorer.text()
        for words in ("▾ picture", "missing", "unreadable"):
            assert words in shown
        await explorer.press("f", "G", "k", "enter")
        assert explorer.codes == ["P-007", "P-011"]
        assert "picture missing" in explorer.text()
        await explorer.press("f", "escape", "escape")
        assert len(explorer.codes) == 48


async def test_what_narrows_the_list_is_there_to_be_clicked_away(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        assert "esc: clear" not in explorer.text()
        await explorer.press("slash", *"red", "enter", "f", "j", "j", "enter", "f")
        line = next(line for line in explorer.text().splitlines() if "esc: clear" in line)
        assert "colour red 12 ✕" in line

        async def click(words: str) -> None:
            lines = explorer.text().splitlines()
            y = next(at for at, line in enumerate(lines) if "esc: clear" in line)
            await explorer.pilot.click(offset=(lines[y].index(words) + 1, y))
            await explorer.rest()

        await click("colour red")
        assert "colour red" not in explorer.text()
        narrowed = len(explorer.codes)
        assert narrowed < 48
        await explorer.press("slash", *"blue", "enter")
        await click("esc: clear")
        assert len(explorer.codes) == 48
        assert "esc: clear" not in explorer.text()
