"""Neckline openings: their edge, further holes, and where a fastening may begin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datrnet.core.demo.curves import Points, curve, mirrored, points


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The neckline: the right half of its edge, from neck point to centre, and further holes."""

    edge: Points
    holes: tuple[Points, ...] = ()

    @property
    def neck(self) -> tuple[float, float]:
        """Where the edge meets the shoulder."""
        return float(self.edge[0, 0]), float(self.edge[0, 1])

    @property
    def bottom(self) -> float:
        """The lowest open point on the centre line, where a fastening may begin."""
        return float(max(part[:, 1].max() for part in (self.edge[-1:], *self.holes)))

    def outline(self, back_dip: float = 5.0) -> Points:
        """Return the closed outline of the main opening; its top is the back of the neck."""
        x, y = self.neck
        back = curve((-x, y), (-x * 0.5, y + back_dip), (x * 0.5, y + back_dip), (x, y))
        return np.concatenate([back, self.edge[1:], mirrored(self.edge)[::-1][1:-1]])


def make_opening(neckline: str, neck_y: float, drop: float, grow: float) -> Opening:
    """Return the opening of a neckline.

    Args:
        neckline: Value of the neckline.
        neck_y: Height of the neck.
        drop: How far the shoulder's end lies below the neck.
        grow: Size of the opening, about 1.
    """
    return _OPENINGS[neckline](neck_y, drop, grow)


def _neck_point(half: float, neck_y: float, drop: float) -> tuple[float, float]:
    """Return the point of the shoulder line at a distance from the centre line."""
    return half, neck_y + drop * max(0.0, half - 21.0) / 30.0


def _crew(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(22.5 * grow, y, drop)
    low = y + 18.0 * grow
    return Opening(edge=curve((x, top), (x - 1, top + 11), (x * 0.6, low), (0.0, low)))


def _scoop(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(28.0 * grow, y, drop)
    low = y + 50.0 * grow
    return Opening(edge=curve((x, top), (x + 1, low - 12), (x * 0.75, low), (0.0, low)))


def _v_neck(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(24.5 * grow, y, drop)
    low = y + 61.0 * grow
    return Opening(edge=curve((x, top), (x - 4, top + 18), (8.0, low - 18), (0.0, low)))


def _square(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(28.0 * grow, y, drop)
    low = y + 37.0 * grow
    return Opening(edge=points((x, top), (x, low - 12), (x - 0.5, low), (x / 2, low), (0.0, low)))


def _boat(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(39.0 * grow, y, drop)
    low = top + 11.0 * grow
    return Opening(edge=curve((x, top), (x * 0.7, low), (x * 0.4, low), (0.0, low)))


def _sweetheart(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(29.5 * grow, y, drop)
    low = y + 53.0 * grow
    side = curve((x, top), (x + 0.5, top + 14), (x + 0.5, low - 26), (x, low - 16), num_points=5)
    lobe = curve((x, low - 16), (x - 2, low + 3), (7.0, low + 4), (0.0, low - 23))
    return Opening(edge=np.concatenate([side, lobe[1:]]))


def _keyhole(y: float, drop: float, grow: float) -> Opening:
    base = _crew(y, drop, grow * 0.92)
    top, low = y + 24.0 * grow, y + 62.0 * grow
    half = curve((0.0, top), (4.0, top + 8), (25.0 * grow, low - 1), (0.0, low))
    return Opening(edge=base.edge, holes=(np.concatenate([half, mirrored(half)[::-1][1:-1]]),))


def _notch(y: float, drop: float, grow: float) -> Opening:
    x, top = _neck_point(23.0 * grow, y, drop)
    turn, low = y + 13.0 * grow, y + 60.0 * grow
    shallow = curve((x, top), (x - 1, top + 8), (x * 0.7, turn), (7.0, turn), num_points=7)
    return Opening(edge=np.concatenate([shallow, [[5.0, turn + 3], [0.0, low]]]))


_OPENINGS: dict[str, Callable[[float, float, float], Opening]] = {
    "crew": _crew,
    "scoop": _scoop,
    "v-neck": _v_neck,
    "square": _square,
    "boat": _boat,
    "sweetheart": _sweetheart,
    "keyhole": _keyhole,
    "notch": _notch,
}
