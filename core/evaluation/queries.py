"""The queries of the three use cases and their target labels (docs/evaluation.md)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import UNLABELED

CHUNK = 512
"""Query items compared with all label vectors of the gallery at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuerySet:
    """Queries of one use case, all with the same number of changes."""

    num_changes: int
    items: NDArray[np.int64]
    """(Q,) place of the query item in the gallery."""
    targets: NDArray[np.int16]
    """(Q, A) wanted label vector; -1 where the item has no label and none is asked for."""
    changed: NDArray[np.bool_]
    """(Q, A): True where the request changes the super-category."""

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, limit: int, rng: np.random.Generator) -> "QuerySet":
        """Return at most ``limit`` of the queries, drawn without replacement, in order."""
        if len(self) <= limit:
            return self
        kept = np.sort(rng.choice(len(self), limit, replace=False))
        return QuerySet(
            num_changes=self.num_changes,
            items=self.items[kept],
            targets=self.targets[kept],
            changed=self.changed[kept],
        )


def enumerate_queries(labels: NDArray[np.int16], num_changes: int) -> QuerySet:
    """Return every valid query with a number of changes over a gallery that is also the query set.

    Without a change: the items of which another has exactly the same label vector. With changes:
    for every item, every label vector of the gallery that differs in exactly ``num_changes``
    super-categories and is labelled in each of them; so every query has an answer. A missing label
    counts as a value of its own, and a change may add a value where the item has none.

    Args:
        labels: (G, A) values, -1 where unlabelled.
        num_changes: 0 or more.

    Returns:
        The queries, by item, then by target.
    """
    vectors, vector_of_item, counts = np.unique(
        labels, axis=0, return_inverse=True, return_counts=True
    )
    vector_of_item = vector_of_item.reshape(-1)
    if num_changes == 0:
        items = np.flatnonzero(counts[vector_of_item] > 1)
        return QuerySet(
            num_changes=0,
            items=items,
            targets=labels[items],
            changed=np.zeros((len(items), labels.shape[1]), dtype=bool),
        )
    nowhere = np.empty(0, dtype=np.int64)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = [(nowhere, nowhere)]
    for start in range(0, len(labels), CHUNK):
        part = labels[start : start + CHUNK]
        differing = np.zeros((len(part), len(vectors)), dtype=np.int16)
        emptied = np.zeros_like(differing, dtype=bool)
        for one in range(labels.shape[1]):
            differs = part[:, one, None] != vectors[None, :, one]
            differing += differs
            emptied |= differs & (vectors[:, one] == UNLABELED)
        item, vector = np.nonzero((differing == num_changes) & ~emptied)
        found.append((item + start, vector))
    items = np.concatenate([item for item, _ in found])
    targets = vectors[np.concatenate([vector for _, vector in found])]
    return QuerySet(
        num_changes=num_changes,
        items=items,
        targets=targets,
        changed=targets != labels[items],
    )
