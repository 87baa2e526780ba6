"""Queries of the three use cases and their target labels; see docs/evaluation.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.value_sets import as_sets, share_value, trimmed
from datrnet.core.progress import StepProgress, no_progress

CHUNK = 512
"""Query items compared with all label vectors of the gallery at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuerySet:
    """Queries with the same number of changes."""

    num_changes: int
    num_valid: int
    """Number of valid queries before sampling."""
    items: NDArray[np.int64]
    """(Q,) index of the query item in the gallery."""
    targets: NDArray[np.int16]
    """(Q, M) wanted values; where nothing changes, the item's first value, -1 without one."""
    changed: NDArray[np.bool_]
    """(Q, M): True where the request changes the super-category."""

    def __len__(self) -> int:
        return len(self.items)

    def wanted(self, value_sets: NDArray[np.int16], part: slice) -> NDArray[np.int16]:
        """Return the values (q, M, L) of which a hit carries one, for some of the queries.

        Args:
            value_sets: (G, M, L) of the gallery.
            part: Of the queries.
        """
        own, changed = value_sets[self.items[part]], self.changed[part, :, None]
        return np.where(changed, self.targets[part, :, None], own)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenQueries:
    """Queries that come with a data set."""

    query_sets: tuple[QuerySet, ...]
    """By number of changes."""
    num_left_out: int
    """Queries whose item is not in the gallery, or whose target no item of it carries."""
    source: str
    """Name of the folder they come from."""


def enumerate_queries(
    labels: NDArray[np.int16], num_changes: int, *, num_changeable: int | None = None
) -> QuerySet:
    """Return every valid query with a number of changes; see ``draw_queries``."""
    return draw_queries(labels, (num_changes,), num_changeable=num_changeable)[0]


def draw_queries(
    labels: NDArray[np.int16],
    changes: Sequence[int],
    *,
    num_changeable: int | None = None,
    limit: int | None = None,
    groups: NDArray[np.intp] | None = None,
    on_progress: StepProgress = no_progress,
) -> list[QuerySet]:
    """Return the valid queries of a gallery, whose items are also the query items.

    Without changes, an item is a query if an item of another group has the same label vector. With
    changes, every item is paired with every label vector of the gallery that differs in exactly
    that many super-categories and is labeled in each of them, so every query has an answer. A
    missing label counts as a value of its own, and a change may add a value to an unlabeled item.

    Sets of values differ where they share none. A change asks for the first value of the other set.

    Queries are counted first and then drawn, so that memory holds only the drawn ones: with three
    changes a gallery of 20,000 items has about a hundred million.

    Args:
        labels: (G, M) values, -1 where unlabeled; or (G, M, L) sets of values.
        changes: Numbers of changes, each 0 or more.
        num_changeable: Number of leading columns that may be changed; all by default.
        limit: Maximum number of queries per number of changes; sampled without replacement with a
            fixed seed.
        groups: (G,) number of the group of each item; by default each is a group of its own.
        on_progress: Called with the query items processed, in two passes, and their total.

    Returns:
        A set for each number of changes; queries ordered by item, then by target.
    """
    sets = as_sets(labels, 2)
    own_group = np.arange(len(sets)) if groups is None else groups
    pairs = _Pairs(sets, sets.shape[1] if num_changeable is None else num_changeable, own_group)
    total = 2 * len(labels)
    counts = [[0] for _ in changes]
    for stop, masks in pairs.chunks(changes):
        for totals, mask in zip(counts, masks, strict=True):
            totals.append(totals[-1] + int(mask.sum()))
        on_progress(stop, total)
    rng = np.random.default_rng(0)
    drawn = [_draw(totals[-1], limit, rng) for totals in counts]
    found = [[np.empty((2, 0), dtype=np.int64)] for _ in changes]  # items and their targets
    for chunk, (stop, masks) in enumerate(pairs.chunks(changes)):
        for parts, before, places, mask in zip(found, counts, drawn, masks, strict=True):
            first, last = np.searchsorted(places, before[chunk : chunk + 2])
            part = np.stack(np.nonzero(mask))[:, places[first:last] - before[chunk]]
            part[0] += chunk * CHUNK
            parts.append(part)
        on_progress(len(labels) + stop, total)
    query_sets = []
    for num_changes, before, parts in zip(changes, counts, found, strict=True):
        items, vectors = np.concatenate(parts, axis=1)
        changed = ~share_value(pairs.vectors[vectors], sets[items])
        targets = np.where(changed, pairs.vectors[vectors][:, :, 0], sets[items][:, :, 0])
        query_sets.append(
            QuerySet(
                num_changes=num_changes,
                num_valid=before[-1],
                items=items,
                targets=targets,
                changed=changed,
            )
        )
    return query_sets


