"""Reading catalog files, good and bad."""

import csv
import io
import json
import os
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.table import CatalogTable, read_table
from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.text import clean, clean_path

cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(folder: Path, content: str | bytes, name: str = "catalog.csv") -> CatalogTable:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


@pytest.mark.parametrize(
    ("delimiter", "name"),
    [(",", "a.csv"), (";", "a.csv"), ("\t", "a.tsv"), ("\t", "a.txt"), ("|", "a")],
)
def test_delimiters_are_found(tmp_path: Path, delimiter: str, name: str) -> None:
    content = f'id{delimiter}image{delimiter}title\n1{delimiter}1.png{delimiter}"a, b; c"\n'
    table = read(tmp_path, content, name)
    assert table.header == ("id", "image", "title")
    assert table.rows[0].cells == {"id": "1", "image": "1.png", "title": "a, b; c"}


def test_rows_know_the_line_they_begin_on(tmp_path: Path) -> None:
    table = read(tmp_path, 'id,title\n1,"two\nlines"\n\n2,b\r\n3\n4,d\n')
    assert [row.line for row in table.rows] == [2, 5, 7]
    (problem,) = table.problems
    assert (problem.line, problem.message) == (6, "The row has 1 cells, the header 2.")
    assert table.num_rows == 4


def test_names_of_columns_are_made_distinct(tmp_path: Path) -> None:
    table = read(tmp_path, " id ,colour,Colour,\n1,2,3,4\n")
    assert table.header == ("id", "colour", "Colour (2)", "column 4")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid,image\n1,a\n").header == ("id", "image")
    table = read(tmp_path, "id,image\n1,é\n".encode("utf-16"))
    assert table.rows[0].cells["image"] == "é"


def test_windows_text_is_read_and_noted(tmp_path: Path) -> None:
    table = read(tmp_path, "id,colour\n1,café\n".encode("cp1252"))
    assert table.rows[0].cells["colour"] == "café"
    assert any("Windows-1252" in note for note in table.notes)


def test_long_cells_and_nul_bytes_do_not_crash(tmp_path: Path) -> None:
    table = read(tmp_path, "id,title\n1," + "x" * 300_000 + "\n2,a\0b\n")
    assert len(table.rows[0].cells["title"]) == 300_000
    assert clean(table.rows[1].cells["title"]) == "a b"


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", ["id,image\n", ",,\n1", '"'])
def test_a_header_alone_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError):
        read(tmp_path, content)


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(100), b"\x89PNG\r\n" + os.urandom(4000)])
def test_a_binary_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"spreadsheet|not text"):
        read(tmp_path, content)


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "catalog.csv").write_text("id\n")
    with pytest.raises(UnknownNameError, match=r"Did you mean catalog\.csv") as caught:
        read_table(tmp_path / "catlog.csv")
    assert caught.value.exit_code == 2
    with pytest.raises(UnknownNameError, match="no folder"):
        read_table(tmp_path / "nowhere" / "catalog.csv")


def test_json_lines_become_rows(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "image": "a.png", "attributes": {"colour": "Red", "waterproof": True}},
        {"id": "8", "image": "b.png", "title": None, "colour": "Blue"},
    ]
    content = "\n".join(json.dumps(line) for line in lines) + "\n\nnot json\n[1]\n" + "[" * 100_000
    table = read(tmp_path, content, "catalog.jsonl")
    assert table.header == ("colour", "waterproof", "id", "image", "title")
    assert [row.cells["id"] for row in table.rows] == ["7", "8"]
    assert table.rows[0].cells["waterproof"] == "true"
    assert table.rows[1].cells["title"] == ""
    assert [problem.line for problem in table.problems] == [4, 5, 6]


def test_a_file_without_a_json_object_names_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Line 1: The line is not a JSON object") as caught:
        read(tmp_path, "id,image\n1,a.png\n", "catalog.jsonl")
    assert "one JSON object per line" in caught.value.hint


def test_json_is_recognized_without_its_ending(tmp_path: Path) -> None:
    assert read(tmp_path, '{"id": 1, "image": "a"}\n', "catalog.txt").header == ("id", "image")
    with pytest.raises(DataError, match="one JSON object per line"):
        read(tmp_path, '[{"id": 1}]', "catalog.json")


