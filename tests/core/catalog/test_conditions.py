"""Conditions on labels and facts, written the same way."""

import csv

import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.importer import import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError

HEADER = ("id", "image", "title", "color", "shoe width", "price", "in stock")
ROWS = (
    ("1", "1.png", "A", "Red", "wide", "10 EUR", "yes"),
    ("2", "2.png", "B", "Red", "narrow", "20 EUR", "no"),
    ("3", "3.png", "C", "Blue", "wide", "30 EUR", "yes"),
    ("4", "4.png", "D", "Blue", "narrow", "40 EUR", "no"),
    ("5", "5.png", "E", "Green", "wide", "", "yes"),
    ("6", "6.png", "F", "Green", "narrow", "", "no"),
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("shop")
    for number in range(1, 7):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    with (folder / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    workspace = Workspace(folder / "workspace")
    import_catalog(workspace, folder / "shop.csv")
    with workspace.open_store() as store:
        return Catalog.load(store)


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        (("color=red",), "12"),
        (("COLOR = Red", "color=blue"), "1234"),
        (("color!=red",), "3456"),
        (("color!=red", "color != blue"), "56"),
        (("color=red", "color=blue", "color!=red"), "34"),
        (("shoe_width=wide",), "135"),
        (("price<=20",), "12"),
        (("price>10", "price<40"), "23"),
        (("in_stock=true",), "135"),
        (("In Stock=YES", "color=blue"), "3"),
        (("price!=10",), "23456"),
        ((), "123456"),
    ],
)
def test_names_are_labels_or_facts(catalog: Catalog, texts: tuple[str, ...], codes: str) -> None:
    met = Conditions.parse(catalog, texts).matching(catalog)
    assert "".join(catalog.codes[row] for row in met.nonzero()[0]) == codes


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("colour=red", UnknownNameError, "Did you mean color"),
        ("pric<5", UnknownNameError, "No super-category or fact is called 'pric'"),
        ("color=purple", UnknownNameError, "No color value is called 'purple'"),
        (
            "color<red",
            ConfigError,
            "have no order: .* For example: color=red",
        ),
        ("color", ConfigError, "'color' is not a condition"),
        ("=red", ConfigError, "is not a condition"),
        ("price<much", ConfigError, "price<50"),
        ("in stock>no", ConfigError, "in stock=yes"),
    ],
)
def test_what_is_wrong_is_told_with_what_helps(
    catalog: Catalog, text: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Conditions.parse(catalog, [text])
