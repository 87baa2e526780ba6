"""Reads a catalog file, CSV or JSON Lines, into rows of text with their line numbers.

Encoding, delimiter and format are detected and noted. A bad row becomes a ``Problem``; only a file
that is not a table at all is an error.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.text import clean

DELIMITERS = ",;\t|"
CSV_SUFFIXES = (".csv", ".tsv")
JSON_SUFFIXES = (".jsonl", ".ndjson")
FIELD_LIMIT = 2**31 - 1
"""The longest field that the csv module may read: the largest limit on every platform."""

_LINE_END = re.compile("\r\n?|\n")


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

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.file}, line {self.line}" if self.file else f"line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its cells, as written, by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTable:
    """The contents of a catalog file."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    """What was guessed, as sentences."""

    @property
    def num_rows(self) -> int:
        """How many rows the file has, bad ones included."""
        return len(self.rows) + len(self.problems)


def read_table(path: Path) -> CatalogTable:
    """Read a catalog file; its suffix tells the format, or else its first character.

    Raises:
        UnknownNameError: There is no such file.
        DataError: It is a folder, empty, not text, JSON Lines without a single object, or CSV with
            a quote that is never closed.
    """
    text, notes = _decode(_read_bytes(path), path)
    if not text.strip():
        raise DataError(f"{path} is empty.", hint="A catalog has a header and one row per item.")
    suffix = path.suffix.lower()
    is_json = suffix in JSON_SUFFIXES
    if not is_json and suffix not in CSV_SUFFIXES:
        if text.lstrip().startswith("["):
            raise DataError(f"{path} is a JSON array.", hint="Write one JSON object per line.")
        is_json = text.lstrip().startswith("{")
    table = _read_json_lines(text, notes) if is_json else _read_csv(text, path, notes)
    if not table.num_rows:
        raise DataError(f"{path} has no rows below its header.", hint="Add one row per item.")
    if is_json and not table.rows:
        first = table.problems[0]
        raise DataError(
            f"{path} contains no JSON object. Line {first.line}: {first.message}",
            hint="Write one JSON object per line, or give a CSV file the suffix .csv.",
        )
    return table


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(
            f"{path} is a folder.",
            hint="Give the path of the catalog file in it, or specify the data set format "
            "with --format.",
        )
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            hint = f"There is no folder {path.parent} either."
        else:
            files = [file.name for file in path.parent.iterdir() if file.is_file()]
            tables = [name for name in files if name.endswith((*CSV_SUFFIXES, *JSON_SUFFIXES))]
            hint = nearest(path.name, sorted(tables or files))
        raise UnknownNameError("file", str(path), [], hint=hint) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _decode(data: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), ("The text was read as UTF-16.",)
    if data.startswith(b"PK\x03\x04"):
        raise DataError(f"{path} is a spreadsheet or archive.", hint="Save it as CSV first.")
    start = data[:65536]
    num_control = sum(start.count(code) for code in (*range(9), *range(14, 32)))
    if num_control > len(start) // 50:
        raise DataError(f"{path} is not text.", hint="A catalog is a CSV or JSON Lines file.")
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        note = "The text is not UTF-8 and was read as Windows-1252; check accented letters."
        return data.decode("cp1252", "replace"), (note,)


def _read_csv(text: str, path: Path, notes: tuple[str, ...]) -> CatalogTable:
    is_tsv = path.suffix.lower() == ".tsv"
    delimiter = "\t" if is_tsv else _find_delimiter(text)
    if delimiter != "," and not is_tsv:
        name = {"\t": "a tab"}.get(delimiter, repr(delimiter))
        notes = (*notes, f"The columns are separated by {name}.")
    records = _csv_records(text, delimiter)
    end = re.escape(delimiter)
    cell = re.compile(rf'(?:"((?:[^"]++|"")*+)("?))?([^{end}\r\n]*)(?:{end}|[\r\n]+|\Z)')
    rows: list[Row] = []
    problems: list[Problem] = []
    header: tuple[str, ...] = ()
    for line, cells, lines in records:
        _refuse_unclosed_quote(lines, line, path, cell)
        if not header:
            header = _distinct_names(cells)
            continue
        if any(part.count(delimiter) == len(header) - 1 > 1 for part in lines[1:-1]):
            notes = (*notes, f"The row on line {line} has {len(lines):,} lines; check its quotes.")
        if len(cells) == len(header):
            rows.append(Row(line=line, cells=dict(zip(header, cells, strict=True))))
        else:
            message = f"The row has {len(cells)} cells, the header {len(header)}."
            problems.append(Problem(line=line, message=message))
    return CatalogTable(header=header, rows=tuple(rows), problems=tuple(problems), notes=notes)


def _find_delimiter(text: str) -> str:
    """Return the delimiter that splits the header into the most columns; by default a comma."""

    def num_columns(delimiter: str) -> int:
        return next((len(cells) for _, cells, _ in _csv_records(text, delimiter)), 0)

    return max(DELIMITERS, key=num_columns)


def _csv_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield every record that is not blank: the number of its first line, its cells, its lines.

    The list of lines is reused for the next record.
    """
    lines: list[str] = []

    def read_lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            lines.append(line)
            yield line

    limit = csv.field_size_limit(FIELD_LIMIT)
    try:
        reader = csv.reader(read_lines(), delimiter=delimiter)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num - len(lines) + 1, cells, lines
            lines.clear()
    finally:
        csv.field_size_limit(limit)


