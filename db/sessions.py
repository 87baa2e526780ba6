"""Sessions of the explorer and shell: their steps and shortlists."""

from collections.abc import Sequence
from datetime import UTC, datetime

from datrnet.core.errors import UnknownNameError
from datrnet.db.connection import Connection, insert, now
from datrnet.db.rows import SessionRow, SessionSummary, StepRow


class SessionTables(Connection):
    """The part of the store that holds sessions."""

    def start_session(self, name: str) -> int:
        """Begin a session and return its id."""
        started_at = now()
        session = {"name": name, "started_at": started_at, "updated_at": started_at}
        with self.writing() as db:
            return insert(db, "sessions", session)

    def add_step(self, session_id: int, action: str, request_json: str) -> int:
        """Append a step to a session and return its position, from 1.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            self._check_session(session_id)
            made_at = now()
            (position,) = db.execute(
                "SELECT coalesce(max(position), 0) + 1 FROM session_steps WHERE session_id = ?",
                [session_id],
            ).fetchone()
            db.table("session_steps").insert(
                {
                    "session_id": session_id,
                    "position": position,
                    "action": action,
                    "request_json": request_json,
                    "made_at": made_at,
                }
            )
            changes = {"updated_at": made_at, "result_position": 0}
            db.table("sessions").update(session_id, changes)
            return int(position)

    def rename_session(self, session_id: int, name: str) -> None:
        """Give a session another name.

        Raises:
            UnknownNameError: There is no such session.
        """
        self._update_session(session_id, name=name)

    def delete_session(self, session_id: int) -> None:
        """Hide a session, with its steps and shortlist, from all lists; it can be restored.

        Raises:
            UnknownNameError: There is no such session.
        """
        # to the microsecond, so that sessions deleted in a row are restored in order
        deleted_at = datetime.now(UTC).isoformat(timespec="microseconds")
        self._update_session(session_id, deleted_at=deleted_at)

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
            if session_id is None and not deleted:
                return None
            for session in deleted:
                if session_id in (None, session.id):
                    db.table("sessions").update(session.id, {"deleted_at": None})
                    return session
        known = [str(session.id) for session in deleted]
        raise UnknownNameError("deleted session", str(session_id), known)

    def set_shortlist(self, session_id: int, codes: Sequence[str]) -> None:
        """Replace a session's shortlist.

        Args:
            session_id: Which session.
            codes: Of the items, in order, each at most once.

        Raises:
            UnknownNameError: There is no such session.
        """
        with self.writing() as db:
            self._check_session(session_id)
            shortlist = db.table("session_shortlist")
            shortlist.delete_where("session_id = ?", [session_id])
            shortlist.insert_all(
                {"session_id": session_id, "position": position, "code": code}
                for position, code in enumerate(codes, start=1)
            )
            db.table("sessions").update(session_id, {"updated_at": now()})

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
        self._update_session(session_id, result_position=position)

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
            self._check_session(session_id)
            return self._select(SessionRow, "sessions WHERE id = ?", [session_id])[0]

    def sessions(self) -> list[SessionRow]:
        """Return all sessions, the newest first."""
        return self._select(SessionRow, "sessions WHERE deleted_at IS NULL ORDER BY id DESC")

    def deleted_sessions(self) -> list[SessionRow]:
        """Return the sessions that can be restored, the last one deleted first."""
        order = "deleted_at DESC, id DESC"
        return self._select(SessionRow, f"sessions WHERE deleted_at IS NOT NULL ORDER BY {order}")

    def session_summaries(self) -> list[SessionSummary]:
        """Return a summary of every session, the last used first."""
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
                    id=session_id, name=name, started_at=started_at, updated_at=updated_at
                ),
                num_steps=num_steps,
                num_listed=num_listed,
                last_request_json=request,
                first_listed=listed,
            )
            for (
                session_id, name, started_at, updated_at, num_steps, num_listed, request, listed
            ) in rows
        ]  # fmt: skip

    def steps(self, session_id: int) -> list[StepRow]:
        """Return a session's steps in order."""
        return self._select(
            StepRow, "session_steps WHERE session_id = ? ORDER BY position", [session_id]
        )

    def _update_session(self, session_id: int, **changes: object) -> None:
        with self.writing() as db:
            self._check_session(session_id)
            db.table("sessions").update(session_id, changes)

    def _check_session(self, session_id: int) -> None:
        with self.reading() as db:
            found = db.execute("SELECT deleted_at FROM sessions WHERE id = ?", [session_id])
            row = found.fetchone()
        if row == (None,):
            return
        known = [str(session.id) for session in self.sessions()]
        hint = f"It was deleted; `datrnet session restore {session_id}` restores it."
        raise UnknownNameError("session", str(session_id), known, hint=hint if row else "")
