"""Fastenings: buttons, zips, laces and ties, beginning below the neckline's opening."""

from collections.abc import Callable

import numpy as np

from datrnet.core.demo.canvas import Canvas, Points, closed, curve, mirrored, moved, points
from datrnet.core.demo.cloth import CHARCOAL, METAL, WOOD, Dyes
from datrnet.core.demo.cut import WAIST_DROP, Cut

_HALF_LENGTH = 50.0


def paint_fastening(
    canvas: Canvas, fastening: str, cut: Cut, dyes: Dyes, rng: np.random.Generator
) -> None:
    """Paint a fastening on the body.

    Args:
        canvas: Where to paint.
        fastening: Value of the fastening.
        cut: The garment's measures.
        dyes: The garment's colors.
        rng: Where small variation comes from.
    """
    top, bottom = cut.opening.bottom + 1.0, cut.hem_y + cut.hem_bow
    _FASTENINGS[fastening](canvas, top, bottom, cut, dyes, float(rng.uniform(0.93, 1.07)))


def _strip(half: float, top: float, bottom: float) -> Points:
    return points((-half, top), (half, top), (half, bottom), (-half, bottom))


def _placket(canvas: Canvas, half: float, top: float, bottom: float, dyes: Dyes) -> None:
    strip = _strip(half, top, bottom)
    canvas.shadow(strip, blur=1.6, strength=0.40, drop=1.2)
    canvas.paint(canvas.area(strip), dyes.tone)
    sides = [points((side, top), (side, bottom)) for side in (-half, half)]
    canvas.darken(canvas.strokes(sides, 0.9), 0.35)


def _button_row(canvas: Canvas, centers: Points, radius: float, dyes: Dyes) -> None:
    # a plain ground keeps buttons apart from a pattern of their own color
    canvas.paint(canvas.discs(centers, radius + 2.6), dyes.base, 0.8)
    canvas.darken(canvas.discs(moved(centers, 0.9, 1.5), radius + 0.6), 0.45)
    canvas.paint(canvas.discs(centers, radius), dyes.contrast)
    canvas.darken(canvas.discs(centers, radius * 0.55), 0.14)
    holes = np.concatenate([moved(centers, side, 0.0) for side in (-1.3, 1.3)])
    canvas.paint(canvas.discs(holes, 0.7), 1 - dyes.contrast)


def _column(x: float, top: float, bottom: float, step: float) -> Points:
    heights = np.arange(top, bottom, step)
    return np.stack([np.full(len(heights), x), heights], axis=1)


