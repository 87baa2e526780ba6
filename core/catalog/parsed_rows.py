"""Turning the rows of a catalogue file into items, before any picture is looked at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from datrnet.core.catalog.columns import ColumnPlan
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.table import Problem, Row, Table, clean, clean_path
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.db.rows import NewItem, Unstated

MAX_CELL_LENGTH = 2000
"""A longer title is cut, a longer label left out, and a longer id or picture skips the row."""

PICTURE_MEND = "Say with --images DIR where the pictures lie, or --image COLUMN which column it is."

SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "query", "gallery"), "test"),
    "": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that is good so far."""

    line: int
    item: NewItem
    picture: Picture
    file: str = ""
    """Which file the line is in, where a catalogue has several."""


class Plan(Protocol):
    """What the parts of a catalogue were taken as."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The super-categories."""

    def meanings(self) -> list[tuple[str, str]]:
        """Return every part with its meaning, for a summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The rows of a catalogue in any format, the good apart from the bad."""

    plan: Plan
    num_rows: int
    """How many there are, bad ones included."""
    good: tuple[Candidate, ...]
    problems: tuple[Problem, ...]
    codes: frozenset[str]
    """The ids that the catalogue names, those of bad rows included."""
    notes: tuple[str, ...]
    """Everything that was guessed or shortened, as sentences."""
    picture_mend: str = PICTURE_MEND
    """What to do where a picture cannot be read."""


def find_candidates(
    table: Table, plan: ColumnPlan, images: Path, workspace: Workspace
) -> Candidates:
    """Read every row by the plan; of several rows with one id the first counts.

    Args:
        table: The catalogue file.
        plan: What its columns mean.
        images: The folder that relative picture paths count from.
        workspace: Pictures inside it are stored relative to it.
    """
    good: list[Candidate] = []
    problems = list(table.problems)
    line_of_code: dict[str, int] = {}
    reader = _RowReader(plan, images, workspace.root)
    for row in table.rows:
        code = reader.code(row)
        try:
            if code in line_of_code:
                raise DataError(f"The id {code!r} was on line {line_of_code[code]} already.")
            if code:
                line_of_code[code] = row.line
            good.append(reader.candidate(row, code))
        except DataError as error:
            problems.append(Problem(line=row.line, message=error.message, mend=error.mend))
    return Candidates(
        plan=plan,
        num_rows=table.num_rows,
        good=tuple(good),
        problems=tuple(problems),
        codes=frozenset(line_of_code),
        notes=(*table.notes, *plan.notes, *_shortenings(table, plan)),
    )


def stored_path(picture: Picture, root: Path) -> str:
    """Return a picture as the database keeps it: relative where it lies inside the workspace."""
    if picture.path.is_relative_to(root):
        return picture.path.relative_to(root).as_posix() + picture.fragment
    return str(picture)


def _shortenings(table: Table, plan: ColumnPlan) -> Iterator[str]:
    outcomes = dict.fromkeys(plan.attributes, "the label is left as it is")
    if plan.title is not None:
        outcomes[plan.title] = "the title is cut"
    for column, outcome in outcomes.items():
        lines = [row.line for row in table.rows if len(row.cells[column]) > MAX_CELL_LENGTH]
        if lines:
            yield (
                f"More than {MAX_CELL_LENGTH:,} characters in {column!r}, {outcome}: "
                f"{len(lines):,} in all, the first on line {lines[0]}."
            )


class _RowReader:
    def __init__(self, plan: ColumnPlan, images: Path, root: Path) -> None:
        self._plan = plan
        self._images = images.absolute()
        self._root = root
        named: dict[Unstated, str | None] = {"title": plan.title, "split": plan.split}
        self._unstated = frozenset(field for field, column in named.items() if column is None)

    def code(self, row: Row) -> str:
        if self._plan.id is not None:
            return clean(row.cells[self._plan.id])
        return clean(Path(clean_path(row.cells[self._plan.image])).stem)

    def candidate(self, row: Row, code: str) -> Candidate:
        if not code:
            raise DataError("The row has no id.")
        self._refuse_long_cells(row)
        picture = self._picture(row)
        item = NewItem(
            code=code,
            title=self._title(row),
            picture_path=stored_path(picture, self._root),
            split=self._split(row, code),
            labels={
                name: clean(row.cells[name]) or None
                for name in self._plan.attributes
                if len(row.cells[name]) <= MAX_CELL_LENGTH
            },
            unstated=self._unstated,
        )
        return Candidate(line=row.line, item=item, picture=picture)

    def _refuse_long_cells(self, row: Row) -> None:
        for column in (self._plan.id, self._plan.image, self._plan.split):
            if column is not None and len(row.cells[column]) > MAX_CELL_LENGTH:
                raise DataError(
                    f"The cell of {column!r} has {len(row.cells[column]):,} characters; "
                    f"at most {MAX_CELL_LENGTH:,} are taken."
                )

    def _title(self, row: Row) -> str:
        if self._plan.title is None:
            return ""
        return clean(row.cells[self._plan.title])[:MAX_CELL_LENGTH].rstrip()

    def _picture(self, row: Row) -> Picture:
        written = clean_path(row.cells[self._plan.image])
        if not written:
            raise DataError("The row names no picture.", mend=PICTURE_MEND)
        if written.casefold().startswith(("http://", "https://")):
            raise DataError(f"The picture {written} is a web address; download it first.")
        return Picture.parse(written, self._images).normalized()

    def _split(self, row: Row, code: str) -> str:
        if self._plan.split is None:
            return split_by_code(code)
        word = clean(row.cells[self._plan.split])
        try:
            return SPLIT_WORDS[word.casefold()]
        except KeyError:
            raise DataError(
                f"The split {word!r} is none of train, validation, test.",
                mend="Say with --split COLUMN which column it is.",
            ) from None


def split_by_code(code: str) -> str:
    """Return the split of an item where nobody has said: 80:10:10, always the same for one id."""
    percent = int.from_bytes(blake2b(code.encode(), digest_size=8).digest(), "big") % 100
    if percent < 80:
        return "train"
    return "validation" if percent < 90 else "test"
