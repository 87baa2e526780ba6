"""Reads a catalog from wherever it is: a file of any kind, standard input, a folder, a data frame.

The contents decide what a file is; its suffix only breaks ties.
"""

import codecs
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datrnet.core.catalog.sources.csv_files import read_delimited
from datrnet.core.catalog.sources.grid import PICTURE_SUFFIXES
from datrnet.core.catalog.sources.records import (
    read_json,
    read_json_lines,
    read_xml,
    table_of_records,
)
from datrnet.core.catalog.sources.spreadsheets import read_parquet, read_xlsx
from datrnet.core.catalog.sources.table import CatalogTable, TableBuilder, distinct_names, listed
from datrnet.core.errors import ConfigError, DataError, UnknownNameError, nearest

STANDARD_INPUT = Path("-")

TABLE_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".xml", ".rss"),
    *(".xlsx", ".xlsm", ".parquet", ".gz"),
)

MAX_UNPACKED = 4 * 1024**3
"""Bytes of an unpacked file; more is taken for an attack."""

TRUSTED = 0.045
"""Confidence below which a guessed encoding is Windows-1252, the most frequent by far."""

FALLBACK = "Windows-1252"
SIGNS = b"\x80\x82\x84\x85\x91\x92\x93\x94\x96\x97\x99\xa0\xa3\xa9\xab\xae\xb0\xbb\xd7"
"""Signs of that encoding, such as those of euro and quotes; by themselves they tell no other."""

_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip", b"\x28\xb5\x2f\xfd": "zstd"}
"""Ways of packing that are not read, by the first bytes."""
_HTML = re.compile(r"\s*(?:<!doctype html|<html|<table|<meta)", re.IGNORECASE)
_RECORDS = re.compile(r'\s*(?:\[\s*\{\s*"|\{\s*"|<\?xml|<rss|<feed)')
"""The beginning of JSON or XML, whatever the file is called."""


class DataFrame(Protocol):
    """A data frame of pandas or Polars."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read a file where guessing fails."""

    delimiter: str | None = None
    """Between the cells of delimited text."""
    encoding: str | None = None

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ConfigError: There is no such encoding, or the delimiter is no single character.
        """
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ConfigError(
                f"The delimiter {self.delimiter!r} is not a single character.",
                hint="For a tab, write --delimiter $'\\t'.",
            )
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ConfigError(
                    f"There is no encoding {self.encoding!r}.",
                    hint="For example utf-8, cp1252, utf-16, shift_jis or gb18030.",
                ) from None


def read_source(
    source: Path | DataFrame | CatalogTable | Iterable[Mapping[str, Any]],
    options: ReadOptions | None = None,
) -> CatalogTable:
    """Read a catalog into a table.

    Args:
        source: A file, ``-`` for standard input, a folder of pictures, a data frame, or records; a
            table is returned as it is.
        options: How to read it, where guessing fails.

    Raises:
        UnknownNameError: There is no such file.
        DataError: It is empty or damaged, or no catalog.
        ConfigError: A library for its format is missing.
    """
    options = options or ReadOptions()
    if isinstance(source, CatalogTable):
        return source
    if not isinstance(source, Path):
        table = table_of_records(_records_of(source), "records")
        name = "The data"
    elif source.is_dir():
        table = read_folder(source)
        name = str(source)
    else:
        name = "Standard input" if source == STANDARD_INPUT else str(source)
        table = read_bytes(read_contents(source), source, name, options)
    if not table.num_rows:
        raise DataError(f"{name} has no rows below its header.", hint="Add one row per item.")
    if not table.lines:
        raise DataError(
            f"{name} has no row that can be read. {listed(table.problems)}",
            hint=table.problems[0].hint
            or ("Check --delimiter and --encoding." if isinstance(source, Path) else ""),
        )
    return table


def read_folder(folder: Path) -> CatalogTable:
    """List the pictures of a folder; the names of its sub-folders are labels.

    Raises:
        DataError: It contains no picture.
    """
    paths = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        tables = [path.name for path in folder.iterdir() if path.suffix.lower() in TABLE_SUFFIXES]
        hint = (
            f"Import {folder / tables[0]} instead."
            if tables
            else "Name a catalog file, or specify the data set's format with --format."
        )
        raise DataError(f"The folder {folder} contains no pictures.", hint=hint)
    depth = max(len(path.parts) for path in paths) - 1
    names = ["folder"] if depth == 1 else [f"folder {level + 1}" for level in range(depth)]
    builder = TableBuilder()
    for number, path in enumerate(paths, start=1):
        parts = [*path.parts[:-1], *[""] * (depth + 1 - len(path.parts))]
        cells = dict(zip(names, parts, strict=True))
        builder.add(number, {"image": path.as_posix(), **cells})
    return CatalogTable(
        format="folder of pictures",
        columns=builder.columns,
        lines=builder.lines,
        unit="picture",
    )


def _records_of(source: DataFrame | Iterable[Mapping[str, Any]]) -> list[object]:
    frame: Any = source.collect() if hasattr(source, "collect") else source  # Polars, unread
    if hasattr(frame, "to_dicts"):  # Polars
        return list(frame.to_dicts())
    if hasattr(frame, "to_pylist"):  # Arrow
        return list(frame.to_pylist())
    if hasattr(frame, "to_dict") and hasattr(frame, "columns"):  # pandas
        if hasattr(frame, "reset_index"):  # an index with a name is a column
            has_index = any(name is not None for name in frame.index.names)
            frame = frame.reset_index() if has_index else frame.copy(deep=False)
        names = (name if isinstance(name, tuple) else (name,) for name in frame.columns)
        frame.columns = list(distinct_names(" ".join(map(str, parts)) for parts in names))
        return list(frame.to_dict("records"))
    if not isinstance(frame, Iterable):
        raise DataError(
            f"{type(frame).__name__} is no catalog.",
            hint="Pass a path, a data frame, or a list of dicts.",
        )
    return list(frame)


def read_contents(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if they are packed with gzip.

    Raises:
        UnknownNameError: There is no such file.
        DataError: It cannot be read or unpacked.
    """
    if path == STANDARD_INPUT:
        data = sys.stdin.buffer.read()
    else:
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise UnknownNameError("file", str(path), [], hint=_nearest_file(path)) from error
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file: {error}.") from error
    if len(unpacked) > MAX_UNPACKED:
        raise DataError(f"{path} is larger than {MAX_UNPACKED // 1024**3} GB when unpacked.")
    return unpacked


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either."
    files = [file.name for file in path.parent.iterdir() if file.is_file()]
    tables = [name for name in files if name.lower().endswith(TABLE_SUFFIXES)]
    return nearest(path.name, sorted(tables or files))


