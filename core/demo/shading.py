"""Light on cloth: round bodies and arms, folds, the weave, and the studio around it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from datrnet.core.demo.canvas import Floats, pixel_centres
from datrnet.core.demo.cuts import Cut
from datrnet.core.demo.sleeves import Sleeve

_GRAIN_MARGIN = 64
_FOLD_DEPTH = np.float32(2.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The studio's light on one picture."""

    side: float
    strength: float
    warmth: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light that never makes one colour look like another."""
    side, strength, warmth = rng.uniform(-1, 1, 3)
    return Light(side=side, strength=1.0 + 0.035 * strength, warmth=0.012 * warmth)


def studio(size: tuple[int, int], light: Light, rng: np.random.Generator) -> Floats:
    """Return an empty studio: near white, a little darker towards floor and corners."""
    rows, columns = pixel_centres(size)
    across = columns / np.float32(size[0]) - np.float32(0.5)
    down = rows / np.float32(size[1]) - np.float32(0.45)
    level = np.float32(0.945 + rng.uniform(-0.012, 0.012)) - np.float32(0.12) * (
        across * across + down * down
    )
    level += across * np.float32(0.03 * light.side)
    tint = np.array([1 + light.warmth, 1.0, 1 - light.warmth], dtype=np.float32)
    empty: Floats = level * tint[:, None, None]
    return empty


def body_shade(x: Floats, y: Floats, cut: Cut, light: Light, rng: np.random.Generator) -> Floats:
    """Return the light on the body at garment coordinates."""
    across = x / np.float32(cut.chest)
    round_body = np.float32(1.03) - np.float32(0.17) * across * across * np.abs(across)
    shade: Floats = round_body + across * np.float32(0.06 * light.side)
    shade -= np.float32(0.05) * np.clip((y - cut.hem_y + 40) / np.float32(40), 0, 1)
    return shade + _folds(x, y, _body_folds(cut, rng))


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
    num_folds = max(1, round(sleeve.length / 38))
    folds = np.empty((num_folds, 6), dtype=np.float32)
    folds[:, 0] = rng.uniform(-6, 6, num_folds)
    folds[:, 1] = np.linspace(0.25, 0.85, num_folds) * sleeve.length + rng.uniform(-6, 6, num_folds)
    folds[:, 2] = rng.uniform(0.2, 0.6, num_folds) * rng.choice([-1.0, 1.0], num_folds) + np.pi / 2
    folds[:, 3], folds[:, 4] = 13.0, rng.uniform(2.5, 4.5, num_folds)
    folds[:, 5] = rng.uniform(0.04, 0.10, num_folds)
    return shade + _folds(across, along, folds), across, along


def grain(shape: tuple[int, int], knitted: bool, rng: np.random.Generator) -> Floats:
    """Return the cloth's own texture around 1: a weave, or the ribs of a knit."""
    texture = _ribs() if knitted else _weave()
    top, left = (int(start) for start in rng.integers(0, _GRAIN_MARGIN, 2))
    rows = np.arange(top, top + shape[0]) % texture.shape[0]
    columns = np.arange(left, left + shape[1]) % texture.shape[1]
    piece: Floats = texture[rows[:, None], columns]
    return piece


def _body_folds(cut: Cut, rng: np.random.Generator) -> Floats:
    """Return folds (N, 6): middle x and y, angle from vertical, half length, width, depth."""
    side = np.array([-1.0, 1.0, -1.0, 1.0, rng.choice([-1.0, 1.0]), 1.0, -1.0])
    folds = np.empty((7, 6), dtype=np.float32)
    folds[:2, 0], folds[:2, 1] = side[:2] * (cut.chest - 13), cut.armpit_y + 9
    folds[:2, 2] = side[:2] * rng.uniform(0.7, 1.1, 2)
    folds[2:4, 0], folds[2:4, 1] = (
        side[2:4] * (cut.waist - 14),
        cut.armpit_y + rng.uniform(38, 58, 2),
    )
    folds[2:4, 2] = -side[2:4] * rng.uniform(0.7, 1.2, 2)
    folds[4:, 0] = np.array([-24.0, 20.0, 2.0]) + rng.uniform(-9, 9, 3)
    folds[4:, 1] = cut.hem_y - rng.uniform(24, 52, 3)
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
    noise = np.random.default_rng(11).normal(size=(320, 320)).astype(np.float32)
    along = noise + np.roll(noise, 1, axis=0) + np.roll(noise, 2, axis=0)
    across = np.random.default_rng(12).normal(size=(320, 320)).astype(np.float32)
    across = across + np.roll(across, 1, axis=1) + np.roll(across, 2, axis=1)
    woven: Floats = np.float32(1) + np.float32(0.008) * (along + across)
    return woven


@lru_cache(maxsize=1)
def _ribs() -> Floats:
    columns = np.arange(320, dtype=np.float32)
    rib = np.sin(columns * np.float32(2 * np.pi / 4))[None, :] * np.float32(0.022)
    stitch = np.sin(columns * np.float32(2 * np.pi / 3))[:, None] * np.float32(0.006)
    ribbed: Floats = _weave() + rib + stitch
    return ribbed
