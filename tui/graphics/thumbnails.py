"""Thumbnails by row of the catalog, decoded and drawn by threads.

The threads touch no widget. The grid fetches what they have drawn in batches.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar, cast

import numpy as np
from PIL import Image
from textual.cache import LRUCache

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.thumbnails import ThumbnailStore, letterboxed, make_thumbnail
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.graphics.blocks import CELL_RATIO, Cells, alphabet, cells_of
from datrnet.core.preferences import Blocks

NUM_THREADS = 2
MAX_WAITING = 512
"""Requests beyond these are forgotten, the oldest first: nobody looks at them any more."""
MAX_KEPT = 384
"""Drawn thumbnails; in cells they have some 2 kB, in pixels 20 to 50 kB."""


class Absent(Enum):
    """Why there is no thumbnail."""

    WAITING = auto()
    MISSING = auto()


Drawn = TypeVar("Drawn")
Draw = Callable[[Image.Image], Drawn]
"""Draws an RGB picture; equal ones draw the same."""


@dataclass(frozen=True, slots=True)
class InCells:
    """Draws thumbnails as characters."""

    rows: int
    columns: int
    glyphs: Blocks

    def __call__(self, picture: Image.Image) -> Cells:
        """Draw a picture undistorted, padded to ``rows`` x ``columns`` cells."""
        letters = alphabet(self.glyphs)
        width, height = self.columns * letters.across, self.rows * letters.down
        pixel_height = CELL_RATIO * letters.across / letters.down
        boxed = letterboxed(picture, width, height, pixel_height=pixel_height)
        return cells_of(np.asarray(boxed), self.rows, self.columns, glyphs=self.glyphs)


class Thumbnails:
    """Returns thumbnails without waiting; the last one requested is read first."""

    def __init__(self, workspace: Workspace, catalog: Catalog) -> None:
        """Open nothing yet; threads start with the first thumbnail that must be read."""
        self._workspace = workspace
        self._catalog = catalog
        self._store = ThumbnailStore(workspace.thumbnails)
        self._drawn: LRUCache[tuple[int, Draw[object]], object] = LRUCache(MAX_KEPT)
        self._waiting: deque[tuple[int, Draw[object]]] = deque(maxlen=MAX_WAITING)
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def get(self, row: int, draw: Draw[Drawn]) -> Drawn | Absent:
        """Return an item's thumbnail as drawn, or why there is none; request it if need be.

        A negative row means an item that is gone.
        """
        if row < 0:
            return Absent.MISSING
        with self._change:
            key = row, draw
            if key in self._drawn:
                return cast("Drawn | Absent", self._drawn[key])
            if key in self._waiting:
                self._waiting.remove(key)
            self._waiting.append(key)
            self._wake()
            return Absent.WAITING

    def prefetch(self, rows: Iterable[int], draw: Draw[object]) -> None:
        """Request thumbnails that may be wanted soon, after all that are wanted now."""
        with self._change:
            for key in ((row, draw) for row in rows):
                has_room = len(self._waiting) < MAX_WAITING // 2
                if has_room and key not in self._drawn and key not in self._waiting:
                    self._waiting.appendleft(key)
                    self._wake()

    def arrived(self, rows: Iterable[int], draw: Draw[object]) -> set[int]:
        """Return the rows whose thumbnails threads have drawn, or could not read."""
        with self._change:
            return {row for row in rows if (row, draw) in self._drawn}

    def renew(self, catalog: Catalog) -> None:
        """Switch to another catalog."""
        with self._change:
            self._catalog = catalog
            self._drawn.clear()
            self._waiting.clear()

    def close(self) -> None:
        """End the threads and close the file."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()
        self._store.close()

    def _wake(self) -> None:
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
                (row, draw), catalog = self._waiting.pop(), self._catalog
            try:
                drawn = draw(self._read(catalog, row))
            except DataError:
                drawn = Absent.MISSING
            with self._change:
                if catalog is self._catalog:
                    self._drawn[row, draw] = drawn

    def _read(self, catalog: Catalog, row: int) -> Image.Image:
        """Read a thumbnail; without one, make it and keep it for the next time.

        Raises:
            DataError: The picture cannot be read.
        """
        item_id, jpeg = int(catalog.item_ids[row]), None
        with suppress(DataError):
            jpeg = self._store.get(item_id)
        if jpeg is None:
            jpeg = make_thumbnail(self._workspace.picture(catalog.picture_paths[row]))
            with suppress(DataError):  # a workspace that may not be written
                if catalog is self._catalog:
                    # one that an import has written meanwhile is newer than this catalog
                    self._store.put([(item_id, jpeg)], replace=False)
        return read_picture(jpeg)
