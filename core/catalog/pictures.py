"""Reads pictures: a file becomes an upright RGB picture or raises ``DataError``.

Pillow's exceptions and its warnings about decompression bombs never leave this module. A picture
can be a part of a file: its box follows the path as a W3C media fragment, in pixels of the upright
picture: ``photo.jpg#xywh=x,y,w,h``.
"""

import math
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

from datrnet.core.errors import DataError

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF")
"""Pillow tries no other format: some, like EPS, run programs on what they read."""

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before decoding. All threads together decode no more pixels than this
at once: 256 MB, as Pillow stores four bytes a pixel."""

WHITE = (255, 255, 255, 255)

_COPIES = {"WEBP": 4, "AVIF": 3, "TIFF": 2}
"""How many copies of a picture its decoder holds at once, if more than one."""

_BAND_PIXELS = 1_000_000
"""Pixels that are converted to RGB at a time."""

_GAP = 3
"""A picture is reduced to at least this many times the size it is shown at, so that the final
resampling decides how it looks."""

_ORIENTATION = 0x0112
_SWAPPED = (5, 6, 7, 8)
"""Values of that EXIF tag that swap width and height."""

Turn = tuple[Transpose | None, Callable[[float, float], tuple[float, float]]]
_TURNS: dict[int, Turn] = {
    1: (None, lambda x, y: (x, y)),
    2: (Transpose.FLIP_LEFT_RIGHT, lambda x, y: (1 - x, y)),
    3: (Transpose.ROTATE_180, lambda x, y: (1 - x, 1 - y)),
    4: (Transpose.FLIP_TOP_BOTTOM, lambda x, y: (x, 1 - y)),
    5: (Transpose.TRANSPOSE, lambda x, y: (y, x)),
    6: (Transpose.ROTATE_270, lambda x, y: (y, 1 - x)),
    7: (Transpose.TRANSVERSE, lambda x, y: (1 - y, 1 - x)),
    8: (Transpose.ROTATE_90, lambda x, y: (1 - y, x)),
}
"""By that tag's value: how to turn a picture upright, and where a point of the upright picture is
in the stored one, in shares of the sides."""

_MARK = "#xywh="
_FRAGMENT = re.compile(_MARK + r"(?:pixel:)?([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")

Shares = tuple[float, float, float, float]
"""Left, top, right and bottom of a box, as shares of a picture's sides."""

_BLOCK_BYTES = 64 * 1024**2
Image.core.set_block_size(_BLOCK_BYTES)  # type: ignore[attr-defined]
"""Pillow allocates pictures in blocks. The C library gives memory back at once only above 32 MB;
smaller blocks stay with the thread that used them."""

_opening = threading.Lock()

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_METADATA = (b"zTXt", b"iTXt", b"iCCP")
"""Compressed chunks that say nothing about pixels. Pillow refuses a picture with a large one."""

_DEEP_MODES = ("I", "F")
"""Gray with 32 bits a pixel, whose range no header tells."""


class _PixelBudget:
    """Bounds the pixels that all threads decode at once: first come, first served."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_use = 0
        self._turn = threading.Lock()
        self._released = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until that many pixels are free; more than the limit counts as the limit."""
        pixels = min(pixels, self._limit)
        with self._turn, self._released:
            self._released.wait_for(lambda: self._in_use + pixels <= self._limit)
            self._in_use += pixels
        try:
            yield
        finally:
            with self._released:
                self._in_use -= pixels
                self._released.notify_all()


