"""Training runs and index generations."""

import sqlite3

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.db.connection import Connection, now
from datrnet.db.rows import GenerationRow, RunRow, RunStatus

_RUN_COLUMNS = "id, name, system, config_json, status, started_at, finished_at, metrics_json"
_GENERATION_COLUMNS = "id, name, run_name, num_items, manifest_json, created_at, is_current"


class RunTables(Connection):
    """The part of the store that holds runs and index generations."""

    def add_run(self, name: str, system: str, config_json: str) -> int:
        """Note the start of a run and return its id.

        Raises:
            DatabaseError: There is a run of that name.
        """
        with self._writing() as db:
            try:
                db.execute(
                    "INSERT INTO runs (name, system, config_json, status, started_at)"
                    " VALUES (?, ?, ?, 'running', ?)",
                    [name, system, config_json, now()],
                )
            except sqlite3.IntegrityError as error:
                raise DatabaseError(
                    f"There already is a run called {name!r}.", mend="Choose another name."
                ) from error
            return int(db.execute("SELECT id FROM runs WHERE name = ?", [name]).fetchone()[0])

    def update_run(
        self, name: str, *, status: RunStatus | None = None, metrics_json: str | None = None
    ) -> None:
        """Change a run's status or metrics; what is None stays as it is.

        Raises:
            UnknownNameError: There is no run of that name.
        """
        with self._writing() as db:
            self.run(name)
            if status is not None:
                finished_at = None if status == "running" else now()
                db.execute(
                    "UPDATE runs SET status = ?, finished_at = ? WHERE name = ?",
                    [status, finished_at, name],
                )
            if metrics_json is not None:
                db.execute("UPDATE runs SET metrics_json = ? WHERE name = ?", [metrics_json, name])

    def runs(self) -> list[RunRow]:
        """Return all runs, the oldest first."""
        with self.reading() as db:
            rows = db.query(f"SELECT {_RUN_COLUMNS} FROM runs ORDER BY id")
            return [RunRow(**row) for row in rows]

    def run(self, name: str) -> RunRow:
        """Return the run of that name.

        Raises:
            UnknownNameError: There is none.
        """
        runs = {run.name: run for run in self.runs()}
        if name not in runs:
            raise UnknownNameError("run", name, runs)
        return runs[name]

    def latest_run(self, status: RunStatus | None = None) -> RunRow | None:
        """Return the newest run, or the newest of that status, or None."""
        runs = [run for run in self.runs() if status in (None, run.status)]
        return runs[-1] if runs else None

    def publish_generation(
        self, name: str, run_name: str, num_items: int, manifest_json: str
    ) -> GenerationRow:
        """Record a complete index generation and make it current, in one transaction.

        Raises:
            DatabaseError: Nothing was written, and the current generation stays current.
        """
        with self._writing() as db:
            db.execute("UPDATE index_generations SET is_current = 0 WHERE is_current = 1")
            try:
                db.execute(
                    "INSERT INTO index_generations"
                    " (name, run_name, num_items, manifest_json, created_at, is_current)"
                    " VALUES (?, ?, ?, ?, ?, 1)",
                    [name, run_name, num_items, manifest_json, now()],
                )
            except sqlite3.IntegrityError as error:
                raise DatabaseError(
                    f"The index generation {name!r} cannot be recorded: {error}."
                ) from error
            return self.generations()[-1]

    def current_generation(self) -> GenerationRow | None:
        """Return the generation that searches use, or None before the first."""
        current = [generation for generation in self.generations() if generation.is_current]
        return current[0] if current else None

    def generations(self) -> list[GenerationRow]:
        """Return all generations, the oldest first."""
        with self.reading() as db:
            rows = db.query(f"SELECT {_GENERATION_COLUMNS} FROM index_generations ORDER BY id")
            return [GenerationRow(**{**row, "is_current": bool(row["is_current"])}) for row in rows]
