"""`datrnet browse ITEM` and `datrnet browse PICTURE`: it begins with substitutes."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from PIL import Image

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.tui.app import ExplorerApp
from datrnet.tui.launch import LaunchOptions
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


async def test_it_begins_with_an_item_in_any_case_and_the_catalog_lies_behind(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, options=LaunchOptions(query="p-007")) as explorer:
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert "47 substitutes" in explorer.text()
        assert "no change" in explorer.text()
        assert [action for action, _ in explorer.steps()] == ["query"]
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-007"


async def test_it_need_not_be_among_the_items_shown(
    workspace: Workspace, run_explorer: Run
) -> None:
    given = LaunchOptions(query="P-007", items=("P-001", "P-002"))
    async with run_explorer(workspace, options=given) as explorer:
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert "P-007" in explorer.steps()[0][1]["item"]


async def test_it_begins_with_a_picture(
    taught: Workspace, tmp_path: Path, run_explorer: Run
) -> None:
    photo = tmp_path / "my photo.png"
    Image.new("RGB", (48, 64), "#cc2222").save(photo)
    async with run_explorer(taught, options=LaunchOptions(query=str(photo))) as explorer:
        await explorer.rest(0.1)
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert explorer.screen.search.visit.picture == photo


async def test_without_an_index_it_says_so_and_the_catalog_is_there(
    workspace: Workspace, run_explorer: Run
) -> None:
    rmtree(workspace.indexes)
    async with run_explorer(workspace, options=LaunchOptions(query="P-007")) as explorer:
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-007"
        assert "datrnet index" in explorer.notices()


def test_what_is_neither_is_told_before_the_screen_is_taken(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match=r"'P-77'.*There is no such file either"):
        ExplorerApp(workspace, options=LaunchOptions(query="P-77"))
    with pytest.raises(UnknownNameError, match="It is a folder"):
        ExplorerApp(workspace, options=LaunchOptions(query=str(workspace.root)))


def test_a_session_has_its_own_query() -> None:
    with pytest.raises(ConfigError, match="not both"):
        LaunchOptions(picks=False, items=None, session="last", query="P-007")
