"""Thumbnails by row of the catalog: at once from the workspace's file, else read by threads.

The threads touch no widget. The grid fetches what they have read in batches.
"""

import threading
from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray
from textual.cache import LRUCache

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import read_picture, thumbnail_pixels
from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError

NUM_THREADS = 2
MAX_WAITING = 512
"""Requests beyond these are forgotten, the oldest first: nobody looks at them any more."""
MAX_KEPT = 4096

Pixels = NDArray[np.uint8]


class Absent(Enum):
    """Why there are no pixels."""

    WAITING = auto()
    MISSING = auto()


class Thumbnails:
    """Returns thumbnails without waiting; the last one requested is read first."""

    def __init__(self, workspace: Workspace, catalog: Catalog) -> None:
        """Open nothing yet; threads start with the first thumbnail that must be read."""
        self._workspace = workspace
        self._catalog = catalog
        self._store = ThumbnailStore(workspace.thumbnails)
        self._made: LRUCache[int, Pixels | Absent] = LRUCache(MAX_KEPT)
        self._waiting: deque[int] = deque(maxlen=MAX_WAITING)
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def pixels(self, row: int) -> Pixels | Absent:
        """Return an item's thumbnail (32, 32, 3), or why there is none; request it if need be.

        A negative row means an item that is gone.
        """
        if row < 0:
            return Absent.MISSING
        stored = self._store.get(int(self._catalog.item_ids[row]))
        if stored is not None:
            return stored
        with self._change:
            if row in self._made:
                return self._made[row]
            self._ask(row)
            return Absent.WAITING

    def arrived(self, rows: Iterable[int]) -> set[int]:
        """Return the rows whose thumbnails threads have read, or could not read."""
        with self._change:
            return {row for row in rows if row in self._made}

    def renew(self, catalog: Catalog) -> None:
        """Switch to another catalog."""
        with self._change:
            self._catalog = catalog
            self._made.clear()
            self._waiting.clear()

    def close(self) -> None:
        """End the threads and close the file."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()
        self._store.close()

    def _ask(self, row: int) -> None:
        if row in self._waiting:
            self._waiting.remove(row)
        self._waiting.append(row)
        if len(self._threads) < NUM_THREADS and not self._closed:
            thread = threading.Thread(target=self._work, name="thumbnails", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._change.notify()

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                row, catalog = self._waiting.pop(), self._catalog
            made = self._make(catalog.picture_paths[row])
            with self._change:
                if catalog is self._catalog:
                    self._made[row] = made

    def _make(self, stored: str) -> Pixels | Absent:
        try:
            picture = self._workspace.picture(stored)
            return thumbnail_pixels(read_picture(picture, SIZE))
        except DataError:
            return Absent.MISSING
