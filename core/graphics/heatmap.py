"""Heatmap overlays: a heatmap in color over a picture, and a frame around a region of it."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Region = tuple[float, float, float, float]
"""Top, left, bottom, right of a box, as shares of the picture's sides."""

ANCHORS = (
    (62, 44, 122),
    (136, 46, 138),
    (206, 66, 104),
    (244, 122, 54),
    (253, 196, 72),
    (255, 250, 190),
)
"""Colors of the ramp from cold to hot, evenly spaced and each lighter than the last, so that the
order is visible without distinguishing hues."""

FRAME = (70, 225, 255)
"""Color of a frame: far from every color of the ramp."""

FRAME_SHARE = 1 / 40
"""Width of a frame, as a share of the picture's shorter side."""

DARKEST = 0.4
"""Brightness of the ramp on black pixels: the picture shades the ramp, so that its contours stay
visible in hot and cold places, on dark and light garments alike."""


def ramp(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colors (..., 3), 0 to 255, of heat values (...) in [0, 1]."""
    steps = np.linspace(0, 1, len(ANCHORS))
    channels = [np.interp(heat, steps, channel) for channel in zip(*ANCHORS, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32)


def overlay_heatmap(
    picture: Image.Image, heat: NDArray[np.float32], region: Region | None = None
) -> Image.Image:
    """Return a picture under a heatmap, at the picture's size.

    Args:
        picture: RGB.
        heat: (h, w) in [0, 1], of any size; stretched over the whole picture.
        region: The part to draw a frame around.
    """
    stretched = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32)).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    values = np.clip(np.asarray(stretched), 0, 1)  # (H, W)
    light = np.asarray(picture.convert("L"), dtype=np.float32)[..., None] / 255
    shaded = ramp(values) * (DARKEST + (1 - DARKEST) * light)  # (H, W, 3)
    result = Image.fromarray((shaded + 0.5).astype(np.uint8))
    if region is not None:
        _frame(result, region)
    return result


def _frame(picture: Image.Image, region: Region) -> None:
    """Draw a frame just inside the edges of a region, at least one pixel large."""
    from PIL import ImageDraw

    width, height = picture.size
    top, left, bottom, right = region
    first = (min(round(left * width), width - 1), min(round(top * height), height - 1))
    last = (
        max(round(right * width) - 1, first[0]),
        max(round(bottom * height) - 1, first[1]),
    )
    thickness = max(1, math.ceil(min(width, height) * FRAME_SHARE))
    ImageDraw.Draw(picture).rectangle((first, last), outline=FRAME, width=thickness)
