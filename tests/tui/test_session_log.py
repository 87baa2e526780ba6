"""Steps written as they happen."""

import sqlite3
from collections.abc import Callable

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.tui.controllers.session_log import SessionLog

Eventually = Callable[[Callable[[], object]], None]


def test_steps_are_written_in_order_when_it_closes(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, lambda error: None)
        for number in range(20):
            log.add("change", {"item": "é", "number": number, "wish": "é"})
        log.close()
        (session,) = store.sessions()
        steps = store.steps(session.id)
    assert session.name.startswith("é · 20")
    assert [step.request_json for step in steps][:2] == [
        '{"item": "é", "number": 0, "wish": "é"}',
        '{"item": "é", "number": 1, "wish": "é"}',
    ]
    assert len(steps) == 20


def test_a_locked_database_delays_a_step_and_loses_none(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr("datrnet.db.connection.BUSY_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr("datrnet.tui.controllers.session_log.RETRY_SECONDS", 0.02)
    errors: list[DatabaseError] = []
    with workspace.open_store() as store:
        other = sqlite3.connect(workspace.catalog_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        log = SessionLog(store, errors.append)
        log.add("query", {})
        eventually(lambda: errors)
        other.execute("ROLLBACK")
        other.close()
        eventually(store.sessions)
        log.close()
        assert len(errors) == 1
        assert [step.action for step in store.steps(store.sessions()[0].id)] == ["query"]


def test_what_is_done_after_a_session_was_deleted_elsewhere_is_kept(
    workspace: Workspace, eventually: Eventually
) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, lambda error: None)
        log.add("query", {"item": "a"})
        eventually(lambda: log.id is not None and store.steps(log.id))
        assert log.id is not None
        store.delete_session(log.id)
        log.add("query", {"item": "b"})
        log.close()
        (session,) = store.sessions()
        asked = [step.request_json for step in store.steps(session.id)]
        assert asked == ['{"item": "a"}', '{"item": "b"}']


def test_sessions_follow_each_other_and_an_older_one_goes_on(
    workspace: Workspace, eventually: Eventually
) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, lambda error: None, title_of=lambda code: f"Title of {code}")
        log.begin_new()  # leaves nothing behind: none has begun
        log.add("query", {"item": "a"})
        log.rename("mine")
        log.shortlist.toggle("x")
        log.begin_new()
        assert len(log.shortlist) == 0
        log.shortlist.toggle("y")
        log.add("query", {"item": "b"})
        eventually(lambda: len(store.sessions()) == 2 and store.steps(2))
        newer, older = store.sessions()
        log.resume(older, store.shortlist(older.id), has_steps=True)
        assert log.shortlist.codes == ("x",)
        log.add("back", {"item": "a"})
        log.shortlist.toggle("x")
        log.close()
        assert older.name == "mine"
        assert newer.name.startswith("Title of y · ")
        assert [step.action for step in store.steps(older.id)] == ["query", "back"]
        assert [step.action for step in store.steps(newer.id)] == ["query"]
        assert store.shortlist(older.id) == []
        assert store.shortlist(newer.id) == ["y"]


def test_a_session_that_begins_with_a_picture_on_disk_is_called_after_it(
    workspace: Workspace,
) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, lambda error: None, title_of=lambda code: "")
        log.add("query", {"item": "", "picture": "/photos/blue coat.png"})
        log.close()
        assert store.sessions()[0].name.startswith("blue coat.png · ")


def test_a_name_given_before_the_first_step_is_kept(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, lambda error: None)
        log.rename("early")
        assert not log.has_begun
        log.add("query", {"item": "a"})
        log.close()
        assert [session.name for session in store.sessions()] == ["early"]
