"""Cells that hold several things, in tables of no known format; rows that belong together."""

from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.importer import ImportOptions, parse_catalog
from datrnet.core.catalog.mappings.guess import guess_mapping
from datrnet.core.catalog.picture_check import ParsedCatalog
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.workspace import Workspace

IDS = ("1", "2", "3", "4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in IDS:
        Image.new("RGB", (2, 2), (int(name) * 40, 0, 0)).save(tmp_path / f"{name}.png")
    return tmp_path


def parse(folder: Path, text: str, name: str = "catalog.csv") -> ParsedCatalog:
    path = folder / name
    path.write_text(text, "utf-8")
    return parse_catalog(Workspace(folder / "workspace"), path, ImportOptions())


def labels_of(parsed: ParsedCatalog) -> dict[str, list[object]]:
    names = dict.fromkeys(name for row in parsed.rows for name in row.item.labels)
    return {name: [row.item.values_of(name) for row in parsed.rows] for name in names}


def table(column: str, cells: list[str], **others: list[str]) -> str:
    header = ["id", "image", column, *others]
    columns = [list(IDS), [f"{name}.png" for name in IDS], cells, *others.values()]
    lines = ["\t".join(row) for row in zip(*columns, strict=True)]
    return "\n".join(["\t".join(header), *lines])


@pytest.mark.parametrize(
    "cells",
    [
        ['{"color": "Red"}', '{"color": "Red"}', '{"color": "Blue"}', '{"color": "Blue"}'],
        ["{'color': 'Red'}", "{'color': 'Red'}", "{'color': 'Blue'}", ""],
        ["color=Red,size=S", "color=Red,size=M", "color=Blue,size=S", "color=Blue,size=S"],
        ["color: Red; size: S", "color: Red; size: M", "color: Blue; size: S", "color: Blue"],
        ["color=Red|size=S", "color=Red|size=M", "color=Blue|size=S", "color=Blue|size=S"],
    ],
)
def test_fields_in_a_cell_become_columns(folder: Path, cells: list[str]) -> None:
    parsed = parse(folder, table("details", cells), "catalog.tsv")
    colors = labels_of(parsed)["color"]
    assert colors[:3] == [("Red",), ("Red",), ("Blue",)]
    assert "details" not in labels_of(parsed)


def test_a_field_in_a_cell_does_not_replace_a_column(folder: Path) -> None:
    cells = ['{"color": "x"}', '{"color": "x"}', '{"color": "y"}', '{"color": "y"}']
    parsed = parse(folder, table("more", cells, color=["Red", "Red", "Blue", "Blue"]), "a.tsv")
    assert labels_of(parsed)["color"] == [("Red",), ("Red",), ("Blue",), ("Blue",)]
    assert labels_of(parsed)["more.color"] == [("x",), ("x",), ("y",), ("y",)]


def test_lists_in_cells_are_several_values_or_pictures(folder: Path) -> None:
    cells = ["['Cotton', 'Silk']", '["Cotton"]', "['Silk']", "['Silk']"]
    text = table("material", cells).replace("1.png", '["1.png", "2.png"]')
    text = text.replace("\t3.png", "\t['3.png']").replace("\t4.png", "\t['4.png']")
    parsed = parse(folder, text.replace("\t2.png\t", "\t['2.png']\t"), "catalog.tsv")
    assert labels_of(parsed)["material"][0] == ("Cotton", "Silk")
    assert [view.name for view in parsed.rows[0].views] == ["2.png"]


@pytest.mark.parametrize(
    "cells",
    [
        ["Women > Tops > Shirts", "Men > Tops > Shirts", "Women > Skirts", "Women > Skirts"],
        ["Women > Tops > Shirts, Women > New", "Men > Tops > Shirts", "Women > Skirts", "Skirts"],
        ["Women/Tops/Shirts", "Men/Tops/Shirts", "Women/Skirts", "Women/Skirts"],
    ],
)
def test_category_paths_give_their_last_part_and_the_gender(folder: Path, cells: list[str]) -> None:
    labels = labels_of(parse(folder, table("category", cells), "catalog.tsv"))
    assert labels["category"] == [("Shirts",), ("Shirts",), ("Skirts",), ("Skirts",)]
    assert labels["gender"][:3] == [("Women",), ("Men",), ("Women",)]


@pytest.mark.parametrize(
    "cells",
    [
        ["Note: soft", "Warm, wide", "Red: a color", "x"],
        ["https://a.example/?a=1,b=2", "https://a.example/?a=1,b=3", "", ""],
        ["{curly}", "[square]", "(round)", ""],
        ["1 > 0", "a", "b", "c"],
    ],
)
def test_plain_text_is_not_taken_apart(folder: Path, cells: list[str]) -> None:
    path = folder / "catalog.tsv"
    path.write_text(table("note", cells))
    assert guess_mapping(read_source(path)) is None


def test_a_mapping_of_guessed_cells_reads_the_same(folder: Path) -> None:
    cells = ["color=Red,size=S", "color=Red,size=M", "color=Blue,size=S", "color=Blue,size=S"]
    parsed = parse(folder, table("details", cells), "catalog.tsv")
    assert parsed.mapping is not None
    (folder / "my.toml").write_text(parsed.mapping.to_toml(), "utf-8")
    options = ImportOptions(mapping=folder / "my.toml")
    again = parse_catalog(Workspace(folder / "workspace"), folder / "catalog.tsv", options)
    assert labels_of(again) == labels_of(parsed)


def test_a_row_for_each_attribute_becomes_one_item(folder: Path) -> None:
    rows = [
        f"{name},{name}.png,{attribute},{value}"
        for name, color in zip(IDS, ("Red", "Red", "Blue", "Blue"), strict=True)
        for attribute, value in (("color", color), ("collar", "V" if name < "3" else "round"))
    ]
    parsed = parse(folder, "\n".join(["sku,image,attribute,value", *rows, "4,,color,Green"]))
    assert labels_of(parsed) == {
        "color": [("Red",), ("Red",), ("Blue",), ("Blue", "Green")],
        "collar": [("V",), ("V",), ("round",), ("round",)],
    }
    assert (parsed.num_rows, parsed.num_merged, parsed.problems) == (9, 5, ())


def test_a_row_for_each_photo_adds_it_to_the_item(folder: Path) -> None:
    text = "id,image,color\n1,1.png,Red\n1,2.png,Red\n1,3.png,\n4,4.png,Blue\n4,3.png,Red\n"
    parsed = parse(folder, text)
    first, second = parsed.rows
    assert [view.name for view in first.views] == ["2.png", "3.png"]
    assert second.views == ()
    assert parsed.num_merged == 2
    assert [problem.line for problem in parsed.problems] == [6]


def test_numbers_without_their_zeros_find_pictures_named_with_them(folder: Path) -> None:
    Image.new("RGB", (2, 2)).save(folder / "0000123.png")
    parsed = parse(folder, "id,image\n123,123.png\n1,1.png\n")
    assert parsed.rows[0].item.picture_path.endswith("0000123.png")
    assert any("lost their zeros: 1" in note for note in parsed.notes)


def test_none_is_a_value_and_told(folder: Path) -> None:
    parsed = parse(folder, table("collar", ["none", "none", "V", "V"]), "catalog.tsv")
    assert labels_of(parsed)["collar"][0] == ("none",)
    assert any("'none' counts as a value of 'collar' (2 times)" in note for note in parsed.notes)
    (folder / "my.toml").write_text(
        'name = "x"\n[columns]\ncollar = { use = "attribute", values = { none = "" } }\n'
    )
    options = ImportOptions(mapping=folder / "my.toml")
    parsed = parse_catalog(Workspace(folder / "workspace"), folder / "catalog.tsv", options)
    assert labels_of(parsed)["collar"][0] == ()


def test_totals_at_the_end_are_refused_by_line(folder: Path) -> None:
    parsed = parse(folder, "id,image,stock\n1,1.png,3\n2,2.png,4\nTotal,,7\n")
    assert [row.item.code for row in parsed.rows] == ["1", "2"]
    assert [problem.line for problem in parsed.problems] == [4]


def test_columns_are_known_by_their_german_names(folder: Path) -> None:
    text = (
        "Artikelnummer;Bezeichnung;Bild;Preis;Bestand\nA;Hemd;1.png;19,90;3\nB;Rock;2.png;9,00;0\n"
    )
    parsed = parse(folder, text)
    assert [(row.item.code, row.item.title) for row in parsed.rows] == [
        ("A", "Hemd"),
        ("B", "Rock"),
    ]
    assert parsed.rows[0].item.facts == {"Preis": "19.90", "Bestand": "3"}
