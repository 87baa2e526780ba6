"""Triplets obey section 3.3: same value, another item; another value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.errors import DataError
from datrnet.core.training.triplets import draw_triplets


@given(
    values=st.lists(st.integers(-1, 6), min_size=2, max_size=60).filter(
        lambda drawn: len({row for row in drawn if row >= 0}) > 1
    ),
    balance=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_triplets_hold_for_any_labels(values: list[int], balance: float, seed: int) -> None:
    labels = np.array(values, dtype=np.int16)
    rng = np.random.default_rng(seed)
    anchor, positive, negative = draw_triplets(labels, 50, balance, rng).T
    assert (labels[anchor] >= 0).all()
    assert (labels[anchor] == labels[positive]).all()
    assert (labels[negative] >= 0).all()
    assert (labels[negative] != labels[anchor]).all()
    alone = np.bincount(labels[labels >= 0])[labels[anchor]] == 1
    assert ((anchor != positive) | alone).all()


def test_balance_draws_rare_values_as_often() -> None:
    labels = np.array([0] * 900 + [1] * 90 + [2] * 10, dtype=np.int16)
    for balance, expected in ((1.0, [1 / 3] * 3), (0.0, [0.9, 0.09, 0.01])):
        anchors = draw_triplets(labels, 20_000, balance, np.random.default_rng(0))[:, 0]
        shares = np.bincount(labels[anchors]) / 20_000
        np.testing.assert_allclose(shares, expected, atol=0.02)


def test_one_value_gives_no_triplets() -> None:
    with pytest.raises(DataError, match="at least two values"):
        draw_triplets(np.zeros(5, dtype=np.int16), 3, 1.0, np.random.default_rng(0))


def test_with_several_values_positives_share_one_and_negatives_none() -> None:
    rng = np.random.default_rng(4)
    sets = np.stack([rng.permutation(5)[:3] for _ in range(40)]).astype(np.int16)
    sets[::3, 1:] = sets[::3, :1]  # a third has a single value
    sets[::7] = -1
    anchor, positive, negative = draw_triplets(sets, 500, 0.5, rng).T
    for a, p, n in zip(sets[anchor], sets[positive], sets[negative], strict=True):
        assert min(*a, *p, *n) >= 0
        assert {*a} & {*p}
        assert not {*a} & {*n}


def test_items_that_all_share_a_value_give_no_triplets() -> None:
    sets = np.array([[0, 1], [0, 2], [0, 3], [0, 1]], dtype=np.int16)
    with pytest.raises(DataError, match="share no value"):
        draw_triplets(sets, 10, 1.0, np.random.default_rng(0))


def test_a_single_pair_without_a_shared_value_is_enough() -> None:
    sets = np.array([[0, 1]] * 30 + [[1, 2]] * 30 + [[0, 0], [2, 2]], dtype=np.int16)
    triplets = draw_triplets(sets[-2:].repeat(1, axis=0), 8, 1.0, np.random.default_rng(0))
    assert {tuple(row) for row in triplets[:, [0, 2]].tolist()} == {(0, 1), (1, 0)}
    triplets = draw_triplets(sets, 300, 1.0, np.random.default_rng(0))
    assert len(triplets) == 300
    assert not any({*sets[a]} & {*sets[n]} for a, _, n in triplets)
