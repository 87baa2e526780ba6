"""Keys that arrive in one go act one after the other, whatever each of them sets off."""

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.screens.substitutes import SubstitutesScreen
from tests.tui.conftest import HANG_SECONDS

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys wait as long as it takes on this machine."""
    monkeypatch.setattr("datrnet.tui.key_queue.PATIENCE", HANG_SECONDS)


async def burst(explorer: Any, *keys: str) -> None:
    """Post keys without waiting between them, as a terminal sends them; then wait."""
    for key in keys:
        character = {"space": " ", "slash": "/"}.get(key)
        explorer.app.post_message(events.Key(key, character))
    await explorer.rest()
    await explorer.until(lambda: not explorer.app._keys._waiting)
    await explorer.rest()


def field(explorer: Any) -> Input:
    found = explorer.screen.query_one(Input)
    assert isinstance(found, Input)
    return found


EDITS = [
    (("r", "e", "d", "x", "backspace", "space", *"stri", "home", *"a", "space"), "a red stri"),
    (("r", "e", "d", "ctrl+u", *"blue"), "blue"),
    ((*"red", "left", "left", "delete", "end", *"dy"), "rddy"),
    ((*"a", "space", *"b", "ctrl+w", *"c", "ctrl+a", *"x", "ctrl+e", *"y"), "xa cy"),
    ((*"abc", "home", "right", "ctrl+k", *"z"), "az"),
]


@pytest.mark.parametrize(("keys", "text"), EDITS)
async def test_in_the_search_field(
    workspace: Workspace, run_explorer: Run, keys: tuple[str, ...], text: str
) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, "slash", *keys)
        assert field(explorer).value == text
        assert field(explorer).has_focus


@pytest.mark.parametrize(("keys", "text"), EDITS)
async def test_in_a_prompt_that_a_key_of_the_same_burst_opens(
    workspace: Workspace, run_explorer: Run, keys: tuple[str, ...], text: str
) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, "J", *keys)
        assert isinstance(explorer.screen, Prompt)
        assert field(explorer).value == text


@pytest.mark.parametrize("way", ["colon", "question_mark slash"])
async def test_in_the_palette_and_in_the_help(
    workspace: Workspace, run_explorer: Run, way: str
) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, *way.split(), *"themq", "backspace", "e")
        assert field(explorer).value == "theme"


async def test_after_enter_keys_go_to_the_pictures(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, "slash", *"red", "enter", "l", "l")
        assert field(explorer).value == "red"
        assert set(explorer.labels("colour", 99)) == {"red"}
        assert explorer.grid.has_focus
        assert explorer.grid.cursor == 2


async def test_enter_in_a_prompt_and_what_follows(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, "J", *"P-017", "enter", "l")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-018"


async def test_keys_wait_for_the_screen_that_one_of_them_opens(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await burst(explorer, "slash", *"red", "enter", "enter", "2", "j")
        screen = explorer.screen
        assert isinstance(screen, SubstitutesScreen)
        assert explorer.app.screen_stack[0].field.value == "red"
        assert screen.pickers.number == 1
        assert "colour" in screen.search.state.changes


async def test_what_is_pasted_keeps_its_place(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        explorer.app.post_message(events.Key("J", "J"))
        explorer.app.post_message(events.Paste("P-0"))
        await burst(explorer, *"17")
        assert field(explorer).value == "P-017"


async def test_a_key_does_not_wait_for_ever(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.tui.key_queue.PATIENCE", 0.01)
    async with run_explorer(workspace) as explorer:
        monkeypatch.setattr(BrowseScreen, "holds_keys", True)
        await burst(explorer, "l", "l")
        assert explorer.grid.cursor == 2
