"""The surface a garment is painted on, in the units of ``garments.toml``.

Only the rectangle that a patch touches is ever computed.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from datrnet.core.demo.shapes import Points

Floats = NDArray[np.float32]
Color = Floats
"""A color (3,), or one for every pixel (3, H, W), from 0 to 1."""

WIDTH, HEIGHT = 192.0, 256.0
OVERSAMPLING = 3

_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_UNIT_RIM = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True, slots=True)
class Patch:
    """Where paint goes: a rectangle of the picture and how much of each pixel is covered."""

    box: tuple[slice, slice]
    """Rows and columns."""
    cover: Floats


@dataclass(frozen=True, slots=True)
class _Mask:
    """A mask being drawn: its rectangle, and the outlines in its own pixels."""

    box: tuple[slice, slice]
    outlines: list[list[float]]
    image: Image.Image

    def fill(self) -> None:
        draw = ImageDraw.Draw(self.image)
        for outline in self.outlines:
            draw.polygon(outline, fill=255)

    def patch(self, image: Image.Image) -> Patch:
        return Patch(self.box, np.asarray(image, dtype=np.float32) * np.float32(1 / 255))


class Canvas:
    """A picture in progress, in floats from 0 to 1."""

    def __init__(
        self,
        size: tuple[int, int],
        background: Floats,
        *,
        angle: float,
        zoom: float,
        shift: tuple[float, float],
    ) -> None:
        """Start with ``background`` (3, H, W), and turn, scale and move what is painted."""
        self.size = size
        self.pixels = background
        sine, cosine = np.sin(angle), np.cos(angle)
        turn = zoom * np.array([[cosine, -sine], [sine, cosine]])
        scale = np.array([size[0] / WIDTH, size[1] / HEIGHT])
        center = np.array([WIDTH / 2 + shift[0], HEIGHT / 2 + shift[1]])
        self._matrix = scale[:, None] * turn
        self._offset = scale * (center - turn @ np.array([0.0, HEIGHT / 2]))
        self._scale = float(scale.mean() * zoom)
        rows, columns = pixel_centers(size)
        inverse = np.linalg.inv(self._matrix).astype(np.float32)
        left = columns - np.float32(self._offset[0])
        top = rows - np.float32(self._offset[1])
        self.x: Floats = inverse[0, 0] * left + inverse[0, 1] * top
        self.y: Floats = inverse[1, 0] * left + inverse[1, 1] * top

    def area(self, *outlines: Points) -> Patch:
        """Return the patch inside closed outlines."""
        mask = self._mask(outlines, margin=1.0, scale=OVERSAMPLING)
        mask.fill()
        return mask.patch(mask.image.reduce(OVERSAMPLING))

    def strokes(self, lines: list[Points], width: float) -> Patch:
        """Return the patch along open lines, of a width in garment units."""
        mask = self._mask(tuple(lines), margin=width + 1.0, scale=OVERSAMPLING)
        draw = ImageDraw.Draw(mask.image)
        pixels = max(1, round(width * self._scale * OVERSAMPLING))
        for line in mask.outlines:
            draw.line(line, fill=255, width=pixels, joint="curve")
        return mask.patch(mask.image.reduce(OVERSAMPLING))

    def discs(self, centers: Points, radius: float) -> Patch:
        """Return the patch of equal discs around centers."""
        return self.area(*(center + radius * _UNIT_RIM for center in centers))

    def paint(self, patch: Patch, color: Color, shade: Floats | float = 1.0) -> None:
        """Lay a color over a patch, made lighter or darker by ``shade``."""
        below = self.pixels[:, *patch.box]
        paint = color if color.ndim == 3 else color[:, None, None]
        lit = paint * (shade if isinstance(shade, np.ndarray) else np.float32(shade))
        below += patch.cover * (lit - below)

    def darken(self, patch: Patch, strength: float) -> None:
        """Take away light where a patch is; a negative strength adds some."""
        self.pixels[:, *patch.box] *= 1 - np.float32(strength) * patch.cover

    def shadow(self, *outlines: Points, blur: float, strength: float, drop: float) -> None:
        """Let outlines throw a soft shadow on what is painted so far."""
        fallen = tuple(np.add(outline, (drop * 0.4, drop)) for outline in outlines)
        # what is very soft needs no full resolution
        scale = 1.0 if blur <= 3 else 0.5
        mask = self._mask(fallen, margin=2.5 * blur, scale=scale)
        mask.fill()
        soft = mask.image.filter(ImageFilter.BoxBlur(blur * self._scale * scale))
        if scale < 1:
            soft = soft.filter(ImageFilter.BoxBlur(blur * self._scale * scale * 0.6))
            rows, columns = mask.box
            size = columns.stop - columns.start, rows.stop - rows.start
            soft = soft.resize(size, Image.Resampling.BILINEAR)
        self.darken(mask.patch(soft), strength)

    def picture(self) -> Image.Image:
        """Return the finished picture."""
        levels = np.clip(self.pixels * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
        return Image.merge("RGB", [Image.fromarray(plane) for plane in levels])

    def _mask(self, outlines: tuple[Points, ...], margin: float, scale: float) -> _Mask:
        """Return an empty mask just large enough for outlines, and the outlines placed in it."""
        placed = np.concatenate(outlines) @ self._matrix.T + self._offset
        edge = margin * self._scale
        (low_x, low_y), (high_x, high_y) = placed.min(axis=0).tolist(), placed.max(axis=0).tolist()
        left = min(max(floor(low_x - edge), 0), self.size[0] - 1)
        top = min(max(floor(low_y - edge), 0), self.size[1] - 1)
        right = max(min(ceil(high_x + edge), self.size[0]), left + 1)
        bottom = max(min(ceil(high_y + edge), self.size[1]), top + 1)
        # Pillow's whole numbers are the centers of pixels
        local = (placed - (left, top)) * scale - 0.5
        ends = np.cumsum([len(outline) for outline in outlines])[:-1]
        size = (ceil((right - left) * scale), ceil((bottom - top) * scale))
        return _Mask(
            (slice(top, bottom), slice(left, right)),
            [part.ravel().tolist() for part in np.split(local, ends)],
            Image.new("L", size),
        )


@lru_cache(maxsize=4)
def pixel_centers(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the row and column coordinates of every pixel's center, each (H, W)."""
    columns, rows = np.meshgrid(
        np.arange(size[0], dtype=np.float32) + np.float32(0.5),
        np.arange(size[1], dtype=np.float32) + np.float32(0.5),
    )
    return rows, columns
