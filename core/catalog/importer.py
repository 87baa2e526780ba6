"""Importing a catalog into a workspace; importing again updates items and duplicates none.

A file is read, its columns are given meanings, and its rows become items; then every picture is
decoded completely, so that a damaged one shows now and not in the middle of training. The database
changes in one transaction at the very end: an interrupted import leaves it as it was.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from datrnet.core.catalog.columns import plan_columns
from datrnet.core.catalog.export_table import FORMAT as EXPORT_FORMAT
from datrnet.core.catalog.export_table import (
    draft_of_export,
    items_of_export,
    mapping_of_export,
)
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.guess import guess_mapping
from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.mappings.mapping import read_mapping, recognize
from datrnet.core.catalog.picture_check import (
    ImportPlan,
    ParsedCatalog,
    ParsedRow,
    PictureCheck,
    check_share,
    scratch_folder,
    stored_path,
)
from datrnet.core.catalog.picture_files import PictureFolder, is_address, picture_folder
from datrnet.core.catalog.plan import ColumnChoices, TablePlan
from datrnet.core.catalog.products import parse_rows, picture_texts
from datrnet.core.catalog.sources.source import (
    STANDARD_INPUT,
    DataFrame,
    ReadOptions,
    read_source,
)
from datrnet.core.catalog.sources.table import CatalogTable, Problem, in_order
from datrnet.core.catalog.values import PLACEHOLDERS
from datrnet.core.catalog.variants import Product, common_title, fold_variants
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.text import fold
from datrnet.db.rows import (
    FACT_KINDS,
    AbsentItems,
    FactKind,
    NewItem,
    NewVariant,
    PictureStamp,
    Unstated,
)
from datrnet.db.store import Store
from datrnet.db.synonyms import Synonyms

CatalogSource = Path | DataFrame | CatalogTable | Iterable[Mapping[str, Any]]
"""A file, ``-`` for standard input, a folder of pictures, a data frame, a table that has been read,
or records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(ColumnChoices):
    """Options of an import."""

    images: Path | None = None
    """The folder that relative picture paths start from; by default the table's own."""
    fetched: Path | None = None
    """A folder with downloaded pictures, for those that are not in the other."""
    mapping: Path | None = None
    """A file that says what the columns mean; None recognizes the format."""
    reading: ReadOptions = field(default_factory=ReadOptions)
    folds_variants: bool = True
    """Whether rows that differ only in facts become one item."""
    absent: AbsentItems = "keep"
    """What becomes of items of earlier imports that the catalog does not name."""
    skips_bad: bool = False
    """Whether to import the good rows however many are bad."""


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
    """Items of earlier imports that this catalog does not name; if hidden, those shown before."""
    absent: AbsentItems
    """What became of those."""
    disagreements: int
    """Labels set by hand that the catalog has otherwise; they are kept."""
    problems: tuple[Problem, ...]
    """The skipped rows, by file and line."""

    def __repr__(self) -> str:
        """Return the counts, and what was guessed."""
        counts = f"{self.added:,} added, {self.updated:,} updated, {self.unchanged:,} unchanged"
        head = f"<ImportSummary: {counts}, {len(self.problems):,} skipped>"
        return " ".join((head, *self.notes))


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
    """Return the web addresses of the pictures that are not there yet, each once.

    Raises:
        DatrnetError: As for ``parse_catalog``.
    """
    draft, plan, _ = plan_table(read_source(source, options.reading), options, KnownItems())
    folder = pictures_of(source, options)
    addresses = dict.fromkeys(filter(is_address, picture_texts(draft, plan)))
    return [address for address in addresses if not folder.has(address)]


def pictures_of(source: CatalogSource, options: ImportOptions) -> PictureFolder:
    """Return where the pictures of a catalog are: by default beside it."""
    default = (
        Path()
        if not isinstance(source, Path) or source == STANDARD_INPUT
        else (source if source.is_dir() else source.parent)
    )
    return PictureFolder(picture_folder(options.images, default), options.fetched)


