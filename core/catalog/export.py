"""Exports the corrected catalog as a table: CSV, TSV, JSON, JSON Lines, Excel or Parquet.

An import of the file changes nothing; see ``export_table`` for its columns.
"""

import csv
import io
import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.export_table import (
    CONFIDENCE,
    FIXED,
    ITEM,
    ITEM_FACTS,
    MODEL,
    OWNER,
    VARIANT_FACTS,
    ExportColumns,
    cell_of_texts,
    packed_variants,
    quoted,
)
from datrnet.core.catalog.sources.source import STANDARD_INPUT
from datrnet.core.catalog.values import number_of
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError, requirement
from datrnet.core.progress import StepProgress, no_progress
from datrnet.db.rows import FactKind, LabelSource, StoredLabel

STANDARD_OUTPUT = STANDARD_INPUT

MOST_SHEET_ROWS = 1_048_576
MOST_SHEET_LETTERS = 32_767
"""Of a sheet, and of a cell: Excel cuts off what is beyond."""

ExportCell = str | bool | int | float | tuple[str, ...] | None
ExportRow = list[ExportCell]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recognition:
    """What a model takes the N items of a catalog for in one super-category."""

    values: Sequence[str | None]
    """(N,): None where the index has no item."""
    confidences: NDArray[np.float32]
    """(N,): margins from 0 to 1; NaN where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSummary:
    """Summary of an exported table."""

    path: Path
    num_rows: int
    num_items: int
    num_hidden: int
    num_columns: int
    notes: tuple[str, ...] = ()
    """What was left out, and why, as sentences."""


def export_table(
    workspace: Workspace,
    path: Path,
    recognized: Mapping[str, Recognition] | None = None,
    on_progress: StepProgress = no_progress,
    *,
    variants: bool = False,
    force: bool = False,
) -> TableSummary:
    """Write a catalog as a table of the format that the suffix names.

    Args:
        workspace: Its catalog is written.
        path: ``-`` for standard output, as CSV.
        recognized: What a model takes the items for, by super-category.
        on_progress: Called after each item.
        variants: Whether a row is a variant instead of an item.
        force: Whether to write over a file.

    Raises:
        DatabaseError: The workspace has no catalog.
        ConfigError: The suffix names no format, or a library for it is missing.
        DataError: There is such a file, it cannot be written, or the format is too small.
    """
    write = _writer_of(path)
    check_target(path, force=force)
    with (
        workspace.open_store() as store,
        store.reading(),
        closing(store.iter_labels()) as labels,
    ):
        catalog = Catalog.load(store)
        table = _ExportedCatalog(workspace, catalog, labels, recognized or {}, variants=variants)
        num_rows = 0

        def rows() -> Iterator[ExportRow]:
            nonlocal num_rows
            for done, same in enumerate(table.rows(), start=1):
                num_rows += len(same)
                yield from same
                on_progress(done, table.catalog.num_items)

        write_file(path, partial(write, header=table.header, rows=rows()))
    return TableSummary(
        path=path,
        num_rows=num_rows,
        num_items=table.catalog.num_items,
        num_hidden=int(table.catalog.is_hidden.sum()),
        num_columns=len(table.header),
    )


class _ExportedCatalog:
    """The header and the rows of an export."""

    def __init__(
        self,
        workspace: Workspace,
        catalog: Catalog,
        labels: Iterable[StoredLabel],
        recognized: Mapping[str, Recognition],
        *,
        variants: bool,
    ) -> None:
        self.catalog = catalog
        facts = self.catalog.facts
        self._workspace = workspace
        self._labels = _labels_by_item(labels)
        self._recognized = recognized
        self._kinds = {column.name: column.kind for column in facts.columns}
        names = [category.name for category in self.catalog.super_categories]
        self._columns = ExportColumns.of(names, facts.columns)
        self._has_variant_rows = variants
        rows = range(self.catalog.num_items)
        self._has_variants = any(facts.variants(row) for row in rows)
        self._has_item_facts = variants and any(map(self._differs, rows))
        self.header = tuple(self._header())

    def _header(self) -> Iterator[str]:
        yield from FIXED
        yield from (ITEM,) * self._has_variant_rows
        for name, column in self._columns.attributes.items():
            yield column
            yield column + OWNER
            if name in self._recognized:
                yield column + MODEL
                yield column + CONFIDENCE
        yield from self._columns.facts.values()
        if self._has_variant_rows:
            yield from (ITEM_FACTS,) * self._has_item_facts
        else:
            yield from (VARIANT_FACTS,) * self._has_variants

    def _differs(self, row: int) -> bool:
        """Tell whether an item has other facts than its first variant."""
        variants = self.catalog.facts.variants(row)
        return bool(variants) and self.catalog.facts.of(row) != variants[0].facts

    def rows(self) -> Iterator[list[ExportRow]]:
        """Yield the rows of each item."""
        labels = next(self._labels, None)
        for row, item_id in enumerate(self.catalog.item_ids.tolist()):
            while labels is not None and labels[0] < item_id:
                labels = next(self._labels, None)
            own = labels[1] if labels is not None and labels[0] == item_id else {}
            yield list(self._rows_of(row, list(self._label_cells(row, own))))

    def _rows_of(self, row: int, labels: ExportRow) -> Iterator[ExportRow]:
        catalog, facts = self.catalog, self.catalog.facts
        code, variants, own = catalog.codes[row], facts.variants(row), facts.of(row)
        stored = catalog.picture_paths[row]
        shared: ExportRow = [
            catalog.titles[row],
            self._picture(stored) if stored else "",
            tuple(map(self._picture, facts.views(row))),
            str(catalog.splits[row]),
            facts.group(row),
            bool(catalog.is_hidden[row]),
        ]
        if not self._has_variant_rows:
            packed: ExportRow = [packed_variants(variants, own)] * self._has_variants
            yield [code, *shared, *labels, *self._fact_cells(own), *packed]
            return
        odd_facts = json.dumps(own, ensure_ascii=False) if self._differs(row) else ""
        versions = [(v.code, v.facts) for v in variants] or [(code, own)]
        for number, (version, stated) in enumerate(versions):
            odd: ExportRow = [odd_facts if number == 0 else ""] * self._has_item_facts
            yield [version, *shared, code, *labels, *self._fact_cells(stated), *odd]

    def _picture(self, stored: str) -> str:
        return str(self._workspace.picture(stored))

    def _label_cells(self, row: int, own: "_Labels") -> Iterator[ExportCell]:
        for name in self._columns.attributes:
            values, source = own.get(name, ((), None))
            yield values
            yield source
            if (found := self._recognized.get(name)) is not None:
                yield found.values[row]
                confidence = float(found.confidences[row])
                yield None if np.isnan(confidence) else round(confidence, 4)

    def _fact_cells(self, facts: Mapping[str, str]) -> Iterator[ExportCell]:
        for name in self._columns.facts:
            yield typed_fact(self._kinds[name], facts[name]) if name in facts else None


_Labels = Mapping[str, tuple[tuple[str, ...], LabelSource]]
"""An item's values, and who set them, by super-category."""


