"""Sessions in the explorer: left, listed, gone on with, named, deleted, exported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.launch import LaunchOptions
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.sessions import SessionsScreen
from datrnet.tui.screens.shortlist import ShortlistScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


def _state(explorer: Any) -> tuple[Any, ...]:
    assert isinstance(explorer.screen, SubstitutesScreen)
    visit = explorer.screen.search.visit
    return visit.query.row, visit.history.state, explorer.grid.cursor, explorer.codes


async def test_without_an_index_only_the_shortlist_is_back(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("full_stop")
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("R")
        assert "Only the shortlist is restored" in explorer.notices()
        assert explorer.app.session.shortlist.codes == ("P-000",)


async def test_the_list_shows_names_and_steps_and_goes_on_with_one(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        await explorer.press("enter", "2", "j", "enter", "escape")
        await explorer.press("S")
        shown = explorer.text()
        assert "1 session" in shown
        assert "current" in shown
        assert "Black dress" in shown
        await explorer.press("B", "escape", "right", "right", "enter")
        await explorer.press("S")
        assert len(explorer.grid.listing.rows) == 2
        for size in ((60, 20), (120, 40), (300, 80)):
            await explorer.pilot.resize_terminal(*size)
            await explorer.until(lambda: "P-002 query: as it is" in explorer.text())
        await explorer.press("l", "enter")
        assert explorer.screen.search.visit.query.row == 0
        assert explorer.screen.search.visit.history.state.changes


async def test_sessions_are_renamed_deleted_and_brought_back(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        store = explorer.app.library.store
        await explorer.press("enter", "escape", "S", "r")
        await explorer.press("ctrl+u", *"mine", "enter")
        assert [session.name for session in store.sessions()] == ["mine"]
        assert "mine" in explorer.text()
        await explorer.press("x")
        await explorer.rest(0.05)
        assert store.sessions() == []
        assert "u restores it" in explorer.notices()
        assert "No sessions yet" in explorer.text()
        await explorer.press("escape", "enter")  # what comes next is a session of its own
        await explorer.press("S")
        assert [session.id for session in store.sessions()] == [2]
        await explorer.press("u")
        await explorer.rest(0.05)
        assert [session.id for session in store.sessions()] == [2, 1]
        assert "mine" in explorer.text()
        await explorer.press("u")
        await explorer.rest(0.05)
        assert "Nothing to restore" in explorer.notices()


async def test_what_another_program_does_to_sessions_is_seen(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "escape", "S")
        with workspace.open_store() as store:
            store.rename_session(1, "from elsewhere")
        explorer.screen.reload()
        await explorer.rest(0.05)
        assert "from elsewhere" in explorer.text()


async def test_in_the_catalog_one_goes_on_with_the_query_just_left(
    workspace: Workspace, run_explorer: Run
) -> None:
    with workspace.open_store() as store:
        store.add_step(store.start_session("older"), "query", json.dumps({"item": "P-003"}))
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "2", "j", "enter", "j", "l")
        left = _state(explorer)
        assert explorer.grid.cursor > 0
        await explorer.press("escape")
        assert "R returns to them" in explorer.notices()
        await explorer.press("R")
        await explorer.until(lambda: isinstance(explorer.screen, SubstitutesScreen))
        await explorer.until(lambda: _state(explorer) == left)
        assert explorer.app.session.name != "older"
        await explorer.press("R")  # while one looks at it: the one before
        await explorer.until(lambda: explorer.app.session.name == "older")


async def test_the_last_session_is_offered_and_what_is_gone_is_a_notice(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        assert explorer.notices() == ""
        await explorer.press("R")
        assert "There is no session yet" in explorer.notices()
    with workspace.open_store() as store:
        session = store.start_session("old")
        store.add_step(session, "query", json.dumps({"item": "gone", "trail": []}))
    async with run_explorer(workspace) as explorer:
        assert "Last session: old" in explorer.notices()
        await explorer.press("R")
        assert isinstance(explorer.screen, BrowseScreen)
        assert "item gone" in explorer.notices()


async def test_a_query_left_as_it_was_needs_no_word(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "escape")
        assert "returns to them" not in explorer.notices()


async def test_a_new_session_does_not_take_the_last_change_along(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "2", "j")
        await explorer.app.action_begin_session()
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, BrowseScreen)
        assert not explorer.app.session.has_begun
        await explorer.press("enter")
        await explorer.rest(0.05)
        store = explorer.app.library.store
        assert [step.action for step in store.steps(1)] == ["query", "change"]
        assert [step.action for step in store.steps(2)] == ["query"]


async def test_a_session_is_exported_from_the_list(
    workspace: Workspace, run_explorer: Run, tmp_path: Path
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "S", "e")
        field = explorer.screen.query_one("#prompt")
        assert field.value.endswith(".html")
        field.value = str(tmp_path / "nowhere" / "one.json")
        await explorer.press("enter")
        assert "There is no folder" in explorer.text()
        field.value = str(tmp_path / "one.json")
        await explorer.press("enter")
        await explorer.rest()
        facts = json.loads((tmp_path / "one.json").read_text("utf-8"))
        assert [step["item"] for step in facts["steps"]] == ["P-000"]
        assert "Saved" in explorer.notices()


async def test_a_name_is_given_from_the_palette(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("colon", *"name this", "enter")
        await explorer.press(*"spring", "enter")
        await explorer.press("enter")
        await explorer.press("S")
        assert [session.name for session in explorer.app.library.store.sessions()] == ["spring"]
        assert "spring" in explorer.text()


async def test_a_shortlist_alone_is_a_session_too(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("full_stop", "right", "full_stop")
    async with run_explorer(workspace, options=LaunchOptions(session="last")) as explorer:
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, ShortlistScreen)
        assert explorer.codes == ["P-000", "P-001"]


async def test_a_session_is_replayed_step_by_step(workspace: Workspace, run_explorer: Run) -> None:
    with workspace.open_store() as store:
        session = store.start_session("old")
        for request in (
            {"item": "P-002"},
            {"item": "P-002", "changes": {"colour": "blue"}},
            {"item": "gone"},
        ):
            store.add_step(session, "query", json.dumps(request))
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        await explorer.press("S")
        await explorer.rest(0.05)
        await explorer.press("v")
        for size in ((300, 80), (60, 20)):
            await explorer.until(lambda: "step 1 of 3" in explorer.text())
            await explorer.pilot.resize_terminal(*size)
            await explorer.rest()
        first = explorer.codes
        await explorer.press("n")
        assert "step 2 of 3" in explorer.text()
        assert explorer.codes != first
        assert explorer.labels("colour") == ["blue"] * 5
        await explorer.press("n")
        assert "No item is called 'gone'" in explorer.text()
        await explorer.press("n")
        assert "That was the last step" in explorer.notices()
        await explorer.press("N", "N")
        assert explorer.codes == first
        await explorer.press("escape")
        assert isinstance(explorer.screen, SessionsScreen)
    with workspace.open_store() as store:
        assert len(store.steps(session)) == 3  # looking back adds nothing
