"""What facts can be narrowed down by."""

import json
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.fact_facets import (
    MAX_PERIODS,
    NUM_RANGES,
    Facet,
    conditions_on,
    fact_facets,
)
from datrnet.core.catalog.facts import CatalogFacts, Condition
from datrnet.db.rows import (
    FactColumn,
    FactKind,
    ItemFacts,
    NewVariant,
    StringColumn,
    VariantColumns,
)


class _Items:
    """As much of a catalog as facets need."""

    def __init__(self, kind: FactKind, texts: Sequence[Sequence[str]]) -> None:
        self.num_items = len(texts)
        own = [{} if len(several) != 1 else {"fact": several[0]} for several in texts]
        variants = {
            number: tuple(
                NewVariant(code=f"{number}-{place}", facts={"fact": text})
                for place, text in enumerate(several)
            )
            for number, several in enumerate(texts)
            if len(several) > 1
        }
        stored = ItemFacts(
            columns=(FactColumn(name="fact", kind=kind),),
            facts=StringColumn.of(map(json.dumps, own)),
            groups=StringColumn.of([""] * len(texts)),
            views=StringColumn.of(["[]"] * len(texts)),
            variants=VariantColumns.of(variants),
        )
        self.facts = CatalogFacts(np.arange(len(texts)), stored)


def facets(kind: FactKind, *texts: Sequence[str]) -> list[Facet]:
    return fact_facets(cast(Catalog, _Items(kind, texts)))


def carriers(facet: Facet) -> dict[str, list[int]]:
    """Return the items with each value."""
    return {
        value: sorted([*np.flatnonzero(facet.labels == number), *facet.more_labels.get(number, [])])
        for number, value in enumerate(facet.category.values)
    }


def test_texts_are_values_and_a_variant_of_an_item_is_enough() -> None:
    (facet,) = facets("text", ["S", "M"], ["M"], [], ["M", "M"])
    assert carriers(facet) == {"S": [0], "M": [0, 1, 3]}
    assert facet.labels[2] == -1
    assert not facet.is_ordered


def test_every_tag_is_a_value() -> None:
    (facet,) = facets("tags", ["new, sale"], ["sale"], ["old"], [])
    assert carriers(facet) == {"new": [0], "sale": [0, 1], "old": [2]}


def test_yes_comes_before_no() -> None:
    (facet,) = facets("boolean", ["no"], ["yes"], ["no", "yes"])
    assert carriers(facet) == {"yes": [1, 2], "no": [0, 2]}
    assert facet.is_ordered


def test_few_numbers_are_listed_and_many_come_in_ranges() -> None:
    (few,) = facets("number", ["10"], ["9"], ["9.5"], ["10"])
    assert carriers(few) == {"9": [1], "9.5": [2], "10": [0, 3]}
    (many,) = facets("money", *([f"{price}.00 EUR"] for price in range(10, 110)))
    assert many.category.values == ("under 30", "30–50", "50–70", "70–90", "90 and up")
    assert carriers(many)["30–50"] == list(range(20, 40))


@pytest.mark.parametrize("seed", range(20))
def test_ranges_hold_every_number_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.round(rng.lognormal(rng.uniform(-9, 9), rng.uniform(0.01, 3), size=60), 12)
    (facet,) = facets("number", *([repr(float(number))] for number in numbers))
    assert 2 <= len(facet.category.values) <= NUM_RANGES
    assert len(set(facet.category.values)) == len(facet.category.values)
    assert (facet.labels >= 0).all()
    order = numbers.argsort(kind="stable")
    assert (np.diff(facet.labels[order]) >= 0).all()


def test_dates_come_by_the_finest_period_of_which_there_are_few() -> None:
    (days,) = facets("date", ["2026-03-01"], ["2026-03-02"], ["2026-03-01"])
    assert days.category.values == ("2026-03-01", "2026-03-02")
    (months,) = facets("date", *([f"2026-0{1 + day % 3}-{1 + day:02}"] for day in range(20)))
    assert months.category.values == ("2026-01", "2026-02", "2026-03")
    (quarters,) = facets("date", *([f"2026-{1 + day % 12:02}-03"] for day in range(24)))
    assert quarters.category.values == ("2026 Q1", "2026 Q2", "2026 Q3", "2026 Q4")
    (years,) = facets("date", *([f"{2000 + number}-01-01"] for number in range(MAX_PERIODS + 4)))
    assert years.category.values[0] == "2000"


