"""Exports corrected labels in the shape in which a shop's file came: only their cells change.

The file is read as an import reads it, and its labels are compared with the catalog's. Each that
differs is traced back to a cell of the file. What was written is read again before it is kept: a
cell that does not say what it should, or changes something else, stays as it was and is told.
"""

import codecs
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from datrnet.core.catalog.export import check_target, write_file
from datrnet.core.catalog.export_table import mapping_of_export
from datrnet.core.catalog.importer import ImportOptions, KnownItems, plan_table
from datrnet.core.catalog.mappings.cells import split_cell
from datrnet.core.catalog.mappings.inverses import Edits, Place, Texts, join_texts, undo_steps
from datrnet.core.catalog.plan import ColumnPlan
from datrnet.core.catalog.products import known_spellings, labels_of_rows
from datrnet.core.catalog.sources.csv_files import with_cells
from datrnet.core.catalog.sources.source import (
    decode,
    guess_encoding,
    read_bytes,
    read_contents,
)
from datrnet.core.catalog.sources.spreadsheets import with_sheet_cells
from datrnet.core.catalog.sources.table import CatalogTable, texts_of
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.text import fold
from datrnet.db.store import Store
from datrnet.db.synonyms import Synonyms

MOST_ROUNDS = 5
"""Of writing, reading again and leaving out."""

OTHERWISE = "The file would be read otherwise than it is meant."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrittenLabel:
    """A corrected label that the file could not take."""

    line: int
    code: str
    """The item's id."""
    super_category: str
    values: tuple[str, ...]
    """What it should be."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeSummary:
    """What became of the corrected labels of a file."""

    path: Path
    format: str
    num_labels: int
    """Labels that were written."""
    num_cells: int
    """Cells that were changed for them."""
    num_unknown: int
    """Rows that are no item of the catalog, and stay as they are."""
    unwritten: tuple[UnwrittenLabel, ...]


def export_like(
    workspace: Workspace,
    original: Path,
    path: Path,
    options: ImportOptions | None = None,
    *,
    force: bool = False,
) -> LikeSummary:
    """Write a shop's file again with the labels that were corrected since its import.

    Args:
        workspace: It has the corrected catalog.
        original: A CSV, TSV or Excel file, plain or with gzip.
        path: Where to write; ``-`` for standard output.
        options: As the file was imported with.
        force: Whether to write over a file.

    Raises:
        DatabaseError: The workspace has no catalog.
        UnknownNameError: There is no such file or column.
        DataError: The file is of another kind, cannot be read or has no item of the catalog; or
            the other cannot be written.
    """
    check_target(path, force=force)
    options = options or ImportOptions()
    with workspace.open_store() as store:
        labels = _CatalogLabels(store)
    source = _OriginalFile(original, options)
    known = KnownItems.of(workspace)
    revision = _Revision(source, options, known, labels)
    data = revision.run()
    if path.suffix.lower() == ".gz":
        data = gzip.compress(data)
    write_file(path, lambda file: file.write(data))
    return revision.summary(path)


class _CatalogLabels:
    """The labels of a catalog, and how it spells what files spell otherwise."""

    def __init__(self, store: Store) -> None:
        codes = {stamp.item_id: code for code, stamp in store.picture_stamps().items()}
        self._code_of = {code: code for code in codes.values()}
        self._code_of = store.codes_of_variants() | self._code_of
        self._synonyms = Synonyms(store.synonyms())
        self._labels: dict[str, dict[str, Texts]] = {}
        for item_id, category, value, _ in store.iter_labels():
            own = self._labels.setdefault(codes.get(item_id, ""), {})
            added = () if value is None else (value,)
            own[fold(category)] = (*own.get(fold(category), ()), *added)

    def items_of(self, codes: list[str]) -> list[str | None]:
        """Return the items' ids, given their own or variants' as a file spells them.

        None where there is no such item.
        """
        return list(map(self._code_of.get, known_spellings(codes, self._code_of)))

    def of(self, code: str, name: str) -> Texts | None:
        """Return an item's values in a super-category as a file calls it; None without a label."""
        return self._labels.get(code, {}).get(fold(self._synonyms.category(name)))

    def canonical(self, name: str, value: str) -> str:
        """Return a value as the catalog spells it."""
        return self._synonyms.value(self._synonyms.category(name), value)

    def agrees(self, name: str, values: Iterable[str], others: Iterable[str]) -> bool:
        """Tell whether values are the same, in any order and any spelling that is known."""
        one, other = (
            {fold(self.canonical(name, value)) for value in texts} - {""}
            for texts in (values, others)
        )
        return one == other


