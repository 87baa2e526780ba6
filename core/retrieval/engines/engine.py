"""What an engine is, the items that it searches, and the engine that looks at all of them.

An engine proposes candidates: places in the index that probably include the nearest items to a
weighted query. The search ranks them by the exact distance, d² = Σ_a w_a ‖q_a - g_a‖², so engines
differ only in what they miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.manipulation import BoolArray, Floats, Manipulation

Places = NDArray[np.int64]
"""Numbers of items in the order of the index."""

EngineName = Literal["annoy", "blocks", "exact", "milvus"]
EngineChoice = Literal["auto", "annoy", "blocks", "exact", "milvus"]
ENGINE_CHOICES: tuple[EngineChoice, ...] = get_args(EngineChoice)

CHUNK = 8192
"""Items whose distances are computed at once."""

GATHERED_AT_ONCE = 256
"""Items that are copied for their scores at once: they stay in the processor's cache."""

QUERIES_AT_ONCE = 128
"""Most queries whose scores are computed at once."""

MOST_SCORES = 16_000_000
"""Most scores in memory; limits the queries of large indexes."""

GATHERED_BELOW = 0.25
"""Share of allowed items below which copying them is faster than a product with all items."""

ROUNDING = 1e-5
"""Bound of a float32 score's error, relative to the lengths of the vectors multiplied."""


class Engine(Protocol):
    """Finds the items that may be nearest to a query."""

    name: ClassVar[EngineName]

    def candidates(
        self, blocks: Floats, weights: Floats, k: int, allowed: BoolArray | None = None
    ) -> Places | None:
        """Return the places that probably hold the k nearest items, in any order.

        Args:
            blocks: (A, E) of the query, in the metric space.
            weights: (A,), none below 0.
            k: Number of results wanted.
            allowed: (N,) which items may be results; None allows all.

        Returns:
            Allowed places, k or more if that many are allowed. None if the engine cannot answer
            this query, which is then ranked exactly.
        """


@dataclass(frozen=True, eq=False)
class IndexedItems:
    """The indexed items as they are compared."""

    embeddings: Floats
    """(N, A, E) as embedded, memory-mapped."""
    manipulation: Manipulation
    unit_blocks: bool
    """Whether every block has length 1 in the metric space."""

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.embeddings)

    def blocks_at(self, places: Places | slice) -> Floats:
        """Return the blocks (n, A, E) of some items in the metric space."""
        return self.manipulation.to_metric_space(self.embeddings[places])

    @cached_property
    def squared_lengths(self) -> Floats:
        """‖g_a‖² of each block (N, A); computed on first use."""
        found = np.empty(self.embeddings.shape[:2], dtype=np.float32)
        for start in range(0, len(self), CHUNK):
            items = self.blocks_at(slice(start, start + CHUNK))
            np.einsum("nae,nae->na", items, items, out=found[start : start + CHUNK])
        return found

    @cached_property
    def _longest(self) -> NDArray[np.float64]:
        """The largest length of a block (A,)."""
        if self.unit_blocks:
            return np.ones(self.embeddings.shape[1])
        longest: NDArray[np.float64] = np.sqrt(self.squared_lengths.max(axis=0, initial=0))
        return longest

    def scores(self, blocks: Floats, weights: Floats, places: Places | None = None) -> Floats:
        """Return Σ_a 2 w_a q_a·g_a - w_a ‖g_a‖² (Q, n), which is largest for the nearest items.

        The last term is left out where it is the same for all items.

        Args:
            blocks: (Q, A, E) in the metric space.
            weights: (Q, A).
            places: (n,) of the items; None is all of them.
        """
        total = len(self) if places is None else len(places)
        weights = weights.astype(np.float32)
        vectors = (2 * weights[:, :, None] * blocks).reshape(len(blocks), -1)  # (Q, A·E)
        scores = np.empty((len(blocks), total), dtype=np.float32)
        at_once = CHUNK if places is None else GATHERED_AT_ONCE
        for start in range(0, total, at_once):
            part = slice(start, start + at_once)
            chosen = part if places is None else places[part]
            items = self.blocks_at(chosen)
            items = items.reshape(len(items), -1)
            # a product with one vector is faster as such
            scores[:, part] = items @ vectors[0] if len(vectors) == 1 else vectors @ items.T
            if not self.unit_blocks:
                scores[:, part] -= weights @ self.squared_lengths[chosen].T
        return scores

    def rounding(self, blocks: Floats, weights: Floats) -> NDArray[np.float64]:
        """Return a bound (Q,) of the error of a query's scores."""
        lengths = np.linalg.norm(blocks, axis=2)
        sizes = weights * self._longest * (2 * lengths + self._longest)
        bound: NDArray[np.float64] = ROUNDING * sizes.sum(axis=1)
        return bound

    def nearest(
        self, blocks: Floats, weights: Floats, k: int, places: Places
    ) -> tuple[Places, NDArray[np.float64]]:
        """Return the k nearest of some items, nearest first and ties by place.

        Args:
            blocks: (A, E) of the query, in the metric space.
            weights: (A,).
            k: Number of results.
            places: (n,) of the items.

        Returns:
            Places (k,), and the parts w_a ‖q_a - g_a‖² of their squared distances (k, A).
        """
        if len(places) > 2 * k:  # float32 tells most of them apart
            scores = self.scores(blocks[None], weights[None], places)[0]
            places = places[best(scores, k, self.rounding(blocks[None], weights[None])[0])]
        parts = self.parts(blocks, weights, places)
        order = np.lexsort((places, parts.sum(axis=1)))[:k]
        return places[order], parts[order]

    def parts(self, blocks: Floats, weights: Floats, places: Places) -> NDArray[np.float64]:
        """Return the parts w_a ‖q_a - g_a‖² of the squared distances (n, A) of some items.

        Args:
            blocks: (A, E) of the query, in the metric space.
            weights: (A,).
            places: (n,) of the items.
        """
        parts = np.empty((len(places), len(blocks)))
        for start in range(0, len(places), CHUNK):
            items = self.blocks_at(places[start : start + CHUNK])
            differences = np.subtract(items, blocks, dtype=np.float64)
            np.einsum("nae,nae->na", differences, differences, out=parts[start : start + CHUNK])
        parts *= weights
        return parts


