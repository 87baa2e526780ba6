"""Importing a catalog into a workspace; importing again updates items and duplicates none.

Rows become items first, then every picture is decoded completely, so that a damaged one shows now
and not in the middle of training. The database changes in one transaction at the very end: an
interrupted import leaves it as it was.
"""

import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from datrnet.core.catalog.columns import ColumnChoices, ColumnPlan, plan_columns
from datrnet.core.catalog.pictures import Picture, explained, read_picture, thumbnail_pixels
from datrnet.core.catalog.table import CatalogTable, Problem, Row, read_table
from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.text import clean, clean_path
from datrnet.db.rows import NewItem, PictureStamp, UpsertCounts
from datrnet.db.store import Store

NUM_THREADS = 3
"""Pillow releases the interpreter lock while it decodes; more threads only take memory."""

MAX_CELL_LENGTH = 2000
"""A longer title is cut, a longer label left out; a longer id or picture path skips the row."""

PICTURE_MEND = (
    "Specify the picture folder with --images DIR, or the picture column with --image COLUMN."
)

SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "query", "gallery"), "test"),
    "": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(ColumnChoices):
    """Options of an import."""

    images: Path | None = None
    """The folder that relative picture paths start from; by default the table's own."""


class ImportPlan(Protocol):
    """What each part of a catalog was taken as."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The super-categories."""

    def meanings(self) -> list[tuple[str, str]]:
        """Return every part with its meaning, for a summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """A row whose cells are good; its picture has not been read yet."""

    line: int
    item: NewItem
    picture: Picture
    file: str = ""
    """The file that has the line, where a catalog has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCatalog:
    """The rows of a catalog in any format."""

    plan: ImportPlan
    num_rows: int
    """How many there are, bad ones included."""
    rows: tuple[ParsedRow, ...]
    """The good ones."""
    problems: tuple[Problem, ...]
    codes: frozenset[str]
    """The ids that the catalog names, those of bad rows included."""
    notes: tuple[str, ...]
    """Everything that was guessed or shortened, as sentences."""
    picture_mend: str = PICTURE_MEND
    """What to do about a picture that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What the columns were taken as, and what became of the rows."""

    source: Path
    plan: ImportPlan
    notes: tuple[str, ...]
    """Everything that was guessed, as sentences."""
    num_rows: int
    added: int
    updated: int
    unchanged: int
    not_in_file: int
    """Items of earlier imports that this catalog does not name; they are kept."""
    problems: tuple[Problem, ...]
    """The skipped rows, by file and line."""


def import_catalog(
    workspace: Workspace,
    source: Path,
    options: ImportOptions | None = None,
    on_progress: StepProgress = no_progress,
) -> ImportSummary:
    """Add the items of a catalog file to a workspace, and update those it has.

    Args:
        workspace: Created if it does not exist.
        source: A CSV or JSON Lines file.
        options: What the columns mean, and where the pictures are.
        on_progress: Called after each row.

    Raises:
        UnknownNameError: The file, the picture folder, or a named column does not exist.
        DataError: The file is not a table, has no pictures, or none of its rows is good.
        DatabaseError: The workspace cannot be used.
    """
    options = options or ImportOptions()
    table = read_table(source)
    plan = plan_columns(table.header, table.rows, options, _super_categories(workspace))
    images = picture_folder(options.images, source.parent)
    parsed = parse_rows(table, plan, images, workspace)
    return import_parsed(workspace, source, parsed, on_progress)


def parse_rows(
    table: CatalogTable, plan: ColumnPlan, images: Path, workspace: Workspace
) -> ParsedCatalog:
    """Turn every row into an item; of several rows with one id the first counts.

    Args:
        table: The catalog file.
        plan: What its columns mean.
        images: The folder that relative picture paths start from.
        workspace: Pictures inside it are stored relative to it.
    """
    rows: list[ParsedRow] = []
    problems = list(table.problems)
    line_of_code: dict[str, int] = {}
    for row in table.rows:
        code = clean(row.cells[plan.id]) if plan.id else _code_of_picture(row.cells[plan.image])
        try:
            if code in line_of_code:
                raise DataError(f"The id {code!r} is already on line {line_of_code[code]}.")
            if code:
                line_of_code[code] = row.line
            rows.append(_parse_row(row, code, plan, images.absolute(), workspace.root))
        except DataError as error:
            problems.append(Problem(line=row.line, message=error.message, hint=error.hint))
    return ParsedCatalog(
        plan=plan,
        num_rows=table.num_rows,
        rows=tuple(rows),
        problems=tuple(problems),
        codes=frozenset(line_of_code),
        notes=(*table.notes, *plan.notes, *_shortened_cells(table, plan)),
    )