def plan_table(
    table: CatalogTable,
    options: ImportOptions,
    known: "KnownItems",
    *,
    needs_pictures: bool | None = None,
) -> tuple[Draft, TablePlan, CatalogMapping | None]:
    """Return an unpacked table, what its columns mean, and the format it was recognized as.

    Args:
        table: The catalog.
        options: What the columns mean.
        known: What the workspace has.
        needs_pictures: Whether a column must contain pictures; by default, if there are no items.

    Raises:
        UnknownNameError: A named column or the mapping does not exist.
        ConfigError: The mapping is wrong.
        DataError: No column contains pictures, and new items need them.
    """
    if options.mapping is not None:
        mapping: CatalogMapping | None = read_mapping(options.mapping)
    else:
        found = mapping_of_export(table.header) or recognize(table.header)
        mapping = found or guess_mapping(table)
    if mapping is not None and mapping.name == EXPORT_FORMAT:
        draft = draft_of_export(table, mapping)
    else:
        draft = (mapping or CatalogMapping(name="")).unpack(table)
    needs_pictures = not known.codes if needs_pictures is None else needs_pictures
    plan = plan_columns(
        draft, options, mapping, known.super_categories, needs_pictures=needs_pictures
    )
    plan = plan.with_names(known.synonyms)
    if options.mapping is None and (mapping is None or mapping.name != EXPORT_FORMAT):
        plan = plan.with_facts(draft, known.fact_kinds)
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
    known = KnownItems.of(workspace)
    draft, plan, mapping = plan_table(table, options, known)
    folder = pictures_of(source, options)
    is_export = mapping is not None and mapping.name == EXPORT_FORMAT
    parsed = parse_rows(
        draft,
        plan,
        folder,
        unit=table.unit,
        kept_values=PLACEHOLDERS if is_export else options.kept_values,
        known_codes=known.codes | known.codes_of_variants.keys(),
        has_plain_ids=is_export,
    )
    problems = [*table.problems, *parsed.problems]
    if is_export:
        rows, damaged = items_of_export(draft, plan, parsed.rows, workspace.root, table.unit)
        problems += damaged
    else:
        items = known.items
        products = fold_variants(parsed.rows, items, is_folding=options.folds_variants)
        rows = [
            _item_of(product, known, items, workspace.root, plan.unstated) for product in products
        ]
    kind = f"{mapping.name} ({table.format})" if mapping and mapping.name else table.format
    return ParsedCatalog(
        format=kind,
        plan=plan,
        num_rows=table.num_rows,
        num_merged=draft.merged + parsed.num_merged,
        rows=tuple(rows),
        problems=tuple(problems),
        codes=frozenset(known.codes_of_variants.get(code, code) for code in parsed.codes),
        notes=(*table.notes, *plan.notes, *parsed.notes),
        fact_kinds={column.name: kind for column, kind in plan.fact_columns},
        mapping=plan.to_mapping(mapping),
    )