_decoding = _PixelBudget(MAX_PIXELS)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of an item: a file, or the part of it inside a box."""

    path: Path
    box: Box | None = None

    @classmethod
    def parse(cls, text: str, folder: Path = Path()) -> "Picture":
        """Return the picture that a path names, with its box if it has one.

        Args:
            text: A path, as written in the database or in a catalog file.
            folder: Where a relative path starts.

        Raises:
            DataError: The path has a fragment that is not four whole numbers.
        """
        path, fragment = cls.split(text)
        if not fragment:
            return cls(folder / path)
        numbers = _FRAGMENT.fullmatch(fragment)
        if numbers is None:
            raise DataError(
                f"The box {fragment!r} of the picture {path} is not four whole numbers.",
                hint=f"Write it as {_MARK}x,y,width,height, in pixels.",
            )
        return cls(folder / path, Box(*map(int, numbers.groups())))

    @staticmethod
    def split(text: str) -> tuple[str, str]:
        """Return the path of the file, and the fragment or an empty string."""
        path, mark, numbers = text.rpartition(_MARK)
        return (path, mark + numbers) if mark else (text, "")

    def normalized(self) -> "Picture":
        """Return the same picture without ``..`` in its path."""
        return Picture(Path(os.path.normpath(self.path)), self.box)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def fragment(self) -> str:
        """The box as it is written after the path; empty without a box."""
        return "" if self.box is None else f"{_MARK}{self.box}"

    def __str__(self) -> str:
        """Return the path, followed by the box."""
        return f"{self.path}{self.fragment}"


PictureSource = Path | Picture | bytes | Image.Image
"""A file, a part of one, the contents of a file, or a picture that Pillow has opened."""


def read_picture(picture: PictureSource, size: int | None = None) -> Image.Image:
    """Decode a picture completely: RGB, turned upright, cut to its box, on white.

    Args:
        picture: The picture.
        size: The side length it will be shown at, if known: a much larger picture is then decoded
            (JPEG) or reduced to a fraction of its size, with both sides at least this long.

    Raises:
        DataError: The file is missing, not a regular file, cut off, too large, or not a picture; or
            the box is outside.
    """
    if isinstance(picture, Image.Image):
        with explained(Path(getattr(picture, "filename", "") or "picture")):
            picture.load()
            return _upright(picture, (0, 0, 1, 1), size)
    if isinstance(picture, bytes):
        return _decoded(BytesIO(picture), Picture(Path(f"<{len(picture):,} bytes>")), size)
    picture = picture if isinstance(picture, Picture) else Picture(picture)
    with explained(picture.path), _open_regular(picture.path) as file:
        return _decoded(file, picture, size)


def _decoded(file: BinaryIO, picture: Picture, size: int | None) -> Image.Image:
    path = picture.path
    with explained(path), _open(file) as opened:
        width, height = full = opened.size
        if width * height > MAX_PIXELS:
            raise DataError(
                f"The picture {path} is too large: {width:,} x {height:,} pixels.",
                hint=f"Resize it; the limit is {MAX_PIXELS // 1_000_000} million pixels.",
            )
        shares = None
        if size is not None and opened.format in ("JPEG", "MPO"):
            shares = _shares(picture, opened)
            opened.draft("RGB", _draft_size(full, shares, size))
        with _decoding.taken(_cost(opened, full)), closing(opened):
            opened.load()
            return _upright(opened, shares or _shares(picture, opened), size)


def upright_size(path: Path) -> tuple[int, int]:
    """Return the width and height of a picture turned upright, without decoding it.

    Raises:
        DataError: The file is missing or not a picture.
    """
    with explained(path), _open_regular(path) as file, _open(file) as opened:
        width, height = opened.size
        return (height, width) if _orientation(opened) in _SWAPPED else (width, height)


def picture_pixels(picture: PictureSource, size: int) -> NDArray[np.uint8]:
    """Return a picture as network input, ``(size, size, 3)``: squeezed to a square, not cropped.

    Raises:
        DataError: See ``read_picture``.
    """
    decoded = read_picture(picture, size)
    return np.array(decoded.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


@contextmanager
def _open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file without ever waiting: a FIFO without a writer would block for good."""
    _refuse_special(path.stat(), path)  # merely opening a device can have effects
    with open(path, "rb", opener=_open_at_once) as file:
        _refuse_special(os.fstat(file.fileno()), path)  # it may have been replaced since
        yield file


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_special(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise DataError(f"{path} is a folder, not a picture.")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            f"{path} is not a regular file but a pipe, socket or device.",
            hint="Save the picture as a file first.",
        )


