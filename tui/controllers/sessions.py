"""Resumes sessions: the last, a chosen one, or the current one where its queries were left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import App

from datrnet.core.errors import DatabaseError
from datrnet.core.sessions.steps import LAST, session_of, steps_of
from datrnet.core.text import sanitize
from datrnet.db.rows import SessionRow
from datrnet.tui.context import ExplorerContext
from datrnet.tui.controllers.resume import Resumed, resume
from datrnet.tui.threads import in_thread

CURRENT = "current"
"""Names the current session."""

SAVE_SECONDS = 3.0
"""How long to wait for the last steps to be saved."""

MAX_MISSING = 5
"""Missing items that a notice names."""


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A session read from the database."""

    row: SessionRow
    resumed: Resumed
    shortlist: Sequence[str]


class SessionController:
    """Finds sessions and continues them."""

    def __init__(self, app: App[Any], context: ExplorerContext) -> None:
        """Start without a session.

        Args:
            app: Where to show notices.
            context: The workspace and the current session.
        """
        self._app, self._context = app, context

    async def offer_last(self, key: str) -> None:
        """Show how to resume the last session, if there is one."""
        try:
            summaries = await in_thread(self._app, self._context.library.store.session_summaries)
        except DatabaseError:
            return  # in use; the list of sessions will tell
        if summaries:
            name = sanitize(summaries[0].session.name)
            self._app.notify(f"Last session: {name}. {key} resumes it.", markup=False, timeout=6)

    async def read(self, name: str) -> SavedSession:
        """Read a session.

        Args:
            name: Its number or name; `LAST` is the one before the current, `CURRENT` this one.

        Raises:
            DatrnetError: There is no such session, or the database cannot be read.
        """
        return await in_thread(self._app, self._read, name)

    def _read(self, name: str) -> SavedSession:
        store, log = self._context.library.store, self._context.session
        log.wait_until_written(SAVE_SECONDS)
        if name == CURRENT:
            name = LAST if log.id is None else str(log.id)
        row = session_of(store, name, other_than=log.id)
        position = store.result_position(row.id)
        resumed = resume(steps_of(store, row), self._context.snapshot, position)
        return SavedSession(row, resumed, store.shortlist(row.id))

    def resume(self, saved: SavedSession) -> bool:
        """Make a session current, with notices; return whether its queries can be shown."""
        log, error = self._context.session, self._context.snapshot.index_error
        log.resume(saved.row, saved.shortlist, has_steps=bool(saved.resumed.trail))
        if error is not None:
            message = sanitize(f"{error} Only the shortlist is restored.")
            self._app.notify(message, severity="error", markup=False)
            return False
        message, missing = f"Resumed {saved.row.name}", saved.resumed.missing
        if missing:
            message += f". No longer available: {', '.join(missing[:MAX_MISSING])}"
            message += f" and {len(missing) - MAX_MISSING} more" if len(missing) > 5 else ""
        self._app.notify(
            sanitize(message), markup=False, severity="warning" if missing else "information"
        )
        return True

    def rename(self, name: str | None) -> None:
        """Name the current session; None leaves its name."""
        if name is not None:
            self._context.session.rename(name)
            self._app.notify(f"Session renamed to {sanitize(name)}", markup=False, timeout=2)

    def begin(self) -> None:
        """Leave the current session."""
        self._context.session.begin_new()
        self._app.notify("The next query starts a new session.", timeout=3)
