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


async def _search(explorer: Any) -> dict[str, Any]:
    """Walk a trail of three queries with changes, weights and an undo; return how it stands."""
    await explorer.press("right", "enter", "2", "j", "enter")  # a garment
    await explorer.press("j", "enter")  # follow the second row's first result
    await explorer.press("tab", "1", "j", "enter", "tab", "1", "greater_than_sign", "e", "w")
    await explorer.press("tab", "right", "enter")
    await explorer.press("tab", "1", "j", "enter", "tab", "1", "k", "enter", "u")
    return _state(explorer)


def _state(explorer: Any) -> dict[str, Any]:
    assert isinstance(explorer.screen, SubstitutesScreen)
    trail = explorer.screen.search.trail
    return {
        "trail": [one.query.row for one in trail],
        "cursors": [one.cursor for one in trail[:-1]],
        "wishes": [one.history._states[one.history._position] for one in trail],
        "can_undo": [one.history.can_undo for one in trail],
        "can_redo": [one.history.can_redo for one in trail],
        "results": explorer.codes,
    }


async def test_a_session_goes_on_tomorrow_where_it_was_left(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        left = await _search(explorer)
        assert len(left["trail"]) == 3
        assert left["can_redo"][-1]
        await explorer.press("full_stop")
        listed = explorer.app.session.shortlist.codes
    async with run_explorer(workspace) as explorer:
        assert "Last session: " in explorer.notices()
        await explorer.press("R")
        assert _state(explorer) == left
        assert explorer.app.session.shortlist.codes == listed
        before = len(explorer.steps())
        await explorer.press("r", "u")
        assert explorer.screen.search.visit.history.state.changes == left["wishes"][-1].changes
        await explorer.press("escape")
        assert explorer.screen.search.visit.query.row == left["trail"][1]
        assert explorer.screen.search.visit.history.state.weights
    async with run_explorer(workspace) as explorer:
        assert len(explorer.app.library.store.sessions()) == 1  # the same one has gone on
        assert len(explorer.steps()) == before + 3


async def test_a_fresh_query_from_the_catalog_begins_a_fresh_trail(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "escape", "right", "enter")
    async with run_explorer(workspace, options=LaunchOptions(session="last")) as explorer:
        await explorer.rest(0.05)
        assert [one.query.row for one in explorer.screen.search.trail] == [1]


async def test_a_session_is_chosen_by_its_number(workspace: Workspace, run_explorer: Run) -> None:
    with workspace.open_store() as store:
        for code in ("P-003", "P-005"):
            store.add_step(store.start_session(code), "query", json.dumps({"item": code}))
    async with run_explorer(workspace, options=LaunchOptions(session="1")) as explorer:
        await explorer.rest(0.05)
        assert (
            explorer.screen.search.visit.query.row == 3
        )  # a step of an older version, without a trail
        assert explorer.app.session.name == "P-003"


async def test_what_is_gone_is_told_and_left_out(workspace: Workspace, run_explorer: Run) -> None:
    request = {
        "item": "P-002",
        "trail": [["P-900", 3]],
        "changes": {"colour": "teal", "garment": "shirt", "season": "winter"},
        "taken": {"fabric": "P-001"},
        "within": "fit",
        "where": {"length": ["long"]},
        "weights": {"collar": 2.0},
    }
    with workspace.open_store() as store:
        session = store.start_session("old")
        store.add_step(session, "query", json.dumps({"item": "P-900", "trail": []}))
        store.add_step(session, "query", json.dumps({"item": "P-002", "trail": [["P-900", 3]]}))
        store.add_step(session, "change", json.dumps(request))
    async with run_explorer(workspace) as explorer:
        await explorer.press("R")
        assert [one.query.row for one in explorer.screen.search.trail] == [2]
        assert explorer.screen.search.visit.history.state.changes == {"garment": "shirt"}
        assert explorer.screen.search.visit.history.state.weights == {}
        for word in ("No longer available", "item P-900", "colour teal"):
            assert word in explorer.notices()
        assert len(explorer.codes) > 10


async def test_a_session_whose_items_are_all_gone_leaves_one_in_the_catalog(
    workspace: Workspace, run_explorer: Run
) -> None:
    with workspace.open_store() as store:
        session = store.start_session("old")
        store.add_step(session, "query", json.dumps({"item": "gone", "trail": []}))
    async with run_explorer(workspace) as explorer:
        await explorer.press("R")
        assert isinstance(explorer.screen, BrowseScreen)
        assert "item gone" in explorer.notices()


async def test_a_step_that_cannot_be_read_is_a_notice(
    workspace: Workspace, run_explorer: Run
) -> None:
    with workspace.open_store() as store:
        store.add_step(store.start_session("bad"), "query", '{"item": 1, "trail": 3}')
    async with run_explorer(workspace) as explorer:
        await explorer.press("R")
        assert "is damaged" in explorer.notices()
        await explorer.press("S")
        assert isinstance(explorer.screen, SessionsScreen)
        assert "bad" in explorer.text()


async def test_without_an_index_only_the_shortlist_is_back(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("full_stop")
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("R")
        assert "Only the shortlist is restored" in explorer.notices()
        assert explorer.app.session.shortlist.codes == ("P-000",)


async def test_without_any_session_there_is_nothing_to_go_on_with(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        assert explorer.notices() == ""
        await explorer.press("R")
        assert isinstance(explorer.screen, BrowseScreen)
        assert "There is no session yet" in explorer.notices()


@pytest.mark.parametrize("size", [(60, 20), (120, 40), (300, 80)])
async def test_the_list_shows_names_and_steps_and_goes_on_with_one(
    workspace: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    async with run_explorer(workspace, size=size) as explorer:
        await explorer.press("enter", "2", "j", "enter", "escape")
        await explorer.press("S")
        shown = explorer.text()
        assert "1 session" in shown
        assert "current" in shown
        assert "Black dress" in shown
        await explorer.press("B", "escape", "right", "right", "enter")
        await explorer.press("S")
        assert len(explorer.grid.listing.rows) == 2
        await explorer.rest(0.05)
        assert "P-002 query: as it is" in explorer.text()
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
        assert [one.name for one in store.sessions()] == ["mine"]
        assert "mine" in explorer.text()
        await explorer.press("x")
        await explorer.rest(0.05)
        assert store.sessions() == []
        assert "u restores it" in explorer.notices()
        assert "No sessions yet" in explorer.text()
        await explorer.press("escape", "enter")  # what comes next is a session of its own
        await explorer.press("S")
        assert [one.id for one in store.sessions()] == [2]
        await explorer.press("u")
        await explorer.rest(0.05)
        assert [one.id for one in store.sessions()] == [2, 1]
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
        left, cursor = _state(explorer), explorer.grid.cursor
        assert cursor > 0
        await explorer.press("escape")
        assert "R resumes" in explorer.notices()
        await explorer.press("R")
        await explorer.rest(0.05)
        assert _state(explorer) == left
        assert explorer.grid.cursor == cursor
        assert explorer.app.session.name != "older"
        await explorer.press("R")  # while one looks at it: the one before
        await explorer.rest(0.05)
        assert explorer.app.session.name == "older"


async def test_a_query_left_as_it_was_needs_no_word(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "escape")
        assert "R resumes" not in explorer.notices()


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
        assert [one.action for one in store.steps(1)] == ["query", "change"]
        assert [one.action for one in store.steps(2)] == ["query"]


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
        assert [one.name for one in explorer.app.library.store.sessions()] == ["spring"]
        assert "spring" in explorer.text()


async def test_a_shortlist_alone_is_a_session_too(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("full_stop", "right", "full_stop")
    async with run_explorer(workspace, options=LaunchOptions(session="last")) as explorer:
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, ShortlistScreen)
        assert explorer.codes == ["P-000", "P-001"]


@pytest.mark.parametrize("size", [(60, 20), (300, 80)])
async def test_a_session_is_replayed_step_by_step(
    workspace: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    with workspace.open_store() as store:
        session = store.start_session("old")
        for request in (
            {"item": "P-002"},
            {"item": "P-002", "changes": {"colour": "blue"}},
            {"item": "gone"},
        ):
            store.add_step(session, "query", json.dumps(request))
    async with run_explorer(workspace, size=size) as explorer:
        await explorer.press("S")
        await explorer.rest(0.05)
        await explorer.press("v")
        await explorer.rest()
        assert "step 1 of 3" in explorer.text()
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


async def test_any_of_several_values_and_pictures_on_disk_come_back_as_far_as_they_are_there(
    workspace: Workspace, run_explorer: Run
) -> None:
    change = {"item": "P-002", "any_of": {"colour": ["blue", "teal", "red"]}, "trail": []}
    picture = {"item": "", "picture": "/nowhere/one.png", "trail": [["P-002", 4]]}
    with workspace.open_store() as store:
        session = store.start_session("old")
        store.add_step(session, "query", json.dumps({"item": "P-002", "trail": []}))
        store.add_step(session, "change", json.dumps(change))
        store.add_step(session, "query", json.dumps(picture))
    async with run_explorer(workspace) as explorer:
        await explorer.press("R")
        (visit,) = explorer.screen.search.trail
        assert visit.history.state.any_of == {"colour": ("blue", "red")}
        assert visit.cursor == 4
        assert visit.history.can_undo
        assert set(explorer.labels("colour", 99)) <= {"blue", "red"}
        for words in ("colour teal", "picture /nowhere/one.png"):
            assert words in explorer.notices()
