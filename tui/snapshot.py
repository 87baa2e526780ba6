"""The catalog and its index at one moment, immutable; and the library that replaces it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.value_sets import count_values
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatrnetError, IndexStaleError, UnknownNameError
from datrnet.core.retrieval.request import Query, Request, resolve_query
from datrnet.core.text import fold
from datrnet.db.store import Store
from datrnet.tui.graphics.pictures import Looker
from datrnet.tui.graphics.thumbnails import Thumbnails
from datrnet.tui.launch import DEFAULT_OPTIONS, LaunchOptions

if TYPE_CHECKING:  # the first page is shown sooner without what searches
    from datrnet.core.catalog.text_parser import TextParser
    from datrnet.core.retrieval.generation import Generation
    from datrnet.core.retrieval.search import Searcher

Source = int | Path
"""Where a picture comes from: an item, by its row of the catalog, or a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """The items to which the explorer is limited."""

    rows: NDArray[np.intp]
    """In the order given, each once."""
    unknown: tuple[str, ...]
    """Codes that no item has."""

    @classmethod
    def of(cls, catalog: Catalog, codes: Sequence[str]) -> "Subset":
        """Look up codes.

        Raises:
            ConfigError: There are no codes.
            UnknownNameError: The catalog has none of them.
        """
        found = {code: catalog.find_code(code) for code in codes}
        rows = dict.fromkeys(row for row in found.values() if row is not None)
        unknown = tuple(code for code, row in found.items() if row is None)
        if not rows:
            if unknown:
                raise UnknownNameError("item", unknown[0], catalog.codes)
            raise ConfigError("The list of items is empty.", hint="Give one id per line.")
        return cls(np.array(list(rows), dtype=np.intp), unknown)


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """What screens and threads read. Derived tables are computed when first used."""

    workspace: Workspace
    store: Store
    catalog: Catalog
    subset: Subset | None = None
    """The only items to show; None for the whole catalog. Searches find all items."""
    _generation: "Generation | None" = None
    """The index, if it has been opened already."""
    _looker: Looker | None = None
    """What has loaded the index's networks, if there is one already."""
    _queries: dict[int, Query] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        store: Store,
        catalog: Catalog,
        codes: Sequence[str] | None = None,
    ) -> "Snapshot":
        """Return the snapshot of a catalog.

        Args:
            workspace: Where the index is.
            store: The workspace's open database.
            catalog: What the database holds.
            codes: The only items to show; None for the whole catalog.

        Raises:
            UnknownNameError: The catalog has none of the codes.
        """
        catalog.labels.setflags(write=False)
        subset = None if codes is None else Subset.of(catalog, codes)
        return cls(workspace=workspace, store=store, catalog=catalog, subset=subset)

    # ── the index ────────────────────────────────────────────────────────────

    @cached_property
    def _index(self) -> "Searcher | DatrnetError":
        """What searches, or why nothing can: a missing or damaged index is not an error."""
        from datrnet.core.retrieval.generation import Generation
        from datrnet.core.retrieval.search import Searcher

        try:
            generation = self._generation or Generation.current(self.workspace, self.store)
            return Searcher(self.catalog, generation)
        except DatrnetError as error:
            return error

    @cached_property
    def searcher(self) -> "Searcher | None":
        """What searches; None without an index."""
        return None if isinstance(self._index, DatrnetError) else self._index

    @cached_property
    def index_error(self) -> DatrnetError | None:
        """Why there is no index."""
        return self._index if isinstance(self._index, DatrnetError) else None

    @cached_property
    def looker(self) -> Looker | None:
        """What draws activation maps; None without an index."""
        if self.searcher is None or self._looker is not None:
            return self._looker
        return Looker(self.workspace, self.searcher.generation.manifest.run_name)

    def relabeled(self, *labels: tuple[int, str, str | None]) -> "Snapshot":
        """Return the snapshot with other labels: rows, super-categories and values."""
        catalog, rows = self.catalog, {row for row, _, _ in labels}
        for label in labels:
            catalog = catalog.relabeled(*label)
        catalog.labels.setflags(write=False)
        generation = None if self.searcher is None else self.searcher.generation
        queries = {row: query for row, query in self._queries.items() if row not in rows}
        return replace(
            self,
            catalog=catalog,
            _generation=generation,
            _looker=self.looker,
            _queries=queries,
        )

    # ── items ────────────────────────────────────────────────────────────────

    def picture(self, source: Source, view: int = 0) -> Picture:
        """Return a picture that has not been read yet; of an item, one of its views."""
        if isinstance(source, Path):
            return Picture(source)
        paths = (self.catalog.picture_paths[source], *self.catalog.facts.views(source))
        return self.workspace.picture(paths[view])

    def num_pictures(self, row: int) -> int:
        """Return how many pictures an item has."""
        return 1 + len(self.catalog.facts.views(row))

    def title_of(self, code: str) -> str:
        """Return an item's title; empty if no item has the code."""
        row = self.catalog.find_code(code)
        return "" if row is None else self.catalog.titles[row]

    def title_pages(self, text: str) -> Iterator[NDArray[np.intp]]:
        """Yield the rows whose title or code matches a text, page by page, best match first.

        Raises:
            DatabaseError: The database cannot be read.
        """
        from datrnet.core.retrieval.index_lag import known_rows

        catalog = self.catalog
        texts = catalog.item_ids, catalog.titles, catalog.codes
        for item_ids in self.store.title_pages(text, texts):
            rows, is_known = known_rows(catalog, item_ids)  # the others are newer than this
            rows = self.only_shown(rows[is_known])
            yield rows if self.subset is None else rows[np.isin(rows, self.subset.rows)]

    @cached_property
    def text_parser(self) -> "TextParser":
        """What understands the text of a search.

        Raises:
            ConfigError: The workspace's file of synonyms is malformed.
        """
        from datrnet.core.catalog.lexicon import WordTables
        from datrnet.core.catalog.text_parser import MANY_TITLES, TextParser

        tables = WordTables.load(self.workspace.root)
        return TextParser(
            catalog=self.catalog,
            tables=tables,
            num_titles=lambda word: self.store.num_titles(word, MANY_TITLES),
        )

    def only_shown(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of some rows whose items are not hidden."""
        return rows[~self.catalog.is_hidden[rows]]

    @cached_property
    def sorted_codes(self) -> list[tuple[str, int]]:
        """All codes as ``fold`` returns them, sorted, each with its row."""
        return sorted((fold(code), row) for row, code in enumerate(self.catalog.codes))

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """All rows to show, in the order of the catalog or of the subset."""
        if self.subset is not None:
            return self.subset.rows
        return self.catalog.shown_rows

    @cached_property
    def value_counts(self) -> dict[str, dict[str, int]]:
        """The number of items with each value, by super-category and value."""
        counts = {}
        for idx, category in enumerate(self.catalog.super_categories):
            sets = self.catalog.value_sets[self.catalog.shown_rows, idx]
            numbers = count_values(sets, len(category.values))
            counts[category.name] = dict(zip(category.values, numbers.tolist(), strict=True))
        return counts

    def notes_on_index(self) -> Iterator[str]:
        """Yield what the index lacks; looks at every picture file, so call it from a thread."""
        from datrnet.core.retrieval.index_lag import IndexLag

        if self.searcher is not None:
            lag = IndexLag.of(self.workspace, self.catalog, self.searcher.generation)
            yield from lag.notes(self.catalog)

    # ── queries ──────────────────────────────────────────────────────────────

    def query_of(self, row: int) -> Query:
        """Return the query of an item, the same object each time.

        Raises:
            IndexStaleError: There is no index, or it lacks the item.
        """
        if row not in self._queries:
            self._queries[row] = self._open_searcher().query_of_item(row)
        return self._queries[row]

    def query_of_all(self, rows: Sequence[int]) -> Query:
        """Return the query of one or several items.

        Raises:
            IndexStaleError: There is no index, or it lacks an item.
        """
        if len(rows) == 1:
            return self.query_of(rows[0])
        return self._open_searcher().query_of_items(rows)

    def query_of_picture(self, path: Path) -> Query:
        """Return the query of a picture file; takes a moment, so call it from a thread.

        Raises:
            DatrnetError: There is no index, or its run or the picture cannot be read.
        """
        generation = self._open_searcher().generation
        # only a new picture needs the networks, and with them torch
        from datrnet.core.indexing.build import run_of
        from datrnet.core.indexing.embedder import query_of_picture

        precision = generation.manifest.arithmetic.precision
        return query_of_picture(run_of(self.workspace, generation), path, precision)

    def _open_searcher(self) -> "Searcher":
        if self.searcher is None:
            raise self.index_error or IndexStaleError("There is no index.")
        return self.searcher

    @cached_property
    def available_values(self) -> dict[str, frozenset[str]]:
        """The values with a prototype, by super-category: those that can be asked for."""
        if self.searcher is None:
            return {}
        generation = self.searcher.generation
        return {
            category.name: frozenset(
                value
                for value, prototype in zip(
                    category.values, generation.prototypes_of(idx), strict=True
                )
                if not np.isnan(prototype).any()
            )
            for idx, category in enumerate(generation.super_categories)
        }


class RowMap:
    """Maps the rows of one catalog to those of a later one."""

    def __init__(self, before: Catalog, after: Catalog) -> None:
        places = np.searchsorted(after.item_ids, before.item_ids)
        inside = np.minimum(places, max(after.num_items - 1, 0))
        is_present = np.zeros(len(places), dtype=bool)
        if after.num_items:
            is_present = after.item_ids[inside] == before.item_ids
        self.rows: NDArray[np.intp] = np.where(is_present, inside, -1).astype(np.intp)
        """(N,) of the earlier catalog: each item's later row, -1 where it is gone."""
        self.super_categories = frozenset(category.name for category in after.super_categories)

    def __call__(self, row: int) -> int | None:
        """Return an item's later row; None if the item is gone."""
        later = int(self.rows[row])
        return None if later < 0 else later


class Library:
    """An open workspace. Only the main thread changes it; threads read a snapshot."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        catalog: Catalog,
        num_substitutes: int,
        options: LaunchOptions = DEFAULT_OPTIONS,
    ) -> None:
        """Show a catalog.

        Args:
            workspace: The folder.
            store: Its open database.
            catalog: What the database holds.
            num_substitutes: How many substitutes to search for.
            options: What to open.

        Raises:
            UnknownNameError: The catalog has none of the items to show, or the query to start with
                is neither an item nor a file.
        """
        self.workspace = workspace
        self.store = store
        self.num_substitutes = num_substitutes
        self.options = options
        self.thumbnails = Thumbnails(workspace, catalog)
        self.marked: int | None = None
        """The row of the item whose values can be borrowed."""
        self.first_query = None if options.query is None else resolve_query(catalog, options.query)
        """The item or picture whose substitutes are shown first."""
        self.snapshot = Snapshot.of(workspace, store, catalog, options.items)

    def renew(self, snapshot: Snapshot) -> RowMap:
        """Switch to a snapshot of another catalog; return where the items are now."""
        row_map = RowMap(self.snapshot.catalog, snapshot.catalog)
        self.marked = None if self.marked is None else row_map(self.marked)
        self.thumbnails.renew(snapshot.catalog)
        self.snapshot = snapshot
        return row_map

    def relabel(self, *labels: tuple[int, str, str | None]) -> None:
        """Switch to a snapshot with other labels, after the database has been changed.

        Args:
            labels: Item ids, super-categories and values.
        """
        item_ids, known = self.snapshot.catalog.item_ids, []
        for item_id, super_category, value in labels:
            row = int(np.searchsorted(item_ids, item_id))
            if row < len(item_ids) and item_ids[row] == item_id:  # else newer than the snapshot
                known.append((row, super_category, value))
        if known:
            self.snapshot = self.snapshot.relabeled(*known)

    def warm_up(self) -> None:
        """Search once, so that the index is in memory before the first query; for a thread.

        Loading Annoy and the first pages of a large index takes longer than a hundred searches.
        """
        snapshot = self.snapshot
        searcher, catalog = snapshot.searcher, snapshot.catalog
        if searcher is None or not len(searcher.generation.item_ids):
            return
        first = np.searchsorted(catalog.item_ids, searcher.generation.item_ids[0])
        with suppress(DatrnetError):  # the first query will report it
            searcher.substitutes(searcher.query_of_item(int(first)), Request())
