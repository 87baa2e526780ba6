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

ROWS = (
    ("1-S", "red.png", "Shirt", "Red", "S", "19.00 EUR", "true", "2026-03-01", "new, sale"),
    ("1-M", "red.png", "Shirt", "Red", "M", "24.00 EUR", "false", "2026-03-01", "new"),
    ("2-S", "blue.png", "Shirt", "Blue", "S", "30.00 EUR", "false", "2026-03-05", ""),
)
HEADER = ("id", "image", "title", "color", "size", "price", "in stock", "added", "tags")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("red", "blue"):
        Image.new("RGB", (8, 8), name).save(tmp_path / f"{name}.png")
    with (tmp_path / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, tmp_path / "shop.csv")
    with workspace.open_store() as store:
        return Catalog.load(store)


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
