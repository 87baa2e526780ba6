"""Sessions of the explorer and shell, with their steps."""

import sqlite3

from datrnet.core.errors import UnknownNameError
from datrnet.db.connection import Connection, now
from datrnet.db.rows import SessionRow, StepRow


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
            (position,) = db.execute(
                "SELECT coalesce(max(position), 0) + 1 FROM session_steps WHERE session_id = ?",
                [session_id],
            ).fetchone()
            try:
                db.execute(
                    "INSERT INTO session_steps"
                    " (session_id, position, action, request_json, made_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [session_id, position, action, request_json, made_at],
                )
            except sqlite3.IntegrityError as error:
                known = [str(session.id) for session in self.sessions()]
                raise UnknownNameError("session", str(session_id), known) from error
            db.execute("UPDATE sessions SET updated_at = ? WHERE id = ?", [made_at, session_id])
            return int(position)

    def sessions(self) -> list[SessionRow]:
        """Return all sessions, the newest first."""
        with self.reading() as db:
            rows = db.query(
                "SELECT id, name, started_at, updated_at FROM sessions ORDER BY id DESC"
            )
            return [SessionRow(**row) for row in rows]

    def steps(self, session_id: int) -> list[StepRow]:
        """Return a session's steps in order."""
        with self.reading() as db:
            rows = db.query(
                "SELECT id, session_id, position, action, request_json, made_at"
                " FROM session_steps WHERE session_id = ? ORDER BY position",
                [session_id],
            )
            return [StepRow(**row) for row in rows]
