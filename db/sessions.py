"""Sessions of the explorer and shell, with their steps."""

import sqlite3
from collections.abc import Sequence

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
                raise self._unknown(session_id) from error
            db.execute("UPDATE sessions SET updated_at = ? WHERE id = ?", [made_at, session_id])
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
        """Take a session away, with its steps and its shortlist.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self._writing() as db:
            self._must_exist(db, session_id)
            db.execute("DELETE FROM sessions WHERE id = ?", [session_id])

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

    def sessions(self) -> list[SessionRow]:
        """Return all sessions, the newest first."""
        with self.reading() as db:
            rows = db.query(
                "SELECT id, name, started_at, updated_at FROM sessions ORDER BY id DESC"
            )
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
                " FROM sessions ORDER BY updated_at DESC, id DESC"
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
        if not db.execute("SELECT 1 FROM sessions WHERE id = ?", [session_id]).fetchone():
            raise self._unknown(session_id)

    def _unknown(self, session_id: int) -> UnknownNameError:
        known = [str(session.id) for session in self.sessions()]
        return UnknownNameError("session", str(session_id), known)
