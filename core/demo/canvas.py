"""The surface a garment is painted on: anti-aliased patches, soft shadows, a pose.

Points are given in garment units: x runs from -96 to 96 with the garment's centre line at 0, y from
0 (top) to 256. Only the rectangle a patch touches is ever computed.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from datrnet.core.demo.curves import moved

Floats = NDArray[np.float32]
Colour = Floats

WIDTH, HEIGHT = 192.0, 256.0
OVERSAMPLING = 3

_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_UNIT_RIM = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a garment hangs in the picture: turned, scaled and moved a little."""

    angle: float = 0.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Where paint goes: a rectangle of the picture and how much of each pixel is covered."""

    rows: slice
    columns: slice
    cover: Floats

    @property
    def box(self) -> tuple[slice, slice]:
        """The rectangle as an index into the canvas."""
        return self.rows, self.columns

    @property
    def planes(self) -> tuple[slice, slice, slice]:
        """The rectangle in all three colour planes."""
        return slice(None), self.rows, self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """A mask being drawn: where it lies and the outlines in its own pixels."""

    rows: slice
    columns: slice
    placed: list[list[float]]
    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        return self.columns.stop - self.columns.start, self.rows.stop - self.rows.start

    def patch(self, mask: Image.Image) -> Patch:
        cover = np.asarray(mask, dtype=np.float32) * np.float32(1 / 255)
        return Patch(rows=self.rows, columns=self.columns, cover=cover)


class Canvas:
    """A picture in the making, in floats from 0 to 1."""

    def __init__(self, size: tuple[int, int], pose: Pose, background: Floats) -> None:
        """Start with ``background`` (3, H, W)."""
        self.size = size
        self.pixels = background
        turn = pose.zoom * np.array(
            [
                [np.cos(pose.angle), -np.sin(pose.angle)],
                [np.sin(pose.angle), np.cos(pose.angle)],
            ]
        )
        scale = np.array([size[0] / WIDTH, size[1] / HEIGHT])
        centre = np.array([WIDTH / 2 + pose.shift_x, HEIGHT / 2 + pose.shift_y])
        self._matrix = scale[:, None] * turn
        self._offset = scale * (centre - turn @ np.array([0.0, HEIGHT / 2]))
        self._scale = float(scale.mean() * pose.zoom)
        rows, columns = pixel_centres(size)
        inverse = np.linalg.inv(self._matrix).astype(np.float32)
        left = columns - np.float32(self._offset[0])
        top = rows - np.float32(self._offset[1])
        self.x: Floats = inverse[0, 0] * left + inverse[0, 1] * top
        self.y: Floats = inverse[1, 0] * left + inverse[1, 1] * top

    def area(self, *outlines: NDArray[np.float64]) -> Patch:
        """Return the patch inside closed outlines, each (N, 2)."""
        frame = self._frame(outlines, margin=1.0, scale=OVERSAMPLING)
        draw = ImageDraw.Draw(frame.image)
        for points in frame.placed:
            draw.polygon(points, fill=255)
        return frame.patch(frame.image.reduce(OVERSAMPLING))

    def strokes(self, lines: list[NDArray[np.float64]], width: float) -> Patch:
        """Return the patch along open lines, each (N, 2), of a width in garment units."""
        frame = self._frame(tuple(lines), margin=width + 1.0, scale=OVERSAMPLING)
        draw = ImageDraw.Draw(frame.image)
        pixels = max(1, round(width * self._scale * OVERSAMPLING))
        for points in frame.placed:
            draw.line(points, fill=255, width=pixels, joint="curve")
        return frame.patch(frame.image.reduce(OVERSAMPLING))

    def discs(self, centres: NDArray[np.float64], radius: float) -> Patch:
        """Return the patch of equal discs around centres (N, 2)."""
        return self.area(*(centre + radius * _UNIT_RIM for centre in centres))

    def paint(self, patch: Patch, colour: Colour, shade: Floats | float = 1.0) -> None:
        """Lay colour, (3,) or (3, h, w), over a patch, made lighter or darker by ``shade``."""
        below = self.pixels[patch.planes]
        paint = colour if colour.ndim == 3 else colour[:, None, None]
        lit = paint * (shade if isinstance(shade, np.ndarray) else np.float32(shade))
        below += patch.cover * (lit - below)

    def darken(self, patch: Patch, strength: float) -> None:
        """Take away light where a patch is; a negative strength adds some."""
        self.pixels[patch.planes] *= 1 - np.float32(strength) * patch.cover

    def shadow(
        self, *outlines: NDArray[np.float64], blur: float, strength: float, drop: float = 2.0
    ) -> None:
        """Let outlines throw a soft shadow on what is painted so far."""
        fallen = tuple(moved(outline, drop * 0.4, drop) for outline in outlines)
        # what is very soft needs no full resolution
        scale = 1.0 if blur <= 3 else 0.5
        frame = self._frame(fallen, margin=2.5 * blur, scale=scale)
        draw = ImageDraw.Draw(frame.image)
        for points in frame.placed:
            draw.polygon(points, fill=255)
        soft = frame.image.filter(ImageFilter.BoxBlur(blur * self._scale * scale))
        if scale < 1:
            soft = soft.filter(ImageFilter.BoxBlur(blur * self._scale * scale * 0.6))
            soft = soft.resize(frame.size, Image.Resampling.BILINEAR)
        self.darken(frame.patch(soft), strength)

    def picture(self) -> Image.Image:
        """Return the finished picture."""
        levels = np.clip(self.pixels * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
        return Image.merge("RGB", [Image.fromarray(plane) for plane in levels])

    def _frame(
        self, outlines: tuple[NDArray[np.float64], ...], margin: float, scale: float
    ) -> _Frame:
        """Return an empty mask just large enough for outlines, and the outlines placed in it."""
        points = np.concatenate(outlines) @ self._matrix.T + self._offset
        edge = margin * self._scale
        (low_x, low_y), (high_x, high_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        left = min(max(floor(low_x - edge), 0), self.size[0] - 1)
        top = min(max(floor(low_y - edge), 0), self.size[1] - 1)
        right = max(min(ceil(high_x + edge), self.size[0]), left + 1)
        bottom = max(min(ceil(high_y + edge), self.size[1]), top + 1)
        # Pillow's whole numbers are the middles of pixels
        local = (points - (left, top)) * scale - 0.5
        flat, placed, start = local.ravel().tolist(), [], 0
        for outline in outlines:
            placed.append(flat[start : start + 2 * len(outline)])
            start += 2 * len(outline)
        size = (ceil((right - left) * scale), ceil((bottom - top) * scale))
        return _Frame(
            rows=slice(top, bottom),
            columns=slice(left, right),
            placed=placed,
            image=Image.new("L", size),
        )


@lru_cache(maxsize=4)
def pixel_centres(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the row and column coordinates of every pixel's centre, each (H, W)."""
    columns, rows = np.meshgrid(
        np.arange(size[0], dtype=np.float32) + np.float32(0.5),
        np.arange(size[1], dtype=np.float32) + np.float32(0.5),
    )
    return rows, columns
