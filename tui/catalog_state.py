"""What the catalog shows: the items that a text search and facets leave, in an order.

Facets are of labels and facts, and of pictures that have gone. Facets, chips, title and grid are
read from one ``CatalogState``; keys change it there. Values that were typed are facets as well: the
rail shows them as chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Chosen, Facets, facets_of
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.fact_facets import Facet, conditions_on
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.picture_states import PICTURE_STATES
from datrnet.core.catalog.sort_order import AS_IMPORTED, Order, ranks, sorted_rows
from datrnet.core.catalog.text_query import TextQuery
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.query_state import Filters, History, QueryState, Values
from datrnet.tui.snapshot import RowMap, Snapshot
from datrnet.tui.text_search import NOTHING_UNDERSTOOD, joined, meets, values_of

NO_LABEL = "no label"
UNKNOWN = "unknown"
"""Where an item does not have a fact."""

Picks = Mapping[tuple[str, bool], frozenset[str | None]]
"""Values by category and whether they are left out; None is no label."""


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What narrows the catalog down: a state that can be undone.

    By names, which mean the same in a later catalog.
    """

    text: str = ""
    """The text search; empty without one."""
    picks: Picks = field(default_factory=dict)
    """What was chosen and left out in the rail."""

    def without(self, name: str, value: str | None) -> "CatalogQuery":
        """Return the query with a value of a category neither chosen nor left out."""
        picks = {
            key: left
            for key, values in self.picks.items()
            if (left := values - {value} if key[0] == name else values)
        }
        return replace(self, picks=picks)


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
        self._history = History([CatalogQuery()])
        self.text = ""
        """The text search whose items are shown; that of ``query`` may still be under way."""
        self.understood = NOTHING_UNDERSTOOD
        """What was understood of it; nothing where all of it is searched in titles."""
        self._more_facets: list[Facet] = []
        """Facets of something else than labels, which take longer to find."""
        self._found = snapshot.rows
        """What the text search found, which facets and typed values narrow down."""
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
        self._more_facets = []
        rows = row_map.rows[self._found]
        self._found = snapshot.only_shown(rows[rows >= 0]) if self.text else snapshot.rows
        self._use(snapshot)

    @property
    def query(self) -> CatalogQuery:
        """What the catalog is to be narrowed down by."""
        return self._history.state

    def _narrow_down(self) -> None:
        catalog = self.snapshot.catalog
        typed = [values_of(term, catalog) for term in self.understood.terms]
        self.chosen = joined(self._picked(is_excluded=False), typed, is_excluded=False)
        """Of categories the values of which an item must have one, -1 for no label; as chosen in
        the rail and as typed."""
        self.excluded = joined(self._picked(is_excluded=True), typed, is_excluded=True)
        """The values that an item must not have."""
        is_met = meets(self.understood, catalog) if any(typed) else None
        self._num_found = len(self._found) if is_met is None else int(is_met[self._found].sum())
        facets = self._count(self._found, self.chosen, self.excluded)
        self.counts = facets.counts
        """(V + 1,) items with each value, by category: no label last."""
        self.rows = facets.rows
        """The items to show."""
        if self.order != Order():  # else in the catalog's order, or the best match first
            self.rows = sorted_rows(facets.rows, self._ranks[self.order.key], self.order)

    def _picked(self, *, is_excluded: bool) -> dict[int, frozenset[int]]:
        """Return what was picked by the places of categories and values that there are."""
        found = {}
        for idx, category in enumerate(self.categories):
            if names := self.query.picks.get((category.name, is_excluded)):
                numbers = range(-1, len(category.values))
                places = dict(zip((None, *category.values), numbers, strict=True))
                if values := frozenset(places[name] for name in names if name in places):
                    found[idx] = values
        return found

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
            rows: What was found; values that were typed narrow it down here.
            understood: What was understood of the text.
            is_complete: Whether that is all.
        """
        self.text, self._found, self.is_complete = text, rows, is_complete
        self.understood = understood
        self._history.propose(replace(self.query, text=text))
        self._narrow_down()

    def settle(self) -> None:
        """Turn the text as it was typed so far into a step."""
        self._history.settle()

    def toggle(self, idx: int, value: int) -> None:
        """Choose a value of a category, or no longer; words for it leave the text."""
        self._pick(idx, value, is_excluded=False)

    def exclude(self, idx: int, value: int) -> None:
        """Leave out the items with a value of a category, or no longer."""
        self._pick(idx, value, is_excluded=True)

    def _pick(self, idx: int, value: int, *, is_excluded: bool) -> None:
        picked = value in (self.excluded if is_excluded else self.chosen).get(idx, ())
        category = self.categories[idx]
        name = None if value == UNLABELED else category.values[value]
        text = self._text_without(lambda values: (idx, value) in values)
        query = replace(self.query.without(category.name, name), text=text)
        if not picked:
            key = category.name, is_excluded
            values = query.picks.get(key, frozenset()) | {name}
            query = replace(query, picks={**query.picks, key: values})
        self._step(query)

    def _text_without(self, is_unwanted: Callable[[Mapping[tuple[int, int], bool]], object]) -> str:
        """Take words for values out of the text, unless it is still searched for."""
        if self.text != self.query.text:
            return self.query.text
        for at in reversed(range(len(self.understood.terms))):
            terms = self.understood.terms
            if is_unwanted(values_of(terms[at], self.snapshot.catalog)):
                self.text = self._search_filters[at].rest
                self.understood = replace(self.understood, terms=(*terms[:at], *terms[at + 1 :]))
        return self.text

    def _step(self, query: CatalogQuery) -> bool:
        is_other = self._history.step(query)
        self._narrow_down()
        return is_other

    def drop(self, chip: Filter) -> None:
        """Clear the values of a facet's chip."""
        assert chip.super_category is not None
        dropped = self.categories[chip.super_category].name, chip.is_excluded
        left = {key: values for key, values in self.query.picks.items() if key != dropped}
        self._step(replace(self.query, picks=left))

    def clear_facets(self) -> bool:
        """Clear all values, typed ones as well; return whether there were any."""
        return self._step(CatalogQuery(self._text_without(bool)))

    def clear_picks(self) -> bool:
        """Clear what was picked in the rail; return whether there was anything."""
        return self._step(replace(self.query, picks={}))

    def clear_text(self) -> bool:
        """Clear the text search; return whether there was one."""
        self._find_all()
        return self._step(replace(self.query, text=""))

    def clear(self) -> None:
        """Clear the search and the facets."""
        self._find_all()
        self._step(CatalogQuery())

    def _find_all(self) -> None:
        self.text, self.understood = "", NOTHING_UNDERSTOOD
        self._found, self.is_complete = self.snapshot.rows, True

    def undo(self) -> bool:
        """Undo the last change; return whether there was one. Its text is to be searched again."""
        return self._went(self._history.undo())

    def redo(self) -> bool:
        """Redo the last undone change; return whether there was one."""
        return self._went(self._history.redo())

    def _went(self, is_other: bool) -> bool:
        if not self.query.text:
            self._find_all()
        self._narrow_down()
        return is_other

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
        self._more_facets += facets
        self.relabel(self.snapshot)

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
        """The values picked in the rail: a filter per category of chosen and of excluded ones."""
        return [
            Filter(
                f"{self.categories[idx].name} {'not ' if is_excluded else ''}"
                + " or ".join(self.value_name(idx, value) for value in sorted(values)),
                idx,
                is_excluded,
            )
            for is_excluded in (False, True)
            for idx, values in self._picked(is_excluded=is_excluded).items()
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
            words = f"{filters[-1].words} {self.told(self._num_found)}"
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
        if self.facets and self._num_found:
            found = "No result of the search" if self.text else "No item"
            return f"{found} is {sanitize(self.facet_words)}. Escape clears the facets."
        if self.understood.terms:
            return f"No item matches {sanitize(self.understood.words)}. Remove a part above."
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


def conditions_of(state: CatalogState) -> tuple[QueryState, tuple[str, ...]]:
    """Return what the catalog's conditions ask of substitutes; words of titles ask for nothing.

    Returns:
        The state, and the conditions that no search can have, in words.
    """
    catalog, left_out = state.snapshot.catalog, list[str]()
    typed = Conditions.of(catalog, state.understood.conditions)
    where, others = dict(typed.labels), typed.others
    for facet in state.facets:
        if (found := _of_facet(state, facet)) is None:
            left_out.append(facet.words)
            continue
        labels, conditions = found
        where |= labels  # a facet's values include the typed ones
        others += conditions
    left_out += [term.words for term in state.understood.terms if term.is_either]
    excluded: dict[str, tuple[str, ...]] = {}
    names = {category.name for category in catalog.super_categories}
    for condition in others:
        if condition.name in names:
            kept = excluded.get(condition.name, ())
            excluded[condition.name] = tuple(dict.fromkeys((*kept, condition.value)))
    filters = Filters(where, tuple(it for it in others if it.name not in names))
    return QueryState(excluded=excluded, filters=filters), tuple(left_out)


def _of_facet(state: CatalogState, facet: Filter) -> tuple[Values, tuple[Condition, ...]] | None:
    """Return what a facet asks for: labels, and other conditions; None if no search can."""
    idx = facet.super_category
    assert idx is not None
    picked = (state.excluded if facet.is_excluded else state.chosen)[idx]
    category, catalog = state.categories[idx], state.snapshot.catalog
    if UNLABELED in picked or category is PICTURE_STATES:
        return None
    values = tuple(state.value_name(idx, value) for value in sorted(picked))
    if idx >= len(catalog.super_categories):
        column = catalog.facts.column(category.name)
        found = conditions_on(column, values, is_excluded=facet.is_excluded)
        return None if found is None else ({}, found)
    if facet.is_excluded:
        return {}, tuple(Condition(category.name, "!=", value) for value in values)
    return {category.name: values}, ()
