"""Importing a catalogue into a workspace, again and again without duplicates.

Every picture is decoded completely, so that a damaged one shows now and not in the middle of a
training. The database changes in one transaction at the very end: an interrupted import leaves it
as it was.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from datrnet.core.catalog.columns import ColumnChoices, plan_columns
from datrnet.core.catalog.parsed_rows import Candidate, Candidates, Plan, find_candidates
from datrnet.core.catalog.pictures import explained, read_picture, thumbnail_pixels
from datrnet.core.catalog.table import Problem, read_table
from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.db.rows import NewItem, PictureStamp, UpsertCounts
from datrnet.db.store import Store

NUM_THREADS = 3
"""Pillow decodes outside Python's lock, so a few threads help; more only take memory."""

Progress = Callable[[int, int], None]
"""Called with the rows done and all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(ColumnChoices):
    """What a person says of an import."""

    images: Path | None = None
    """The folder that relative picture paths count from; without it the table's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What an import took as what, and what became of the rows."""

    source: Path
    plan: Plan
    notes: tuple[str, ...]
    """Everything that was guessed, as sentences."""
    num_rows: int
    added: int
    updated: int
    unchanged: int
    not_in_file: int
    """Items of earlier imports that this catalogue does not name; they stay."""
    problems: tuple[Problem, ...]
    """The rows that were skipped, by file and line."""


def import_catalog(
    workspace: Workspace,
    source: Path,
    options: ImportOptions | None = None,
    on_progress: Progress = lambda done, total: None,
) -> ImportSummary:
    """Add the items of a catalogue file to a workspace, and update those it has.

    Args:
        workspace: Made if it is absent.
        source: A CSV or JSON Lines file.
        options: What columns mean, and where the pictures lie.
        on_progress: Called after each row.

    Raises:
        UnknownNameError: The file, the picture folder, or a named column does not exist.
        DataError: The file is no table, has no pictures, or none of its rows is good.
        DatabaseError: The workspace cannot be used.
    """
    options = options or ImportOptions()
    table = read_table(source)
    plan = plan_columns(table.header, table.rows, options, _super_categories(workspace))
    images = picture_folder(options.images, source.parent)
    candidates = find_candidates(table, plan, images, workspace)
    return import_candidates(workspace, source, candidates, on_progress)


def import_candidates(
    workspace: Workspace,
    source: Path,
    candidates: Candidates,
    on_progress: Progress = lambda done, total: None,
) -> ImportSummary:
    """Look at the pictures of what a catalogue lists, and put the good items into a workspace.

    Args:
        workspace: Made if it is absent.
        source: Where the catalogue was read from.
        candidates: What it lists.
        on_progress: Called after each row.

    Raises:
        DataError: None of the rows is good.
        DatabaseError: The workspace cannot be used.
    """
    with workspace.create_store() as store:
        known = store.picture_stamps()
        with _PictureCheck(workspace, known, candidates.picture_mend) as check:
            items = check.run(candidates.good, on_progress)
            problems = (*candidates.problems, *check.problems)
            if not items:
                raise _nothing_good(source, problems, candidates.notes)
            counts = check.write(store, items)
    return ImportSummary(
        source=source,
        plan=candidates.plan,
        notes=candidates.notes,
        num_rows=candidates.num_rows,
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        not_in_file=len(known.keys() - candidates.codes),
        problems=tuple(sorted(problems, key=_place_of)),
    )


