"""What a person did, written to the database as it happens, so that nothing is lost.

A thread of its own writes: a database that an import has locked must not stop the hand.
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
from datrnet.tui.shortlist import Shortlist

RETRY_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class _Session:
    """A session, which has an id once its first write is done."""

    name: str = ""
    """Empty until its first item or a person names it."""
    id: int | None = None
    has_begun: bool = False
    """Whether anything has been or soon will be written."""
    has_steps: bool = False
    """Whether that is more than a shortlist."""


@dataclass(frozen=True, slots=True)
class _Write:
    """One thing to write into a session."""

    session: _Session
    perform: Callable[[int], object] = field(repr=False)
    """Called with the session's id."""


class SessionLog:
    """The session that a person is in, which begins with the first thing worth keeping."""

    def __init__(
        self,
        store: Store,
        on_error: Callable[[DatabaseError], None],
        title_of: Callable[[str], str] = lambda code: code,
    ) -> None:
        """Begin no session yet.

        Args:
            store: Where to write.
            on_error: Called from the writing thread when something cannot be written; it is tried
                again until it can.
            title_of: Returns the title of an item by its code, to name the session by.
        """
        self._store = store
        self._on_error = on_error
        self._title_of = title_of
        self._session = _Session()
        self.shortlist = Shortlist(self._keep_shortlist)
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
        """The session's name; empty before it has begun, unless a person has named it."""
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
        self._begin_with(str(request.get("item") or request.get("picture") or ""))
        self._session.has_steps = True
        self._write(lambda session_id: self._store.add_step(session_id, action, stored))

    def stay_at(self, position: int) -> None:
        """Keep where a person leaves the results of the last step, from 0."""
        if self._session.has_steps:
            self._write(lambda session_id: self._store.set_result_position(session_id, position))

    def rename(self, name: str) -> None:
        """Give the session a name, now or when it begins."""
        self._session.name = name
        if self._session.has_begun:
            self._write(lambda session_id: self._store.rename_session(session_id, name))

    def begin_new(self) -> None:
        """Leave the session: what comes next begins another one."""
        self._session = _Session()
        self.shortlist.load(())

    def go_on(self, session: SessionRow, shortlist: Iterable[str], *, has_steps: bool) -> None:
        """Write into an older session from now on."""
        self._session = _Session(session.name, session.id, has_begun=True, has_steps=has_steps)
        self.shortlist.load(shortlist)

    def wait_until_written(self, seconds: float) -> bool:
        """Wait for what has been done so far, at most so long; return whether all is written."""
        written = threading.Event()
        self._writes.put(written)
        return written.wait(seconds)

    def close(self) -> None:
        """Wait until everything is written, or cannot be."""
        self._closing.set()
        self._writes.put(None)
        self._thread.join()

    def _begin_with(self, code: str) -> None:
        """Let the session begin with an item, or with a picture by its path, if it has not."""
        session = self._session
        session.name = session.name or default_name(
            self._title_of(code) or Path(code).name, date.today()
        )
        session.has_begun = True

    def _keep_shortlist(self, codes: tuple[str, ...]) -> None:
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
            is_told = False
            while (error := self._perform(write)) is not None:
                if not is_told:
                    self._on_error(error)
                    is_told = True
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
                self._bring_back(session)
                write.perform(session.id)
        except DatabaseError as error:
            return error
        return None

    def _bring_back(self, session: _Session) -> None:
        """Undo that another program has deleted the session: what is done in it is worth keeping.

        Raises:
            DatabaseError: The database cannot be written.
        """
        try:
            self._store.restore_session(session.id)
        except UnknownNameError:  # the whole database is another one
            session.id = self._store.start_session(session.name)
