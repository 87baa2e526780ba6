-- step_id: the first of the changes that were made as one step; NULL for a change on its own.
-- confidence: the model's probability of a proposal that was accepted without being looked at
ALTER TABLE label_changes ADD COLUMN step_id INTEGER;
ALTER TABLE label_changes ADD COLUMN confidence REAL;
CREATE INDEX label_changes_by_step ON label_changes (step_id) WHERE step_id IS NOT NULL;
