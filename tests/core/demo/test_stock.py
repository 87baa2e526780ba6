"""Which items the demo shop stocks."""

from collections import Counter

import numpy as np
import pytest

from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import stock


@pytest.fixture(scope="module")
def looks() -> list[tuple[str, ...]]:
    items = stock(2000, np.random.default_rng(0))
    return [tuple(item[name] for name in SUPER_CATEGORIES) for item in items]


def test_fifty_values_and_more_all_occur(looks: list[tuple[str, ...]]) -> None:
    assert sum(map(len, SUPER_CATEGORIES.values())) >= 50
    for axis, values in enumerate(SUPER_CATEGORIES.values()):
        counts = Counter(look[axis] for look in looks)
        assert set(counts) == set(values)
        assert min(counts.values()) >= 10


def test_popularity_is_uneven(looks: list[tuple[str, ...]]) -> None:
    for axis in range(len(SUPER_CATEGORIES)):
        counts = sorted(Counter(look[axis] for look in looks).values())
        assert counts[-1] > 4 * counts[0]


def test_most_looks_come_more_than_once_but_many_looks_differ(
    looks: list[tuple[str, ...]],
) -> None:
    counts = Counter(looks)
    assert 500 <= len(counts) <= 750
    assert sum(counts[look] > 1 for look in looks) / len(looks) > 0.85


def test_most_wanted_changes_have_an_answer(looks: list[tuple[str, ...]]) -> None:
    rng = np.random.default_rng(1)
    known, answered, asked = set(looks), 0, 3000
    for _ in range(asked):
        look, liked = (looks[at] for at in rng.integers(len(looks), size=2))
        axis = int(rng.integers(len(SUPER_CATEGORIES)))
        answered += (*look[:axis], liked[axis], *look[axis + 1 :]) in known
    assert answered / asked > 0.6


@pytest.mark.parametrize("num_items", [1, 7, 59, 61, 400])
def test_any_number_of_items_can_be_stocked(num_items: int) -> None:
    assert len(stock(num_items, np.random.default_rng(2))) == num_items
