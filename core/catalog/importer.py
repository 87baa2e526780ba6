"""Importing a catalog into a workspace; importing again updates items and duplicates none.

A file is read, its columns are given meanings, and its rows become items; then every picture is
decoded completely, so that a damaged one shows now and not in the middle of training. The database
changes in one transaction at the very end: an interrupted import leaves it as it was.
"""

import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from datrnet.core.catalog.columns import ColumnChoices, TablePlan, plan_columns
from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.mappings.mapping import read_mapping, recognize
from datrnet.core.catalog.mappings.steps import Draft, unpacked
from datrnet.core.catalog.picture_files import PictureFolder, is_address
from datrnet.core.catalog.pictures import Picture, explained, read_picture, thumbnail_pixels
from datrnet.core.catalog.products import (
    PICTURE_MEND,
    Product,
    fold_variants,
    parse_rows,
    picture_texts,
)
from datrnet.core.catalog.sources.source import (
    STANDARD_INPUT,
    DataFrame,
    ReadOptions,
    read_source,
)
from datrnet.core.catalog.sources.table import Problem, Table
from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.progress import StepProgress, no_progress
from datrnet.db.rows import (
    AbsentItems,
    FactKind,
    NewItem,
    NewVariant,
    PictureStamp,
    Unstated,
    UpsertCounts,
)
from datrnet.db.store import Store

NUM_THREADS = 3
"""Pillow releases the interpreter lock while it decodes; more threads only take memory."""

MAX_BAD_SHARE = 0.05
"""If more of the rows are bad, nothing is imported unless it is asked for."""

CatalogSource = Path | DataFrame | Iterable[Mapping[str, Any]]
"""A file, ``-`` for standard input, a folder of pictures, a data frame, or records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(ColumnChoices):
    """Options of an import."""

    images: Path | None = None
    """The folder that relative picture paths start from; by default the table's own."""
    mapping: Path | None = None
    """A file that says what the columns mean; None recognizes the format."""
    reading: ReadOptions = field(default_factory=ReadOptions)
    folds_variants: bool = True
    """Whether rows that differ only in facts become one item."""
    absent: AbsentItems = "keep"
    """What becomes of items of earlier imports that the catalog does not name."""
    skips_bad: bool = False
    """Whether to import the good rows however many are bad."""


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
    picture_mend: str = PICTURE_MEND
    """What to do about a picture that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What the columns were taken as, and what became of the rows."""

    source: str
    format: str
    plan: ImportPlan
    notes: tuple[str, ...]
    """Everything that was guessed, as sentences."""
    num_rows: int
    num_merged: int
    """Rows that are no item but say something of one."""
    num_variants: int
    """Rows that are variants of other rows' items."""
    added: int
    updated: int
    unchanged: int
    not_in_file: int
    """Items of earlier imports that this catalog does not name."""
    absent: AbsentItems
    """What became of those."""
    disagreements: int
    """Labels set by a person that the catalog has otherwise; they are kept."""
    problems: tuple[Problem, ...]
    """The skipped rows, by file and line."""


def import_catalog(
    workspace: Workspace,
    source: CatalogSource,
    options: ImportOptions | None = None,
    on_progress: StepProgress = no_progress,
) -> ImportSummary:
    """Add the items of a catalog to a workspace, and update those it has.

    Args:
        workspace: Created if it does not exist.
        source: The catalog.
        options: What the columns mean, and where the pictures are.
        on_progress: Called after each item.

    Raises:
        UnknownNameError: The file, the picture folder, or a named column does not exist.
        ConfigError: An option or the mapping is wrong.
        DataError: The file is not a table, has no pictures, or too many of its rows are bad.
        DatabaseError: The workspace cannot be used.
    """
    options = options or ImportOptions()
    parsed = parse_catalog(workspace, source, options)
    return import_parsed(
        workspace,
        source_name(source),
        parsed,
        on_progress,
        absent=options.absent,
        skips_bad=options.skips_bad,
    )


def source_name(source: CatalogSource) -> str:
    """Return what a source is called in messages."""
    if not isinstance(source, Path):
        return "The data"
    return "Standard input" if source == STANDARD_INPUT else str(source)


