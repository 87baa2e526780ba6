"""A workspace's database file: settings, lock, transactions and errors.

A connection may be used from any thread: each call holds a lock for as long as it runs. Other
processes can read while this one writes, because the file is in WAL mode.

Blocks that read get the connection of ``sqlite3``, blocks that write a ``sqlite_utils.Database``,
which is imported with the first of them: the explorer starts by reading, and would wait 50 ms.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from datrnet.core.errors import DatabaseError
from datrnet.db import schema

if TYPE_CHECKING:
    from sqlite_utils import Database

BUSY_TIMEOUT_SECONDS = 5.0
"""How long to wait for another process that writes."""

BUSY_PAUSE_SECONDS = 0.02

Row = TypeVar("Row")


class Connection:
    """An open database; close it, or use it in a ``with`` statement."""

    def __init__(self, path: Path) -> None:
        """Open a file, which is made if it does not exist, and bring its schema up to date.

        Raises:
            DatabaseError: The file is not ours, too new, locked, damaged, or cannot be written.
        """
        self.path = path
        self._lock = threading.RLock()
        with self._locked():
            self._connection = sqlite3.connect(
                _uri(path),
                uri=True,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,  # the driver begins no transactions of its own
                check_same_thread=False,  # the lock keeps threads apart
            )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._locked():
            schema.check(self._connection, self.path)
            is_current = schema.is_current(self._connection)
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        if may_write(self.path):
            with self._when_free("PRAGMA journal_mode = WAL"):
                pass
        if not is_current and not may_write(self.path):
            raise DatabaseError(
                f"{self.path} is of an older datrnet and read-only, so it cannot be updated.",
                hint="Make it writable, or use a writable copy of the workspace with --workspace.",
            )
        if not is_current:
            with self._when_free("BEGIN IMMEDIATE"), self._transaction():
                schema.migrate(self._connection, self.path)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Open the database; create the file and its folder if they do not exist.

        Raises:
            DatabaseError: The file is not ours, too new, locked, or cannot be written.
        """
        cls.ensure_writable(path)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing database and bring an older schema up to date.

        Raises:
            DatabaseError: The file does not exist, or is not ours, too new, locked, or damaged.
        """
        if not path.is_file():
            raise DatabaseError(f"There is no database at {path}.")
        return cls(path)

    @staticmethod
    def ensure_writable(path: Path) -> None:
        """Create the folder of a database if need be, and refuse one that cannot be written.

        Raises:
            DatabaseError: The folder cannot be created, or it or the file is read-only.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"Cannot create the folder {path.parent}: {error.strerror}.",
                hint="Choose another --workspace.",
            ) from error
        if not may_write(path):
            place = path if path.exists() else path.parent
            raise DatabaseError(READ_ONLY[0].format(path=place), hint=READ_ONLY[1])

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._locked():
            self._connection.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self.close()

    def num_free_bytes(self) -> int:
        """Return the space in the file that removed rows have left."""
        with self._locked():
            names = ("freelist_count", "page_size")
            count, size = (schema.pragma(self._connection, name) for name in names)
        return count * size

    def vacuum(self) -> None:
        """Rewrite the file without its free space.

        Raises:
            DatabaseError: Another program uses it, or the disk is full; nothing was changed.
        """
        with self._when_free("VACUUM"):
            pass

    def data_version(self) -> int:
        """Return a number that changes whenever another connection has written."""
        with self._locked():
            return schema.pragma(self._connection, "data_version")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Show all reads inside the block the same state, whatever another process writes."""
        with self._locked():
            if self._connection.in_transaction:
                yield self._connection
            else:
                self._connection.execute("BEGIN")
                with self._transaction():
                    yield self._connection

    @contextmanager
    def writing(self) -> "Iterator[Database]":
        """Run the block as one transaction: after an error nothing of it is kept.

        While another process writes, this one waits, and other threads can read.
        """
        with self._when_free("BEGIN IMMEDIATE"), self._transaction():
            yield self._database

    @cached_property
    def _database(self) -> "Database":
        with _left_out("pandas"):  # ten times the rest, to know the types of its cells
            from sqlite_utils import Database

        return Database(self._connection, execute_plugins=False, recursive_triggers=False)

    def _select(
        self, row: type[Row], source: str, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[Row]:
        """Read dataclasses whose fields are columns.

        Args:
            row: The dataclass.
            source: What follows FROM: a table, and which of its rows in which order.
            parameters: Of the statement.
        """
        names = [column.name for column in fields(row)]  # type: ignore[arg-type]
        with self.reading() as db:
            rows = db.execute(f"SELECT {', '.join(names)} FROM {source}", parameters)
            return [row(**dict(zip(names, values, strict=True))) for values in rows]

    @contextmanager
    def _when_free(self, sql: str) -> Iterator[None]:
        """Hold the lock after a statement for which no other process may be writing.

        Waiting for the other process happens outside the lock, so that other threads can read.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
        while True:
            with self._locked():
                self._connection.execute("PRAGMA busy_timeout = 0")  # SQLite would wait in the lock
                try:
                    self._connection.execute(sql)
                except sqlite3.OperationalError as error:
                    if time.monotonic() >= deadline or _code(error) not in _BUSY:
                        raise
                else:
                    yield
                    return
                finally:
                    milliseconds = int(1000 * BUSY_TIMEOUT_SECONDS)
                    self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
            time.sleep(BUSY_PAUSE_SECONDS)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit the transaction that has begun, or roll it back after an error."""
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, and turn SQLite's errors into ours."""
        with self._lock:
            try:
                yield
            except sqlite3.ProgrammingError:
                raise  # a mistake in this program, not in the file
            except sqlite3.Error as error:
                raise to_database_error(error, self.path) from error


