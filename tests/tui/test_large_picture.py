"""The picture over the whole screen, and the one beside the text of a low terminal."""

from collections.abc import Callable
from typing import Any

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.large_picture import ITEM, QUERY, LargePictureScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.picture_view import PictureView

Run = Callable[..., Any]


def view(explorer: Any, name: str) -> PictureView:
    found: PictureView = explorer.screen.query_one(f"#{name}", PictureView)
    return found


async def test_the_item_fills_the_screen_and_arrows_go_to_its_neighbors(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("z")
        assert isinstance(explorer.screen, LargePictureScreen)
        await explorer.until(lambda: view(explorer, ITEM)._lines)
        assert len(view(explorer, ITEM)._lines) > 0.8 * explorer.screen.size.height
        assert "1 / 48" in explorer.text()
        await explorer.press("right", "l", "left")
        assert "P-001" in explorer.text()
        await explorer.press("up")
        assert "one picture" in explorer.notices()
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-001"  # the cursor has moved along


async def test_a_result_stands_beside_the_query(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "tab", "z")
        assert isinstance(explorer.screen, LargePictureScreen)
        await explorer.until(lambda: view(explorer, QUERY)._lines and view(explorer, ITEM)._lines)
        assert view(explorer, QUERY).region.right <= view(explorer, ITEM).region.x
        assert "P-000  ·  query" in explorer.text()
        await explorer.press("z")
        assert isinstance(explorer.screen, SubstitutesScreen)


async def test_a_terminal_of_80x24_has_a_picture_beside_the_text(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(80, 24)) as explorer:
        await explorer.until(lambda: view(explorer, "detail-picture")._lines)
        picture, table = (
            explorer.screen.query_one(name).region for name in ("#detail-picture", "#detail-table")
        )
        assert picture.height >= 7
        assert picture.right <= table.x
        await explorer.press("enter")
        await explorer.until(lambda: view(explorer, "detail-picture")._lines)
        await explorer.pilot.resize_terminal(80, 16)
        await explorer.rest()
        assert not explorer.screen.query_one("#detail-picture").size  # the text needs the room
