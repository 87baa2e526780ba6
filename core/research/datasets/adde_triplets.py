"""Drawing triplets in the way that ADDE trains on: reference, positive, negative and one change.

A super-category and another value of it are drawn for a reference. The positive carries exactly the
reference's labels with that value put in, the negative carries anything else. Only changes that
lead to a positive are drawn.
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
        labels: (N, A) of the train split; -1 where unlabelled.
        num_triplets: How many.
        rng: What draws.

    Returns:
        The triplets; None where no change of one value leads from an item to another.
    """
    vectors, vector_of_item = np.unique(labels, axis=0, return_inverse=True)
    vector_of_item = vector_of_item.reshape(-1)
    neighbours = [_Neighbours.along(vectors, one) for one in range(labels.shape[1])]
    changeable = [some.num_targets[vector_of_item] > 0 for some in neighbours]
    possible = [one for one, some in enumerate(changeable) if some.any()]
    if not possible or not num_triplets:
        return None
    chosen = rng.choice(possible, num_triplets)
    items = np.empty((num_triplets, 3), dtype=np.int64)
    targets = np.empty(num_triplets, dtype=np.int64)
    for one in possible:
        drawn = np.flatnonzero(chosen == one)
        items[drawn, 0] = rng.choice(np.flatnonzero(changeable[one]), len(drawn))
        targets[drawn] = neighbours[one].draw(vector_of_item[items[drawn, 0]], rng)
    items[:, 1] = _draw_alike(vector_of_item, targets, rng)
    items[:, 2] = _draw_other(vector_of_item, targets, rng)
    return AddeTriplets(items=items, changed=labels[items[:, 1]] != labels[items[:, 0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Neighbours:
    """The label vectors that differ from one another in one super-category only, in groups."""

    order: NDArray[np.int64]
    """(V,) vectors group by group; in each those without a label there come last."""
    place: NDArray[np.int64]
    """(V,) where a vector stands in its group."""
    first: NDArray[np.int64]
    """(V,) where a vector's group begins in the order."""
    num_targets: NDArray[np.int64]
    """(V,) how many others of the group are labelled."""

    @classmethod
    def along(cls, vectors: NDArray[np.int16], one: int) -> "_Neighbours":
        rest = np.delete(vectors, one, axis=1)
        group = np.unique(rest, axis=0, return_inverse=True)[1].reshape(-1)
        is_empty = vectors[:, one] == UNLABELED
        order = np.lexsort((is_empty, group))
        sizes = np.bincount(group)
        first = (np.cumsum(sizes) - sizes)[group]
        place = np.empty(len(vectors), dtype=np.int64)
        place[order] = np.arange(len(vectors))
        labelled = np.bincount(group, ~is_empty)[group].astype(np.int64)
        return cls(order=order, place=place - first, first=first, num_targets=labelled - ~is_empty)

    def draw(self, vectors: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return for each vector another, labelled one of its group."""
        drawn = rng.integers(self.num_targets[vectors])
        drawn += drawn >= self.place[vectors]  # not itself; the unlabelled stand behind all others
        targets: NDArray[np.int64] = self.order[self.first[vectors] + drawn]
        return targets


def _draw_alike(
    vector_of_item: NDArray[np.int64], targets: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each target an item that carries exactly it."""
    by_vector, first, counts = _grouped(vector_of_item)
    items: NDArray[np.int64] = by_vector[first[targets] + rng.integers(counts[targets])]
    return items


def _draw_other(
    vector_of_item: NDArray[np.int64], targets: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each target an item that does not carry exactly it."""
    by_vector, first, counts = _grouped(vector_of_item)
    drawn: NDArray[np.int64] = rng.integers(len(vector_of_item) - counts[targets])
    return by_vector[drawn + np.where(drawn >= first[targets], counts[targets], 0)]


def _grouped(
    vector_of_item: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the items ordered by label vector; where each vector begins; how many carry it."""
    counts = np.bincount(vector_of_item)
    return np.argsort(vector_of_item, kind="stable"), np.cumsum(counts) - counts, counts
