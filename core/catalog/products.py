"""Reads the rows of a catalog: pictures are found, labels and facts are sorted out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from datrnet.core.catalog.column_names import SPLIT_WORDS
from datrnet.core.catalog.mappings.cells import image_sources, split_cell
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.picture_files import PictureFolder
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.plan import ColumnPlan, TablePlan, fill_pattern
from datrnet.core.catalog.sources.table import Cell, Problem, Unit, texts_of
from datrnet.core.catalog.values import fact_text, is_placeholder, scientific_ids
from datrnet.core.errors import DataError
from datrnet.core.text import clean, clean_path, fold

MAX_CELL_LENGTH = 2000
"""A longer title is cut, a longer label left out; a longer id or picture path skips the row."""

GAPS = frozenset(("none", "unknown", "not specified", "unspecified", "keine angabe", "k. a."))
"""Values, in lower case, that may mean that nothing is known; a collar can be none."""

PICTURE_HINT = (
    "Specify the picture folder with --images DIR, or the picture column with --image COLUMN."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """A row whose cells are good; its pictures have not been decoded yet."""

    line: int
    code: str
    title: str
    pictures: tuple[Picture, ...]
    """The first leads."""
    split: str
    group: str
    labels: Mapping[str, tuple[str, ...]]
    """Values by super-category; none where the row says nothing."""
    facts: Mapping[str, str]
    """Canonical text by name; empty where a known item has it no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRows:
    """The rows of a catalog."""

    rows: tuple[CatalogRow, ...]
    problems: tuple[Problem, ...]
    codes: frozenset[str]
    """All ids that the catalog names, those of bad rows included."""
    notes: tuple[str, ...]
    num_merged: int = 0
    """Rows that only add pictures to an item."""


def parse_rows(
    draft: Draft,
    plan: TablePlan,
    folder: PictureFolder,
    *,
    unit: Unit = "line",
    kept_values: Iterable[str] = (),
    known_codes: Collection[str] = (),
    has_plain_ids: bool = False,
) -> CatalogRows:
    """Sort the cells of every row; of several rows with one id the first counts.

    A row that repeats an item adds its pictures to it.

    Args:
        draft: The unpacked catalog.
        plan: What its columns mean.
        folder: Where its pictures are.
        unit: What the line numbers count.
        kept_values: Placeholders that are values here.
        known_codes: The ids that need no picture, since the workspace has them.
        has_plain_ids: Whether ids have no signs around them that are meant for spreadsheets.
    """
    kept = {fold(value) for value in kept_values}
    parser = _RowParser(draft, plan, folder, kept, known_codes)
    parser.has_plain_ids = has_plain_ids
    codes = known_spellings([parser.code(row) for row in range(len(draft.lines))], known_codes)
    rows: list[CatalogRow] = []
    problems: list[Problem] = []
    line_of_code: dict[str, int] = {}
    place_of_code: dict[str, int] = {}
    num_merged = 0
    for row, (line, code) in enumerate(zip(draft.lines, codes, strict=True)):
        try:
            if not code:
                raise DataError(f"The {unit if unit != 'line' else 'row'} has no id.")
            if code in place_of_code:
                place = place_of_code[code]
                if (
                    joined := _with_pictures_of(rows[place], parser.parse(row, line, code))
                ) is None:
                    raise DataError(f"The id {code!r} is already on {unit} {line_of_code[code]}.")
                rows[place] = joined
                num_merged += 1
                continue
            line_of_code.setdefault(code, line)
            rows.append(parser.parse(row, line, code))
            place_of_code[code] = len(rows) - 1
        except DataError as error:
            problems.append(Problem(line=line, message=error.message, hint=error.hint, unit=unit))
    return CatalogRows(
        rows=tuple(rows),
        problems=tuple(problems),
        codes=frozenset(line_of_code),
        notes=tuple(parser.notes(unit)),
        num_merged=num_merged,
    )


def known_spellings(codes: list[str], known: Collection[str]) -> list[str]:
    """Return ids as the workspace spells them, where only case, width or spaces differ."""
    new = set(codes).difference(known)
    if not new or not known:
        return codes
    folded: dict[str, str] = {}
    for code in known:
        folded[fold(code)] = "" if fold(code) in folded else code  # none, if several look alike
    stated = set(codes)
    spelled = {code: folded.get(fold(code)) or code for code in new}
    return [code if (own := spelled.get(code, code)) in stated else own for code in codes]


