"""Draw triplets as ADDE does: reference, positive, negative and one change.

For a reference, a super-category and another value of it are drawn. The positive has exactly the
reference's labels except for that value; the negative has any other labels. Only changes that lead
to a positive are drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.research.datasets.adde import AddeTriplets


def draw_adde_triplets(
    labels: NDArray[np.int16], num_triplets: int, rng: np.random.Generator
) -> AddeTriplets | None:
    """Draw triplets: the super-category first, then a reference, then a value, then the others.

    Args:
        labels: (N, A) of the train split; -1 where unlabeled.
        num_triplets: The number of triplets.
        rng: The source of randomness.

    Returns:
        The triplets; None if no change of a single value leads from an item to another.
    """
    vectors, vector_of_item = np.unique(labels, axis=0, return_inverse=True)
    vector_of_item = vector_of_item.reshape(-1)
    neighbors = [_Neighbors.along(vectors, idx) for idx in range(labels.shape[1])]
    changeable = [group.num_targets[vector_of_item] > 0 for group in neighbors]
    possible = [idx for idx, items in enumerate(changeable) if items.any()]
    if not possible or not num_triplets:
        return None
    chosen = rng.choice(possible, num_triplets)
    items = np.empty((num_triplets, 3), dtype=np.int64)
    targets = np.empty(num_triplets, dtype=np.int64)
    for idx in possible:
        drawn = np.flatnonzero(chosen == idx)
        items[drawn, 0] = rng.choice(np.flatnonzero(changeable[idx]), len(drawn))
        targets[drawn] = neighbors[idx].draw(vector_of_item[items[drawn, 0]], rng)
    # the items in the order of their label vectors, and each vector's slice of them
    counts = np.bincount(vector_of_item)
    by_vector, first = np.argsort(vector_of_item, kind="stable"), np.cumsum(counts) - counts
    items[:, 1] = by_vector[first[targets] + rng.integers(counts[targets])]
    others = rng.integers(len(labels) - counts[targets])
    items[:, 2] = by_vector[others + np.where(others >= first[targets], counts[targets], 0)]
    return AddeTriplets(items=items, changed=labels[items[:, 1]] != labels[items[:, 0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Neighbors:
    """Label vectors in groups whose members differ in one super-category only."""

    order: NDArray[np.int64]
    """(V,) vectors group by group; those without a label in the super-category come last."""
    place: NDArray[np.int64]
    """(V,) position of a vector in its group."""
    first: NDArray[np.int64]
    """(V,) the start of a vector's group in ``order``."""
    num_targets: NDArray[np.int64]
    """(V,) number of other labeled vectors of the group."""

    @classmethod
    def along(cls, vectors: NDArray[np.int16], idx: int) -> "_Neighbors":
        rest = np.delete(vectors, idx, axis=1)
        group = np.unique(rest, axis=0, return_inverse=True)[1].reshape(-1)
        is_empty = vectors[:, idx] == UNLABELED
        order = np.lexsort((is_empty, group))
        sizes = np.bincount(group)
        first = (np.cumsum(sizes) - sizes)[group]
        place = np.empty(len(vectors), dtype=np.int64)
        place[order] = np.arange(len(vectors))
        num_labeled = np.bincount(group, ~is_empty)[group].astype(np.int64)
        num_targets = num_labeled - ~is_empty
        return cls(order=order, place=place - first, first=first, num_targets=num_targets)

    def draw(self, vectors: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return for each vector another labeled vector of its group."""
        drawn = rng.integers(self.num_targets[vectors])
        drawn += drawn >= self.place[vectors]  # not itself; the unlabeled come last
        targets: NDArray[np.int64] = self.order[self.first[vectors] + drawn]
        return targets
