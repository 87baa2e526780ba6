"""A workspace being opened: its catalogue is read in a thread while Textual is loaded.

SQLite needs no turn of Python's to read, and loading needs no disk; so both take as long as one.
This module loads nothing of the screen.
"""

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace

TURN_SECONDS = 0.0005
"""How long loading keeps the turn when the catalogue wants one: it needs many, and short ones."""


class Opening:
    """An open database and the catalogue in it; use it in a ``with`` statement, or close it."""

    def __init__(self, workspace: Workspace) -> None:
        """Open the database and begin to read.

        Raises:
            DatabaseError: The workspace has no catalogue, or it cannot be read.
        """
        self.workspace = workspace
        self.store = workspace.open_store()
        self._turn_seconds = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="catalogue")
        self._catalog: Future[Catalog] = self._threads.submit(Catalog.load, self.store)

    def catalog(self) -> Catalog:
        """Return the catalogue as soon as it is there.

        Raises:
            DatabaseError: It cannot be read.
        """
        try:
            return self._catalog.result()
        finally:
            sys.setswitchinterval(self._turn_seconds)

    def close(self) -> None:
        """Let the database go."""
        self._threads.shutdown()
        sys.setswitchinterval(self._turn_seconds)
        self.store.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the database go."""
        self.close()
