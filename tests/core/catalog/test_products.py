"""From rows to products."""

from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.columns import plan_columns
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.picture_files import PictureFolder
from datrnet.core.catalog.plan import ColumnChoices
from datrnet.core.catalog.products import CatalogRows, parse_rows
from datrnet.core.catalog.sources.table import Cell
from datrnet.core.catalog.variants import fold_variants

COLUMNS: dict[str, list[str]] = {
    "id": ["1", "2", "3", "4"],
    "image": ["red.png", "red.png", "blue.png", "copy of red.png"],
    "title": ["Shirt", "Shirt", "Shirt", "Shirt"],
    "color": ["Red", "Red", "Blue", "Red"],
    "size": ["S", "M", "S", "L"],
    "group": ["A", "A", "A", "B"],
}


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    for name, ink in {"red.png": "red", "blue.png": "blue", "copy of red.png": "red"}.items():
        Image.new("RGB", (8, 8), ink).save(tmp_path / name)
    return PictureFolder(tmp_path)


def parse(folder: PictureFolder, columns: dict[str, list[str]], **choices: object) -> CatalogRows:
    cells: dict[str, list[Cell]] = {name: list(column) for name, column in columns.items()}
    draft = Draft(cells, list(range(2, len(columns["image"]) + 2)))
    chosen = ColumnChoices(**choices)  # type: ignore[arg-type]
    plan = plan_columns(draft, chosen)
    return parse_rows(draft, plan, folder, kept_values=chosen.kept_values)


def codes(rows: CatalogRows, *, is_folding: bool = True) -> list[list[str]]:
    products = fold_variants(rows.rows, is_folding=is_folding)
    return [[row.code for row in product.rows] for product in products]


def test_rows_with_one_photo_and_label_in_a_group_are_variants(folder: PictureFolder) -> None:
    rows = parse(folder, COLUMNS, attributes=("color",), group="group")
    assert codes(rows) == [["1", "2"], ["3"], ["4"]]
    assert codes(rows, is_folding=False) == [["1"], ["2"], ["3"], ["4"]]


def test_without_groups_the_photo_and_the_title_decide(folder: PictureFolder) -> None:
    columns = {name: cells for name, cells in COLUMNS.items() if name != "group"}
    assert codes(parse(folder, columns, attributes=("color",))) == [["1", "2", "4"], ["3"]]
    titled = columns | {"title": ["Shirt", "Shirt", "Shirt", "Blouse"]}
    assert codes(parse(folder, titled, attributes=("color",))) == [["1", "2"], ["3"], ["4"]]


def test_items_of_a_group_or_with_one_photo_share_a_split(folder: PictureFolder) -> None:
    rows = parse(folder, COLUMNS, attributes=("color",), group="group")
    assert {product.component for product in fold_variants(rows.rows)} == {"A"}


def test_several_values_and_placeholders(folder: PictureFolder) -> None:
    columns = COLUMNS | {
        "material": ["Cotton", "Cotton, Linen", "N/A", "Linen"],
        "collar": ["none", "none", "V", "-"],
    }
    rows = parse(folder, columns, attributes=("material", "collar"))
    assert [row.labels["material"] for row in rows.rows] == [
        ("Cotton",),
        ("Cotton", "Linen"),
        (),
        ("Linen",),
    ]
    assert [row.labels["collar"] for row in rows.rows] == [("none",), ("none",), ("V",), ()]
    assert any("N/A (1), - (1)" in note for note in rows.notes)
    kept = parse(folder, columns, attributes=("material", "collar"), kept_values=("n/a",))
    assert kept.rows[2].labels["material"] == ("N/A",)


def test_a_picture_that_is_missing_matters_only_if_there_is_no_other(
    folder: PictureFolder,
) -> None:
    columns = COLUMNS | {"image": ["red.png|back.png", "gone.png", "blue.png|red.png", "red.png"]}
    rows = parse(folder, columns)
    pictures = {row.code: [picture.name for picture in row.pictures] for row in rows.rows}
    assert pictures == {"1": ["red.png"], "3": ["blue.png", "red.png"], "4": ["red.png"]}
    assert [(problem.line, problem.message[:20]) for problem in rows.problems] == [
        (3, "There is no picture ")
    ]


def test_pictures_may_be_html(folder: PictureFolder) -> None:
    cell = '<p><img alt="a" src="https://x.example/red.png?a=1&amp;b=2"><img src=blue.png></p>'
    columns = COLUMNS | {"image": [cell, "<img src='blue.png'/>", "red.png", "red.png"]}
    rows = parse(folder, columns)
    assert [[picture.name for picture in row.pictures] for row in rows.rows[:2]] == [
        ["red.png", "blue.png"],
        ["blue.png"],
    ]


@pytest.mark.parametrize("separator", ["|", "; ", ",", ", ", " ", "\n"])
def test_of_several_pictures_in_a_cell_the_first_leads(
    folder: PictureFolder, separator: str
) -> None:
    cell = separator.join(("red.png", "blue.png"))
    rows = parse(folder, COLUMNS | {"image": [cell, "blue.png", "red.png", "red.png"]})
    assert [picture.name for picture in rows.rows[0].pictures] == ["red.png", "blue.png"]


def test_the_damage_of_spreadsheets_is_mended_or_named(folder: PictureFolder) -> None:
    columns = COLUMNS | {"id": ['="0010"', "1.00020E+12", "'03", "03"], "name": ["N/A", *"bcd"]}
    rows = parse(folder, columns, id="id", title="name")
    assert [(row.code, row.title) for row in rows.rows] == [("0010", ""), ("03", "c")]
    rounded, twice = rows.problems
    assert "rounded the id to 1.00020E+12" in rounded.message
    assert twice.message == "The id '03' is already on line 4."


def test_facts_that_cannot_be_read_are_told(folder: PictureFolder) -> None:
    columns = COLUMNS | {"price": ["9.90", "12", "call us", "15"]}
    rows = parse(folder, columns, uses={"price": "money"})
    assert [row.facts.get("price") for row in rows.rows] == ["9.90", "12.00", None, "15.00"]
    assert any("'call us'" in note for note in rows.notes)
