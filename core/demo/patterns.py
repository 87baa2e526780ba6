"""Printed and woven patterns: how much of the second colour lies at each point of the cloth.

A pattern is a function of cloth coordinates, so that it follows the body and turns with sleeves.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from datrnet.core.demo.canvas import Floats

_NOISE_SIDE = 256


def pattern_cover(name: str, u: Floats, v: Floats, grow: float) -> Floats | None:
    """Return the share of the second colour, 0 to 1, at cloth coordinates.

    Args:
        name: Value of the pattern.
        u: Across the cloth, in garment units.
        v: Down the cloth.
        grow: Size of the repeat, about 1.
    """
    draw = _PATTERNS.get(name)
    return None if draw is None else draw(u / np.float32(grow), v / np.float32(grow))


def _soft(edge: Floats, width: float = 1.0) -> Floats:
    """Turn a signed distance, positive inside, into cover with soft edges."""
    cover: Floats = np.clip(edge / np.float32(width) + np.float32(0.5), 0, 1)
    return cover


def _wave(at: Floats, period: float) -> Floats:
    """Return the distance to the middle of the nearest band of a repeat."""
    part = (at / np.float32(period)) % np.float32(1)
    distance: Floats = np.abs(part - np.float32(0.5)) * np.float32(period)
    return distance


def _striped(u: Floats, v: Floats) -> Floats:
    return _soft(np.float32(4.6) - _wave(v, 22.0))


def _pinstripe(u: Floats, v: Floats) -> Floats:
    return _soft(np.float32(1.9) - _wave(u, 13.0))


def _checked(u: Floats, v: Floats) -> Floats:
    across, down = _soft(np.float32(5.0) - _wave(u, 20.0)), _soft(np.float32(5.0) - _wave(v, 20.0))
    return (across + down) * np.float32(0.5)


def _polka_dot(u: Floats, v: Floats) -> Floats:
    row = np.floor(v / np.float32(16))
    from_u = _wave(u + row * np.float32(9), 18.0)
    from_v = v - (row + np.float32(0.5)) * np.float32(16)
    return _soft(np.float32(4.6) - np.sqrt(from_u * from_u + from_v * from_v))


def _zigzag(u: Floats, v: Floats) -> Floats:
    return _soft(np.float32(4.4) - _wave(v + _wave(u, 28.0) * np.float32(1.25), 24.0))


def _argyle(u: Floats, v: Floats) -> Floats:
    row = np.floor(v / np.float32(46))
    across = _wave(u + np.float32(17) * row, 34.0) / np.float32(34)
    diamond = across + _wave(v, 46.0) / np.float32(46)
    inside = _soft((np.float32(0.40) - diamond) * np.float32(30))
    line = _soft(np.float32(0.8) - np.abs(diamond - np.float32(0.22)) * np.float32(30))
    cover: Floats = np.clip(inside - line, 0, 1)
    return cover


def _floral(u: Floats, v: Floats) -> Floats:
    row = np.floor(v / np.float32(30))
    shifted = u + row * np.float32(15)
    column = np.floor(shifted / np.float32(30))
    odd = np.sin(row * np.float32(12.99) + column * np.float32(78.23)) * np.float32(3)
    from_u = shifted - (column + np.float32(0.5)) * np.float32(30) + odd
    from_v = v - (row + np.float32(0.5)) * np.float32(30) - odd
    reach, angle = np.sqrt(from_u * from_u + from_v * from_v), np.arctan2(from_v, from_u)
    petals = np.float32(7.2) + np.float32(3.6) * np.cos(np.float32(5) * angle + odd)
    return _soft(petals - reach) * (1 - _soft(np.float32(2.6) - reach))


def _camouflage(u: Floats, v: Floats) -> Floats:
    noise = _blotches()
    rows = (v.astype(np.int32) * 2) % _NOISE_SIDE
    columns = (u.astype(np.int32) * 2) % _NOISE_SIDE
    cover: Floats = noise[rows, columns]
    return cover


def _colour_block(u: Floats, v: Floats) -> Floats:
    return _soft(v - np.float32(174))


@lru_cache(maxsize=1)
def _blotches() -> Floats:
    """Return seamless camouflage blotches: two levels of the second colour."""
    rng = np.random.default_rng(7)
    coarse = rng.normal(size=(13, 13)).astype(np.float32)
    tiled = np.tile(coarse, (3, 3))
    side = _NOISE_SIDE * 3
    smooth = np.asarray(
        Image.fromarray(tiled).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32
    )[_NOISE_SIDE : 2 * _NOISE_SIDE, _NOISE_SIDE : 2 * _NOISE_SIDE]
    return _soft(smooth - np.float32(0.15), 0.12) * np.float32(0.85)


_PATTERNS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "striped": _striped,
    "pinstripe": _pinstripe,
    "checked": _checked,
    "polka dot": _polka_dot,
    "zigzag": _zigzag,
    "argyle": _argyle,
    "floral": _floral,
    "camouflage": _camouflage,
    "colour block": _colour_block,
}
