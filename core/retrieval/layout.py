"""Lay out vectors in the plane so that near ones stay near.

The loss is that of UMAP with t-SNE's kernel. With p the weights of the graph of nearest neighbors,

    q_ij = 1 / (1 + ‖y_i - y_j‖²),    loss = -Σ_ij p_ij log q_ij - Σ_i Σ_r log(1 - q_ir)

where r are random other items, drawn in every epoch. All points move at once, by Adam, which keeps
steps short where many neighbors pull. The start is the plane of the two largest principal
components. It needs NumPy only, and a fraction of the time of scikit-learn's t-SNE, which keeps
slightly more neighbors together.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

NUM_NEIGHBORS = 15
NUM_RANDOM = 20
"""Items that each point is pushed away from in an epoch."""
EPOCHS = 200
FIRST_STEP = 1.0
"""Length of the first steps; it falls to 0 linearly."""
START_SPREAD = 5.0
"""Standard deviation of the points at the start."""
SOFT = 0.01
"""Added to squared distances, so that points in one place are pushed apart by a finite step."""
DECAY, SQUARED_DECAY = 0.5, 0.9
"""Of Adam's means of gradients and of their squares."""
EPS = 1e-7
CHUNK = 1024
"""Rows of a table of distances at a time; limits memory."""


def laid_out(
    vectors: Floats, seed: int = 0, on_epoch: Callable[[int], object] = lambda done: None
) -> Floats:
    """Return points (n, 2) within the square from -1 to 1, around the origin.

    Args:
        vectors: (n, E).
        seed: Of the random items; the same seed gives the same points.
        on_epoch: Called before each of the ``EPOCHS`` with how many are done.
    """
    rng, num = np.random.default_rng(seed), len(vectors)
    points = principal_plane(vectors)
    if num <= 2:
        return _within_square(points)
    spread = START_SPREAD / max(float(points.std()), EPS)
    start = spread * points + rng.normal(scale=SOFT, size=points.shape)
    points = np.ascontiguousarray(start.T, dtype=np.float32)  # (2, n), which is faster
    one_end, other_end, weights = _neighbor_graph(vectors)
    starts = np.searchsorted(one_end, np.arange(num))
    mean, mean_square = np.zeros_like(points), np.zeros_like(points)
    for epoch in range(EPOCHS):
        on_epoch(epoch)
        apart = points[:, one_end] - points[:, other_end]
        pull = 2 * weights / (1 + (apart**2).sum(axis=0))
        gradient = np.add.reduceat(pull * apart, starts, axis=1)
        apart = points[:, None] - points[:, rng.integers(0, num, (NUM_RANDOM, num))]  # (2, r, n)
        squares = (apart**2).sum(axis=0)
        gradient -= (2 / ((SOFT + squares) * (1 + squares)) * apart).sum(axis=1)
        mean += (1 - DECAY) * (gradient - mean)
        mean_square += (1 - SQUARED_DECAY) * (gradient**2 - mean_square)
        direction = mean / (1 - DECAY ** (epoch + 1))
        scale = np.sqrt(mean_square / (1 - SQUARED_DECAY ** (epoch + 1))) + EPS
        points -= np.float32(FIRST_STEP * (1 - epoch / EPOCHS)) * direction / scale
    return _within_square(points.T)


def principal_plane(vectors: Floats) -> Floats:
    """Return the two largest principal components (n, 2) of vectors (n, E)."""
    points = np.zeros((len(vectors), 2), dtype=np.float32)
    if len(vectors) > 1:
        centered = (vectors - vectors.mean(axis=0)).astype(np.float64)
        _, axes = np.linalg.eigh(centered.T @ centered)  # ascending
        largest = axes[:, ::-1][:, :2]
        # an axis has no direction: the one in which its largest part is positive, in any NumPy
        largest = largest * np.sign(
            largest[np.abs(largest).argmax(axis=0), range(largest.shape[1])]
        )
        points[:, : largest.shape[1]] = centered @ largest
    return points


