"""The current session: its steps and its shortlist, saved as they happen.

A thread of its own writes them, so that a database locked by an import does not block the screen.
"""

import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.core.sessions.steps import default_name
from datrnet.db.rows import SessionRow
from datrnet.db.store import Store
from datrnet.tui.query_state import History

RETRY_SECONDS = 2.0


class Shortlist:
    """Codes of items in order, each at most once, with undo and redo."""

    def __init__(self, on_change: Callable[[tuple[str, ...]], None] = lambda codes: None) -> None:
        """Start empty.

        Args:
            on_change: Called with all codes after each change by the user.
        """
        self._on_change = on_change
        self.load(())

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, in order."""
        return self._history.state

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.codes)

    def __contains__(self, code: str) -> bool:
        """Return whether an item is on the list."""
        return code in self._members

    def load(self, codes: Iterable[str]) -> None:
        """Show the list of another session; this cannot be undone."""
        self._history = History([tuple(codes)])
        self._members = frozenset(self.codes)

    def toggle(self, code: str) -> bool:
        """Append an item, or remove it; return whether it is on the list now."""
        others = tuple(other for other in self.codes if other != code)
        self._show(self._history.step(others if code in self else (*others, code)))
        return code in self

    def move(self, code: str, places: int) -> int:
        """Move an item toward the end, or with a negative number toward the start.

        Returns:
            Its position afterwards, from 0.
        """
        codes = [other for other in self.codes if other != code]
        position = max(0, min(self.codes.index(code) + places, len(codes)))
        codes.insert(position, code)
        self._show(self._history.step(tuple(codes)))
        return position

    def undo(self) -> bool:
        """Undo the last change; return whether there was one."""
        return self._show(self._history.undo())

    def redo(self) -> bool:
        """Redo the last undone change; return whether there was one."""
        return self._show(self._history.redo())

    def _show(self, is_changed: bool) -> bool:
        if is_changed:
            self._members = frozenset(self.codes)
            self._on_change(self.codes)
        return is_changed


@dataclass(slots=True, eq=False)
class _Session:
    """A session, which has an id after its first write."""

    name: str = ""
    """Empty until the first item, unless the user has named the session."""
    id: int | None = None
    has_begun: bool = False
    """Whether anything has been written or is about to be."""
    has_steps: bool = False
    """Whether there is more than a shortlist."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write to a session."""

    session: _Session
    perform: Callable[[int], object] = field(repr=False)
    """Called with the session's id."""


class SessionLog:
    """The current session; it starts with the first step or shortlisted item."""

    def __init__(
        self,
        store: Store,
        on_error: Callable[[DatabaseError], None],
        title_of: Callable[[str], str] = lambda code: code,
    ) -> None:
        """Start the writing thread.

        Args:
            store: Where to write.
            on_error: Called from the writing thread when a write fails; the write is retried.
            title_of: Returns the title of an item by its code, to name the session after it.
        """
        self._store = store
        self._on_error = on_error
        self._title_of = title_of
        self._session = _Session()
        self.shortlist = Shortlist(self._save_shortlist)
        self._writes: queue.SimpleQueue[_Write | threading.Event | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="session", daemon=True)
        self._thread.start()

    @property
    def id(self) -> int | None:
        """The session's number; None until it is in the database."""
        return self._session.id

    @property
    def name(self) -> str:
        """The session's name; empty before it starts, unless the user has named it."""
        return self._session.name

    @property
    def has_begun(self) -> bool:
        """Whether there is anything in the session."""
        return self._session.has_begun

    @property
    def has_steps(self) -> bool:
        """Whether there is a query in the session."""
        return self._session.has_steps

    def add(self, action: str, request: Mapping[str, Any]) -> None:
        """Write a step soon."""
        stored = json.dumps(request, ensure_ascii=False)
        self._begin_with(
            str(request.get("item") or request.get("picture") or (request.get("items") or [""])[0])
        )
        self._session.has_steps = True
        self._write(lambda session_id: self._store.add_step(session_id, action, stored))

    def set_position(self, position: int) -> None:
        """Save the cursor among the results of the last step, from 0."""
        if self._session.has_steps:
            self._write(lambda session_id: self._store.set_result_position(session_id, position))

    def rename(self, name: str) -> None:
        """Name the session, now or when it starts."""
        self._session.name = name
        if self._session.has_begun:
            self._write(lambda session_id: self._store.rename_session(session_id, name))

    def begin_new(self) -> None:
        """Leave the session; the next step starts another."""
        self._session = _Session()
        self.shortlist.load(())

    def resume(self, session: SessionRow, shortlist: Iterable[str], *, has_steps: bool) -> None:
        """Continue an earlier session."""
        self._session = _Session(session.name, session.id, has_begun=True, has_steps=has_steps)
        self.shortlist.load(shortlist)

    def wait_until_written(self, seconds: float) -> bool:
        """Wait until everything so far is written; return whether it is."""
        written = threading.Event()
        self._writes.put(written)
        return written.wait(seconds)

    def close(self) -> None:
        """Write what is left, once more if need be, and end the thread."""
        self._closing.set()
        self._writes.put(None)
        self._thread.join()

    def _begin_with(self, subject: str) -> None:
        """Start the session with an item's code or a picture's path, unless it has started."""
        session = self._session
        session.name = session.name or default_name(
            self._title_of(subject) or Path(subject).name, date.today()
        )
        session.has_begun = True

    def _save_shortlist(self, codes: tuple[str, ...]) -> None:
        if codes or self._session.has_begun:
            self._begin_with(codes[0] if codes else "")
            self._write(lambda session_id: self._store.set_shortlist(session_id, codes))

    def _write(self, perform: Callable[[int], object]) -> None:
        self._writes.put(_Write(self._session, perform))

    # ── in the thread ────────────────────────────────────────────────────────

    def _work(self) -> None:
        while (write := self._writes.get()) is not None:
            if isinstance(write, threading.Event):
                write.set()
                continue
            is_reported = False
            while (error := self._perform(write)) is not None:
                if not is_reported:
                    self._on_error(error)
                    is_reported = True
                if self._closing.wait(RETRY_SECONDS):
                    return

    def _perform(self, write: _Write) -> DatabaseError | None:
        session = write.session
        try:
            if session.id is None:
                session.id = self._store.start_session(session.name)
            try:
                write.perform(session.id)
            except UnknownNameError:
                self._restore(session)
                write.perform(session.id)
        except DatabaseError as error:
            return error
        return None

    def _restore(self, session: _Session) -> None:
        """Restore a session that another program has deleted, as it is still being used.

        Raises:
            DatabaseError: The database cannot be written.
        """
        try:
            self._store.restore_session(session.id)
        except UnknownNameError:  # the database has been replaced
            session.id = self._store.start_session(session.name)
