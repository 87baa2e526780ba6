"""The measures of one garment, and the outlines of its body, neckline and sleeves.

Measures are in garment units; widths count from the center line.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datrnet.core.demo.canvas import Points, curve, mirrored, moved, points

WAIST_DROP = 48.0
_FULL_SLEEVE = 143.0


# ── necklines ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Neckline:
    """The neckline: the right half of its edge, from neck point to center, and further holes."""

    edge: Points
    holes: tuple[Points, ...] = ()

    @property
    def neck(self) -> tuple[float, float]:
        """Where the edge meets the shoulder."""
        return float(self.edge[0, 0]), float(self.edge[0, 1])

    @property
    def bottom(self) -> float:
        """The lowest open point on the center line, where a fastening may begin."""
        return float(max(part[:, 1].max() for part in (self.edge[-1:], *self.holes)))

    def outline(self, back_dip: float) -> Points:
        """Return the closed outline of the main opening; its top is the back of the neck."""
        x, y = self.neck
        back = curve((-x, y), (-x * 0.5, y + back_dip), (x * 0.5, y + back_dip), (x, y))
        return np.concatenate([back, self.edge[1:], mirrored(self.edge)[::-1][1:-1]])


_DEPTHS = {
    "crew": (22.5, 18.0),
    "scoop": (28.0, 50.0),
    "v-neck": (24.5, 61.0),
    "square": (28.0, 37.0),
    "boat": (39.0, 11.0),
    "sweetheart": (29.5, 53.0),
    "keyhole": (22.5, 18.0),
    "notch": (23.0, 60.0),
}
"""Half width at the neck and depth of every neckline."""


def make_neckline(neckline: str, neck_y: float, drop: float, grow: float) -> Neckline:
    """Return the opening of a neckline.

    Args:
        neckline: Value of the neckline.
        neck_y: Height of the neck.
        drop: How far the shoulder's end lies below the neck.
        grow: Size of the opening, about 1.
    """
    edge_grow = grow * 0.92 if neckline == "keyhole" else grow
    half, depth = _DEPTHS[neckline]
    x = half * edge_grow
    y = neck_y + drop * max(0.0, x - 21.0) / 30.0
    low = (y if neckline == "boat" else neck_y) + depth * edge_grow
    match neckline:
        case "crew":
            return Neckline(curve((x, y), (x - 1, y + 11), (x * 0.6, low), (0.0, low)))
        case "scoop":
            return Neckline(curve((x, y), (x + 1, low - 12), (x * 0.75, low), (0.0, low)))
        case "v-neck":
            return Neckline(curve((x, y), (x - 4, y + 18), (8.0, low - 18), (0.0, low)))
        case "square":
            return Neckline(points((x, y), (x, low - 12), (x - 0.5, low), (x / 2, low), (0.0, low)))
        case "boat":
            return Neckline(curve((x, y), (x * 0.7, low), (x * 0.4, low), (0.0, low)))
        case "sweetheart":
            side = curve(
                (x, y), (x + 0.5, y + 14), (x + 0.5, low - 26), (x, low - 16), num_points=5
            )
            lobe = curve((x, low - 16), (x - 2, low + 3), (7.0, low + 4), (0.0, low - 23))
            return Neckline(np.concatenate([side, lobe[1:]]))
        case "notch":
            turn = neck_y + 13.0 * grow
            shallow = curve((x, y), (x - 1, y + 8), (x * 0.7, turn), (7.0, turn), num_points=7)
            return Neckline(np.concatenate([shallow, [[5.0, turn + 3], [0.0, low]]]))
    edge = curve((x, y), (x - 1, y + 11), (x * 0.6, low), (0.0, low))
    top, low = neck_y + 24.0 * grow, neck_y + 62.0 * grow
    hole = curve((0.0, top), (4.0, top + 8), (25.0 * grow, low - 1), (0.0, low))
    return Neckline(edge, (np.concatenate([hole, mirrored(hole)[::-1][1:-1]]),))


# ── the body ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """All measures of one garment."""

    neck_y: float
    shoulder: float
    shoulder_drop: float
    armpit_y: float
    chest: float
    waist: float
    hem: float
    hem_y: float
    hem_bow: float
    arm_angle: float
    sleeve_grow: float
    opening: Neckline

    @property
    def shoulder_end(self) -> tuple[float, float]:
        """Where the right shoulder ends."""
        return self.shoulder, self.neck_y + self.shoulder_drop

    def half_width(self, y: float) -> float:
        """Return about how far the body reaches from the center line at a height."""
        heights = [self.armpit_y, self.armpit_y + WAIST_DROP, self.hem_y]
        return float(np.interp(y, heights, [self.chest, self.waist, self.hem]))

    def armhole(self) -> Points:
        """Return the right armhole, from the shoulder's end to the armpit."""
        x, y = self.shoulder_end
        armpit = (self.chest, self.armpit_y)
        return curve((x, y), (x - 5, y + 14), (x - 6, self.armpit_y - 12), armpit)


