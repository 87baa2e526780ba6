"""Exact ranking of a gallery for many queries at once, without a loop over queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.queries import QuerySet

CHUNK = 1024
"""Most queries ranked at a time."""

LARGEST_TABLE = 20_000_000
"""Distances in memory at a time; a large gallery is ranked for fewer queries at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """The items ranked, which are the query items too."""

    embeddings: NDArray[np.float32]
    """(G, A, E)."""
    labels: NDArray[np.int16]
    """(G, A)."""
    prototypes: tuple[NDArray[np.float32], ...]
    """(V, E) for each super-category; NaN where a value has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each block counts in the distance."""

    blocks: tuple[float, ...]
    """By super-category."""
    changed: float = 1.0
    """Further factor of a changed super-category."""

    @classmethod
    def equal(cls, num_super_categories: int) -> "Weights":
        """Return the paper's plain L2."""
        return cls(blocks=(1.0,) * num_super_categories)


def rank(
    gallery: Gallery, queries: QuerySet, weights: Weights, k: int, *, query_in_gallery: bool
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield for one chunk of queries after another the k nearest gallery items.

    A query's blocks are those of its item, with the block of every changed super-category replaced
    by the prototype of the wanted value (section 3.3). Where no prototype is known, the item's own
    block stays.

    Args:
        gallery: G items.
        queries: Q queries.
        weights: Weights of the blocks.
        k: Length of the lists; at most G are returned.
        query_in_gallery: Whether the query item itself takes a rank.

    Yields:
        The slice of queries and their neighbors (chunk, k), nearest first; among equally near
        items the earlier comes first.
    """
    k = min(k, len(gallery.labels) - (0 if query_in_gallery else 1))
    chunk = max(1, min(CHUNK, LARGEST_TABLE // max(1, len(gallery.labels))))
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        distances = _distances(gallery, queries, part, weights)
        if not query_in_gallery:
            distances[np.arange(len(distances)), queries.items[part]] = np.inf
        yield part, _nearest(distances, k)


def _distances(
    gallery: Gallery, queries: QuerySet, part: slice, weights: Weights
) -> NDArray[np.float32]:
    """Return the weighted squared distances (chunk, G)."""
    items, place = np.unique(queries.items[part], return_inverse=True)
    total = np.zeros((len(place), len(gallery.labels)), dtype=np.float32)
    for block, weight in enumerate(weights.blocks):
        candidates = gallery.embeddings[:, block]
        prototypes = gallery.prototypes[block]
        wanted = queries.targets[part, block]
        known = ~np.isnan(prototypes[:, 0])
        replaced = queries.changed[part, block] & known[wanted]
        if not replaced.all():
            own = squared_distances(candidates[items], candidates)[place]
            total += np.where(replaced[:, None], 0, weight * own)
        if replaced.any():
            values, value_place = np.unique(wanted[replaced], return_inverse=True)
            asked = squared_distances(prototypes[values], candidates)[value_place]
            total[replaced] += weight * weights.changed * asked
    return total


def squared_distances(
    queries: NDArray[np.float32], gallery: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the squared L2 distances (Q, G) between (Q, E) and (G, E)."""
    lengths = np.einsum("qe,qe->q", queries, queries)[:, None]
    lengths = lengths + np.einsum("ge,ge->g", gallery, gallery)[None, :]
    distances: NDArray[np.float32] = np.maximum(lengths - 2 * (queries @ gallery.T), 0)
    return distances


def _nearest(distances: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the places of the k least distances of each row, in order; ties by place."""
    if k < distances.shape[1]:
        near = np.sort(np.argpartition(distances, k - 1, axis=1)[:, :k], axis=1)
    else:
        near = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)
