"""Queries of the three use cases and their target labels; see docs/evaluation.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
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
    """(Q, M) wanted label vector; -1 where the item is unlabeled and no value is wanted."""
    changed: NDArray[np.bool_]
    """(Q, M): True where the request changes the super-category."""

    def __len__(self) -> int:
        return len(self.items)


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
    on_progress: StepProgress = no_progress,
) -> list[QuerySet]:
    """Return the valid queries of a gallery, whose items are also the query items.

    Without changes, an item is a query if another item has the same label vector. With changes,
    every item is paired with every label vector of the gallery that differs in exactly that many
    super-categories and is labeled in each of them, so every query has an answer. A missing label
    counts as a value of its own, and a change may add a value to an unlabeled item.

    Queries are counted first and then drawn, so that memory holds only the drawn ones: with three
    changes a gallery of 20,000 items has about a hundred million.

    Args:
        labels: (G, M) values, -1 where unlabeled.
        changes: Numbers of changes, each 0 or more.
        num_changeable: Number of leading columns that may be changed; all by default.
        limit: Maximum number of queries per number of changes; sampled without replacement with a
            fixed seed.
        on_progress: Called with the query items processed, in two passes, and their total.

    Returns:
        A set for each number of changes; queries ordered by item, then by target.
    """
    pairs = _Pairs(labels, labels.shape[1] if num_changeable is None else num_changeable)
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
        targets = pairs.vectors[vectors]
        query_sets.append(
            QuerySet(
                num_changes=num_changes,
                num_valid=before[-1],
                items=items,
                targets=targets,
                changed=targets != labels[items],
            )
        )
    return query_sets


def _draw(num_valid: int, limit: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    if limit is None or num_valid <= limit:
        return np.arange(num_valid)
    return np.sort(rng.choice(num_valid, limit, replace=False))


class _Pairs:
    """All pairs of an item and a distinct label vector, in chunks of items."""

    def __init__(self, labels: NDArray[np.int16], num_changeable: int) -> None:
        self._labels, self._num_changeable = labels, num_changeable
        self.vectors, vector_of_item, num_items = np.unique(
            labels, axis=0, return_inverse=True, return_counts=True
        )
        self._has_twin = num_items[vector_of_item.reshape(-1)] > 1

    def chunks(self, changes: Sequence[int]) -> Iterator[tuple[int, list[NDArray[np.bool_]]]]:
        """Yield the end of each chunk and its valid pairs (chunk, V) by number of changes."""
        for start in range(0, len(self._labels), CHUNK):
            labels = self._labels[start : start + CHUNK]
            num_differing = np.zeros((len(labels), len(self.vectors)), dtype=np.int8)
            allowed = np.ones_like(num_differing, dtype=bool)
            for column in range(labels.shape[1]):
                differs = labels[:, column, None] != self.vectors[None, :, column]
                num_differing += differs
                if column >= self._num_changeable:
                    allowed &= ~differs
                elif (emptied := self.vectors[:, column] == UNLABELED).any():
                    allowed &= ~(differs & emptied)
            stop = start + len(labels)
            # its own vector is an answer if another item has it too
            answered = (num_differing > 0) | self._has_twin[start:stop, None]
            yield stop, [(num_differing == num) & allowed & answered for num in changes]
