"""The table that every catalog file is read into: columns of cells, each with the row's place."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Literal

from datrnet.core.text import clean

Cell = str | tuple[str, ...]
"""Text as written; several texts where the format has lists."""

Unit = Literal["line", "row", "record", "picture"]
"""What the numbers of rows count: lines of text, rows of a sheet, or records."""


def plain_text(value: object) -> str:
    """Return a value of a spreadsheet, a document or a data frame as it is written in a CSV file.

    Whole numbers have no ``.0``, a day has no time, and what is missing is empty.
    """
    if value is None or type(value).__name__ == "NAType" or value != value:  # as NaN does
        return ""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row that was skipped, and why."""

    line: int
    """Where the row begins in the file, from 1."""
    message: str
    hint: str = ""
    """What to do about it, if known."""
    file: str = ""
    """Which file, if the catalog has several."""
    unit: Unit = "line"

    @property
    def place(self) -> str:
        """File and line, for messages."""
        place = f"{self.unit} {self.line}"
        return f"{self.file}, {place}" if self.file else place


LISTED = 3
"""Rows that a list names of each kind of problem."""
MOST_KINDS = 5
"""Kinds of problems that a list names."""

_OF_ONE_ROW = re.compile(r"'.*'|\S*[\d/]\S*")
"""What differs between two problems of a kind: quoted texts, numbers and paths."""


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by file and row."""
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


def listed(problems: Sequence[Problem]) -> str:
    """Return the first rows of each kind of problem with their number, and what is wrong there.

    Args:
        problems: In the order of the rows.
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(_OF_ONE_ROW.sub("", problem.message), []).append(problem)
    parts = [f"{_places(same)}: {same[0].message}" for same in kinds.values()]
    if len(parts) > MOST_KINDS:
        parts[MOST_KINDS:] = [f"And {len(parts) - MOST_KINDS} more kinds of problems."]
    return " ".join(parts)


def _places(problems: Sequence[Problem]) -> str:
    """Return where problems of one kind are: ``Lines 2, 3, 4 and 17 more``."""
    if problems[0].file or len(problems) == 1:
        place = problems[0].place
        more = f" and {len(problems) - 1:,} more rows" if len(problems) > 1 else ""
        return (place if problems[0].file else place.capitalize()) + more
    *first, last = [str(problem.line) for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        first, last = [*first, last], f"{len(problems) - LISTED:,} more"
    return f"{problems[0].unit.capitalize()}s {', '.join(first)} and {last}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogTable:
    """The contents of a catalog file: N rows as columns, which have different names."""

    format: str
    """What the file was taken for, for messages: ``CSV``, ``JSON array``."""
    columns: Mapping[str, list[Cell]]
    """N cells each, by the name of the column."""
    lines: Sequence[int]
    """(N,): where each row begins in the file, from 1."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Where each column stands in a row of the file, from 0; none where names stand with cells."""
    unit: Unit = "line"
    problems: tuple[Problem, ...] = ()
    """Rows that cannot be read."""
    notes: tuple[str, ...] = ()
    """What was guessed or repaired, as sentences."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.columns)

    @property
    def num_rows(self) -> int:
        """How many rows the file has, bad ones included."""
        return len(self.lines) + len(self.problems)

    def row(self, index: int) -> dict[str, Cell]:
        """Return the cells of a row, by column."""
        return {name: cells[index] for name, cells in self.columns.items()}

    def with_notes(self, notes: Iterable[str]) -> "CatalogTable":
        """Return the same table with notes put before its own."""
        return replace(self, notes=(*notes, *self.notes))


@dataclass(slots=True)
class TableBuilder:
    """Collects rows whose columns are known by name, in the order in which names appear."""

    columns: dict[str, list[Cell]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _texts: dict[str, str] = field(default_factory=dict)
    """Each text once: catalogs repeat themselves."""

    def add(self, line: int, cells: Mapping[str, Cell]) -> None:
        """Add a row; a column that it lacks gets an empty cell."""
        num_rows = len(self.lines)
        self.lines.append(line)
        for name, cell in cells.items():
            if name not in self.columns:
                self.columns[name] = [""] * num_rows
            self.columns[name].append(cell if isinstance(cell, tuple) else self._shared(cell))
        if len(cells) < len(self.columns):
            for column in self.columns.values():
                if len(column) == num_rows:
                    column.append("")

    def _shared(self, text: str) -> str:
        return self._texts.setdefault(text, text) if len(text) <= 64 else text


def distinct_names(cells: Iterable[str]) -> tuple[str, ...]:
    """Return names for columns: cleaned, none empty, none twice whatever its case."""
    names: dict[str, str] = {}
    for position, cell in enumerate(cells, start=1):
        plain = clean(cell) or f"column {position}"
        name, repetition = plain, 1
        while name.casefold() in names:
            repetition += 1
            name = f"{plain} ({repetition})"
        names[name.casefold()] = name
    return tuple(names.values())


def texts_of(cell: Cell) -> Iterator[str]:
    """Yield the cleaned texts of a cell, without empty ones."""
    for text in (cell,) if isinstance(cell, str) else cell:
        if plain := clean(text):
            yield plain