NUM_ANCHORS = 3
"""Neighbors amid which an item is placed."""


def placed(
    vectors: Floats,
    anchors: Floats,
    points: Floats,
    on_chunk: Callable[[int], object] = lambda done: None,
) -> Floats:
    """Return points (n, 2) of vectors: each the mean of those of its nearest anchors.

    Args:
        vectors: (n, E).
        anchors: (m, E), m above 0.
        points: (m, 2) of the anchors.
        on_chunk: Called before each ``CHUNK`` of vectors with how many are done.
    """
    found = np.empty((len(vectors), 2), dtype=np.float32)
    for start in range(0, len(vectors), CHUNK):
        on_chunk(start)
        part = slice(start, start + CHUNK)
        neighbors, _ = nearest(vectors[part], anchors, min(NUM_ANCHORS, len(anchors)))
        found[part] = points[neighbors].mean(axis=1)
    return found


def nearest(vectors: Floats, others: Floats, count: int) -> tuple[Places, Floats]:
    """Return the places (n, count) of the nearest others, in any order, and their distances.

    Args:
        vectors: (n, E).
        others: (m, E).
        count: At most m.
    """
    lengths = np.einsum("me,me->m", others, others)
    squares = lengths - 2 * vectors @ others.T
    squares += np.einsum("ne,ne->n", vectors, vectors)[:, None]
    places = np.argpartition(squares, count - 1, axis=1)[:, :count]
    return places, np.sqrt(np.maximum(np.take_along_axis(squares, places, axis=1), 0))


def _neighbor_graph(vectors: Floats) -> tuple[Places, Places, Floats]:
    """Return both ends and the weight of each edge, in both directions, by their first ends.

    An item's neighbor has the weight exp(-(d - d_nearest) / s) with the scale s at which the
    weights of all its neighbors sum to log2 of their number; an edge has the mean of the weights
    that its two ends give it.
    """
    num, count = len(vectors), min(NUM_NEIGHBORS, len(vectors) - 1)
    neighbors = np.empty((num, count), dtype=np.int64)
    distances = np.empty((num, count), dtype=np.float32)
    for start in range(0, num, CHUNK):
        part = slice(start, min(start + CHUNK, num))
        places, apart = nearest(vectors[part], vectors, count + 1)
        # an item is not its own neighbor; of more than so many copies, it may not be among them
        is_other = places != np.arange(part.start, part.stop)[:, None]
        is_other[is_other.all(axis=1), -1] = False
        neighbors[part] = places[is_other].reshape(-1, count)
        distances[part] = apart[is_other].reshape(-1, count)
    weights = _weights(distances)
    ends = np.repeat(np.arange(num, dtype=np.int64), count), neighbors.ravel()
    one_end, other_end = np.concatenate(ends), np.concatenate(ends[::-1])
    order = np.argsort(one_end, kind="stable")
    both = np.tile(weights.ravel() / 2, 2).astype(np.float32)
    return one_end[order], other_end[order], both[order]


def _weights(distances: Floats) -> Floats:
    """Return the weights (n, k) of neighbors at these distances; see ``_neighbor_graph``."""
    beyond = distances - distances.min(axis=1, keepdims=True)
    wanted = max(np.log2(beyond.shape[1]), 1.0)
    low, high = np.zeros(len(beyond)), np.full(len(beyond), max(float(beyond.max()), EPS) * 100)
    for _ in range(30):
        scale = (low + high) / 2
        is_high = np.exp(-beyond / np.maximum(scale, EPS)[:, None]).sum(axis=1) > wanted
        low, high = np.where(is_high, low, scale), np.where(is_high, scale, high)
    weights: Floats = np.exp(-beyond / np.maximum(high, EPS)[:, None]).astype(np.float32)
    return weights


def _within_square(points: Floats) -> Floats:
    """Move and scale points so that their bounding box is around the origin and just inside."""
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, EPS)
    moved: Floats = ((points - (low + high) / 2) / half).astype(np.float32)
    return moved
