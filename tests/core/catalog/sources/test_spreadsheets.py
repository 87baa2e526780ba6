"""Reading Excel workbooks and Parquet files."""

from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook

from datrnet.core.catalog.sources.source import read_source
from datrnet.core.errors import DataError


def test_a_workbook_is_read_as_text(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.title = "notes"
    sheet = workbook.create_sheet("catalog")
    sheet.append(["Catalog of March"])
    sheet.append(["id", "image", "price", "added", "sold"])
    sheet.append([7, "a.png", 19.5, date(2026, 3, 1), True])
    sheet.append(["007", "b.png", 20.0, None, False])
    workbook.save(tmp_path / "a.xlsx")
    table = read_source(tmp_path / "a.xlsx")
    assert (table.format, table.unit, list(table.lines)) == ("Excel workbook", "row", [3, 4])
    assert table.row(0) == {
        "id": "7",
        "image": "a.png",
        "price": "19.5",
        "added": "2026-03-01",
        "sold": "true",
    }
    assert table.row(1)["id"] == "007"
    assert table.row(1)["price"] == "20"
    assert any("'catalog'" in note for note in table.notes)


def test_an_empty_workbook_is_an_error(tmp_path: Path) -> None:
    Workbook().save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="no sheet with a header"):
        read_source(tmp_path / "a.xlsx")


def test_a_damaged_workbook_is_an_error(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.append(["id", "image"])
    workbook.active.append([1, "a.png"])
    workbook.save(tmp_path / "a.xlsx")
    data = (tmp_path / "a.xlsx").read_bytes()
    place = data.index(b"xl/worksheets/sheet1.xml") + 40
    needed = data.index(b"PK\x01\x02") + 6  # the version of the format
    for broken in (
        data[:-40],
        data[:place] + b"\x00" * 20 + data[place + 20 :],
        data[:needed] + b"\xff" + data[needed + 1 :],
    ):
        (tmp_path / "a.xlsx").write_bytes(broken)
        with pytest.raises(DataError, match="is a damaged"):
            read_source(tmp_path / "a.xlsx")


def test_parquet_keeps_lists(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"id": [1, 2], "material": [["Cotton", "Linen"], None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    read = read_source(tmp_path / "a.parquet")
    assert read.columns == {"id": ["1", "2"], "material": [("Cotton", "Linen"), ""]}


def test_what_a_workbook_shows_is_read_and_what_is_missing_told(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.append(["Read me"])
    workbook.active.append(["A catalog of two"])
    sheet = workbook.create_sheet("catalog")
    sheet.append(["id", "image", "twice"])
    sheet.append([7, "a.png", "=A2*2"])
    sheet["A2"].number_format = "00000"
    workbook.save(tmp_path / "a.xlsx")
    table = read_source(tmp_path / "a.xlsx")
    assert table.row(0) == {"id": "00007", "image": "a.png", "twice": ""}
    assert any("Formulas without a stored result" in note for note in table.notes)
    assert any("The sheet is 'catalog'" in note for note in table.notes)
