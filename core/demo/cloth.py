"""Cloth: its dyes, its pattern, and the light on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.demo.attributes import SHOP
from datrnet.core.demo.canvas import Color, Floats, pixel_centers
from datrnet.core.demo.shapes import Shapes, Sleeve

Rgb = tuple[int, int, int]

COLORS: Mapping[str, tuple[Rgb, Rgb]] = SHOP["dyes"]
"""The dyes of every color: anything between two corners of RGB."""

_FIXED = {
    "ivory": (0.95, 0.93, 0.87),
    "charcoal": (0.15, 0.16, 0.19),
    "metal": (0.86, 0.87, 0.89),
    "wood": (0.52, 0.33, 0.17),
}
_LUMINANCE = np.array([0.30, 0.59, 0.11], dtype=np.float32)


def dye(color: str, rng: np.random.Generator) -> dict[str, Color]:
    """Draw the exact colors of one garment.

    Args:
        color: Value of the color.
        rng: The source of the exact shade.

    Returns:
        Colors (3,), 0 to 1, by name: the cloth ("base"), the pattern's second color, a step lighter
        or darker than the cloth for what is sewn on ("tone"), what is seen inside the neckline
        ("lining"), buttons and cords ("contrast"), their "holes", a zip's "teeth", and materials.
    """
    dyes: dict[str, Color] = {name: np.array(rgb, dtype=np.float32) for name, rgb in _FIXED.items()}
    # one step from corner to corner: channels moving apart would tint black and gray
    low, high = map(np.array, COLORS[color])
    base = ((low + (high - low) * rng.random()) / 255).astype(np.float32)
    light = float(base @ _LUMINANCE)
    contrast = dyes["charcoal" if light > 0.57 else "ivory"]
    jitter = np.float32(rng.uniform(-0.03, 0.03))
    if light > 0.45:
        tone, lining = base * np.float32(0.75), base * np.float32(0.42)
    elif light > 0.2:
        tone, lining = base + (1 - base) * np.float32(0.30), base * np.float32(0.36)
    else:
        tone, lining = base + (1 - base) * np.float32(0.24), base + (1 - base) * np.float32(0.58)
    return dyes | {
        "base": base,
        "second": np.clip(contrast + jitter, 0, 1),
        "tone": tone,
        "lining": lining,
        "contrast": contrast,
        "holes": 1 - contrast,
        "teeth": dyes["charcoal" if contrast.mean() > 0.5 else "metal"],
    }


# ── patterns: functions of cloth coordinates, which follow the body and turn with sleeves ──

_NOISE_SIDE = 256


def pattern_cover(name: str, u: Floats, v: Floats, grow: float) -> Floats | None:
    """Return the share of the second color, 0 to 1, at cloth coordinates; None where it is plain.

    Args:
        name: Value of the pattern.
        u: Across the cloth, in garment units.
        v: Down the cloth.
        grow: Size of the repeat, about 1.
    """
    u, v = u / np.float32(grow), v / np.float32(grow)
    match name:
        case "striped":
            return _soft(4.6 - _wave(v, 22))
        case "pinstripe":
            return _soft(1.9 - _wave(u, 13))
        case "checked":
            return (_soft(5 - _wave(u, 20)) + _soft(5 - _wave(v, 20))) * np.float32(0.5)
        case "polka dot":
            row = np.floor(v / 16)
            return _soft(4.6 - _length(_wave(u + row * 9, 18), v - (row + 0.5) * 16))
        case "zigzag":
            return _soft(4.4 - _wave(v + _wave(u, 28) * 1.25, 24))
        case "argyle":
            diamond = _wave(u + 17 * np.floor(v / 46), 34) / 34 + _wave(v, 46) / 46
            line = _soft(0.8 - np.abs(diamond - 0.22) * 30)
            return np.asarray(np.clip(_soft((0.40 - diamond) * 30) - line, 0, 1))
        case "floral":
            row = np.floor(v / 30)
            shifted = u + row * 15
            column = np.floor(shifted / 30)
            odd = np.sin(row * 12.99 + column * 78.23) * 3
            from_u = shifted - (column + 0.5) * 30 + odd
            from_v = v - (row + 0.5) * 30 - odd
            reach, angle = _length(from_u, from_v), np.arctan2(from_v, from_u)
            petals = _soft(7.2 + 3.6 * np.cos(5 * angle + odd) - reach)
            heart = _soft(2.6 - reach)
            return np.asarray(petals * (np.float32(1) - heart))
        case "camouflage":
            rows = (v.astype(np.int32) * 2) % _NOISE_SIDE
            columns = (u.astype(np.int32) * 2) % _NOISE_SIDE
            return np.asarray(_blotches()[rows, columns])
        case "color block":
            return _soft(v - 174)
    return None


def _soft(edge: NDArray[Any], width: float = 1.0) -> Floats:
    """Turn a signed distance, positive inside, into cover with soft edges."""
    cover: Floats = np.clip(edge / np.float32(width) + np.float32(0.5), 0, 1)
    return cover


def _wave(at: Floats, period: int) -> Floats:
    """Return the distance to the middle of the nearest band of a repeat."""
    part = (at / np.float32(period)) % np.float32(1)
    distance: Floats = np.abs(part - np.float32(0.5)) * np.float32(period)
    return distance


def _length(x: NDArray[Any], y: NDArray[Any]) -> Floats:
    length: Floats = np.sqrt(x * x + y * y)
    return length


@lru_cache(maxsize=1)
def _blotches() -> Floats:
    """Return seamless camouflage blotches: two levels of the second color."""
    coarse = np.random.default_rng(7).normal(size=(13, 13)).astype(np.float32)
    side = _NOISE_SIDE * 3
    tiled = Image.fromarray(np.tile(coarse, (3, 3)))
    smooth = np.asarray(tiled.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
    middle = slice(_NOISE_SIDE, 2 * _NOISE_SIDE)
    return _soft(smooth[middle, middle] - np.float32(0.15), 0.12) * np.float32(0.85)


# ── light: round bodies and arms, folds, the weave, and the studio around it ──

_GRAIN_MARGIN = 64
_FOLD_DEPTH = np.float32(2.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The studio's light on one picture."""

    side: float
    strength: float
    warmth: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light that never makes one color look like another."""
    side, strength, warmth = rng.uniform(-1, 1, 3)
    return Light(side=side, strength=1.0 + 0.035 * strength, warmth=0.012 * warmth)


def studio(size: tuple[int, int], light: Light, rng: np.random.Generator) -> Floats:
    """Return an empty studio: near white, a little darker toward floor and corners."""
    rows, columns = pixel_centers(size)
    across = columns / np.float32(size[0]) - np.float32(0.5)
    down = rows / np.float32(size[1]) - np.float32(0.45)
    level = np.float32(0.945 + rng.uniform(-0.012, 0.012)) - np.float32(0.12) * (
        across * across + down * down
    )
    level += across * np.float32(0.03 * light.side)
    tint = np.array([1 + light.warmth, 1.0, 1 - light.warmth], dtype=np.float32)
    empty: Floats = level * tint[:, None, None]
    return empty


def body_shade(
    x: Floats, y: Floats, shapes: Shapes, light: Light, rng: np.random.Generator
) -> Floats:
    """Return the light on the body at garment coordinates."""
    across, hem_y = x / np.float32(shapes.length("chest")), shapes.length("hem_y")
    round_body = np.float32(1.03) - np.float32(0.17) * across * across * np.abs(across)
    shade: Floats = round_body + across * np.float32(0.06 * light.side)
    shade -= np.float32(0.05) * np.clip((y - hem_y + 40) / np.float32(40), 0, 1)
    return shade + _folds(x, y, _body_folds(shapes, rng))


def sleeve_shade(
    x: Floats, y: Floats, sleeve: Sleeve, light: Light, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return the light on a sleeve and its cloth coordinates (across, along)."""
    along_x, along_y = (np.float32(part) for part in sleeve.along)
    from_x, from_y = x - np.float32(sleeve.start[0]), y - np.float32(sleeve.start[1])
    along = from_x * along_x + from_y * along_y
    across = from_x * along_y - from_y * along_x
    outward = across * np.float32(np.sign(sleeve.start[0]))
    part = across / np.float32(sleeve.half_width)
    shade = np.float32(1.0) - np.float32(0.13) * np.minimum(part * part, np.float32(2.5))
    shade += part * np.float32(0.07 * light.side)
    # the body keeps light from the inner side of the arm
    shade -= np.float32(0.10) * np.clip(-outward / np.float32(14), 0, 1)
    num = max(1, round(sleeve.length / 38))
    columns = [
        rng.uniform(-6, 6, num),
        np.linspace(0.25, 0.85, num) * sleeve.length + rng.uniform(-6, 6, num),
        rng.uniform(0.2, 0.6, num) * rng.choice([-1.0, 1.0], num) + np.pi / 2,
        np.full(num, 13.0),
        rng.uniform(2.5, 4.5, num),
        rng.uniform(0.04, 0.10, num),
    ]
    folds = np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")
    return shade + _folds(across, along, folds), across, along


