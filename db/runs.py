"""Training runs, index generations and evaluations."""

import sqlite3
from dataclasses import replace

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.db.connection import Connection, insert, now
from datrnet.db.rows import EvaluationRow, GenerationRow, RunRow, RunStatus


class RunTables(Connection):
    """The part of the store that holds runs, the indexes built from them, and their figures."""

    def add_run(self, name: str, system: str, config_json: str) -> int:
        """Record the start of a run and return its id.

        Raises:
            DatabaseError: A run of that name exists.
        """
        run = {"name": name, "system": system, "config_json": config_json}
        with self.writing() as db:
            try:
                return insert(db, "runs", {**run, "status": "running", "started_at": now()})
            except sqlite3.IntegrityError as error:
                raise DatabaseError(
                    f"A run called {name!r} already exists.", hint="Choose another name."
                ) from error

    def update_run(
        self, name: str, *, status: RunStatus | None = None, metrics_json: str | None = None
    ) -> None:
        """Change a run's status or metrics; what is None stays as it is.

        Raises:
            UnknownNameError: There is no run of that name.
        """
        changes: dict[str, str | None] = {}
        if status is not None:
            changes = {"status": status, "finished_at": None if status == "running" else now()}
        if metrics_json is not None:
            changes["metrics_json"] = metrics_json
        with self.writing() as db:
            db.table("runs").update(self.run(name).id, changes)

    def runs(self) -> list[RunRow]:
        """Return all runs, the oldest first."""
        return self._select(RunRow, "runs ORDER BY id")

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
        with self.writing() as db:
            db.execute("UPDATE index_generations SET is_current = 0 WHERE is_current = 1")
            try:
                db.table("index_generations").insert(
                    {
                        "name": name,
                        "run_name": run_name,
                        "num_items": num_items,
                        "manifest_json": manifest_json,
                        "created_at": now(),
                        "is_current": 1,
                    }
                )
            except sqlite3.IntegrityError as error:
                raise DatabaseError(
                    f"Cannot record the index generation {name!r}: {error}."
                ) from error
            return self.generations()[-1]

    def current_generation(self) -> GenerationRow | None:
        """Return the generation that searches use, or None before the first."""
        current = [generation for generation in self.generations() if generation.is_current]
        return current[0] if current else None

    def generations(self) -> list[GenerationRow]:
        """Return all generations, the oldest first."""
        rows = self._select(GenerationRow, "index_generations ORDER BY id")
        return [replace(row, is_current=bool(row.is_current)) for row in rows]

    def add_evaluation(
        self, run_name: str, generation: str, split: str, protocol_json: str, results_json: str
    ) -> None:
        """Record the figures of an index on a split, in place of earlier ones by that protocol."""
        with self.writing() as db:
            db.table("evaluations").insert(
                {
                    "run_name": run_name,
                    "generation": generation,
                    "split": split,
                    "protocol_json": protocol_json,
                    "results_json": results_json,
                    "made_at": now(),
                },
                replace=True,
            )

    def evaluations(self) -> list[EvaluationRow]:
        """Return all evaluations, the oldest first."""
        return self._select(EvaluationRow, "evaluations ORDER BY id")
