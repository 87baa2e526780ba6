"""What every screen is given: the open workspace, the session, and how to draw."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.terminal import Drawing
from datrnet.core.preferences import Preferences
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import resolve_query
from datrnet.db.store import Store
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.graphics.thumbnails import Thumbnails
from datrnet.tui.launch import DEFAULT_OPTIONS, LaunchOptions
from datrnet.tui.snapshot import RowMap, Snapshot


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
        """Open the index of a catalog; a missing or damaged index is not an error.

        Args:
            workspace: The folder.
            store: Its open database.
            catalog: What the database holds.
            num_substitutes: How many substitutes to search for.
            options: What to open.

        Raises:
            DatabaseError: The database cannot be read.
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

    def relabel(self, item_id: int, super_category: str, value: str | None) -> None:
        """Switch to a snapshot with another label, after the database has been changed."""
        item_ids = self.snapshot.catalog.item_ids
        row = int(np.searchsorted(item_ids, item_id))
        if row < len(item_ids) and item_ids[row] == item_id:  # else it is newer than the snapshot
            self.snapshot = self.snapshot.relabeled(row, super_category, value)

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


@dataclass
class ExplorerContext:
    """What every screen is given."""

    library: Library
    session: SessionLog
    preferences: Preferences
    drawing: Drawing
    """How pictures are drawn; changes with the size of the terminal's cells."""

    @property
    def snapshot(self) -> Snapshot:
        """The catalog and index at this moment."""
        return self.library.snapshot
