"""The Annoy file of a generation: candidates by Euclidean distance over the concatenation.

Annoy's file stores neither its dimension nor its metric; the generation's manifest does.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import IndexStaleError

METRIC: Literal["euclidean"] = "euclidean"


def build_annoy(vectors: NDArray[np.float32], path: Path, *, trees: int, seed: int) -> None:
    """Build an index over vectors (N, D) and write it; item numbers are rows."""
    from annoy import AnnoyIndex

    index = AnnoyIndex(vectors.shape[1], METRIC)
    index.set_seed(seed)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(trees)
    if not index.save(str(path)):
        raise IndexStaleError(f"The index could not be written to {path}.")


class CandidateIndex:
    """A loaded Annoy file."""

    def __init__(self, path: Path, *, dimension: int, num_items: int) -> None:
        """Map the file into memory.

        Raises:
            IndexStaleError: The file is absent, cut short, or holds another number of items.
        """
        from annoy import AnnoyIndex

        self._index: Any = AnnoyIndex(dimension, METRIC)
        try:
            self._index.load(str(path))
        except OSError as error:
            raise IndexStaleError(
                f"{path} cannot be read: {error}.", mend="Run `datrnet index` to build it again."
            ) from error
        if self._index.get_n_items() != num_items:
            raise IndexStaleError(
                f"{path} holds {self._index.get_n_items()} items; {num_items} are expected.",
                mend="Run `datrnet index` to build it again.",
            )

    def candidates(self, vector: NDArray[np.float32], count: int, nodes: int) -> NDArray[np.int64]:
        """Return up to ``count`` rows near a vector (D,), looking at about ``nodes`` items."""
        return np.array(self._index.get_nns_by_vector(vector, count, nodes), dtype=np.int64)

    def neighbours(self, row: int, count: int, nodes: int) -> NDArray[np.int64]:
        """Return up to ``count`` rows near a row, itself among them."""
        return np.array(self._index.get_nns_by_item(row, count, nodes), dtype=np.int64)
