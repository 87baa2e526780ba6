"""Another program has the database for itself."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.tui.app import ExplorerApp
from datrnet.tui.launch import Opening
from datrnet.tui.screens.substitutes import SubstitutesScreen

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@contextmanager
def taken(path: Path, *, exclusively: bool) -> Iterator[None]:
    """Hold the lock that a writer has, or one that lets nobody read either."""
    other = sqlite3.connect(path, isolation_level=None)
    if exclusively:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE items SET title = title WHERE id = 1")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_while_another_program_writes_everything_but_saving_goes_on(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.BUSY_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("datrnet.tui.controllers.session_log.RETRY_SECONDS", 0.05)
    async with run_explorer(workspace) as explorer:
        with taken(workspace.catalog_path, exclusively=False):
            await explorer.press("enter", "2", "j")
            explorer.screen.search.settle()
            assert isinstance(explorer.screen, SubstitutesScreen)
            assert len(explorer.codes) == 47
            await explorer.until(lambda: "is not saved yet" in explorer.notices())
            assert "is in use by another program" in explorer.notices()
            await explorer.press("escape", "slash", *"red")
            assert set(explorer.labels("colour", 99)) == {"red"}
            assert explorer.steps() == []
        await explorer.until(lambda: len(explorer.steps()) == 2)
        assert [action for action, _ in explorer.steps()] == ["query", "change"]


def test_a_thread_that_waits_to_write_holds_up_no_reader(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        with taken(workspace.catalog_path, exclusively=False):
            writer = threading.Thread(target=store.start_session, args=["mine"])
            writer.start()
            for _ in range(20):
                assert next(store.title_pages("red")).any()
                time.sleep(0.005)
            assert writer.is_alive()
        writer.join()
        assert [session.name for session in store.sessions()] == ["mine"]


async def test_where_nobody_may_read_the_search_says_so_and_works_again(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.BUSY_TIMEOUT_SECONDS", 0.1)
    async with run_explorer(workspace) as explorer:
        store = explorer.app.library.store

        def title_pages(text: str, texts: object) -> NoReturn:
            raise DatabaseError("catalog.db is in use by another program.", hint="Wait.")

        with monkeypatch.context() as locked:
            # no other program can take the file of one who has it open in WAL mode
            locked.setattr(store, "title_pages", title_pages)
            await explorer.press("slash", *"numb")
            assert "is in use by another program" in explorer.notices()
            assert len(explorer.codes) == 48
            await explorer.press("enter", "l", "l")
            assert explorer.code == "P-002"
        await explorer.press("slash", "enter")
        assert explorer.screen.state.text == "numb"


def test_a_start_on_a_locked_database_says_so_in_one_line(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.BUSY_TIMEOUT_SECONDS", 0.1)
    with taken(workspace.catalog_path, exclusively=True):
        with pytest.raises(DatabaseError, match="is in use by another program") as told:
            Opening(workspace)
        assert "\n" not in str(told.value)
        with pytest.raises(DatabaseError, match="is in use by another program"):
            ExplorerApp(workspace)
    with Opening(workspace) as opening:
        assert opening.catalog().num_items == 48
