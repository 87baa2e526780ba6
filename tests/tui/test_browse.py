"""Walking through the catalog."""

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem
from datrnet.tui.commands import commands_of
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.help import keys_of
from datrnet.tui.widgets.bars import TooSmall

Run = Callable[..., Any]


async def test_it_begins_with_the_whole_catalog(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        assert len(explorer.codes) == 48
        assert explorer.code == "P-000"
        shown = explorer.text()
        assert "48 items" in shown
        assert "Black dress num" in shown
        assert "colour        black" in shown


@pytest.mark.parametrize("keys", [("right", "down", "left"), ("l", "j", "h")])
async def test_arrows_and_vim_keys_move_the_cursor(
    workspace: Workspace, run_explorer: Run, keys: tuple[str, ...]
) -> None:
    async with run_explorer(workspace) as explorer:
        columns = explorer.grid.num_columns
        seen = []
        for key in keys:
            await explorer.press(key)
            seen.append(explorer.grid.cursor)
        assert seen == [1, 1 + columns, columns]
        assert f"{explorer.code}" in explorer.text()


async def test_page_keys_and_ends(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(80, 40)) as explorer:
        columns = explorer.grid.num_columns
        assert explorer.grid.page.down == 2
        page = 2 * columns
        for key, cursor in (
            ("G", 47), ("g", 0), ("end", 47), ("home", 0),
            ("pagedown", page), ("pageup", 0), ("ctrl+d", columns), ("ctrl+u", 0),
            ("space", page), ("b", 0), ("up", 0), ("left", 0),
        ):  # fmt: skip
            await explorer.pilot.press(key)
            assert explorer.grid.cursor == cursor, key


async def test_the_cursor_is_always_in_view(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(80, 24)) as explorer:
        for keys in (("j",) * 5, ("G",), ("k",) * 4, ("space",), ("g",)):
            await explorer.pilot.press(*keys)
            region = explorer.grid._card_region(explorer.grid.cursor)
            assert 0 <= region.y < explorer.grid.size.height, keys
            assert explorer.code in explorer.text(), keys


async def test_typing_filters_by_title_and_escape_leaves_before_it_clears(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red dr")
        assert explorer.labels("garment", 99) == ["dress"] * len(explorer.codes)
        assert explorer.labels("colour", 99) == ["red"] * len(explorer.codes)
        found = len(explorer.codes)
        assert f"{found} of 48 items" in explorer.text()
        await explorer.press("escape")
        assert explorer.grid.has_focus
        assert len(explorer.codes) == found
        assert explorer.screen.query_one("#search", Input).value == "red dr"
        await explorer.press("escape")
        assert len(explorer.codes) == 48
        assert explorer.screen.query_one("#search", Input).value == ""


async def test_codes_are_searched_too(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"P-017")
        assert explorer.codes == ["P-017"]


async def test_the_cursor_stays_on_its_item(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "l", "l", "j")
        code = explorer.code
        colour, garment = explorer.labels("colour", 99), explorer.labels("garment", 99)
        words = f"{colour[explorer.grid.cursor]} {garment[explorer.grid.cursor]}"
        explorer.screen.query_one("#search", Input).value = words
        await explorer.rest()
        assert len(explorer.codes) < 48
        assert explorer.code == code
        await explorer.press("escape")
        assert explorer.code == code


async def test_any_text_can_be_searched_for(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        for text in ('"', "* OR (", "AND", "'; DROP TABLE items; --", "\\", "[red]", "\x1b[31m"):
            explorer.screen.query_one("#search", Input).value = text
            await explorer.rest()
            assert explorer.codes or "No title or id contains" in explorer.text()
        explorer.screen.query_one("#search", Input).value = "nosuchword"
        await explorer.rest()
        await explorer.press("enter", "enter", "s", "y", "o", "G", "space", "l")
        assert explorer.codes == []
        assert isinstance(explorer.screen, BrowseScreen)


async def test_the_mouse_chooses_scrolls_and_enters(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(80, 24)) as explorer:
        grid, pilot = explorer.grid, explorer.pilot
        region = grid._card_region(2)
        middle = (region.x + region.width // 2, region.y + region.height // 2)
        await pilot.click(grid, offset=middle)
        assert grid.cursor == 2
        await pilot._post_mouse_events([events.MouseScrollDown], grid, middle)
        await pilot.pause()
        assert grid.scroll_offset.y == region.height
        assert grid.cursor == 2
        await pilot._post_mouse_events([events.MouseScrollUp], grid, middle)
        await pilot.click(grid, offset=middle, times=2)
        await explorer.rest()
        assert not isinstance(explorer.screen, BrowseScreen)


async def test_a_cursor_step_redraws_two_cards_only(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        regions = []
        grid = explorer.grid
        refresh = grid.refresh
        grid.refresh = lambda *some, **more: (regions.extend(some), refresh(*some, **more))[1]
        await explorer.pilot.press("l")
        edges = [*grid._card_edges(0), *grid._card_edges(1)]
        assert regions == edges
        pictures = [grid._picture_region(position) for position in (0, 1)]
        assert not any(edge.overlaps(picture) for edge in edges for picture in pictures)


async def test_without_an_index_browsing_works_and_a_notice_says_what_to_run(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        assert "datrnet train" in explorer.text()
        await explorer.press("l", "enter")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-001"
        assert "datrnet index" in explorer.notices()
        await explorer.pilot.resize_terminal(30, 5)
        await explorer.rest()
        assert "Substitutes need" not in explorer.text()


async def test_a_damaged_index_is_told_and_browsing_works(
    workspace: Workspace, run_explorer: Run
) -> None:
    (embeddings,) = workspace.indexes.glob("*/embeddings.npy")
    embeddings.write_bytes(embeddings.read_bytes()[: embeddings.stat().st_size // 2])
    async with run_explorer(workspace) as explorer:
        assert "datrnet index" in explorer.text()
        await explorer.press("l", "s")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.notices()


async def test_an_empty_catalog_says_so(workspace: Workspace, run_explorer: Run) -> None:
    empty = Workspace(workspace.root / "empty")
    empty.create_store().close()
    async with run_explorer(empty) as explorer:
        assert "catalog is empty" in explorer.text()
        await explorer.press("j", "G", "enter", "s", "y", "o", "space", "plus", "slash", "a")
        assert explorer.app.is_running


async def test_thumbnails_that_are_not_there_are_made(
    workspace: Workspace, run_explorer: Run
) -> None:
    (thumbnails,) = workspace.thumbnails.iterdir()
    thumbnails.unlink()
    (workspace.root / "pictures" / "02.png").write_bytes(b"no picture at all")
    async with run_explorer(workspace) as explorer:
        await explorer.until(lambda: not explorer.grid._painter.waiting)
        await explorer.rest()
        assert explorer.text().count("no picture") == 1
        assert "▄" in explorer.text().split("Black dress num")[0]


@pytest.mark.parametrize("size", [(1, 1), (300, 80)])
async def test_it_begins_in_any_size(
    workspace: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    async with run_explorer(workspace, size=size) as explorer:
        await explorer.press("l", "j", "G")
        await explorer.press("enter", "j", "tab", "l")
        assert explorer.app.is_running


async def test_nothing_covers_what_a_small_terminal_says(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, notices=True) as explorer:
        explorer.app.notify("A word that would take half of the page.", timeout=60)
        await explorer.rest()
        assert "A word that would" in explorer.text()
        await explorer.pilot.resize_terminal(10, 3)
        await explorer.rest()
        assert "Too small:" in explorer.text()


async def test_a_terminal_that_was_too_small_has_the_keys_where_they_were(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        for key in ("slash", "question_mark", "i", "t", "colon", "enter"):
            await explorer.press(key)
            focused = explorer.screen.focused
            assert focused is not None
            await explorer.pilot.resize_terminal(10, 3)
            await explorer.until(lambda: "Too small:" in explorer.text())
            await explorer.rest()
            await explorer.pilot.resize_terminal(100, 30)
            await explorer.until(lambda: "Too small" not in explorer.text())
            await explorer.rest()
            assert explorer.screen.focused is focused
            assert focused.region.overlaps(explorer.screen.region)
            await explorer.press("escape")


async def test_wild_resizes_keep_the_item(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press(*"jjl")
        code = explorer.code
        sizes = ((80, 24), (20, 5), (200, 60), (40, 12), (39, 12), (40, 11), (1, 1), (120, 40))
        for size in sizes:
            await explorer.pilot.resize_terminal(*size)
            await explorer.rest()
            is_small = size[0] < 40 or size[1] < 12
            assert explorer.screen.query_one(TooSmall).display == is_small
            assert explorer.code == code
            if not is_small:
                top = explorer.grid._card_region(explorer.grid.cursor).y
                assert 0 <= top < explorer.grid.size.height


async def test_pictures_grow_and_shrink(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(180, 45)) as explorer:
        await explorer.press("j")
        code, columns = explorer.code, explorer.grid.num_columns
        await explorer.press("plus", "plus", "plus", "plus", "plus")
        assert explorer.grid.num_columns < columns
        await explorer.press(*["minus"] * 8)
        assert explorer.grid.num_columns > columns
        assert explorer.code == code


async def test_the_code_is_copied(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "C")
        assert explorer.app.clipboard == "P-001"


async def test_help_lists_the_keys_of_where_one_stands(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("question_mark")
        shown = explorer.text()
        assert "Page down" in shown
        assert "Shortlist" in shown
        await explorer.press("escape", "enter")
        keys = [line.description for group in keys_of(explorer.screen) for line in group.lines]
        assert "Picker 3" in keys
        assert "Picker 4" not in keys  # there are three super-categories
        await explorer.press("question_mark")
        shown = explorer.text()
        assert "Next value" in shown
        await explorer.press("G", "pagedown", "pagedown", "pagedown")
        assert "the predicted value" in explorer.text()


async def test_the_palette_offers_our_commands(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        without_key = explorer.app.get_system_commands(explorer.screen)
        commands = list(commands_of(explorer.screen))
        everything = (*commands, *without_key)
        titles = [command.title for command in everything]
        assert "q" in next(command.help for command in commands if command.title == "Quit")
        assert {"Substitutes", "Undo a search or facet", "Copy id or text", "Theme"} <= set(titles)
        assert not {"Keys", "Maximize"} & set(titles)  # Textual's own panel knows none of our keys
        told = [(command.title, command.help) for command in everything]
        assert len(told) == len(set(told)), "of two panes, each says which"


async def test_what_the_index_lacks_is_told_once(workspace: Workspace, run_explorer: Run) -> None:
    with workspace.open_store() as store:
        store.upsert_items([NewItem(code="new", title="", picture_path="new.png", split="")])
    async with run_explorer(workspace) as explorer:
        await explorer.until(lambda: "1 item is not indexed yet" in explorer.notices())
        assert "Run `datrnet index`." in explorer.notices()
        assert explorer.notices().count("not indexed yet") == 1
