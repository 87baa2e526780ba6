"""The schema of a workspace's database, as migrations that are never edited once released.

``PRAGMA user_version`` counts the migrations that a database has been through. All that are missing
run in one transaction, so that a database is of one version or of another and never in between.
Releases up to 0.1 ran them in transactions of their own: a process killed in the meantime left a
database with part of a version. ``applied_statements`` finds out which part, so that the rest can
follow.

The SQL is frozen, the full-text index included (made with sqlite-utils' ``enable_fts``): a database
must not depend on the version of a library that was installed when it was created.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

APPLICATION_ID = int.from_bytes(b"datr", "big")
"""In the file's header, to tell a workspace's database from another program's."""

_ITEMS_RUNS_AND_SESSIONS = """
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    picture_path TEXT NOT NULL,
    picture_bytes INTEGER NOT NULL DEFAULT 0,
    picture_modified_ns INTEGER NOT NULL DEFAULT 0,
    split TEXT NOT NULL DEFAULT '' CHECK (split IN ('train', 'validation', 'test', '')),
    added_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE super_categories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    position INTEGER NOT NULL
);
CREATE TABLE attribute_values (
    id INTEGER PRIMARY KEY,
    super_category_id INTEGER NOT NULL REFERENCES super_categories (id) ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    UNIQUE (super_category_id, name)
);
-- attribute_value_id is NULL where a person has said that none of the values holds
CREATE TABLE item_attributes (
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    super_category_id INTEGER NOT NULL REFERENCES super_categories (id) ON DELETE CASCADE,
    attribute_value_id INTEGER REFERENCES attribute_values (id) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('shop', 'person', 'model')),
    set_at TEXT NOT NULL,
    PRIMARY KEY (item_id, super_category_id)
) WITHOUT ROWID;
CREATE INDEX item_attributes_by_value ON item_attributes (attribute_value_id);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    system TEXT NOT NULL,
    config_json TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted')),
    started_at TEXT NOT NULL,
    finished_at TEXT,
    metrics_json TEXT
);
CREATE TABLE index_generations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    run_name TEXT NOT NULL,
    num_items INTEGER NOT NULL,
    manifest_json TEXT NOT NULL,
    created_at TEXT NOT NULL,
    is_current INTEGER NOT NULL CHECK (is_current IN (0, 1))
);
CREATE UNIQUE INDEX one_current_index_generation
    ON index_generations (is_current) WHERE is_current = 1;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE session_steps (
    id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    request_json TEXT NOT NULL,
    made_at TEXT NOT NULL,
    UNIQUE (session_id, position)
);
CREATE VIRTUAL TABLE "items_fts" USING FTS5 (
    "code", "title",
    tokenize='unicode61 remove_diacritics 2',
    content="items"
);
INSERT INTO "items_fts" ("items_fts") VALUES ('rebuild');
CREATE TRIGGER "items_ai" AFTER INSERT ON "items" BEGIN
  INSERT INTO "items_fts" (rowid, "code", "title") VALUES (new.rowid, new."code", new."title");
END;
CREATE TRIGGER "items_ad" AFTER DELETE ON "items" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
END;
CREATE TRIGGER "items_au" AFTER UPDATE ON "items" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
  INSERT INTO "items_fts" (rowid, "code", "title") VALUES (new.rowid, new."code", new."title");
END;
"""

_EVALUATIONS = """
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    run_name TEXT NOT NULL,
    generation TEXT NOT NULL,
    split TEXT NOT NULL,
    protocol_json TEXT NOT NULL,
    results_json TEXT NOT NULL,
    made_at TEXT NOT NULL,
    UNIQUE (run_name, generation, split, protocol_json)
);
"""

_LABEL_CHANGES_AND_PAIR_VERDICTS = """
-- values by name: an import removes those that no item carries, and undo brings them back
CREATE TABLE label_changes (
    id INTEGER PRIMARY KEY,
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    super_category TEXT NOT NULL COLLATE NOCASE,
    old_value TEXT,
    old_source TEXT CHECK (old_source IN ('shop', 'person', 'model')),
    new_value TEXT,
    new_source TEXT CHECK (new_source IN ('shop', 'person', 'model')),
    changed_at TEXT NOT NULL,
    undone_at TEXT
);
CREATE INDEX label_changes_by_item ON label_changes (item_id, super_category);
CREATE TABLE pair_verdicts (
    kept_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    other_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL CHECK (verdict IN ('duplicate', 'distinct')),
    judged_at TEXT NOT NULL,
    PRIMARY KEY (kept_id, other_id)
) WITHOUT ROWID;
"""

_SHORTLISTS = """
CREATE TABLE session_shortlist (
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (session_id, position),
    UNIQUE (session_id, code)
) WITHOUT ROWID;
"""

_REDO_AND_DELETED_SESSIONS = """
-- NULL of a change that stands, and of one left behind when another was made
ALTER TABLE label_changes ADD COLUMN redo_position INTEGER;
UPDATE label_changes
    SET redo_position = (SELECT max(id) + 1 FROM label_changes) - id
    WHERE undone_at IS NOT NULL AND id >
        (SELECT coalesce(max(id), 0) FROM label_changes WHERE undone_at IS NULL);
ALTER TABLE sessions ADD COLUMN deleted_at TEXT;
-- where a person was among the last results
ALTER TABLE sessions ADD COLUMN result_position INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS = (
    _ITEMS_RUNS_AND_SESSIONS,
    _EVALUATIONS,
    _LABEL_CHANGES_AND_PAIR_VERDICTS,
    _SHORTLISTS,
    _REDO_AND_DELETED_SESSIONS,
)
"""SQL scripts; the n-th leads from schema n - 1 to schema n."""

SCHEMA_VERSION = len(MIGRATIONS)
"""The newest schema that this release knows."""


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
        for script in MIGRATIONS:
            for statement in statements(script):
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
        if not name.startswith(("sqlite_", "items_fts_"))
    }
