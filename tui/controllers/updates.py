"""Notices what other programs change in the workspace, and reads it again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.app import App

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import DatabaseError, DatrnetError
from datrnet.db.store import Store
from datrnet.tui.context import in_thread, start
from datrnet.tui.snapshot import Library, RowMap, Snapshot

CHECK_SECONDS = 2.0
"""Between two checks."""


@dataclass(frozen=True, slots=True)
class Update:
    """What has changed since the explorer read the workspace."""

    is_index_new: bool
    is_catalog_new: bool

    @property
    def words(self) -> str:
        """The change in a sentence."""
        if self.is_index_new and self.is_catalog_new:
            return "The catalog has changed, and there is a new index."
        return "There is a new index." if self.is_index_new else "The catalog has changed."


class ChangeWatcher:
    """Compares the database with its state at the start; for use in a thread."""

    def __init__(self, store: Store) -> None:
        """Note the state of the database; the catalog's only at the first check, as it takes long.

        Raises:
            DatabaseError: The database cannot be read.
        """
        self._store = store
        self._version = store.data_version()
        self._generation = self._current_generation()
        self._stamp: tuple[object, ...] | None = None
        self._update: Update | None = None
        """What the last check found, should its caller have been canceled."""

    def check(self) -> Update | None:
        """Return what has changed since the start; None if nothing has.

        Raises:
            DatabaseError: The database is in use, or cannot be read.
        """
        version = self._store.data_version()
        if self._stamp is not None and version == self._version:
            return self._update
        stamp = self._store.catalog_stamp()
        is_changed = version != self._version if self._stamp is None else stamp != self._stamp
        self._version, self._stamp = version, self._stamp or stamp
        update = Update(
            is_index_new=self._current_generation() != self._generation,
            is_catalog_new=is_changed,
        )
        self._update = update if update.is_index_new or update.is_catalog_new else None
        return self._update

    def _current_generation(self) -> str | None:
        row = self._store.current_generation()
        return None if row is None else row.name


class UpdateWatcher:
    """Offers updates of the workspace, and switches the library to them."""

    def __init__(self, app: App[Any], library: Library, key_of: Callable[[str], str]) -> None:
        """Note the state of the workspace.

        Args:
            app: Where to show notices and run threads.
            library: What to update.
            key_of: Returns the key for the id of a binding, as it is shown.

        Raises:
            DatabaseError: The database cannot be read.
        """
        self._app, self._library, self._key_of = app, library, key_of
        self._watcher = ChangeWatcher(library.store)
        self.update: Update | None = None
        """What has changed and is not shown yet."""

    def start(self) -> None:
        """Check from now on."""
        self._app.set_interval(CHECK_SECONDS, self.check)

    def check(self) -> None:
        """Check once."""
        start(self._app, "update", self._check)

    async def _check(self) -> None:
        try:
            update = await in_thread(self._app, self._watcher.check)
        except DatabaseError:
            return  # in use; the next check will tell
        if update is not None and update != self.update:
            self.update = update
            self._app.refresh_bindings()
            self._app.notify(
                f"{update.words} {self._key_of('program.renew')} shows it.", timeout=10
            )

    async def renew(self) -> RowMap | None:
        """Switch the library to the workspace as it is now.

        Returns:
            Where the items are now; None if the workspace cannot be read, after a notice.
        """
        try:
            snapshot, watcher, index_error = await in_thread(self._app, self._read)
        except DatrnetError as error:
            self._app.notify(str(error), severity="error")
            return None
        if index_error is not None and self._library.snapshot.searcher is not None:
            message = f"The explorer keeps the old index. {index_error}"
            self._app.notify(message, severity="error")
            return None
        self._watcher, self.update = watcher, None
        return self._library.renew(snapshot)

    def _read(self) -> tuple[Snapshot, ChangeWatcher, DatrnetError | None]:
        library = self._library
        watcher = ChangeWatcher(library.store)
        catalog = Catalog.load(library.store)
        items = library.options.items
        snapshot = Snapshot.of(library.workspace, library.store, catalog, items)
        return snapshot, watcher, snapshot.index_error  # which opens the index, in this thread
