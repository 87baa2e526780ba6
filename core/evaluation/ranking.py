"""Exact ranking of a gallery for many queries at once, without a loop over queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.queries import QuerySet
from datrnet.core.retrieval.manipulation import Manipulation, applied_changes

CHUNK = 1024
"""Most queries ranked at a time."""

LARGEST_TABLE = 20_000_000
"""Distances in memory at a time; a large gallery is ranked for fewer queries at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each block counts in the distance."""

    blocks: tuple[float, ...]
    """By super-category; a single one where they share an entangled block."""
    changed: float = 1.0
    """Further factor of a changed super-category's own block."""

    @classmethod
    def equal(cls, num_blocks: int) -> "Weights":
        """Return the paper's plain L2."""
        return cls(blocks=(1.0,) * num_blocks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """The items ranked, which are the query items too."""

    embeddings: NDArray[np.float32]
    """(G, A, E), as the system gives them."""
    labels: NDArray[np.int16]
    """(G, M), M ≥ T: the first T columns are the manipulation's, others are unknown to it."""
    manipulation: Manipulation
    """How a query is changed."""

    @property
    def num_blocks(self) -> int:
        """How many parts a distance has."""
        return int(self.embeddings.shape[1])

    @property
    def equal_weights(self) -> Weights:
        """Weights that leave the distance as the system has it."""
        return Weights.equal(self.num_blocks)


def rank(
    gallery: Gallery, queries: QuerySet, weights: Weights, k: int, *, query_in_gallery: bool
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield for one chunk of queries after another the k nearest gallery items.

    A query's blocks are what the manipulation makes of its item's for the wanted values. A wanted
    value that nothing stands for changes nothing.

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
    compared = gallery.manipulation.to_metric_space(gallery.embeddings)
    vectors = compared.reshape(len(compared), -1).T  # (A·E, G)
    lengths = np.einsum("gae,gae->ag", compared, compared)  # (A, G)
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
    manipulation, items = gallery.manipulation, queries.items[part]
    known = slice(0, len(manipulation.counts))
    targets, changed = queries.targets[part, known], queries.changed[part, known]
    blocks, factors = manipulation.apply(
        gallery.embeddings[items], gallery.labels[items, known], targets, changed
    )
    factors = factors * np.array(weights.blocks)
    if factors.shape == changed.shape:  # an entangled block is no super-category's
        factors[applied_changes(manipulation, targets, changed)] *= weights.changed
    weighted = blocks * factors[:, :, None]
    return weighted.astype(np.float32), factors.astype(np.float32)


def _nearest(distances: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the places of the k least distances of each row, in order; ties by place."""
    if k < distances.shape[1]:
        near = np.sort(np.argpartition(distances, k - 1, axis=1)[:, :k], axis=1)
    else:
        near = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)