def test_cells_lose_what_misleads() -> None:
    assert clean("  a\t b\n\x1b[31m\u202e ") == "a b [31m"
    assert clean("e\u0301") == clean("e\u200e\u0301") == "é"
    assert clean_path(" a  b\x00.png ") == "a  b.png"
    clean("\ud800").encode()
    clean_path("\ud800").encode()


@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8))
def test_csv_comes_back_as_written(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["id", "image", "title"], *rows])
    # blank rows are no rows, and a file full of control characters is not text
    expected = [row for row in rows if any(cell.strip() for cell in row)]
    text = written.getvalue() + "a,b,c\r\n" * 2000
    with tempfile.TemporaryDirectory() as folder:
        table = read(Path(folder), text)
    assert [list(row.cells.values()) for row in table.rows][: len(expected)] == expected
    assert len(table.rows) == len(expected) + 2000
    assert table.problems == ()


@given(content=st.binary(max_size=300), name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a"]))
def test_any_bytes_give_a_table_or_a_clear_error(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(DataError):
        assert read(Path(folder), content, name).num_rows > 0


@given(text=st.text())
def test_clean_text_stays_clean(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode()


# the csv module itself writes a bare carriage return without quotes
written_cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20
)
plain_cells = st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=8)


@given(
    st.lists(st.lists(written_cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_writes_is_read_whole(
    written: list[list[str]], quoting: Literal[0, 1, 2], line_end: str
) -> None:
    written = [[f"{number}", *row] for number, row in enumerate(written)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
    writer.writerows([["id", "a", "b", "c"], *written])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(file.getvalue().encode())
        with suppress(DataError):  # of a text that looks like no text at all
            table = read_table(path)
            assert [list(row.cells.values()) for row in table.rows] == written


@given(
    st.lists(st.lists(plain_cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.data(),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(",;\t|"),
)
def test_a_stray_quote_at_the_beginning_of_a_cell_is_refused_with_its_line(
    written: list[list[str]], data: st.DataObject, line_end: str, delimiter: str
) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    column = data.draw(st.integers(0, 2))
    written = [["id", "a", "b"], *written]
    written[place + 1][column] = '"' + written[place + 1][column]
    later = data.draw(st.sampled_from(["plain", f'"word{delimiter} word"', '"""word"" word"']))
    written.append(["9", later, "x"])
    content = line_end.join(delimiter.join(row) for row in written) + line_end
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(content.encode())
        with pytest.raises(DataError, match=f"^Line {place + 2} of .* opens a quote") as caught:
            read_table(path)
    assert "Close it" in caught.value.hint


def test_the_line_of_a_stray_quote_is_its_own_not_its_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^Line 4 of .* opens a quote"):
        read(tmp_path, 'id,a,b\n1,x,y\n2,"two\nlines","Slim\n3,x,y\n')


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('1,"Slim" jeans,a', ["1", "Slim jeans", "a"]),
        ('1,30" wide,a', ["1", '30" wide', "a"]),
        ('1,"two\nlines" ,a', ["1", "two\nlines ", "a"]),
        ('1,"",""', ["1", "", ""]),
    ],
)
def test_quotes_that_swallow_nothing_are_left_alone(
    tmp_path: Path, line: str, cells: list[str]
) -> None:
    table = read(tmp_path, f"id,title,size\n{line}\n2,b,c\n")
    assert [list(row.cells.values()) for row in table.rows] == [cells, ["2", "b", "c"]]
    assert table.notes == ()


def test_a_quoted_cell_that_may_have_swallowed_rows_is_noted(tmp_path: Path) -> None:
    table = read(tmp_path, 'id,title,size\n1,"Slim,a\n2,b,c\n3,jeans 30",d\n')
    assert table.notes == ("The row on line 2 has 3 lines; check its quotes.",)


def test_a_line_that_is_not_json_has_the_column_but_no_second_line_number(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "1", "image": "a.png"}\n{"id": }\n')
    (problem,) = read_table(path).problems
    assert problem.line == 2
    assert problem.message == "The line is not a JSON object: Expecting value in column 8."
