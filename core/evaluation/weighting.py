"""Weights of the blocks, chosen on the validation split by coordinate search.

The paper weighs all blocks alike. A block whose network is unsure (a collection's season, say) then
disturbs the ranking as much as a sure one helps; and the block that a person asks to change should
count more than one they never mentioned.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from datrnet.core.evaluation.metrics import hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank

FACTORS = (0.5, 0.7, 1.4, 2.0)
"""Steps tried for one weight in a round."""

ROUNDS = 3
MAX_QUERIES = 3000
"""Queries of each use case that the choice looks at."""

BEGINNING = 5
"""Length of the beginning of a list that is looked at besides the whole."""

MIN_QUERIES = 20
"""Below this the choice would be an accident, and all blocks weigh alike."""


def choose_weights(
    gallery: Gallery,
    k: int = 30,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Weights:
    """Return the weights with the best lists for query only and for one change.

    Starts from equal weights and keeps a step only where it is better; deterministic. A single
    block is never weighed: that would order nothing.

    Args:
        gallery: The validation split; never the split that figures are reported on.
        k: Length of the lists.
        on_progress: Told the steps done and their total.
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
        for place in (-1, *range(num_blocks)):  # the changed block first: it matters most
            tried = [_scaled(weights, place, factor) for factor in FACTORS]
            figures = []
            for one in tried:
                figures.append(_objective(gallery, sampled, one, k))
                done += 1
                on_progress(done, total)
            if max(figures) > best:
                best = max(figures)
                weights = tried[figures.index(best)]
        if best == before:
            break
    on_progress(total, total)
    return _with_mean_one(weights)


def _objective(gallery: Gallery, use_cases: list[QuerySet], weights: Weights, k: int) -> float:
    """Return how good the lists are, between 0 and 1: a mean over the use cases of three figures.

    The accuracy of the whole list, that of its beginning, which a person sees first, and NDCG.
    With a change, the mean of NDCG_target and NDCG_others takes NDCG's place: the plain NDCG hardly
    notices a list that ignores the change, as it is one super-category of many.
    """
    goodness = []
    for queries in use_cases:
        total = 0.0
        in_gallery = queries.num_changes > 0
        for part, near in rank(gallery, queries, weights, k, query_in_gallery=in_gallery):
            found, targets, changed = (
                gallery.labels[near],
                queries.targets[part],
                queries.changed[part],
            )
            right = hits(found, targets, np.ones_like(changed))
            gains = [ndcg(relevance(found, targets, ~changed))]
            if in_gallery:
                gains.append(ndcg(relevance(found, targets, changed)))
            accuracies = [right.any(axis=1), right[:, :BEGINNING].any(axis=1)]
            total += np.mean([*accuracies, np.mean(gains, axis=0)], axis=0).sum()
        goodness.append(total / len(queries))
    return float(np.mean(goodness))


def _scaled(weights: Weights, place: int, factor: float) -> Weights:
    if place < 0:
        return replace(weights, changed=weights.changed * factor)
    blocks = list(weights.blocks)
    blocks[place] *= factor
    return replace(weights, blocks=tuple(blocks))


def _with_mean_one(weights: Weights) -> Weights:
    """Scale the blocks' weights to a mean of 1, which changes no ranking."""
    mean = sum(weights.blocks) / len(weights.blocks)
    return replace(weights, blocks=tuple(round(one / mean, 4) for one in weights.blocks))
