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
-- attribute_value_id is NULL where a user said that none of the values applies
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
