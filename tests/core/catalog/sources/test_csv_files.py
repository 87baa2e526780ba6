"""Reading delimited text in the dialects of spreadsheets, shops and hands."""

import csv
import io
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.sources.csv_files import read_delimited
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.sources.table import CatalogTable
from datrnet.core.errors import DataError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def rows_of(table: CatalogTable) -> list[list[object]]:
    return [list(table.row(row).values()) for row in range(len(table.lines))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(delimiter: str) -> None:
    table = read_delimited(
        f'id{delimiter}image{delimiter}title\n1{delimiter}1.png{delimiter}"a, b; c"\n'
    )
    assert table.header == ("id", "image", "title")
    assert rows_of(table) == [["1", "1.png", "a, b; c"]]
    assert bool(table.notes) == (delimiter != ",")


def test_decimal_commas_and_lists_in_cells_do_not_mislead() -> None:
    prices = read_delimited("id;price;image\n" + "1;1,50;a.png\n" * 9)
    assert prices.header == ("id", "price", "image")
    tags = read_delimited("id,image,tags\n" + "1,a.png,a|b|c|d|e|f|g|h|i|j|k\n" * 9)
    assert tags.header == ("id", "image", "tags")


def test_one_cell_full_of_commas_makes_no_columns_of_them() -> None:
    packed = ",".join(f"e{number}=f" for number in range(60))
    table = read_delimited(f"id\timage\tdetails\n1\ta.png\tnone\n2\tb.png\t{packed}\n")
    assert table.header == ("id", "image", "details")
    assert len(table.lines) == 2


def test_a_separator_line_and_a_given_delimiter_are_obeyed() -> None:
    assert read_delimited("sep=;\r\nid;image\r\n1;a,b\r\n").header == ("id", "image")
    assert read_delimited("id:image\n1:a.png\n", ":").header == ("id", "image")


def test_titles_above_the_header_are_skipped() -> None:
    table = read_delimited("Catalog of March\nexported by Ana;;\n\nid;image;color\n1;a.png;Red\n")
    assert table.header == ("id", "image", "color")
    assert list(table.lines) == [5]
    assert "The header is on line 4; what is above it was skipped." in table.notes


def test_a_file_without_a_header_gets_numbered_columns() -> None:
    table = read_delimited("1,a.png,Red\n2,b.png,Blue\n")
    assert table.header == ("column 1", "column 2", "column 3")
    assert len(table.lines) == 2
    assert any("No header" in note for note in table.notes)


def test_rows_know_the_line_they_begin_on() -> None:
    table = read_delimited('id,title\n1,"two\nlines"\n\n2,b\r\n3,c,d\n4,d\n')
    assert list(table.lines) == [2, 5, 7]
    (problem,) = table.problems
    assert (problem.line, problem.message) == (6, "The row has 3 cells, the header 2.")
    assert '"Shirt, red"' in problem.hint
    assert "--delimiter" in problem.hint
    assert table.num_rows == 4


def test_short_rows_and_commas_at_the_end_are_evened_out() -> None:
    short = read_delimited("id,image,color,fit\n1,a,Red\n2,b,Blue\n3,c,Red,slim\n")
    assert rows_of(short)[0] == ["1", "a", "Red", ""]
    assert any("2 rows are shorter than the header" in note for note in short.notes)
    long = read_delimited("id,image\n1,a,\n2,b,\n")
    assert rows_of(long) == [["1", "a"], ["2", "b"]]
    assert long.problems == ()


def test_a_space_before_a_quote_belongs_to_no_cell() -> None:
    table = read_delimited('id, title, color\n1, "A, B", Red\n')
    assert rows_of(table) == [["1", "A, B", "Red"]]


def test_quotes_may_be_written_with_a_backslash() -> None:
    table = read_delimited('id,title,path\n1,"a \\"wide\\" one, short","C:\\\\x"\n')
    assert rows_of(table) == [["1", 'a "wide" one, short', "C:\\x"]]
    windows = read_delimited("id,image\n1,images\\new.png\n")
    assert rows_of(windows) == [["1", "images\\new.png"]]


def test_names_of_columns_are_made_distinct() -> None:
    table = read_delimited(" id ,color,Color,\n1,2,3,4\n")
    assert table.header == ("id", "color", "Color (2)", "column 4")
    assert read_delimited("id,color,\n1,2,\n").header == ("id", "color")


def test_long_cells_and_nul_bytes_do_not_crash() -> None:
    table = read_delimited("id,title\n1," + "x" * 300_000 + "\n2,a\0b\n")
    assert rows_of(table) == [["1", "x" * 300_000], ["2", "a\0b"]]


@given(rows=st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_the_csv_module_writes_comes_back(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["id", "image", "title"], *rows])
    table = read_delimited(written.getvalue() + "a,b,c\r\n" * 200)
    expected = [row for row in rows if any(cell.strip() for cell in row)]
    assert rows_of(table)[: len(expected)] == expected
    assert len(table.lines) == len(expected) + 200
    assert table.problems == ()


# the csv module itself writes a bare carriage return without quotes
written_cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20
)
plain_cells = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(
    st.lists(st.lists(written_cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_no_row_is_lost_however_it_is_quoted(
    written: list[list[str]], quoting: Literal[0, 1, 2], line_end: str
) -> None:
    written = [[f"n{number}", *row] for number, row in enumerate(written)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
    writer.writerows([["id", "a", "b", "c"], *written])
    assert rows_of(read_delimited(file.getvalue(), ",")) == written


@given(
    st.lists(st.lists(plain_cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.data(),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(",;\t|"),
)
def test_a_quote_that_is_never_closed_swallows_no_row(
    written: list[list[str]], data: st.DataObject, line_end: str, delimiter: str
) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    column = data.draw(st.integers(0, 2))
    expected = [["id", "a", "b"], *[list(row) for row in written]]
    expected[place + 1][column] = '"' + expected[place + 1][column]
    later = data.draw(st.sampled_from(["plain", f'"word{delimiter} word"', '"""word"" word"']))
    content = line_end.join(map(delimiter.join, [*expected, ["9", later, "x"]])) + line_end
    table = read_delimited(content, delimiter)
    assert rows_of(table)[:-1] == expected[1:]
    assert any(f"never closed; it was read as text: line {place + 2}." in n for n in table.notes)


def test_the_line_of_a_stray_quote_is_that_of_its_row() -> None:
    table = read_delimited('id,a,b\n1,x,y\n2,"two\nlines","Slim\n3,x,y\n')
    assert any("line 3" in note for note in table.notes)
    assert list(table.lines)[-1] == 5


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('1,"Slim" jeans,a', ["1", "Slim jeans", "a"]),
        ('1,30" wide,a', ["1", '30" wide', "a"]),
        ('1,"two\nlines" ,a', ["1", "two\nlines ", "a"]),
        ('1,"",""', ["1", "", ""]),
    ],
)
def test_quotes_that_swallow_nothing_are_left_alone(line: str, cells: list[str]) -> None:
    table = read_delimited(f"id,title,size\n{line}\n2,b,c\n")
    assert rows_of(table) == [cells, ["2", "b", "c"]]
    assert table.notes == ()


def test_a_quoted_cell_that_may_have_swallowed_rows_is_noted() -> None:
    table = read_delimited('id,title,size\n1,"Slim,a\n2,b,c\n3,jeans 30",d\n')
    (note,) = table.notes
    assert note == "A quoted cell contains what looks like whole rows; check its quotes: line 2."


@given(content=st.binary(max_size=300), name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a"]))
def test_any_bytes_give_a_table_or_a_clear_error(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(DataError):
        path = Path(folder) / name
        path.write_bytes(content)
        assert read_source(path).num_rows > 0


def test_a_long_cell_of_another_sign_does_not_make_it_the_delimiter() -> None:
    rows = [f"{number},{number}.png,Red" for number in range(6)]
    rows[4] = "4,4.png," + "a; b\tc " * 2000
    table = read_delimited("\n".join(["id,image,color", *rows]))
    assert (table.num_rows, table.header) == (6, ("id", "image", "color"))


def test_a_space_before_a_quote_at_the_start_of_a_line_belongs_to_no_cell() -> None:
    table = read_delimited('id,image\n "two\nlines",a.png\n2,b.png\n')
    assert list(table.columns["id"]) == ["two\nlines", "2"]
