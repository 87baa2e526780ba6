"""Layers of paint, as ``garments.toml`` lists them: collars, fastenings and seams."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.demo.canvas import Canvas, Color
from datrnet.core.demo.shapes import DESCRIPTION, Points, Shapes, closed, mirrored

Layer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Painter:
    """Paints layers on a canvas.

    Attributes:
        canvas: Where to paint.
        dyes: The colors, by name.
    """

    canvas: Canvas
    dyes: Mapping[str, Color]

    def paint(self, layers: Iterable[Layer], shapes: Shapes) -> None:
        """Paint layers, one after the other.

        Args:
            layers: As in ``garments.toml``.
            shapes: The measures and paths that they mention.
        """
        for layer in layers:
            if "use" in layer:
                own = {name: value for name, value in layer.items() if name not in ("use", "every")}
                every = {name: value for name, value in layer.items() if name == "every"}
                part = DESCRIPTION["part"][layer["use"]]
                self.paint([inner | every for inner in part], shapes.where(own))
            elif "flap" in layer:
                self._paint_flaps(layer, _outlines(layer, shapes))
            else:
                self._paint_layer(layer, _outlines(layer, shapes), shapes)

    def _paint_layer(self, layer: Layer, outlines: list[Points], shapes: Shapes) -> None:
        if "shadow" in layer:
            blur, strength, drop = layer["shadow"]
            self.canvas.shadow(*outlines, blur=blur, strength=strength, drop=drop)
        if "width" in layer:
            patch = self.canvas.strokes(outlines, layer["width"])
        elif "radius" in layer:
            radius = shapes.length(layer["radius"])
            patch = self.canvas.discs(np.concatenate(outlines), radius)
        else:
            patch = self.canvas.area(*outlines)
        if "round" in layer:
            part = self.canvas.x[patch.box] / np.float32(layer["round"])
            shade = np.float32(1.03) - np.float32(0.28) * part * part
        else:
            shade = layer.get("shade", 1.0)
        if "color" in layer:
            self.canvas.paint(patch, self.dyes[layer["color"]], shade)
        if "darken" in layer:
            self.canvas.darken(patch, layer["darken"])

    def _paint_flaps(self, layer: Layer, flaps: list[Points]) -> None:
        both = [*flaps, *map(mirrored, flaps)]
        self.canvas.shadow(*both, blur=2.2, strength=0.55, drop=2.5)
        patch = self.canvas.area(*both)
        below = self.canvas.y[patch.box] - np.float32(flaps[0][:, 1].mean())
        shade = np.float32(layer.get("shade", 1.0)) - below * np.float32(0.003)
        self.canvas.paint(patch, self.dyes[layer["color"]], shade)
        self.canvas.darken(self.canvas.strokes(list(map(closed, both)), 0.8), 0.24)


def _outlines(layer: Layer, shapes: Shapes) -> list[Points]:
    """Return all outlines of a layer: repeated, mirrored and moved."""
    if "pleats" in layer:
        ends = np.stack([shapes.paths["inner"], shapes.paths["outer"]], axis=1)
        outlines = list(ends[2 : -1 : layer["pleats"]])
    else:
        texts = next(layer[kind] for kind in ("fill", "line", "dot", "flap") if kind in layer)
        rows = np.arange(*map(shapes.length, layer["every"])) if "every" in layer else (0.0,)
        outlines = [
            shapes.where({"row": row}).path(text)
            for row in rows
            for name in ([texts] if isinstance(texts, str) else texts)
            for text in DESCRIPTION["shapes"].get(name, [name])
        ]
    if "close" in layer:
        outlines = list(map(closed, outlines))
    if "mirror" in layer:
        outlines += [mirrored(outline) for outline in outlines]
    skip = layer.get("skip", 0)
    return [outline[skip : len(outline) - skip] + layer.get("move", 0.0) for outline in outlines]


# ── bands ────────────────────────────────────────────────────────────────────


def collar_shapes(shapes: Shapes, band: Layer) -> Shapes:
    """Return shapes with the paths and measures of a collar.

    Args:
        shapes: The garment's own.
        band: The band along the neckline, as in ``garments.toml``.
    """
    inner = shapes.paths["edge"]
    if "length" in band:
        inner = _start_of(inner, band["length"])
    if "points" in band:
        inner = _resampled(inner, band["points"])
    part = np.linspace(0, 1, len(inner))
    width = np.interp(part, (0, 1), band.get("width", (0, 0)))
    if "round" in band:
        end = np.clip((part - band["round"]) / (1 - band["round"]), 0, 1)
        width *= np.sqrt(np.clip(1.0 - end**2, 0, 1))
    if "wave" in band:
        depth, length = band["wave"]
        width += depth * np.sin(_run(inner)[-1] * part * 2 * np.pi / length)
    outwards = _outwards(inner)
    straight = band.get("straight", 0)
    outwards[:straight] = outwards[straight]
    outer = inner + outwards * width[:, None]
    if "flat" in band:
        outer = _on_shoulder(outer, shapes)
    end_x, end_y = inner[-1].tolist()
    is_deep = shapes.length("low") > shapes.length("y+36")
    measures = {
        "end_x": end_x,
        "end_y": end_y,
        "reach": min(shapes.length("shoulder-4"), shapes.length("x+22")),
        # a long collar would cover a fastening
        "corner_x": 12.0 if is_deep else 5.0,
        "corner_y": "y+46" if is_deep else "low+13",
    }
    return replace(shapes.where(measures), paths={**shapes.paths, "inner": inner, "outer": outer})


def _start_of(path: Points, length: float) -> Points:
    """Return the first part of a path, up to a length along it."""
    run = _run(path)
    if run[-1] <= length:
        return path
    end = [np.interp(length, run, path[:, 0]), np.interp(length, run, path[:, 1])]
    return np.concatenate([path[run < length], [end]])


def _resampled(path: Points, num_points: int) -> Points:
    """Return a path as evenly spaced points."""
    run = _run(path)
    at = np.linspace(0, run[-1], num_points)
    return np.stack([np.interp(at, run, path[:, 0]), np.interp(at, run, path[:, 1])], axis=1)


def _run(path: Points) -> NDArray[np.float64]:
    """Return the length along a path at each of its points."""
    return np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])


def _outwards(path: Points) -> Points:
    """Return the unit normals of a right-hand neckline edge, pointing away from the opening."""
    along = np.gradient(path, axis=0)
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1)
    lengths = np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-6)
    unit: Points = normal / lengths[:, None]
    return unit


def _on_shoulder(outline: Points, shapes: Shapes) -> Points:
    """Keep an outline from crossing the center, rising above the shoulder or reaching past it."""
    x, y, shoulder, shoulder_y = map(shapes.length, ("x", "y", "shoulder", "shoulder_y"))
    across = np.clip(outline[:, 0], 0.0, shoulder - 1.5)
    slope = (shoulder_y - y) / max(shoulder - x, 1.0)
    line = y - 2.5 + slope * np.maximum(across - x, 0.0)
    return np.stack([across, np.maximum(outline[:, 1], line)], axis=1)
