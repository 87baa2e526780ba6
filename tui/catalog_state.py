"""What the catalog shows: the items that a text search and facets leave, in an order.

Facets are of labels and facts, and of pictures that have gone.

Facets, chips, title and grid are read from one ``CatalogState``; keys change it there.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Chosen, Facets, facets_of
from datrnet.core.catalog.fact_facets import Facet
from datrnet.core.catalog.sort_order import AS_IMPORTED, Order, ranks, sorted_rows
from datrnet.core.catalog.text_query import TextQuery
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.snapshot import RowMap, Snapshot

NO_LABEL = "no label"
UNKNOWN = "unknown"
"""Where an item does not have a fact."""

NOTHING_UNDERSTOOD = TextQuery()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter in force."""

    words: str
    super_category: int | None
    """The super-category of a facet; None for the text search."""
    is_excluded: bool = False
    """Whether it leaves values out."""
    rest: str = ""
    """Of a part of the text search, the text without it."""


class CatalogState:
    """A text search, the chosen values of facets, and an order."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Show the whole catalog, as it was imported."""
        self.text = ""
        """The text search; empty without one."""
        self.understood = NOTHING_UNDERSTOOD
        """What was understood of it; nothing where all of it is searched in titles."""
        self.chosen: dict[int, frozenset[int]] = {}
        """Of categories the values of which an item must have one; -1 is no label."""
        self.excluded: dict[int, frozenset[int]] = {}
        """The values that an item must not have."""
        self._more_facets: list[Facet] = []
        """Facets of something else than labels, which take longer to find."""
        self._awaited: dict[tuple[str, bool], set[str]] = {}
        """Values, by category and whether they are excluded, of facets that are not found yet."""
        self._found = snapshot.rows
        """What the text search found, which facets narrow down."""
        self.is_complete = True
        """Whether the text search has found all that there is."""
        self._use(snapshot)

    def _use(self, snapshot: Snapshot) -> None:
        """Show a snapshot as it was imported."""
        self.order, self._ranks = Order(), {AS_IMPORTED: ranks(snapshot.catalog, AS_IMPORTED)}
        self.relabel(snapshot)

    def relabel(self, snapshot: Snapshot) -> None:
        """Show a snapshot of the same items, whose labels may have changed."""
        self.snapshot = snapshot
        catalog, more = snapshot.catalog, self._more_facets
        own = catalog.super_categories
        self.categories: Sequence[SuperCategory] = (*own, *(facet.category for facet in more))
        """What the facets are about: super-categories, facts, and the states of pictures."""
        self._labels, self._more_labels = catalog.labels, dict(catalog.more_labels)
        if more:
            columns = [*catalog.labels.T, *(facet.labels for facet in more)]
            self._labels = np.array(columns).T  # each column in one piece, which is faster to count
        for idx, facet in enumerate(more, start=len(own)):
            for value, rows in facet.more_labels.items():
                self._more_labels[idx, value] = rows
        counts = self._count(catalog.shown_rows, {}, {})
        is_ordered = [*(False for _ in own), *(facet.is_ordered for facet in more)]
        self.values = [
            _listed(numbers, is_ordered=in_order)
            for numbers, in_order in zip(counts.counts, is_ordered, strict=True)
        ]
        """The values of each category that items have, the most frequent first, unless they have an
        order; -1 comes last."""
        self._narrow_down()

    def _count(self, rows: NDArray[np.intp], chosen: Chosen, excluded: Chosen) -> Facets:
        num_values = [len(category.values) for category in self.categories]
        more = self._more_labels
        return facets_of(self._labels, rows, num_values, chosen, more, excluded=excluded)

    def renew(self, snapshot: Snapshot, row_map: RowMap) -> None:
        """Show the snapshot of a later catalog; the search and the chosen values stay."""
        for is_excluded, picked in ((False, self.chosen), (True, self.excluded)):
            for idx, values in picked.items():
                names = {self.value_name(idx, value) for value in values}
                self._awaited[self.categories[idx].name, is_excluded] = names
        self._more_facets, self.chosen, self.excluded = [], {}, {}
        rows = row_map.rows[self._found]
        self._found = snapshot.only_shown(rows[rows >= 0]) if self.text else snapshot.rows
        self._use(snapshot)
        self._choose_awaited(range(len(self.categories)))

    def _choose_awaited(self, idxs: Iterable[int]) -> None:
        """Choose and exclude in categories what was so before a later catalog came."""
        for idx, (is_excluded, picked) in product(
            idxs, ((False, self.chosen), (True, self.excluded))
        ):
            category = self.categories[idx]
            wanted = self._awaited.pop((category.name, is_excluded), set())
            numbers = range(-1, len(category.values))
            if values := frozenset(n for n in numbers if self.value_name(idx, n) in wanted):
                picked[idx] = values
        self._narrow_down()

    def _narrow_down(self) -> None:
        facets = self._count(self._found, self.chosen, self.excluded)
        self.counts = facets.counts
        """(V + 1,) items with each value, by category: no label last."""
        self.rows = facets.rows
        """The items to show."""
        if self.order != Order():  # else in the catalog's order, or the best match first
            self.rows = sorted_rows(facets.rows, self._ranks[self.order.key], self.order)

    # ── changes ──────────────────────────────────────────────────────────────

    def show_found(
        self,
        text: str,
        rows: NDArray[np.intp],
        understood: TextQuery = NOTHING_UNDERSTOOD,
        *,
        is_complete: bool = True,
    ) -> None:
        """Show what a text search has found, best match first, all of it or the first of it.

        Args:
            text: As it was typed.
            rows: What was found.
            understood: What was understood of the text.
            is_complete: Whether that is all.
        """
        self.text, self._found, self.is_complete = text, rows, is_complete
        self.understood = understood
        self._narrow_down()

    def toggle(self, idx: int, value: int) -> None:
        """Choose a value of a category, or no longer."""
        self._pick(self.chosen, idx, self.chosen.get(idx, frozenset()) ^ {value})
        self._pick(self.excluded, idx, self.excluded.get(idx, frozenset()) - {value})
        self._narrow_down()

    def exclude(self, idx: int, value: int) -> None:
        """Leave out the items with a value of a category, or no longer."""
        self._pick(self.excluded, idx, self.excluded.get(idx, frozenset()) ^ {value})
        self._pick(self.chosen, idx, self.chosen.get(idx, frozenset()) - {value})
        self._narrow_down()

    def drop(self, chip: Filter) -> None:
        """Clear the values of a facet's chip."""
        assert chip.super_category is not None
        picked = self.excluded if chip.is_excluded else self.chosen
        self._pick(picked, chip.super_category, frozenset())
        self._narrow_down()

    @staticmethod
    def _pick(picked: dict[int, frozenset[int]], idx: int, values: frozenset[int]) -> None:
        picked.pop(idx, None)
        if values:
            picked[idx] = values

    def clear_facets(self) -> bool:
        """Clear all values; return whether there were any."""
        was_narrowed = bool(self.chosen or self.excluded)
        self.chosen, self.excluded, self._awaited = {}, {}, {}
        self._narrow_down()
        return was_narrowed

    def clear(self) -> None:
        """Clear the search and the facets."""
        self.chosen, self.excluded, self._awaited = {}, {}, {}
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

    def add_facets(self, facets: Sequence[Facet]) -> None:
        """Add facets of something else than labels: of facts, of pictures that have gone."""
        first = len(self.categories)
        self._more_facets += facets
        self.relabel(self.snapshot)
        self._choose_awaited(range(first, len(self.categories)))

    # ── words ────────────────────────────────────────────────────────────────

    def value_name(self, idx: int, value: int) -> str:
        """Return the name of a category's value."""
        if value != UNLABELED:
            return self.categories[idx].values[value]
        return NO_LABEL if idx < len(self.snapshot.catalog.super_categories) else UNKNOWN

    def told(self, number: int) -> str:
        """Return a number of items, with a plus if the text search may still find more."""
        return f"{number:,}{'' if self.is_complete else '+'}"

    @property
    def facets(self) -> list[Filter]:
        """The chosen values and the excluded ones, a filter of each kind per category."""
        return [
            Filter(
                f"{self.categories[idx].name} {'not ' if is_excluded else ''}"
                + " or ".join(self.value_name(idx, value) for value in sorted(values)),
                idx,
                is_excluded,
            )
            for is_excluded, picked in ((False, self.chosen), (True, self.excluded))
            for idx, values in sorted(picked.items())
        ]

    @property
    def filters(self) -> list[Filter]:
        """All filters."""
        return [*self._search_filters, *self.facets]

    @property
    def _search_filters(self) -> list[Filter]:
        """What was understood of the text, condition by condition, and the rest of it.

        The last one tells how many items the search has found.
        """
        terms, rest = self.understood.terms, self.understood.text
        if not terms:
            rest = self.text
        typed = [term.typed for term in terms]
        # what was quoted stays so, as it would be understood otherwise
        text = f'"{rest}"' if rest and '"' in self.text else rest
        filters = [
            Filter(term.words, None, rest=" ".join([*typed[:at], *typed[at + 1 :], text]).strip())
            for at, term in enumerate(terms)
        ]
        if rest:
            filters.append(Filter(f"“{rest}”", None, rest=" ".join(typed)))
        if filters:
            words = f"{filters[-1].words} {self.told(len(self._found))}"
            filters[-1] = replace(filters[-1], words=words)
        return filters

    @property
    def facet_words(self) -> str:
        """The chosen and excluded values in words."""
        return ", ".join(facet.words for facet in self.facets)

    @property
    def filter_words(self) -> str:
        """All filters in words."""
        search = f"the search “{self.text}”" if self.text else ""
        facets = f"the facets {self.facet_words}" if self.facets else ""
        return " and ".join(filter(None, (search, facets)))

    @property
    def trail(self) -> tuple[str, ...]:
        """The way from the catalog to what is shown."""
        return ("Catalog", *filter(None, (self.text and f"“{self.text}”", self.facet_words)))

    @property
    def facts(self) -> str:
        """How many items are shown, and their order."""
        total = f"{len(self.snapshot.catalog.shown_rows):,} items"
        is_narrowed = self.filters or self.snapshot.subset is not None
        shown = f"{self.told(len(self.rows))} of {total}" if is_narrowed else total
        return " · ".join(filter(None, (shown, self._order_words)))

    @property
    def _order_words(self) -> str:
        """The order in words; empty for the usual one."""
        order = self.order
        if order == Order():
            is_ranked = self.text and (self.understood.text or not self.understood.terms)
            return "best match first" if is_ranked else ""
        if order.key == AS_IMPORTED:
            return "newest first"
        return f"by {sanitize(order.name)} {'↓' if order.is_reversed else '↑'}"

    @property
    def empty_text(self) -> str:
        """What to show in place of items."""
        if not self.is_complete:
            return "Searching on …"
        if self.facets and len(self._found):
            return f"No item is {sanitize(self.facet_words)}. Escape clears the facets."
        if self.text:
            return f"No title or id contains “{sanitize(self.text)}”."
        return "The catalog is empty. Run `datrnet import CATALOG`."


