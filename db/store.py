"""The database of a workspace.

    with Store.open(path) as store:
        store.search_titles("blue shirt")

Threads may share a store: they take turns. Every call is a transaction; to see the same state in
several calls, put them into ``with store.reading():``.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.db.connection import insert, now
from datrnet.db.history import HistoryTables
from datrnet.db.imports import ImportTables
from datrnet.db.items import ItemTables
from datrnet.db.labels import LabelTables
from datrnet.db.rows import (
    EvaluationRow,
    GenerationRow,
    RunRow,
    RunStatus,
    SessionRow,
    SessionSummary,
    StepRow,
)
from datrnet.db.upkeep import UpkeepTables

if TYPE_CHECKING:
    from sqlite_utils import Database

_SUMMARIES = """
(SELECT sessions.*,
    (SELECT count(*) FROM session_steps WHERE session_id = sessions.id) AS num_steps,
    (SELECT count(*) FROM session_shortlist WHERE session_id = sessions.id) AS num_listed,
    (SELECT request_json FROM session_steps WHERE session_id = sessions.id
        ORDER BY position DESC LIMIT 1) AS last_request_json,
    (SELECT code FROM session_shortlist WHERE session_id = sessions.id
        ORDER BY position LIMIT 1) AS first_listed
FROM sessions)
"""


class Store(ItemTables, ImportTables, UpkeepTables, LabelTables, HistoryTables):
    """Items and labels (see the bases); training runs, indexes and their figures; sessions."""

    # ── runs, index generations and evaluations ──────────────────────────────

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

    def remove_run(self, name: str) -> None:
        """Remove a run and its figures.

        Raises:
            UnknownNameError: There is no run of that name.
        """
        with self.writing() as db:
            db.table("runs").delete(self.run(name).id)
            db.table("evaluations").delete_where("run_name = ?", [name])

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

    # ── sessions ─────────────────────────────────────────────────────────────

    def start_session(self, name: str) -> int:
        """Begin a session and return its id."""
        started_at = now()
        session = {"name": name, "started_at": started_at, "updated_at": started_at}
        with self.writing() as db:
            return insert(db, "sessions", session)

    def add_step(
        self, session_id: int, action: str, request_json: str, *, is_use: bool = True
    ) -> int:
        """Append a step to a session and return its position, from 1.

        Args:
            session_id: Which session.
            action: What was done.
            request_json: What is asked after it.
            is_use: Whether it makes the session the one used last.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            used = {"updated_at": now()} if is_use else {}
            self._update_session(db, session_id, result_position=0, **used)
            steps = db.table("session_steps")
            position = int(steps.count_where("session_id = ?", [session_id])) + 1
            steps.insert(
                {
                    "session_id": session_id,
                    "position": position,
                    "action": action,
                    "request_json": request_json,
                    "made_at": now(),
                }
            )
            return position

    def rename_session(self, session_id: int, name: str) -> None:
        """Give a session another name.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            self._update_session(db, session_id, name=name)

    def delete_session(self, session_id: int) -> None:
        """Hide a session, with its steps and shortlist, from all lists; it can be restored.

        Raises:
            UnknownNameError: There is no such session.
        """
        # to the microsecond, so that sessions deleted in a row are restored in order
        deleted_at = datetime.now(UTC).isoformat(timespec="microseconds")
        with self.writing() as db:
            self._update_session(db, session_id, deleted_at=deleted_at)

    def restore_session(self, session_id: int | None = None) -> SessionRow | None:
        """Restore a deleted session with all that it had.

        Args:
            session_id: Which session; the last one deleted by default.

        Returns:
            The session; None if no session is named and none is deleted.

        Raises:
            UnknownNameError: There is no deleted session of that number.
        """
        with self.writing() as db:
            deleted = self.deleted_sessions()
            for session in deleted:
                if session_id in (None, session.id):
                    db.table("sessions").update(session.id, {"deleted_at": None})
                    return session
        if session_id is None:
            return None
        if any(session.id == session_id for session in self.sessions()):
            hint = "It was not deleted, or is restored: see `datrnet session list`."
        else:
            hint = "" if deleted else "No session is deleted."
        known = [str(session.id) for session in deleted]
        raise UnknownNameError("deleted session", str(session_id), known, hint=hint)

    def set_shortlist(self, session_id: int, codes: Sequence[str]) -> None:
        """Replace a session's shortlist.

        Args:
            session_id: Which session.
            codes: Of the items, in order, each at most once.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            self._update_session(db, session_id, updated_at=now())
            shortlist = db.table("session_shortlist")
            shortlist.delete_where("session_id = ?", [session_id])
            shortlist.insert_all(
                {"session_id": session_id, "position": position, "code": code}
                for position, code in enumerate(codes, start=1)
            )

    def shortlist(self, session_id: int) -> list[str]:
        """Return the codes on a session's shortlist, in order."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT code FROM session_shortlist WHERE session_id = ? ORDER BY position",
                [session_id],
            )
            return [code for (code,) in rows]

    def set_result_position(self, session_id: int, position: int) -> None:
        """Remember the position, from 0, among the results of a session's last step.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            self._update_session(db, session_id, result_position=position)

    def result_position(self, session_id: int) -> int:
        """Return the position, from 0, among the results of a session's last step."""
        with self.reading() as db:
            found = db.execute("SELECT result_position FROM sessions WHERE id = ?", [session_id])
            return int((found.fetchone() or (0,))[0])

    def session(self, session_id: int) -> SessionRow:
        """Return a session by its number.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.reading():
            found = self._select(
                SessionRow, "sessions WHERE id = ? AND deleted_at IS NULL", [session_id]
            )
            if found:
                return found[0]
            known = [str(session.id) for session in self.sessions()]
            is_deleted = session_id in {session.id for session in self.deleted_sessions()}
        hint = f"It was deleted; `datrnet session restore {session_id}` restores it."
        raise UnknownNameError("session", str(session_id), known, hint=hint if is_deleted else "")

    def sessions(self) -> list[SessionRow]:
        """Return all sessions, the newest first."""
        return self._select(SessionRow, "sessions WHERE deleted_at IS NULL ORDER BY id DESC")

    def deleted_sessions(self) -> list[SessionRow]:
        """Return the sessions that can be restored, the last one deleted first."""
        order = "deleted_at DESC, id DESC"
        return self._select(SessionRow, f"sessions WHERE deleted_at IS NOT NULL ORDER BY {order}")

    def session_summaries(self) -> list[SessionSummary]:
        """Return a summary of every session, the last used first."""
        order = "updated_at DESC, id DESC"
        return self._select(
            SessionSummary, f"{_SUMMARIES} WHERE deleted_at IS NULL ORDER BY {order}"
        )

    def sessions_of(self, actions: Sequence[str]) -> set[int]:
        """Return the numbers of the sessions that have steps, all of them of these kinds."""
        marks = ", ".join("?" * len(actions))
        with self.reading() as db:
            rows = db.execute(
                "SELECT session_id FROM session_steps GROUP BY session_id"
                f" HAVING min(action IN ({marks})) = 1",
                actions,
            )
            return {number for (number,) in rows}

    def steps(self, session_id: int) -> list[StepRow]:
        """Return a session's steps in order."""
        return self._select(
            StepRow, "session_steps WHERE session_id = ? ORDER BY position", [session_id]
        )

    def _update_session(self, db: "Database", session_id: int, **changes: object) -> None:
        self.session(session_id)  # refuses an unknown one
        db.table("sessions").update(session_id, changes)
