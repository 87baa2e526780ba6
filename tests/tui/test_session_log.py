"""Steps written as they happen."""

import sqlite3
import time

import pytest

from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.tui.session_log import SessionLog


def test_steps_are_written_in_order_when_it_closes(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        log = SessionLog(store, "test", lambda error: None)
        for number in range(20):
            log.add("change", {"number": number, "wish": "é"})
        log.close()
        (session,) = store.sessions()
        steps = store.steps(session.id)
    assert session.name == "test"
    assert [step.request_json for step in steps][:2] == [
        '{"number": 0, "wish": "é"}',
        '{"number": 1, "wish": "é"}',
    ]
    assert len(steps) == 20


def test_a_locked_database_delays_a_step_and_loses_none(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.BUSY_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr("datrnet.tui.session_log.RETRY_SECONDS", 0.02)
    errors: list[DatabaseError] = []
    with workspace.open_store() as store:
        other = sqlite3.connect(workspace.catalog_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        log = SessionLog(store, "test", errors.append)
        log.add("query", {})
        for _ in range(200):
            if errors:
                break
            time.sleep(0.01)
        other.execute("ROLLBACK")
        other.close()
        for _ in range(200):
            if store.sessions():
                break
            time.sleep(0.01)
        log.close()
        assert len(errors) == 1
        assert [step.action for step in store.steps(store.sessions()[0].id)] == ["query"]
