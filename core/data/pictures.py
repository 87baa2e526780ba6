"""Reading pictures: every file either becomes an upright RGB picture or a ``DataError``.

Nothing else leaves this module: no exception of Pillow's and no warning about decompression bombs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from datrnet.core.errors import DataError

MAX_PIXELS = 64_000_000
"""A larger picture is refused before it is decoded: 64 million pixels take 192 MB of memory."""

WHITE = (255, 255, 255, 255)

_opening = threading.Lock()


def read_picture(path: Path, size: int | None = None) -> Image.Image:
    """Decode a picture completely: RGB, turned upright, transparent parts on white.

    Args:
        path: The file.
        size: The side length it will be shown at, if known: a JPEG is then decoded at the smallest
            scale that is not below it, which is several times faster.

    Raises:
        DataError: The file is missing, cut off, too large, or no picture.
    """
    with explained(path), _open(path) as opened:
        _refuse_too_large(opened, path)
        if size is not None:
            opened.draft("RGB", (size, size))
        opened.load()
        return _on_white(ImageOps.exif_transpose(opened))


def picture_pixels(path: Path, size: int) -> NDArray[np.uint8]:
    """Return a picture as network input: ``(size, size, 3)``, squeezed to a square, not cropped.

    Raises:
        DataError: See ``read_picture``.
    """
    picture = read_picture(path, size)
    return np.array(picture.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


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
