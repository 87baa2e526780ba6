"""One open database file: its settings, its lock, its transactions and its errors.

A connection may be used from any thread. Threads take turns: each call holds one lock for as long
as it runs. Other processes read on while this one writes, because the file is in WAL mode.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from datrnet.core.errors import DatabaseError
from datrnet.db.database import Database
from datrnet.db.migrations import (
    APPLICATION_ID,
    MIGRATIONS,
    SCHEMA_VERSION,
    applied_statements,
    statements,
)

BUSY_TIMEOUT_SECONDS = 5.0
"""How long one waits for another program to be done with the file."""

BUSY_PAUSE_SECONDS = 0.02


class Connection:
    """An open catalogue database; close it, or use it in a ``with`` statement."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take over an open connection, set it up and bring its schema up to date."""
        self.path = path
        self._lock = threading.RLock()
        with self._guard():
            self._db = Database(connection)
            self._check_application_id()
            self._check_version()
            self._db.execute("PRAGMA foreign_keys = ON")
            if may_write(path):
                self._db.execute("PRAGMA synchronous = NORMAL")
        if may_write(path):
            with self._when_free("PRAGMA journal_mode = WAL"):
                pass
        self._migrate()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Open the database, making the file and its folder first where they are absent.

        Raises:
            DatabaseError: The file is none of ours, too new, locked, or cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"The folder {path.parent} cannot be made: {error.strerror}.",
                mend="Choose another --workspace.",
            ) from error
        return cls._connect(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing database, bringing an older schema up to date.

        Raises:
            DatabaseError: The file is absent, none of ours, too new, locked, or damaged.
        """
        if not path.is_file():
            raise DatabaseError(f"There is no database at {path}.")
        return cls._connect(path)

    @classmethod
    def _connect(cls, path: Path) -> Self:
        try:
            connection = sqlite3.connect(
                _address(path),
                uri=True,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,  # transactions are begun here, never by the driver
                check_same_thread=False,  # the lock keeps threads apart
            )
        except sqlite3.Error as error:
            raise explain(error, path) from error
        try:
            return cls(path, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._guard():
            self._db.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def data_version(self) -> int:
        """Return a number that is another one after any other connection has written."""
        with self._guard():
            return self._pragma("data_version")

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Let several calls see one and the same state, whatever another process writes."""
        with self._guard():
            if self._db.conn.in_transaction:
                yield self._db
            else:
                self._db.execute("BEGIN")
                with self._transaction():
                    yield self._db

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        """Run a block as one transaction: all of it is kept, or after an error none of it.

        While another program writes, this one waits for its turn, and other threads read on.
        """
        with self._when_free("BEGIN IMMEDIATE"), self._transaction():
            yield self._db

    @contextmanager
    def _when_free(self, sql: str) -> Iterator[None]:
        """Hold the lock after a statement for which no other process may be writing.

        Waiting for the other process happens outside the lock, so that other threads read on.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
        while True:
            with self._guard():
                if self._execute_if_free(sql, or_raise=time.monotonic() >= deadline):
                    yield
                    return
            time.sleep(BUSY_PAUSE_SECONDS)

    def _execute_if_free(self, sql: str, *, or_raise: bool) -> bool:
        """Execute a statement unless another process is writing; return whether it was executed."""
        self._db.execute("PRAGMA busy_timeout = 0")  # SQLite's own wait would hold our lock
        try:
            self._db.execute(sql)
        except sqlite3.OperationalError as error:
            if or_raise or not is_busy(error):
                raise
            return False
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_SECONDS)}")
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Keep what a transaction that has begun does, or after an error nothing of it."""
        try:
            yield
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Take the lock, and turn SQLite's errors into ours."""
        with self._lock:
            try:
                yield
            except sqlite3.ProgrammingError:
                raise  # a mistake in this program, not in the file
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    def _pragma(self, name: str) -> int:
        row = self._db.execute(f"PRAGMA {name}").fetchone()
        return int(row[0])

    def _check_application_id(self) -> None:
        """Refuse another program's database, but not what a killed release of ours left behind."""
        if self._pragma("application_id") != APPLICATION_ID and (
            applied_statements(self._db.conn) is None
        ):
            raise DatabaseError(
                f"{self.path} is an SQLite database, but not one of datrnet.",
                mend="Choose another --workspace.",
            )

    def _check_version(self) -> None:
        version = self._pragma("user_version")
        if version > SCHEMA_VERSION:
            raise DatabaseError(
                f"{self.path} was written by a newer datrnet "
                f"(schema {version}; this one knows {SCHEMA_VERSION}).",
                mend="Update datrnet, or choose another --workspace.",
            )

    def _migrate(self) -> None:
        with self._guard():
            if self._is_current():
                return
        with self._writing() as db:
            if self._is_current():
                return  # another process was quicker
            version = self._pragma("user_version")
            scripts = [list(statements(script)) for script in MIGRATIONS]
            applied = applied_statements(db.conn)
            if applied is None:  # with tables or indexes of the user's own
                applied = sum(map(len, scripts[:version]))
            try:
                for statement in list(chain(*scripts))[applied:]:
                    db.execute(statement)
            except sqlite3.OperationalError as error:
                if "already exists" not in str(error) and "duplicate column" not in str(error):
                    raise
                raise DatabaseError(
                    f"{self.path} stopped half way from schema {version} to {SCHEMA_VERSION}, "
                    f"and was changed by another program since: {error}.",
                    mend="Remove that change, or put a copy of the file from before in its place.",
                ) from error
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _is_current(self) -> bool:
        return (
            self._pragma("user_version") == SCHEMA_VERSION
            and self._pragma("application_id") == APPLICATION_ID
        )


def may_write(path: Path) -> bool:
    """Tell whether a database, and the files SQLite puts beside it, can be written."""
    beside = os.access(path.parent, os.W_OK)
    return beside and (not path.exists() or os.access(path, os.W_OK))


def _address(path: Path) -> str:
    """Return the URI to open a database by: as a fixed file where nothing can be written."""
    address = path.absolute().as_uri()
    if may_write(path):
        return address
    # without a log to read, SQLite need not make one: the file cannot change under us
    has_log = path.with_name(path.name + "-wal").exists()
    return f"{address}?mode=ro" + ("" if has_log else "&immutable=1")


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another program had the file for itself."""
    text = str(error)
    return "locked" in text or "busy" in text


def explain(error: sqlite3.Error, path: Path) -> DatabaseError:
    """Return the error a person can mend for one of SQLite's."""
    text = str(error)
    if is_busy(error):
        return DatabaseError(
            f"{path} is in use by another program.",
            mend="Wait until its import or training has finished, or close it; then try again.",
        )
    if "readonly" in text:
        return DatabaseError(
            f"{path} may only be read here.",
            mend="Choose a --workspace in a folder that may be written to.",
        )
    if "is full" in text:
        return DatabaseError(
            f"There is no space left on the disk of {path}; nothing was changed.",
            mend="Free some space, or choose a --workspace on another disk.",
        )
    if "not a database" in text or "malformed" in text:
        return DatabaseError(
            f"{path} is damaged, or no database at all.",
            mend="Choose another --workspace, or move the file away and import again.",
        )
    return DatabaseError(
        f"{path} cannot be used: {text}.", mend="Check the file, its folder and the free space."
    )


def now() -> str:
    """Return the time as the tables store it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
