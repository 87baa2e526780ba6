"""Unmet requests: popular values that no item combines, and session requests without a result.

If the values of two super-categories were independent, n(x) n(y) / n items would carry both x and
y, out of the n items labeled in both. If a few are expected but the catalog has none, the
combination is a gap in the assortment; more expected items make a larger gap. Requests of sessions
that filtered by labels and that no item meets come first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.value_sets import count_values, paired_values
from datrnet.core.errors import DatabaseError, DatrnetError, UnknownNameError
from datrnet.core.retrieval.request import Request, Substitute
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.label_issues import typical_rows
from datrnet.core.sessions.steps import steps_of
from datrnet.db.store import Store

MIN_EXPECTED = 2.0
"""Expected number of items below which their absence may be chance."""

Wanted = tuple[tuple[str, str], ...]
"""Super-categories with a value each, in the catalog's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetRequest:
    """Values that no item combines."""

    wanted: Wanted
    expected: float
    """Number of items that would combine them if values were independent."""
    counts: Mapping[str, int]
    """Number of items with each of the values, by super-category."""
    sessions: int = 0
    """Number of sessions that requested it without a result."""
    asked_of: str | None = None
    """Code of the item for which it was last requested."""

    @property
    def key(self) -> Wanted:
        """What identifies the request."""
        return self.wanted

    @property
    def words(self) -> str:
        """The wanted values in words."""
        return ", ".join(f"{name} {value}" for name, value in self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosestMatch:
    """The search that comes closest to an unmet request, with its first result."""

    row: int
    """Catalog row of the query item."""
    changes: Mapping[str, str] = field(default_factory=dict)
    nearest: Substitute | None = None


def unmet_requests(
    catalog: Catalog,
    requests: Iterable["SessionRequest"] = (),
    super_category: str | None = None,
) -> list[UnmetRequest]:
    """Return the unmet requests, by number of sessions and then by number of expected items.

    Args:
        catalog: All items.
        requests: Requests of sessions; those that an item meets are skipped.
        super_category: Restrict the result to this super-category, in any case.

    Raises:
        UnknownNameError: There is no such super-category.
    """
    only = None if super_category is None else catalog.super_category_idx(super_category)
    unmet = {request.wanted: request for request in _missing_pairs(catalog, only)}
    for wanted, (sessions, asked_of) in _without_result(catalog, requests).items():
        names = {name for name, _ in wanted}
        if only is None or catalog.super_categories[only].name in names:
            request = unmet.get(wanted) or _unmet(catalog, wanted)
            unmet[wanted] = replace(request, sessions=sessions, asked_of=asked_of)
    return sorted(
        unmet.values(),
        key=lambda request: (-request.sessions, -request.expected, request.wanted),
    )


def _missing_pairs(catalog: Catalog, only: int | None) -> Iterator[UnmetRequest]:
    """Yield the pairs of values that no item combines although some are expected."""
    categories = catalog.super_categories
    for a, b in combinations(range(len(categories)), 2):
        if only is not None and only not in (a, b):
            continue
        counts, expected = _contingency_table(catalog, a, b)
        for first, second in np.argwhere((counts == 0) & (expected >= MIN_EXPECTED)):
            wanted = (
                (categories[a].name, categories[a].values[first]),
                (categories[b].name, categories[b].values[second]),
            )
            yield replace(_unmet(catalog, wanted), expected=float(expected[first, second]))


def _contingency_table(
    catalog: Catalog, a: int, b: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the number of items (V, W) with each pair of values of two super-categories.

    The second table is the number to be expected if values were independent.
    """
    num_first, num_second = (len(catalog.super_categories[idx].values) for idx in (a, b))
    sets = catalog.value_sets[catalog.shown_rows][:, [a, b]]
    first, second = sets[(sets[:, :, 0] != UNLABELED).all(axis=1)].swapaxes(0, 1)
    counts = count_values(paired_values(first, second, num_second), num_first * num_second)
    singles = count_values(first, num_first), count_values(second, num_second)
    return counts.reshape(num_first, num_second), np.outer(*singles) / max(len(first), 1)


def _unmet(catalog: Catalog, wanted: Wanted) -> UnmetRequest:
    counts = {name: int(_carries_any(catalog, name, (value,)).sum()) for name, value in wanted}
    num_items = len(catalog.shown_rows)
    shares = np.array(list(counts.values())) / max(num_items, 1)
    expected = float(shares.prod() * num_items)
    return UnmetRequest(wanted=wanted, expected=expected, counts=counts)


def _carries_any(catalog: Catalog, name: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """Return which items (N,) are not hidden and carry one of the values."""
    idx = catalog.super_category_idx(name)
    numbers = [catalog.value_idx(idx, value) for value in values]
    return catalog.carries_any(idx, numbers) & ~catalog.is_hidden


# ── requests of sessions ─────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A filtered request of a session."""

    session: int
    item: str
    where: Mapping[str, tuple[str, ...]]
    """Labels of which a result must carry one."""


def session_requests(store: Store) -> list[SessionRequest]:
    """Return the filtered requests of all sessions, skipping damaged ones.

    Raises:
        DatabaseError: The database cannot be read.
    """
    found = []
    for session in store.sessions():
        try:
            steps = steps_of(store, session)
        except DatabaseError:
            continue  # damaged; `datrnet session show` reports it
        found += [
            SessionRequest(session=session.id, item=step.item, where=step.where)
            for step in steps
            if step.where
        ]
    return found


def _without_result(
    catalog: Catalog, requests: Iterable[SessionRequest]
) -> dict[Wanted, tuple[int, str]]:
    """Return the number of sessions with each request that no item meets, and its last item."""
    sessions: dict[Wanted, set[int]] = {}
    asked_of: dict[Wanted, tuple[int, str]] = {}
    for request in requests:
        try:
            rows = ~catalog.is_hidden
            for name, values in request.where.items():
                rows &= _carries_any(catalog, name, values)
        except UnknownNameError:
            continue  # the catalog no longer has the value
        if (row := catalog.find_code(request.item)) is not None:
            rows[row] = False  # an item is not its own result
        if rows.any():
            continue
        wanted = _wanted(catalog, request.where)
        sessions.setdefault(wanted, set()).add(request.session)
        if request.session >= asked_of.get(wanted, (0, ""))[0]:
            asked_of[wanted] = request.session, request.item
    return {wanted: (len(ids), asked_of[wanted][1]) for wanted, ids in sessions.items()}


def _wanted(catalog: Catalog, where: Mapping[str, tuple[str, ...]]) -> Wanted:
    """Return the first value of each filter, in the catalog's order and spelling."""
    wanted = []
    for idx, value in sorted((catalog.super_category_idx(name), where[name][0]) for name in where):
        category = catalog.super_categories[idx]
        wanted.append((category.name, category.values[catalog.value_idx(idx, value)]))
    return tuple(wanted)


# ── closest match ────────────────────────────────────────────────────────────


def closest_match(searcher: Searcher, unmet: UnmetRequest) -> ClosestMatch | None:
    """Search for the closest match to an unmet request.

    The query is the item of the last session that requested it, else a typical item of the first
    value that an item carries; the other values become changes.

    Args:
        searcher: The catalog and its index.
        unmet: The request.

    Returns:
        None without a query item; no result if the index does not cover a wanted value.
    """
    row = _query_row(searcher, unmet)
    if row is None:
        return None
    carried = searcher.catalog.values_of(row)
    changes = {name: value for name, value in unmet.wanted if value not in carried[name]}
    found: Sequence[Substitute] = ()
    with suppress(DatrnetError):  # the index lacks the item or a wanted value
        found = searcher.substitutes(searcher.query_of_item(row), Request(changes=changes, k=1))
    return ClosestMatch(row=row, changes=changes, nearest=found[0] if found else None)


def _query_row(searcher: Searcher, unmet: UnmetRequest) -> int | None:
    catalog = searcher.catalog
    if unmet.asked_of is not None and (row := catalog.find_code(unmet.asked_of)) is not None:
        return row
    for name, value in unmet.wanted:
        if name in searcher.names and not searcher.is_entangled:
            rows = typical_rows(searcher, name, value, 1)
        else:
            rows = [int(row) for row in np.flatnonzero(_carries_any(catalog, name, (value,)))[:1]]
        if rows:
            return rows[0]
    return None
