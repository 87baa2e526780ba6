"""Two systems are compared on the same queries, drawn by their items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from datrnet.core.evaluation.metrics import NUM_SAMPLES, Bootstrap, Difference


def test_the_difference_is_the_mean_over_queries_of_what_is_averaged_over_seeds() -> None:
    items = np.array([0, 0, 1])
    first = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])  # by query: 0.5, 0, 1
    second = np.array([0.0, 0.0, 0.25])
    found = Bootstrap(items).difference(first, second)
    assert found.value == pytest.approx((0.5 + 0 + 0.75) / 3)
    # a sample has twice the first item, both, or twice the second
    assert (found.low, found.high) == (pytest.approx(0.25), pytest.approx(0.75))


def test_of_groups_it_is_the_mean_of_their_differences() -> None:
    groups = np.array([True, True, False]), np.array([False, False, True])
    found = Bootstrap(np.arange(3)).difference(np.array([1.0, 0, 1]), np.zeros(3), *groups)
    assert found.value == pytest.approx(0.75)


@given(
    st.integers(1, 12).flatmap(
        lambda num: st.tuples(
            arrays(np.int64, num, elements=st.integers(0, 4)),
            arrays(np.float64, (2, num), elements=st.floats(0, 1, width=16)),
            arrays(np.float64, (3, num), elements=st.floats(0, 1, width=16)),
        )
    )
)
def test_the_interval_equals_that_of_queries_drawn_one_by_one(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    items, first, second = case
    found = Bootstrap(items, seed=3).difference(first, second)
    rng, names = np.random.default_rng(3), sorted(set(items.tolist()))
    samples = []
    for _ in range(NUM_SAMPLES):
        drawn = [names[place] for place in rng.integers(0, len(names), len(names))]
        values = [
            first[:, query].mean() - second[:, query].mean()
            for item in drawn
            for query in range(len(items))
            if items[query] == item
        ]
        samples.append(np.mean(values))
    low, high = np.quantile(samples, [0.025, 0.975])
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_identical_systems_differ_by_exactly_nothing() -> None:
    rng = np.random.default_rng(0)
    outcomes = rng.random((3, 200))
    assert Bootstrap(rng.integers(0, 40, 200)).difference(outcomes, outcomes.copy()) == Difference(
        0, 0, 0
    )


def test_a_pair_is_told_apart_where_two_intervals_overlap() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(400)
    first, second = hard + 0.02 + 0.01 * rng.random(400), hard
    bootstrap, everything = Bootstrap(np.arange(400)), np.ones(400, dtype=bool)
    apart = bootstrap.mean(first, everything), bootstrap.mean(second, everything)
    assert apart[0].low < apart[1].high
    assert bootstrap.difference(first, second).direction == 1
    assert bootstrap.difference(second, first).direction == -1
    assert bootstrap.difference(second, second).direction == 0
