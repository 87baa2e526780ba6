"""The items of a catalog before they are written, and the check of their pictures."""

import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.pictures import Picture, explained, read_picture
from datrnet.core.catalog.products import PICTURE_HINT
from datrnet.core.catalog.sources.table import Problem, in_order, listed
from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore, make_thumbnail
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress
from datrnet.db.rows import AbsentItems, FactKind, NewItem, PictureStamp, UpsertCounts
from datrnet.db.store import Store

NUM_THREADS = 3
"""Pillow releases the interpreter lock while it decodes; more threads only take memory."""


MAX_BAD_SHARE = 0.05
"""If more of the rows are bad, nothing is imported unless it is asked for."""


class ImportPlan(Protocol):
    """What each part of a catalog was taken as."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The super-categories."""

    def meanings(self) -> list[tuple[str, str]]:
        """Return every part with its meaning, for a summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """An item whose cells are good; its pictures have not been read yet."""

    line: int
    item: NewItem
    picture: Picture | None
    """None for an update that leaves the picture as it is."""
    views: tuple[Picture, ...] = ()
    """Further pictures."""
    num_rows: int = 1
    """Rows of the catalog that are this item and its variants."""
    file: str = ""
    """The file that has the line, where a catalog has several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCatalog:
    """The items of a catalog in any format."""

    format: str
    """What the catalog was taken for."""
    plan: ImportPlan
    num_rows: int
    """How many the catalog has, bad ones included."""
    rows: tuple[ParsedRow, ...]
    """The good ones, as items."""
    problems: tuple[Problem, ...]
    codes: frozenset[str]
    """The ids that the catalog names, those of bad rows included."""
    notes: tuple[str, ...]
    """Everything that was guessed or shortened, as sentences."""
    num_merged: int = 0
    """Rows that are no item but say something of one: products of variants, further pictures."""
    fact_kinds: Mapping[str, FactKind] = field(default_factory=dict)
    mapping: CatalogMapping | None = None
    """Reads the same file the same way; None for a data set."""
    picture_hint: str = PICTURE_HINT
    """What to do about a picture that cannot be read."""


def stored_path(picture: Picture, root: Path) -> str:
    """Return a picture as the database stores it: relative if it is inside the workspace."""
    if picture.path.is_relative_to(root):
        return picture.path.relative_to(root).as_posix() + picture.fragment
    return str(picture)


def check_share(
    source: str,
    parsed: ParsedCatalog,
    items: Sequence[NewItem],
    problems: Sequence[Problem],
    *,
    skips_bad: bool,
    hint: str = "--skip-bad imports the good ones; --dry-run lists all.",
) -> None:
    """Refuse a catalog of which too little is good.

    Args:
        source: What the catalog was read from.
        parsed: The catalog.
        items: Its good items.
        problems: Its bad rows.
        skips_bad: Whether good rows are imported however many are bad.
        hint: What imports the good rows.

    Raises:
        DataError: No row is good; or many are bad, and it was not asked for to skip them.
    """
    if not items and not problems:
        hint = " ".join(parsed.notes)
        raise DataError(f"{source} contains no item to import.", hint=hint)
    if items and (skips_bad or len(problems) <= max(1, MAX_BAD_SHARE * parsed.num_rows)):
        return
    problems = in_order(problems)
    first = problems[0]
    source = source.replace("The data", "the data").replace("Standard input", "standard input")
    if not items:
        rows = f"None of the {len(problems):,} rows of {source} can be imported."
        if len(problems) == 1:
            rows = f"The only row of {source} cannot be imported."
        raise DataError(f"{rows} {listed(problems)}", hint=first.hint)
    raise DataError(
        f"{len(problems):,} of the {parsed.num_rows:,} rows of {source} cannot be imported, so "
        f"nothing was. {listed(problems)}",
        hint=f"{first.hint} {hint}".strip(),
    )


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """Make a folder in the workspace for an import; remove those that killed imports left.

    Each is locked for as long as its import runs, from before it exists.
    """
    remove_scratch_folders(root)
    folder = root / f"import-{secrets.token_hex(4)}"
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        with lock:
            folder.mkdir()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)


