"""What the explorer works on: the open catalogue, and its index where there is one."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import Catalog
from datrnet.core.data.pictures import Picture
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import DatrnetError, IndexStaleError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Query, Request, Searcher
from datrnet.db.store import Store
from datrnet.tui.looker import Looker
from datrnet.tui.renewing import Renumbering
from datrnet.tui.thumbnails import Thumbnails


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

    def __init__(self, workspace: Workspace, store: Store, catalog: Catalog) -> None:
        """Open the index of a catalogue.

        An absent or damaged index is no error here: ``trouble`` then says what is wrong.

        Raises:
            DatabaseError: The database cannot be read.
        """
        self.workspace = workspace
        self.store = store
        self.thumbnails = Thumbnails(workspace, catalog)
        self.marked: int | None = None
        """The row of the item that a super-category can be taken from."""
        self._take(Holdings.of(workspace, store, catalog))

    def renew(self, holdings: Holdings) -> Renumbering:
        """Go over to the workspace as it is now; return where its items went."""
        moved = Renumbering(self.catalog, holdings.catalog)
        self.marked = None if self.marked is None else moved(self.marked)
        self.thumbnails.renew(holdings.catalog)
        for name in ("every_row", "value_counts", "wishable"):
            self.__dict__.pop(name, None)  # made again when they are asked for
        self._take(holdings)
        return moved

    def _take(self, holdings: Holdings) -> None:
        self.catalog = holdings.catalog
        self.searcher, self.looker = holdings.searcher, holdings.looker
        self.trouble = holdings.trouble
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

    def picture(self, row: int) -> Picture:
        """Return an item's picture, not read yet."""
        return self.workspace.picture(self.catalog.picture_paths[row])

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

    def rows_titled(self, text: str) -> NDArray[np.intp]:
        """Return the rows whose title or code matches a text, best first.

        Raises:
            DatabaseError: The catalogue cannot be read.
        """
        ids = np.array(self.store.search_titles(text, self.catalog.num_items), dtype=np.int64)
        places = np.searchsorted(self.catalog.item_ids, ids)
        places = np.minimum(places, max(self.catalog.num_items - 1, 0))
        # an item imported a moment ago is not in this snapshot
        return places[self.catalog.item_ids[places] == ids] if len(ids) else places

    @cached_property
    def every_row(self) -> NDArray[np.intp]:
        """All rows, in the catalogue's order."""
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
