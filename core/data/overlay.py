"""A map of warmth laid over a picture, as colours."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ANCHORS = (
    (62, 44, 122),
    (136, 46, 138),
    (206, 66, 104),
    (244, 122, 54),
    (253, 196, 72),
    (255, 250, 190),
)
"""The ramp from cold to hot, evenly spaced: each is lighter than the one before, so that the order
can be seen without telling the hues apart."""

DARKEST = 0.4
"""Light left of the ramp where the picture is black: the picture shades the ramp, and its contours
stay visible in hot and cold places, on dark and light garments alike."""


def ramp(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours (..., 3), 0 to 255, of warmths (...) in [0, 1]."""
    steps = np.linspace(0, 1, len(ANCHORS))
    channels = [np.interp(heat, steps, channel) for channel in zip(*ANCHORS, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32)


def overlaid(picture: Image.Image, heat: NDArray[np.float32]) -> Image.Image:
    """Return a picture under a map of warmth, of the picture's size.

    Args:
        picture: RGB.
        heat: (h, w) in [0, 1], of any size; stretched over the whole picture.
    """
    stretched = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32)).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    warmth = np.clip(np.asarray(stretched), 0, 1)  # (H, W)
    light = np.asarray(picture.convert("L"), dtype=np.float32)[..., None] / 255
    shaded = ramp(warmth) * (DARKEST + (1 - DARKEST) * light)  # (H, W, 3)
    return Image.fromarray((shaded + 0.5).astype(np.uint8))