def addresses_of(source: CatalogSource, options: ImportOptions) -> list[str]:
    """Return the web addresses of a catalog's pictures, each once.

    Raises:
        DatrnetError: As for ``parse_catalog``.
    """
    draft, plan, _ = _planned(read_source(source, options.reading), options, _KnownItems())
    return list(dict.fromkeys(filter(is_address, picture_texts(draft, plan))))


def _planned(
    table: Table, options: ImportOptions, known: "_KnownItems"
) -> tuple[Draft, TablePlan, CatalogMapping | None]:
    """Return an unpacked table, what its columns mean, and the format it was recognized as."""
    mapping = read_mapping(options.mapping) if options.mapping else recognize(table.header)
    draft = unpacked(table, mapping.steps if mapping else ())
    plan = plan_columns(
        draft, options, mapping, known.super_categories, needs_pictures=not known.codes
    )
    return draft, plan, mapping


def parse_catalog(
    workspace: Workspace, source: CatalogSource, options: ImportOptions
) -> ParsedCatalog:
    """Read a catalog and tell what an import would do, without writing anything.

    Args:
        workspace: It need not exist.
        source: The catalog.
        options: What the columns mean, and where the pictures are.

    Raises:
        UnknownNameError: The file, the picture folder, or a named column does not exist.
        ConfigError: An option or the mapping is wrong.
        DataError: The file is not a table, or has no pictures.
        DatabaseError: The workspace cannot be used.
    """
    table = read_source(source, options.reading)
    known = _KnownItems.of(workspace)
    draft, plan, mapping = _planned(table, options, known)
    default = (
        Path()
        if not isinstance(source, Path) or source == STANDARD_INPUT
        else (source if source.is_dir() else source.parent)
    )
    folder = PictureFolder(picture_folder(options.images, default))
    parsed = parse_rows(
        draft,
        plan,
        folder,
        unit=table.unit,
        kept_values=options.kept_values,
        known_codes=known.codes | known.codes_of_variants.keys(),
    )
    folds = options.folds_variants and plan.has_pictures
    products = fold_variants(parsed.rows, known.codes, is_folding=folds)
    unstated = plan.unstated
    rows = tuple(_item_of(product, known, workspace.root, unstated) for product in products)
    kind = f"{mapping.name} ({table.format})" if mapping else table.format
    return ParsedCatalog(
        format=kind,
        plan=plan,
        num_rows=table.num_rows,
        num_merged=draft.merged,
        rows=rows,
        problems=(*table.problems, *parsed.problems),
        codes=frozenset(known.codes_of_variants.get(code, code) for code in parsed.codes),
        notes=(*table.notes, *plan.notes, *parsed.notes),
        fact_kinds={column.name: kind for column, kind in plan.fact_columns},
        mapping=plan.to_mapping(mapping),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownItems:
    """What a workspace has already."""

    super_categories: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    codes_of_variants: Mapping[str, str] = field(default_factory=dict)
    """Code of the item, by the code of a variant."""

    @classmethod
    def of(cls, workspace: Workspace) -> "_KnownItems":
        """Read them without creating the workspace."""
        if not workspace.catalog_path.is_file():
            return cls()
        with workspace.create_store() as store:
            return cls(
                super_categories=tuple(category.name for category in store.super_categories()),
                codes=frozenset(store.picture_stamps()),
                codes_of_variants=store.codes_of_variants(),
            )


def _item_of(
    product: Product, known: _KnownItems, root: Path, unstated: frozenset[Unstated]
) -> ParsedRow:
    """Return the item of a product: its first row leads, and all of them are its variants."""
    leader = product.leader
    codes = (row.code for row in product.rows)
    code = next((c for c in map(known.codes_of_variants.get, codes) if c), leader.code)
    is_folded = len(product.rows) > 1 or code != leader.code
    pictures = tuple(dict.fromkeys(p for row in product.rows for p in row.pictures))
    lead, views = (pictures[0], pictures[1:]) if pictures else (None, ())
    item = NewItem(
        code=code,
        title=_common_title([row.title for row in product.rows]),
        picture_path="" if lead is None else stored_path(lead, root),
        split=split_by_code(product.component) if "split" in unstated else leader.split,
        group=leader.group,
        labels=leader.labels,
        facts=leader.facts,
        variants=tuple(
            NewVariant(code=row.code, facts=row.facts) for row in product.rows if is_folded
        ),
        unstated=unstated if lead is not None else unstated | {"picture"},
    )
    return ParsedRow(
        line=leader.line, item=item, picture=lead, views=views, num_rows=len(product.rows)
    )


def _common_title(titles: Sequence[str]) -> str:
    """Return the words that the titles of variants begin with, so without the size."""
    first, *others = titles
    words = first.split()
    length = next(
        (n for n, word in enumerate(words) if any(t.split()[n : n + 1] != [word] for t in others)),
        len(words),
    )
    common = " ".join(words[:length]).rstrip(" ,;/|-–(")
    return common or first


def import_parsed(
    workspace: Workspace,
    source: str,
    parsed: ParsedCatalog,
    on_progress: StepProgress = no_progress,
    *,
    absent: AbsentItems = "keep",
    skips_bad: bool = False,
) -> ImportSummary:
    """Check the pictures of a parsed catalog, and put the good items into a workspace.

    Args:
        workspace: Created if it does not exist.
        source: What the catalog was read from, for messages.
        parsed: Its items.
        on_progress: Called after each item.
        absent: What becomes of items that the catalog does not name.
        skips_bad: Whether to import the good rows however many are bad.

    Raises:
        DataError: None of the rows is good, or too many are bad.
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
        problems = tuple(sorted((*parsed.problems, *check.problems), key=_file_and_line))
        _check_share(source, parsed, items, problems, skips_bad=skips_bad)
        with workspace.create_store() as store:
            disagreements = store.num_disagreements(items)
            counts = check.write(store, items, parsed, absent, source)
    return ImportSummary(
        source=source,
        format=parsed.format,
        plan=parsed.plan,
        notes=(*parsed.notes, *check.notes()),
        num_rows=parsed.num_rows,
        num_merged=parsed.num_merged,
        num_variants=sum(row.num_rows - 1 for row in parsed.rows),
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        not_in_file=len(known.keys() - parsed.codes),
        absent=absent,
        disagreements=disagreements,
        problems=problems,
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
    """Return the split of an item that has none: 80:10:10, always the same for the same code.

    Args:
        code: Of the item, or of the product that the split must not tear apart.
    """
    percent = int.from_bytes(blake2b(code.encode(), digest_size=8).digest(), "big") % 100
    if percent < 80:
        return "train"
    return "validation" if percent < 90 else "test"


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
            items, parsed.fact_kinds, f"import {source}", absent=absent, named=parsed.codes
        )
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        self._move_thumbnails(self._new_places.keys() - known.keys(), ids)
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
            self._new.put(place, thumbnail_pixels(read_picture(row.picture, SIZE), SIZE))
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

    def _move_thumbnails(self, codes: Iterable[str], ids: Mapping[str, int]) -> None:
        for code in codes:
            pixels = self._new.get(self._new_places[code])
            if pixels is not None:
                self._thumbnails.put(ids[code], pixels)


def _check_share(
    source: str,
    parsed: ParsedCatalog,
    items: Sequence[NewItem],
    problems: Sequence[Problem],
    *,
    skips_bad: bool,
) -> None:
    """Refuse a catalog of which too little is good.

    Raises:
        DataError: No row is good; or many are bad, and it was not asked for to skip them.
    """
    if not items and not problems:
        hint = " ".join(parsed.notes)
        raise DataError(f"{source} contains no item to import.", hint=hint)
    if items and (skips_bad or len(problems) <= max(1, MAX_BAD_SHARE * parsed.num_rows)):
        return
    first = min(problems, key=_file_and_line)
    where = first.place if first.file else first.place.capitalize()
    if not items:
        rows = f"None of the {len(problems):,} rows of {source} can be imported."
        if len(problems) == 1:
            rows = f"The only row of {source} cannot be imported."
        raise DataError(f"{rows} {where}: {first.message}", hint=first.hint)
    raise DataError(
        f"{len(problems):,} of the {parsed.num_rows:,} rows of {source} cannot be imported, so "
        f"nothing was. {where}: {first.message}",
        hint=f"{first.hint} To import the others, add --skip-bad.".strip(),
    )


def _file_and_line(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line
