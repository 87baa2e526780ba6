"""Curves along the weight of the change are compared at the same NDCG of the rest."""

import numpy as np
import pytest

from datrnet.core.evaluation.metrics import Bootstrap
from datrnet.core.evaluation.protocol import Figures
from datrnet.core.research.experiments.charts import Marked, curves_chart
from datrnet.core.research.experiments.measurement import (
    Measured,
    Outcomes,
    ReadingOutcomes,
)
from datrnet.core.research.experiments.trade_off import Curve, curves_of, lead, trade_off

QUERIES = 40


def curve(system: str, *points: tuple[float, float]) -> Curve:
    """Return a curve with these means of NDCG of the rest and of the change."""
    outcomes = np.repeat(np.array(points)[:, :, None], QUERIES, axis=2)
    return Curve(system=system, reading="equal", outcomes=outcomes, own=points[0])


def led(first: Curve, second: Curve) -> tuple[float, float]:
    found = lead(first, second, Bootstrap(np.arange(QUERIES)))
    return round(found.rest, 6), round(found.difference.value, 6)


REFERENCE = curve("reference", (0.8, 0.2), (0.6, 0.4), (0.4, 0.5))


def test_between_its_weights_a_curve_is_a_line() -> None:
    assert REFERENCE.mixture(0.7).tolist() == pytest.approx([0.5, 0.5, 0])
    assert REFERENCE.mixture(0.3).tolist() == [0, 0, 1]  # all of the change, and more of the rest


def test_what_another_weight_beats_in_both_is_not_on_the_frontier() -> None:
    folded = curve("folded", (0.7, 0.3), (0.8, 0.2), (0.75, 0.1), (0.6, 0.3), (0.5, 0.6))
    assert folded.frontier.tolist() == [4, 0, 1]


@pytest.mark.parametrize(
    ("points", "rest", "difference"),
    [
        (((0.8, 0.2), (0.6, 0.4), (0.4, 0.5)), 0.4, 0.0),  # the same
        (((0.7, 0.4),), 0.7, 0.1),  # a point above the line
        (((0.7, 0.25),), 0.7, -0.05),  # and one below
        (((0.2, 0.45),), 0.2, -0.05),  # left of the reference's end, which keeps more of the rest
        (((0.9, 0.3),), 0.8, 0.1),  # right of it: more of both
        (((0.8, 0.3), (0.4, 0.4)), 0.8, 0.1),  # crosses it
        (((0.7, 0.1), (0.5, 0.46)), 0.5, 0.01),
    ],
)
def test_the_lead_is_where_a_curve_is_highest_above(
    points: tuple[tuple[float, float], ...], rest: float, difference: float
) -> None:
    assert led(curve("other", *points), REFERENCE) == (rest, difference)


def test_the_lead_is_the_greatest_anywhere() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        first, second = (curve("any", *rng.random((5, 2)).tolist()) for _ in range(2))
        found = lead(first, second, Bootstrap(np.arange(QUERIES))).difference.value
        end = min(each.points[each.frontier, 0][-1] for each in (first, second))
        for rest in np.linspace(0, end, 200):
            ahead = (first.mixture(rest) @ first.points - second.mixture(rest) @ second.points)[1]
            assert ahead <= found + 1e-9


def measured(*points: tuple[float, float]) -> Measured:
    """Return a run of which only the trade-off is known."""
    zeros = np.zeros(QUERIES)
    own = Figures(zeros, zeros, zeros + points[0][1], zeros + points[0][0])
    outcomes = ReadingOutcomes(
        query=own,
        one_change=own,
        curve=np.repeat(np.array(points)[:, :, None], QUERIES, axis=2).astype(np.float32),
    )
    items = np.arange(QUERIES)
    return Measured(
        metrics=None,  # type: ignore[arg-type]
        outcomes=Outcomes(clusters=(items, items), readings={"equal": outcomes}),
    )


def test_the_sentences_say_who_is_above_and_an_entangled_block_is_one_point() -> None:
    results = {
        "low": [measured((0.8, 0.1), (0.6, 0.3))],
        "entangled": [measured((0.7, 0.4), (0.7, 0.4))],
        "reference": [measured((0.8, 0.2), (0.6, 0.4))],
        "far": [measured((0.9, 0.1), (0.6, 0.2))],
    }
    assert [len(it.points) for it in curves_of("entangled", results["entangled"])] == [1]
    found = trade_off(results, "reference", "equal")
    assert [row[0] for row in found.table.rows] == ["low", "entangled", "far"]
    said = " ".join(found.sentences)
    assert "Above reference's curve (distance, equal weights) somewhere: entangled (+0.100" in said
    assert "keeps (0.800): far (0.900)." in said
    assert len(found.points.rows) == 7
    alone = trade_off({name: results[name] for name in ("low", "reference")}, "reference", "equal")
    assert alone.sentences == (
        "No system lies above reference's curve (distance, equal weights) anywhere.",
    )


def test_seeds_are_averaged() -> None:
    (mean,) = curves_of("two", [measured((0.8, 0.1), (0.6, 0.3)), measured((0.6, 0.3), (0.4, 0.5))])
    assert mean.points == pytest.approx(np.array([(0.7, 0.2), (0.5, 0.4)]))


def test_curves_are_drawn_in_panels() -> None:
    marked = Marked(xs=[0.2, 0.4], ys=[0.5, 0.1], mark=(0.3, 0.3))
    panels = {"one": {"a": marked, "b": marked}, "two": {"a": marked}}
    picture = curves_chart(
        panels, names=["a", "b"], behind=("a, one", marked), x_label="x", y_label="y"
    )
    single = curves_chart(
        {"one": {"a": marked}}, names=["a"], behind=("a", marked), x_label="x", y_label="y"
    )
    assert picture.width > single.width > 300
