"""The measures and outlines of a garment, as ``garments.toml`` describes them."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Points (N, 2), x and y, in garment units."""

Length = str | float | Points
"""A length, a vector (2,), or a sum of them in words."""

DESCRIPTION: Mapping[str, Any] = tomllib.loads(
    files("datrnet.core.demo").joinpath("garments.toml").read_text("utf-8")
)

_MIRROR = np.array([-1.0, 1.0])
_TERM = re.compile(r"([+-]?)([\d.]*)([a-z_]*)")
_FULL_SLEEVE = 143.0


# ── paths ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Shapes:
    """The measures of one garment and its named paths, with which other paths are described."""

    measures: Mapping[str, Any]
    """Numbers, and the vectors (2,) of an arm."""
    paths: Mapping[str, Points]

    def where(self, measures: Mapping[str, Length]) -> "Shapes":
        """Return the shapes with further measures."""
        further = {name: self.length(value) for name, value in measures.items()}
        return replace(self, measures={**self.measures, **further})

    def length(self, length: Length) -> Any:
        """Return the value of a length."""
        if not isinstance(length, str):
            return length
        return sum(factor * (self.measures[name] if name else 1) for factor, name in _terms(length))

    def path(self, text: str) -> Points:
        """Return the points of a path."""
        path = np.empty((0, 2))
        tokens = iter(text.split())
        for token in tokens:
            if token[0] == "C":
                controls = [path[-1], *(self._point(next(tokens)) for _ in range(3))]
                further = _bernstein(int(token[1:] or 10))[1:] @ controls
            elif token == "|":
                further = mirrored(path)[::-1]
                further = further[1:] if path[-1, 0] == 0 else further
            elif (name := token.removeprefix("-")) in self.paths:
                further = self.paths[name] if name == token else self.paths[name][::-1]
            else:
                further = self._point(token)[None]
            path = np.concatenate([path, further])
        return path

    def _point(self, text: str) -> Points:
        lengths = [self.length(part) for part in text.split(",")]
        return np.array(lengths if len(lengths) == 2 else lengths[0])


@cache
def _terms(text: str) -> tuple[tuple[float, str], ...]:
    """Return the factors and measures of a sum; a number alone has no measure."""
    return tuple(
        (float(f"{sign}{factor or 1}"), name)
        for sign, factor, name in _TERM.findall(text)
        if factor or name
    )


@cache
def _bernstein(num_points: int) -> Points:
    t = np.linspace(0, 1, num_points)
    s = 1 - t
    return np.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], axis=1)


def mirrored(outline: Points) -> Points:
    """Return the outline on the other side of the center line."""
    other_side: Points = outline * _MIRROR
    return other_side


def closed(outline: Points) -> Points:
    """Return an outline that ends where it begins."""
    return np.concatenate([outline, outline[:1]])


# ── bodies ───────────────────────────────────────────────────────────────────


def make_shapes(neckline: str, rng: np.random.Generator, *, bare_arms: bool) -> Shapes:
    """Draw the measures of a garment, and make the paths of its body and neckline.

    Args:
        neckline: Value of the neckline.
        rng: The source of small variation.
        bare_arms: Whether the shoulders are cut narrower because no sleeve follows.
    """
    drawn: Mapping[str, tuple[float, float]] = DESCRIPTION["measures"]
    opening: Mapping[str, str] = DESCRIPTION["neckline"][neckline]
    measures = {
        name: middle + most * departure
        for (name, (middle, most)), departure in zip(
            drawn.items(), rng.uniform(-1, 1, len(drawn)).tolist(), strict=True
        )
    }
    measures["shoulder"] -= 8.0 if bare_arms else 0.0
    shapes = Shapes(measures, {}).where(DESCRIPTION["derived"] | {"x": opening["x"]})
    slope = measures["drop"] * max(0.0, shapes.length("x-21")) / 30.0
    shapes = shapes.where({"y": measures["neck"] + slope})
    shapes = shapes.where({"low": opening["low"]})
    shapes = shapes.where({"top": opening.get("end", "low") + "+1"})
    texts = {name: opening[name] for name in ("edge", "hole") if name in opening}
    texts |= {"body": DESCRIPTION["body"], "armhole": DESCRIPTION["armhole"]}
    return replace(shapes, paths={name: shapes.path(text) for name, text in texts.items()})


# ── sleeves ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Sleeve:
    """One sleeve: its outline and the straight arm it hangs along."""

    outline: Points
    start: Points
    along: Points
    length: float
    half_width: float

    @property
    def hem(self) -> Points:
        """The seam above the cuff."""
        return self.outline[10:12] - self.along * 5.0


def make_sleeves(name: str, shapes: Shapes) -> tuple[Sleeve, ...]:
    """Return both sleeves, or none at all.

    Args:
        name: Value of the sleeve.
        shapes: The garment's measures.
    """
    if name == "sleeveless":
        return ()
    form = DESCRIPTION["sleeve"]["straight"] | DESCRIPTION["sleeve"][name]
    reach = form["reach"] * shapes.measures["arm"]
    angle = shapes.measures["lean"] + form["outward"]
    along = np.array([np.sin(angle), np.cos(angle)])
    out = np.array([np.cos(angle), -np.sin(angle)])
    start = shapes.path("shoulder-7,shoulder_y+4")[0]
    vectors = {
        "start": start,
        "down": along * _FULL_SLEEVE * reach,
        "out": out,
        "cuff": out * (16.5 - 5.5 * reach),
    }
    outline = shapes.where(vectors).path(DESCRIPTION["arm"].format_map(form))
    length, half_width = _FULL_SLEEVE * reach, form["half_width"]
    right = Sleeve(outline, start, along, length, half_width)
    return right, Sleeve(mirrored(outline), mirrored(start), mirrored(along), length, half_width)