def _listed(counts: NDArray[np.int64], *, is_ordered: bool) -> list[int]:
    """Return the values that items have, the most frequent first; no label, -1, comes last.

    Args:
        counts: (V + 1,) items with each value, and last without any.
        is_ordered: Keep the order of the values.
    """
    numbers = counts[:-1]
    order = np.arange(len(numbers)) if is_ordered else np.argsort(-numbers, kind="stable")
    values = [int(value) for value in order if numbers[value]]
    return [*values, UNLABELED] if counts[-1] else values


# ── the text search ──────────────────────────────────────────────────────────


class TextSearch:
    """A search under way: conditions that were understood, and titles for the rest of the text."""

    def __init__(self, snapshot: Snapshot, text: str, understood: TextQuery) -> None:
        """Begin to search.

        Args:
            snapshot: What is searched.
            text: As it was typed.
            understood: What was understood of it; without conditions, all of it is searched in
                titles and ids.
        """
        self.understood = understood
        self._pages = _pages(snapshot, text, understood)
        self._parts = [np.zeros(0, dtype=np.intp)]

    @classmethod
    def of(cls, snapshot: Snapshot, text: str) -> "TextSearch":
        """Understand a text that may still be typed, and begin to search.

        A text that no item meets as conditions is searched in titles: a brand may be called Red.

        Raises:
            DatrnetError: The workspace's synonyms are malformed, or the database cannot be read.
        """
        understood = snapshot.text_parser.parse(text, is_unfinished=True)
        if understood.terms:
            search = cls(snapshot, text, understood)
            search.find(math.inf if not understood.text else 0.0, lambda: False)
            if len(search.rows):
                return search
        return cls(snapshot, text, NOTHING_UNDERSTOOD)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that have been found so far, the best match first."""
        return np.concatenate(self._parts)

    def find(self, seconds: float, is_cancelled: Callable[[], bool]) -> bool:
        """Find items for so long, and at least one; return whether there are no more.

        Raises:
            DatabaseError: The database cannot be read.
        """
        end = time.monotonic() + seconds
        for page in self._pages:
            self._parts.append(page)
            if is_cancelled() or (len(page) and time.monotonic() >= end):
                return False
        return True


def _pages(snapshot: Snapshot, text: str, understood: TextQuery) -> Iterator[NDArray[np.intp]]:
    """Yield the rows that a search finds, page by page."""
    if not understood.terms:
        yield from snapshot.title_pages(text)
        return
    is_met = understood.matching(snapshot.catalog)
    if not understood.text:
        yield snapshot.rows[is_met[snapshot.rows]]
        return
    for page in snapshot.title_pages(understood.text):
        yield page[is_met[page]]
