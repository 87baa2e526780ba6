"""Evaluations: the figures of an index on a split."""

from datrnet.db.connection import Connection, now
from datrnet.db.rows import EvaluationRow

_COLUMNS = "id, run_name, generation, split, protocol_json, results_json, made_at"


class EvaluationTable(Connection):
    """The part of the store that holds evaluations."""

    def add_evaluation(
        self, run_name: str, generation: str, split: str, protocol_json: str, results_json: str
    ) -> None:
        """Keep the figures of an index; made in the same way again, the new ones count."""
        with self._writing() as db:
            db.execute(
                "REPLACE INTO evaluations"
                " (run_name, generation, split, protocol_json, results_json, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [run_name, generation, split, protocol_json, results_json, now()],
            )

    def evaluations(self) -> list[EvaluationRow]:
        """Return all evaluations, the oldest first."""
        with self.reading() as db:
            rows = db.query(f"SELECT {_COLUMNS} FROM evaluations ORDER BY id")
            return [EvaluationRow(**row) for row in rows]
