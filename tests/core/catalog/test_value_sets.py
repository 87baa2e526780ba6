"""Sets of values: the arrays against Python's sets, and the catalog that holds them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import ALL, Catalog, facets_of, split_rows, training_rows
from datrnet.core.catalog.value_sets import (
    carried_values,
    count_values,
    paired_values,
    share_value,
    trimmed,
)
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem, SuperCategory

Sets = list[list[int]]

sets_of_values = st.lists(
    st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=1, max_size=8
)


def padded(sets: Sets, length: int = 3) -> NDArray[np.int16]:
    """Return sets as rows that repeat the first value."""
    rows = [[*values, *[values[0] if values else -1] * (length - len(values))] for values in sets]
    return np.array(rows, dtype=np.int16).reshape(len(sets), length)


@given(first=sets_of_values, second=sets_of_values)
def test_arrays_hold_what_sets_hold(first: Sets, second: Sets) -> None:
    shared = share_value(padded(first)[:, None], padded(second)[None])
    for row, own in enumerate(first):
        for column, other in enumerate(second):
            assert shared[row, column] == (bool({*own} & {*other}) or not (own or other))
    items, values = carried_values(padded(first))
    assert sorted(zip(items.tolist(), values.tolist(), strict=True)) == sorted(
        (item, value) for item, own in enumerate(first) for value in own
    )
    assert count_values(padded(first), 5).tolist() == [
        sum(value in own for own in first) for value in range(5)
    ]
    assert trimmed(padded(first)).shape[1] == max(1, *map(len, first))


@given(sets=st.lists(st.tuples(*[st.lists(st.integers(0, 3), max_size=3, unique=True)] * 2)))
def test_pairs_are_all_combinations_once(sets: list[tuple[list[int], list[int]]]) -> None:
    first, second = padded([own for own, _ in sets]), padded([other for _, other in sets])
    pairs = paired_values(first, second, 4)
    for row, (own, other) in zip(pairs.tolist(), sets, strict=True):
        assert sorted(pair for pair in row if pair >= 0) == sorted(
            value * 4 + partner for value in own for partner in other
        )


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A catalog of six items; one of them is hidden, since the second file lacks it."""
    materials = [("cotton", "elastane"), ("elastane", "wool", "cotton"), (), "wool", "silk", "silk"]
    items = [
        NewItem(
            code=f"P{number}",
            title="",
            picture_path=f"{number}.jpg",
            split=("train", "test")[number % 2],
            labels={"color": "red", "material": material},
        )
        for number, material in enumerate(materials)
    ]
    with Workspace(tmp_path).create_store() as store:
        store.upsert_items(items)
        store.upsert_items(items[:-1], absent="hide")
        return Catalog.load(store)


def test_the_first_value_is_the_first_of_the_file(catalog: Catalog) -> None:
    assert catalog.labels_of(1) == {"color": "red", "material": "elastane"}
    assert set(catalog.values_of(1)["material"]) == {"elastane", "wool", "cotton"}
    assert catalog.values_of(1)["material"][0] == "elastane"
    assert catalog.label_texts(0)["material"] == "cotton | elastane"
    assert catalog.label_texts(2)["material"] is None
    cotton = catalog.value_idx(1, "Cotton")
    assert catalog.carries(1, cotton).tolist() == [True, True, False, False, False, False]
    unlabeled = catalog.carries_any(1, (-1, catalog.value_idx(1, "silk")))
    assert unlabeled.tolist() == [False, False, True, False, True, True]


def test_where_the_first_value_was_dropped_the_next_one_is_the_first(tmp_path: Path) -> None:
    labels = ("wool", "silk", "linen")
    item = NewItem(code="A", title="", picture_path="", split="", labels={"material": labels})
    with Workspace(tmp_path).create_store() as store:
        store.upsert_items([item])
        with store.writing() as db:
            db.execute("DELETE FROM attribute_values WHERE name = 'wool'")
        catalog = Catalog.load(store)
    first = catalog.labels_of(0)["material"]
    assert first is not None
    assert set(catalog.values_of(0)["material"]) == {"silk", "linen"}
    assert catalog.values_of(0)["material"][0] == first


def test_a_set_can_be_replaced_by_another(catalog: Catalog) -> None:
    relabeled = catalog.relabeled(1, "material", "silk | wool")
    assert relabeled.values_of(1)["material"] == ("silk", "wool")
    assert relabeled.values_of(0) == catalog.values_of(0)
    assert relabeled.relabeled(1, "material", None).values_of(1)["material"] == ()


def test_values_that_a_run_does_not_know_are_left_out(catalog: Catalog) -> None:
    known = SuperCategory(name="material", values=("wool", "cotton"))
    sets = catalog.encode_value_sets([known])[:, 0]
    assert [set(row) for row in sets.tolist()] == [{1}, {0, 1}, {-1}, {0}, {-1}, {-1}]
    assert catalog.encode_labels([known])[:, 0].tolist() == sets[:, 0].tolist()


def test_hidden_items_are_in_no_split_but_can_be_found(catalog: Catalog) -> None:
    assert catalog.shown_rows.tolist() == [0, 1, 2, 3, 4]
    assert split_rows(catalog, ALL).tolist() == [0, 1, 2, 3, 4]
    assert split_rows(catalog, "test").tolist() == [1, 3]
    assert training_rows(catalog)[0].tolist() == [0, 2, 4]
    assert catalog.row_of_code("p5") == 5


@given(st.data())
def test_facets_of_sets_equal_a_plain_count(data: st.DataObject) -> None:
    num_values = (3, 2)
    sets = [
        [data.draw(st.lists(st.integers(0, num - 1), unique=True)) for num in num_values]
        for _ in range(data.draw(st.integers(0, 8)))
    ]
    labels = np.array(
        [[own[0] if own else -1 for own in item] for item in sets], dtype=np.int16
    ).reshape(len(sets), 2)
    more_labels = {
        (idx, value): np.array(rows)
        for idx, num in enumerate(num_values)
        for value in range(num)
        if (rows := [row for row, item in enumerate(sets) if value in item[idx][1:]])
    }
    chosen = {
        idx: data.draw(st.sets(st.integers(-1, num - 1)))
        for idx, num in enumerate(num_values)
        if data.draw(st.booleans())
    }
    all_of = data.draw(st.sets(st.integers(0, 1)))

    def holds(item: Sets, but: int | None = None) -> bool:
        return all(
            (values <= {*item[idx]} | ({-1} if not item[idx] else set()))
            if idx in all_of
            else bool(values & ({*item[idx]} or {-1}))
            for idx, values in chosen.items()
            if idx != but and values
        )

    facets = facets_of(labels, np.arange(len(sets)), num_values, chosen, more_labels, all_of)
    assert facets.rows.tolist() == [row for row, item in enumerate(sets) if holds(item)]
    for idx, num in enumerate(num_values):
        there = [item[idx] for item in sets if holds(item, but=idx)]
        expected = [sum(value in own for own in there) for value in range(num)]
        assert facets.counts[idx].tolist() == [*expected, there.count([])]
