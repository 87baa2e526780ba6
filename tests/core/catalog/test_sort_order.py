"""Orders of the catalog."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import CatalogFacts
from datrnet.core.catalog.sort_order import (
    Order,
    keys_of,
    name_of,
    natural_key,
    ranks,
    sorted_rows,
)
from datrnet.db.rows import (
    FactColumn,
    FactKind,
    ItemFacts,
    NewVariant,
    StringColumn,
    SuperCategory,
    VariantColumns,
)

LABELS = [1, -1, 0, 1, 2, -1]


def _catalog(codes: list[str], titles: list[str], labels: list[int]) -> Catalog:
    return Catalog(
        item_ids=np.arange(1, len(codes) + 1),
        codes=codes,
        titles=titles,
        picture_paths=[""] * len(codes),
        splits=np.array([""] * len(codes), dtype=np.str_),
        super_categories=(SuperCategory(name="size", values=("10", "9", "Xl")),),
        labels=np.array(labels, dtype=np.int16).reshape(-1, 1),
        is_hidden=np.zeros(len(codes), dtype=bool),
        more_labels={},
        facts=CatalogFacts(
            np.arange(1, len(codes) + 1),
            ItemFacts(
                columns=(),
                facts=StringColumn.of(["{}"] * len(codes)),
                groups=StringColumn.of([""] * len(codes)),
                views=StringColumn.of(["[]"] * len(codes)),
                variants=VariantColumns.of({}),
            ),
        ),
    )


def test_facts_sort_by_what_they_are() -> None:
    kinds: dict[str, FactKind] = {"price": "money", "size": "text", "shop": "link"}
    facts = ({"price": "9.50 EUR", "size": "10"}, {}, {"price": "10.00 EUR", "size": "9"})
    stored = ItemFacts(
        columns=tuple(FactColumn(name=name, kind=kind) for name, kind in kinds.items()),
        facts=StringColumn.of(map(json.dumps, facts)),
        groups=StringColumn.of([""] * 3),
        views=StringColumn.of(["[]"] * 3),
        variants=VariantColumns.of(
            {2: (NewVariant(code="a", facts={"price": "7.00 EUR"}), NewVariant(code="b"))}
        ),
    )
    bare = _catalog(["1", "2", "3"], ["", "", ""], [0, 0, 0])
    catalog = replace(bare, facts=CatalogFacts(bare.item_ids, stored))
    assert keys_of(catalog)[-2:] == ("=price", "=size")
    assert [name_of(key) for key in keys_of(catalog)[-3:]] == ["size", "price", "size"]
    assert _sorted(catalog, Order("=price")) == [1, 0, 2]  # of variants, the cheapest
    assert _sorted(catalog, Order("=price", is_reversed=True)) == [2, 0, 1]
    assert _sorted(catalog, Order("=size")) == [2, 0, 1]
    assert _sorted(catalog, Order("=size", is_reversed=True)) == [0, 2, 1]


@pytest.fixture
def catalog() -> Catalog:
    return _catalog(
        ["P-10", "p-9", "P-09b", "P-2", "P-100", "A"], ["b", "a", "B", "a 10", "a 9", ""], LABELS
    )


def _sorted(catalog: Catalog, order: Order) -> list[int]:
    rows = np.arange(catalog.num_items, dtype=np.intp)
    return sorted_rows(rows, ranks(catalog, order.key), order).tolist()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(), [0, 1, 2, 3, 4, 5]),
        (Order(is_reversed=True), [5, 4, 3, 2, 1, 0]),
        (Order("id"), [5, 3, 1, 2, 0, 4]),
        (Order("id", is_reversed=True), [4, 0, 2, 1, 3, 5]),
        (Order("title"), [5, 1, 4, 3, 0, 2]),  # b and B are equal: as they were
        (Order("title", is_reversed=True), [0, 2, 3, 4, 1, 5]),
        (Order(":size"), [0, 3, 2, 4, 1, 5]),  # 9, 9, 10, Xl, none, none
        (Order(":size", is_reversed=True), [4, 2, 0, 3, 1, 5]),
    ],
)
def test_orders(catalog: Catalog, order: Order, expected: list[int]) -> None:
    assert _sorted(catalog, order) == expected


def test_there_is_an_order_for_every_super_category(catalog: Catalog) -> None:
    assert keys_of(catalog) == ("catalog", "id", "title", ":size")


def test_some_rows_are_put_in_order_as_they_come(catalog: Catalog) -> None:
    rows = np.array([5, 1, 3, 0])
    order = Order(":size")
    assert sorted_rows(rows, ranks(catalog, order.key), order).tolist() == [3, 0, 5, 1]


def test_an_empty_catalog_has_all_orders() -> None:
    empty = _catalog([], [], [])
    for key in keys_of(empty):
        assert _sorted(empty, Order(key)) == []


@given(st.integers(0, 10**30), st.integers(0, 10**30), st.sampled_from(["", "A-", "size "]))
def test_numbers_count_by_their_size(first: int, second: int, before: str) -> None:
    assert (natural_key(f"{before}{first}x") < natural_key(f"{before}{second}x")) == (
        first < second
    )


@given(st.text(), st.text())
def test_any_text_has_a_place(first: str, second: str) -> None:
    assert natural_key(first) == natural_key(first.casefold())
    assert (natural_key(first) < natural_key(second)) + (
        natural_key(second) < natural_key(first)
    ) <= 1


def test_a_number_of_ten_thousand_digits_has_a_place() -> None:
    assert natural_key("9" * 10_000) > natural_key("8" * 9_999)
