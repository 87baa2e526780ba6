"""From rows of cells without names to a table: finds the header, and evens out the rows.

Spreadsheets put titles above the header and leave cells out at the end of a row; CSV files do the
same, since spreadsheets write them.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from datrnet.core.catalog.sources.table import (
    CatalogTable,
    Problem,
    TableBuilder,
    Unit,
    distinct_names,
)

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")

SAMPLE = 200
"""Rows looked at to find the header."""

MAX_NAME_LENGTH = 100

TOO_LONG_HINT = (
    'Put cells that contain the separator in quotes, as in "Shirt, red", or name another separator '
    "with --delimiter."
)

_NO_NAME = re.compile(rf"https?://|({'|'.join(map(re.escape, PICTURE_SUFFIXES))})\b", re.IGNORECASE)
"""Pictures and links are in cells, never in names of columns."""

Record = tuple[int, list[str]]
"""The number of its first line, and its cells."""


def table_of(records: Iterator[Record], file_format: str, unit: Unit = "line") -> CatalogTable:
    """Return the table that rows of cells form.

    Args:
        records: Rows from the top of the file, blank ones left out.
        file_format: What the file was taken for.
        unit: What the numbers of the records count.
    """
    sample = list(islice(records, SAMPLE))
    start = header_position([cells for _, cells in sample])
    notes = []
    if start:
        notes.append(f"The header is on {unit} {sample[start][0]}; what is above it was skipped.")
    names: list[str] = []
    if sample and has_names(sample[start][1]):
        names = sample[start][1]
        start += 1
    elif sample:
        names = [""] * usual_length([cells for _, cells in sample[start:]])
        notes.append(f"No header: the first {unit} is an item; the columns are numbered.")
    header = distinct_names(names)
    builder = TableBuilder(columns={name: [] for name in header})
    short: list[int] = []
    for line, cells in chain(sample[start:], records):
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            message = f"The row has {len(cells)} cells, the header {len(header)}."
            hint = TOO_LONG_HINT if file_format in ("CSV", "TSV") else ""
            builder.problems.append(Problem(line=line, message=message, hint=hint, unit=unit))
            continue
        if len(cells) < len(header):
            short.append(line)
            cells = [*cells, *[""] * (len(header) - len(cells))]
        builder.add(line, dict(zip(header, cells, strict=False)))
    if short:
        rows = "row is" if len(short) == 1 else "rows are"
        notes.append(
            f"{len(short):,} {rows} shorter than the header, the first on {unit} {short[0]}; the "
            "missing cells count as empty."
        )
    nameless = [name for name, cell in zip(header, names, strict=True) if not cell.strip()]
    for name in nameless:
        if not any(cell.strip() for cell in builder.columns[name] if isinstance(cell, str)):
            del builder.columns[name]
    return CatalogTable(
        format=file_format,
        columns=builder.columns,
        lines=builder.lines,
        places={name: place for place, name in enumerate(header)},
        unit=unit,
        problems=tuple(builder.problems),
        notes=tuple(notes),
    )


def header_position(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows of titles stand above the header: rows that are nearly empty."""
    few = max(1, usual_length(rows) // 3)
    for position, cells in enumerate(rows):
        if sum(bool(cell.strip()) for cell in cells) > few:
            return position
    return 0


def usual_length(rows: Sequence[Sequence[str]]) -> int:
    """Return the most frequent number of cells in a row, blank ends left out."""
    lengths = Counter(len(without_blank_end(cells)) for cells in rows)
    return max(lengths, key=lambda length: (lengths[length], length), default=0)


def has_names(cells: Sequence[str]) -> bool:
    """Tell whether cells may be the names of columns: no picture or link, few numbers."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if any(_NO_NAME.search(name) or len(name) > MAX_NAME_LENGTH for name in filled):
        return False
    return sum(map(_is_number, filled)) * 2 < len(filled)


def without_blank_end(cells: Sequence[str]) -> list[str]:
    """Return cells without the blank ones at the end."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return list(cells[:end])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_picture_name(text: str) -> bool:
    """Tell whether a path or address ends like that of a picture."""
    path = text.partition("#xywh=")[0].partition("?")[0]
    return path.casefold().endswith(PICTURE_SUFFIXES)


def picture_separator(texts: Iterable[str]) -> str:
    """Return what separates several pictures in cells; empty if nothing does.

    A sign does if what it separates are pictures in nearly all cells that have it; a space stands
    for line ends, too.
    """
    distinct = list(texts)
    for separator in "|;, ":
        split = [text.split(separator) for text in distinct if separator in text.strip()]
        fitting = sum(
            all(is_picture_name(p.strip()) for p in parts if p.strip()) for parts in split
        )
        if split and fitting >= 0.95 * len(split):
            return separator
    return ""