def _pull_on(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    """Paint nothing: the garment is pulled over the head."""


def _buttons(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    _placket(canvas, 7.5 * grow, top, bottom, dyes)
    _button_row(canvas, _column(0.0, top + 9, bottom - 4, 20.0 * grow), 4.6, dyes)


def _double_breasted(
    canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float
) -> None:
    half = 17.0 * grow
    flap = points((0.0, top), (half + 8, top + 14), (half + 8, bottom - 1), (-1.0, bottom))
    canvas.shadow(flap, blur=2.0, strength=0.30, drop=1.5)
    edge = points((0.0, top), (half + 8, top + 14), (half + 8, bottom))
    canvas.darken(canvas.strokes([edge], 1.4), 0.55)
    first = top + 20
    columns = [_column(side * half, first, bottom - 10, 25.0 * grow) for side in (-1, 1)]
    _button_row(canvas, np.concatenate(columns), 5.6, dyes)


def _polo_placket(
    canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float
) -> None:
    low = top + _HALF_LENGTH * grow
    _placket(canvas, 9.0, top, low, dyes)
    canvas.darken(canvas.strokes([points((-9.0, low), (9.0, low))], 0.9), 0.4)
    _button_row(canvas, _column(0.0, top + 8, low - 9, 14.5), 4.8, dyes)


def _zip_tape(canvas: Canvas, top: float, bottom: float, dyes: Dyes) -> None:
    tape = _strip(6.5, top, bottom)
    canvas.shadow(tape, blur=1.4, strength=0.30, drop=0.8)
    canvas.paint(canvas.area(tape), dyes.contrast, 0.96)
    teeth_ground = CHARCOAL if dyes.contrast.mean() > 0.5 else METAL
    canvas.paint(canvas.area(_strip(2.2, top, bottom)), teeth_ground)
    rungs = [points((-2.2, y), (2.2, y)) for y in np.arange(top + 2, bottom, 3.6)]
    canvas.paint(canvas.strokes(rungs, 1.2), METAL, 0.75)


def _puller(canvas: Canvas, top: float) -> None:
    body = points((-4.5, top), (4.5, top), (3.4, top + 9), (-3.4, top + 9))
    tab = points((-2.6, top + 8), (2.6, top + 8), (3.6, top + 22), (-3.6, top + 22))
    canvas.shadow(body, tab, blur=1.2, strength=0.5, drop=1.4)
    canvas.paint(canvas.area(body, tab), METAL)
    canvas.darken(canvas.strokes([closed(tab)], 0.8), 0.5)


def _zip(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    _zip_tape(canvas, top, bottom, dyes)
    _puller(canvas, top + 2)


def _half_zip(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    low = top + _HALF_LENGTH * grow
    _zip_tape(canvas, top, low, dyes)
    canvas.paint(canvas.area(_strip(8.0, low - 1, low + 4)), dyes.contrast, 0.9)
    _puller(canvas, top + 2)


def _lace_up(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    low = top + _HALF_LENGTH * grow
    _placket(canvas, 15.0, top, low + 2, dyes)
    slit = points((-9.0, top), (9.0, top), (1.0, low), (-1.0, low))
    canvas.paint(canvas.area(slit), dyes.lining, 0.9)
    part = np.linspace(0.06, 0.86, 5)
    right = np.stack([12.5 - 7.0 * part, top + part * (low - top)], axis=1)
    left = mirrored(right)
    crossings = [np.stack(pair) for pair in zip(right[:-1], left[1:], strict=True)]
    crossings += [np.stack(pair) for pair in zip(left[:-1], right[1:], strict=True)]
    end = right[-1]
    loop = curve((0.0, end[1]), (15.0, end[1] - 2), (19.0, end[1] + 14), (1.0, end[1] + 3))
    hanging = curve((0.0, end[1]), (4.0, end[1] + 10), (7.0, end[1] + 20), (8.0, end[1] + 32))
    cords = [*crossings, loop, mirrored(loop), hanging, mirrored(hanging)]
    canvas.darken(canvas.strokes([moved(cord, 0.8, 1.2) for cord in cords], 2.6), 0.4)
    canvas.paint(canvas.strokes(cords, 2.4), dyes.contrast)
    canvas.paint(canvas.discs(np.concatenate([right, left]), 2.2), METAL, 0.85)


_BAR = points((-9, -3), (-7, -4), (7, -4), (9, -3), (9, 3), (7, 4), (-7, 4), (-9, 3))
"""The outline of a toggle."""


def _toggles(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    canvas.darken(canvas.strokes([points((0.0, top), (0.0, bottom))], 1.4), 0.5)
    heights = np.arange(top + 13, bottom - 10, 29.0 * grow)
    loops, ends = [], []
    for y in heights:
        loops += [points((-24.0, y + side * 2.5), (22.0, y + side)) for side in (-1, 1)]
        ends += [moved(_strip(5.0, y - 5.5, y + 5.5), side, 0.0) for side in (-24.0, 24.0)]
    bars = [moved(_BAR, 0.0, y) for y in heights]
    grounds = [moved(_strip(31.0, -7.5, 7.5), 0.0, y) for y in heights]
    canvas.paint(canvas.area(*grounds), dyes.tone)
    canvas.shadow(*ends, *bars, blur=1.6, strength=0.45, drop=1.8)
    canvas.paint(canvas.strokes(loops, 1.8), dyes.contrast)
    canvas.paint(canvas.area(*ends), dyes.contrast, 0.93)
    canvas.paint(canvas.area(*bars), WOOD)


def _wrap_tie(canvas: Canvas, top: float, bottom: float, cut: Cut, dyes: Dyes, grow: float) -> None:
    y = cut.armpit_y + WAIST_DROP
    half = cut.half_width(y) - 1.0
    lap = curve((0.0, top), (6.0, top + 20), (half - 12, y - 22), (half - 5, y))
    under = curve(
        (half - 6, y + 6), (half - 12, y + 24), (half - 15, y + 34), (half - 18, bottom - 3)
    )
    canvas.darken(canvas.strokes([moved(lap, 1.5, 1.5), moved(under, 1.5, 1.0)], 3.4), 0.28)
    canvas.darken(canvas.strokes([lap, under], 1.4), 0.55)
    belt = np.concatenate(
        [
            curve((-half, y - 6), (-half * 0.3, y - 3), (half * 0.3, y - 3), (half, y - 6)),
            curve((half, y + 5), (half * 0.3, y + 8), (-half * 0.3, y + 8), (-half, y + 5)),
        ]
    )
    knot = points((half - 15, y + 1))
    x = half - 15
    tails = [
        points((x, y), (x + 5, y), (x + 10, y + 36), (x + 1, y + 40)),
        points((x - 4, y), (x + 2, y), (x - 5, y + 33), (x - 13, y + 29)),
    ]
    canvas.shadow(belt, *tails, blur=1.8, strength=0.5, drop=2.0)
    canvas.paint(canvas.area(belt, *tails), dyes.contrast, 0.95)
    canvas.darken(canvas.strokes([closed(part) for part in (belt, *tails)], 1.2), 0.5)
    canvas.darken(canvas.discs(knot, 6.4), 0.35)
    canvas.paint(canvas.discs(knot, 5.6), dyes.contrast, 0.9)


_FASTENINGS: dict[str, Callable[[Canvas, float, float, Cut, Dyes, float], None]] = {
    "pull-on": _pull_on,
    "buttons": _buttons,
    "zip": _zip,
    "polo placket": _polo_placket,
    "half zip": _half_zip,
    "double-breasted": _double_breasted,
    "wrap tie": _wrap_tie,
    "lace-up": _lace_up,
    "toggles": _toggles,
}