def grain(shape: tuple[int, int], knitted: bool, rng: np.random.Generator) -> Floats:
    """Return the cloth's own texture around 1: a weave, or the ribs of a knit."""
    texture = _ribs() if knitted else _weave()
    top, left = (int(start) for start in rng.integers(0, _GRAIN_MARGIN, 2))
    rows = np.arange(top, top + shape[0]) % texture.shape[0]
    columns = np.arange(left, left + shape[1]) % texture.shape[1]
    piece: Floats = texture[rows[:, None], columns]
    return piece


def _body_folds(shapes: Shapes, rng: np.random.Generator) -> Floats:
    """Return folds (N, 6): middle x and y, angle from vertical, half length, width, depth."""
    chest, waist, armpit, hem_y = map(shapes.length, ("chest", "waist", "armpit", "hem_y"))
    side = np.array([-1.0, 1.0, -1.0, 1.0, rng.choice([-1.0, 1.0]), 1.0, -1.0])
    folds = np.empty((7, 6), dtype=np.float32)
    folds[:2, 0], folds[:2, 1] = side[:2] * (chest - 13), armpit + 9
    folds[:2, 2] = side[:2] * rng.uniform(0.7, 1.1, 2)
    folds[2:4, 0] = side[2:4] * (waist - 14)
    folds[2:4, 1] = armpit + rng.uniform(38, 58, 2)
    folds[2:4, 2] = -side[2:4] * rng.uniform(0.7, 1.2, 2)
    folds[4:, 0] = np.array([-24.0, 20.0, 2.0]) + rng.uniform(-9, 9, 3)
    folds[4:, 1] = hem_y - rng.uniform(24, 52, 3)
    folds[4:, 2] = rng.uniform(-0.25, 0.25, 3)
    folds[:4, :2] += rng.uniform(-7, 7, (4, 2))
    folds[:, 3] = rng.uniform(14, 30, 7)
    folds[:, 4] = rng.uniform(2.8, 6.0, 7)
    folds[:, 5] = rng.uniform(0.02, 0.105, 7)
    return folds


