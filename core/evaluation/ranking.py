"""Exact ranking of a gallery for many queries, vectorized, and the choice of its weights.

The paper weights all blocks equally. A block with an unreliable network (a season, say) then hurts
the ranking as much as a reliable one helps, and a block that the user changes should count more
than the others. So the weights are chosen on the validation split by coordinate search.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import Labeled
from datrnet.core.evaluation.metrics import hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.manipulation import (
    BoolArray,
    Floats,
    Manipulation,
    applied_changes,
    unlabeled_of,
)
from datrnet.core.retrieval.match import MatchModel, log_match, wanted_values
from datrnet.core.retrieval.missing_labels import joint_posteriors

CHUNK = 1024
"""Maximum number of queries ranked at once."""

LARGEST_TABLE = 20_000_000
"""Maximum number of distances in memory; limits the chunk for large galleries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the blocks in the squared distance, or in the match score."""

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
    match: MatchModel | None = None
    """What match scores are computed with; None to rank by distance."""

    @property
    def num_blocks(self) -> int:
        """Number of parts of a distance."""
        return int(self.embeddings.shape[1])

    @property
    def equal_weights(self) -> Weights:
        """Weights of 1."""
        return Weights.equal(self.num_blocks)


class Costs(Protocol):
    """What the items of a gallery cost; a list starts with the cheapest."""

    def table(self, queries: QuerySet, part: slice, weights: Weights) -> NDArray[np.floating[Any]]:
        """Return the costs (chunk, G) of all items for some queries."""


def rank(
    gallery: Gallery,
    queries: QuerySet,
    weights: Weights,
    k: int,
    *,
    query_in_gallery: bool,
    costs: Costs | None = None,
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield the k closest gallery items of each query, in chunks of queries.

    Of the items of a group only the closest is ranked.

    A change to a value without a prototype has no effect.

    Args:
        gallery: G items.
        queries: Q queries.
        weights: Weights of the blocks.
        k: Length of the lists, at most the number of groups.
        query_in_gallery: Whether the query item itself, and its group, is ranked.
        costs: Those of the gallery, if it is ranked several times.

    Yields:
        The slice of queries and their neighbors (chunk, k), closest first, ties by gallery order.
    """
    groups = None if gallery.groups is None else _Groups(gallery.groups)
    num_ranked = len(gallery.labels) if groups is None else groups.number
    k = min(k, num_ranked - (0 if query_in_gallery else 1))
    chunk = max(1, min(CHUNK, LARGEST_TABLE // max(1, len(gallery.labels))))
    costs = costs or costs_of(gallery)
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        table = costs.table(queries, part, weights)
        if groups is not None:
            table = groups.closest(table)
        if not query_in_gallery:
            own = queries.items[part]
            if groups is None:
                table[np.arange(len(table)), own] = np.inf
            else:
                table[groups.of_item[own, None] == groups.of_item] = np.inf
        yield part, _nearest(table, k)


def costs_of(gallery: Gallery, *, repeated: bool = False) -> Costs:
    """Return the costs that a gallery is ranked by: distances, or match scores with their sign.

    Args:
        gallery: G items.
        repeated: Whether many weights are tried: distances are then of float32, in half the time,
            and of match scores is kept what does not depend on weights, (A, Q, G).
    """
    if gallery.match is not None:
        return _Mismatches(gallery, keep=repeated)
    return _Distances(gallery, np.float32 if repeated else np.float64)


class _Distances:
    """Squared weighted distances, but for a constant of each query.

    Vectors are centered on the gallery's mean, which changes no distance, but keeps the expansion
    below accurate where embeddings have nearly collapsed: it would cancel if ‖g‖² were much larger
    than d². Some of these orders float64 alone finds.
    """

    def __init__(self, gallery: Gallery, precision: type[np.floating[Any]]) -> None:
        items = gallery.manipulation.to_metric_space(gallery.embeddings).astype(precision)
        self._precision = precision
        self._center = items.mean(axis=0, dtype=np.float64).astype(precision)  # (A, E)
        items -= self._center
        self._vectors = items.reshape(len(items), -1).T  # (A·E, G)
        self._lengths = np.einsum("gae,gae->ag", items, items)  # (A, G)
        self._gallery = gallery

    def table(self, queries: QuerySet, part: slice, weights: Weights) -> NDArray[np.floating[Any]]:
        """Return Σ_t w_t ‖g_t‖² - 2 Σ_t (w_t q_t)·g_t; Σ_t w_t ‖q_t‖² is the same for all items."""
        blocks, factors, _ = _changed(self._gallery, queries, part, weights)
        factors = factors.astype(self._precision)
        weighted = (blocks - self._center) * factors[:, :, None]
        table: NDArray[np.floating[Any]] = weighted.reshape(len(weighted), -1) @ self._vectors
        table *= -2
        table += factors @ self._lengths
        return table


class _Mismatches:
    """Negative match scores, -Σ_t w_t log(ε + m_t)."""

    def __init__(self, gallery: Gallery, keep: bool) -> None:
        self._gallery = gallery
        self._posteriors = [self._of_block(gallery.embeddings, idx) for idx in self._blocks]
        self._kept: dict[tuple[QuerySet, int], list[Floats]] | None = {} if keep else None

    @property
    def _blocks(self) -> range:
        return range(self._gallery.num_blocks)

    def _of_block(self, embeddings: Floats, idx: int) -> Floats:
        assert self._gallery.match is not None
        manipulation = self._gallery.manipulation
        return joint_posteriors(
            embeddings[:, idx],
            manipulation.prototypes_of(idx),
            unlabeled_of(manipulation, idx),
            self._gallery.match.calibrations[idx],
        )

    def table(self, queries: QuerySet, part: slice, weights: Weights) -> Floats:
        """Return the costs (chunk, G)."""
        _, factors, applied = _changed(self._gallery, queries, part, weights)
        if self._kept is None:
            terms: Iterable[Floats] = self._terms(queries, part, applied)
        elif (queries, part.start) in self._kept:
            terms = self._kept[queries, part.start]
        else:
            terms = list(self._terms(queries, part, applied))
            self._kept[queries, part.start] = terms
        table = np.zeros((len(factors), len(self._gallery.labels)), dtype=np.float32)
        for term, factor in zip(terms, factors.T.astype(np.float32), strict=True):
            table -= factor[:, None] * term
        return table

    def _terms(self, queries: QuerySet, part: slice, applied: BoolArray) -> Iterator[Floats]:
        """Yield log(ε + m_t) (chunk, G) of each super-category."""
        own, targets = queries.items[part], queries.targets[part]
        for idx, items in zip(self._blocks, self._posteriors, strict=True):
            wanted = wanted_values(items[own], targets[:, idx], applied[:, idx])
            yield log_match(wanted, items)


class _Groups:
    """The groups of G items, for finding the closest item of each."""

    def __init__(self, of_item: NDArray[np.intp]) -> None:
        self.of_item = of_item
        self._order = np.argsort(of_item, kind="stable")
        _, self._starts, self._sizes = np.unique(
            of_item[self._order], return_index=True, return_counts=True
        )
        self.number = len(self._starts)

    def closest(self, distances: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
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


def _changed(
    gallery: Gallery, queries: QuerySet, part: slice, weights: Weights
) -> tuple[Floats, NDArray[np.float64], BoolArray]:
    """Return blocks (chunk, A, E), weights (chunk, A) and where changes apply (chunk, T)."""
    known = slice(0, len(gallery.manipulation.counts))
    items, targets = queries.items[part], queries.targets[part, known]
    changed = queries.changed[part, known]
    blocks, factors = apply_weighted(
        gallery.manipulation,
        gallery.embeddings[items],
        gallery.labels[items, known],
        targets,
        changed,
        weights,
    )
    return blocks, factors, applied_changes(gallery.manipulation, targets, changed)


def _nearest(distances: NDArray[np.floating[Any]], k: int) -> NDArray[np.int64]:
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

LARGEST_KEPT = 40_000_000
"""Maximum number of terms of match scores that are kept for each use case."""

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
    sampled = _sampled(gallery)
    if num_blocks == 1 or min(map(len, sampled)) < MIN_QUERIES:
        return gallery.equal_weights
    costs = costs_of(gallery, repeated=True)
    vector = np.ones(1 + num_blocks)  # first the factor of changed blocks, which matters most
    best = _objective(gallery, sampled, vector, k, costs)
    total, done = ROUNDS * len(vector) * len(FACTORS), 0
    for _ in range(ROUNDS):
        before = best
        for place in range(len(vector)):
            candidates = np.tile(vector, (len(FACTORS), 1))
            candidates[:, place] *= FACTORS
            scores = []
            for candidate in candidates:
                scores.append(_objective(gallery, sampled, candidate, k, costs))
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


def weights_of_match(match: MatchModel) -> Weights:
    """Return the weights of match scores."""
    return Weights(blocks=match.weights, changed=match.changed_weight)


def list_quality(gallery: Gallery, weights: Weights, k: int = 30) -> float:
    """Return what ``choose_weights`` maximizes, in [0, 1]; NaN with too few queries."""
    sampled = _sampled(gallery, MAX_QUERIES)
    if min(map(len, sampled)) < MIN_QUERIES:
        return float("nan")
    vector = np.array([weights.changed, *weights.blocks])
    return _objective(gallery, sampled, vector, k, costs_of(gallery))


def _sampled(gallery: Gallery, limit: int | None = None) -> list[QuerySet]:
    """Return queries without and with one change; fewer where their costs would fill the memory."""
    if limit is None:
        limit = MAX_QUERIES
        if gallery.match is not None:
            limit = min(limit, LARGEST_KEPT // (gallery.num_blocks * len(gallery.labels)))
    return draw_queries(gallery.value_sets, (0, 1), limit=limit, groups=gallery.groups)


def _objective(
    gallery: Gallery, use_cases: list[QuerySet], vector: NDArray[np.float64], k: int, costs: Costs
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
        for part, near in rank(
            gallery, queries, weights, k, query_in_gallery=in_gallery, costs=costs
        ):
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
