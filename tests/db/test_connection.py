"""Opening a database: settings, schema versions, foreign and damaged files, threads."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from datrnet.core.errors import DatabaseError
from datrnet.db import connection, schema
from datrnet.db.schema import MIGRATIONS, SCHEMA_VERSION
from datrnet.db.store import Store

TABLES = {
    "items",
    "super_categories",
    "attribute_values",
    "item_attributes",
    "runs",
    "index_generations",
    "sessions",
    "session_steps",
    "label_changes",
    "pair_verdicts",
    "items_fts",
}


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as plain:
        return plain.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_new_database_has_every_table_and_opens_in_any_sqlite_tool(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "catalog.db"
    Store.create(path).close()
    with closing(sqlite3.connect(path)) as plain:
        names = {row[0] for row in plain.execute("SELECT name FROM sqlite_master")}
        assert names >= TABLES
        assert plain.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert pragma(path, "user_version") == SCHEMA_VERSION
    assert pragma(path, "journal_mode") == "wal"


def test_creating_again_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        store.start_session("one")
    with Store.create(path) as store:
        assert [session.name for session in store.sessions()] == ["one"]


def test_an_absent_database_is_not_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no database at"):
        Store.open(tmp_path / "catalog.db")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Store.create(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 77")
    with pytest.raises(DatabaseError) as caught:
        Store.open(path)
    known = f"was written by a newer datrnet (schema 77; this version reads {len(MIGRATIONS)})."
    assert known in caught.value.message
    assert caught.value.hint == "Update datrnet, or choose another --workspace."


def test_an_older_database_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        store.start_session("kept")
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(MIGRATIONS) + 1)
    monkeypatch.setattr(
        schema,
        "MIGRATIONS",
        (*MIGRATIONS, "ALTER TABLE sessions ADD COLUMN note TEXT;"),
    )
    with Store.open(path) as store:
        assert store.sessions()[0].name == "kept"
    assert pragma(path, "user_version") == len(MIGRATIONS) + 1


def test_a_failing_migration_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_done = "CREATE TABLE half (id INTEGER);\nUPDATE nowhere SET no = 1;"
    path = tmp_path / "catalog.db"
    Store.create(path).close()
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(MIGRATIONS) + 1)
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, half_done))
    with pytest.raises(DatabaseError):
        Store.open(path)
    assert pragma(path, "user_version") == len(MIGRATIONS)
    with closing(sqlite3.connect(path)) as plain:
        assert not plain.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()


def test_a_text_file_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_text("id,image\n" * 200)
    with pytest.raises(DatabaseError, match="damaged or not a database"):
        Store.open(path)
    assert path.read_text().startswith("id,image")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE items (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="not one of datrnet"):
        Store.create(path)
    assert path.read_bytes() == before


def test_a_database_cut_in_half_gives_a_message(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        for position in range(2000):
            store.start_session(f"a session with a long name, number {position}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    def read() -> None:
        with Store.open(path) as store:
            store.sessions()
            store.item_columns()

    with pytest.raises(DatabaseError, match="damaged"):
        read()


def test_a_folder_in_place_of_the_database_gives_a_message(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(DatabaseError):
        Store.create(tmp_path / "catalog.db")


def test_a_file_in_place_of_the_workspace_gives_a_message(tmp_path: Path) -> None:
    (tmp_path / "workspace").write_text("")
    with pytest.raises(DatabaseError, match="Cannot create the folder"):
        Store.create(tmp_path / "workspace" / "catalog.db")


def test_a_locked_database_gives_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    path = tmp_path / "catalog.db"
    with Store.create(path) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="in use by another program"):
            store.start_session("waits")
        assert store.sessions() == []
        other.execute("ROLLBACK")
        store.start_session("goes on")


def test_several_threads_share_a_store(store: Store) -> None:
    session = store.start_session("shared")
    with ThreadPoolExecutor(8) as pool:
        positions = list(pool.map(lambda _: store.add_step(session, "search", "{}"), range(64)))
    assert sorted(positions) == list(range(1, 65))


def test_reading_sees_one_state_while_another_store_writes(store: Store) -> None:
    with Store.open(store.path) as writer, store.reading():
        assert store.sessions() == []
        writer.start_session("later")
        assert store.sessions() == []
    assert len(store.sessions()) == 1


def test_importing_the_store_stays_light() -> None:
    heavy = ("torch", "annoy", "textual", "typer", "PIL")
    probe = f"import datrnet.db.store, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_does_not_load_sqlite_utils(store: Store) -> None:
    probe = (
        "import sys; from pathlib import Path; from datrnet.db.store import Store;"
        "store = Store.open(Path(sys.argv[1])); store.item_columns(); store.session_summaries();"
        "print('sqlite_utils' in sys.modules)"
    )
    command = [sys.executable, "-c", probe, str(store.path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_folder_that_may_not_be_written_to_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a b#c" / "catalog.db"  # a name that an address must quote
    with Store.create(path) as store:
        store.start_session("before")
    monkeypatch.setattr("datrnet.db.connection.may_write", lambda _: False)
    with Store.open(path) as store:
        assert [session.name for session in store.sessions()] == ["before"]
        with pytest.raises(DatabaseError, match="is read-only"):
            store.start_session("after")
    assert [file.name for file in path.parent.iterdir()] == ["catalog.db"]
