-- NULL for changes that are not undone, and for undone ones that a later change left behind
ALTER TABLE label_changes ADD COLUMN redo_position INTEGER;
UPDATE label_changes
    SET redo_position = (SELECT max(id) + 1 FROM label_changes) - id
    WHERE undone_at IS NOT NULL AND id >
        (SELECT coalesce(max(id), 0) FROM label_changes WHERE undone_at IS NULL);
ALTER TABLE sessions ADD COLUMN deleted_at TEXT;
-- the position among the last results
ALTER TABLE sessions ADD COLUMN result_position INTEGER NOT NULL DEFAULT 0;
