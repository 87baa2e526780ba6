"""Shops' exports, by format: one small shop in each, made up here."""

import csv
import html
import io
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.columns import plan_columns
from datrnet.core.catalog.mappings.cells import unpack
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.mapping import (
    Mapping,
    known_mappings,
    read_mapping,
    recognize,
)
from datrnet.core.catalog.mappings.steps import Packed, Parents, Paths
from datrnet.core.catalog.picture_files import PictureFolder
from datrnet.core.catalog.plan import ColumnChoices
from datrnet.core.catalog.products import parse_rows
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.variants import Product, fold_variants
from datrnet.core.errors import ConfigError, UnknownNameError

Row = dict[str, str]

STYLES = {
    "AA": ("Shirts", "Women", "Striped", "Cotton & Silk"),
    "BB": ("Skirts", "Men", "Solid", "Wool"),
}
COLORS = {"Red": (200, 30, 30), "Blue": (30, 30, 200)}
SIZES = ("S", "M")


def photo(style: str, color: str) -> str:
    return f"{style}-{color}.jpg".lower()


def shopify() -> list[Row]:
    rows = []
    for style, (kind, gender, pattern, _) in STYLES.items():
        for number, (color, size) in enumerate(product(COLORS, SIZES)):
            row = {
                "Handle": style.lower(),
                "Title": f"The {style}",
                "Type": kind,
                "Tags": f"summer, {pattern}",
                "Google Shopping / Gender": gender,
                "Option1 Name": "Color",
                "Option2 Name": "Size",
            }
            rows.append(
                {
                    name: cell if number == 0 or name == "Handle" else ""
                    for name, cell in row.items()
                }
                | {
                    "Option1 Value": color,
                    "Option2 Value": size,
                    "Variant SKU": f"{style}-{color}-{size}",
                    "Variant Price": "19.00",
                    "Image Src": f"https://cdn.example/{photo(style, 'Red')}?v=1",
                    "Variant Image": f"https://cdn.example/{photo(style, color)}?v=1",
                }
            )
        rows.append({"Handle": style.lower(), "Image Src": "https://cdn.example/back.jpg"})
    return rows


def woocommerce() -> list[Row]:
    rows = []
    for style, (kind, gender, pattern, material) in STYLES.items():
        rows.append(
            {
                "ID": f"{len(rows) + 1}",
                "Type": "variable",
                "SKU": style,
                "Name": f"The {style}",
                "Categories": f"Clothes > {gender} > {kind}, New",
                "Images": ", ".join(f"https://s.example/{photo(style, c)}" for c in COLORS),
                "Parent": "",
                "Attribute 1 name": "Color",
                "Attribute 1 value(s)": ", ".join(COLORS),
                "Attribute 2 name": "Pattern",
                "Attribute 2 value(s)": pattern,
                "Attribute 3 name": "Material",
                "Attribute 3 value(s)": html.escape(material),
            }
        )
        for color, size in product(COLORS, SIZES):
            rows.append(
                {
                    "ID": f"{len(rows) + 1}",
                    "Type": "variation",
                    "SKU": f"{style}-{color}-{size}",
                    "Name": f"The {style} - {color}, {size}",
                    "Images": f"https://s.example/{photo(style, color)}",
                    "Parent": style,
                    "Regular price": "19",
                    "Attribute 1 name": "Color",
                    "Attribute 1 value(s)": color,
                    "Attribute 2 name": "Size",
                    "Attribute 2 value(s)": size,
                }
            )
    return rows


def magento() -> list[Row]:
    rows = []
    for style, (kind, gender, pattern, material) in STYLES.items():
        children = []
        for color, size in product(COLORS, SIZES):
            sku = f"{style}-{color}-{size}"
            children.append(f"sku={sku},color={color},size={size}")
            rows.append(
                {
                    "sku": sku,
                    "product_type": "simple",
                    "categories": f"Root/{gender}/{kind},Root/Sale",
                    "name": f"The {style} {size}",
                    "price": "19.0000",
                    "base_image": f"/a/b/{photo(style, color)}",
                    "additional_attributes": f"color={color},size={size}",
                }
            )
        rows.append(
            {
                "sku": style,
                "product_type": "configurable",
                "name": f"The {style}",
                "base_image": f"/a/b/{photo(style, 'Red')}",
                "additional_attributes": f'pattern={pattern},material="{html.escape(material)}"',
                "configurable_variations": "|".join(children),
            }
        )
    return rows


