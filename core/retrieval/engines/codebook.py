"""The codebook of block codes: how the blocks of an item become codes, sketches and a group.

Each block is kept in coordinates along its principal axes. Blocks that are not of length 1 get one
more coordinate, which turns their distance into an inner product:
-‖q - g‖² + ‖q‖² = 2 (q, s)·(g, -‖g‖² / 2s), where s is a typical length.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.engines.engine import IndexedItems, Places
from datrnet.core.retrieval.manipulation import EPS, Floats

NUM_CELLS = 256
NUM_AXES = 32
ITEMS_PER_GROUP = 50
MAX_GROUPS = 4000
SAMPLE = 40_000
"""Items that axes and cells are learned from."""

SAMPLE_PER_GROUP = 16
CELL_ROUNDS = 8
GROUP_ROUNDS = 5
"""Rounds of k-means; more of them change no recall."""

GROUP_AXES = 16
"""Axes of each block that say which group is nearest; finding it takes the most time of all."""

LARGEST_STEP = 127
"""Largest coordinate of a sketch."""

SPREAD = 2.0
"""A group is as near to a query as its items so many standard deviations from its center."""

POINTS_AT_ONCE = 2048
"""Points whose distances to the centers are computed at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Codebook:
    """How blocks become codes and sketches. F is E, or E + 1 where blocks differ in length."""

    means: Floats
    """(A, F) that coordinates are relative to."""
    axes: Floats
    """(A, F, S) principal axes of each block, S at most 32."""
    cells: Floats
    """(A, 256, S) centers of the cells."""
    steps: Floats
    """(A, S) unit of a sketch along each axis."""
    groups: Floats
    """(G, A·S) centers of the coarse groups."""
    spreads: Floats
    """(G, A) mean squared distance of a group's items from its center along an axis."""
    typical_length: float
    """s above; 0 where all blocks have length 1."""
    num_items: int
    """Number of items in the index when it was learned."""
    recall: float = 1.0
    """Its recall@30 then."""

    @classmethod
    def learn(cls, items: IndexedItems, *, seed: int = 0) -> Self:
        """Learn the codebook of some items."""
        rng = np.random.default_rng(seed)
        num_groups = int(np.clip(len(items) // ITEMS_PER_GROUP, 1, MAX_GROUPS))
        size = max(SAMPLE, num_groups * SAMPLE_PER_GROUP)
        blocks = items.blocks_at(np.sort(rng.permutation(len(items))[:size]))
        typical = 0.0
        if not items.unit_blocks:
            typical = float(np.sqrt(np.einsum("nae,nae->na", blocks, blocks).mean())) or 1.0
        vectors = _lengthened(blocks, typical)
        means: Floats = vectors.mean(axis=0)
        axes = np.stack([_principal_axes(vectors[:, a] - means[a]) for a in range(len(means))])
        points = _along(vectors - means, axes)
        flat, few = points.reshape(len(points), -1), rng.permutation(len(points))[:SAMPLE]
        leading = _leading(*points.shape[1:])
        groups = _k_means(flat, num_groups, rng, GROUP_ROUNDS, leading)
        return cls(
            means=means,
            axes=axes,
            cells=np.stack(
                [_k_means(points[few, a], NUM_CELLS, rng, CELL_ROUNDS) for a in range(len(means))]
            ),
            steps=np.maximum(np.abs(points).max(axis=0) / LARGEST_STEP, EPS).astype(np.float32),
            groups=groups,
            spreads=_spreads(points, groups, leading),
            typical_length=typical,
            num_items=len(items),
        )

    def encode(self, blocks: Floats) -> tuple[NDArray[np.uint16], NDArray[np.int8], Places]:
        """Return the codes (P, n), sketches (n, A·S) and groups (n,) of blocks (n, A, E)."""
        points = _along(_lengthened(blocks, self.typical_length) - self.means, self.axes)
        cells = np.stack([_nearest(points[:, a], self.cells[a]) for a in range(len(self.cells))])
        codes = cells[0::2].astype(np.uint16)
        codes[: len(cells) // 2] |= (cells[1::2] << 8).astype(np.uint16)  # an odd last one is alone
        sketches = np.clip(np.rint(points / self.steps), -LARGEST_STEP, LARGEST_STEP)
        flat, leading = points.reshape(len(points), -1), _leading(*points.shape[1:])
        groups = _nearest(flat[:, leading], self.groups[:, leading])
        return codes, sketches.astype(np.int8).reshape(flat.shape), groups

    def group_scores(self, query: Floats) -> Floats:
        """Return the score (G,) that some of each group's items reach for a query (A, S).

        It is that of the center, and a multiple of how far scores in the group are spread.
        """
        spread = np.sqrt(self.spreads @ np.einsum("as,as->a", query, query))
        scores: Floats = self.groups @ query.ravel() + SPREAD * spread
        return scores

    def project(self, blocks: Floats, weights: Floats) -> Floats:
        """Return a query's weighted blocks (A, E) along the axes (A, S)."""
        query = blocks[None]
        if self.typical_length:
            last = np.full((*query.shape[:2], 1), self.typical_length)
            query = np.concatenate([query, last], axis=2)
        weighted: Floats = (query * weights[:, None]).astype(np.float32)
        projected: Floats = _along(weighted, self.axes)[0]
        return projected

    def tables(self, query: Floats) -> list[Floats]:
        """Return the score of every code (65,536,), or (256,) of a last block that is alone."""
        scores = np.matmul(self.cells, query[:, :, None])[:, :, 0]  # (A, 256)
        pairs = len(scores) // 2
        # high + low as the product [high, 1] [1, low]ᵀ is three times as fast as a sum
        high = np.ones((pairs, NUM_CELLS, 2), dtype=np.float32)
        low = np.ones((pairs, 2, NUM_CELLS), dtype=np.float32)
        high[:, :, 0], low[:, 1] = scores[1::2], scores[0 : 2 * pairs : 2]
        tables = list((high @ low).reshape(pairs, -1))
        return [*tables, scores[-1]] if len(scores) % 2 else tables


def _lengthened(blocks: Floats, typical_length: float) -> Floats:
    """Return blocks (n, A, E) with the coordinate of their length (n, A, E + 1), if they differ."""
    if not typical_length:
        return blocks
    squares = np.einsum("nae,nae->na", blocks, blocks) / (-2 * typical_length)
    return np.concatenate([blocks, squares[:, :, None]], axis=2)


def _principal_axes(centered: Floats) -> Floats:
    """Return the axes (F, S) of the largest variance of centered vectors (n, F)."""
    _, axes = np.linalg.eigh(centered.T @ centered)  # ascending
    return np.ascontiguousarray(axes[:, ::-1][:, :NUM_AXES])


def _along(vectors: Floats, axes: Floats) -> Floats:
    """Return the coordinates (n, A, S) of vectors (n, A, F) along axes (A, F, S)."""
    return np.stack([vectors[:, a] @ axes[a] for a in range(len(axes))], axis=1)


def _leading(num_blocks: int, num_axes: int) -> Places:
    """Return where the leading coordinates of every block are among all of them."""
    return np.arange(num_blocks * num_axes).reshape(num_blocks, -1)[:, :GROUP_AXES].ravel()


def _k_means(
    points: Floats,
    count: int,
    rng: np.random.Generator,
    rounds: int,
    compared: Places | slice = slice(None),
) -> Floats:
    """Return ``count`` centers (count, S) of points (n, S); a center without points stays."""
    centers = points[rng.choice(len(points), count, replace=len(points) < count)]
    if len(points) <= count:
        return centers
    some = points[:, compared]
    for _ in range(rounds):
        nearest = _nearest(some, centers[:, compared])
        order = np.argsort(nearest, kind="stable")
        used, starts, sizes = np.unique(nearest[order], return_index=True, return_counts=True)
        centers[used] = np.add.reduceat(points[order], starts) / sizes[:, None]
    return centers


def _spreads(points: Floats, groups: Floats, leading: Places) -> Floats:
    """Return the mean squared distance (G, A) of points (n, A, S) from their group by axis."""
    nearest = _nearest(points.reshape(len(points), -1)[:, leading], groups[:, leading])
    squares = np.square(points - groups[nearest].reshape(points.shape)).mean(axis=2)
    sums = [np.bincount(nearest, of_block, len(groups)) for of_block in squares.T]
    sizes = np.maximum(np.bincount(nearest, minlength=len(groups)), 1)
    spreads: Floats = (np.array(sums) / sizes).T.astype(np.float32)
    return spreads


def _nearest(points: Floats, centers: Floats) -> Places:
    """Return the nearest center (n,) of each point (n, S)."""
    halves = np.einsum("cs,cs->c", centers, centers) / 2
    nearest = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), POINTS_AT_ONCE):
        part = slice(start, start + POINTS_AT_ONCE)
        nearest[part] = (points[part] @ centers.T - halves).argmax(axis=1)
    return nearest
