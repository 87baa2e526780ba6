"""The explorer by mouse alone: double clicks, the trail, the menu at the pointer, the palette."""

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.command import CommandPalette

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.menus import PointerMenu
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.pickers import ValueList
from tests.tui.conftest import loop_is_idle

Run = Callable[..., Any]

RIGHT = 3


def card_at(explorer: Any, position: int) -> tuple[int, int]:
    """Return the middle of a card on the screen."""
    grid = explorer.grid
    region = grid._card_region(position).translate(grid.content_region.offset)
    return region.x + region.width // 2, region.y + region.height // 2


def word_at(explorer: Any, word: str, line: int | None = None) -> tuple[int, int]:
    """Return where a word begins on the screen, on a line or on the first that has it."""
    lines = explorer.text().split("\n")
    y = next(y for y in range(len(lines)) if word in lines[y]) if line is None else line
    return lines[y].index(word), y


async def click(explorer: Any, at: tuple[int, int], **options: Any) -> None:
    widget, region = explorer.screen.get_widget_at(*at)
    offset = (at[0] - region.x, at[1] - region.y)
    await explorer.pilot.click(widget, offset=offset, **options)
    await explorer.rest()


async def test_a_click_selects_and_a_double_click_opens_once(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await click(explorer, card_at(explorer, 0))
        assert isinstance(explorer.screen, BrowseScreen)  # though the cursor was on it
        await click(explorer, card_at(explorer, 2))
        assert explorer.code == "P-002"
        assert isinstance(explorer.screen, BrowseScreen)
        await click(explorer, card_at(explorer, 2), times=3)
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert len(explorer.screen.search.trail) == 1
        await click(explorer, card_at(explorer, 1), times=2)
        assert len(explorer.screen.search.trail) == 2


async def test_a_step_of_the_trail_goes_back_to_it(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "tab", "enter", "l", "enter")
        trail = explorer.screen.search.trail
        assert len(trail) == 3
        title = explorer.screen.search.titles[0]
        await click(explorer, word_at(explorer, title, line=0))
        assert [visit.query.row for visit in explorer.screen.search.trail] == [0]
        await click(explorer, word_at(explorer, title, line=0))  # where one is
        assert isinstance(explorer.screen, SubstitutesScreen)
        await click(explorer, word_at(explorer, "Catalog", line=0))
        assert isinstance(explorer.screen, BrowseScreen)


async def test_the_trail_of_the_catalog_drops_filters(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red", "enter", "f", "space")
        assert explorer.screen.state.filters
        await click(explorer, word_at(explorer, "Catalog", line=0))
        await explorer.until(lambda: len(explorer.codes) == 48)


async def test_the_menu_runs_what_keys_do_and_names_them(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await click(explorer, card_at(explorer, 1), button=RIGHT)
        assert isinstance(explorer.screen, PointerMenu)
        keys = {entry.words: entry.key for entry in explorer.screen._entries}
        assert keys["Shortlist"] == "."
        assert "More like this result" not in keys  # nothing here to be like
        await click(explorer, word_at(explorer, "Shortlist   "))
        assert explorer.app.session.shortlist.codes == ("P-001",)
        await click(explorer, card_at(explorer, 1), button=RIGHT)
        await click(explorer, (1, 1))
        assert isinstance(explorer.screen, BrowseScreen)


async def test_the_menu_of_a_result_asks_for_more_like_it(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        await click(explorer, card_at(explorer, 1), button=RIGHT)
        row = explorer.app.screen_stack[-2].grid.row
        await click(explorer, word_at(explorer, "More like this result"))
        assert explorer.screen.search.state.liked == (row,)


async def test_a_click_with_ctrl_marks(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await click(explorer, card_at(explorer, 3), control=True)
        assert explorer.app.library.marked == 3


async def test_the_menu_of_a_facet_leaves_it_out(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(140, 45)) as explorer:
        await click(explorer, word_at(explorer, "blue"), button=RIGHT)
        assert isinstance(explorer.screen, PointerMenu)  # and nothing is chosen
        assert not explorer.app.screen_stack[-2].state.chosen
        await click(explorer, word_at(explorer, "Leave out"))
        assert len(explorer.codes) == 36
        assert "blue" not in explorer.labels("colour", 99)


async def test_weights_and_exact_labels_by_mouse(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        await click(explorer, word_at(explorer, "2 colour"), button=RIGHT)
        assert isinstance(explorer.screen, PointerMenu)
        await click(explorer, word_at(explorer, "Require this label"))
        assert explorer.screen.search.state.exact == {"colour"}
        line = word_at(explorer, "2 colour")[1]
        await click(explorer, word_at(explorer, "=", line))
        assert not explorer.screen.search.state.exact
        await explorer.press("greater_than_sign")
        assert explorer.screen.search.state.weights == {"colour": 2.0}
        await click(explorer, word_at(explorer, "×2", line))
        assert explorer.screen.search.state.weights["colour"] > 2


class Values(App[None]):
    def compose(self) -> ComposeResult:
        yield ValueList(*map(str, range(50)))


async def test_the_wheel_scrolls_values() -> None:
    app = Values()
    async with app.run_test(size=(40, 10)) as pilot:
        values = app.query_one(ValueList)
        await pilot._post_mouse_events([events.MouseScrollDown], values, (2, 2))
        await loop_is_idle()
        assert values.scroll_y > 0


async def test_the_name_of_the_program_opens_the_palette(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await click(explorer, (2, 0))
        assert isinstance(explorer.screen, CommandPalette)