def _open(file: BinaryIO) -> Image.Image:
    """Read the header only, without Pillow's own limit, which warns on standard error."""
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(_without_metadata(file), formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _without_metadata(file: BinaryIO) -> BinaryIO:
    """Return a file to decode: a PNG without its compressed metadata, anything else as it is."""
    start = file.read(len(_PNG_SIGNATURE))
    chunks, has_metadata = [(0, len(start))], False
    while start == _PNG_SIGNATURE and len(header := file.read(8)) == 8:
        position, length = file.tell() - 8, int.from_bytes(header[:4], "big") + 12
        if header[4:] in _PNG_METADATA:
            has_metadata = True
        else:
            chunks.append((position, length))
        file.seek(position + length)
    plain = BytesIO() if has_metadata else file
    for position, length in chunks if has_metadata else ():
        file.seek(position)
        plain.write(file.read(length))
    plain.seek(0)
    return plain


def _cost(opened: Image.Image, full: tuple[int, int]) -> int:
    """Return how many pixels are in memory at once while a picture is decoded."""
    cost = math.prod(opened.size) * _COPIES.get(opened.format or "", 1)
    if opened.info.get("progressive"):  # a JPEG whose coefficients are all kept until the end
        cost += math.prod(full)
    return cost


def _shares(picture: Picture, opened: Image.Image) -> Shares:
    """Return the box, clipped, as shares of the upright picture; all of it without a box."""
    if picture.box is None:
        return 0, 0, 1, 1
    box = picture.box
    is_swapped = _orientation(opened) in _SWAPPED
    width, height = opened.size[::-1] if is_swapped else opened.size
    right, bottom = min(box.x + box.width, width), min(box.y + box.height, height)
    if right <= box.x or bottom <= box.y:
        raise DataError(
            f"The box {box} lies outside the picture {picture.path}, "
            f"which has {width} x {height} pixels.",
            hint=f"Correct the numbers after {_MARK} (x, y, width, height), or remove them.",
        )
    return box.x / width, box.y / height, right / width, bottom / height


def _draft_size(full: tuple[int, int], shares: Shares, size: int) -> tuple[int, int]:
    """Return the smallest size to decode at for the box to reach the size."""
    left, top, right, bottom = shares
    needed = math.ceil(size / min(right - left, bottom - top))
    return min(needed, full[0]), min(needed, full[1])


def _upright(opened: Image.Image, shares: Shares, size: int | None) -> Image.Image:
    """Return part of a decoded picture as RGB, turned; a large one reduced as the size allows.

    It is converted in bands: whole copies of a large picture would take several times its memory.
    """
    turn, stored_point = _TURNS[_orientation(opened)]
    corners = (stored_point(*shares[:2]), stored_point(*shares[2:]))
    (left, right), (top, bottom) = (
        _pixel_range(sorted(ends), side)
        for ends, side in zip(zip(*corners, strict=True), opened.size, strict=True)
    )
    width, height = right - left, bottom - top
    top_value = _top_value(opened)
    factor = 1
    if size is not None and width * height > _BAND_PIXELS:
        factor = max(1, min(width, height) // (_GAP * size))
    result = Image.new("RGB", (math.ceil(width / factor), math.ceil(height / factor)))
    step = max(1, _BAND_PIXELS // (width * factor)) * factor
    for start in range(top, bottom, step):
        band = _on_white(opened.crop((left, start, right, min(start + step, bottom))), top_value)
        result.paste(band.reduce(factor) if factor > 1 else band, (0, (start - top) // factor))
    return result if turn is None else result.transpose(turn)


def _orientation(opened: Image.Image) -> int:
    """Return how a picture is turned, 1 to 8; 1, upright, where the metadata is damaged."""
    try:
        value = opened.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow's parser raises almost anything; the pixels are whole
        return 1
    return value if value in _TURNS else 1


def _pixel_range(shares: Sequence[float], side: int) -> tuple[int, int]:
    """Return where a part of a side begins and ends in pixels, at least one."""
    start, end = (round(share * side) for share in shares)
    return start, max(end, start + 1)


def _top_value(opened: Image.Image) -> float:
    """Return the value of white in a gray picture with more than 8 bits, by its largest value.

    Raises:
        DataError: The values are in no range that pictures have.
    """
    if opened.mode.startswith("I;16"):
        return 65535
    if opened.mode not in _DEEP_MODES:
        return 255
    low, high = np.ravel(opened.getextrema()).tolist()
    ranges = (1.0, 255.0, 65535.0) if opened.mode == "F" else (255.0, 65535.0, 2.0**31 - 1)
    white = next((white for white in ranges if high <= white), None)
    if white is None or not low >= 0:
        raise DataError(
            f"The values of the picture, {low:g} to {high:g}, are in no known range.",
            hint="Save it with 8 or 16 bits a channel.",
        )
    return white


def _on_white(picture: Image.Image, top_value: float) -> Image.Image:
    """Return part of a picture as RGB, over white where it is transparent.

    Args:
        picture: In any mode.
        top_value: The value of white, in a gray picture with more than 8 bits.
    """
    if picture.mode.startswith("I;16") or picture.mode in _DEEP_MODES:
        # Pillow would clip the values instead of scaling them
        scaled = np.asarray(picture, dtype=np.float64) * (255.999 / top_value)
        return Image.fromarray(np.minimum(scaled, 255).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer).convert("RGB")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn any exception from reading the picture file into a ``DataError``."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"The picture {path} is missing.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is not a picture, or its format is not supported.",
            hint=f"Use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.",
        ) from error
    except Exception as error:  # Pillow's readers raise almost anything on damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"The picture {path} cannot be read: {error.strerror}.") from error
        raise DataError(f"The picture {path} is damaged or truncated: {error}.") from error
