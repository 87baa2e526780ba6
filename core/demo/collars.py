"""Collars: everything sewn to the edge of a neckline, drawn outside its opening."""

from collections.abc import Callable

import numpy as np

from datrnet.core.demo.canvas import (
    Canvas,
    Color,
    Floats,
    Points,
    closed,
    curve,
    mirrored,
    moved,
    outwards,
    points,
    resampled,
    start_of,
)
from datrnet.core.demo.cloth import IVORY, Dyes
from datrnet.core.demo.cut import Cut

# how far each standing collar rises above the shoulder, and leans outwards
_STANDS = {"mandarin": (13.0, -3.0), "funnel": (31.0, 2.0), "shirt": (7.0, -4.0)}
STANDING = frozenset({*_STANDS, "hood"})


def paint_behind(canvas: Canvas, collar: str, cut: Cut, dyes: Dyes) -> None:
    """Paint the part of a collar that stands behind the neck, before the body.

    Args:
        canvas: Where to paint.
        collar: Value of the collar.
        cut: The garment's measures.
        dyes: The garment's colors.
    """
    x, y = cut.opening.neck
    if collar == "hood":
        _hood_back(canvas, x, y, dyes)
    elif collar in _STANDS:
        height, flare = _STANDS[collar]
        back = np.concatenate(
            [
                points((-x, y + 6), (-x - flare, y - height)),
                curve(
                    (-x - flare, y - height),
                    (-x * 0.5, y - height - 3),
                    (x * 0.5, y - height - 3),
                    (x + flare, y - height),
                ),
                points((x, y + 6)),
            ]
        )
        canvas.paint(canvas.area(back), dyes.lining, 0.92)


def paint_collar(canvas: Canvas, collar: str, cut: Cut, dyes: Dyes) -> None:
    """Paint a collar over the body, outside the opening of the neckline.

    Args:
        canvas: Where to paint.
        collar: Value of the collar.
        cut: The garment's measures.
        dyes: The garment's colors.
    """
    _COLLARS[collar](canvas, cut, dyes)


def _hood_back(canvas: Canvas, x: float, y: float, dyes: Dyes) -> None:
    def dome(half: float, rise: float) -> Points:
        right = np.concatenate(
            [
                curve(
                    (0.0, y - rise), (half * 0.75, y - rise), (half, y - rise * 0.5), (half, y - 4)
                ),
                curve((half, y - 4), (half, y + 8), (x + 8, y + 12), (x + 2, y + 14))[1:],
            ]
        )
        return np.concatenate([right, mirrored(right)[::-1]])

    canvas.shadow(dome(38.0, 39.0), blur=3.5, strength=0.25)
    outer, inner = canvas.area(dome(38.0, 39.0)), canvas.area(dome(28.0, 30.0))
    canvas.paint(outer, dyes.base, _round(canvas, outer.box, 40.0))
    canvas.darken(canvas.strokes([dome(33.5, 35.0)[3:-3]], 1.0), 0.25)
    canvas.paint(inner, dyes.lining, 0.8)


def _round(canvas: Canvas, box: tuple[slice, slice], half: float) -> Floats:
    part = canvas.x[box] / np.float32(half)
    return np.float32(1.03) - np.float32(0.28) * part * part


def _pair_of_flaps(canvas: Canvas, flap: Points, color: Color, shade: float = 1.0) -> None:
    both = (flap, mirrored(flap))
    canvas.shadow(*both, blur=2.2, strength=0.55, drop=2.5)
    patch = canvas.area(*both)
    middle = float(flap[:, 1].mean())
    fall = np.float32(shade) - (canvas.y[patch.box] - np.float32(middle)) * np.float32(0.003)
    canvas.paint(patch, color, fall)
    canvas.darken(canvas.strokes([closed(part) for part in both], 0.8), 0.24)


def _on_shoulder(outline: Points, cut: Cut) -> Points:
    """Keep an outline from rising above the shoulder or reaching past it."""
    x, y = cut.opening.neck
    across = np.minimum(outline[:, 0], cut.shoulder - 1.5)
    slope = (cut.neck_y + cut.shoulder_drop - y) / max(cut.shoulder - x, 1.0)
    line = y - 2.5 + slope * np.maximum(across - x, 0.0)
    return np.stack([across, np.maximum(outline[:, 1], line)], axis=1)


