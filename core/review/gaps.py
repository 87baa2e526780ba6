"""Requests without an answer: two values that no item carries together although each is popular.

Were the values of two super-categories spread evenly over each other, n(x) n(y) / n items would
carry both x and y, of the n that are labelled in both. Where that is at least a few and the
catalogue has none, there is a gap in the assortment, the wider the more items are expected. What
sessions have asked for in vain comes first: requests whose labels were to be kept exactly and that
no item meets.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.errors import DatabaseError, DatrnetError, UnknownNameError
from datrnet.core.retrieval.request import Request, Substitute
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.nearness import typical_rows
from datrnet.core.sessions.steps import Step, steps_of
from datrnet.db.store import Store

LEAST_EXPECTED = 2.0
"""Items that both values would share, below which their absence may be chance."""

Wanted = tuple[tuple[str, str], ...]
"""Super-categories with a value each, in the catalogue's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Values that no item carries together."""

    wanted: Wanted
    expected: float
    """Items that would carry all of them, were values spread evenly."""
    counts: Mapping[str, int]
    """How many items carry each of the values, by super-category."""
    sessions: int = 0
    """Sessions in which it was asked for in vain."""
    asked_of: str | None = None
    """The code of the item that it was asked of last."""

    @property
    def words(self) -> str:
        """What is wanted, in words."""
        return ", ".join(f"{name} {value}" for name, value in self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopgap:
    """What comes nearest to a gap: a request that can be asked, and its first answer."""

    row: int
    """Of the item that is asked with."""
    changes: Mapping[str, str] = field(default_factory=dict)
    nearest: Substitute | None = None


def gaps_of(
    catalog: Catalog,
    asked: Iterable["Asked"] = (),
    super_category: str | None = None,
    least: float = LEAST_EXPECTED,
) -> list[Gap]:
    """Return the gaps, those asked for in most sessions first, then by how many are expected.

    Args:
        catalog: All items.
        asked: Requests of sessions; those that an item answers are left out.
        super_category: Only pairs with a value of this one, in any case; all pairs by default.
        least: Items expected, below which a pair that nobody asked for is left out.

    Raises:
        UnknownNameError: There is no such super-category.
    """
    only = None if super_category is None else catalog.super_category_idx(super_category)
    found = {gap.wanted: gap for gap in _uneven(catalog, only, least)}
    for wanted, (sessions, asked_of) in _in_vain(catalog, asked).items():
        names = {name for name, _ in wanted}
        if only is None or catalog.super_categories[only].name in names:
            gap = found.get(wanted) or _gap(catalog, wanted)
            found[wanted] = replace(gap, sessions=sessions, asked_of=asked_of)
    return sorted(found.values(), key=lambda one: (-one.sessions, -one.expected, one.wanted))


def _uneven(catalog: Catalog, only: int | None, least: float) -> Iterator[Gap]:
    """Yield the pairs of values of two super-categories that no item carries, but some should."""
    for one, other in combinations(range(len(catalog.super_categories)), 2):
        if only is not None and only not in (one, other):
            continue
        together = _table(catalog, one, other)
        total = together.sum()
        firsts, seconds = together.sum(axis=1), together.sum(axis=0)
        expected = np.outer(firsts, seconds) / max(total, 1)
        for first, second in np.argwhere((together == 0) & (expected >= least)):
            categories = catalog.super_categories
            wanted = (
                (categories[one].name, categories[one].values[first]),
                (categories[other].name, categories[other].values[second]),
            )
            yield replace(_gap(catalog, wanted), expected=float(expected[first, second]))


def _table(catalog: Catalog, one: int, other: int) -> NDArray[np.int64]:
    """Return how many items carry each value of one and each of the other (V, W)."""
    shape = tuple(len(catalog.super_categories[idx].values) for idx in (one, other))
    labels = catalog.labels[:, [one, other]].astype(np.int64)
    labels = labels[(labels != UNLABELED).all(axis=1)]
    counts = np.bincount(labels[:, 0] * shape[1] + labels[:, 1], minlength=shape[0] * shape[1])
    return counts.reshape(shape)


def _gap(catalog: Catalog, wanted: Wanted) -> Gap:
    counts = {name: int(_carry(catalog, name, (value,)).sum()) for name, value in wanted}
    shares = np.array(list(counts.values())) / max(catalog.num_items, 1)
    return Gap(wanted=wanted, expected=float(shares.prod() * catalog.num_items), counts=counts)


def _carry(catalog: Catalog, name: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """Return which items (N,) carry one of the values."""
    idx = catalog.super_category_idx(name)
    numbers = [catalog.value_idx(idx, value) for value in values]
    return np.isin(catalog.labels[:, idx], numbers)


# ── what sessions asked for ──────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a session."""

    session: int
    item: str
    where: Mapping[str, tuple[str, ...]]
    """Labels of which an answer had to carry one."""


def asked_in(store: Store) -> list[Asked]:
    """Return the requests with conditions of all sessions; what cannot be read is left out.

    Raises:
        DatabaseError: The database cannot be read.
    """
    found = []
    for session in store.sessions():
        try:
            steps: tuple[Step, ...] = steps_of(store, session)
        except DatabaseError:
            continue  # damaged; `datrnet session show` says so
        found += [
            Asked(session=session.id, item=step.item, where=step.where)
            for step in steps
            if step.where
        ]
    return found


def _in_vain(catalog: Catalog, asked: Iterable[Asked]) -> dict[Wanted, tuple[int, str]]:
    """Return how many sessions asked in vain for what, and of which item last."""
    sessions: dict[Wanted, set[int]] = {}
    asked_of: dict[Wanted, tuple[int, str]] = {}
    for one in asked:
        try:
            rows = np.ones(catalog.num_items, dtype=bool)
            for name, values in one.where.items():
                rows &= _carry(catalog, name, values)
        except UnknownNameError:
            continue  # the catalogue no longer has such a value
        if one.item in catalog.codes:
            rows[catalog.row_of_code(one.item)] = False  # no answer to itself
        if rows.any():
            continue
        wanted = _wanted(catalog, one.where)
        sessions.setdefault(wanted, set()).add(one.session)
        if one.session >= asked_of.get(wanted, (0, ""))[0]:
            asked_of[wanted] = one.session, one.item
    return {wanted: (len(some), asked_of[wanted][1]) for wanted, some in sessions.items()}


def _wanted(catalog: Catalog, where: Mapping[str, tuple[str, ...]]) -> Wanted:
    """Return the condition in the catalogue's order and spelling; of several values the first."""
    named = {catalog.super_category_idx(name): values[0] for name, values in where.items()}
    return tuple(
        (catalog.super_categories[idx].name, _spelled(catalog, idx, value))
        for idx, value in sorted(named.items())
    )


def _spelled(catalog: Catalog, idx: int, value: str) -> str:
    return catalog.super_categories[idx].values[catalog.value_idx(idx, value)]


# ── what comes nearest ───────────────────────────────────────────────────────


def stopgap_of(searcher: Searcher, gap: Gap) -> Stopgap | None:
    """Return the request that comes nearest to a gap, with its first answer.

    It is asked of the item of the last session that asked; else of a typical item of the first
    value, changed to the others.

    Args:
        searcher: The catalogue and its index.
        gap: What no item carries.

    Returns:
        None where there is no item to ask with; without an answer where the index knows nothing of
        a value that is wanted.
    """
    row = _row_to_ask(searcher, gap)
    if row is None:
        return None
    labels = searcher.catalog.labels_of(row)
    changes = {name: value for name, value in gap.wanted if labels[name] != value}
    try:
        query = searcher.query_of_item(row)
        found = searcher.substitutes(query, Request(changes=changes, k=1))
    except DatrnetError:
        return Stopgap(row=row, changes=changes)
    return Stopgap(row=row, changes=changes, nearest=found[0] if found else None)


def _row_to_ask(searcher: Searcher, gap: Gap) -> int | None:
    catalog = searcher.catalog
    if gap.asked_of is not None and gap.asked_of in catalog.codes:
        return catalog.row_of_code(gap.asked_of)
    for name, value in gap.wanted:
        if name in searcher.names and not searcher.is_entangled:
            rows = typical_rows(searcher, name, value, 1)
        else:
            rows = [int(row) for row in np.flatnonzero(_carry(catalog, name, (value,)))[:1]]
        if rows:
            return rows[0]
    return None