@dataclass(frozen=True, slots=True)
class Absence:
    """How many items of a workspace a catalog lacks, of how many."""

    number: int
    num_items: int

    @property
    def is_most(self) -> bool:
        """Whether the catalog is rather a part of the workspace's than news."""
        return 2 * self.number > self.num_items

    def __str__(self) -> str:
        return f"{self.number:,} of {self.num_items:,} item{'s' * (self.num_items != 1)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItems:
    """What a workspace has already."""

    super_categories: tuple[str, ...] = ()
    """By all names that they have or had."""
    synonyms: Synonyms = field(default_factory=Synonyms)
    fact_kinds: Mapping[str, FactKind] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    codes_of_variants: Mapping[str, str] = field(default_factory=dict)
    """Code of the item, by the code of a variant."""

    @classmethod
    def of(cls, workspace: Workspace) -> "KnownItems":
        """Read them without creating the workspace."""
        if not workspace.catalog_path.is_file():
            return cls()
        with workspace.create_store() as store:
            synonyms = store.synonyms()
            names = [category.name for category in store.super_categories()]
            names += [it.super_category for it in synonyms if not it.spelled and it.value]
            stamps = store.picture_stamps()
            return cls(
                super_categories=tuple(names),
                synonyms=Synonyms(synonyms),
                fact_kinds={column.name: column.kind for column in store.fact_columns()},
                codes=frozenset(stamps),
                hidden=frozenset(code for code, stamp in stamps.items() if stamp.is_hidden),
                codes_of_variants=store.codes_of_variants(),
            )

    @property
    def items(self) -> dict[str, str]:
        """The code of the item, by its own code and by those of its variants."""
        return {**{code: code for code in self.codes}, **self.codes_of_variants}

    def absence(self, named: Collection[str], absent: AbsentItems) -> Absence:
        """Return which items a catalog lacks that names some; of those to hide, those shown."""
        concerned = self.codes - (self.hidden if absent == "hide" else frozenset())
        return Absence(len(concerned.difference(named)), len(concerned))

    def new_super_categories(self, plan: ImportPlan) -> list[str]:
        """Return the super-categories of a plan that a catalog of earlier imports lacks."""
        if not self.super_categories or not isinstance(plan, TablePlan):
            return []
        names = set(map(fold, self.super_categories))
        return [it.name for it in plan.of_use("attribute") if fold(it.name) not in names]

    def has_all_of(self, plan: TablePlan) -> bool:
        """Tell whether a plan has no super-categories and facts but known ones."""
        names = {fold(name) for name in (*self.super_categories, *self.fact_kinds)}
        learned = [column.name for column in plan.of_use("attribute", *FACT_KINDS)]
        return bool(self.codes) and names.issuperset(map(fold, learned))


def _item_of(
    product: Product,
    known: KnownItems,
    items: Mapping[str, str],
    root: Path,
    unstated: frozenset[Unstated],
) -> ParsedRow:
    """Return the item of a product: its first row leads, and all of them are its variants."""
    leader = product.leader
    code = next((items[row.code] for row in product.rows if row.code in items), leader.code)
    is_folded = len(product.rows) > 1 or code != leader.code or code in known.codes_of_variants
    # what the rows of known variants say no more, a new one in the lead does not say either
    named = (name for row in product.rows for name in row.facts)
    facts: Mapping[str, str] = {name: leader.facts.get(name, "") for name in named}
    pictures = tuple(dict.fromkeys(p for row in product.rows for p in row.pictures))
    lead, views = (pictures[0], pictures[1:]) if pictures else (None, ())
    if lead is None and is_folded:  # an update of some variants, perhaps of the item's own
        facts = next((row.facts for row in product.rows if row.code == code), {})
    item = NewItem(
        code=code,
        title=common_title([row.title for row in product.rows]),
        picture_path="" if lead is None else stored_path(lead, root),
        split=split_by_code(product.component) if "split" in unstated else leader.split,
        group=leader.group,
        labels=leader.labels,
        facts=facts,
        variants=tuple(
            NewVariant(code=row.code, facts=row.facts) for row in product.rows if is_folded
        ),
        unstated=unstated if lead is not None else unstated | {"picture"},
    )
    return ParsedRow(
        line=leader.line, item=item, picture=lead, views=views, num_rows=len(product.rows)
    )


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
        scratch_folder(workspace.root) as scratch,
        closing(PictureCheck(workspace, known, parsed.picture_hint, scratch)) as check,
    ):
        items = check.run(parsed.rows, on_progress)
        problems = tuple(in_order((*parsed.problems, *check.problems)))
        check_share(source, parsed, items, problems, skips_bad=skips_bad)
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
        not_in_file=sum(
            code not in parsed.codes and not (absent == "hide" and stamp.is_hidden)
            for code, stamp in known.items()
        ),
        absent=absent,
        disagreements=disagreements,
        problems=problems,
    )


def split_by_code(code: str) -> str:
    """Return the split of an item that has none: 80:10:10, always the same for the same code.

    Args:
        code: Of the item, or of the product that the split must not tear apart.
    """
    percent = int.from_bytes(blake2b(code.encode(), digest_size=8).digest(), "big") % 100
    if percent < 80:
        return "train"
    return "validation" if percent < 90 else "test"