class _OriginalFile:
    """A file of rows and columns, some of whose cells can be replaced."""

    def __init__(self, path: Path, options: ImportOptions) -> None:
        """Read the file.

        Raises:
            UnknownNameError: There is none.
            DataError: It is no table, or of a kind that is not written.
        """
        self.name = str(path)
        self.data = read_contents(path)
        self._path = path
        self._reading = options.reading
        self.table = self.read(self.data)
        self.row_of = {line: row for row, line in enumerate(self.table.lines)}
        self._is_text = self.table.format in ("CSV", "TSV")
        if not self._is_text and self.table.format != "Excel workbook":
            raise DataError(
                f"{path} is of the kind {self.table.format}; --like writes CSV, TSV and Excel.",
                hint="Export .json, .jsonl or .parquet without --like.",
            )
        if mapping_of_export(self.table.header) is not None:
            raise DataError(
                f"{path} was exported by datrnet.", hint="Omit --like to export it again."
            )
        if self._is_text:
            self._text, _ = decode(self.data, self.name, options.reading.encoding)
            self._mark, self.encoding = self._find_encoding()

    def read(self, data: bytes) -> CatalogTable:
        """Read contents as the file is read."""
        return read_bytes(data, self._path, self.name, self._reading)

    def can_write(self, text: str) -> bool:
        """Tell whether the file's encoding has all letters of a text."""
        return not self._is_text or _encoded(text, self.encoding) is not None

    def with_cells(self, cells: Mapping[Place, str]) -> bytes:
        """Return the contents with some cells replaced."""
        places = {(line, self.table.places[name]): text for (line, name), text in cells.items()}
        if not cells:
            return self.data
        if not self._is_text:
            return with_sheet_cells(self.data, places)
        delimiter = self._reading.delimiter
        is_tsv = ".tsv" in map(str.lower, self._path.suffixes)
        text = with_cells(self._text, places, delimiter, is_tsv=is_tsv)
        return self._mark + text.encode(self.encoding)

    def _find_encoding(self) -> tuple[bytes, str]:
        """Return the mark at the file's beginning, and the encoding that gives its bytes again."""
        for mark, encoding in self._encodings():
            encoded = _encoded(self._text, encoding)
            if encoded is not None and mark + encoded == self.data:
                return mark, encoding
        raise DataError(
            f"Some bytes of {self.name} are no text, so it cannot be written again as it was.",
            hint="Specify its encoding with --encoding.",
        )

    def _encodings(self) -> Iterator[tuple[bytes, str]]:
        if self._reading.encoding is not None:
            yield b"", self._reading.encoding
        for mark in (codecs.BOM_UTF8, b""):
            yield mark, "utf-8"
        for mark, encoding in (
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ):
            yield mark, encoding
            yield b"", encoding
        yield b"", guess_encoding(self.data)


def _encoded(text: str, encoding: str) -> bytes | None:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return None


class _ReadLabels:
    """A table as an import reads it."""

    def __init__(self, table: CatalogTable, options: ImportOptions, known: KnownItems) -> None:
        self.draft, self.plan, self.mapping = plan_table(table, options, known)
        rows = list(labels_of_rows(self.draft, self.plan, options.kept_values))
        self.codes = [code for code, _ in rows]
        self.labels = [labels for _, labels in rows]

    def columns(self, name: str) -> list[ColumnPlan]:
        """Return the columns of a super-category, the first one that says something counts."""
        return [column for column in self.plan.of_use("attribute") if column.name == name]


