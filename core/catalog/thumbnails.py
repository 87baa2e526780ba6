"""The thumbnails of a workspace: one flat, memory-mapped file with a fixed-size record per item.

Record ``i`` belongs to the item with id ``i``: 32 x 32 x 3 bytes of color, then a byte that is 1 if
the record is filled. Records that were never filled are holes: most file systems store nothing.
"""

import base64
import io
import mmap
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datrnet.core.catalog.pictures import PictureSource, read_picture
from datrnet.core.errors import DataError, ShapeError

SIZE = 32
"""Side length of a thumbnail in pixels."""

JPEG_QUALITY = 82

_SHAPE = (SIZE, SIZE, 3)
_PIXEL_BYTES = SIZE * SIZE * 3
_RECORD_BYTES = _PIXEL_BYTES + 1
_FILLED = b"\x01"


class ThumbnailStore:
    """Thumbnails by item id; many threads and processes may read while one writes."""

    def __init__(self, folder: Path) -> None:
        """Set the folder; nothing is opened before the first use."""
        self.path = folder / f"{SIZE}px.bin"
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None

    def get(self, item_id: int) -> NDArray[np.uint8] | None:
        """Return an item's thumbnail, ``(32, 32, 3)``, or None if it has none yet."""
        record = self._record(item_id)
        if record[_PIXEL_BYTES:] != _FILLED:
            return None
        return np.frombuffer(record, dtype=np.uint8, count=_PIXEL_BYTES).reshape(_SHAPE)

    def __contains__(self, item_id: int) -> bool:
        """Tell whether the item has a thumbnail."""
        return self._record(item_id)[_PIXEL_BYTES:] == _FILLED

    def put(self, item_id: int, pixels: NDArray[np.uint8]) -> None:
        """Write an item's thumbnail, replacing an older one.

        Args:
            item_id: The item's id in the database.
            pixels: ``(32, 32, 3)``.

        Raises:
            DataError: The file cannot be written.
            ShapeError: The pixels are not of that shape.
        """
        if pixels.shape != _SHAPE or pixels.dtype != np.uint8:
            raise ShapeError(f"A thumbnail is uint8 {_SHAPE}, not {pixels.dtype} {pixels.shape}.")
        # the filled byte comes last: an interrupted write leaves the record empty
        self._write(item_id * _RECORD_BYTES, pixels.tobytes() + _FILLED)

    def remove(self, item_id: int) -> None:
        """Forget an item's thumbnail, so that it is made again.

        Raises:
            DataError: The file cannot be written.
        """
        if item_id in self:
            self._write(item_id * _RECORD_BYTES + _PIXEL_BYTES, b"\0")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._map is not None:
                self._map.close()
                self._map = None

    def _write(self, start: int, content: bytes) -> None:
        with self._lock:
            try:
                with self._open_to_write() as file:
                    file.seek(start)
                    file.write(content)
            except OSError as error:
                raise DataError(
                    f"The thumbnails {self.path} cannot be written: {error.strerror}.",
                    hint="Check the free space and the permissions.",
                ) from error

    def _record(self, item_id: int) -> bytes:
        start = item_id * _RECORD_BYTES
        with self._lock:
            if self._map is None or len(self._map) < start + _RECORD_BYTES:
                self._remap()
            return b"" if self._map is None else self._map[start : start + _RECORD_BYTES]

    def _remap(self) -> None:
        """Map the file at its current length."""
        if self._map is not None:
            self._map.close()
            self._map = None
        try:
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError):
            return  # nothing has been written yet: no file, or an empty one
        except OSError as error:
            raise DataError(
                f"The thumbnails {self.path} cannot be read: {error.strerror}."
            ) from error

    def _open_to_write(self) -> BinaryIO:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        return self.path.open("r+b", buffering=0)


def inline_jpeg(picture: PictureSource, size: int) -> str:
    """Return a square JPEG in base64, for a page; empty if the picture cannot be read.

    Args:
        picture: The picture, padded with white.
        size: Side length in pixels.
    """
    try:
        decoded = read_picture(picture, size)
    except DataError:
        return ""
    jpeg = io.BytesIO()
    white = (255, 255, 255)
    square = ImageOps.pad(decoded, (size, size), Image.Resampling.LANCZOS, color=white)
    square.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode("ascii")
