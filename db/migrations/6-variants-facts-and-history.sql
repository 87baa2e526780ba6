-- group_code: of the product that an item is a version of. hidden_at: NULL for items that are shown.
-- views_json: a list of further pictures. facts_json: text by name, in the form of the fact's kind.
ALTER TABLE items ADD COLUMN group_code TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN hidden_at TEXT;
ALTER TABLE items ADD COLUMN views_json TEXT NOT NULL DEFAULT '[]';
ALTER TABLE items ADD COLUMN facts_json TEXT NOT NULL DEFAULT '{}';
-- the versions of an item that differ in facts only, such as sizes
CREATE TABLE variants (
    id INTEGER PRIMARY KEY,
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    code TEXT NOT NULL UNIQUE,
    facts_json TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX variants_by_item ON variants (item_id);
CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL
        CHECK (kind IN ('number', 'money', 'date', 'boolean', 'text', 'link', 'tags'))
);
-- an item may carry several values; position 0 is the first
CREATE TABLE item_labels (
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    super_category_id INTEGER NOT NULL REFERENCES super_categories (id) ON DELETE CASCADE,
    position INTEGER NOT NULL DEFAULT 0,
    attribute_value_id INTEGER REFERENCES attribute_values (id) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('shop', 'person', 'model')),
    set_at TEXT NOT NULL,
    PRIMARY KEY (item_id, super_category_id, position)
) WITHOUT ROWID;
INSERT OR IGNORE INTO item_labels (item_id, super_category_id, attribute_value_id, source, set_at)
    SELECT item_id, super_category_id, attribute_value_id, source, set_at FROM item_attributes;
DROP TABLE item_attributes;
ALTER TABLE item_labels RENAME TO item_attributes;
CREATE INDEX item_attributes_by_value ON item_attributes (attribute_value_id);
-- what was done to the catalog, with the rows as they were before, so that it can be undone; the
-- largest ids that there were, so that no other item or change ever gets them
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    summary TEXT NOT NULL,
    made_at TEXT NOT NULL,
    undone_at TEXT,
    last_item_id INTEGER NOT NULL,
    last_change_id INTEGER NOT NULL
);
CREATE TABLE history_changes (
    id INTEGER PRIMARY KEY,
    history_id INTEGER NOT NULL REFERENCES history (id) ON DELETE CASCADE,
    table_name TEXT NOT NULL,
    key_json TEXT NOT NULL,
    old_json TEXT,
    new_json TEXT
);
CREATE INDEX history_changes_by_history ON history_changes (history_id);
-- how the catalog spells what files spell otherwise: a value, or the super-category itself where
-- spelled is empty; an empty value means that files are not asked for it any more
CREATE TABLE synonyms (
    id INTEGER PRIMARY KEY,
    super_category TEXT NOT NULL COLLATE NOCASE,
    spelled TEXT NOT NULL COLLATE NOCASE,
    value TEXT NOT NULL,
    UNIQUE (super_category, spelled)
);
-- parts of words, for languages without spaces and for compounds
CREATE VIRTUAL TABLE "items_trigrams" USING FTS5 (
    "code", "title",
    tokenize='trigram',
    content="items"
);
INSERT INTO "items_trigrams" ("items_trigrams") VALUES ('rebuild');
CREATE TRIGGER "items_parts_ai" AFTER INSERT ON "items" BEGIN
  INSERT INTO "items_trigrams" (rowid, "code", "title")
    VALUES (new.rowid, new."code", new."title");
END;
CREATE TRIGGER "items_parts_ad" AFTER DELETE ON "items" BEGIN
  INSERT INTO "items_trigrams" ("items_trigrams", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
END;
CREATE TRIGGER "items_parts_au" AFTER UPDATE OF "code", "title" ON "items"
WHEN old."code" IS NOT new."code" OR old."title" IS NOT new."title" BEGIN
  INSERT INTO "items_trigrams" ("items_trigrams", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
  INSERT INTO "items_trigrams" (rowid, "code", "title")
    VALUES (new.rowid, new."code", new."title");
END;
