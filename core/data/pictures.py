"""Reading pictures: every file either becomes an upright RGB picture or a ``DataError``.

Nothing else leaves this module: no exception of Pillow's and no warning about decompression bombs.
An item's picture may be a part of a file: its box stands behind the path as a W3C media fragment,
``photo.jpg#xywh=x,y,w,h``, in pixels of the upright picture.
"""

import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from datrnet.core.errors import DataError

MAX_PIXELS = 64_000_000
"""A larger picture is refused before it is decoded: 64 million pixels take 192 MB of memory."""

WHITE = (255, 255, 255, 255)

_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""Values of that EXIF tag with which width and height change places."""

_MARK = "#xywh="
_FRAGMENT = re.compile(_MARK + r"(?:pixel:)?([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")

_opening = threading.Lock()


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
    """What is shown of an item: a file, or the part of it inside a box."""

    path: Path
    box: Box | None = None

    @classmethod
    def parse(cls, text: str, folder: Path = Path()) -> "Picture":
        """Return the picture that a stored path names, with its fragment if it has one.

        Args:
            text: A path, as it stands in the database or in a catalogue file.
            folder: What a relative path counts from.

        Raises:
            DataError: There is a fragment, but not four whole numbers in it.
        """
        written, fragment = cls.split(text)
        if not fragment:
            return cls(folder / written)
        found = _FRAGMENT.fullmatch(fragment)
        if found is None:
            raise DataError(
                f"The box {fragment!r} of the picture {written} is not four whole numbers.",
                mend=f"Write it as {_MARK}x,y,width,height, in pixels.",
            )
        return cls(folder / written, Box(*map(int, found.groups())))

    @staticmethod
    def split(text: str) -> tuple[str, str]:
        """Return a stored path's two parts: of the file, and the fragment or nothing."""
        written, mark, numbers = text.rpartition(_MARK)
        return (written, mark + numbers) if mark else (text, "")

    def normalized(self) -> "Picture":
        """Return the same picture without ``..`` in its path."""
        return Picture(Path(os.path.normpath(self.path)), self.box)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def __str__(self) -> str:
        """Return the path with the box behind it."""
        return f"{self.path}{self.fragment}"

    @property
    def fragment(self) -> str:
        """What stands behind the path; empty without a box."""
        return "" if self.box is None else f"{_MARK}{self.box}"


def read_picture(picture: Path | Picture, size: int | None = None) -> Image.Image:
    """Decode a picture completely: RGB, turned upright, cut to its box, on white.

    Args:
        picture: The file, or the part of one.
        size: The side length it will be shown at, if known: a JPEG is then decoded at the smallest
            scale that is not below it, which is several times faster.

    Raises:
        DataError: The file is missing, cut off, too large, or no picture; or the box lies outside.
    """
    whole = picture if isinstance(picture, Picture) else Picture(picture)
    path = whole.path
    with explained(path), _open(path) as opened:
        _refuse_too_large(opened, path)
        corners = None if whole.box is None else _corners(opened, whole)
        if size is not None:
            opened.draft("RGB", _drafted(opened.size, corners, size))
        opened.load()
        upright = _on_white(ImageOps.exif_transpose(opened))
        if corners is None:
            return upright
        left, top, right, bottom = (
            round(share * side) for share, side in zip(corners, 2 * upright.size, strict=True)
        )
        return upright.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def picture_pixels(picture: Path | Picture, size: int) -> NDArray[np.uint8]:
    """Return a picture as network input: ``(size, size, 3)``, squeezed to a square, not cropped.

    Raises:
        DataError: See ``read_picture``.
    """
    read = read_picture(picture, size)
    return np.array(read.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


def thumbnail_pixels(picture: Image.Image, size: int = 32) -> NDArray[np.uint8]:
    """Return a small copy, ``(size, size, 3)``: its proportions kept, padded in its border colour.

    Args:
        picture: RGB.
        size: Side length of the result.
    """
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    padded = np.empty((size, size, 3), dtype=np.uint8)
    padded[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    padded[top : top + height, left : left + width] = small
    return padded


def _open(path: Path) -> Image.Image:
    """Read the header only, without Pillow's own limit, which warns on standard error."""
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _corners(opened: Image.Image, picture: Picture) -> tuple[float, ...]:
    """Return left, top, right and bottom of the box, clipped, as shares of the upright picture."""
    box, (width, height) = picture.box, opened.size
    assert box is not None
    if opened.getexif().get(_ORIENTATION) in _LYING:
        width, height = height, width
    right, bottom = min(box.x + box.width, width), min(box.y + box.height, height)
    if right <= box.x or bottom <= box.y:
        raise DataError(
            f"The box {box} holds nothing of the picture {picture.path}, "
            f"which has {width} x {height} pixels.",
            mend=f"Correct the numbers behind {_MARK} (x, y, width, height), or leave them away.",
        )
    return box.x / width, box.y / height, right / width, bottom / height


def _drafted(
    full: tuple[int, int], corners: tuple[float, ...] | None, size: int
) -> tuple[int, int]:
    """Return how large a picture must be decoded at least for its box to reach the size."""
    if corners is None:
        return size, size
    left, top, right, bottom = corners
    needed = math.ceil(size / min(right - left, bottom - top))
    return min(needed, full[0]), min(needed, full[1])


def _refuse_too_large(picture: Image.Image, path: Path) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise DataError(
            f"The picture {path} is too large: {width:,} x {height:,} pixels.",
            mend=f"Make it smaller; at most {MAX_PIXELS // 1_000_000} million pixels are read.",
        )


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Pillow would clip 16-bit grey instead of scaling it
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer).convert("RGB")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever reading the picture file raises into a ``DataError``."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"The picture {path} is missing.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, not a picture.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is no picture, or of an unknown format.", mend="Use JPEG, PNG or WebP."
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise DataError(f"The picture {path} cannot be read: {error.strerror}.") from error
        raise DataError(f"The picture {path} is damaged or cut off: {error}.") from error
    except Exception as error:  # Pillow's readers raise almost anything on damaged files
        raise DataError(f"The picture {path} is damaged or cut off: {error}.") from error
