"""A cell of a CSV text is replaced, and nothing else changes."""

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.sources.csv_files import read_delimited, with_cells


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