def _labels_by_item(stored: Iterable[StoredLabel]) -> Iterator[tuple[int, _Labels]]:
    for item_id, rows in groupby(stored, key=itemgetter(0)):
        labels: dict[str, tuple[tuple[str, ...], LabelSource]] = {}
        for _, name, value, source in rows:
            values, _ = labels.get(name, ((), source))
            labels[name] = (*values, *([value] if value is not None else ())), source
        yield item_id, labels


def typed_fact(kind: FactKind, text: str) -> ExportCell:
    """Return a fact as a number or boolean if it is one."""
    if kind == "boolean":
        return text == "yes"
    if kind == "number" and (number := number_of(text)) is not None:
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return text


# ── files ────────────────────────────────────────────────────────────────────


def check_target(path: Path, *, force: bool) -> None:
    """Check that no file is written over, and that there is a folder for it.

    Raises:
        DataError: The file is there, or its folder is not.
    """
    if path == STANDARD_OUTPUT:
        return
    check_parent(path)
    if path.exists() and not force:
        raise DataError(
            f"{path} is there already.", hint="Choose another name, or write over it with --force."
        )


def check_parent(path: Path) -> None:
    """Check that a file or folder can be put where its path says: a mistyped path makes no folders.

    Raises:
        DataError: There is no such folder.
    """
    if not path.absolute().parent.is_dir():
        raise DataError(
            f"There is no folder {path.parent}.", hint="Create it, or choose another place."
        )


