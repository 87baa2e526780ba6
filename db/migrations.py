"""The schema, as a list of small steps; ``PRAGMA user_version`` says how many have been taken.

A step is never edited once released: a change of the schema is a new function at the end.
"""

from collections.abc import Callable

from datrnet.db.database import Database


def m001_first_schema(db: Database) -> None:
    """Create items with their labels, runs, index generations and sessions."""
    import sqlite_utils

    db.executescript(
        """
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
        """
    )
    plain = sqlite_utils.Database(db.conn, execute_plugins=False)
    sqlite_utils.db.Table(plain, "items").enable_fts(
        ["code", "title"], create_triggers=True, tokenize="unicode61 remove_diacritics 2"
    )


def m002_evaluations(db: Database) -> None:
    """Figures of an index on a split, kept with the run that they are of."""
    db.executescript(
        """
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
    )


def m003_label_changes_and_pair_verdicts(db: Database) -> None:
    """What a person has said of labels, with what stood before, and of items that look alike."""
    db.executescript(
        """
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
    )


def m004_shortlists(db: Database) -> None:
    """Items that a person set aside in a session, by code: an item may be gone and come back."""
    db.executescript(
        """
        CREATE TABLE session_shortlist (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            code TEXT NOT NULL,
            PRIMARY KEY (session_id, position),
            UNIQUE (session_id, code)
        ) WITHOUT ROWID;
        """
    )


def m005_redo_and_deleted_sessions(db: Database) -> None:
    """An order of the label changes to redo, and sessions that are deleted but can come back."""
    db.executescript(
        """
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
    )


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    m001_first_schema,
    m002_evaluations,
    m003_label_changes_and_pair_verdicts,
    m004_shortlists,
    m005_redo_and_deleted_sessions,
)

SCHEMA_VERSION = len(MIGRATIONS)
"""The newest schema that this program knows."""