def read_bytes(data: bytes, path: Path, name: str, options: ReadOptions) -> CatalogTable:
    """Read the contents of a file.

    Args:
        data: The contents, unpacked.
        path: Its suffix tells the format where the contents do not.
        name: The file's name, for messages.
        options: How to read it, where guessing fails.

    Raises:
        DataError: It is empty or damaged, or no catalog.
        ConfigError: A library for its format is missing.
    """
    if data.startswith(b"PK\x03\x04"):
        return read_xlsx(data, name)
    if data.startswith(b"PAR1"):
        return read_parquet(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{name} is an old Excel workbook.", hint="Save it as .xlsx or CSV.")
    if packed := next((word for start, word in _PACKED.items() if data.startswith(start)), ""):
        raise DataError(f"{name} is packed with {packed}.", hint="Unpack it first, or use gzip.")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    text, notes = decode(data, name, options.encoding)
    start = text.lstrip()[:1]
    if not start:
        raise DataError(f"{name} is empty.", hint="A catalog has a header and one row per item.")
    if _HTML.match(text):
        raise DataError(
            f"{name} is an HTML page, as some shops write where they promise Excel.",
            hint="Open it in a spreadsheet, and save it as .xlsx or CSV.",
        )
    is_named_table = suffix in (".csv", ".tsv") and not _RECORDS.match(text)
    if options.delimiter is None and not is_named_table:
        if suffix in (".jsonl", ".ndjson"):
            return read_json_lines(text).with_notes(notes)
        if start in "[{":
            is_lines = start == "{" and suffix != ".json" and _has_many_objects(text)
            table = read_json_lines(text) if is_lines else read_json(text, name)
            return table.with_notes(notes)
        if start == "<":
            return read_xml(data if options.encoding is None else text, name).with_notes(notes)
    return read_delimited(text, options.delimiter, is_tsv=suffix == ".tsv").with_notes(notes)


def _has_many_objects(text: str) -> bool:
    """Tell whether a text that begins with an object has more of them: one on a line."""
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return True
    return bool(text.lstrip()[end:].strip())


def decode(data: bytes, name: str, encoding: str | None = None) -> tuple[str, list[str]]:
    """Return the text of a file, and a note if its encoding was guessed.

    Args:
        data: The contents.
        name: The file's name, for messages.
        encoding: The encoding; None finds it.

    Raises:
        DataError: The contents are not text, or not in the encoding given.
    """
    if encoding is not None:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), []
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{name} is not {encoding} text, first on line {line}.",
                hint="Omit --encoding to have it found.",
            ) from error
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return data.decode("utf-32", "replace"), ["The text was read as UTF-32."]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), ["The text was read as UTF-16."]
    for wide in ("utf-16-le", "utf-16-be"):  # without a mark: every other byte is zero
        zeros = data[1 if wide.endswith("le") else 0 : 2000 : 2]
        if len(zeros) > 4 and zeros.count(0) > 0.8 * len(zeros):
            return data.decode(wide, "replace"), ["The text was read as UTF-16."]
    start = data[:65536]
    num_control = sum(start.count(code) for code in (*range(9), *range(14, 27), *range(28, 32)))
    if num_control > len(start) // 50:
        raise DataError(
            f"{name} is not text.", hint="Import a CSV, JSON, XML, Excel or Parquet file."
        )
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
        damaged = text.count("\ufffd")
        if sum(not letter.isascii() for letter in text) >= 3 * damaged:
            line = text[: text.index("\ufffd")].count("\n") + 1
            return text, [
                f"The text is UTF-8 with {damaged:,} damaged characters, the first on line {line}."
            ]
        guessed = guess_encoding(data)
        note = f"The text is not UTF-8 and was read as {guessed}; check accented letters, or "
        return data.decode(guessed, "replace"), [note + "specify --encoding."]


def guess_encoding(data: bytes) -> str:
    """Return the likeliest encoding, judged by the lines that are not ASCII."""
    import chardet

    telling: list[bytes] = []
    for line in data[: 1 << 24].splitlines():
        if not line.isascii():
            telling.append(line)
            if len(telling) == 1000:
                break
    letters = b"".join(telling).translate(None, bytes(range(128)) + SIGNS)
    if not letters:
        return FALLBACK
    found = chardet.detect(b"\n".join(telling))
    encoding = found["encoding"]
    return FALLBACK if encoding is None or found["confidence"] < TRUSTED else encoding