class _PictureCheck:
    """Decodes what has changed, and keeps the new thumbnails aside until the items have ids."""

    def __init__(self, workspace: Workspace, known: Mapping[str, PictureStamp], mend: str) -> None:
        self.problems: list[Problem] = []
        self._known = known
        self._mend = mend
        self._thumbnails = ThumbnailStore(workspace.thumbnails)
        self._folder = tempfile.TemporaryDirectory(prefix="import-", dir=workspace.root)
        self._fresh = ThumbnailStore(Path(self._folder.name))
        self._fresh_places: dict[str, int] = {}

    def __enter__(self) -> "_PictureCheck":
        return self

    def __exit__(self, *exception: object) -> None:
        self._thumbnails.close()
        self._fresh.close()
        self._folder.cleanup()

    def run(self, candidates: Sequence[Candidate], on_progress: Progress) -> list[NewItem]:
        """Return the items whose pictures are good."""
        items: list[NewItem] = []
        with warnings.catch_warnings(), ThreadPoolExecutor(NUM_THREADS) as pool:
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels count
            try:
                outcomes = pool.map(self._check, candidates, count())
                for done, outcome in enumerate(outcomes, start=1):
                    if isinstance(outcome, Problem):
                        self.problems.append(outcome)
                    else:
                        items.append(outcome)
                    on_progress(done, len(candidates))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return items

    def write(self, store: Store, items: Sequence[NewItem]) -> UpsertCounts:
        """Put items and thumbnails where they belong.

        Thumbnails of known items go first: were they cut off after the transaction, the database
        would call an old thumbnail up to date.
        """
        known = {code: stamp.item_id for code, stamp in self._known.items()}
        self._move_thumbnails(self._fresh_places.keys() & known.keys(), known)
        counts = store.upsert_items(items)
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        self._move_thumbnails(self._fresh_places.keys() - known.keys(), ids)
        return counts

    def _check(self, candidate: Candidate, place: int) -> NewItem | Problem:
        try:
            item = _with_stamp(candidate)
            if not self._is_unchanged(item):
                pixels = thumbnail_pixels(read_picture(candidate.picture, SIZE), SIZE)
                self._fresh.put(place, pixels)
                self._fresh_places[item.code] = place
            return item
        except DataError as error:
            return Problem(
                line=candidate.line,
                message=error.message,
                mend=error.mend or self._mend,
                file=candidate.file,
            )

    def _is_unchanged(self, item: NewItem) -> bool:
        stamp = self._known.get(item.code)
        return stamp is not None and (
            (stamp.path, stamp.num_bytes, stamp.modified_ns)
            == (item.picture_path, item.picture_bytes, item.picture_modified_ns)
            and stamp.item_id in self._thumbnails
        )

    def _move_thumbnails(self, codes: Iterable[str], ids: Mapping[str, int]) -> None:
        for code in codes:
            pixels = self._fresh.get(self._fresh_places[code])
            if pixels is not None:
                self._thumbnails.put(ids[code], pixels)


def _super_categories(workspace: Workspace) -> list[str]:
    """Return those that a workspace has, without making one."""
    if not workspace.catalog_path.is_file():
        return []
    with workspace.create_store() as store:
        return [some.name for some in store.super_categories()]


def _with_stamp(candidate: Candidate) -> NewItem:
    with explained(candidate.picture.path):
        status = candidate.picture.path.stat()
    return replace(
        candidate.item,
        picture_bytes=status.st_size,
        picture_modified_ns=status.st_mtime_ns,
    )


def picture_folder(images: Path | None, default: Path) -> Path:
    """Return the folder that picture paths count from.

    Raises:
        UnknownNameError: The one that a person names does not exist.
    """
    if images is None:
        return default
    if not images.is_dir():
        beside = images.absolute().parent
        folders = (
            [some.name for some in beside.iterdir() if some.is_dir()] if beside.is_dir() else []
        )
        raise UnknownNameError("folder", str(images), [], mend=nearest(images.name, folders))
    return images


def _nothing_good(source: Path, problems: Sequence[Problem], notes: Sequence[str]) -> DataError:
    if not problems:
        return DataError(f"{source} lists no item that can be taken.", mend=" ".join(notes))
    first = min(problems, key=_place_of)
    where = first.place if first.file else first.place.capitalize()
    return DataError(
        f"None of the rows of {source} can be taken, {len(problems):,} in all. "
        f"{where}: {first.message}",
        mend=first.mend,
    )


def _place_of(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line
