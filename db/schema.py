"""The schema of a workspace's database, as migrations that are never edited once released.

``PRAGMA user_version`` counts the migrations that a database has been through. All that are missing
run in one transaction, so that a database is of one version or of another and never in between.
Releases up to 0.1 ran them in transactions of their own: a process killed in the meantime left a
database with part of a version. ``applied_statements`` finds out which part, so that the rest can
follow.

The SQL is frozen, the full-text index included (as ``enable_fts`` of sqlite-utils makes it): a
database must not depend on the version of a library that was installed when it was created.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from datrnet.core.errors import DatabaseError

APPLICATION_ID = int.from_bytes(b"datr", "big")
"""In the file's header, to tell a workspace's database from another program's."""

MIGRATIONS = tuple(
    script.read_text("utf-8")
    for script in sorted((Path(__file__).parent / "migrations").glob("*.sql"))
)
"""SQL scripts; the n-th leads from schema n - 1 to schema n."""

SCHEMA_VERSION = len(MIGRATIONS)
"""The newest schema that this release knows."""


def check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that this release cannot read.

    Raises:
        DatabaseError: It is another program's, or of a newer schema.
    """
    if pragma(db, "application_id") != APPLICATION_ID and applied_statements(db) is None:
        raise DatabaseError(
            f"{path} is an SQLite database, but not one of datrnet.",
            hint="Choose another --workspace.",
        )
    version = pragma(db, "user_version")
    if version > SCHEMA_VERSION:
        raise DatabaseError(
            f"{path} was written by a newer datrnet "
            f"(schema {version}; this version reads {SCHEMA_VERSION}).",
            hint="Update datrnet, or choose another --workspace.",
        )


def is_current(db: sqlite3.Connection) -> bool:
    """Tell whether no migration is missing."""
    version, owner = pragma(db, "user_version"), pragma(db, "application_id")
    return (version, owner) == (SCHEMA_VERSION, APPLICATION_ID)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Apply all missing migrations, in a transaction of the caller that may write.

    Raises:
        DatabaseError: Release 0.1 left the database half made, and it was changed since.
    """
    if is_current(db):
        return  # another process was quicker
    version = pragma(db, "user_version")
    scripts = [list(statements(script)) for script in MIGRATIONS]
    applied = applied_statements(db)
    if applied is None:  # there are tables or indexes of the user's own
        applied = sum(map(len, scripts[:version]))
    try:
        for statement in list(chain(*scripts))[applied:]:
            db.execute(statement)
    except sqlite3.OperationalError as error:
        if "already exists" not in str(error) and "duplicate column" not in str(error):
            raise
        raise DatabaseError(
            f"An update of {path} from schema {version} to {SCHEMA_VERSION} was interrupted, "
            f"and another program has changed the file since: {error}.",
            hint="Undo that change, or restore a copy of the file from before.",
        ) from error
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def pragma(db: sqlite3.Connection, name: str) -> int:
    """Return a number that SQLite keeps with a database."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements; a trigger is one statement."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def applied_statements(db: sqlite3.Connection) -> int | None:
    """Return how many statements of all migrations a database has been through.

    A model of the schema is built in memory until it equals the database's. A statement that leaves
    the schema alone counts as not applied: each of those may run twice.

    Returns:
        None if the schema is none that the migrations pass through.
    """
    schema = _schema(db)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        count = 0
        for statement in chain.from_iterable(map(statements, MIGRATIONS)):
            if _schema(model) == schema:
                return count
            model.execute(statement)
            count += 1
        return count if _schema(model) == schema else None


def _schema(db: sqlite3.Connection) -> dict[str, str]:
    """Return the SQL of every table, index and trigger by name, without SQLite's own."""
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {
        name: " ".join(sql.split())
        for name, sql in rows
        if not name.startswith(("sqlite_", "items_fts_", "items_trigrams_"))
    }