def import_parsed(
    workspace: Workspace,
    source: Path,
    parsed: ParsedCatalog,
    on_progress: StepProgress = no_progress,
) -> ImportSummary:
    """Check the pictures of a parsed catalog, and put the good items into a workspace.

    Args:
        workspace: Created if it does not exist.
        source: Where the catalog was read from.
        parsed: Its rows.
        on_progress: Called after each row.

    Raises:
        DataError: None of the rows is good.
        DatabaseError: The workspace cannot be used.
    """
    Store.ensure_writable(workspace.catalog_path)
    known: Mapping[str, PictureStamp] = {}
    if workspace.catalog_path.is_file():
        with workspace.open_store() as store:
            known = store.picture_stamps()
    with (
        _scratch_folder(workspace.root) as scratch,
        closing(_PictureCheck(workspace, known, parsed.picture_mend, scratch)) as check,
    ):
        items = check.run(parsed.rows, on_progress)
        problems = (*parsed.problems, *check.problems)
        if not items:
            raise _nothing_good(source, problems, parsed.notes)
        with workspace.create_store() as store:
            counts = check.write(store, items)
    return ImportSummary(
        source=source,
        plan=parsed.plan,
        notes=parsed.notes,
        num_rows=parsed.num_rows,
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        not_in_file=len(known.keys() - parsed.codes),
        problems=tuple(sorted(problems, key=_file_and_line)),
    )


def picture_folder(images: Path | None, default: Path) -> Path:
    """Return the folder that picture paths start from.

    Raises:
        UnknownNameError: The chosen one does not exist.
    """
    if images is None:
        return default
    if not images.is_dir():
        parent = images.absolute().parent
        siblings = parent.iterdir() if parent.is_dir() else ()
        folders = [path.name for path in siblings if path.is_dir()]
        raise UnknownNameError("folder", str(images), [], hint=nearest(images.name, folders))
    return images


def stored_path(picture: Picture, root: Path) -> str:
    """Return a picture as the database stores it: relative if it is inside the workspace."""
    if picture.path.is_relative_to(root):
        return picture.path.relative_to(root).as_posix() + picture.fragment
    return str(picture)


def split_by_code(code: str) -> str:
    """Return the split of an item that has none: 80:10:10, always the same for the same id."""
    percent = int.from_bytes(blake2b(code.encode(), digest_size=8).digest(), "big") % 100
    if percent < 80:
        return "train"
    return "validation" if percent < 90 else "test"


def _super_categories(workspace: Workspace) -> list[str]:
    """Return those that a workspace has, without creating it."""
    if not workspace.catalog_path.is_file():
        return []
    with workspace.create_store() as store:
        return [category.name for category in store.super_categories()]


def _code_of_picture(cell: str) -> str:
    return clean(Path(clean_path(cell)).stem)


def _parse_row(row: Row, code: str, plan: ColumnPlan, images: Path, root: Path) -> ParsedRow:
    if not code:
        raise DataError("The row has no id.")
    for column in (plan.id, plan.image, plan.split):
        if column is not None and len(row.cells[column]) > MAX_CELL_LENGTH:
            raise DataError(
                f"The cell of {column!r} has {len(row.cells[column]):,} characters; "
                f"the limit is {MAX_CELL_LENGTH:,}."
            )
    picture = _picture(row.cells[plan.image], images)
    title = clean(row.cells[plan.title]) if plan.title is not None else ""
    item = NewItem(
        code=code,
        title=title[:MAX_CELL_LENGTH].rstrip(),
        picture_path=stored_path(picture, root),
        split=split_by_code(code) if plan.split is None else _split(row.cells[plan.split]),
        labels={
            name: clean(row.cells[name]) or None
            for name in plan.attributes
            if len(row.cells[name]) <= MAX_CELL_LENGTH
        },
        unstated=plan.unstated,
    )
    return ParsedRow(line=row.line, item=item, picture=picture)


def _picture(cell: str, images: Path) -> Picture:
    path = clean_path(cell)
    if not path:
        raise DataError("The row has no picture.", hint=PICTURE_MEND)
    if path.casefold().startswith(("http://", "https://")):
        raise DataError(f"The picture {path} is a web address; download it first.")
    return Picture.parse(path, images).normalized()


def _split(cell: str) -> str:
    word = clean(cell)
    try:
        return SPLIT_WORDS[word.casefold()]
    except KeyError:
        raise DataError(
            f"The split {word!r} is not train, validation or test.",
            hint="Specify the column with --split COLUMN.",
        ) from None


