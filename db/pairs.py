"""What a person has said of two items that look alike: that they are one thing, or two."""

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.connection import Connection, now
from datrnet.db.rows import PairVerdict, Verdict


class PairTable(Connection):
    """The part of the store that holds verdicts on pairs."""

    def judge_pair(self, kept_id: int, other_id: int, verdict: Verdict | None) -> Verdict | None:
        """Remember what a person says of two items; a later word replaces an earlier one.

        Args:
            kept_id: The item to keep; of two distinct ones, either.
            other_id: The other one.
            verdict: None takes back what was said.

        Returns:
            What had been said before.

        Raises:
            UnknownNameError: There is no such item.
            ConfigError: The two are one item.
        """
        if kept_id == other_id:
            raise ConfigError("An item cannot be compared with itself.", mend="Name two items.")
        with self._writing() as db:
            for item_id in (kept_id, other_id):
                if not db.execute("SELECT 1 FROM items WHERE id = ?", [item_id]).fetchone():
                    mend = "It is not in the catalogue."
                    raise UnknownNameError("item", str(item_id), [], mend=mend)
            both = [kept_id, other_id, other_id, kept_id]
            there = "(kept_id = ? AND other_id = ?) OR (kept_id = ? AND other_id = ?)"
            before = db.execute(f"SELECT verdict FROM pair_verdicts WHERE {there}", both).fetchone()
            db.execute(f"DELETE FROM pair_verdicts WHERE {there}", both)
            if verdict is not None:
                db.execute(
                    "INSERT INTO pair_verdicts (kept_id, other_id, verdict, judged_at)"
                    " VALUES (?, ?, ?, ?)",
                    [kept_id, other_id, verdict, now()],
                )
            return None if before is None else before[0]

    def pair_verdicts(self) -> list[PairVerdict]:
        """Return all verdicts, the oldest first."""
        with self.reading() as db:
            rows = db.query(
                "SELECT kept_id, other_id, verdict, judged_at FROM pair_verdicts"
                " ORDER BY judged_at, kept_id, other_id"
            )
            return [PairVerdict(**row) for row in rows]
