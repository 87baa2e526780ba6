"""Weights of blocks that examples imply: what items agree on, what is liked and what is not.

Both count like evidence beside one observation that says nothing, so that few examples change
little, and both have a mean of 1, so that distances keep their scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.engines.engine import IndexedItems
from datrnet.core.retrieval.manipulation import EPS, Floats

SAMPLE = 4096
"""Items that stand for the catalog: reading all of a large one takes longer than a search."""

REPULSION = 2.0
"""How much more the distance to an item counts that results shall be unlike, than that to the
query: above 1, so that a query moves away from its own block too."""


@dataclass(frozen=True, eq=False)
class BlockSpread:
    """How far apart the items of a catalog are in each block."""

    means: Floats
    """(A, E) of the blocks in the metric space."""
    variances: NDArray[np.float64]
    """(A,) mean ‖g_a - mean_a‖², above 0."""

    @classmethod
    def of(cls, items: IndexedItems) -> Self:
        """Measure items, evenly spaced ones if there are many."""
        places = np.linspace(0, len(items) - 1, min(len(items), SAMPLE)).astype(np.int64)
        blocks = items.blocks_at(places)
        means = blocks.mean(axis=0)
        return cls(means, np.maximum(_mean_squares(blocks - means), EPS))

    def agreement(self, blocks: Floats) -> Floats:
        """Return a weight (A,) for each block: larger, the more n items agree on it.

        With s_a² = Σ_i ‖x_ia - mean_a‖² / (n - 1), the variance within the set, and S_a², that of
        the catalog,

            r_a = (1 + (n - 1) s_a² / S_a²) / n,    w_a = (1 / r_a) / mean_b(1 / r_b).

        r_a is the relative variance after the n - 1 differences of the set and one that is as large
        as the catalog's. One item gives weights of 1; n items that agree on a block give it at most
        n times the weight of one on which they differ as any items do.

        Args:
            blocks: (n, A, E) in the metric space, n at least 1.
        """
        total = _mean_squares(blocks - blocks.mean(axis=0)) * len(blocks)
        return _normalized(len(blocks) / (1 + total / self.variances))

    def feedback(self, query: Floats, liked: Floats, disliked: Floats) -> Floats:
        """Return a weight (A,) for each block: larger, the better it tells liked from disliked.

        With c_a, the mean of ‖q_a - g_a‖² over the catalog, l_a and d_a, its means over the liked
        and the disliked items divided by c_a, and L and D, their numbers,

            v_a = [(1 + D d_a) / (1 + D)] / [(1 + L l_a) / (1 + L)],    w_a = v_a / mean_b(v_b).

        A block in which liked items are near the query and disliked ones far gets more weight.
        Without marks all weights are 1; each mark counts as much as the 1 that holds them there.

        Args:
            query: (A, E) after changes, in the metric space.
            liked: (L, A, E).
            disliked: (D, A, E).
        """
        typical = _mean_squares((query - self.means)[None]) + self.variances
        near, far = (
            (1 + len(marked) * _mean_squares(marked - query) / typical) / (1 + len(marked))
            for marked in (liked, disliked)
        )
        return _normalized(far / near)


def agreement_apart_from(asked: Sequence[int], agreement: Floats | None, num_blocks: int) -> Floats:
    """Return the weights (A,) of agreement, with a mean of 1: blocks asked for otherwise have 1.

    Args:
        asked: Blocks for which items do not speak.
        agreement: (A,) of ``BlockSpread.agreement``; None of a single item.
        num_blocks: A.
    """
    found = np.ones(num_blocks, dtype=np.float32)
    if agreement is not None:
        others = np.setdiff1d(np.arange(num_blocks), asked)
        found[others] = _normalized(agreement[others].astype(np.float64))
    return found


def moved_away(
    blocks: Floats, weights: Floats, unlike: Mapping[int, Sequence[Floats]]
) -> tuple[Floats, Floats]:
    """Return the blocks (A, E) and weights (A,) of a query that keeps away from other items.

    Each block u of another item adds λ w_a ‖g_a + u‖² to the squared distance, λ being
    ``REPULSION``: the distance to the opposite of u, which for blocks of length 1 is
    4 - ‖g_a - u‖². It is never below 0 or above 4 λ w_a, so no item wins by it alone. As

        ‖g - q‖² + λ Σ_i ‖g + u_i‖² = (1 + nλ) ‖g - (q - λ Σ_i u_i) / (1 + nλ)‖² + constant,

    this is a weighted query like any other, and every engine answers it.

    Args:
        blocks: (A, E) in the metric space.
        weights: (A,).
        unlike: Blocks (E,) of n other items, by the number of the block.
    """
    blocks, weights = blocks.copy(), weights.copy()
    for block, others in unlike.items():
        strength = 1 + REPULSION * len(others)
        blocks[block] = (blocks[block] - REPULSION * np.sum(others, axis=0)) / strength
        weights[block] *= strength
    return blocks, weights


def _mean_squares(differences: Floats) -> NDArray[np.float64]:
    """Return the mean of the squared lengths of differences (n, A, E) by block (A,); 0 of none."""
    squares = np.einsum("nae,nae->a", differences, differences, dtype=np.float64)
    found: NDArray[np.float64] = squares / max(1, len(differences))
    return found


def _normalized(factors: NDArray[np.float64]) -> Floats:
    """Return factors (A,) with a mean of 1; A may be 0."""
    found: Floats = (factors * (len(factors) / max(factors.sum(), EPS))).astype(np.float32)
    return found
