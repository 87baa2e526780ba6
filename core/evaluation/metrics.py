"""Top-k accuracy and NDCG@k with bootstrap intervals; see docs/evaluation.md.

An item matches a target in a super-category if it carries one of the target's values.
A missing label counts as a value of its own: a hit must lack it too, unless only known labels are
matched.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import as_sets, share_value

NUM_SAMPLES = 1000
"""Bootstrap samples."""


def hits(
    found: NDArray[np.int16], targets: NDArray[np.int16], counted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return (Q, K): whether an item matches the target in every counted super-category.

    Args:
        found: (Q, K, M) labels of the ranked items, or (Q, K, M, L) sets of values.
        targets: (Q, M), or (Q, M, L).
        counted: (Q, M).
    """
    same = _matches(found, targets) | ~counted[:, None, :]
    return np.asarray(same.all(axis=2))


def _matches(found: NDArray[np.int16], targets: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return (Q, K, M): where items match the targets."""
    matches: NDArray[np.bool_] = share_value(as_sets(found, 3), as_sets(targets, 2)[:, None])
    return matches


def ndcg(relevance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NDCG (Q,) of relevances (Q, K) in [0, 1].

    DCG = Σ_j (2^rel(j) - 1) / log(j + 1); the ideal list has rel = 1 at every rank.
    """
    discount = 1 / np.log2(np.arange(relevance.shape[1]) + 2)
    normalized: NDArray[np.float64] = (2**relevance - 1) @ discount / discount.sum()
    return normalized


def relevance(
    found: NDArray[np.int16], targets: NDArray[np.int16], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return (Q, K): the share of counted super-categories in which an item matches the target.

    Args:
        found: (Q, K, M) labels of the ranked items, or (Q, K, M, L) sets of values.
        targets: (Q, M), or (Q, M, L).
        counted: (Q, M): all for NDCG, the changed ones for NDCG_target, the rest for NDCG_others.
    """
    same = _matches(found, targets) & counted[:, None, :]
    shares: NDArray[np.float64] = same.sum(axis=2) / np.maximum(counted.sum(axis=1), 1)[:, None]
    return shares


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries and its 95 % bootstrap interval; NaN without queries."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A mean difference of two systems on the same queries, and its 95 % bootstrap interval."""

    @property
    def direction(self) -> int:
        """1 if the interval is above 0, -1 if it is below, 0 if the two cannot be told apart."""
        return int(self.low > 0) - int(self.high < 0)


class Bootstrap:
    """Percentile intervals of means over queries, from a clustered bootstrap over query items.

    Query items are drawn with replacement, each with all its queries, because the queries of an
    item share its embedding and are not independent.
    """

    def __init__(self, items: NDArray[np.int64], *, seed: int = 0) -> None:
        """Draw the samples.

        Args:
            items: (Q,) query item of each query.
            seed: Random seed.
        """
        unique, self._group = np.unique(items, return_inverse=True)
        rng = np.random.default_rng(seed)
        num = len(unique)
        self._draws = np.zeros((NUM_SAMPLES, num), dtype=np.float32)
        if num:
            for sample in self._draws:
                sample[:] = np.bincount(rng.integers(0, num, num), minlength=num)

    def mean(self, values: NDArray[np.float64], *groups: NDArray[np.bool_]) -> Estimate:
        """Return the mean of values (Q,) over a group (Q,) of queries (micro).

        Of several groups it is the mean of their means (macro).
        """
        means = [self._means(values, group) for group in groups]
        value = float(np.mean([mean for mean, _ in means]))
        samples = np.mean([drawn for _, drawn in means], axis=0)
        if np.isnan(samples).all():
            return Estimate(value, float("nan"), float("nan"))
        low, high = np.nanquantile(samples, [0.025, 0.975])
        return Estimate(value, float(low), float(high))

    def difference(
        self,
        first: NDArray[np.float64],
        second: NDArray[np.float64],
        *groups: NDArray[np.bool_],
    ) -> Difference:
        """Return how much higher the first of two systems is, as ``mean`` does for one.

        The bootstrap is paired: a drawn query counts with its outcomes in both, so that what makes
        a query hard for both cancels. Outcomes of several seeds are averaged for each query first;
        the interval covers the choice of queries, not that of seeds.

        Args:
            first: (Q,) or (S, Q), by seed.
            second: (Q,) or (S, Q), of the same queries; the number of seeds may differ.
            groups: (Q,) each; all queries by default.
        """
        apart = np.atleast_2d(first).mean(axis=0) - np.atleast_2d(second).mean(axis=0)
        found = self.mean(apart, *(groups or (np.ones(len(apart), dtype=bool),)))
        return Difference(found.value, found.low, found.high)

    def _means(
        self, values: NDArray[np.float64], chosen: NDArray[np.bool_]
    ) -> tuple[float, NDArray[np.float64]]:
        if not chosen.any():
            return float("nan"), np.full(NUM_SAMPLES, np.nan)
        num_items = self._draws.shape[1]
        group = self._group[chosen]
        sums = np.bincount(group, weights=values[chosen], minlength=num_items)
        counts = np.bincount(group, minlength=num_items)
        with np.errstate(invalid="ignore"):  # a sample may hold no query of a small group
            samples = (self._draws @ sums) / (self._draws @ counts)
        return float(values[chosen].mean()), samples