def _none(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    edge = cut.opening.edge
    rib = np.concatenate([edge, (edge + outwards(edge) * 4.0)[::-1]])
    canvas.paint(canvas.area(rib, mirrored(rib)), dyes.tone, 0.97)


def _shirt(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    x, y = cut.opening.neck
    inner = start_of(cut.opening.edge, 27.0)
    end = inner[-1]
    tip = moved(end, 13.0, 19.0)
    flap = np.concatenate(
        [
            points((x - 4, y - 7)),
            inner,
            [tip],
            curve(tuple(tip), (x + 15, y + 22), (x + 14, y + 9), (x + 4, y - 3)),
        ]
    )
    _pair_of_flaps(canvas, flap, dyes.tone)


def _peter_pan(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    inner = resampled(start_of(cut.opening.edge, 36.0), 16)
    part = np.linspace(0, 1, 16)
    width = 21.0 * np.sqrt(np.clip(1.0 - np.clip((part - 0.45) / 0.55, 0, 1) ** 2, 0, 1))
    normal = outwards(inner)
    normal[:4] = normal[4]
    outer = inner + normal * width[:, None]
    _pair_of_flaps(
        canvas, np.concatenate([inner, _on_shoulder(outer, cut)[::-1]]), dyes.contrast, 0.97
    )


def _mandarin(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    x, y = cut.opening.neck
    wing = np.concatenate(
        [
            points((x + 4, y + 4)),
            curve((x + 2, y - 3), (x, y - 8), (x - 2, y - 12), (x - 4, y - 14)),
            curve((x - 8, y - 13), (x - 10, y - 6), (x - 10, y), (x - 7, y + 6)),
        ]
    )
    _none(canvas, cut, dyes)
    _pair_of_flaps(canvas, wing, dyes.tone)


def _funnel(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    x, y = cut.opening.neck
    wing = np.concatenate(
        [
            points((x + 7, y + 7)),
            curve((x + 4, y - 4), (x + 2, y - 14), (x + 2, y - 24), (x + 3, y - 31)),
            curve((x, y - 35), (x - 7, y - 34), (x * 0.5, y - 18), (x * 0.45, y + 3)),
            curve((x * 0.45, y + 3), (x * 0.6, y + 4), (x * 0.8, y + 4), (x, y + 9)),
        ]
    )
    _pair_of_flaps(canvas, wing, dyes.tone)


def _hood(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    x, y = cut.opening.neck
    inner = resampled(start_of(cut.opening.edge, 24.0), 8)
    outer = inner + outwards(inner) * np.linspace(13.0, 3.0, 8)[:, None]
    flap = np.concatenate([points((x - 1, y - 9)), inner, outer[::-1], points((x + 11, y - 2))])
    _pair_of_flaps(canvas, flap, dyes.tone)
    start = moved(inner[-1], 3.0, 0.0)
    cord = curve(
        tuple(start), (start[0] + 1, y + 36), (start[0] + 5, y + 46), (start[0] + 3, y + 64)
    )
    cords = [cord, mirrored(cord)]
    canvas.darken(canvas.strokes([moved(part, 1.2, 1.2) for part in cords], 3.0), 0.4)
    canvas.paint(canvas.strokes(cords, 2.6), IVORY)
    canvas.paint(canvas.discs(np.stack([part[-1] for part in cords]), 2.4), IVORY, 0.8)


def _ruffle(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    inner = resampled(cut.opening.edge, 48)
    run = np.hypot(*np.diff(inner, axis=0).T).sum() * np.linspace(0, 1, 48)
    normal = outwards(inner)
    outer = inner + normal * (13.0 + 3.5 * np.sin(run * 2 * np.pi / 11.0))[:, None]
    outer[:, 0] = np.maximum(outer[:, 0], 0.0)
    outer = _on_shoulder(outer, cut)
    flap = np.concatenate([inner, outer[::-1]])
    _pair_of_flaps(canvas, flap, dyes.tone, 1.05)
    canvas.paint(canvas.strokes([outer, mirrored(outer)], 2.2), dyes.contrast)
    pleats = [np.stack([inner[at], outer[at]]) for at in range(2, 47, 3)]
    canvas.darken(canvas.strokes([*pleats, *map(mirrored, pleats)], 1.4), 0.30)


def _sailor(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    x, y = cut.opening.neck
    edge, low = cut.opening.edge, float(cut.opening.edge[-1, 1])
    reach = min(cut.shoulder - 4.0, x + 22.0)
    outer = points((1.5, low + 3), (5.0, low + 13), (reach - 3, y + 46), (reach, y + 8))
    if low > y + 36:
        outer = points((1.5, low + 3), (12.0, y + 46), (reach - 3, y + 46), (reach, y + 8))
    _pair_of_flaps(canvas, np.concatenate([edge, outer]), dyes.tone)
    inset = outer[1:] + points((3.0, -4.5), (-4.5, -4.5), (-4.0, 2.0))
    canvas.paint(canvas.strokes([inset, mirrored(inset)], 2.6), dyes.contrast)


def _bow(canvas: Canvas, cut: Cut, dyes: Dyes) -> None:
    edge = cut.opening.edge
    band = np.concatenate([edge, (edge + outwards(edge) * 6.5)[::-1]])
    _pair_of_flaps(canvas, band, dyes.tone)
    y = float(edge[-1, 1]) + 5.0
    loop = np.concatenate(
        [
            curve((2.0, y), (10.0, y - 15), (29.0, y - 17), (30.0, y - 4)),
            curve((30.0, y - 4), (31.0, y + 11), (12.0, y + 10), (2.0, y + 2)),
        ]
    )
    tail = np.concatenate(
        [
            curve((2.0, y), (14.0, y + 14), (18.0, y + 26), (19.0, y + 44)),
            points((30.0, y + 38)),
            curve((30.0, y + 38), (27.0, y + 20), (18.0, y + 6), (4.0, y - 2)),
        ]
    )
    _pair_of_flaps(canvas, tail, dyes.tone, 0.95)
    _pair_of_flaps(canvas, loop, dyes.tone, 1.05)
    crease = curve((5.0, y), (12.0, y - 4), (18.0, y - 5), (24.0, y - 3))
    canvas.darken(canvas.strokes([crease, mirrored(crease)], 1.2), 0.35)
    canvas.paint(canvas.discs(points((0.0, y)), 5.5), dyes.tone, 0.85)


_COLLARS: dict[str, Callable[[Canvas, Cut, Dyes], None]] = {
    "none": _none,
    "shirt": _shirt,
    "hood": _hood,
    "mandarin": _mandarin,
    "peter pan": _peter_pan,
    "funnel": _funnel,
    "ruffle": _ruffle,
    "sailor": _sailor,
    "bow": _bow,
}