class ExactEngine:
    """Scores every allowed item in one product, and misses none.

    Scores are float32: every item whose score may be among the best k is a candidate.
    """

    name: ClassVar[EngineName] = "exact"

    def __init__(self, items: IndexedItems) -> None:
        """Search some items."""
        self._items = items

    def candidates(
        self, blocks: Floats, weights: Floats, k: int, allowed: BoolArray | None = None
    ) -> Places:
        """Return the k nearest places and those that rounding cannot tell from them."""
        places = None if allowed is None else np.flatnonzero(allowed)
        if places is not None and len(places) <= k:
            return places
        if places is None or len(places) >= GATHERED_BELOW * len(self._items):
            return self.candidates_of_many(blocks[None], weights[None], k, [allowed])[0]
        scores = self._items.scores(blocks[None], weights[None], places)[0]
        return places[best(scores, k, self._items.rounding(blocks[None], weights[None])[0])]

    def candidates_of_many(
        self, blocks: Floats, weights: Floats, k: int, allowed: Sequence[BoolArray | None]
    ) -> list[Places]:
        """Return the candidates of several queries, whose products are computed together.

        Args:
            blocks: (Q, A, E).
            weights: (Q, A).
            k: Number of results wanted for each.
            allowed: Q masks (N,), or None.
        """
        found: list[Places] = []
        at_once = min(QUERIES_AT_ONCE, 1 + MOST_SCORES // max(1, len(self._items)))
        for start in range(0, len(blocks), at_once):
            some = slice(start, start + at_once)
            scores = self._items.scores(blocks[some], weights[some])
            bounds = self._items.rounding(blocks[some], weights[some])
            for row, mask, bound in zip(scores, allowed[some], bounds, strict=True):
                if mask is not None:
                    row[~mask] = -np.inf
                near = best(row, k, bound)
                found.append(near if mask is None else near[mask[near]])
        return found


def best(scores: Floats, count: int, error: float = 0.0) -> Places:
    """Return where the largest scores (n,) are, and those that an error hides or that are equal."""
    if count >= len(scores):
        return np.arange(len(scores))
    return np.flatnonzero(scores >= largest(scores, count) - 2 * error)


def largest(scores: Floats, count: int) -> float:
    """Return the count-th largest of n scores, n > count."""
    step = len(scores) // (8 * count)
    if step > 1:  # a limit from a sample leaves little to sort
        sample = scores[::step]
        rank = len(sample) - 2 * (count // step + 8)
        if rank > 0:
            rest = scores[scores >= np.partition(sample, rank)[rank]]
            if len(rest) >= count:
                scores = rest
    return float(np.partition(scores, len(scores) - count)[len(scores) - count])
