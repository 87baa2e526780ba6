"""Exact ranking of a gallery for many queries, vectorized, and the choice of its weights.

The paper weights all blocks equally. A block with an unreliable network (a season, say) then hurts
the ranking as much as a reliable one helps, and a block that the user changes should count more
than the others. So the weights are chosen on the validation split by coordinate search.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import Labeled
from datrnet.core.evaluation.metrics import hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.manipulation import Manipulation, applied_changes

CHUNK = 1024
"""Maximum number of queries ranked at once."""

LARGEST_TABLE = 20_000_000
"""Maximum number of distances in memory; limits the chunk for large galleries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the blocks in the squared distance."""

    blocks: tuple[float, ...]
    """By super-category; a single weight for an entangled block."""
    changed: float = 1.0
    """Additional factor of a changed super-category's block."""

    @classmethod
    def equal(cls, num_blocks: int) -> "Weights":
        """Return weights of 1: the paper's plain L2."""
        return cls(blocks=(1.0,) * num_blocks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery(Labeled):
    """The ranked items, which are also the query items.

    The first T of M columns of their labels are the manipulation's super-categories.
    """

    embeddings: NDArray[np.float32]
    """(G, A, E) as embedded."""
    manipulation: Manipulation
    groups: NDArray[np.intp] | None = None
    """(G,) number of the product that an item is a version of; None if each is its own."""

    @property
    def num_blocks(self) -> int:
        """Number of parts of a distance."""
        return int(self.embeddings.shape[1])

    @property
    def equal_weights(self) -> Weights:
        """Weights of 1."""
        return Weights.equal(self.num_blocks)


def rank(
    gallery: Gallery, queries: QuerySet, weights: Weights, k: int, *, query_in_gallery: bool
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield the k closest gallery items of each query, in chunks of queries.

    Of the items of a group only the closest is ranked.

    A change to a value without a prototype has no effect. Vectors are centered on the gallery's
    mean, which changes no distance, but keeps float32 accurate where embeddings have nearly
    collapsed: the expansion below would cancel if ‖g‖² were much larger than d².

    Args:
        gallery: G items.
        queries: Q queries.
        weights: Weights of the blocks.
        k: Length of the lists, at most the number of groups.
        query_in_gallery: Whether the query item itself, and its group, is ranked.

    Yields:
        The slice of queries and their neighbors (chunk, k), closest first, ties by gallery order.
    """
    groups = None if gallery.groups is None else _Groups(gallery.groups)
    num_ranked = len(gallery.labels) if groups is None else groups.number
    k = min(k, num_ranked - (0 if query_in_gallery else 1))
    chunk = max(1, min(CHUNK, LARGEST_TABLE // max(1, len(gallery.labels))))
    items = gallery.manipulation.to_metric_space(gallery.embeddings)
    center = items.mean(axis=0, dtype=np.float64).astype(np.float32)  # (A, E)
    items = items - center
    vectors = items.reshape(len(items), -1).T  # (A·E, G)
    lengths = np.einsum("gae,gae->ag", items, items)  # (A, G)
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        blocks, factors = _weighted_queries(gallery, queries, part, weights, center)
        distances = blocks.reshape(len(blocks), -1) @ vectors
        distances *= -2
        distances += factors @ lengths
        if groups is not None:
            distances = groups.closest(distances)
        if not query_in_gallery:
            own = queries.items[part]
            if groups is None:
                distances[np.arange(len(distances)), own] = np.inf
            else:
                distances[groups.of_item[own, None] == groups.of_item] = np.inf
        yield part, _nearest(distances, k)


class _Groups:
    """The groups of G items, for finding the closest item of each."""

    def __init__(self, of_item: NDArray[np.intp]) -> None:
        self.of_item = of_item
        self._order = np.argsort(of_item, kind="stable")
        _, self._starts, self._sizes = np.unique(
            of_item[self._order], return_index=True, return_counts=True
        )
        self.number = len(self._starts)

    def closest(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return distances (Q, G), infinite but for the closest item of each group."""
        grouped = distances[:, self._order]
        least = np.minimum.reduceat(grouped, self._starts, axis=1)
        is_least = grouped == np.repeat(least, self._sizes, axis=1)
        # of equally close items the first
        number = np.cumsum(is_least, axis=1, dtype=np.int32)
        before = (number - is_least)[:, self._starts]
        is_first = is_least & (number - np.repeat(before, self._sizes, axis=1) == 1)
        found = np.empty_like(distances)
        found[:, self._order] = np.where(is_first, grouped, np.inf)
        return found


def apply_weighted(
    manipulation: Manipulation,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int16],
    targets: NDArray[np.int16],
    changed: NDArray[np.bool_],
    weights: Weights,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the blocks (Q, A, E) of changed queries and the weights (Q, A) of their distances.

    Args:
        manipulation: How queries are changed.
        embeddings: (Q, A, E) as embedded.
        labels: (Q, T) current labels, -1 where unlabeled.
        targets: (Q, T) requested labels.
        changed: (Q, T) where the requested label replaces the current one.
        weights: Weights of the blocks.
    """
    blocks, factors = manipulation.apply(embeddings, labels, targets, changed)
    factors = factors * np.array(weights.blocks)
    if factors.shape == changed.shape:  # not an entangled block
        factors[applied_changes(manipulation, targets, changed)] *= weights.changed
    return blocks, factors


def _weighted_queries(
    gallery: Gallery, queries: QuerySet, part: slice, weights: Weights, center: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the centered blocks (chunk, A, E) of queries times weights, and weights (chunk, A).

    Σ_t w_t ‖q_t - g_t‖² = Σ_t w_t ‖q_t‖² + Σ_t w_t ‖g_t‖² - 2 Σ_t (w_t q_t)·g_t, where the first
    sum is the same for all items.
    """
    known = slice(0, len(gallery.manipulation.counts))
    items = queries.items[part]
    blocks, factors = apply_weighted(
        gallery.manipulation,
        gallery.embeddings[items],
        gallery.labels[items, known],
        queries.targets[part, known],
        queries.changed[part, known],
        weights,
    )
    weighted = (blocks - center) * factors[:, :, None]
    return weighted.astype(np.float32), factors.astype(np.float32)


def _nearest(distances: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the columns of the k smallest distances of each row, ties by column."""
    if k < distances.shape[1]:
        near = np.sort(np.argpartition(distances, k - 1, axis=1)[:, :k], axis=1)
    else:
        near = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)


FACTORS = (0.5, 0.7, 1.4, 2.0)
"""Factors tried for each weight in a round."""

ROUNDS = 3
MAX_QUERIES = 3000
"""Maximum number of queries of each use case."""

TOP = 5
"""Length of the top of a list, which is scored in addition to the whole."""

MIN_QUERIES = 20
"""Fewest queries for a meaningful choice; with fewer, all weights are equal."""


def choose_weights(
    gallery: Gallery, k: int = 30, on_progress: StepProgress = no_progress
) -> Weights:
    """Return the weights with the best lists for queries without and with one change.

    Starts from equal weights and accepts only improvements; deterministic. The weight of a single
    block has no effect and is not searched.

    Args:
        gallery: The validation split, never the split on which metrics are reported.
        k: Length of the lists.
        on_progress: Called with the steps done and their total.
    """
    num_blocks = gallery.num_blocks
    if num_blocks == 1:
        return gallery.equal_weights
    sampled = draw_queries(gallery.value_sets, (0, 1), limit=MAX_QUERIES, groups=gallery.groups)
    if min(map(len, sampled)) < MIN_QUERIES:
        return gallery.equal_weights
    vector = np.ones(1 + num_blocks)  # first the factor of changed blocks, which matters most
    best = _objective(gallery, sampled, vector, k)
    total, done = ROUNDS * len(vector) * len(FACTORS), 0
    for _ in range(ROUNDS):
        before = best
        for place in range(len(vector)):
            candidates = np.tile(vector, (len(FACTORS), 1))
            candidates[:, place] *= FACTORS
            scores = []
            for candidate in candidates:
                scores.append(_objective(gallery, sampled, candidate, k))
                done += 1
                on_progress(done, total)
            if max(scores) > best:
                best = max(scores)
                vector = candidates[scores.index(best)]
        if best == before:
            break
    on_progress(total, total)
    changed, *blocks = vector.tolist()
    mean = sum(blocks) / num_blocks  # scaled to a mean of 1, which changes no ranking
    return Weights(blocks=tuple(round(weight / mean, 4) for weight in blocks), changed=changed)


def _objective(
    gallery: Gallery, use_cases: list[QuerySet], vector: NDArray[np.float64], k: int
) -> float:
    """Return the quality of the lists in [0, 1], averaged over the use cases.

    It is the mean of the accuracy of the whole list, that of its top, and NDCG. With a change, the
    mean of NDCG_target and NDCG_others replaces NDCG, which hardly drops if a list ignores the
    change, because that is one super-category of many.
    """
    weights, qualities = Weights(blocks=tuple(vector[1:]), changed=float(vector[0])), []
    for queries in use_cases:
        total = 0.0
        in_gallery = queries.num_changes > 0
        for part, near in rank(gallery, queries, weights, k, query_in_gallery=in_gallery):
            found, changed = gallery.value_sets[near], queries.changed[part]
            targets = queries.wanted(gallery.value_sets, part)
            is_hit = hits(found, targets, np.ones_like(changed))
            gains = [ndcg(relevance(found, targets, ~changed))]
            if in_gallery:
                gains.append(ndcg(relevance(found, targets, changed)))
            accuracies = [is_hit.any(axis=1), is_hit[:, :TOP].any(axis=1)]
            total += np.mean([*accuracies, np.mean(gains, axis=0)], axis=0).sum()
        qualities.append(total / len(queries))
    return float(np.mean(qualities))
