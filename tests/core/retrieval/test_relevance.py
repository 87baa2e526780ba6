"""What examples say about the weights of blocks, and keeping away from items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.retrieval.manipulation import Floats
from datrnet.core.retrieval.relevance import (
    REPULSION,
    BlockSpread,
    agreement_apart_from,
    moved_away,
)

seeds = st.integers(0, 2**32 - 1)


def floats(values: object) -> Floats:
    return np.array(values, dtype=np.float32)


def unit(rng: np.random.Generator, *shape: int) -> Floats:
    drawn = rng.normal(size=shape)
    return floats(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))


SPREAD = BlockSpread(floats(np.zeros((2, 2))), np.ones(2))
"""Of a catalog around 0 with a variance of 1 in both blocks."""


def test_what_items_agree_on_weighs_more_by_hand() -> None:
    # equal in the first block; in the second ±1 from their mean, in sum 2: r = (1 + 2) / 2
    blocks = floats([[[1, 0], [1, 0]], [[1, 0], [-1, 0]]])
    weights = 1 / np.array([1 / 2, 3 / 2])
    np.testing.assert_allclose(SPREAD.agreement(blocks), weights / weights.mean(), rtol=1e-6)
    np.testing.assert_allclose(SPREAD.agreement(blocks), [1.5, 0.5], rtol=1e-6)


def test_one_item_says_nothing() -> None:
    assert SPREAD.agreement(unit(np.random.default_rng(0), 1, 2, 2)).tolist() == [1, 1]


def test_blocks_that_are_asked_for_have_a_weight_of_1() -> None:
    agreement = floats([2, 0.5, 0.5])
    np.testing.assert_allclose(agreement_apart_from([0], agreement, 3), [1, 1, 1])
    np.testing.assert_allclose(agreement_apart_from([2], agreement, 3), [1.6, 0.4, 1])
    assert agreement_apart_from([0, 1, 2], agreement, 3).tolist() == [1, 1, 1]
    assert agreement_apart_from([0], None, 3).tolist() == [1, 1, 1]


def test_feedback_by_hand() -> None:
    query = floats([[1, 0], [1, 0]])  # 1 + 1 from the catalog on average, in both blocks
    same, far = [1, 0], [-1, 0]  # 0 and 4 from the query: relative 0 and 2
    liked, disliked = floats([[same, far]]), floats([[far, same]])
    # liked: (1 + 0) / 2 and (1 + 2) / 2; disliked the reverse
    ratio = np.array([1.5 / 0.5, 0.5 / 1.5])
    expected = ratio / ratio.mean()
    np.testing.assert_allclose(SPREAD.feedback(query, liked, disliked), expected, rtol=1e-6)
    none = liked[:0]
    only = SPREAD.feedback(query, liked, none)
    np.testing.assert_allclose(only, [1.5, 0.5], rtol=1e-6)
    assert SPREAD.feedback(query, none, none).tolist() == [1, 1]
    twice = SPREAD.feedback(query, np.concatenate([liked, liked]), none)
    assert twice[0] > only[0]  # more marks move the weights further


@given(seeds)
def test_both_kinds_of_weights_have_a_mean_of_1_and_none_is_0(seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = unit(rng, 50, 3, 4)
    spread = BlockSpread(items.mean(axis=0), items.var(axis=0).sum(axis=1).astype(np.float64))
    number = int(rng.integers(1, 6))
    agreement = spread.agreement(items[:number])
    feedback = spread.feedback(items[9], items[:number], items[number : 2 * number])
    for weights in (agreement, feedback):
        assert weights.mean() == pytest.approx(1, rel=1e-5)
        assert (weights > 0).all()
    assert agreement.max() <= agreement.min() * (1 + 4 * number / spread.variances.min())


@given(seeds, st.integers(1, 3))
def test_keeping_away_adds_the_distance_to_the_opposite(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    query, items = unit(rng, 2, 3), unit(rng, 20, 2, 3)
    weights, others = floats(rng.uniform(0.1, 2, size=2)), unit(rng, number, 3)
    blocks, new_weights = moved_away(query, weights, {1: list(others)})
    found = (new_weights * ((items - blocks) ** 2).sum(axis=2)).sum(axis=1)
    plain = (weights * ((items - query) ** 2).sum(axis=2)).sum(axis=1)
    nearness = 4 - ((items[:, None, 1] - others) ** 2).sum(axis=2)  # (20, number)
    assert (nearness >= -1e-5).all()
    plain += REPULSION * weights[1] * nearness.sum(axis=1)
    differences = plain - found  # the same for all items
    np.testing.assert_allclose(differences, differences[0], atol=1e-4)
    np.testing.assert_array_equal(blocks[0], query[0])
    assert (np.linalg.norm(blocks, axis=1) <= 1 + 1e-5).all()


def test_unlike_itself_moves_away() -> None:
    query = floats([[1, 0]])
    blocks, weights = moved_away(query, floats([1]), {0: [query[0]]})
    np.testing.assert_allclose(blocks, [[-1 / 3, 0]], rtol=1e-6)
    assert weights.tolist() == [3]
    assert query.tolist() == [[1, 0]]
