"""What the catalog shows: the items that a text search and facets leave, in an order.

Facets, chips, title and grid are read from one ``CatalogState``; keys change it there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import PICTURE_STATES, UNLABELED, facets_of
from datrnet.core.catalog.sort_order import AS_IMPORTED, Order, ranks, sorted_rows
from datrnet.core.catalog.value_sets import as_sets, count_values
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.snapshot import RowMap, Snapshot

NO_LABEL = "no label"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter in force."""

    words: str
    super_category: int | None
    """The super-category of a facet; None for the text search."""


class CatalogState:
    """A text search, the chosen values of facets, and an order."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Show the whole catalog, as it was imported."""
        self.text = ""
        """The text search; empty without one."""
        self.chosen: dict[int, frozenset[int]] = {}
        """Of super-categories the values of which an item must have one; -1 is no label."""
        self._picture_states: NDArray[np.int16] | None = None
        """(N,) numbers of ``PICTURE_STATES``; None if all pictures are there."""
        self._found = snapshot.rows
        """What the text search found, which facets narrow down."""
        self._use(snapshot)

    def _use(self, snapshot: Snapshot) -> None:
        """Show a snapshot as it was imported."""
        self.order, self._ranks = Order(), {AS_IMPORTED: ranks(snapshot.catalog, AS_IMPORTED)}
        self.relabel(snapshot)

    def relabel(self, snapshot: Snapshot) -> None:
        """Show a snapshot of the same items, whose labels may have changed."""
        self.snapshot = snapshot
        catalog, states = snapshot.catalog, self._picture_states
        self.categories: Sequence[SuperCategory] = catalog.super_categories
        """What the facets are about: the super-categories, and the states of pictures."""
        self._labels = catalog.labels
        if states is not None:
            self.categories = (*catalog.super_categories, PICTURE_STATES)
            self._labels = np.column_stack([catalog.labels, states])
        shown = catalog.shown_rows
        columns = [*catalog.value_sets[shown].swapaxes(0, 1)]
        columns += [] if states is None else [states[shown]]
        self.values = [
            _by_frequency(as_sets(column, 1), len(category.values))
            for column, category in zip(columns, self.categories, strict=True)
        ]
        """The values of each category that items have, the most frequent first; -1 comes last."""
        self._narrow_down()

    def renew(self, snapshot: Snapshot, row_map: RowMap) -> None:
        """Show the snapshot of a later catalog; the search and the chosen values stay."""
        names = {
            self.categories[idx].name: {self.value_name(idx, value) for value in values}
            for idx, values in self.chosen.items()
        }
        self._picture_states, self.chosen = None, {}
        rows = row_map.rows[self._found]
        self._found = snapshot.only_shown(rows[rows >= 0]) if self.text else snapshot.rows
        self._use(snapshot)
        for idx, category in enumerate(self.categories):
            wanted, numbers = names.get(category.name, set()), range(-1, len(category.values))
            if values := frozenset(n for n in numbers if self.value_name(idx, n) in wanted):
                self.chosen[idx] = values
        self._narrow_down()

    def _narrow_down(self) -> None:
        num_values = [len(category.values) for category in self.categories]
        more_labels = self.snapshot.catalog.more_labels
        facets = facets_of(self._labels, self._found, num_values, self.chosen, more_labels)
        self.counts = facets.counts
        """(V + 1,) items with each value, by category: no label last."""
        self.rows = facets.rows
        """The items to show."""
        if self.order != Order():  # else in the catalog's order, or the best match first
            self.rows = sorted_rows(facets.rows, self._ranks[self.order.key], self.order)

    # ── changes ──────────────────────────────────────────────────────────────

    def show_found(self, text: str, rows: NDArray[np.intp]) -> None:
        """Show what a text search found, best match first."""
        self.text, self._found = text, rows
        self._narrow_down()

    def toggle(self, idx: int, value: int) -> None:
        """Choose a value of a category, or no longer."""
        self._choose(idx, self.chosen.get(idx, frozenset()) ^ {value})

    def drop(self, idx: int) -> None:
        """Clear the values of a category."""
        self._choose(idx, frozenset())

    def _choose(self, idx: int, values: frozenset[int]) -> None:
        self.chosen.pop(idx, None)
        if values:
            self.chosen[idx] = values
        self._narrow_down()

    def clear_facets(self) -> bool:
        """Clear all values; return whether there were any."""
        was_chosen, self.chosen = bool(self.chosen), {}
        self._narrow_down()
        return was_chosen

    def clear(self) -> None:
        """Clear the search and the facets."""
        self.chosen = {}
        self.show_found("", self.snapshot.rows)

    def sort(self, order: Order) -> bool:
        """Sort the items; return False if the ranks of its key are not known yet."""
        if order.key not in self._ranks:
            return False
        self.order = order
        self._narrow_down()
        return True

    def reverse(self) -> None:
        """Reverse the order."""
        self.sort(replace(self.order, is_reversed=not self.order.is_reversed))

    def add_ranks(self, key: str, found: NDArray[np.int64]) -> None:
        """Make it possible to sort by a key."""
        self._ranks[key] = found

    def add_picture_states(self, states: NDArray[np.int16]) -> None:
        """Add a facet of pictures that have gone or changed since the import."""
        self._picture_states = states
        self.relabel(self.snapshot)

    # ── words ────────────────────────────────────────────────────────────────

    def value_name(self, idx: int, value: int) -> str:
        """Return the name of a category's value."""
        return NO_LABEL if value == UNLABELED else self.categories[idx].values[value]

    @property
    def facets(self) -> list[Filter]:
        """The chosen values, a filter per category."""
        return [
            Filter(
                f"{self.categories[idx].name} "
                + " or ".join(self.value_name(idx, value) for value in sorted(values)),
                idx,
            )
            for idx, values in sorted(self.chosen.items())
        ]

    @property
    def filters(self) -> list[Filter]:
        """All filters."""
        search = [Filter(f"“{self.text}” {len(self._found):,}", None)] if self.text else []
        return [*search, *self.facets]

    @property
    def facet_words(self) -> str:
        """The chosen values in words."""
        return ", ".join(facet.words for facet in self.facets)

    @property
    def filter_words(self) -> str:
        """All filters in words."""
        search = f"the search “{self.text}”" if self.text else ""
        facets = f"the facets {self.facet_words}" if self.chosen else ""
        return " and ".join(filter(None, (search, facets)))

    @property
    def trail(self) -> tuple[str, ...]:
        """The way from the catalog to what is shown."""
        return ("Catalog", *filter(None, (self.text and f"“{self.text}”", self.facet_words)))

    @property
    def facts(self) -> str:
        """How many items are shown, and their order."""
        total = f"{len(self.snapshot.catalog.shown_rows):,} items"
        is_narrowed = self.text or self.chosen or self.snapshot.subset is not None
        shown = f"{len(self.rows):,} of {total}" if is_narrowed else total
        return " · ".join(filter(None, (shown, self._order_words)))

    @property
    def _order_words(self) -> str:
        """The order in words; empty for the usual one."""
        order = self.order
        if order == Order():
            return "best match first" if self.text else ""
        if order.key == AS_IMPORTED:
            return "newest first"
        return f"by {sanitize(order.key.removeprefix(':'))} {'↓' if order.is_reversed else '↑'}"

    @property
    def empty_text(self) -> str:
        """What to show in place of items."""
        if self.chosen and len(self._found):
            return f"No item is {sanitize(self.facet_words)}. Escape clears the facets."
        if self.text:
            return f"No title or id contains “{sanitize(self.text)}”."
        return "The catalog is empty. Run `datrnet import CATALOG`."


def _by_frequency(sets: NDArray[np.int16], num_values: int) -> list[int]:
    """Return the values that sets (n, L) have, the most frequent first; no label comes last."""
    counts = count_values(sets, num_values)
    values = [int(value) for value in np.argsort(-counts, kind="stable") if counts[value]]
    return [*values, UNLABELED] if (sets[:, 0] == UNLABELED).any() else values
