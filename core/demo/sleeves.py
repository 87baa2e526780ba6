"""Sleeves: an outline on each side and the straight arm it hangs along."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.demo.curves import Points, curve, mirrored, points
from datrnet.core.demo.cuts import Cut

_FULL_LENGTH = 143.0


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


def make_sleeves(name: str, cut: Cut) -> tuple[Sleeve, ...]:
    """Return both sleeves, or none at all.

    Args:
        name: Value of the sleeve.
        cut: The garment's measures.
    """
    if name == "sleeveless":
        return ()
    right = _right_sleeve(name, cut)
    return right, _other_side(right)


def _right_sleeve(name: str, cut: Cut) -> Sleeve:
    reach = _REACH[name] * cut.sleeve_grow
    angle = cut.arm_angle - (0.04 if name == "bell" else 0.0)
    shoulder, armpit = cut.shoulder_end, (cut.chest, cut.armpit_y)
    along = points((np.sin(angle), np.cos(angle)))[0]
    across = points((np.cos(angle), -np.sin(angle)))[0]
    start = np.array([shoulder[0] - 7.0, shoulder[1] + 4.0])
    end = start + along * _FULL_LENGTH * reach
    top, cuff_half = np.array(shoulder), 16.5 - 5.5 * reach
    under = np.array([armpit[0] - 6.0, armpit[1] - 1.0])
    flare = (24.0, 15.0) if name == "bell" else (cuff_half, cuff_half)
    outer, inner = end + across * flare[0], end - across * flare[1]
    outer_bow, inner_bow = _bows(name, start, along, across, reach)
    if name == "cap":
        inner = np.array([armpit[0] + 1.0, armpit[1] - 14.0])
        outer = end + across * 15.0
        inner_bow = ((inner + under) / 2, under)
    outline = np.concatenate(
        [
            [top - (6.0, 2.5)],
            curve(_pair(top), *map(_pair, outer_bow), _pair(outer)),
            curve(_pair(inner), *map(_pair, inner_bow), _pair(under)),
            [under - (12.0, 6.0), top - (14.0, -8.0)],
        ]
    )
    return Sleeve(
        outline=outline,
        start=start,
        along=along,
        length=_FULL_LENGTH * reach,
        half_width=25.0 if name == "puff" else 14.0,
        cuff=np.stack([outer, inner]),
    )


def _bows(
    name: str, start: Points, along: Points, across: Points, reach: float
) -> tuple[tuple[Points, Points], tuple[Points, Points]]:
    """Return the control points of the outer edge (downwards) and the inner edge (upwards)."""

    def at(part: float, side: float) -> Points:
        return np.asarray(start + along * _FULL_LENGTH * reach * part + across * side)

    if name == "puff":
        return (at(-0.1, 40.0), at(0.75, 38.0)), (at(0.9, -24.0), at(0.7, -22.0))
    if name == "bell":
        return (at(0.2, 19.0), at(0.62, 9.0)), (at(0.62, -9.0), at(0.4, -14.0))
    return (at(0.18, 18.5), at(0.6, 14.0)), (at(0.7, -12.0), at(0.45, -15.0))


def _pair(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _other_side(sleeve: Sleeve) -> Sleeve:
    return Sleeve(
        outline=mirrored(sleeve.outline),
        start=mirrored(sleeve.start),
        along=mirrored(sleeve.along),
        length=sleeve.length,
        half_width=sleeve.half_width,
        cuff=mirrored(sleeve.cuff),
    )