def _with_pictures_of(row: CatalogRow, other: CatalogRow) -> CatalogRow | None:
    """Return a row with the pictures of another of its id, which says nothing else of it.

    None if the other row says something else, or has no other picture.
    """
    says = [
        (row.title, other.title),
        (row.group, other.group),
        (row.split, other.split),
        *((row.labels.get(name), values) for name, values in other.labels.items()),
    ]
    pictures = tuple(dict.fromkeys((*row.pictures, *other.pictures)))
    if pictures == row.pictures or any(theirs and theirs != own for own, theirs in says):
        return None
    return replace(row, pictures=pictures)


def picture_texts(draft: Draft, plan: TablePlan) -> Iterator[str]:
    """Yield what the rows of a catalog say of their pictures, as written."""
    parser = _RowParser(draft, plan, PictureFolder(Path()), set(), ())
    for row in range(len(draft.lines)):
        yield from parser.picture_texts(row)


def labels_of_rows(
    draft: Draft, plan: TablePlan, kept_values: Iterable[str] = ()
) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    """Yield the id and the labels of every row of a catalog.

    Args:
        draft: The unpacked catalog.
        plan: What its columns mean.
        kept_values: Placeholders that are values here.
    """
    kept = {fold(value) for value in kept_values}
    parser = _RowParser(draft, plan, PictureFolder(Path()), kept, ())
    for row, line in enumerate(draft.lines):
        yield parser.code(row), parser.labels(row, line)


