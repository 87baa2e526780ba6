"""A map of points in character cells: what is in view, where each point is drawn, and steps.

A cell has 2 x 4 dots, the dots of a braille character; dots are square on most terminals. Points
are in classes: the named ones in the order of the legend, then the others, then those set back.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

COLORS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "amber": "#E69F00",
    "sky blue": "#56B4E9",
    "olive": "#8A8A00",
    "violet": "#7A4FBF",
}
"""Of the most frequent values, which alone are named; more colors cannot be told apart."""

NUM_NAMED = len(COLORS)
OTHERS, SET_BACK = NUM_NAMED, NUM_NAMED + 1
"""Classes: of all other values, and of points that filters leave out."""

LETTERS = "ABCDEFGH·."
"""Of the classes, where colors are not seen."""

BRIGHTER = 0.35
"""How far each color is mixed with white on dark ground."""

ACROSS, DOWN = 2, 4
"""Dots of a cell."""
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int32)
"""Of the dots in a braille character."""
BRAILLE = 0x2800

MARGIN = 1.04
"""How much more than all points the whole map shows."""
STRETCH = 1.6
"""How many times as long as its shorter side the map is drawn, where there is room."""
CLOSEST = 2000.0
"""The largest magnification; the file of a map has no more digits."""
ASIDE = 2.0
"""How much more a step counts distance across its direction than along it."""


def class_of_values(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each value: the most frequent are named; the last entry is no value's.

    Args:
        counts: (V,) items with each value.
    """
    classes = np.full(len(counts) + 1, OTHERS)
    order = np.argsort(-counts, kind="stable")
    named = order[counts[order] > 0][:NUM_NAMED]
    classes[named] = np.arange(len(named))
    return classes