def _folds(x: Floats, y: Floats, folds: Floats) -> Floats:
    """Return light and dark along folds: each is a ridge, lit on one side."""
    # folds are soft, so half the resolution is enough
    coarse_x, coarse_y = x[::2, ::2], y[::2, ::2]
    total = np.zeros_like(coarse_x)
    for middle_x, middle_y, angle, half_length, width, depth in folds:
        from_x, from_y = coarse_x - middle_x, coarse_y - middle_y
        sine, cosine = np.sin(angle), np.cos(angle)
        across = from_x * (cosine / width) - from_y * (sine / width)
        along = from_x * (sine / half_length) + from_y * (cosine / half_length)
        ridge = np.exp(-across * across - along * along)
        total -= depth * _FOLD_DEPTH * (across + np.float32(0.5)) * ridge
    size = (x.shape[1], x.shape[0])
    return np.asarray(Image.fromarray(total).resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def _weave() -> Floats:
    def threads(seed: int, axis: int) -> Floats:
        noise = np.random.default_rng(seed).normal(size=(320, 320)).astype(np.float32)
        return noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)

    woven: Floats = np.float32(1) + np.float32(0.008) * (threads(11, 0) + threads(12, 1))
    return woven


@lru_cache(maxsize=1)
def _ribs() -> Floats:
    columns = np.arange(320, dtype=np.float32)
    rib = np.sin(columns * np.float32(2 * np.pi / 4))[None, :] * np.float32(0.022)
    stitch = np.sin(columns * np.float32(2 * np.pi / 3))[:, None] * np.float32(0.006)
    ribbed: Floats = _weave() + rib + stitch
    return ribbed
