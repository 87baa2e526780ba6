"""A database whose migration is cut off, by a kill or a full disk, is whole when it opens again."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import accumulate, chain, count
from pathlib import Path

import pytest

from datrnet.core.errors import DatabaseError
from datrnet.db.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, statements
from datrnet.db.store import Store
from tests.db import interrupted_child
from tests.db.conftest import SCHEMAS, unpack
from tests.db.interrupted_child import OPENED, REFUSED

OpenInChildren = Callable[..., list[int]]

STATEMENTS = list(chain.from_iterable(map(statements, MIGRATIONS)))
ENDS = [0, *accumulate(len(list(statements(script))) for script in MIGRATIONS)]
"""How many statements lead to each schema."""


@pytest.fixture(scope="session")
def old_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database of each schema that is not the newest; of schema 0, none."""
    folder = tmp_path_factory.mktemp("databases")
    for schema in SCHEMAS:
        old = unpack(schema, tmp_path_factory.mktemp("old"))
        (old / "catalog.db").rename(folder / f"{schema}.db")
    return folder


@pytest.fixture(params=[0, 1])
def schema(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def copies(schema: int, old_databases: Path) -> Iterator[Iterator[Path]]:
    """Places with a fresh copy of the old database each, without end."""
    memory = Path("/dev/shm")  # hundreds of databases, each synchronized with the disk otherwise
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:

        def copy_again() -> Iterator[Path]:
            for number in count():
                path = Path(folder, str(number), "catalog.db")
                path.parent.mkdir()
                if schema:
                    shutil.copy(old_databases / f"{schema}.db", path)
                yield path
                shutil.rmtree(path.parent)

        yield copy_again()


@pytest.fixture(scope="module")
def open_in_children() -> Iterator[OpenInChildren]:
    """Open a database in children that end in some way; return their exit codes.

    They are children of a small process: one with torch in its memory is slow to fork.
    """
    with subprocess.Popen(
        [sys.executable, interrupted_child.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_process, from_process = process.stdin, process.stdout

        def open_(path: Path, end: str = "none", place: int = 0, number: int = 1) -> list[int]:
            print(json.dumps([end, place, number, str(path)]), file=to_process, flush=True)
            codes: list[int] = json.loads(from_process.readline())
            return codes

        yield open_
        to_process.close()


def assert_whole(path: Path, schema: int) -> None:
    """Open a database of an old schema, whatever happened to it, and look at all of it."""
    with Store.create(path) as store:
        assert len(store.item_columns().ids) == (8 if schema else 0)
        assert len(store.sessions()) == (2 if schema else 0)
        assert len(store.label_history()) == (3 if schema >= 3 else 0)
        store.add_step(store.start_session("new"), "query", "{}")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.execute("INSERT INTO items_fts (items_fts) VALUES ('integrity-check')")


def test_a_kill_at_any_statement_leaves_a_whole_database(
    copies: Iterator[Path], schema: int, open_in_children: OpenInChildren
) -> None:
    for number, path in enumerate(copies, start=1):
        (ended,) = open_in_children(path, "statement", number)
        assert_whole(path, schema)
        if ended == OPENED:
            break
        assert ended == -signal.SIGKILL
    assert number > len(STATEMENTS) - ENDS[schema]


@pytest.mark.parametrize(("end", "code"), [("killed", -signal.SIGXFSZ), ("disk full", REFUSED)])
def test_a_write_that_is_cut_off_leaves_a_whole_database(
    copies: Iterator[Path], schema: int, end: str, code: int, open_in_children: OpenInChildren
) -> None:
    ends = []
    for size, path in zip(range(1000, 200_000, 8240), copies, strict=False):
        ends += open_in_children(path, end, size)
        assert_whole(path, schema)
    assert set(ends) == {code, OPENED}
    assert ends[-1] == OPENED


def test_processes_that_open_at_once_all_succeed(
    copies: Iterator[Path], schema: int, open_in_children: OpenInChildren
) -> None:
    for _, path in zip(range(5), copies, strict=False):
        assert open_in_children(path, number=3) == [OPENED] * 3
        assert_whole(path, schema)


@pytest.mark.parametrize("schema", range(SCHEMA_VERSION), indirect=True)
def test_what_release_0_1_left_half_made_is_completed(copies: Iterator[Path], schema: int) -> None:
    """It ran each statement in a transaction of its own, and named version and owner last."""
    # from an empty file, after every statement; from the others, here and there
    ends = range(ENDS[schema] + schema % 4, len(STATEMENTS) + 1, 4 if schema else 1)
    for end, path in zip(ends, copies, strict=False):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for statement in STATEMENTS[ENDS[schema] : end]:
                db.execute(statement)
        assert_whole(path, schema)


def test_a_new_database_without_application_id_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Store.create(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 0")
    assert_whole(path, 0)


def test_a_half_made_database_that_was_changed_since_is_named(tmp_path: Path) -> None:
    path = unpack(4, tmp_path) / "catalog.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE sessions ADD COLUMN deleted_at TEXT")
        db.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(DatabaseError) as caught:
        Store.open(path)
    assert f"from schema 4 to {SCHEMA_VERSION} was interrupted" in caught.value.message
    assert "duplicate column name: deleted_at" in caught.value.message
    assert caught.value.hint
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (4,)


def test_tables_of_the_users_own_do_not_keep_a_database_from_the_upgrade(tmp_path: Path) -> None:
    path = unpack(4, tmp_path) / "catalog.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes (text TEXT)")
    assert_whole(path, 4)
