"""Sessions of the explorer and shell, with their steps."""

from collections.abc import Sequence
from datetime import UTC, datetime

from datrnet.core.errors import UnknownNameError
from datrnet.db.connection import Connection, now
from datrnet.db.database import Database
from datrnet.db.rows import SessionRow, SessionSummary, StepRow


class SessionTables(Connection):
    """The part of the store that holds sessions."""

    def start_session(self, name: str) -> int:
        """Begin a session and return its id."""
        with self._writing() as db:
            started_at = now()
            db.execute(
                "INSERT INTO sessions (name, started_at, updated_at) VALUES (?, ?, ?)",
                [name, started_at, started_at],
            )
            return int(db.execute("SELECT last_insert_rowid()").fetchone()[0])

    def add_step(self, session_id: int, action: str, request_json: str) -> int:
        """Append a step to a session and return its position, from 1.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            made_at = now()
            self._must_exist(db, session_id)
            (position,) = db.execute(
                "SELECT coalesce(max(position), 0) + 1 FROM session_steps WHERE session_id = ?",
                [session_id],
            ).fetchone()
            db.execute(
                "INSERT INTO session_steps (session_id, position, action, request_json, made_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [session_id, position, action, request_json, made_at],
            )
            db.execute(
                "UPDATE sessions SET updated_at = ?, result_position = 0 WHERE id = ?",
                [made_at, session_id],
            )
            return int(position)

    def rename_session(self, session_id: int, name: str) -> None:
        """Give a session another name.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            self._must_exist(db, session_id)
            db.execute("UPDATE sessions SET name = ? WHERE id = ?", [name, session_id])

    def delete_session(self, session_id: int) -> None:
        """Take a session out of all lists, with its steps and its shortlist; it can come back.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            self._must_exist(db, session_id)
            # to the microsecond, so that those deleted one after the other come back in order
            deleted_at = datetime.now(UTC).isoformat(timespec="microseconds")
            db.execute("UPDATE sessions SET deleted_at = ? WHERE id = ?", [deleted_at, session_id])

    def restore_session(self, session_id: int | None = None) -> SessionRow | None:
        """Bring a deleted session back with all that it had.

        Args:
            session_id: Which one; the one that was deleted last, if none is named.

        Returns:
            The session; None where none is named and none is deleted.

        Raises:
            UnknownNameError: There is no deleted session of that number.
        """
        with self._writing() as db:
            deleted = self.deleted_sessions()
            if session_id is None and not deleted:
                return None
            back = [one for one in deleted if session_id in (None, one.id)]
            if not back:
                known = [str(one.id) for one in deleted]
                raise UnknownNameError("deleted session", str(session_id), known)
            db.execute("UPDATE sessions SET deleted_at = NULL WHERE id = ?", [back[0].id])
            return back[0]

    def set_shortlist(self, session_id: int, codes: Sequence[str]) -> None:
        """Make these, in this order, the items on a session's shortlist.

        Args:
            session_id: Which session.
            codes: Each at most once.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            self._must_exist(db, session_id)
            db.execute("DELETE FROM session_shortlist WHERE session_id = ?", [session_id])
            db.conn.executemany(
                "INSERT INTO session_shortlist (session_id, position, code) VALUES (?, ?, ?)",
                [(session_id, position, code) for position, code in enumerate(codes, start=1)],
            )
            db.execute("UPDATE sessions SET updated_at = ? WHERE id = ?", [now(), session_id])

    def shortlist(self, session_id: int) -> list[str]:
        """Return the codes on a session's shortlist, in order."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT code FROM session_shortlist WHERE session_id = ? ORDER BY position",
                [session_id],
            )
            return [code for (code,) in rows]

    def set_result_position(self, session_id: int, position: int) -> None:
        """Keep where a person is among the results of a session's last step, from 0.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            self._must_exist(db, session_id)
            db.execute(
                "UPDATE sessions SET result_position = ? WHERE id = ?", [position, session_id]
            )

    def result_position(self, session_id: int) -> int:
        """Return where a person was among the results of a session's last step, from 0."""
        with self.reading() as db:
            found = db.execute("SELECT result_position FROM sessions WHERE id = ?", [session_id])
            return int((found.fetchone() or (0,))[0])

    def session(self, session_id: int) -> SessionRow:
        """Return a session by its number.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.reading() as db:
            self._must_exist(db, session_id)
            return next(one for one in self.sessions() if one.id == session_id)

    def sessions(self) -> list[SessionRow]:
        """Return all sessions, the newest first."""
        return self._sessions("deleted_at IS NULL ORDER BY id DESC")

    def deleted_sessions(self) -> list[SessionRow]:
        """Return the sessions that can be brought back, the one deleted last first."""
        return self._sessions("deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC")

    def _sessions(self, which: str) -> list[SessionRow]:
        with self.reading() as db:
            rows = db.query(f"SELECT id, name, started_at, updated_at FROM sessions WHERE {which}")
            return [SessionRow(**row) for row in rows]

    def session_summaries(self) -> list[SessionSummary]:
        """Return all sessions with what a list tells of them, the last used first."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT id, name, started_at, updated_at,"
                " (SELECT count(*) FROM session_steps WHERE session_id = sessions.id),"
                " (SELECT count(*) FROM session_shortlist WHERE session_id = sessions.id),"
                " (SELECT request_json FROM session_steps WHERE session_id = sessions.id"
                " ORDER BY position DESC LIMIT 1),"
                " (SELECT code FROM session_shortlist WHERE session_id = sessions.id"
                " ORDER BY position LIMIT 1)"
                " FROM sessions WHERE deleted_at IS NULL ORDER BY updated_at DESC, id DESC"
            ).fetchall()
        return [
            SessionSummary(
                session=SessionRow(
                    id=number, name=name, started_at=started_at, updated_at=updated_at
                ),
                num_steps=num_steps,
                num_listed=num_listed,
                last_request_json=request_json,
                first_listed=listed,
            )
            for (
                number, name, started_at, updated_at, num_steps, num_listed, request_json, listed
            ) in rows
        ]  # fmt: skip

    def steps(self, session_id: int) -> list[StepRow]:
        """Return a session's steps in order."""
        with self.reading() as db:
            rows = db.query(
                "SELECT id, session_id, position, action, request_json, made_at"
                " FROM session_steps WHERE session_id = ? ORDER BY position",
                [session_id],
            )
            return [StepRow(**row) for row in rows]

    def _must_exist(self, db: Database, session_id: int) -> None:
        found = db.execute("SELECT deleted_at FROM sessions WHERE id = ?", [session_id]).fetchone()
        if found == (None,):
            return
        back = f"It was deleted; `datrnet session restore {session_id}` brings it back."
        known = [str(session.id) for session in self.sessions()]
        raise UnknownNameError("session", str(session_id), known, mend=back if found else "")
