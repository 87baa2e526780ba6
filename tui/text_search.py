"""A text search of the catalog: values that were typed, and titles for the rest of the text."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.text_query import Term, TextQuery
from datrnet.tui.snapshot import Snapshot

NOTHING_UNDERSTOOD = TextQuery()


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
        catalog = snapshot.catalog
        self._is_met = meets(understood, catalog)
        others = [term for term in understood.terms if not values_of(term, catalog)]
        is_met = TextQuery(terms=tuple(others)).matching(catalog) if others else None
        rest = understood.text if understood.terms else text
        self._pages = _pages(snapshot, rest, is_met)
        self.num_found = 0
        """Items that have been found so far."""
        self._parts = [np.zeros(0, dtype=np.intp)]

    @classmethod
    def of(cls, snapshot: Snapshot, text: str) -> "TextSearch":
        """Understand a text that may still be typed, and begin to search.

        A text that no item meets as conditions is searched in titles: a brand may be called Red.
        If they lack it too, what was understood stays, so that a part of it can be removed.

        Raises:
            DatrnetError: The workspace's synonyms are malformed, or the database cannot be read.
        """
        understood = snapshot.text_parser.parse(text, is_unfinished=True)
        in_titles = cls(snapshot, text, NOTHING_UNDERSTOOD)
        if not understood.terms:
            return in_titles
        search = cls(snapshot, text, understood)
        search.find(math.inf if not understood.text else 0.0, lambda: False)
        if not search.num_found:
            in_titles.find(0.0, lambda: False)
        return in_titles if in_titles.num_found else search

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows found so far, the best match first; with any of the values that were typed."""
        return np.concatenate(self._parts)

    def find(self, seconds: float, is_cancelled: Callable[[], bool]) -> bool:
        """Find items for so long, and at least one; return whether there are no more.

        Raises:
            DatabaseError: The database cannot be read.
        """
        end = time.monotonic() + seconds
        for page in self._pages:
            self._parts.append(page)
            self.num_found += int(self._is_met[page].sum())
            if is_cancelled() or (self.num_found and time.monotonic() >= end):
                return False
        return True


def _pages(
    snapshot: Snapshot, text: str, is_met: NDArray[np.bool_] | None
) -> Iterator[NDArray[np.intp]]:
    """Yield the rows whose titles have a text and that meet a condition (N,), page by page."""
    pages = snapshot.title_pages(text) if text else iter([snapshot.rows])
    for page in pages:
        yield page if is_met is None else page[is_met[page]]


# ── values that were typed ───────────────────────────────────────────────────


def values_of(term: Term, catalog: Catalog) -> dict[tuple[int, int], bool]:
    """Return the values of a term by their places, and whether each is excluded.

    Of alternatives and of conditions on facts, nothing: they are no facets.
    """
    found = {}
    for condition in () if term.is_either else term.conditions:
        for idx, category in enumerate(catalog.super_categories):
            if category.name == condition.name and condition.value in category.values:
                place = idx, category.values.index(condition.value)
                found[place] = condition.sign == "!="
    return found


def joined(
    picked: Mapping[int, frozenset[int]],
    typed: Sequence[Mapping[tuple[int, int], bool]],
    *,
    is_excluded: bool,
) -> dict[int, frozenset[int]]:
    """Return the values of the rail and those that were typed, by category."""
    together = dict(picked)
    for values in typed:
        for (idx, value), is_negated in values.items():
            if is_negated == is_excluded:
                together[idx] = together.get(idx, frozenset()) | {value}
    return together


def meets(understood: TextQuery, catalog: Catalog) -> NDArray[np.bool_]:
    """Return which items (N,) have the values that were typed; of a category, one will do."""
    typed = [values_of(term, catalog) for term in understood.terms]
    met = np.ones(catalog.num_items, dtype=bool)
    for is_excluded in (False, True):
        for idx, values in joined({}, typed, is_excluded=is_excluded).items():
            carried = catalog.carries_any(idx, values)
            met &= ~carried if is_excluded else carried
    return met
