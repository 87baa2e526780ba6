"""Choose the weights of the blocks on the validation split by coordinate search.

The paper weights all blocks equally. A block with an unreliable network (a season, say) then hurts
the ranking as much as a reliable one helps, and a block that the user changes should count more
than the others.
"""

from dataclasses import replace

import numpy as np

from datrnet.core.evaluation.metrics import hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank
from datrnet.core.progress import StepProgress, no_progress

FACTORS = (0.5, 0.7, 1.4, 2.0)
"""Factors tried for each weight in a round."""

CHANGED = -1
"""In place of a block: the factor of changed blocks."""

ROUNDS = 3
MAX_QUERIES = 3000
"""Maximum number of queries of each use case."""

TOP = 5
"""Length of the top of a list, which is scored in addition to the whole."""

MIN_QUERIES = 20
"""Fewest queries for a meaningful choice; with fewer, all weights are equal."""


def choose_weights(
    gallery: Gallery,
    k: int = 30,
    on_progress: StepProgress = no_progress,
) -> Weights:
    """Return the weights with the best lists for queries without and with one change.

    Starts from equal weights and accepts only improvements; deterministic. The weight of a single
    block has no effect and is not searched.

    Args:
        gallery: The validation split, never the split on which metrics are reported.
        k: Length of the lists.
        on_progress: Called with the steps done and their total.
    """
    num_blocks, weights = gallery.num_blocks, gallery.equal_weights
    if num_blocks == 1:
        return weights
    sampled = draw_queries(gallery.labels, (0, 1), limit=MAX_QUERIES)
    if min(len(queries) for queries in sampled) < MIN_QUERIES:
        return weights
    best = _objective(gallery, sampled, weights, k)
    total, done = ROUNDS * (num_blocks + 1) * len(FACTORS), 0
    for _ in range(ROUNDS):
        before = best
        for block in (CHANGED, *range(num_blocks)):  # the changed block matters most
            candidates = [_scaled(weights, block, factor) for factor in FACTORS]
            scores = []
            for candidate in candidates:
                scores.append(_objective(gallery, sampled, candidate, k))
                done += 1
                on_progress(done, total)
            if max(scores) > best:
                best = max(scores)
                weights = candidates[scores.index(best)]
        if best == before:
            break
    on_progress(total, total)
    return _with_mean_one(weights)


def _objective(gallery: Gallery, use_cases: list[QuerySet], weights: Weights, k: int) -> float:
    """Return the quality of the lists in [0, 1], averaged over the use cases.

    It is the mean of the accuracy of the whole list, that of its top, and NDCG. With a change, the
    mean of NDCG_target and NDCG_others replaces NDCG, which hardly drops if a list ignores the
    change, because that is one super-category of many.
    """
    qualities = []
    for queries in use_cases:
        total = 0.0
        in_gallery = queries.num_changes > 0
        for part, near in rank(gallery, queries, weights, k, query_in_gallery=in_gallery):
            found, targets, changed = (
                gallery.labels[near],
                queries.targets[part],
                queries.changed[part],
            )
            is_hit = hits(found, targets, np.ones_like(changed))
            gains = [ndcg(relevance(found, targets, ~changed))]
            if in_gallery:
                gains.append(ndcg(relevance(found, targets, changed)))
            accuracies = [is_hit.any(axis=1), is_hit[:, :TOP].any(axis=1)]
            total += np.mean([*accuracies, np.mean(gains, axis=0)], axis=0).sum()
        qualities.append(total / len(queries))
    return float(np.mean(qualities))


def _scaled(weights: Weights, block: int, factor: float) -> Weights:
    if block == CHANGED:
        return replace(weights, changed=weights.changed * factor)
    blocks = list(weights.blocks)
    blocks[block] *= factor
    return replace(weights, blocks=tuple(blocks))


def _with_mean_one(weights: Weights) -> Weights:
    """Scale the block weights to a mean of 1, which changes no ranking."""
    mean = sum(weights.blocks) / len(weights.blocks)
    return replace(weights, blocks=tuple(round(weight / mean, 4) for weight in weights.blocks))
