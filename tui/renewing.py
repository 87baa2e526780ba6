"""What another program has changed in the workspace, and how the explorer takes it over."""

from dataclasses import dataclass

from datrnet.db.store import Store


@dataclass(frozen=True, slots=True)
class News:
    """What is there by now that is not what the explorer shows."""

    is_index_new: bool
    is_catalogue_new: bool

    @property
    def words(self) -> str:
        """It in a sentence."""
        if self.is_index_new and self.is_catalogue_new:
            return "The catalogue has changed, and there is a new index."
        return "There is a new index." if self.is_index_new else "The catalogue has changed."


class Watch:
    """Looks whether another program has written to the database; used from a thread."""

    def __init__(self, store: Store) -> None:
        """Remember how things are now; the catalogue closely at the first look: it takes a while.

        Raises:
            DatabaseError: The database cannot be read.
        """
        self._store = store
        self._version = store.data_version()
        self._generation = self._current_generation()
        self._stamp: tuple[object, ...] | None = None

    def look(self) -> News | None:
        """Return what is new; None where nobody else has written since the last look.

        Raises:
            DatabaseError: The database is in use, or cannot be read.
        """
        version = self._store.data_version()
        if self._stamp is not None and version == self._version:
            return None
        stamp = self._store.catalog_stamp()
        is_changed = version != self._version if self._stamp is None else stamp != self._stamp
        self._version, self._stamp = version, self._stamp or stamp
        news = News(
            is_index_new=self._current_generation() != self._generation,
            is_catalogue_new=is_changed,
        )
        return news if news.is_index_new or news.is_catalogue_new else None

    def _current_generation(self) -> str | None:
        row = self._store.current_generation()
        return None if row is None else row.name