class _RowParser:
    """Reads the cells of a draft as a plan says."""

    def __init__(
        self,
        draft: Draft,
        plan: TablePlan,
        folder: PictureFolder,
        kept: set[str],
        known_codes: Collection[str],
    ) -> None:
        self.has_plain_ids = False
        self._known_codes = known_codes
        self._draft = draft
        self._plan = plan
        self._folder = folder
        self._kept = kept
        self._id = plan.first("id")
        self._title = plan.first("title")
        self._split = plan.first("split")
        self._groups = plan.of_use("group")
        self._images = plan.of_use("image")
        self._attributes = plan.of_use("attribute")
        self._placeholders: Counter[str] = Counter()
        self._gaps: dict[str, Counter[str]] = defaultdict(Counter)
        self._shortened: dict[str, list[int]] = defaultdict(list)
        self._unread: dict[str, list[str]] = defaultdict(list)

    def code(self, row: int) -> str:
        """Return the id of a row; without a column of ids, the name of its picture."""
        if self._id is not None:
            text = self._text(self._id, row)
            is_plain = self.has_plain_ids or text in self._known_codes
            return text if is_plain else _without_formula(text)
        first = next(self.picture_texts(row), "")
        return clean(Path(clean_path(first).replace("\\", "/")).stem)

    def parse(self, row: int, line: int, code: str) -> CatalogRow:
        """Return a row.

        Raises:
            DataError: It has no picture, no valid split, or an id or path that is too long.
        """
        if scientific_ids([code]):
            raise DataError(
                f"A spreadsheet has rounded the id to {code}.",
                hint="Format the column as text in the spreadsheet, and export it again.",
            )
        if len(code) > MAX_CELL_LENGTH:
            raise DataError(
                f"The id has {len(code):,} characters; the limit is {MAX_CELL_LENGTH:,}."
            )
        title = "" if self._title is None else self._text(self._title, row)
        if len(title) > MAX_CELL_LENGTH:
            self._shortened[f"title {self._title!r}, which is cut"].append(line)
        return CatalogRow(
            line=line,
            code=code,
            title=title[:MAX_CELL_LENGTH].rstrip(),
            pictures=self._pictures(row, code),
            split="" if self._split is None else self._split_of(self._text(self._split, row)),
            group=next((text for c in self._groups if (text := self._text(c.column, row))), ""),
            labels=self.labels(row, line),
            facts=self._facts(row, code),
        )

    def notes(self, unit: Unit) -> Iterator[str]:
        """Yield what was left out or shortened, as sentences."""
        if self._placeholders:
            words = ", ".join(
                f"{text} ({num:,})" for text, num in self._placeholders.most_common(5)
            )
            yield (
                f"Placeholders were read as empty cells: {words}. "
                "Keep one that is a value with --keep-value."
            )
        for name, counts in self._gaps.items():
            for value, num in counts.items():
                yield (
                    f"{value!r} counts as a value of {name!r} ({num:,} times); the line "
                    f'values = {{ "{value}" = "" }} for that column in a mapping leaves '
                    "it out."
                )
        if self._folder.padded:
            written, found = next(iter(self._folder.padded.items()))
            yield (
                f"Pictures were found by numbers that have lost their zeros: "
                f"{len(self._folder.padded):,}, the first {written}, which is {found}. A "
                "spreadsheet does that to ids too; format such columns as text."
            )
        for what, lines in self._shortened.items():
            yield (
                f"More than {MAX_CELL_LENGTH:,} characters in {what}: {len(lines):,} in all, the "
                f"first on {unit} {lines[0]}."
            )
        for column, texts in self._unread.items():
            yield f"{len(texts):,} cells of {column} could not be read, the first {texts[0]!r}."

    def _text(self, column: str, row: int) -> str:
        """Return a cell as one text; empty for a placeholder."""
        text = next(texts_of(self._draft.columns[column][row]), "")
        return "" if is_placeholder(text, self._kept) else text

    def picture_texts(self, row: int) -> Iterator[str]:
        """Yield what a row says of its pictures, as written."""
        pattern = self._plan.image_pattern
        if pattern is not None:
            cells = {name.casefold(): self._text(name, row) for name in self._draft.columns}
            if self._id is not None:
                cells["id"] = _without_formula(self._text(self._id, row))
            yield fill_pattern(pattern, cells)
            return
        for plan in self._images:
            cell = self._draft.columns[plan.column][row]
            # a path keeps its spaces and its Unicode form
            for text in (cell,) if isinstance(cell, str) else cell:
                parts = image_sources(text) or [text]
                if plan.separator and parts == [text]:  # a space stands for line ends, too
                    parts = text.split(plan.separator.strip() or None)
                yield from (part for part in map(clean_path, parts) if part)

    def _pictures(self, row: int, code: str) -> tuple[Picture, ...]:
        """Return the pictures of a row; one that is not there matters only if it leads.

        Raises:
            DataError: There is none.
        """
        pictures: dict[Picture, None] = {}
        error: DataError | None = None
        for text in self.picture_texts(row):
            if len(text) > MAX_CELL_LENGTH:
                raise DataError(
                    f"The picture's path has {len(text):,} characters; the limit is "
                    f"{MAX_CELL_LENGTH:,}."
                )
            try:
                pictures[self._folder.find(text)] = None
            except DataError as reason:
                error = error or reason
        if not pictures and not (self._plan.has_pictures or code in self._known_codes):
            raise DataError(
                f"The item {code!r} is new and has no picture.",
                hint="Specify the column with --image COLUMN.",
            )
        if not pictures and self._plan.has_pictures:
            raise error or DataError("The row has no picture.", hint=PICTURE_HINT)
        return tuple(pictures)

    def _split_of(self, word: str) -> str:
        try:
            return SPLIT_WORDS[fold(word)]
        except KeyError:
            raise DataError(
                f"The split {word!r} is not train, validation or test.",
                hint="Specify the column with --split COLUMN, or ignore it with --no-split.",
            ) from None

    def labels(self, row: int, line: int) -> dict[str, tuple[str, ...]]:
        """Return the values by super-category; an empty tuple where the row says nothing."""
        labels: dict[str, tuple[str, ...]] = {}
        for plan in self._attributes:
            texts = list(_split(self._draft.columns[plan.column][row], plan.separator))
            if any(len(text) > MAX_CELL_LENGTH for text in texts):
                self._shortened[f"{plan.column!r}, whose label is unchanged"].append(line)
            elif not labels.get(plan.name):  # else an earlier column of that name has it
                labels[plan.name] = tuple(dict.fromkeys(self._values(plan, texts)))
        return labels

    def _values(self, plan: ColumnPlan, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            if is_placeholder(text, self._kept):
                self._placeholders[text] += 1
            elif value := plan.values.get(fold(text), text):
                if (gap := fold(value)) in GAPS:
                    self._gaps[plan.name][gap] += 1
                yield value

    def _facts(self, row: int, code: str) -> dict[str, str]:
        """Return facts; an empty cell takes a known item's fact away."""
        facts: dict[str, str] = {}
        for plan, kind in self._plan.fact_columns:
            if facts.get(plan.name):  # an earlier column of that name has it
                continue
            cell = self._draft.columns[plan.column][row]
            separator = plan.separator if kind == "tags" else ""
            texts = [t for t in _split(cell, separator) if not is_placeholder(t, self._kept)]
            if kind == "tags" and texts:
                facts[plan.name] = ", ".join(texts)
            elif texts:
                read = fact_text(kind, texts[0])
                if read is None:
                    self._unread[plan.column].append(texts[0])
                else:
                    facts[plan.name] = read[:MAX_CELL_LENGTH]
            elif code in self._known_codes:
                facts[plan.name] = ""
        return facts


def _split(cell: Cell, separator: str) -> Iterator[str]:
    return texts_of(split_cell(cell, separator))


def _without_formula(text: str) -> str:
    """Return ``0012`` for ``="0012"`` and ``'0012``, by which spreadsheets keep the zeros."""
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1]
    return text[1:] if text[:1] == "'" and text[1:2].isdigit() else text
