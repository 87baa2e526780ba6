"""How the explorer is started: what to open, and reading the catalog while Textual is loaded.

Reading is up to SQLite, which does not hold Python's lock, and importing Textual needs no disk, so
both together take as long as one. This module must not load Textual.
"""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError

SWITCH_SECONDS = 0.0005
"""Python's switch interval while the catalog is read: that needs many short turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What to open, if not the whole catalog.

    Raises:
        ConfigError: Both a session and a query are named.
    """

    picks: bool = False
    """Whether enter picks items and quits."""
    items: tuple[str, ...] | None = None
    """The codes of the only items to show, in this order; None for the whole catalog."""
    session: str | None = None
    """The number or name of the session to resume, or ``last``."""
    query: str | None = None
    """An item's code or a picture's path whose substitutes are shown first."""

    def __post_init__(self) -> None:
        """Refuse contradictions."""
        if self.session is not None and self.query is not None:
            raise ConfigError(
                "A session continues with its own query.",
                hint="Name an item or --session, not both.",
            )


DEFAULT_OPTIONS = LaunchOptions()


class Opening(AbstractContextManager["Opening"]):
    """An open database whose catalog is being read. Use it in a ``with`` statement or close it."""

    def __init__(self, workspace: Workspace) -> None:
        """Open the database and start to read.

        Raises:
            DatabaseError: The workspace has no catalog, or it cannot be read.
        """
        self.workspace = workspace
        self.store = workspace.open_store()
        self._switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="catalog")
        self._catalog: Future[Catalog] = self._threads.submit(Catalog.load, self.store)

    def catalog(self) -> Catalog:
        """Wait for the catalog.

        Raises:
            DatabaseError: It cannot be read.
        """
        try:
            return self._catalog.result()
        finally:
            sys.setswitchinterval(self._switch_seconds)

    def close(self) -> None:
        """Close the database."""
        self._threads.shutdown()
        sys.setswitchinterval(self._switch_seconds)
        self.store.close()

    def __exit__(self, *error: object) -> None:
        """Close the database."""
        self.close()


# Importing Textual and reading a catalog create objects that live until the end. Collecting garbage
# among them again and again takes a seventh of the start-up time; later they are exempt.


@contextmanager
def paused_gc() -> Iterator[None]:
    """Collect no garbage until ``resume_gc`` is called, or the end of the block."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def resume_gc() -> None:
    """Collect garbage again if that was paused, from now on only among newer objects.

    Takes less than a tenth of a second; call it while nobody is waiting.
    """
    if not gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.enable()
