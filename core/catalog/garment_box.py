"""Trims a picture to the garment: finds a background of one color, and cuts it off.

The color is that of the picture's border. A busy background has none, and such a picture stays
whole; so does one in which hardly anything differs from its border, as white on white.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixel = TypeVar("Pixel", np.uint8, np.int16)

ANALYZED = 160
"""Longer side, in pixels, of the copy in which the garment is looked for."""

TOLERANCE = 14
"""How far a channel of the background may be from the border's color, of 255: noise and the soft
shading of a studio are less, the edge of a white garment on white is more."""

LEAST_UNIFORM = 0.5
"""Share of the border that must have its color: a model may be cut off at the bottom and a side."""

LEAST_LINE = 0.015
"""Share of a line that must differ from the background: specks do not count."""

LEAST_SIDE = 0.2
"""A garment smaller than this share of a side is not believed in: it is a button, or a label."""

MARGIN = 0.03
"""What is left around the garment, as a share of its longer side."""


def trimmed(picture: Image.Image) -> Image.Image:
    """Return the part of a picture around its garment, or the whole picture.

    Args:
        picture: RGB.
    """
    box = garment_box(picture)
    return picture if box == (0, 0, *picture.size) else picture.crop(box)


def garment_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the garment with its margin, in pixels.

    Args:
        picture: RGB.
    """
    width, height = picture.size
    whole = (0, 0, width, height)
    scale = min(1.0, ANALYZED / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.int16)
    border = border_of(pixels)
    color = np.median(border, axis=0).astype(np.int16)
    if _differs(border, color).mean() > 1 - LEAST_UNIFORM:
        return whole
    is_garment = _differs(pixels, color)  # (H, W)
    rows, columns = _extent(is_garment.mean(axis=1)), _extent(is_garment.mean(axis=0))
    if rows is None or columns is None:
        return whole
    (top, bottom), (left, right) = rows, columns
    if right - left < LEAST_SIDE * size[0] or bottom - top < LEAST_SIDE * size[1]:
        return whole
    across, down = width / size[0], height / size[1]
    margin = MARGIN * max((right - left) * across, (bottom - top) * down)
    return (
        max(0, math.floor(left * across - margin)),
        max(0, math.floor(top * down - margin)),
        min(width, math.ceil(right * across + margin)),
        min(height, math.ceil(bottom * down + margin)),
    )


def border_of(pixels: NDArray[Pixel]) -> NDArray[Pixel]:
    """Return the outermost pixels (B, 3) of a picture (H, W, 3)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _differs(pixels: NDArray[np.int16], color: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Tell which pixels (..., 3) are not of the background."""
    is_other: NDArray[np.bool_] = np.abs(pixels - color).max(axis=-1) > TOLERANCE
    return is_other


def _extent(shares: NDArray[np.floating]) -> tuple[int, int] | None:
    """Return where the garment begins and ends, by its share of each line; None without one."""
    lines = np.flatnonzero(shares > LEAST_LINE)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else None