def google() -> list[Row]:
    return [
        {
            "id": f"{style}-{color}-{size}",
            "title": f"The {style}",
            "image_link": f"https://s.example/{photo(style, color)}",
            "availability": "in_stock",
            "price": "19.00 EUR",
            "color": color,
            "size": size,
            "gender": {"Women": "female", "Men": "male"}[gender],
            "material": material,
            "pattern": pattern,
            "item_group_id": style,
            "product_type": f"{gender} > {kind}",
        }
        for style, (kind, gender, pattern, material) in STYLES.items()
        for color, size in product(COLORS, SIZES)
    ]


EXPORTS = {
    "Shopify": (shopify, "csv"),
    "WooCommerce": (woocommerce, "csv"),
    "Magento 2": (magento, "csv"),
    "Google Merchant": (google, "tsv"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The photos of the shop, each product in each color."""
    for style, (color, ink) in product(STYLES, COLORS.items()):
        ink = (*ink[:2], ink[2] + 10 * list(STYLES).index(style))
        Image.new("RGB", (8, 8), ink).save(tmp_path / photo(style, color))
    Image.new("RGB", (8, 8)).save(tmp_path / "back.jpg")
    return tmp_path


def write(path: Path, rows: Sequence[Row]) -> Path:
    file = io.StringIO(newline="")
    header = list(dict.fromkeys(name for row in rows for name in row))
    delimiter = "\t" if path.suffix == ".tsv" else ","
    writer = csv.DictWriter(file, header, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(file.getvalue(), "utf-8")
    return path


def products_of(path: Path, mapping: Mapping | None = None) -> list[Product]:
    table = read_source(path)
    mapping = mapping or recognize(table.header)
    draft = (mapping or Mapping(name="")).unpack(table)
    plan = plan_columns(draft, ColumnChoices(), mapping)
    parsed = parse_rows(draft, plan, PictureFolder(path.parent))
    assert parsed.problems == ()
    return fold_variants(parsed.rows)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_goes_in_as_it_is(shop: Path, name: str) -> None:
    make, suffix = EXPORTS[name]
    path = write(shop / f"export.{suffix}", make())
    mapping = recognize(read_source(path).header)
    assert mapping is not None
    assert mapping.name == name
    products = products_of(path, mapping)
    assert len(products) == 4
    assert sum(len(product.rows) for product in products) == 8
    assert len({product.component for product in products}) == 2
    counts: dict[str, Counter[str]] = {}
    for item in products:
        for label, values in item.leader.labels.items():
            counts.setdefault(label.casefold(), Counter()).update(values)
    materials = {"Cotton & Silk": 2, "Wool": 2}
    assert counts == {
        "color": {"Red": 2, "Blue": 2},
        "category": {"Shirts": 2, "Skirts": 2},
        "gender": {"Women": 2, "Men": 2},
        "pattern": {"Striped": 2, "Solid": 2},
    } | ({} if name == "Shopify" else {"material": materials})
    first = products[0]
    assert first.leader.title == "The AA"
    assert [row.facts["size"] for row in first.rows] == ["S", "M"]
    assert first.leader.facts["price"].startswith("19.00")
    assert first.leader.pictures[0].name == "aa-red.jpg"


TRANSLATED = {
    "Shopify": {
        **{"Handle": "URL handle", "Variant SKU": "SKU", "Variant Price": "Price"},
        **{"Image Src": "Product image URL", "Variant Image": "Variant image URL"},
        **{f"Option{n} {word}": f"Option{n} {word.lower()}" for n in (1, 2) for word in ("Name",)},
    },
    "WooCommerce": {
        **{"Type": "Typ", "SKU": "Artikelnummer", "Categories": "Kategorien", "Images": "Bilder"},
        **{"Parent": "Übergeordnetes Produkt", "Regular price": "Regulärer Preis"},
        **{f"Attribute {n} name": f"Attribut {n} Name" for n in (1, 2, 3)},
        **{f"Attribute {n} value(s)": f"Attribut {n} Wert(e)" for n in (1, 2, 3)},
    },
}


@pytest.mark.parametrize("name", TRANSLATED)
def test_newer_and_translated_columns_say_the_same(shop: Path, name: str) -> None:
    make, suffix = EXPORTS[name]
    names = TRANSLATED[name]
    rows = [{names.get(column, column): cell for column, cell in row.items()} for row in make()]
    before = products_of(write(shop / f"export.{suffix}", make()))
    after = products_of(write(shop / f"newer.{suffix}", rows))
    assert [item.rows for item in after] == [item.rows for item in before]


def test_a_shop_without_skus_has_ids(shop: Path) -> None:
    rows = [{**row, "Variant SKU": ""} for row in shopify()]
    items = products_of(write(shop / "export.csv", rows))
    assert [row.code for row in items[0].rows] == ["aa-Red-S", "aa-Red-M"]
    numbers = {row["SKU"]: row["ID"] for row in woocommerce()}
    rows = [
        {**row, "SKU": "", "Parent": f"id:{numbers[row['Parent']]}" if row["Parent"] else ""}
        for row in woocommerce()
    ]
    items = products_of(write(shop / "woo.csv", rows))
    assert [[row.code for row in item.rows] for item in items[:2]] == [["2", "3"], ["4", "5"]]


def test_columns_of_the_shop_system_are_no_labels(shop: Path) -> None:
    more = {"Attribute 1 default": "Red", "Attribute 1 visible": "1", "Attribute 1 global": "0"}
    rows = [{**row, **(more if not row["Parent"] else {})} for row in woocommerce()]
    (item, *_) = products_of(write(shop / "export.csv", rows))
    assert not {"Attribute 1 default"} & item.leader.labels.keys()
    assert not any(name.startswith("Attribute 1") for name in item.leader.facts)


def test_a_feed_may_have_nested_elements_and_a_single_item(shop: Path) -> None:
    feed = shop / "feed.xml"
    nested = (
        "<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>"
        "<g:shipping><g:country>AT</g:country><g:price>9.90 EUR</g:price></g:shipping>"
        "<g:product_detail><g:attribute_name>collar</g:attribute_name>"
        "<g:attribute_value>V</g:attribute_value></g:product_detail>"
    )
    cells = "".join(f"<g:{k}><![CDATA[{v}]]></g:{k}>" for k, v in google()[0].items())
    items = f"<item>{cells}{nested}</item>"
    feed.write_text(
        f'<rss xmlns:g="urn:g"><channel><title>Shop</title>{items}</channel></rss>', "utf-8"
    )
    (item,) = products_of(feed)
    assert item.leader.code == "AA-Red-S"
    assert item.leader.labels["color"] == ("Red",)
    assert read_source(feed).columns["collar"] == ["V"]


def test_rows_with_only_a_picture_add_it_to_the_product(shop: Path) -> None:
    products = products_of(write(shop / "export.csv", shopify()))
    assert [picture.name for picture in products[0].leader.pictures] == ["aa-red.jpg", "back.jpg"]


def test_a_product_without_options_keeps_its_title_and_gets_an_id(shop: Path) -> None:
    rows = shopify()[:1]
    rows[0] |= {"Option1 Name": "Title", "Option1 Value": "Default Title", "Option2 Name": ""}
    rows[0] |= {"Option2 Value": "", "Variant SKU": ""}
    (item,) = products_of(write(shop / "export.csv", rows))
    assert (item.leader.code, item.leader.title) == ("aa", "The AA")


def test_the_picture_of_one_color_is_none_of_another(shop: Path) -> None:
    views = [
        {picture.name for picture in item.leader.pictures}
        for item in products_of(write(shop / "export.csv", shopify()))
    ]
    assert not any("red" in " ".join(names) and "blue" in " ".join(names) for names in views)


def test_rows_for_another_language_and_missing_pictures_of_magento(shop: Path) -> None:
    rows = [row | {"store_view_code": ""} for row in magento()]
    rows[0] |= {"base_image": "no_selection"}
    rows.insert(1, {"sku": rows[0]["sku"], "store_view_code": "de", "name": "Das AA"})
    items = products_of(write(shop / "export.csv", rows))
    assert {row.title for item in items for row in item.rows} == {"The AA", "The BB"}


@pytest.mark.parametrize("change", [lambda n: n.replace("_", " "), lambda n: f"g:{n}"])
def test_columns_of_feeds_are_known_in_either_spelling(
    shop: Path, change: Callable[[str], str]
) -> None:
    renamed = [{change(name): cell for name, cell in row.items()} for row in google()]
    found = [
        [item.leader.labels for item in products_of(write(shop / f"{n}.tsv", rows))]
        for n, rows in enumerate((google(), renamed))
    ]
    assert found[0] == found[1]


def test_an_xml_feed_and_a_table_are_the_same_shop(shop: Path) -> None:
    items = "".join(
        f"<item>{''.join(f'<g:{k}>{html.escape(v)}</g:{k}>' for k, v in row.items())}</item>"
        for row in google()
    )
    feed = shop / "feed.xml"
    feed.write_text(f'<rss xmlns:g="urn:g"><channel>{items}</channel></rss>', "utf-8")
    table = write(shop / "feed.tsv", google())
    leaders = [[item.leader.labels for item in products_of(path)] for path in (feed, table)]
    assert leaders[0] == leaders[1]


def test_pictures_by_pattern_need_no_column(tmp_path: Path) -> None:
    (tmp_path / "images" / "010").mkdir(parents=True)
    (tmp_path / "images" / "7.png").touch()
    (tmp_path / "images" / "010" / "0108775015.jpg").touch()
    kaggle = "id,gender,masterCategory,subCategory,articleType,baseColour\n7,Men,a,b,c,Red\n"
    (tmp_path / "styles.csv").write_text(kaggle)
    (item,) = products_of(tmp_path / "styles.csv")
    assert item.leader.pictures[0].name == "7.png"
    articles = {
        "article_id": "0108775015",
        "product_code": "0108775",
        "prod_name": "Strap top",
        "product_type_name": "Vest top",
        "colour_group_name": "Black",
    }
    (item,) = products_of(write(tmp_path / "articles.csv", [articles]))
    assert item.leader.pictures[0].name == "0108775015.jpg"
    assert item.leader.labels["colour"] == ("Black",)


def test_a_mapping_that_was_written_reads_the_same(shop: Path) -> None:
    path = write(shop / "export.csv", woocommerce())
    table = read_source(path)
    mapping = recognize(table.header)
    assert mapping is not None
    plan = plan_columns(mapping.unpack(table), ColumnChoices(), mapping)
    written = shop / "shop.toml"
    written.write_text(plan.to_mapping(mapping).to_toml(), "utf-8")
    again = products_of(path, read_mapping(written))
    assert [item.rows for item in again] == [item.rows for item in products_of(path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ("columns = {}", "wrong at 'name'"),
        ('name = "x"\n[columns]\na = "colour"', "wrong at 'columns.a.use'"),
        ('name = "x"\n[[steps]]\nstep = "guess"', "wrong at 'steps.0'"),
    ],
)
def test_a_wrong_mapping_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_mapping(path)


def test_a_missing_mapping_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "my.toml").touch()
    with pytest.raises(UnknownNameError, match=r"Did you mean my\.toml"):
        read_mapping(tmp_path / "may.toml")


def test_the_known_formats_can_be_told_apart() -> None:
    for mapping in known_mappings():
        assert recognize(mapping.recognize) == mapping
    assert recognize(["id", "image", "title", "color"]) is None


def test_packed_cells_keep_separators_inside_values() -> None:
    assert unpack('a=1,b=x, y,c="say ""hi"""', ",", "=") == {"a": "1", "b": "x, y", "c": 'say "hi"'}
    draft = Draft({"packed": ["a=1|2,b=3", ""]}, [2, 3])
    Packed(step="packed", column="packed").apply(draft)
    assert draft.columns == {"a": [("1", "2"), ""], "b": ["3", ""]}


def test_a_path_gives_its_last_part_and_known_words() -> None:
    draft = Draft({"path": ["Women > Tops > Shirts, New", "Sale", ""]}, [2, 3, 4])
    step = Paths(step="paths", column="path", paths=",", words={"gender": ("women",)})
    step.apply(draft)
    assert draft.columns == {"gender": ["Women", "", ""], "category": ["Shirts", "Sale", ""]}


def test_a_row_without_a_key_is_the_product_of_none() -> None:
    draft = Draft(
        {"SKU": ["", "A", "B"], "Parent": ["", "", "A"], "kind": ["x", "y", ""]}, [2, 3, 4]
    )
    Parents(step="parents", key="SKU", parent="Parent").apply(draft)
    assert (draft.lines, draft.columns["kind"]) == ([2, 4], ["x", "y"])
