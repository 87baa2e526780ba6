CREATE TABLE session_shortlist (
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (session_id, position),
    UNIQUE (session_id, code)
) WITHOUT ROWID;