def _refuse_unclosed_quote(
    lines: Sequence[str], number: int, path: Path, cell: re.Pattern[str]
) -> None:
    """Raise where a stray quote makes a record swallow the lines after it.

    The csv module ends such a cell at the next quote, wherever that is. So a quoted cell is refused
    if the file ends inside it, or if it spans lines and text follows its closing quote.

    Args:
        lines: The record as written.
        number: The line it begins on.
        path: The file, for the message.
        cell: Matches a cell: what is in its quotes, the closing quote, the rest.

    Raises:
        DataError: There is such a quote.
    """
    if len(lines) == 1 and lines[0].count('"') % 2 == 0:
        return
    record = "".join(lines)
    for match in cell.finditer(record):
        quoted, closing, rest = match.groups()
        if quoted is None or (closing and not (rest.strip() and _LINE_END.search(quoted))):
            continue
        line = number + len(_LINE_END.findall(record[: match.start()]))
        raise DataError(
            f"Line {line} of {path} opens a quote that is never closed, "
            f"at {match[0][:30].splitlines()[0]!r}.",
            hint="Close it at the end of the cell; if it belongs to the text, put the whole cell "
            'in quotes and write the quote twice: """Slim"" jeans".',
        )


def _distinct_names(cells: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    taken: set[str] = set()
    for position, cell in enumerate(cells, start=1):
        plain = clean(cell) or f"column {position}"
        name, repetition = plain, 1
        while name.casefold() in taken:
            repetition += 1
            name = f"{plain} ({repetition})"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _read_json_lines(text: str, notes: tuple[str, ...]) -> CatalogTable:
    header: dict[str, None] = {}
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, record in enumerate(io.StringIO(text, newline=""), start=1):
        if not record.strip():
            continue
        try:
            cells = _json_cells(json.loads(record))
        except (ValueError, RecursionError) as error:
            what: object = error
            if isinstance(error, json.JSONDecodeError):  # its own line counts within the record
                what = f"{error.msg} in column {error.colno}"
            problems.append(Problem(line=line, message=f"The line is not a JSON object: {what}."))
            continue
        header.update(dict.fromkeys(cells))
        rows.append(Row(line=line, cells=cells))
    full = tuple(
        Row(line=row.line, cells={name: row.cells.get(name, "") for name in header}) for row in rows
    )
    return CatalogTable(header=tuple(header), rows=full, problems=tuple(problems), notes=notes)


def _json_cells(value: object) -> dict[str, str]:
    """Return an object's fields as text; those inside ``attributes`` count as its own."""
    if not isinstance(value, dict):
        raise ValueError("it must be written in braces")
    fields = dict(value)
    inner = fields.pop("attributes", None)
    if isinstance(inner, dict):
        fields = {**inner, **fields}
    elif inner is not None:
        fields["attributes"] = inner
    return {clean(name): _json_cell(field) for name, field in fields.items() if clean(name)}


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
