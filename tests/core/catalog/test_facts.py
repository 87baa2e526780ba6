"""The facts of items."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.importer import import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.rows import FactKind, NewItem

ROWS = (
    ("1-S", "red.png", "Shirt", "Red", "S", "19.00 EUR", "true", "2026-03-01", "new, sale"),
    ("1-M", "red.png", "Shirt", "Red", "M", "24.00 EUR", "false", "2026-03-01", "new"),
    ("2-S", "blue.png", "Shirt", "Blue", "S", "30.00 EUR", "false", "2026-03-05", ""),
)
HEADER = ("id", "image", "title", "color", "size", "price", "in stock", "added", "tags")


def imported(folder: Path, *rows: tuple[str, ...]) -> Catalog:
    for name in ("red", "blue"):
        Image.new("RGB", (8, 8), name).save(folder / f"{name}.png")
    with (folder / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    workspace = Workspace(folder / "workspace")
    import_catalog(workspace, folder / "shop.csv")
    with workspace.open_store() as store:
        return Catalog.load(store)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return imported(tmp_path, HEADER, *ROWS)


def test_variants_stay_together_in_whatever_order_a_file_has_them(
    catalog: Catalog, tmp_path: Path
) -> None:
    small = ("1-XS", *ROWS[0][1:])
    again = imported(tmp_path, HEADER, small, *reversed(ROWS))
    assert list(again.codes) == list(catalog.codes)
    codes = [variant.code for variant in again.facts.variants(0)]
    assert sorted(codes) == ["1-M", "1-S", "1-XS"]


def test_a_file_of_prices_updates_the_variants_it_names(catalog: Catalog, tmp_path: Path) -> None:
    again = imported(tmp_path, ("id", "price"), ("1-M", "25.00 EUR"), ("2-S", "31.00 EUR"))
    assert again.num_items == catalog.num_items
    prices = {variant.code: variant.facts["price"] for variant in again.facts.variants(0)}
    assert prices == {"1-S": "19.00 EUR", "1-M": "25.00 EUR"}
    assert again.facts.numbers("price").tolist() == [19, 31]
    assert again.facts.texts(0, "size") == ("S", "M")


def test_variants_are_one_item_with_the_facts_of_all(catalog: Catalog) -> None:
    assert catalog.num_items == 2
    assert [variant.code for variant in catalog.facts.variants(0)] == ["1-S", "1-M"]
    assert catalog.facts.texts(0, "size") == ("S", "M")
    assert catalog.facts.numbers("price").tolist() == [19, 30]
    assert catalog.facts.variants(1) == ()
    assert catalog.row_of_code("1-m") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price<20", [True, False]),
        ("PRICE>=24", [True, True]),
        ("price != 30", [True, False]),
        ("in stock=yes", [True, False]),
        ("in stock=false", [True, True]),
        ("size=m", [True, False]),
        ("tags=sale", [True, False]),
        ("added>2026-03-02", [False, True]),
    ],
)
def test_conditions_hold_for_any_variant(catalog: Catalog, text: str, expected: list[bool]) -> None:
    found = catalog.facts.matching(Condition.parse(text))
    np.testing.assert_array_equal(found, expected)


def test_a_condition_may_have_to_hold_for_every_variant(catalog: Catalog) -> None:
    sold_out = Condition.parse("in stock=no")
    assert catalog.facts.matching(sold_out).tolist() == [True, True]
    assert catalog.facts.matching(sold_out, every=True).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("price", ConfigError, "not a condition"),
        ("price<cheap", ConfigError, "price<50"),
        ("size<M", ConfigError, "size=VALUE"),
        ("pric<5", UnknownNameError, "Did you mean price"),
    ],
)
def test_a_wrong_condition_says_what_helps(
    catalog: Catalog, text: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        catalog.facts.matching(Condition.parse(text))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("size=S", "in_stock=true"), [True, False]),
        (("size=M", "in_stock=true"), [False, False]),  # another size is in stock
        (("size=M", "size=S", "price>20"), [True, True]),
        (("price>20", "price<25"), [True, False]),
        (("tags!=sale",), [True, True]),
        (("In-Stock=no", "size!=M"), [False, True]),
        ((), [True, True]),
    ],
)
def test_several_conditions_hold_for_one_and_the_same_variant(
    catalog: Catalog, texts: tuple[str, ...], expected: list[bool]
) -> None:
    found = catalog.facts.matching(*map(Condition.parse, texts))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("stock", ("3", "0", "", "0")),
        ("availability", ("in stock", "out of stock", "", "sold out")),
        ("availability", ("in_stock", "out_of_stock", "", "preorder")),
    ],
)
def test_what_is_in_stock_is_known_by_other_facts(
    tmp_path: Path, name: str, texts: tuple[str, ...]
) -> None:
    workspace = Workspace(tmp_path)
    kinds: dict[str, FactKind] = {name: "number" if name == "stock" else "text"}
    with workspace.create_store() as store:
        items = [
            NewItem(code=str(place), title="", picture_path="", split="", facts={name: text})
            for place, text in enumerate(texts)
        ]
        store.upsert_items(items, kinds)
        facts = Catalog.load(store).facts
    assert facts.matching(Condition.parse("in_stock=true")).tolist() == [True, False, False, False]
    assert facts.matching(Condition.parse("In stock=no")).tolist() == [False, True, False, True]


def test_the_facts_of_all_variants_are_told_in_words(catalog: Catalog) -> None:
    words = catalog.facts.words(0)
    assert words["price"] == "19.00–24.00 EUR"
    assert words["size"] == "S, M"
    assert words["in stock"] == "yes (1 of 2)"
    assert words["added"] == "2026-03-01"
    assert list(catalog.facts.on_card(0)) == ["price", "size", "tags", "in stock"]
    assert catalog.facts.on_card(1) == {
        "price": "30.00 EUR",
        "size": "S",
        "in stock": "no",
        "added": "2026-03-05",
    }
