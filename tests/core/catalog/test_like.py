"""Corrected labels go back into a shop's file: only their cells change."""

import gzip
from pathlib import Path

import pytest

from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.like import export_like
from datrnet.core.catalog.sources.source import ReadOptions
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from tests.core.catalog.conftest import Correct, write

pytestmark = pytest.mark.usefixtures("photos")

SHOP = "id;photo;color;material\nA;a.png;red;cotton\nB;b.png;blue;wool, silk\nC;c.png;red;wool\n"
CHOICES = ImportOptions(attributes=("color", "material"))


def test_only_the_cells_of_corrected_labels_change(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    original = write(tmp_path / "shop.csv", SHOP)
    import_catalog(workspace, original, CHOICES)
    correct("A", "color", "blue")
    correct("B", "material", "cotton")
    summary = export_like(workspace, original, tmp_path / "out.csv", CHOICES)
    assert (summary.num_labels, summary.num_cells, summary.unwritten) == (2, 2, ())
    expected = SHOP.replace("A;a.png;red", "A;a.png;blue").replace("wool, silk", "cotton")
    assert (tmp_path / "out.csv").read_text() == expected


def test_spaces_before_cells_stay(workspace: Workspace, tmp_path: Path, correct: Correct) -> None:
    text = SHOP.replace("wool, silk", "wool").replace(";", ", ")
    original = write(tmp_path / "shop.csv", text)
    import_catalog(workspace, original, CHOICES)
    correct("A", "color", "blue")
    assert export_like(workspace, original, tmp_path / "out.csv", CHOICES).unwritten == ()
    assert (tmp_path / "out.csv").read_text() == text.replace("a.png, red", "a.png, blue")


def test_without_a_correction_the_file_is_the_same(workspace: Workspace, tmp_path: Path) -> None:
    original = write(tmp_path / "shop.csv", SHOP)
    import_catalog(workspace, original, CHOICES)
    assert export_like(workspace, original, tmp_path / "out.csv", CHOICES).num_cells == 0
    assert (tmp_path / "out.csv").read_bytes() == original.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_dialect_stays(
    workspace: Workspace,
    tmp_path: Path,
    correct: Correct,
    encoding: str,
    newline: str,
    delimiter: str,
) -> None:
    lines = [
        "Export of the shop",
        "id;photo;color;note",
        'A;a.png;"red";"x ""y"""',
        "B;b.png;grün;",
    ]
    lines += ["", "C;c.png;red;caf\u00e9", "D;d.png;gr\u00fcn;x"]
    text = newline.join(lines).replace(";", delimiter)
    original = write(tmp_path / "shop.txt", text, encoding)
    reading = ReadOptions(encoding="cp1252" if encoding == "cp1252" else None)
    choices = ImportOptions(attributes=("color",), ignored=("note",), reading=reading)
    import_catalog(workspace, original, choices)
    correct("A", "color", "grün")
    correct("D", "color", "red")
    summary = export_like(workspace, original, tmp_path / "out.txt", choices)
    assert (summary.num_labels, summary.unwritten) == (2, ())
    expected = text.replace('"red"', '"grün"')
    expected = expected[: expected.rindex("grün")] + "red" + expected[expected.rindex("grün") + 4 :]
    assert (tmp_path / "out.txt").read_bytes() == expected.encode(encoding)


def test_gzip_and_excel_files_are_written_too(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    from openpyxl import Workbook, load_workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in SHOP.splitlines():
        sheet.append(line.split(";"))
    sheet["E1"] = "sum"
    sheet["E2"] = "=1+1"
    book.save(tmp_path / "shop.xlsx")
    packed = tmp_path / "shop.csv.gz"
    packed.write_bytes(gzip.compress(SHOP.encode()))
    import_catalog(workspace, packed, CHOICES)
    correct("A", "color", "blue")
    export_like(workspace, packed, tmp_path / "out.csv.gz", CHOICES)
    export_like(workspace, tmp_path / "shop.xlsx", tmp_path / "out.xlsx", CHOICES)
    changed = SHOP.replace("A;a.png;red", "A;a.png;blue")
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).decode() == changed
    cells = load_workbook(tmp_path / "out.xlsx").active
    assert cells is not None
    assert (cells["C2"].value, cells["C4"].value, cells["E2"].value) == ("blue", "red", "=1+1")


def test_a_letter_that_the_encoding_lacks_is_told(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    original = write(tmp_path / "shop.csv", SHOP.replace("wool\n", "läder\n"), "cp1252")
    reading = ReadOptions(encoding="cp1252")
    choices = ImportOptions(attributes=("color", "material"), reading=reading)
    import_catalog(workspace, original, choices)
    correct("A", "color", "赤")
    summary = export_like(workspace, original, tmp_path / "out.csv", choices)
    (label,) = summary.unwritten
    assert (label.code, label.super_category, label.line) == ("A", "color", 2)
    assert label.values == ("赤",)
    assert "cp1252" in label.reason
    assert (tmp_path / "out.csv").read_bytes() == original.read_bytes()


def test_a_value_is_written_as_the_file_spells_it(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    original = write(tmp_path / "shop.csv", SHOP.replace("red", "rojo").replace("blue", "azul"))
    import_catalog(workspace, original, CHOICES)
    with workspace.open_store() as store, store.writing() as db:
        db.execute(
            "INSERT INTO synonyms (super_category, spelled, value) VALUES ('color', 'azul', 'blue')"
        )
        db.execute("UPDATE attribute_values SET name = 'blue' WHERE name = 'azul'")
    correct("A", "color", "blue")
    summary = export_like(workspace, original, tmp_path / "out.csv", CHOICES)
    assert summary.num_labels == 1
    assert (tmp_path / "out.csv").read_text() == original.read_text().replace(
        "A;a.png;rojo", "A;a.png;azul"
    )


def test_other_kinds_of_files_are_refused_with_a_way_out(
    workspace: Workspace, tmp_path: Path
) -> None:
    original = write(tmp_path / "shop.csv", SHOP)
    import_catalog(workspace, original, CHOICES)
    write(tmp_path / "shop.json", '[{"id": "A", "photo": "a.png", "color": "red"}]')
    with pytest.raises(DataError, match="JSON array") as caught:
        export_like(workspace, tmp_path / "shop.json", tmp_path / "out.json")
    assert "without --like" in caught.value.hint


def test_rows_of_no_item_stay_and_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    import_catalog(workspace, write(tmp_path / "shop.csv", SHOP), CHOICES)
    more = write(tmp_path / "more.csv", SHOP + "X;x.png;red;wool\n")
    assert export_like(workspace, more, tmp_path / "out.csv", CHOICES).num_unknown == 1
    assert (tmp_path / "out.csv").read_bytes() == more.read_bytes()
    other = write(tmp_path / "other.csv", "sku;color\nX;red\nY;blue\n")
    with pytest.raises(DataError, match=r"No row of .* is an item") as caught:
        export_like(workspace, other, tmp_path / "b.csv")
    assert "--write-mapping" in caught.value.hint
    assert not (tmp_path / "b.csv").exists()


def test_rows_are_items_by_ids_as_people_see_them(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    import_catalog(workspace, write(tmp_path / "shop.csv", SHOP), CHOICES)
    correct("A", "color", "blue")
    other = write(tmp_path / "other.csv", SHOP.replace("\nA;", "\na;"))
    summary = export_like(workspace, other, tmp_path / "out.csv", CHOICES)
    assert (summary.num_labels, summary.num_unknown) == (1, 0)


def test_values_with_shares_are_written_so_that_they_are_read_again(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    text = 'id,photo,material\nA,a.png,"60% Wool, 40% Silk"\nB,b.png,Silk\nC,c.png,100% wool\n'
    original, choices = write(tmp_path / "s.csv", text), ImportOptions(attributes=("material",))
    import_catalog(workspace, original, choices)
    correct("B", "material", "wool")
    summary = export_like(workspace, original, tmp_path / "out.csv", choices)
    assert (summary.num_labels, summary.unwritten) == (1, ())
    assert (tmp_path / "out.csv").read_text() == text.replace("b.png,Silk", "b.png,Wool")


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (
            'id,photo,specs\nA,a.png,"color: red, fit: slim"\nB,b.png,"color: blue, fit: slim"\n'
            'C,c.png,"color: red, fit: wide"\nD,d.png,"color: blue, fit: wide"\n',
            "color: blue, fit: slim",
        ),
        (
            "id,photo,specs\n"
            + "".join(
                f'{code},{code.lower()}.png,"{{""color"": ""{color}"", ""fit"": ""slim""}}"\n'
                for code, color in zip("ABCD", ("red", "blue", "red", "blue"), strict=True)
            ),
            '"{""color"": ""blue"", ""fit"": ""slim""}"',
        ),
        (
            "id,photo,attribute,value\n"
            + "".join(
                f"{code},{code.lower()}.png,color,{color}\n{code},,fit,slim\n"
                for code, color in zip("ABCD", ("red", "blue", "red", "blue"), strict=True)
            ),
            "A,a.png,color,blue",
        ),
    ],
)
def test_packed_cells_of_any_table_take_a_label(
    workspace: Workspace, tmp_path: Path, correct: Correct, text: str, changed: str
) -> None:
    original = write(tmp_path / "shop.csv", text)
    choices = ImportOptions(attributes=("color",))
    import_catalog(workspace, original, choices)
    correct("A", "color", "blue")
    summary = export_like(workspace, original, tmp_path / "out.csv", choices)
    assert (summary.num_labels, summary.unwritten) == (1, ())
    old, new = (path.read_text().splitlines() for path in (original, tmp_path / "out.csv"))
    assert [
        number for number, pair in enumerate(zip(old, new, strict=True)) if len({*pair}) > 1
    ] == [1]
    assert changed in new[1]
