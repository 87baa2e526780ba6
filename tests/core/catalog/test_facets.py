"""Facets against a plain count of each item."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.catalog import facets_of

NUM_VALUES = (3, 1, 2)


@given(st.data())
def test_rows_and_counts_equal_a_plain_count(data: st.DataObject) -> None:
    num_items = data.draw(st.integers(0, 12))
    labels = np.array(
        [
            [data.draw(st.integers(-1, number - 1)) for number in NUM_VALUES]
            for _ in range(num_items)
        ],
        dtype=np.int16,
    ).reshape(num_items, len(NUM_VALUES))
    rows = np.array(data.draw(st.permutations(range(num_items))), dtype=np.intp)
    rows = rows[: data.draw(st.integers(0, num_items))]
    chosen = {
        idx: frozenset(data.draw(st.sets(st.integers(-1, number - 1))))
        for idx, number in enumerate(NUM_VALUES)
        if data.draw(st.booleans())
    }
    excluded = {
        idx: frozenset(data.draw(st.sets(st.integers(-1, number - 1))))
        for idx, number in enumerate(NUM_VALUES)
        if data.draw(st.booleans())
    }

    def holds(row: int, but: int | None = None) -> bool:
        return all(labels[row, idx] not in values for idx, values in excluded.items()) and all(
            labels[row, idx] in values or not values for idx, values in chosen.items() if idx != but
        )

    facets = facets_of(labels, rows, NUM_VALUES, chosen, excluded=excluded)
    assert facets.rows.tolist() == [row for row in rows if holds(row)]
    for idx, number in enumerate(NUM_VALUES):
        there = [labels[row, idx] for row in rows if holds(row, but=idx)]
        expected = [there.count(value) for value in (*range(number), -1)]
        assert facets.counts[idx].tolist() == expected