def write_files(
    folder: Path,
    files: Mapping[str, Iterable[bytes]],
    on_progress: StepProgress = no_progress,
) -> None:
    """Write files into a folder; earlier ones are replaced once all new ones are complete.

    Args:
        folder: Created if it does not exist; the folder that it is in must.
        files: Their contents in parts, by name.
        on_progress: Called with the number of files done and of all files.

    Raises:
        DataError: They cannot be written.
    """
    check_parent(folder)
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as temporary:
            for done, (name, parts) in enumerate(files.items(), start=1):
                with Path(temporary, name).open("wb") as file:
                    file.writelines(parts)
                on_progress(done, len(files))
            for name in files:
                Path(temporary, name).replace(folder / name)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror or error}.") from error


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all; ``-`` is standard output.

    Args:
        path: The file.
        write: Writes the contents.

    Raises:
        DataError: It cannot be written.
    """
    if path == STANDARD_OUTPUT:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    staging = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with staging.open("xb") as file:
            write(file)
        staging.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        staging.unlink(missing_ok=True)


def _flat(cell: ExportCell) -> str:
    """Return a cell as text for a spreadsheet."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case tuple():
            return quoted(cell_of_texts(cell))
        case str():
            return quoted(cell)
        case _:
            return str(cell)


def _write_delimited(
    file: IO[bytes], *, header: Sequence[str], rows: Iterable[ExportRow], delimiter: str
) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_flat(cell) for cell in row] for row in rows)
    text.flush()
    text.detach()


def _records(header: Sequence[str], rows: Iterable[ExportRow]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False)


def _write_json_lines(file: IO[bytes], *, header: Sequence[str], rows: Iterable[ExportRow]) -> None:
    file.writelines(f"{record}\n".encode() for record in _records(header, rows))


def _write_json(file: IO[bytes], *, header: Sequence[str], rows: Iterable[ExportRow]) -> None:
    file.write(b"[")
    for number, record in enumerate(_records(header, rows)):
        file.write(f"{',' if number else ''}\n{record}".encode())
    file.write(b"\n]\n")


def _write_xlsx(file: IO[bytes], *, header: Sequence[str], rows: Iterable[ExportRow]) -> None:
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("catalog")
    sheet.freeze_panes = "B2"
    sheet.append(list(header))
    for number, row in enumerate(rows, start=2):
        cells = [_flat(cell) if isinstance(cell, str | tuple) else cell for cell in row]
        too_long = any(isinstance(c, str) and len(c) > MOST_SHEET_LETTERS for c in cells)
        if number > MOST_SHEET_ROWS or too_long:
            what = "longer cells" if too_long else "more rows"
            raise DataError(
                f"The catalog has {what} than a sheet can have.", hint="Export .csv or .parquet."
            )
        sheet.append(cells)
    workbook.save(file)


def _write_parquet(file: IO[bytes], *, header: Sequence[str], rows: Iterable[ExportRow]) -> None:
    with requirement("Parquet files need"):
        import pyarrow
        from pyarrow import parquet
    text = pyarrow.string()
    types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    columns: list[Sequence[ExportCell]] = [*zip(*rows, strict=True)] or [()] * len(header)
    arrays = []
    for cells in columns:
        kinds = {type(cell) for cell in cells if cell is not None}
        kind = float if kinds == {int, float} else next(iter(kinds), str)
        of_kind = pyarrow.list_(text) if kind is tuple else types.get(kind, text)
        arrays.append(pyarrow.array(cells, of_kind))
    parquet.write_table(pyarrow.table(arrays, names=list(header)), file)


_Writer = Callable[..., None]

WRITERS: Mapping[str, _Writer] = {
    ".csv": partial(_write_delimited, delimiter=","),
    ".tsv": partial(_write_delimited, delimiter="\t"),
    ".jsonl": _write_json_lines,
    ".json": _write_json,
    ".xlsx": _write_xlsx,
    ".parquet": _write_parquet,
}
"""By suffix; each takes a file, a header, and rows."""


def _writer_of(path: Path) -> _Writer:
    """Return what writes the format that a suffix names.

    Raises:
        ConfigError: It names none.
    """
    suffix = ".csv" if path == STANDARD_OUTPUT else path.suffix.lower()
    if suffix not in WRITERS:
        raise ConfigError(
            f"The suffix of {path} names no format for a table.",
            hint=f"Use one of {', '.join(WRITERS)}; --format writes a folder.",
        )
    return WRITERS[suffix]
