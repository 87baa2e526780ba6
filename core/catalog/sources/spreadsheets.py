"""Reads spreadsheets and Parquet files."""

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from datrnet.core.catalog.sources.grid import Record, table_of
from datrnet.core.catalog.sources.records import table_of_records
from datrnet.core.catalog.sources.table import CatalogTable, plain_text
from datrnet.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

WORKBOOK = "xl/workbook.xml"
"""In every archive that is an Excel workbook."""


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
    except (BadZipFile, ValueError) as error:
        raise DataError(
            f"{name} is a damaged archive: {error}.", hint="Export it again."
        ) from error
    if not is_workbook:
        raise DataError(
            f"{name} is an archive, but not an Excel workbook.",
            hint="Unpack it and import the catalog in it; save other spreadsheets as .xlsx.",
        )
    try:
        sheets = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets
        for sheet in sheets:
            table = table_of(_sheet_records(sheet), "Excel workbook", "row")
            if table.num_rows:
                others = f"; its other {len(sheets) - 1} were not read" if len(sheets) > 1 else ""
                notes = [f"The sheet is {sheet.title!r}{others}."] if others else []
                return table.with_notes(notes)
    except Exception as error:  # what is wrong in a workbook comes out as errors of many kinds
        raise DataError(
            f"{name} is a damaged Excel workbook: {error}.",
            hint="Open it in a spreadsheet, and save it again as .xlsx or CSV.",
        ) from error
    raise DataError(f"{name} has no sheet with a header and a row.", hint="Add one row per item.")


def with_sheet_cells(data: bytes, cells: Mapping[tuple[int, int], str]) -> bytes:
    """Return a workbook with some cells of the sheet that is read replaced.

    Args:
        data: The file.
        cells: By row, from 1, and place in it, from 0.
    """
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(data))
    sheet = next(s for s in workbook.worksheets if table_of(_sheet_records(s), "").num_rows)
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
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise ConfigError(
            "Parquet files need the package pyarrow.", hint="pip install 'datrnet[parquet]'"
        ) from error
    try:
        records = read_table(io.BytesIO(data)).to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        raise DataError(f"{name} is not a readable Parquet file: {error}.") from error
    return table_of_records(records, "Parquet")


def _sheet_records(sheet: "Worksheet") -> Iterator[Record]:
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        texts = [plain_text(cell) for cell in cells]
        if any(text.strip() for text in texts):
            yield number, texts
