"""The queries of the three use cases and their target labels (docs/evaluation.md)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED

CHUNK = 512
"""Query items compared with all label vectors of the gallery at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuerySet:
    """Queries of one use case, all with the same number of changes."""

    num_changes: int
    num_valid: int
    """Queries there are; more than are here where they were sampled."""
    items: NDArray[np.int64]
    """(Q,) place of the query item in the gallery."""
    targets: NDArray[np.int16]
    """(Q, M) wanted label vector; -1 where the item has no label and none is asked for."""
    changed: NDArray[np.bool_]
    """(Q, M): True where the request changes the super-category."""

    def __len__(self) -> int:
        return len(self.items)


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
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[QuerySet]:
    """Return the valid queries over a gallery that is also the query set, by number of changes.

    Without a change: the items of which another has exactly the same label vector. With changes:
    for every item, every label vector of the gallery that differs in exactly that many
    super-categories and is labelled in each of them; so every query has an answer. A missing label
    counts as a value of its own, and a change may add a value where the item has none.

    Counted first and drawn then, so that memory holds only what was drawn: with three changes a
    gallery of 20,000 has some hundred million.

    Args:
        labels: (G, M) values, -1 where unlabelled.
        changes: Numbers of changes, each 0 or more.
        num_changeable: The first so many columns may be changed; the others stay. All by default.
        limit: Most queries a number of changes; more are drawn at random with a fixed seed,
            without replacement.
        on_progress: Told the query items looked at, twice over, and their total.

    Returns:
        One set for each number of changes; queries by item, then by target.
    """
    pairs = _Pairs(labels, labels.shape[1] if num_changeable is None else num_changeable)
    total = 2 * len(labels)
    counts = [[0] for _ in changes]
    for stop, masks in pairs.chunks(changes):
        for one, mask in zip(counts, masks, strict=True):
            one.append(one[-1] + int(mask.sum()))
        on_progress(stop, total)
    rng = np.random.default_rng(0)
    wanted = [_drawn(one[-1], limit, rng) for one in counts]
    found: list[list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = [[] for _ in changes]
    for chunk, (stop, masks) in enumerate(pairs.chunks(changes)):
        for parts, before, places, mask in zip(found, counts, wanted, masks, strict=True):
            first, last = np.searchsorted(places, before[chunk : chunk + 2])
            item, vector = np.nonzero(mask)
            kept = places[first:last] - before[chunk]
            parts.append((item[kept] + chunk * CHUNK, vector[kept]))
        on_progress(len(labels) + stop, total)
    return [
        pairs.query_set(num_changes, before[-1], parts)
        for num_changes, before, parts in zip(changes, counts, found, strict=True)
    ]


def _drawn(num_valid: int, limit: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    if limit is None or num_valid <= limit:
        return np.arange(num_valid)
    return np.sort(rng.choice(num_valid, limit, replace=False))


class _Pairs:
    """All pairs of an item and a label vector of the gallery, a chunk of items at a time."""

    def __init__(self, labels: NDArray[np.int16], num_changeable: int) -> None:
        self._labels = labels
        self._num_changeable = num_changeable
        self._vectors, vector_of_item, self._counts = np.unique(
            labels, axis=0, return_inverse=True, return_counts=True
        )
        self._vector_of_item = vector_of_item.reshape(-1)

    def chunks(self, changes: Sequence[int]) -> Iterator[tuple[int, list[NDArray[np.bool_]]]]:
        """Yield the end of a chunk and, by number of changes, its valid pairs (chunk, V)."""
        for start in range(0, len(self._labels), CHUNK):
            part = slice(start, min(start + CHUNK, len(self._labels)))
            differing, allowed = self._compared(part)
            yield part.stop, [self._valid(part, differing, allowed, one) for one in changes]

    def _compared(self, part: slice) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        labels = self._labels[part]
        differing = np.zeros((len(labels), len(self._vectors)), dtype=np.int8)
        allowed = np.ones_like(differing, dtype=bool)
        for column in range(labels.shape[1]):
            differs = labels[:, column, None] != self._vectors[None, :, column]
            differing += differs
            if column >= self._num_changeable:
                allowed &= ~differs
            elif (emptied := self._vectors[:, column] == UNLABELED).any():
                allowed &= ~(differs & emptied)
        return differing, allowed

    def _valid(
        self,
        part: slice,
        differing: NDArray[np.int8],
        allowed: NDArray[np.bool_],
        num_changes: int,
    ) -> NDArray[np.bool_]:
        valid: NDArray[np.bool_] = (differing == num_changes) & allowed
        if num_changes == 0:  # its own vector, if another item carries it too
            valid &= (self._counts[self._vector_of_item[part]] > 1)[:, None]
        return valid

    def query_set(
        self,
        num_changes: int,
        num_valid: int,
        parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> QuerySet:
        nowhere = np.empty(0, dtype=np.int64)
        items = np.concatenate([nowhere, *(item for item, _ in parts)])
        targets = self._vectors[np.concatenate([nowhere, *(vector for _, vector in parts)])]
        return QuerySet(
            num_changes=num_changes,
            num_valid=num_valid,
            items=items,
            targets=targets,
            changed=targets != self._labels[items],
        )
