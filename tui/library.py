"""What the explorer works on: the open catalogue, and its index where there is one."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError, IndexStaleError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.retrieval.search import Searcher, resolve_query
from datrnet.db.store import Store
from datrnet.tui.given import rows_given
from datrnet.tui.looker import Looker
from datrnet.tui.renewing import Renumbering
from datrnet.tui.thumbnails import Thumbnails
from datrnet.tui.wants import NOTHING_MORE, Wants

Source = int | Path
"""What a picture is shown of: an item, by its row of the catalogue, or a file that is in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A catalogue and its index, as they are at one moment."""

    catalog: Catalog
    searcher: Searcher | None = None
    looker: Looker | None = None
    trouble: IndexStaleError | None = None
    """What is wrong with the index, where there is no searcher."""

    @classmethod
    def of(cls, workspace: Workspace, store: Store, catalog: Catalog) -> "Holdings":
        """Open the index of a catalogue.

        Raises:
            DatabaseError: The database cannot be read.
        """
        try:
            searcher = Searcher(catalog, Generation.current(workspace, store))
        except IndexStaleError as error:
            return cls(catalog=catalog, trouble=error)
        looker = Looker(workspace, searcher.generation.manifest.run_name)
        return cls(catalog=catalog, searcher=searcher, looker=looker)


class Library:
    """A workspace opened for looking around."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        catalog: Catalog,
        num_substitutes: int,
        wants: Wants = NOTHING_MORE,
    ) -> None:
        """Open the index of a catalogue.

        An absent or damaged index is no error here: ``trouble`` then says what is wrong.

        Args:
            workspace: Where they lie.
            store: The workspace's open database.
            catalog: What is in it.
            num_substitutes: How many substitutes are asked for.
            wants: What it is opened for. Substitutes are found among all items even where only
                some are to be shown.

        Raises:
            DatabaseError: The database cannot be read.
            UnknownNameError: The catalogue has none of the items, or what it is to begin with is
                neither an item nor a file.
        """
        self.workspace = workspace
        self.store = store
        self.num_substitutes = num_substitutes
        self.wants = wants
        self.thumbnails = Thumbnails(workspace, catalog)
        self.marked: int | None = None
        """The row of the item that a super-category can be taken from."""
        self.num_relabelled = 0
        """How often a label has been changed since the explorer began."""
        self.begins_with = None if wants.query is None else resolve_query(catalog, wants.query)
        """The item or picture whose substitutes come first."""
        self._take(Holdings.of(workspace, store, catalog), wants.items)

    def renew(self, holdings: Holdings) -> Renumbering:
        """Go over to the workspace as it is now; return where its items went."""
        moved = Renumbering(self.catalog, holdings.catalog)
        self.marked = None if self.marked is None else moved(self.marked)
        self.thumbnails.renew(holdings.catalog)
        for name in ("every_row", "value_counts", "wishable"):
            self.__dict__.pop(name, None)  # made again when they are asked for
        self._take(holdings, self.wants.items)
        return moved

    def _take(self, holdings: Holdings, items: tuple[str, ...] | None) -> None:
        self.catalog = holdings.catalog
        self.searcher, self.looker = holdings.searcher, holdings.looker
        self.trouble = holdings.trouble
        self.given = None if items is None else rows_given(self.catalog, items)
        """What was asked for of the catalogue; None for all of it."""
        self._queries: dict[int, Query] = {}

    def warm_up(self) -> None:
        """Search once, so that the index lies in memory when a person asks; called from a thread.

        Loading Annoy and the first pages of a large index takes longer than a hundred searches.
        """
        if self.searcher is None or not len(self.searcher.generation.item_ids):
            return
        first = np.searchsorted(self.catalog.item_ids, self.searcher.generation.item_ids[0])
        with suppress(DatrnetError):  # who searches is told
            self.searcher.substitutes(self.searcher.query_of_item(int(first)), Request())

    def picture(self, source: Source) -> Picture:
        """Return an item's picture, or a file, not read yet."""
        if isinstance(source, Path):
            return Picture(source)
        return self.workspace.picture(self.catalog.picture_paths[source])

    def title_of(self, code: str) -> str:
        """Return an item's title by its code; empty where the item is gone."""
        try:  # to look for one code takes less than a table of all of them
            return self.catalog.titles[self.catalog.codes.index(code)]
        except ValueError:
            return ""

    def query_of(self, row: int) -> Query:
        """Return the query of an item, the same one each time.

        Raises:
            IndexStaleError: There is no index, or the item came after it.
        """
        if self.searcher is None:
            raise self.trouble or IndexStaleError("There is no index.")
        if row not in self._queries:
            self._queries[row] = self.searcher.query_of_item(row)
        return self._queries[row]

    def query_of_picture(self, path: Path) -> Query:
        """Return the query of a picture that is in no catalogue; takes a moment: for threads.

        Raises:
            DatrnetError: There is no index, its run cannot be loaded, or the picture not be read.
        """
        if self.searcher is None:
            raise self.trouble or IndexStaleError("There is no index.")
        # only a new picture needs the networks, and with them torch
        from datrnet.core.indexing.embedder import query_of_picture
        from datrnet.core.models.run_folder import RunFolder

        run = RunFolder.open(self.workspace.models / self.searcher.generation.manifest.run_name)
        return query_of_picture(run, path)

    def name_of(self, query: Query) -> str:
        """Return what a query is called: an item's title of now, or a file's name."""
        return query.title if query.row is None else self.catalog.titles[query.row]

    def labels_of(self, query: Query) -> dict[str, str | None]:
        """Return what a query carries by the labels of now, in every super-category."""
        if query.row is not None:
            return self.catalog.labels_of(query.row)
        return {one.name: query.labels.get(one.name) for one in self.catalog.super_categories}

    def relabel(self, row: int, super_category: str, value: str | None) -> None:
        """Let an item carry another value from now on, as the database has it."""
        self.catalog.relabel(row, super_category, value)
        self._queries.pop(row, None)
        self.__dict__.pop("value_counts", None)  # counted anew when asked for
        self.num_relabelled += 1

    def rows_titled(self, text: str) -> NDArray[np.intp]:
        """Return the rows whose title or code matches a text, best first.

        Raises:
            DatabaseError: The catalogue cannot be read.
        """
        ids = np.array(self.store.search_titles(text, self.catalog.num_items), dtype=np.int64)
        places = np.searchsorted(self.catalog.item_ids, ids)
        places = np.minimum(places, max(self.catalog.num_items - 1, 0))
        # an item imported a moment ago is not in this snapshot
        rows = places[self.catalog.item_ids[places] == ids] if len(ids) else places
        return rows if self.given is None else rows[np.isin(rows, self.given.rows)]

    @cached_property
    def codes_in_order(self) -> list[tuple[str, int]]:
        """All codes in lower case, sorted, each with its row."""
        return sorted((code.casefold(), row) for row, code in enumerate(self.catalog.codes))

    @cached_property
    def every_row(self) -> NDArray[np.intp]:
        """All rows to show, in the catalogue's order or in the one that they were given in."""
        if self.given is not None:
            return self.given.rows
        return np.arange(self.catalog.num_items, dtype=np.intp)

    @cached_property
    def value_counts(self) -> dict[str, dict[str, int]]:
        """How many items carry each value, by super-category and value."""
        counts = {}
        for idx, category in enumerate(self.catalog.super_categories):
            labels = self.catalog.labels[:, idx]
            numbers = np.bincount(labels[labels >= 0], minlength=len(category.values))
            counts[category.name] = dict(zip(category.values, numbers.tolist(), strict=True))
        return counts

    @cached_property
    def wishable(self) -> dict[str, frozenset[str]]:
        """The values that can be wished for, by super-category: those that have a prototype."""
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
