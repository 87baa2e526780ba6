"""Reads spreadsheets and Parquet files."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from datrnet.core.catalog.sources.grid import Record, table_of
from datrnet.core.catalog.sources.records import table_of_records
from datrnet.core.catalog.sources.table import CatalogTable, plain_text
from datrnet.core.errors import DataError, requirement

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

WORKBOOK = "xl/workbook.xml"
"""In every archive that is an Excel workbook."""

_NO_RESULT = re.compile(rb"</f>(?:<v\s*/>|<v></v>)?\s*</c>")
"""A formula without its result, as programs write it that do not calculate."""
_ZEROS = re.compile("0{2,}")
"""The format of a number that is shown with zeros before it."""


def read_xlsx(data: bytes, name: str) -> CatalogTable:
    """Read the first sheet of an Excel workbook that has any cell.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        DataError: It is no workbook.
    """
    from openpyxl import load_workbook

    try:
        with ZipFile(io.BytesIO(data)) as archive:
            is_workbook = WORKBOOK in archive.namelist()
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{name} is a damaged archive: {error}.", hint="Export it again."
        ) from error
    if not is_workbook:
        if b"opendocument" in data[:200]:
            raise DataError(f"{name} is an OpenDocument file.", hint="Save it as .xlsx or CSV.")
        raise DataError(
            f"{name} is an archive, but not an Excel workbook.",
            hint="Unpack it and import the catalog in it; save other spreadsheets as .xlsx.",
        )
    try:
        sheets = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets
        sheet, table = _catalog_of(sheets)
        notes = [f"The sheet is {sheet.title!r}; its other {len(sheets) - 1} were not read."]
        notes = notes if len(sheets) > 1 else []
        with ZipFile(io.BytesIO(data)) as archive:
            num_missing = sum(
                len(_NO_RESULT.findall(archive.read(part)))
                for part in archive.namelist()
                if part.startswith("xl/worksheets/")
            )
    except Exception as error:  # what is wrong in a workbook comes out as errors of many kinds
        raise DataError(
            f"{name} is a damaged Excel workbook: {error}.",
            hint="Open it in a spreadsheet, and save it again as .xlsx or CSV.",
        ) from error
    if not table.num_rows:
        hint = "Add one row per item."
        raise DataError(f"{name} has no sheet with a header and a row.", hint=hint)
    if num_missing:
        notes.append(
            f"Formulas without a stored result count as empty: {num_missing:,}. To store the "
            "results, open the workbook in a spreadsheet and save it."
        )
    return table.with_notes(notes)


def _catalog_of(sheets: Sequence["Worksheet"]) -> tuple["Worksheet", CatalogTable]:
    """Return the first sheet with rows of several columns, else of one, with its table."""
    tables = [(sheet, table_of(_sheet_records(sheet), "Excel workbook", "row")) for sheet in sheets]
    return max(tables, key=lambda pair: bool(pair[1].num_rows) + (len(pair[1].header) > 1))


def with_sheet_cells(data: bytes, cells: Mapping[tuple[int, int], str]) -> bytes:
    """Return a workbook with some cells of the sheet that is read replaced.

    Args:
        data: The file.
        cells: By row, from 1, and place in it, from 0.
    """
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(data))
    sheet, _ = _catalog_of(workbook.worksheets)
    for (row, place), text in cells.items():
        sheet.cell(row, place + 1).value = text or None
    changed = io.BytesIO()
    workbook.save(changed)
    return changed.getvalue()


def read_parquet(data: bytes, name: str) -> CatalogTable:
    """Read a Parquet file.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ConfigError: The library for it is not installed.
        DataError: It is damaged.
    """
    with requirement("Parquet files need"):
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    try:
        records = read_table(io.BytesIO(data)).to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        raise DataError(f"{name} is not a readable Parquet file: {error}.") from error
    return table_of_records(records, "Parquet")


def _sheet_records(sheet: "Worksheet") -> Iterator[Record]:
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [
            str(cell.value).zfill(len(cell.number_format))
            if isinstance(cell.value, int) and _ZEROS.fullmatch(cell.number_format)
            else plain_text(cell.value)
            for cell in cells
        ]
        if any(text.strip() for text in texts):
            yield number, texts