def may_write(path: Path) -> bool:
    """Tell whether a database, and the files SQLite puts beside it, can be written."""
    folder = os.access(path.parent, os.W_OK)
    return folder and (not path.exists() or os.access(path, os.W_OK))


def _uri(path: Path) -> str:
    """Return the URI to open a database by: immutable if nothing can be written."""
    uri = path.absolute().as_uri()
    if may_write(path):
        return uri
    # without a log to read, SQLite need not create one: the file cannot change under us
    has_log = path.with_name(path.name + "-wal").exists()
    return f"{uri}?mode=ro" + ("" if has_log else "&immutable=1")


_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

READ_ONLY = ("{path} is read-only.", "Choose a --workspace in a folder that you can write to.")

_ERRORS = (
    (
        _BUSY,
        "{path} is in use by another program.",
        "Wait until its import or training has finished, or close it; then try again.",
    ),
    ((sqlite3.SQLITE_READONLY,), *READ_ONLY),
    (
        (sqlite3.SQLITE_FULL,),
        "No space is left on the disk of {path}; nothing was changed.",
        "Free some space, or choose a --workspace on another disk.",
    ),
    (
        (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT),
        "{path} is damaged or not a database.",
        "Choose another --workspace, or move the file away and import again.",
    ),
)
"""Error codes of SQLite, and what to say of them."""


def to_database_error(error: sqlite3.Error, path: Path) -> DatabaseError:
    """Say what is wrong with a database, and what to do, for an error of SQLite."""
    for codes, message, hint in _ERRORS:
        if _code(error) in codes:
            return DatabaseError(message.format(path=path), hint=hint)
    return DatabaseError(
        f"Cannot use {path}: {error}.", hint="Check the file, its folder and the free space."
    )


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary error code; 0 for an error of the driver."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _left_out(package: str) -> Iterator[None]:
    """Let a package that is not loaded yet be missing while the block runs."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


def insert(db: "Database", table: str, row: dict[str, Any]) -> int:
    """Insert a row into a table with an integer primary key, and return the key."""
    row_id = db.table(table).insert(row).last_pk
    assert isinstance(row_id, int)
    return row_id


def now() -> str:
    """Return the time as the tables store it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
