-- titles are searched letter by letter: with an index of beginnings, and without the lengths of
-- titles, which only ranks are computed from
DROP TRIGGER "items_ai";
DROP TRIGGER "items_ad";
DROP TRIGGER "items_au";
DROP TABLE "items_fts";
CREATE VIRTUAL TABLE "items_fts" USING FTS5 (
    "code", "title",
    tokenize='unicode61 remove_diacritics 2',
    content="items",
    prefix='1 2 3',
    columnsize=0
);
INSERT INTO "items_fts" ("items_fts") VALUES ('rebuild');
CREATE TRIGGER "items_ai" AFTER INSERT ON "items" BEGIN
  INSERT INTO "items_fts" (rowid, "code", "title") VALUES (new.rowid, new."code", new."title");
END;
CREATE TRIGGER "items_ad" AFTER DELETE ON "items" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
END;
CREATE TRIGGER "items_au" AFTER UPDATE OF "code", "title" ON "items"
WHEN old."code" IS NOT new."code" OR old."title" IS NOT new."title" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "code", "title")
    VALUES('delete', old.rowid, old."code", old."title");
  INSERT INTO "items_fts" (rowid, "code", "title") VALUES (new.rowid, new."code", new."title");
END;
-- another number whenever one of the tables has changed that a catalog is read from
CREATE TABLE catalog_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);
INSERT OR IGNORE INTO catalog_version (id, number) VALUES (1, random());
CREATE TRIGGER items_version_ai AFTER INSERT ON items BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER items_version_ad AFTER DELETE ON items BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER items_version_au AFTER UPDATE ON items BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER item_attributes_version_ai AFTER INSERT ON item_attributes BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER item_attributes_version_ad AFTER DELETE ON item_attributes BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER item_attributes_version_au AFTER UPDATE ON item_attributes BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER variants_version_ai AFTER INSERT ON variants BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER variants_version_ad AFTER DELETE ON variants BEGIN
  UPDATE catalog_version SET number = random();
END;
CREATE TRIGGER variants_version_au AFTER UPDATE ON variants BEGIN
  UPDATE catalog_version SET number = random();
END;