def make_cut(neckline: str, rng: np.random.Generator, *, bare_arms: bool) -> Cut:
    """Draw the measures of a garment.

    Args:
        neckline: Value of the neckline.
        rng: The source of small variation.
        bare_arms: Whether the shoulders are cut narrower because no sleeve follows.
    """
    vary = rng.uniform(-1, 1, 12).tolist()
    neck_y, drop = 56.0 + vary[0] * 2, 12.0 + vary[1] * 2
    return Cut(
        neck_y=neck_y,
        shoulder=51.0 + vary[2] * 2 - (8.0 if bare_arms else 0.0),
        shoulder_drop=drop,
        armpit_y=neck_y + 48.0 + vary[8] * 2,
        chest=50.0 + vary[3] * 2,
        waist=46.5 + vary[4] * 3.5,
        hem=50.0 + vary[5] * 3.5,
        hem_y=210.0 + vary[6] * 7,
        hem_bow=2.0 + vary[7] * 3,
        arm_angle=0.21 + 0.035 * vary[9],
        sleeve_grow=1.0 + 0.03 * vary[11],
        opening=make_neckline(neckline, neck_y, drop, 1.0 + 0.05 * vary[10]),
    )


def body_outline(cut: Cut) -> Points:
    """Return the closed outline of the body, straight across the neck."""
    (x, y), neck = cut.shoulder_end, cut.opening.neck
    waist, waist_y = cut.waist, cut.armpit_y + WAIST_DROP
    hem, low = (cut.hem, cut.hem_y), cut.hem_y + cut.hem_bow
    over = ((neck[0] + x) / 2, (neck[1] + y) / 2 - 1.5)
    armpit, upper = (cut.chest, cut.armpit_y), (waist + 0.5, waist_y - 34)
    parts = [
        curve(neck, over, (x - 3, y - 1.5), (x, y), num_points=6),
        cut.armhole()[1:],
        curve(armpit, upper, (waist - 0.5, waist_y - 8), (waist, waist_y))[1:],
        curve((waist, waist_y), (waist + 0.5, waist_y + 18), (hem[0], hem[1] - 24), hem)[1:],
        curve(hem, (hem[0] * 0.6, low), (hem[0] * 0.3, low), (0.0, low))[1:],
    ]
    right = np.concatenate(parts)
    return np.concatenate([right, mirrored(right)[::-1][1:]])


# ── sleeves ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One sleeve: its outline and the straight arm it hangs along."""

    outline: Points
    start: Points
    along: Points
    length: float
    half_width: float
    cuff: Points


_REACH = {
    "cap": 0.155,
    "short": 0.36,
    "puff": 0.34,
    "elbow": 0.565,
    "three-quarter": 0.775,
    "long": 1.0,
    "bell": 0.95,
}
_BOWS = {
    "puff": ((-0.1, 40.0), (0.75, 38.0), (0.9, -24.0), (0.7, -22.0)),
    "bell": ((0.2, 19.0), (0.62, 9.0), (0.62, -9.0), (0.4, -14.0)),
}
_STRAIGHT = ((0.18, 18.5), (0.6, 14.0), (0.7, -12.0), (0.45, -15.0))
"""Control points of the outer edge, downwards, and the inner edge, upwards: along and across."""


def make_sleeves(name: str, cut: Cut) -> tuple[Sleeve, ...]:
    """Return both sleeves, or none at all.

    Args:
        name: Value of the sleeve.
        cut: The garment's measures.
    """
    if name == "sleeveless":
        return ()
    reach = _REACH[name] * cut.sleeve_grow
    length = _FULL_SLEEVE * reach
    angle = cut.arm_angle - (0.04 if name == "bell" else 0.0)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), -np.sin(angle)])
    top = points(cut.shoulder_end)[0]
    start = moved(top, -7.0, 4.0)
    end = start + along * _FULL_SLEEVE * reach
    under = np.array([cut.chest - 6.0, cut.armpit_y - 1.0])
    cuff_half = 16.5 - 5.5 * reach
    flare = (24.0, 15.0) if name == "bell" else (cuff_half, cuff_half)
    outer, inner = end + across * flare[0], end - across * flare[1]
    bows = [
        start + along * _FULL_SLEEVE * reach * part + across * side
        for part, side in _BOWS.get(name, _STRAIGHT)
    ]
    if name == "cap":
        inner = np.array([cut.chest + 1.0, cut.armpit_y - 14.0])
        outer = end + across * 15.0
        bows[2:] = (inner + under) / 2, under
    outline = np.concatenate(
        [
            [top - (6.0, 2.5)],
            curve(*map(_pair, (top, *bows[:2], outer))),
            curve(*map(_pair, (inner, *bows[2:], under))),
            [under - (12.0, 6.0), top - (14.0, -8.0)],
        ]
    )
    right = Sleeve(
        outline=outline,
        start=start,
        along=along,
        length=length,
        half_width=25.0 if name == "puff" else 14.0,
        cuff=np.stack([outer, inner]),
    )
    parts = ("outline", "start", "along", "cuff")
    left: dict[str, Any] = {part: mirrored(getattr(right, part)) for part in parts}
    return right, replace(right, **left)


def _pair(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
