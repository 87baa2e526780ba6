"""Triplets obey section 3.3: same value, another item; another value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.errors import DataError
from datrnet.core.training.triplets import draw_triplets


@given(
    values=st.lists(st.integers(-1, 6), min_size=2, max_size=60).filter(
        lambda drawn: len({one for one in drawn if one >= 0}) > 1
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
