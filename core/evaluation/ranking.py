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
class SpecificPrototypes:
    """Prototypes of a value among the items that carry one value of another super-category."""

    column: int
    """That other super-category, say the category."""
    means: tuple[NDArray[np.float32], ...]
    """(W, V, E) for each block; NaN where too few items carry both."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """The items ranked, which are the query items too."""

    embeddings: NDArray[np.float32]
    """(G, A, E)."""
    labels: NDArray[np.int16]
    """(G, M), M ≥ A: the first A columns are those of the blocks, the others have no network."""
    prototypes: tuple[NDArray[np.float32], ...]
    """(V, E) for each block; NaN where a value has none."""
    specific: SpecificPrototypes | None = None
    """Used before the others where they are known."""

    def wanted_blocks(
        self, targets: NDArray[np.int16], changed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the prototypes (Q, A, E) of wanted values, and where (Q, A) there is one."""
        num_blocks, size = self.embeddings.shape[1:]
        blocks = np.full((len(targets), num_blocks, size), np.nan, dtype=np.float32)
        for block, prototypes in enumerate(self.prototypes):
            asked = np.flatnonzero(changed[:, block])
            values = targets[asked, block]
            blocks[asked, block] = prototypes[values]
            if self.specific is not None and block != self.specific.column:
                within = targets[asked, self.specific.column]
                means = self.specific.means[block][within, values]
                better = (within >= 0) & ~np.isnan(means[:, 0])
                blocks[asked[better], block] = means[better]
        return blocks, ~np.isnan(blocks[:, :, 0])


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
    vectors = gallery.embeddings.reshape(len(gallery.labels), -1).T  # (A·E, G)
    lengths = np.einsum("gae,gae->ag", gallery.embeddings, gallery.embeddings)  # (A, G)
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        blocks, factors = _weighted_queries(gallery, queries, part, weights)
        distances = blocks.reshape(len(blocks), -1) @ vectors
        distances *= -2
        distances += factors @ lengths
        if not query_in_gallery:
            distances[np.arange(len(distances)), queries.items[part]] = np.inf
        yield part, _nearest(distances, k)


def _weighted_queries(
    gallery: Gallery, queries: QuerySet, part: slice, weights: Weights
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the blocks (chunk, A, E) of queries, each weighted, and their weights (chunk, A).

    Σ_t w_t ‖q_t - g_t‖² = Σ_t w_t ‖q_t‖² + Σ_t w_t ‖g_t‖² - 2 Σ_t (w_t q_t)·g_t, of which the first
    sum orders nothing.
    """
    num_blocks = gallery.embeddings.shape[1]
    changed = queries.changed[part, :num_blocks]
    own = gallery.embeddings[queries.items[part]]
    wanted, known = gallery.wanted_blocks(queries.targets[part], changed)
    factors = np.where(known, weights.changed, 1) * np.array(weights.blocks)
    blocks = np.where(known[:, :, None], wanted, own) * factors[:, :, None]
    return blocks.astype(np.float32), factors.astype(np.float32)


def _nearest(distances: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the places of the k least distances of each row, in order; ties by place."""
    if k < distances.shape[1]:
        near = np.sort(np.argpartition(distances, k - 1, axis=1)[:, :k], axis=1)
    else:
        near = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)
