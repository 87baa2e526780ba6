-- values by name: an import removes values that no item carries, and undo brings them back
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
