"""The thumbnails of a workspace: small JPEGs of the trimmed pictures, in one SQLite file by item.

They are a cache: what is missing or damaged is made again from the pictures. The file's name has
the size and version of its thumbnails; files of other versions are removed.
"""

import base64
import io
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from datrnet.core.catalog.garment_box import border_of, trimmed
from datrnet.core.catalog.pictures import PictureSource, read_picture
from datrnet.core.errors import DataError

SIZE = 160
"""Longer side of a thumbnail in pixels."""

VERSION = 1
"""Of how thumbnails are made: another one makes all of them again."""

JPEG_QUALITY = 82

SOURCE_SIZE = 2 * SIZE
"""Pictures are decoded at this size at least: after trimming, half of a side may be left."""

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""

_TABLE = "CREATE TABLE IF NOT EXISTS thumbnails (item_id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL)"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class ThumbnailStore:
    """Thumbnails by item id; many threads and processes may read and write."""

    def __init__(self, folder: Path) -> None:
        """Set the folder; nothing is opened before the first use."""
        self.path = folder / f"{SIZE}px-{VERSION}.db"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, item_id: int) -> bytes | None:
        """Return an item's thumbnail as a JPEG, or None if it has none yet.

        Raises:
            DataError: The file cannot be read.
        """
        select = "SELECT jpeg FROM thumbnails WHERE item_id = ?"
        row = self._read(lambda db: db.execute(select, (item_id,)).fetchone())
        return None if row is None else row[0]

    def item_ids(self) -> frozenset[int]:
        """Return the ids of all items with a thumbnail.

        Raises:
            DataError: The file cannot be read.
        """
        rows = self._read(lambda db: db.execute("SELECT item_id FROM thumbnails").fetchall())
        return frozenset(item_id for (item_id,) in rows or ())

    def __contains__(self, item_id: int) -> bool:
        """Tell whether the item has a thumbnail."""
        return self.get(item_id) is not None

    def put(self, thumbnails: Iterable[tuple[int, bytes]], *, replace: bool = True) -> None:
        """Write thumbnails.

        Args:
            thumbnails: Item ids and JPEGs.
            replace: Whether to replace older ones.

        Raises:
            DataError: The file cannot be written.
        """
        conflict = "REPLACE" if replace else "IGNORE"
        insert = f"INSERT OR {conflict} INTO thumbnails VALUES (?, ?)"
        self._write(lambda db: db.executemany(insert, thumbnails))

    def remove(self, item_ids: Iterable[int]) -> None:
        """Forget thumbnails, so that they are made again.

        Raises:
            DataError: The file cannot be written.
        """
        if self.path.exists():
            delete = "DELETE FROM thumbnails WHERE item_id = ?"
            places = [(item_id,) for item_id in item_ids]
            self._write(lambda db: db.executemany(delete, places))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what a query finds; None without a file."""
        with self._lock:
            try:
                if self._connection is None and not self.path.exists():
                    return None
                return query(self._open())
            except sqlite3.Error as error:
                if self._is_discarded(error):
                    return None
                message = f"The thumbnails {self.path} cannot be read: {error}."
                raise DataError(message) from error

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        with self._lock:
            try:
                self._make_folder()
                connection = self._open()
                with connection:
                    connection.execute(_TABLE)
                    change(connection)
            except (OSError, sqlite3.Error) as error:
                if not (isinstance(error, sqlite3.Error) and self._is_discarded(error)):
                    raise DataError(
                        f"The thumbnails {self.path} cannot be written: {error}.",
                        hint="Check the free space and the permissions.",
                    ) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE, check_same_thread=False)
            # a cache need not survive a power failure; it does survive the end of the process
            connection.execute("PRAGMA synchronous = OFF")
            self._connection = connection
        return self._connection

    def _make_folder(self) -> None:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for other in self.path.parent.glob("*px*"):
                other.unlink()

    def _is_discarded(self, error: sqlite3.Error) -> bool:
        """Start again without a file that is damaged or has no table yet; tell whether it was."""
        if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
            return True
        if getattr(error, "sqlite_errorcode", None) not in _DAMAGED:
            return False
        self._close()
        self.path.unlink(missing_ok=True)
        return True


def make_thumbnail(picture: PictureSource) -> bytes:
    """Return a picture, trimmed to its garment, as a JPEG of at most ``SIZE`` pixels.

    Raises:
        DataError: The picture cannot be read.
    """
    small = trimmed(read_picture(picture, SOURCE_SIZE))
    small.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _jpeg(small)


def letterboxed(
    picture: Image.Image, width: int, height: int, *, pixel_height: float = 1.0
) -> Image.Image:
    """Return a picture scaled to a size, undistorted and padded with the color of its border.

    Args:
        picture: RGB.
        width: Of the result, in pixels.
        height: Of the result.
        pixel_height: How many times taller than wide a pixel of the result is shown.
    """
    scale = min(width / picture.width, height * pixel_height / picture.height)
    size = (
        min(width, max(1, round(picture.width * scale))),
        min(height, max(1, round(picture.height * scale / pixel_height))),
    )
    scaled = picture.resize(size, Image.Resampling.LANCZOS)
    if size == (width, height):
        return scaled
    color = np.median(border_of(np.asarray(picture)), axis=0).astype(int).tolist()
    result = Image.new("RGB", (width, height), tuple(color))
    result.paste(scaled, ((width - size[0]) // 2, (height - size[1]) // 2))
    return result


def inline_jpeg(picture: PictureSource, size: int) -> str:
    """Return a square JPEG in base64, for a page; empty if the picture cannot be read.

    Args:
        picture: The picture, padded with white.
        size: Side length in pixels.
    """
    from PIL import ImageOps

    try:
        decoded = read_picture(picture, size)
    except DataError:
        return ""
    white = (255, 255, 255)
    square = ImageOps.pad(decoded, (size, size), Image.Resampling.LANCZOS, color=white)
    return base64.b64encode(_jpeg(square)).decode("ascii")


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
