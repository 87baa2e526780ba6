"""Top-k accuracy and NDCG@k as docs/evaluation.md defines them.

A missing label counts as a value of its own: it must be missing in a hit too.
"""

import numpy as np
from numpy.typing import NDArray


def hits(found: NDArray[np.int16], targets: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return (Q,): whether any of the lists (Q, K, A) carries exactly the target (Q, A)."""
    hit: NDArray[np.bool_] = (found == targets[:, None, :]).all(axis=2).any(axis=1)
    return hit


def ndcg(relevance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NDCG (Q,) of relevances (Q, K) in [0, 1]; the ideal list is relevant throughout.

    DCG = Σ_j (2^rel(j) - 1) / log(j + 1), and the ideal has rel = 1 at every rank.
    """
    discount = 1 / np.log2(np.arange(relevance.shape[1]) + 2)
    gained: NDArray[np.float64] = ((2**relevance - 1) * discount).sum(axis=1) / discount.sum()
    return gained


def relevance(
    found: NDArray[np.int16], targets: NDArray[np.int16], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return (Q, K): the share of the counted super-categories in which an item has the target.

    Args:
        found: (Q, K, A) labels of the lists.
        targets: (Q, A).
        counted: (Q, A): all True gives NDCG, the changed ones NDCG_target, the rest NDCG_others.
    """
    same = (found == targets[:, None, :]) & counted[:, None, :]
    shares: NDArray[np.float64] = same.sum(axis=2) / np.maximum(counted.sum(axis=1), 1)[:, None]
    return shares


def bootstrap_interval(
    values: NDArray[np.float64],
    items: NDArray[np.int64],
    *,
    num_samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of values (Q,).

    Query items are drawn with replacement, each with all its queries: the queries of one item share
    its embedding and are no independent evidence.

    Args:
        values: (Q,) figure of each query.
        items: (Q,) query item of each query.
        num_samples: Bootstrap samples.
        seed: Of the draws.
    """
    if len(values) == 0:
        return (float("nan"), float("nan"))
    _, group = np.unique(items, return_inverse=True)
    sums, counts = np.bincount(group, weights=values), np.bincount(group)
    rng = np.random.default_rng(seed)
    equal = np.full(len(counts), 1 / len(counts))
    means = np.empty(num_samples)
    for sample in range(num_samples):
        times = rng.multinomial(len(counts), equal)
        means[sample] = times @ sums / (times @ counts)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
