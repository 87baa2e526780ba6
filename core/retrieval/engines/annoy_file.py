"""Annoy: a memory-mapped forest over the concatenated blocks, and the items that it lacks.

Annoy cannot take in items, so those indexed since its file was built are the exact part: all of
them are candidates of every search.
"""

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.engines.engine import EngineName, IndexedItems, Places
from datrnet.core.retrieval.manipulation import BoolArray, Floats

ANNOY = "index.ann"
ANNOY_PLACES = "annoy_places.npy"

ANNOY_METRIC: Literal["euclidean"] = "euclidean"

CANDIDATES_PER_RESULT = 10
"""Candidates requested from Annoy for every result."""

REBUILD = "Run `datrnet index` to rebuild it."


def annoy_imports() -> bool:
    """Tell whether Annoy is installed and can be imported."""
    try:
        import_module("annoy")
    except ImportError:
        return False
    return True


def build_annoy(vectors: Floats, path: Path, *, trees: int, seed: int) -> None:
    """Build an Annoy index over vectors (N, D) and write it; item numbers are rows.

    Raises:
        IndexStaleError: The file cannot be written.
    """
    from annoy import AnnoyIndex

    index = AnnoyIndex(vectors.shape[1], ANNOY_METRIC)
    index.set_seed(seed)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(trees)
    if not index.save(str(path)):
        raise IndexStaleError(f"The index cannot be written to {path}.")


class CandidateIndex:
    """A memory-mapped Annoy file."""

    def __init__(self, path: Path, *, dimension: int, num_items: int) -> None:
        """Map the file into memory.

        Raises:
            IndexStaleError: The file is missing, truncated, or holds another number of items.
        """
        from annoy import AnnoyIndex

        self._index: Any = AnnoyIndex(dimension, ANNOY_METRIC)
        try:
            self._index.load(str(path))
        except OSError as error:
            raise IndexStaleError(f"Cannot read {path}: {error}.", hint=REBUILD) from error
        if self._index.get_n_items() != num_items:
            raise IndexStaleError(
                f"{path} holds {self._index.get_n_items()} items instead of {num_items}.",
                hint=REBUILD,
            )

    def candidates(self, vector: Floats, count: int, nodes: int) -> Places:
        """Return up to ``count`` of its items near a vector (D,); it inspects about ``nodes``."""
        return np.array(self._index.get_nns_by_vector(vector, count, nodes), dtype=np.int64)


def candidate_vector(blocks: Floats, weights: Floats, *, unit_blocks: bool) -> Floats | None:
    """Return the vector (A·E,) whose Euclidean neighbors are a query's weighted neighbors.

    With gallery blocks of length 1, Σ_a w_a ‖q_a - g_a‖² = const - 2 Σ_a w_a q_a·g_a, and every
    gallery vector has the same length, so the neighbors of (w_a q_a) are the weighted neighbors of
    q: one index serves all weights. The vector is scaled to the length of a gallery vector, where
    the index's splits are. With other blocks, including whole vectors of length 1, the lengths
    ‖g_a‖ matter unless all weights are equal; then the neighbors are those of q itself.

    Args:
        blocks: (A, E) of the query.
        weights: (A,).
        unit_blocks: Whether all blocks of the gallery have length 1.

    Returns:
        None if no vector has these neighbors.
    """
    if not unit_blocks:
        return blocks.ravel() if weights[0] > 0 and (weights == weights[0]).all() else None
    vector = (weights[:, None] * blocks).ravel()
    length = np.linalg.norm(vector)
    scaled: NDArray[np.float32] = vector * (np.sqrt(len(blocks)) / length if length > 0 else 1)
    return scaled.astype(np.float32)


class AnnoyEngine:
    """Annoy's neighbors of a query, and the exact part."""

    name: ClassVar[EngineName] = "annoy"

    def __init__(self, items: IndexedItems, path: Path, places: Places, nodes: int) -> None:
        """Search Annoy's file.

        Args:
            items: The indexed items.
            path: The file; it is opened on first use.
            places: (M,) place of each of its items in the index, -1 for those that are gone.
            nodes: Annoy's ``search_k``; 0 if it can answer no query.
        """
        self._items, self._path, self._places, self.nodes = items, path, places, nodes

    @cached_property
    def index(self) -> CandidateIndex:
        """The file, opened on first use."""
        _, num_blocks, size = self._items.embeddings.shape
        return CandidateIndex(self._path, dimension=num_blocks * size, num_items=len(self._places))

    @cached_property
    def exact_places(self) -> Places:
        """The items that Annoy does not have, ascending."""
        return np.setdiff1d(np.arange(len(self._items)), self._places)

    def candidates(
        self, blocks: Floats, weights: Floats, k: int, allowed: BoolArray | None = None
    ) -> Places | None:
        """Return neighbors and the exact part; None if too few neighbors are allowed.

        A filter may contradict the query, so that none of its neighbors passes. Annoy cannot answer
        weights that differ either, if blocks do not have length 1.
        """
        vector = candidate_vector(blocks, weights, unit_blocks=self._items.unit_blocks)
        if vector is None or self.nodes == 0:
            return None
        if allowed is not None and 2 * np.count_nonzero(allowed) < len(allowed):
            return None
        count = min(CANDIDATES_PER_RESULT * k, len(self._places))
        near = self._near(vector, count, max(self.nodes, count))
        rest = self.exact_places
        if allowed is not None:
            near, rest = near[allowed[near]], rest[allowed[rest]]
        if len(near) < max(k, count / 2):
            return None
        return np.concatenate([near, rest])

    def _near(self, vector: Floats, count: int, nodes: int) -> Places:
        """Return about ``count`` places near a vector (D,); fewer where neighbors are gone."""
        places = self._places[self.index.candidates(vector, count, nodes)]
        return places[places >= 0]

    def neighbors(self, places: Places, count: int, nodes: int) -> list[Places]:
        """Return the places near each of some items, themselves included.

        About ``count`` that Annoy has, and near an item of the exact part as many of that. What is
        near an item of Annoy in the exact part is found from there.
        """
        found = []
        is_exact = np.isin(places, self.exact_places)
        blocks = self._items.blocks_at(places)
        for vector, annoy_lacks_it in zip(blocks.reshape(len(places), -1), is_exact, strict=True):
            near = self._near(vector, count, nodes)
            if annoy_lacks_it:
                distances = np.linalg.norm(self._exact_vectors - vector, axis=1)
                near = np.append(near, self.exact_places[np.argsort(distances)[:count]])
            found.append(near)
        return found

    @cached_property
    def _exact_vectors(self) -> Floats:
        return self._items.blocks_at(self.exact_places).reshape(len(self.exact_places), -1)