class _Revision:
    """Finds the cells to change, and keeps those changes that read as they should."""

    def __init__(
        self,
        source: _OriginalFile,
        options: ImportOptions,
        known: KnownItems,
        labels: _CatalogLabels,
    ) -> None:
        self._source = source
        self._options = options
        self._known = known
        self._labels = labels
        self._before = _ReadLabels(source.table, options, known)
        self._row_of = {line: row for row, line in enumerate(self._before.draft.lines)}
        self._items = labels.items_of(self._before.codes)
        if not any(self._items):
            raise DataError(
                f"No row of {source.name} is an item of the catalog, by its id.",
                hint="If it was imported with options, write a mapping with them: `datrnet import "
                "FILE --dry-run --write-mapping my.toml`; then add --mapping my.toml.",
            )
        self._spelled: dict[str, dict[str, str]] = {}
        self._names: dict[Place, str] = {}
        """The super-category by the cell that should say it."""
        self._refused: dict[Place, str] = {}
        self._wanted = dict(self._differing())
        self._num_cells = 0

    def run(self) -> bytes:
        """Return the contents of the file to write."""
        mapping = self._before.mapping
        steps = mapping.steps if mapping else ()
        free = [
            line
            for line, item in zip(self._before.draft.lines, self._items, strict=True)
            if item is None
        ]
        table = self._source.table
        names = mapping.other_names(table.header) if mapping else {}
        for _ in range(MOST_ROUNDS):
            edits = undo_steps(table, steps, self._texts_of_wanted(), free, names)
            cells, refused = self._cells(edits)
            if not refused:
                data = self._source.with_cells(cells)
                wrong = self._wrong(data, edits, cells)
                if not wrong:
                    self._num_cells = len(cells)
                    return data
                refused = dict.fromkeys(wrong, OTHERWISE)
            self._leave_out(refused)
        self._leave_out(dict.fromkeys(self._wanted, OTHERWISE))
        return self._source.data

    def summary(self, path: Path) -> LikeSummary:
        """Return what became of the labels, each told once for all rows of its item."""
        unwritten: dict[tuple[str, str], UnwrittenLabel] = {}
        for place, reason in sorted(self._refused.items()):
            code, name = self._label(place)
            unwritten.setdefault(
                (code, name),
                UnwrittenLabel(
                    line=place[0],
                    code=code,
                    super_category=name,
                    values=self._labels.of(code, name) or (),
                    reason=reason,
                ),
            )
        return LikeSummary(
            path=path,
            format=self._source.table.format,
            num_labels=len(set(map(self._label, self._wanted))),
            num_cells=self._num_cells,
            num_unknown=self._items.count(None),
            unwritten=tuple(unwritten.values()),
        )

    def _leave_out(self, refused: Mapping[Place, str]) -> None:
        """Write none of the rows of a label of which one cannot be written."""
        reasons = {self._label(place): reason for place, reason in refused.items()}
        for place in [place for place in self._wanted if self._label(place) in reasons]:
            self._refused[place] = reasons[self._label(place)]
            del self._wanted[place]

    def _label(self, place: Place) -> tuple[str, str]:
        """Return the item and the super-category that a cell is wanted for."""
        return self._items[self._row_of[place[0]]] or "", self._names[place]

    def _differing(self) -> Iterator[tuple[Place, Texts]]:
        """Yield the cells of the unpacked table that say something else than the catalog."""
        rows = zip(self._before.draft.lines, self._items, self._before.labels, strict=True)
        for row, (line, code, labels) in enumerate(rows):
            for name, values in labels.items() if code is not None else ():
                now = self._labels.of(code or "", name)
                if now is None or self._labels.agrees(name, values, now):
                    continue
                columns = self._before.columns(name)
                filled = (
                    c for c in columns if any(texts_of(self._before.draft.columns[c.column][row]))
                )
                column = next(filled, columns[0])
                self._names[line, column.column] = name
                yield (line, column.column), now

    def _texts_of_wanted(self) -> dict[Place, Texts]:
        """Return what is wanted in the words that the file uses."""
        return {
            place: tuple(self._spelling(place[1]).get(fold(value), value) for value in values)
            for place, values in self._wanted.items()
        }

    def _spelling(self, column: str) -> dict[str, str]:
        """Return how a column spells values, by the value as the catalog spells it, folded."""
        if column not in self._spelled:
            plan = next(plan for plan in self._before.plan.columns if plan.column == column)
            texts = [
                text
                for cell in self._before.draft.columns[column]
                for text in texts_of(split_cell(cell, plan.separator))
            ]
            words = [(text, plan.values.get(text.casefold(), text)) for text in texts]
            if any(text.casefold() in plan.values for text in texts):
                words += plan.values.items()
            self._spelled[column] = {
                fold(self._labels.canonical(plan.name, value)): text
                for text, value in reversed(words)
            }
        return self._spelled[column]

    def _cells(self, edits: Edits) -> tuple[dict[Place, str], dict[Place, str]]:
        """Return the texts of the cells to change, and the wanted cells that cannot be written."""
        separators = {plan.column: plan.separator for plan in self._before.plan.columns}
        cells = dict(self._doubled_cells())
        refused = dict(edits.refused)
        for place, edit in edits.cells.items():
            old = self._source.table.columns[place[1]]
            separator = separators.get(place[1]) or "|"
            like = next((cell for cell in old if isinstance(cell, str) and separator in cell), "")
            cells[place] = join_texts(edit.texts, separator, like) or ""
            if not self._source.can_write(cells[place]):
                reason = f"The file is in {self._source.encoding}, which lacks letters of it."
                refused |= dict.fromkeys(edit.sources, reason)
        return cells, refused

    def _doubled_cells(self) -> Iterator[tuple[Place, str]]:
        """Yield the cells of a column whose words a category path repeats, as for genders."""
        for (line, name), values in self._wanted.items():
            column = self._source.table.columns.get(name)
            plan = next(plan for plan in self._before.plan.columns if plan.column == name)
            words = {fold(value): word for word, value in plan.values.items()}
            is_filled = column is not None and column[self._source.row_of[line]] != ""
            if is_filled and len(values) == 1 and fold(values[0]) in words:
                yield (line, name), words[fold(values[0])]

    def _wrong(self, data: bytes, edits: Edits, cells: Mapping[Place, str]) -> set[Place]:
        """Return the wanted cells that new contents do not say, or that spoil others."""
        table = self._source.read(data)
        place_of = self._source.row_of
        found = {name: list(column) for name, column in table.columns.items()}
        misread: set[Place] = set()
        for (line, name), text in cells.items():
            if name in found and line in place_of and len(table.lines) > place_of[line]:
                cell = found[name][place_of[line]]
                if not isinstance(cell, str) or cell.strip() != text.strip():
                    misread.add((line, name))
                found[name][place_of[line]] = self._source.table.columns[name][place_of[line]]
        if (
            list(table.lines) != list(self._source.table.lines)
            or found != self._source.table.columns
        ):
            return set(self._wanted)  # a change has spoiled its neighbors
        wrong = {
            source
            for place in misread & edits.cells.keys()
            for source in edits.cells[place].sources
        }
        after = _ReadLabels(table, self._options, self._known)
        if after.codes != self._before.codes:
            return set(self._wanted)
        wanted = {(p[0], self._names[p]): (p, values) for p, values in self._wanted.items()}
        for line, old, new in zip(
            self._before.draft.lines, self._before.labels, after.labels, strict=True
        ):
            for name, values in old.items():
                place, should_be = wanted.get((line, name), (None, values))
                if self._labels.agrees(name, new.get(name, ()), should_be):
                    continue
                spoiled = {p for p in self._wanted if self._names[p] == name}
                wrong |= {place} if place is not None else spoiled or set(self._wanted)
        return wrong & self._wanted.keys()