def test_texts_of_another_kind_count_as_unknown() -> None:
    (prices,) = facets("money", ["old"], ["3.00 EUR"], ["4.00 EUR"])
    assert carriers(prices) == {"3": [1], "4": [2]}
    (many,) = facets("number", ["?"], *([str(number)] for number in range(20)))
    assert many.labels[0] == -1
    assert (many.labels[1:] >= 0).all()
    (dates,) = facets("date", ["soon"], ["2026-01-02"], ["2026-01-03"])
    assert carriers(dates) == {"2026-01-02": [1], "2026-01-03": [2]}


def test_what_tells_nothing_apart_is_no_facet() -> None:
    assert not facets("link", ["https://a.example"], ["https://b.example"])
    assert not facets("text", ["same"], ["same"])
    assert not facets("text", *([f"40012345{number:04}"] for number in range(100)))
    assert not facets("number", [], [])
    (known,) = facets("text", ["same"], [])  # it tells who has it
    assert known.category.values == ("same",)


def carried(facet: Facet, kind: FactKind, name: str, texts: Sequence[Sequence[str]]) -> list[int]:
    """Return the items that meet the conditions of a value."""
    conditions = conditions_on(FactColumn(name="fact", kind=kind), [name])
    assert conditions is not None
    items = _Items(kind, texts)
    met = items.facts.matching(*(Condition.parse(str(it)) for it in conditions))
    assert name in facet.category.values
    return np.flatnonzero(met).tolist()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("text", [["S"], ["M"], ["S", "M"], [], ["L"], ["L"]]),
        ("tags", [["a, b"], ["b"], ["c"], [], ["a"]]),
        ("boolean", [["yes"], ["no"], [], ["yes", "no"]]),
        ("number", [["1"], ["2.5"], ["-3"], [], ["2.5"]]),
        ("number", [[str(number)] for number in range(-40, 60)]),
        ("money", [[f"{price}.50 EUR", f"{price + 30} EUR"] for price in range(60)]),
        ("date", [[f"2026-01-{day:02}"] for day in (1, 2, 9)]),
        ("date", [[f"2025-{month:02}-15"] for month in range(6, 13)]),
        ("date", [[f"2025-{1 + 3 * quarter:02}-15"] for quarter in range(4) for _ in (1, 2)] * 9),
        ("date", [[f"{year}-{month:02}-28"] for year in (2019, 2020) for month in range(1, 13)]),
        ("date", [[f"{year}-02-28"] for year in range(2001, 2026)]),
    ],
)
def test_the_conditions_of_a_value_are_met_by_the_items_with_it(
    kind: FactKind, texts: list[list[str]]
) -> None:
    (facet,) = facets(kind, *texts)
    for value, items in carriers(facet).items():
        assert carried(facet, kind, value, texts) == items


def test_neighboring_ranges_are_one_and_gaps_are_no_condition() -> None:
    price = FactColumn(name="price", kind="money")

    def words(*values: str, is_excluded: bool = False) -> list[str] | None:
        found = conditions_on(price, values, is_excluded=is_excluded)
        return None if found is None else [*map(str, found)]

    assert words("under 10", "10–20") == ["price<20"]
    assert words("10–20", "20–30") == ["price>=10", "price<30"]
    assert words("20 and up") == ["price>=20"]
    assert words("under 10", "20–30") is None
    assert words("under 10", is_excluded=True) == ["price>=10"]
    assert words("10–20", "20 and up", is_excluded=True) == ["price<10"]
    assert words("10–20", is_excluded=True) is None
    brand = FactColumn(name="brand", kind="text")
    assert [*map(str, conditions_on(brand, ["A", "under 5"]) or ())] == ["brand=A", "brand=under 5"]
    assert [*map(str, conditions_on(brand, ["A"], is_excluded=True) or ())] == ["brand!=A"]
