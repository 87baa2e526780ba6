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
