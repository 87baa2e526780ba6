"""Corrected labels go back into a shop's file: only their cells change."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.like import LikeSummary, export_like
from datrnet.core.catalog.mappings.inverses import undo_steps, with_field
from datrnet.core.catalog.mappings.mapping import known_mappings
from datrnet.core.catalog.mappings.steps import Fill, Paths, Words
from datrnet.core.catalog.sources.csv_files import read_delimited, with_cells
from datrnet.core.catalog.sources.source import ReadOptions
from datrnet.core.catalog.sources.table import CatalogTable
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError

Correct = Callable[[str, str, str | None], None]

SHOP = "id;photo;color;material\nA;a.png;red;cotton\nB;b.png;blue;wool, silk\nC;c.png;red;wool\n"
CHOICES = ImportOptions(attributes=("color", "material"))


@pytest.fixture(autouse=True)
def _photos(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        Image.new("RGB", (9, 9), (60 * number, 0, 0)).save(tmp_path / f"{name}.png")


@pytest.fixture
def correct(workspace: Workspace) -> Correct:
    """Set a label of an item by hand; a new value is carried by another item first."""

    def correct_label(code: str, name: str, value: str | None) -> None:
        with workspace.open_store() as store:
            ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
            if value is not None:
                with store.writing() as db:
                    db.execute(
                        "INSERT OR IGNORE INTO attribute_values (super_category_id, name)"
                        " SELECT id, ? FROM super_categories WHERE name = ?",
                        [value, name],
                    )
            store.set_label(ids[code], name, value, "person")

    return correct_label


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def labels(workspace: Workspace) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    return {code: catalog.values_of(row) for row, code in enumerate(catalog.codes)}


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


# ── exports of shops ─────────────────────────────────────────────────────────


def table(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    header = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, header, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def shopify() -> str:
    rows = []
    for number, (color, size) in enumerate([("Red", "S"), ("Red", "M"), ("Blue", "S")]):
        product = {"Title": "Shirt", "Type": "Shirts", "Tags": "new, Striped, Women"}
        product |= {"Option1 Name": "Color", "Option2 Name": "Size"}
        row = {name: cell if number == 0 else "" for name, cell in product.items()}
        row |= {"Handle": "shirt", "Option1 Value": color, "Option2 Value": size}
        row |= {"Variant SKU": f"S-{color}-{size}", "Variant Price": "9.00"}
        rows.append({**row, "Variant Image": f"{'a' if color == 'Red' else 'b'}.png"})
    extra = {"Handle": "coat", "Title": "Coat", "Type": "Coats", "Tags": "old, Solid, Men"}
    extra |= {"Option1 Name": "Color", "Option1 Value": "Blue", "Variant SKU": "C-Blue"}
    return table([*rows, {**extra, "Variant Price": "8.00", "Variant Image": "c.png"}])


def woocommerce() -> str:
    rows = []
    for sku, colors, pattern, photos in (
        ("S", "Red, Blue", "Striped", "ab"),
        ("C", "Red", "Solid", "c"),
    ):
        parent = {"ID": sku, "Type": "variable", "SKU": sku, "Name": sku, "Parent": ""}
        parent |= {"Categories": f"Clothes > Women > {sku}s, New", "Images": f"{photos[0]}.png"}
        parent |= {"Attribute 1 name": "Color", "Attribute 1 value(s)": colors}
        parent |= {"Attribute 2 name": "Pattern", "Attribute 2 value(s)": pattern}
        rows.append(parent)
        for color, photo in zip(colors.split(", "), photos, strict=True):
            for size in "SM":
                child = {"ID": f"{sku}{color}{size}", "Type": "variation", "Parent": sku}
                child |= {"SKU": f"{sku}-{color}-{size}", "Name": f"{sku} - {color}"}
                child |= {"Attribute 1 name": "Color", "Attribute 1 value(s)": color}
                child |= {"Attribute 2 name": "Size", "Attribute 2 value(s)": size}
                rows.append({**child, "Images": f"{photo}.png"})
    return table(rows)


def magento() -> str:
    rows = []
    for sku, colors, photos in (("S", ("Red", "Blue"), "ab"), ("C", ("Red",), "c")):
        children = []
        for color, photo in zip(colors, photos, strict=True):
            for size in "SM":
                child = f"{sku}-{color}-{size}"
                children.append(f"sku={child},size={size},color={color}")
                rows.append(
                    {
                        "sku": child,
                        "product_type": "simple",
                        "categories": f"Default Category/Women/{sku}s",
                        "name": child,
                        "base_image": f"/{photo}.png",
                        "additional_attributes": f"color={color},has_options=0,size={size}",
                    }
                )
        rows.append(
            {
                "sku": sku,
                "product_type": "configurable",
                "categories": f"Default Category/Women/{sku}s",
                "name": sku,
                "base_image": "",
                "additional_attributes": "material=Wool|Silk,pattern=Solid",
                "configurable_variations": "|".join(children),
            }
        )
    return table(rows)


def google() -> str:
    return table(
        [
            {
                "id": code,
                "title": f"The {code}",
                "image_link": f"https://shop.example/{photo}.png",
                "availability": "in_stock",
                "color": color,
                "gender": "female",
                "product_type": "Women > Tops > Shirts",
            }
            for code, photo, color in (("A", "a", "Red"), ("B", "b", "Blue/Red"), ("C", "c", "Red"))
        ],
        "\t",
    )


EXPORTS = {"shopify.csv": shopify, "woo.csv": woocommerce, "magento.csv": magento}
EXPORTS |= {"google.tsv": google}


def revise(
    workspace: Workspace,
    tmp_path: Path,
    correct: Correct,
    name: str,
    *changes: tuple[str, str, str],
) -> tuple[LikeSummary, dict[str, tuple[str, str]]]:
    """Correct labels of an export, write it again, and return the changed cells."""
    original = write(tmp_path / name, EXPORTS[name]())
    import_catalog(workspace, original)
    for change in changes:
        correct(*change)
    summary = export_like(workspace, original, tmp_path / f"out-{name}")
    tables = [
        read_delimited(path.read_text(), is_tsv=name.endswith("tsv"))
        for path in (original, tmp_path / f"out-{name}")
    ]
    old, new = tables
    assert (old.header, old.lines) == (new.header, new.lines)
    changed = {
        f"{column} {line}": (str(before), str(after))
        for column in old.header
        for line, before, after in zip(
            old.lines, old.columns[column], new.columns[column], strict=True
        )
        if before != after
    }
    again = Workspace(tmp_path / "again")
    import_catalog(again, write(tmp_path / f"again-{name}", (tmp_path / f"out-{name}").read_text()))
    told = {(label.code, label.super_category) for label in summary.unwritten}
    wanted, found = labels(workspace), labels(again)
    for code, category, _ in changes:
        if (code, category) not in told:
            assert found[code][category] == wanted[code][category]
    return summary, changed


def test_shopify_takes_options_types_and_tags(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "shopify.csv",
        ("S-Red-S", "color", "Pink"),
        ("C-Blue", "category", "Jackets"),
        ("C-Blue", "pattern", "Striped"),
        ("C-Blue", "gender", "Women"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "Option1 Value 2": ("Red", "Pink"),
        "Option1 Value 3": ("Red", "Pink"),
        "Type 5": ("Coats", "Jackets"),
        "Tags 5": ("old, Solid, Men", "old, Striped, Women"),
    }


def test_a_product_has_one_cell_for_all_its_versions(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "shopify.csv",
        ("S-Red-S", "category", "Blouses"),
        ("S-Red-S", "pattern", "Herringbone"),
        ("C-Blue", "color", "Red"),
    )
    assert changed == {"Option1 Value 5": ("Blue", "Red")}
    reasons = {label.super_category: label.reason for label in summary.unwritten}
    assert "one cell for all its versions" in reasons["category"]
    assert "'Herringbone' would not be recognized among the tags" in reasons["pattern"]
    assert {label.code for label in summary.unwritten} == {"S-Red-S"}


def test_all_versions_together_change_their_product(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "shopify.csv",
        ("S-Red-S", "category", "Blouses"),
        ("S-Blue-S", "category", "Blouses"),
    )
    assert (summary.unwritten, summary.num_labels) == ((), 2)
    assert changed == {"Type 2": ("Shirts", "Blouses")}


def test_woocommerce_takes_pairs_paths_and_lists_of_parents(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "woo.csv",
        ("S-Red-S", "color", "Pink"),
        ("C-Red-S", "pattern", "Checked"),
        ("C-Red-S", "category", "Coats"),
        ("C-Red-S", "gender", "Men"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "Attribute 1 value(s) 2": ("Red, Blue", "Blue, Pink"),
        "Attribute 1 value(s) 3": ("Red", "Pink"),
        "Attribute 1 value(s) 4": ("Red", "Pink"),
        "Attribute 2 value(s) 7": ("Solid", "Checked"),
        "Categories 7": ("Clothes > Women > Cs, New", "Clothes > Men > Coats, New"),
    }


def test_magento_takes_packed_attributes_and_lists_of_variants(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "magento.csv",
        ("C-Red-S", "color", "Pink"),
        ("C-Red-S", "material", "Linen"),
    )
    assert summary.unwritten == ()
    assert changed["additional_attributes 7"] == (
        "color=Red,has_options=0,size=S",
        "color=Pink,has_options=0,size=S",
    )
    assert changed["additional_attributes 9"][1] == "material=Linen,pattern=Solid"
    assert changed["configurable_variations 9"][1] == (
        "sku=C-Red-S,size=S,color=Pink|sku=C-Red-M,size=M,color=Pink"
    )
    assert len(changed) == 4


def test_google_takes_a_gender_in_both_places(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    summary, changed = revise(
        workspace,
        tmp_path,
        correct,
        "google.tsv",
        ("B", "color", "Red"),
        ("C", "gender", "Men"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "color 3": ("Blue/Red", "Red"),
        "gender 4": ("female", "male"),
        "product_type 4": ("Women > Tops > Shirts", "Men > Tops > Shirts"),
    }


# ── steps backward, and cells of a text ──────────────────────────────────────


def columns(**cells: list[str]) -> CatalogTable:
    lines = range(2, 2 + len(next(iter(cells.values()))))
    return CatalogTable(format="CSV", columns={**cells}, lines=list(lines))  # type: ignore[dict-item]


def test_every_step_has_an_inverse() -> None:
    steps = [step for mapping in known_mappings() for step in mapping.steps]
    for step in steps:
        assert undo_steps(columns(a=["x"]), [step], {(2, "a"): ("y",)}).cells[2, "a"].texts == (
            "y",
        )


def test_a_filled_cell_changes_where_it_is_written() -> None:
    filled = columns(key=["k", "k", "l"], kind=["A", "", "A"])
    step = Fill(step="fill", key="key")
    edits = undo_steps(filled, [step], {(2, "kind"): ("B",), (3, "kind"): ("B",)})
    assert {place: edit.texts for place, edit in edits.cells.items()} == {(2, "kind"): ("B",)}
    edits = undo_steps(filled, [step], {(3, "kind"): ("B",)})
    assert edits.cells == {}
    assert list(edits.refused) == [(3, "kind")]
    edits = undo_steps(filled, [step], {(3, "kind"): ("B",)}, free_lines=[2])
    assert list(edits.cells) == [(2, "kind")]


def test_only_the_deepest_path_changes() -> None:
    step = Paths(step="paths", column="path", separator="/", paths=",")
    edits = undo_steps(
        columns(path=["New/A, Tops / Shirts / Long ,B"]), [step], {(2, "category"): ("X",)}
    )
    assert edits.cells[2, "path"].texts == ("New/A, Tops / Shirts / X ,B",)


def test_a_tag_is_added_replaced_and_removed() -> None:
    step = Words(step="words", column="tags", words={"pattern": ("Solid", "Striped")})
    for tags, wanted, found in (
        ("a, solid", ("Striped",), "a, Striped"),
        ("a,solid,b", (), "a,b"),
        ("a", ("Solid",), "a, Solid"),
        ("", ("Solid",), "Solid"),
    ):
        edits = undo_steps(columns(tags=[tags]), [step], {(2, "pattern"): wanted})
        assert edits.cells[2, "tags"].texts == (found,)


@pytest.mark.parametrize(
    ("packed", "value", "found"),
    [
        ("color=Red,size=S", "Blue", "color=Blue,size=S"),
        ("size=S, Color = Red , tall", "Blue", "size=S, Color = Blue"),
        ("size=S", "Blue", "size=S,color=Blue"),
        ("", "Blue", "color=Blue"),
        ("color=Red,size=S", "", "size=S"),
        ("color=Red", "a,b", 'color="a,b"'),
    ],
)
def test_a_packed_field_is_replaced(packed: str, value: str, found: str) -> None:
    assert with_field(packed, "color", value, ",", "=") == found


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"x, y"\n3,4',
        'sep=;\na;b\n1;"x""y;"\n3;4\n',
        'a,b\n1,"two\nlines"\n3,4\n',
        "a,b\n1\n3,4\n",
        'a,b\n"x \\"y\\" z",2\n3,4\n',
        'a, b\n1, "x, y"\n3, "4"\n',
    ],
)
def test_cells_of_a_text_are_replaced_one_by_one(text: str) -> None:
    before = read_delimited(text)
    for row, line in enumerate(before.lines):
        for name, place in before.places.items():
            for cell in ("plain", 'a "b", c; d'):
                after = read_delimited(with_cells(text, {(line, place): cell}))
                expected = {n: list(cells) for n, cells in before.columns.items()}
                expected[name][row] = cell
                assert after.columns == expected


PIECES = st.sampled_from(["a", " ", ",", ";", '"', "'", "\\", "é", "\t", "|", "=1"])
CELLS = st.lists(PIECES, max_size=5).map("".join)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=3, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    place=st.integers(0, 2),
    cell=CELLS,
)
def test_in_any_text_a_cell_changes_alone(
    rows: list[tuple[str, str, str]], delimiter: str, quoting: Literal[0, 1], place: int, cell: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    writer.writerow(("one", "two", "three"))
    writer.writerows((f"{number}{a}", b, c) for number, (a, b, c) in enumerate(rows))
    text = file.getvalue()
    before = read_delimited(text, delimiter)
    line = before.lines[len(before.lines) // 2]
    changed = with_cells(text, {(line, place): cell}, delimiter)
    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    assert [*old[: line - 1], *old[line:]] == [*new[: line - 1], *new[line:]]
    # as the csv module reads it: how the file's reader takes odd quotes depends on all of them
    (record,) = csv.reader([new[line - 1]], delimiter=delimiter)
    (expected,) = csv.reader([old[line - 1]], delimiter=delimiter)
    expected[place] = cell
    # spaces before a cell stay, since they are before all of them
    assert [text.strip(" ") for text in record] == [text.strip(" ") for text in expected]


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


def test_columns_of_another_language_are_found(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    text = woocommerce()
    for name, german in (
        ("SKU", "Artikelnummer"),
        ("Categories", "Kategorien"),
        ("Images", "Bilder"),
        ("Parent", "Übergeordnetes Produkt"),
        ("Type", "Typ"),
        *((f"Attribute {n} name", f"Attribut {n} Name") for n in (1, 2)),
        *((f"Attribute {n} value(s)", f"Attribut {n} Wert(e)") for n in (1, 2)),
    ):
        head, *rest = text.split("\n", 1)
        text = "\n".join([head.replace(name, german, 1), *rest])
    original = write(tmp_path / "woo.csv", text)
    import_catalog(workspace, original)
    correct("C-Red-S", "color", "Blue")
    correct("C-Red-S", "gender", "Men")
    summary = export_like(workspace, original, tmp_path / "out.csv")
    assert (summary.num_labels, summary.unwritten) == (2, ())
    assert "Clothes > Men > Cs, New" in (tmp_path / "out.csv").read_text()
