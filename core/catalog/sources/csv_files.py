"""Reads delimited text in every dialect that spreadsheets and shops write.

Python's csv module splits the cells; this module finds the dialect, and keeps a quote that is never
closed from swallowing the rows after it.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Literal

from datrnet.core.catalog.sources.grid import (
    SAMPLE,
    Record,
    has_names,
    header_position,
    table_of,
    usual_length,
)
from datrnet.core.catalog.sources.table import CatalogTable

if TYPE_CHECKING:
    from _csv import Reader as _Reader

DELIMITERS = ",;\t|"
DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

FIELD_LIMIT = 2**31 - 1
"""The longest field that the csv module may read: the largest limit on every platform."""

LISTED = 5
"""Lines that a note lists."""

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;]*\s*', re.IGNORECASE)
_LINE_END = re.compile("\r\n?|\n")


def read_delimited(
    text: str, delimiter: str | None = None, *, is_tsv: bool = False
) -> CatalogTable:
    """Read delimited text.

    Args:
        text: The whole file.
        delimiter: One character; None finds it.
        is_tsv: Whether tabs are expected, since the name of the file says so.
    """
    dialect, notes = _dialect_of(text, delimiter, is_tsv=is_tsv)
    lines = dialect.lines
    if dialect.is_backslashed:
        lines = [
            re.sub(r'\\(["\\])', lambda escaped: '""' if escaped[1] == '"' else "\\", line)
            for line in lines
        ]
        notes.append("Quotes inside cells are written with a backslash.")
    reader = _RecordReader(lines, dialect.delimiter, dialect.start)
    table = table_of(iter(reader), "TSV" if dialect.delimiter == "\t" else "CSV")
    return table.with_notes([*notes, *reader.notes()])


def with_cells(
    text: str,
    cells: Mapping[tuple[int, int], str],
    delimiter: str | None = None,
    *,
    is_tsv: bool = False,
) -> str:
    """Return delimited text with some cells replaced, and everything else as it is.

    Args:
        text: The whole file.
        cells: By the line of the row, from 1, and the place in it, from 0.
        delimiter: As it was read with.
        is_tsv: As it was read with.
    """
    dialect, _ = _dialect_of(text, delimiter, is_tsv=is_tsv)
    starts = [0, *accumulate(map(len, dialect.lines))]
    changes: dict[int, dict[int, str]] = {}
    for (line, place), cell in cells.items():
        changes.setdefault(line, {})[place] = cell
    parts, position = [], 0
    for line, by_place in sorted(changes.items()):
        record, end = dialect.with_cells(text, starts[line - 1], by_place)
        parts += [text[position : starts[line - 1]], record]
        position = end
    return "".join((*parts, text[position:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    """How a delimited text is written."""

    lines: list[str]
    start: int
    """The first line with cells, from 0."""
    delimiter: str
    is_backslashed: bool
    """Whether quotes inside cells have a backslash instead of being doubled."""

    def with_cells(self, text: str, start: int, cells: Mapping[int, str]) -> tuple[str, int]:
        """Return a record with some cells replaced, and where it ends.

        Args:
            text: The whole file.
            start: Where the record begins.
            cells: By place.
        """
        end_of_cell = re.escape(self.delimiter)
        inner = r'[^"\\]|\\.|""' if self.is_backslashed else '[^"]|""'
        cell = re.compile(
            rf'( *)("(?:{inner})*"[^{end_of_cell}\r\n]*|[^{end_of_cell}\r\n]*)'
            rf"({end_of_cell}|\r\n|\r|\n|\Z)"
        )
        written: list[str] = []
        sign = self.delimiter
        while sign == self.delimiter and (found := cell.match(text, start)) is not None:
            space, old, sign = found.groups()
            if (new := cells.get(len(written))) is not None:
                was_quoted, old = old.startswith('"'), self._written(new, old)
                if old.startswith('"') and not was_quoted:
                    space = ""  # a quote after a space is text
            written.append(space + old)
            start = found.end()
        missing = range(len(written), max(cells, default=0) + 1)
        written += [self._written(cells.get(place, ""), "") for place in missing]
        return self.delimiter.join(written) + sign, start

    def _written(self, cell: str, old: str) -> str:
        """Return a cell with quotes where they are needed or were before."""
        if not old.startswith('"') and not set(cell) & {self.delimiter, '"', "\r", "\n"}:
            return cell
        if self.is_backslashed:
            cell = cell.replace("\\", "\\\\")
        escaped = cell.replace('"', '\\"' if self.is_backslashed else '""')
        return f'"{escaped}"'


def _dialect_of(text: str, delimiter: str | None, *, is_tsv: bool) -> tuple[_Dialect, list[str]]:
    """Return how a text is written, and notes on what was found."""
    lines = list(io.StringIO(text, newline=""))
    notes: list[str] = []
    start = 0
    if lines and (separator := _SEPARATOR_LINE.fullmatch(lines[0])):
        start, delimiter = 1, delimiter or separator[1]
    if delimiter is None:
        delimiter = find_delimiter(lines[start : start + SAMPLE], is_tsv=is_tsv)
        if delimiter != ("\t" if is_tsv else ","):
            notes.append(f"The columns are separated by {DELIMITER_NAMES[delimiter]}.")
    sample = "".join(lines[start : start + SAMPLE])
    dialect = _Dialect(
        lines=lines,
        start=start,
        delimiter=delimiter,
        is_backslashed=_has_backslashed_quotes(sample, delimiter),
    )
    return dialect, notes


def find_delimiter(lines: Sequence[str], *, is_tsv: bool = False) -> str:
    """Return the delimiter that splits lines into the most, and the most even, columns.

    Args:
        lines: From the top of the file.
        is_tsv: Whether tabs are expected.
    """

    def score(delimiter: str) -> float:
        rows = [cells for _, cells in _RecordReader(lines, delimiter)]
        if not rows:
            return 0
        position, length = header_position(rows), usual_length(rows)
        header = rows[position]
        evenness = sum(len(cells) in (len(header), length) for cells in rows) / len(rows)
        trust = (1.0 if has_names(header) else 0.5) * (0.3 if position else 1.0)
        trust *= 2.0 if is_tsv and delimiter == "\t" else 1.0
        # by the logarithm a single long row does not make the sign it is full of the delimiter
        return math.log2(max(1, min(len(header), length))) * evenness**2 * trust

    scores = {delimiter: score(delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return best if scores[best] else ("\t" if is_tsv else ",")


def _has_backslashed_quotes(sample: str, delimiter: str) -> bool:
    """Tell whether a backslash stands before a quote that does not end a cell."""
    return re.search(rf'\\"(?!["{re.escape(delimiter)}\r\n]|\Z)', sample) is not None


class _RecordReader:
    """Iterates over the records of delimited text, without blank ones.

    The csv module ends a quoted cell at the next quote, wherever that is. Where such a cell spans
    lines and text follows its closing quote, or the file ends inside it, the quote was never meant
    to be one: its line is read again by itself, with quotes as text.
    """

    def __init__(self, lines: Sequence[str], delimiter: str, start: int = 0) -> None:
        self._lines = lines
        self._start = start
        self._delimiter = delimiter
        end = re.escape(delimiter)
        # only where a quote opens after a space does the space belong to no cell
        spaced = rf'(?:^|{end}) +"(?!["{end}\r\n]|\Z)'
        self._skips_space = any(re.search(spaced, line) for line in lines[start : start + SAMPLE])
        self._cell = re.compile(
            rf'{" *" if self._skips_space else ""}(?:"((?:[^"]++|"")*+)("?))?'
            rf"([^{end}\r\n]*)(?:{end}|[\r\n]+|\Z)"
        )
        self._unclosed: list[int] = []
        self._long: list[int] = []

    def __iter__(self) -> Iterator[Record]:
        limit = csv.field_size_limit(FIELD_LIMIT)
        position = self._start
        try:
            while position < len(self._lines):
                reader = self._reader(islice(self._lines, position, None), csv.QUOTE_MINIMAL)
                first = position
                for cells in reader:
                    begin, position = position, first + reader.line_num
                    if is_unclosed := self._has_unclosed_quote(begin, position):
                        position = begin + 1
                        cells = next(self._reader(self._lines[begin:position], csv.QUOTE_NONE), [])
                        self._unclosed.append(position)
                    if any(cell.strip() for cell in cells):
                        self._note_length(begin, position, len(cells))
                        yield begin + 1, cells
                    if is_unclosed:
                        break
        finally:
            csv.field_size_limit(limit)

    def notes(self) -> list[str]:
        """Return what was repaired or looks wrong, once all records are read."""
        kinds = {
            "A quote is opened and never closed; it was read as text": self._unclosed,
            "A quoted cell contains what looks like whole rows; check its quotes": self._long,
        }
        return [f"{words}: {_listed(lines)}." for words, lines in kinds.items() if lines]

    def _reader(self, lines: Iterable[str], quoting: Literal[0, 3]) -> "_Reader":
        return csv.reader(
            lines, delimiter=self._delimiter, quoting=quoting, skipinitialspace=self._skips_space
        )

    def _note_length(self, begin: int, end: int, num_cells: int) -> None:
        inner = self._lines[begin + 1 : end - 1]
        if num_cells > 2 and any(line.count(self._delimiter) == num_cells - 1 for line in inner):
            self._long.append(begin + 1)

    def _has_unclosed_quote(self, begin: int, end: int) -> bool:
        """Tell whether a record has a quoted cell that swallows the lines after it."""
        if end - begin == 1 and self._lines[begin].count('"') % 2 == 0:
            return False
        for match in self._cell.finditer("".join(self._lines[begin:end])):
            quoted, closing, rest = match.groups()
            if quoted is not None and (
                not closing or (rest.strip() and _LINE_END.search(quoted) is not None)
            ):
                return True
        return False


def _listed(lines: Sequence[int]) -> str:
    """Return line numbers in words."""
    more = f" and {len(lines) - LISTED:,} more" if len(lines) > LISTED else ""
    word = "line" if len(lines) == 1 else "lines"
    return f"{word} {', '.join(map(str, lines[:LISTED]))}{more}"