@dataclass(frozen=True, slots=True)
class View:
    """The part of the plane that a number of cells shows."""

    columns: int
    rows: int
    x: float = 0.0
    y: float = 0.0
    """What is in the middle."""
    zoom: float = 1.0
    """Magnification; at 1, the square from -1 to 1 just fits."""

    @property
    def scales(self) -> tuple[float, float]:
        """Dots per unit, across and down: a long room is filled as far as ``STRETCH`` allows."""
        width, height = self.columns * ACROSS, self.rows * DOWN
        most = max(1.0, STRETCH * min(width, height))
        across, down = min(width, most), min(height, most)
        return across / 2 / MARGIN * self.zoom, down / 2 / MARGIN * self.zoom

    def dots(self, points: Floats) -> Floats:
        """Return where points (n, 2) are, in dots from the upper left corner."""
        center = np.array([self.columns * ACROSS, self.rows * DOWN], dtype=np.float32) / 2
        moved = points - np.array([self.x, self.y], dtype=np.float32)
        across, down = self.scales
        dots: Floats = (center + moved * np.array([across, -down])).astype(np.float32)
        return dots

    def at(self, column: float, row: float) -> tuple[float, float]:
        """Return the point of the plane in the middle of a cell."""
        (x_scale, y_scale), middle = self.scales, (self.columns / 2, self.rows / 2)
        across, down = (column + 0.5 - middle[0]) * ACROSS, (row + 0.5 - middle[1]) * DOWN
        return self.x + across / x_scale, self.y - down / y_scale

    def resized(self, columns: int, rows: int) -> "View":
        """Return the view of the same middle in another number of cells."""
        return replace(self, columns=columns, rows=rows)

    def zoomed(self, factor: float, around: tuple[float, float] | None = None) -> "View":
        """Return a view magnified by a factor; a point of the plane keeps its place on screen.

        At magnification 1, the whole map is in the middle again.
        """
        zoom = min(max(self.zoom * factor, 1.0), CLOSEST)
        if zoom == 1.0:
            return View(self.columns, self.rows)
        x, y = around or (self.x, self.y)
        share = self.zoom / zoom
        moved = replace(self, x=x + (self.x - x) * share, y=y + (self.y - y) * share, zoom=zoom)
        return moved._inside()

    def panned(self, columns: float, rows: float) -> "View":
        """Return a view moved by a number of cells, not away from the map."""
        across, down = self.scales
        x, y = self.x + columns * ACROSS / across, self.y - rows * DOWN / down
        return replace(self, x=x, y=y)._inside()

    def showing(self, point: Floats) -> "View":
        """Return a view with a point in it: this one, the whole map, or one around the point."""
        if self.zoom == 1.0:
            return View(self.columns, self.rows)
        (x, y), inset = self.dots(point[None])[0], (ACROSS, DOWN)
        width, height = self.columns * ACROSS - inset[0], self.rows * DOWN - inset[1]
        if inset[0] <= x < width and inset[1] <= y < height:
            return self
        return replace(self, x=float(point[0]), y=float(point[1]))

    def _inside(self) -> "View":
        return replace(self, x=min(max(self.x, -1.0), 1.0), y=min(max(self.y, -1.0), 1.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnMap:
    """Points in the cells of a view."""

    view: View
    points: Floats
    """(n, 2)."""
    classes: NDArray[np.int64]
    """(n,)."""

    @cached_property
    def dots(self) -> Floats:
        """(n, 2) dots from the upper left corner."""
        return self.view.dots(self.points)

    @cached_property
    def cells(self) -> Places:
        """(n,) number of each point's cell, row by row; -1 where it is not in view."""
        columns, rows = self.view.columns, self.view.rows
        # rounded down as integers, of which those far out of view would be too large
        xs, ys = np.clip(self.dots, -1, 1e6).T
        xs, ys = np.floor(xs).astype(np.int64) // ACROSS, np.floor(ys).astype(np.int64) // DOWN
        inside = (xs >= 0) & (xs < columns) & (ys >= 0) & (ys < rows)
        return np.where(inside, ys * columns + xs, -1)

    @cached_property
    def cell_classes(self) -> NDArray[np.int64]:
        """(rows, columns) the class that most points of each cell have, -1 for an empty cell.

        Points that are set back count only where there is no other.
        """
        num_classes, num_cells = SET_BACK + 1, self.view.rows * self.view.columns
        inside = self.cells >= 0
        codes = self.cells[inside] * num_classes + self.classes[inside]
        counts = np.bincount(codes, minlength=num_cells * num_classes)
        counts = counts.reshape(num_cells, num_classes) * 2
        counts[:, SET_BACK] = counts[:, SET_BACK] > 0  # fewer than one of any other
        classes = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
        return classes.reshape(self.view.rows, self.view.columns)

    def braille(self) -> NDArray[np.str_]:
        """Return the characters (rows, columns) with a dot at each point; a space if empty."""
        rows, columns = self.view.rows, self.view.columns
        inside = self.cells >= 0
        # of a cell that shows other classes, points that are set back are not drawn
        shown = self.cell_classes.ravel()[self.cells[inside]]
        is_drawn = (self.classes[inside] == SET_BACK) == (shown == SET_BACK)
        xs, ys = self.dots[inside][is_drawn].astype(np.int64).T
        dots = np.zeros((rows * DOWN, columns * ACROSS), dtype=np.int32)
        dots[ys, xs] = 1
        bits = dots.reshape(rows, DOWN, columns, ACROSS) * _BITS[:, None]
        codes = bits.sum(axis=(1, 3)) + BRAILLE
        codes[codes == BRAILLE] = ord(" ")
        return _characters(codes)

    def letters(self) -> NDArray[np.str_]:
        """Return the characters (rows, columns): the letter of each cell's class."""
        codes = np.array([ord(letter) for letter in f"{LETTERS} "])  # -1 is the last
        return _characters(codes[self.cell_classes])

    def captions(self, names: dict[int, str], values: NDArray[np.integer[Any]]) -> list["Caption"]:
        """Return where to write the names of values: on the points that carry them.

        Args:
            names: By value, the first ones first; a name that would cover one before it is left
                out, and so is one whose value has no point in view.
            values: (n,) of the points.
        """
        taken = np.zeros((self.view.rows, self.view.columns), dtype=bool)
        found = []
        for value, name in names.items():
            carried = np.flatnonzero((values == value) & (self.cells >= 0))
            carried = carried[self.classes[carried] != SET_BACK]
            if not len(carried) or len(name) + 2 > self.view.columns:
                continue
            dots = self.dots[carried]
            # the point nearest to the middle: the middle itself may lie between two groups
            apart = np.abs(dots - np.median(dots, axis=0)).sum(axis=1)
            row, column = divmod(int(self.cells[carried[apart.argmin()]]), self.view.columns)
            left = min(max(column - len(name) // 2, 1), self.view.columns - len(name) - 1)
            around = taken[row, left - 1 : left + len(name) + 1]
            if not around.any():
                around[:] = True
                found.append(Caption(name, value, row, left))
        return found


@dataclass(frozen=True, slots=True)
class Caption:
    """A name on the map."""

    name: str
    value: int
    row: int
    column: int


def _characters(codes: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the characters with these code points."""
    return np.ascontiguousarray(codes.astype(np.uint32)).view("U1")


def nearest_in_direction(
    dots: Floats, start: int, across: int, down: int, allowed: NDArray[np.bool_]
) -> int | None:
    """Return the point to which a step leads; None where there is none in that direction.

    It is at least a cell away along the direction, and farther along than aside; of such points the
    one with the least sum of the distances along and ``ASIDE`` times aside. Where none is farther
    along than aside, any in the direction will do.

    Args:
        dots: (n, 2) places of the points, in dots to the right and down.
        start: Where the step begins.
        across: 1 to the right, -1 to the left, else 0.
        down: 1 downward, -1 upward, else 0.
        allowed: (n,) which points may be stepped on.
    """
    apart = dots - dots[start]
    along = apart[:, 0] * across + apart[:, 1] * down
    aside = np.abs(apart[:, 0] * down) + np.abs(apart[:, 1] * across)
    least = ACROSS if across else DOWN
    is_ahead = allowed & (along >= least)
    in_cone = is_ahead & (along >= aside)
    places = np.flatnonzero(in_cone if in_cone.any() else is_ahead)
    if not len(places):
        return None
    return int(places[(along[places] + ASIDE * aside[places]).argmin()])


def nearest_points(points: Floats, to: tuple[float, float], count: int) -> Places:
    """Return the places of the nearest points, the nearest first.

    Args:
        points: (n, 2).
        to: A point of the plane.
        count: How many, at most.
    """
    apart = points - np.array(to, dtype=np.float32)
    squares = np.einsum("nc,nc->n", apart, apart)
    count = min(count, len(points))
    if not count:
        return np.empty(0, dtype=np.int64)
    places = np.argpartition(squares, count - 1)[:count]
    return places[np.argsort(squares[places], kind="stable")]
