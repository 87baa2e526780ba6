"""The trade-off of a change against the rest, along the weight of the change.

Whoever weighs the changed super-category more gets more items with the wanted value, and fewer that
keep the others. A single weight of each system compares where on its curve it stands as much as
how good it is; the curves compare the systems.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.evaluation.metrics import Bootstrap, Difference
from datrnet.core.research.experiments.charts import Marked, curves_chart
from datrnet.core.research.experiments.differences import clusters_of_all, reading_over_seeds
from datrnet.core.research.experiments.measurement import (
    CURVE_WEIGHTS,
    READINGS,
    Measured,
    ReadingName,
)
from datrnet.core.research.experiments.result import Cell, Table

REST, CHANGE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A system's figures along the weight of the change, in one way of ranking."""

    system: str
    reading: ReadingName
    outcomes: NDArray[np.float64]
    """(W, 2, Q): NDCG of the rest and of the change of each query, means over seeds."""
    own: tuple[float, float]
    """The two at the weight that the reading has."""

    @property
    def points(self) -> NDArray[np.float64]:
        """The means over queries (W, 2)."""
        points: NDArray[np.float64] = self.outcomes.mean(axis=2)
        return points

    @property
    def frontier(self) -> NDArray[np.intp]:
        """The weights, by index, with which no other of the curve keeps up in both figures.

        From the least NDCG of the rest to the greatest; that of the change falls along it.
        """
        points = self.points
        order = np.lexsort((points[:, CHANGE], points[:, REST]))[::-1]  # most of the rest first
        best = np.maximum.accumulate(points[order, CHANGE])
        is_kept = np.append(True, best[1:] > best[:-1])
        frontier: NDArray[np.intp] = order[is_kept][::-1]
        return frontier

    def mixture(self, rest: float) -> NDArray[np.float64]:
        """Return shares (W,) of the weights that the curve mixes to keep so much of the rest.

        Between two weights the curve is a line; to the left of its end, its greatest NDCG of the
        change is reached while more of the rest is kept.
        """
        kept = self.frontier
        rests = self.points[kept, REST]
        shares = np.zeros(len(self.outcomes))
        shares[kept] = [np.interp(rest, rests, unit) for unit in np.eye(len(kept))]
        return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Where a curve lies highest above another, or comes nearest to it."""

    curve: Curve
    rest: float
    """The NDCG of the rest at which they are compared."""
    change: float
    """NDCG of the change there, and of the reference."""
    of_reference: float
    difference: Difference


def curves_of(system: str, seeds: Sequence[Measured]) -> list[Curve]:
    """Return the curve of every reading that all seeds of a system have."""
    found = []
    for name in seeds[0].outcomes.readings:
        if all(name in seed.outcomes.readings for seed in seeds):
            outcomes = reading_over_seeds(seeds, name)
            rest, change = (
                float(np.mean([getattr(each.one_change, figure) for each in outcomes]))
                for figure in ("ndcg_others", "ndcg_target")
            )
            curve = np.stack([each.curve for each in outcomes]).mean(axis=0, dtype=np.float64)
            if np.ptp(curve.mean(axis=2), axis=0).max() < 1e-6:  # an entangled block has no weights
                curve = curve[:1]
            found.append(Curve(system=system, reading=name, outcomes=curve, own=(rest, change)))
    return found


def lead(curve: Curve, reference: Curve, bootstrap: Bootstrap) -> Lead:
    """Return where a curve lies highest above the reference, as far as both go to the right.

    Both are lines between their points, so that the greatest distance is at a point of either.
    """
    own, other = (each.points[each.frontier, REST] for each in (curve, reference))
    rests = [rest for rest in (*own, *other) if rest <= min(own[-1], other[-1])]

    def changes(each: Curve, rest: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = each.mixture(rest) @ each.outcomes[:, CHANGE]
        return found

    pairs = [(changes(curve, rest), changes(reference, rest)) for rest in rests]
    best = int(np.argmax([first.mean() - second.mean() for first, second in pairs]))
    first, second = pairs[best]
    return Lead(
        curve=curve,
        rest=float(rests[best]),
        change=float(first.mean()),
        of_reference=float(second.mean()),
        difference=bootstrap.difference(first, second),
    )


LEAD_COLUMNS = (
    "system",
    "ranked by",
    "NDCG of the rest",
    "NDCG of the change",
    "of the reference there",
    "difference",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """What the curves of all systems show beside that of the reference."""

    table: Table
    sentences: tuple[str, ...]
    picture: Image.Image
    points: Table


def trade_off(
    results: Mapping[str, Sequence[Measured]], reference: str, reading: ReadingName
) -> TradeOff:
    """Compare the curves of all systems, in all their readings, with the reference's.

    Args:
        results: The seeds of each system.
        reference: The name of the reference.
        reading: How the reference is ranked.
    """
    curves = {name: curves_of(name, seeds) for name, seeds in results.items()}
    (base,) = (curve for curve in curves[reference] if curve.reading == reading)
    _, changed = clusters_of_all([seed for seeds in results.values() for seed in seeds])
    bootstrap = Bootstrap(changed)
    leads, beyond = [], []
    for name, own in curves.items():
        if name == reference:
            continue
        found = [lead(curve, base, bootstrap) for curve in own]
        leads.append(max(found, key=lambda it: it.difference.value))
        farthest = max(curve.points[:, REST].max() for curve in own)
        if farthest > base.points[:, REST].max():
            beyond.append(f"{name} ({farthest:.3f})")
    rows = tuple(
        (
            it.curve.system,
            READINGS[it.curve.reading],
            it.rest,
            it.change,
            it.of_reference,
            it.difference,
        )
        for it in leads
    )
    return TradeOff(
        table=Table(
            title=f"The trade-off: where each curve lies highest above that of {reference}",
            columns=LEAD_COLUMNS,
            rows=rows,
        ),
        sentences=tuple(_sentences(leads, beyond, base)),
        picture=_drawn(curves, base),
        points=Table(
            title="Points of the trade-off",
            columns=(
                "system",
                "ranked by",
                "weight of the change",
                "NDCG of the rest",
                "NDCG of the change",
            ),
            rows=tuple(_point_rows(curve for own in curves.values() for curve in own)),
        ),
    )


def _point_rows(curves: Iterable[Curve]) -> Iterable[tuple[Cell, ...]]:
    for curve in curves:
        for weight, (rest, change) in zip(CURVE_WEIGHTS, curve.points.tolist(), strict=False):
            of_weight = weight if len(curve.points) > 1 else None
            yield (curve.system, READINGS[curve.reading], of_weight, rest, change)


def _sentences(leads: Sequence[Lead], beyond: Sequence[str], base: Curve) -> Iterable[str]:
    """Say whether any curve lies above the reference's anywhere."""
    name = f"{base.system}'s curve ({READINGS[base.reading]})"
    above = [it for it in leads if it.difference.value > 0]
    surely = [it for it in above if it.difference.direction > 0]
    if not above:
        yield f"No system lies above {name} anywhere."
    else:
        listed = ", ".join(
            f"{it.curve.system} ({it.difference.value:+.3f} at {it.rest:.3f} of the rest)"
            for it in above
        )
        yield f"Above {name} somewhere: {listed}."
        yield (
            "The interval of the difference is above 0 for: "
            f"{', '.join(it.curve.system for it in surely) or 'none of them'}. The place is where "
            "the lead is greatest, which flatters the system a little."
        )
    if beyond:
        yield (
            f"More of the rest than any weight of {base.system} keeps "
            f"({base.points[:, REST].max():.3f}): {', '.join(beyond)}."
        )


def _drawn(curves: dict[str, list[Curve]], base: Curve) -> Image.Image:
    """Draw a panel for each reading, with the reference's curve in each."""
    panels: dict[str, dict[str, Marked]] = {}
    for name, own in curves.items():
        for curve in own:
            panels.setdefault(READINGS[curve.reading], {})[name] = _marked(curve)
    return curves_chart(
        {title: panels[title] for title in READINGS.values() if title in panels},
        names=list(curves),
        behind=(f"{base.system}, {READINGS[base.reading]}", _marked(base)),
        x_label="NDCG of the rest",
        y_label="NDCG of the change",
    )


def _marked(curve: Curve) -> Marked:
    rests, changes = curve.points.T.tolist()
    return Marked(xs=rests, ys=changes, mark=curve.own)
