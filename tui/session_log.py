"""What a person did, written to the database as it happens, so that nothing is lost.

A thread of its own writes: a database that an import has locked must not stop the hand.
"""

import json
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datrnet.core.errors import DatabaseError
from datrnet.db.store import Store

RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done, as the database keeps it."""

    action: str
    request_json: str


class SessionLog:
    """Appends steps to a session, which begins with the first of them."""

    def __init__(self, store: Store, name: str, on_error: Callable[[DatabaseError], None]) -> None:
        """Name the session.

        Args:
            store: Where to write.
            name: The session's name.
            on_error: Called from the writing thread when a step cannot be written; it is tried
                again until it can.
        """
        self._store = store
        self._name = name
        self._on_error = on_error
        self._session_id: int | None = None
        self._steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="session", daemon=True)
        self._thread.start()

    def add(self, action: str, request: Mapping[str, Any]) -> None:
        """Write a step soon."""
        self._steps.put(Step(action, json.dumps(request, ensure_ascii=False)))

    def close(self) -> None:
        """Wait until every step is written, or cannot be."""
        self._closing.set()
        self._steps.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            is_told = False
            while (error := self._write(step)) is not None:
                if not is_told:
                    self._on_error(error)
                    is_told = True
                if self._closing.wait(RETRY_SECONDS):
                    return

    def _write(self, step: Step) -> DatabaseError | None:
        try:
            if self._session_id is None:
                self._session_id = self._store.start_session(self._name)
            self._store.add_step(self._session_id, step.action, step.request_json)
        except DatabaseError as error:
            return error
        return None