def _shortened_cells(table: CatalogTable, plan: ColumnPlan) -> Iterator[str]:
    outcomes = dict.fromkeys(plan.attributes, "the label is unchanged")
    if plan.title is not None:
        outcomes[plan.title] = "the title is truncated"
    for column, outcome in outcomes.items():
        lines = [row.line for row in table.rows if len(row.cells[column]) > MAX_CELL_LENGTH]
        if lines:
            yield (
                f"More than {MAX_CELL_LENGTH:,} characters in {column!r}, {outcome}: "
                f"{len(lines):,} in all, the first on line {lines[0]}."
            )


@contextmanager
def _scratch_folder(root: Path) -> Iterator[Path]:
    """Make a folder in the workspace for an import; remove those that killed imports left.

    Each is locked for as long as its import runs, from before it exists.
    """
    for left in {path.with_suffix("") for path in root.glob("import-*")}:
        lock = FileLock(left.with_suffix(".lock"))
        with suppress(Timeout), lock.acquire(timeout=0):
            shutil.rmtree(left, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    folder = root / f"import-{secrets.token_hex(4)}"
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        with lock:
            folder.mkdir()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)


class _PictureCheck:
    """Decodes changed pictures; keeps their thumbnails in a folder until the items have ids."""

    def __init__(
        self, workspace: Workspace, known: Mapping[str, PictureStamp], hint: str, scratch: Path
    ) -> None:
        self.problems: list[Problem] = []
        self._known = known
        self._hint = hint
        self._thumbnails = ThumbnailStore(workspace.thumbnails)
        self._new = ThumbnailStore(scratch)
        self._new_places: dict[str, int] = {}
        """Record of each new thumbnail, by the item's code."""

    def close(self) -> None:
        """Close the files of thumbnails."""
        self._thumbnails.close()
        self._new.close()

    def run(self, rows: Sequence[ParsedRow], on_progress: StepProgress) -> list[NewItem]:
        """Return the items whose pictures are good."""
        items: list[NewItem] = []
        with warnings.catch_warnings(), ThreadPoolExecutor(NUM_THREADS) as pool:
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels count
            try:
                for done, outcome in enumerate(pool.map(self._check, rows, count()), start=1):
                    if isinstance(outcome, Problem):
                        self.problems.append(outcome)
                    else:
                        items.append(outcome)
                    on_progress(done, len(rows))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return items

    def write(self, store: Store, items: Sequence[NewItem]) -> UpsertCounts:
        """Write items and thumbnails.

        Thumbnails of known items go first: if they came after the transaction and were interrupted,
        the database would call an old thumbnail up to date.
        """
        known = {code: stamp.item_id for code, stamp in self._known.items()}
        self._move_thumbnails(self._new_places.keys() & known.keys(), known)
        counts = store.upsert_items(items)
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        self._move_thumbnails(self._new_places.keys() - known.keys(), ids)
        return counts

    def _check(self, row: ParsedRow, place: int) -> NewItem | Problem:
        try:
            with explained(row.picture.path):
                status = row.picture.path.stat()
            item = replace(
                row.item, picture_bytes=status.st_size, picture_modified_ns=status.st_mtime_ns
            )
            if not self._is_unchanged(item):
                self._new.put(place, thumbnail_pixels(read_picture(row.picture, SIZE), SIZE))
                self._new_places[item.code] = place
            return item
        except DataError as error:
            hint = error.hint or self._hint
            return Problem(line=row.line, message=error.message, hint=hint, file=row.file)

    def _is_unchanged(self, item: NewItem) -> bool:
        stamp = self._known.get(item.code)
        return stamp is not None and (
            (stamp.path, stamp.num_bytes, stamp.modified_ns)
            == (item.picture_path, item.picture_bytes, item.picture_modified_ns)
            and stamp.item_id in self._thumbnails
        )

    def _move_thumbnails(self, codes: Iterable[str], ids: Mapping[str, int]) -> None:
        for code in codes:
            pixels = self._new.get(self._new_places[code])
            if pixels is not None:
                self._thumbnails.put(ids[code], pixels)


def _nothing_good(source: Path, problems: Sequence[Problem], notes: Sequence[str]) -> DataError:
    if not problems:
        return DataError(f"{source} contains no item to import.", hint=" ".join(notes))
    first = min(problems, key=_file_and_line)
    where = first.place if first.file else first.place.capitalize()
    rows = f"None of the {len(problems):,} rows of {source} can"
    if len(problems) == 1:
        rows = f"The only row of {source} cannot"
    return DataError(
        f"{rows} be imported. {where}: {first.message}",
        hint=first.hint,
    )


def _file_and_line(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line
