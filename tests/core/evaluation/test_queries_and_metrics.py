"""Queries and metrics against the worked examples and a slow twin written from the definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.evaluation.metrics import Bootstrap, hits, ndcg, relevance
from datrnet.core.evaluation.queries import draw_queries, enumerate_queries

RED, BLUE, BLACK = 0, 1, 2
SHORT, LONG = 0, 1
TOY = np.array([[RED, SHORT], [BLUE, SHORT], [BLUE, LONG], [-1, LONG]], dtype=np.int16)
"""Red short, blue short, blue long, and a long one of no known colour."""


def test_toy_example_has_its_five_queries() -> None:
    queries = enumerate_queries(TOY, 1)
    asked = zip(queries.items.tolist(), map(tuple, queries.targets.tolist()), strict=True)
    assert sorted(asked) == [
        (0, (BLUE, SHORT)),
        (1, (RED, SHORT)),
        (1, (BLUE, LONG)),
        (2, (BLUE, SHORT)),
        (3, (BLUE, LONG)),
    ]


def test_query_only_needs_another_item_with_the_same_labels() -> None:
    labels = np.array([[0, 0], [0, 0], [1, 0], [-1, 0], [-1, 0]], dtype=np.int16)
    assert enumerate_queries(labels, 0).items.tolist() == [0, 1, 3, 4]


def test_ndcg_check_value() -> None:
    assert ndcg(np.array([[1, 0.5, 0.5]]))[0] == pytest.approx(0.6891, abs=1e-4)


def test_relevance_counts_a_missing_label_as_a_value() -> None:
    found = np.array([[[0, -1], [0, 1], [2, 1]]], dtype=np.int16)
    targets = np.array([[0, -1]], dtype=np.int16)
    everything = np.ones((1, 2), dtype=bool)
    first = np.array([[True, False]])
    assert relevance(found, targets, everything).tolist() == [[1, 0.5, 0]]
    assert relevance(found, targets, first).tolist() == [[1, 1, 0]]
    assert hits(found, targets, everything).tolist() == [[True, False, False]]
    assert hits(found, targets, first).tolist() == [[True, True, False]]


label_tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(-1, 2), min_size=width, max_size=width), min_size=1, max_size=14
    )
)


@settings(deadline=None)
@given(rows=label_tables, num_changes=st.integers(0, 3))
def test_enumeration_equals_the_definition(rows: list[list[int]], num_changes: int) -> None:
    labels = np.array(rows, dtype=np.int16)
    queries = enumerate_queries(labels, num_changes)
    found = sorted(zip(queries.items.tolist(), map(tuple, queries.targets.tolist()), strict=True))
    assert found == sorted(plain_queries(rows, num_changes))
    assert (queries.changed == (queries.targets != labels[queries.items])).all()


def plain_queries(rows: list[list[int]], num_changes: int) -> list[tuple[int, tuple[int, ...]]]:
    """Try every item, every choice of super-categories and every value in them."""
    found = []
    width = len(rows[0])
    for item, own in enumerate(rows):
        if num_changes == 0:
            if sum(other == own for other in rows) > 1:
                found.append((item, tuple(own)))
            continue
        for places in itertools.combinations(range(width), num_changes):
            for values in itertools.product(range(3), repeat=num_changes):
                target = list(own)
                for place, value in zip(places, values, strict=True):
                    target[place] = value
                different = all(target[place] != own[place] for place in places)
                if different and target in rows:
                    found.append((item, tuple(target)))
    return found


@settings(deadline=None)
@given(rows=label_tables, limit=st.integers(1, 5))
def test_drawn_queries_are_valid_ones_and_as_many_as_asked(
    rows: list[list[int]], limit: int
) -> None:
    labels = np.array(rows, dtype=np.int16)
    for num_changes, drawn in enumerate(draw_queries(labels, (0, 1, 2), limit=limit)):
        valid = plain_queries(rows, num_changes)
        found = list(zip(drawn.items.tolist(), map(tuple, drawn.targets.tolist()), strict=True))
        assert drawn.num_valid == len(valid)
        assert len(set(found)) == len(found) == min(limit, len(valid))
        assert set(found) <= set(valid)


def test_a_large_gallery_is_looked_at_in_chunks() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 3, (1200, 3)).astype(np.int16)
    queries = enumerate_queries(labels, 2)
    known = {tuple(row) for row in labels.tolist()}
    expected = sum(
        sum(a != b for a, b in zip(own, target, strict=True)) == 2
        and all(b >= 0 or a == b for a, b in zip(own, target, strict=True))
        for own in map(tuple, labels.tolist())
        for target in known
    )
    assert len(queries) == queries.num_valid == expected
    assert (queries.changed.sum(axis=1) == 2).all()


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=50))
def test_interval_encloses_the_mean(values: list[float]) -> None:
    array: NDArray[np.float64] = np.array(values)
    bootstrap = Bootstrap(np.arange(len(array)))
    estimate = bootstrap.mean(array, np.ones(len(array), dtype=bool))
    assert estimate.value == array.mean()
    assert estimate.low - 1e-6 <= array.mean() <= estimate.high + 1e-6


def test_queries_of_one_item_are_drawn_together() -> None:
    values = np.tile([0.0, 1.0], 200)
    everything = np.ones(400, dtype=bool)
    apart = Bootstrap(np.arange(400)).mean(values, everything)
    items = np.arange(400) % 2 + 2 * (np.arange(400) // 40)
    together = Bootstrap(items).mean(values, everything)
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_no_query_gives_no_number() -> None:
    estimate = Bootstrap(np.empty(0, dtype=np.int64)).mean(np.empty(0), np.empty(0, dtype=bool))
    assert all(np.isnan(bound) for bound in (estimate.value, estimate.low, estimate.high))