def _draw(num_valid: int, limit: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    if limit is None or num_valid <= limit:
        return np.arange(num_valid)
    return np.sort(rng.choice(num_valid, limit, replace=False))


class _Pairs:
    """All pairs of an item and a distinct label vector, in chunks of items."""

    def __init__(
        self, sets: NDArray[np.int16], num_changeable: int, groups: NDArray[np.intp]
    ) -> None:
        self._sets, self._num_changeable, self._groups = sets, num_changeable, groups
        flat, vector_of_item = np.unique(
            sets.reshape(len(sets), sets.shape[1] * sets.shape[2]), axis=0, return_inverse=True
        )
        self.vectors: NDArray[np.int16] = flat.reshape(len(flat), *sets.shape[1:])
        # each group counts once among the items with a vector
        carriers = np.unique(np.stack([groups, vector_of_item.reshape(-1)]), axis=1)
        self._num_groups = np.bincount(carriers[1], minlength=len(flat)).astype(np.int32)
        self._carriers = carriers

    def chunks(self, changes: Sequence[int]) -> Iterator[tuple[int, list[NDArray[np.bool_]]]]:
        """Yield the end of each chunk and its valid pairs (chunk, V) by number of changes."""
        for start in range(0, len(self._sets), CHUNK):
            sets = self._sets[start : start + CHUNK]
            num_differing = np.zeros((len(sets), len(self.vectors)), dtype=np.int8)
            allowed = np.ones_like(num_differing, dtype=bool)
            requests = np.zeros(num_differing.shape, dtype=np.int64)
            for column in range(sets.shape[1]):
                own, others = trimmed(sets[:, column]), trimmed(self.vectors[:, column])
                differs = ~share_value(own[:, None], others[None])
                num_differing += differs
                if column >= self._num_changeable:
                    allowed &= ~differs
                elif (emptied := others[:, 0] == UNLABELED).any():
                    allowed &= ~(differs & emptied)
                if self._sets.shape[2] > 1:
                    requests = requests * _PRIME + np.where(differs, others[:, 0] + 1, 0)
            stop = start + len(sets)
            masks = [
                # where nothing changes, an item of another group has to have the vector
                (num_differing == num) & allowed & (num > 0 or self._has_others(start, stop))
                for num in changes
            ]
            if self._sets.shape[2] > 1:  # then several vectors can ask for the same
                masks = [_without_repeats(mask, requests) for mask in masks]
            yield stop, masks

    def _has_others(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which vectors (chunk, V) an item of another group has."""
        groups, vectors = self._carriers
        found = np.broadcast_to(self._num_groups, (stop - start, len(self.vectors))).copy()
        firsts, lasts = (
            np.searchsorted(groups, self._groups[start:stop], side) for side in ("left", "right")
        )
        for row, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
            found[row, vectors[first:last]] -= 1
        return found > 0


_PRIME = 1_000_003
"""Multiplier of the hash of a request."""


def _without_repeats(mask: NDArray[np.bool_], requests: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs of (n, V) are the first of their row with their request."""
    order = np.argsort(np.where(mask, requests, -1), axis=1, kind="stable")
    ordered = np.take_along_axis(np.where(mask, requests, -1), order, axis=1)
    is_repeat = np.zeros_like(mask)
    is_repeat[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeats = np.zeros_like(mask)
    np.put_along_axis(repeats, order, is_repeat, axis=1)
    return mask & ~repeats