def scratch_folders(root: Path) -> list[Path]:
    """Return the folders of imports, those at work included."""
    return sorted({path.with_suffix("") for path in root.glob("import-*")})


def remove_scratch_folders(root: Path) -> None:
    """Remove the folders that killed imports left in a workspace."""
    for left in scratch_folders(root):
        lock = FileLock(left.with_suffix(".lock"))
        with suppress(Timeout), lock.acquire(timeout=0):
            shutil.rmtree(left, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


class PictureCheck:
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
        self._times: dict[str, int] = {}
        """New modification times of pictures that are otherwise the same, by the item's code."""
        self._bad_views: list[str] = []
        self._root = workspace.root

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

    def notes(self) -> Iterator[str]:
        """Yield what was left out, as sentences."""
        if self._bad_views:
            yield (
                f"Further pictures that cannot be read were left out: {len(self._bad_views):,}, "
                f"the first {self._bad_views[0]}"
            )

    def write(
        self,
        store: Store,
        items: Sequence[NewItem],
        parsed: ParsedCatalog,
        absent: AbsentItems,
        source: str,
    ) -> UpsertCounts:
        """Write items and thumbnails.

        Thumbnails of known items go first: if they came after the transaction and were interrupted,
        the database would call an old thumbnail up to date.
        """
        known = {code: stamp.item_id for code, stamp in self._known.items()}
        self._move_thumbnails(self._new_places.keys() & known.keys(), known)
        counts = store.upsert_items(
            items, parsed.fact_kinds, source, absent=absent, named=parsed.codes
        )
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        self._move_thumbnails(self._new_places.keys() - known.keys(), ids)
        store.set_picture_times(self._times)
        return counts

    def _check(self, row: ParsedRow, place: int) -> NewItem | Problem:
        if row.picture is None:
            return row.item
        try:
            with explained(row.picture.path):
                status = row.picture.path.stat()
            item = replace(
                row.item,
                picture_bytes=status.st_size,
                picture_modified_ns=status.st_mtime_ns,
                views=tuple(stored_path(view, self._root) for view in row.views),
            )
            if self._is_unchanged(item):
                return item
            thumbnail = make_thumbnail(row.picture)
            if (stamp := self._stamp_of_original(item, thumbnail)) is not None:
                self._times[item.code] = status.st_mtime_ns
                return replace(item, picture_modified_ns=stamp.modified_ns)
            self._new.put([(place, thumbnail)])
            self._new_places[item.code] = place
            return replace(item, views=tuple(self._good_views(row)))
        except DataError as error:
            hint = error.hint or self._hint
            return Problem(line=row.line, message=error.message, hint=hint, file=row.file)

    def _good_views(self, row: ParsedRow) -> Iterator[str]:
        for view in row.views:
            try:
                read_picture(view, SIZE)
            except DataError as error:
                self._bad_views.append(error.message)
            else:
                yield stored_path(view, self._root)

    def _is_unchanged(self, item: NewItem) -> bool:
        stamp = self._known.get(item.code)
        return stamp is not None and (
            (stamp.path, stamp.num_bytes, stamp.modified_ns)
            == (item.picture_path, item.picture_bytes, item.picture_modified_ns)
            and stamp.item_id in self._thumbnails
        )

    def _stamp_of_original(self, item: NewItem, thumbnail: bytes) -> PictureStamp | None:
        """Return the stamp of the picture that this is a copy of, by size and thumbnail."""
        stamp = self._known.get(item.code)
        if stamp is None:
            return None
        is_same = (stamp.path, stamp.num_bytes) == (item.picture_path, item.picture_bytes)
        known = self._thumbnails.get(stamp.item_id) if is_same else None
        return stamp if known == thumbnail else None

    def _move_thumbnails(self, codes: Iterable[str], ids: Mapping[str, int]) -> None:
        found = ((ids[code], self._new.get(self._new_places[code])) for code in codes)
        self._thumbnails.put((item_id, jpeg) for item_id, jpeg in found if jpeg is not None)
