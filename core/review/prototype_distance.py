"""Distances from indexed items to the prototypes of a super-category's values."""

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.manipulation import Replacement, WeightedReplacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import CHUNK, Searcher

Floats = NDArray[np.float32]


def refuse_entangled(searcher: Searcher) -> None:
    """Refuse an index without a block per super-category.

    Raises:
        ConfigError: All super-categories share a block, as in AMNet.
    """
    if searcher.is_entangled:
        raise ConfigError(
            "The system of this index has one block for all super-categories: distances in it do "
            "not depend on a single label.",
            hint="Index a run of another system, such as DAtRNet.",
        )


def reference_points(searcher: Searcher, super_category_idx: int) -> Floats:
    """Return the points (V, E) that represent the values of a super-category; NaN where unknown.

    These are the vectors that replace a block in a search: prototypes in DAtRNet and
    FashionSearchNet, one-hot vectors in attribute-based retrieval. ADDE-M's memory is added to
    blocks and is not a position among them, so the means of the currently labeled items are used.

    Args:
        searcher: Its index must have a block for each super-category.
        super_category_idx: Index of the super-category in the generation.
    """
    generation = searcher.generation
    if isinstance(generation.manipulation, Replacement | WeightedReplacement):
        return generation.prototypes_of(super_category_idx)
    return mean_embeddings(
        np.asarray(generation.embeddings[:, super_category_idx]),
        index_labels(searcher, super_category_idx),
        len(generation.super_categories[super_category_idx].values),
        unit_length=False,
    )


def index_labels(searcher: Searcher, super_category_idx: int) -> NDArray[np.int16]:
    """Return the current labels (n,) of the indexed items in the index's encoding, else -1."""
    category = searcher.generation.super_categories[super_category_idx]
    labels = searcher.catalog.encode_labels([category])[:, 0]
    return labels[searcher.indexed_rows]


def squared_distances(blocks: Floats, points: Floats) -> Floats:
    """Return d² (n, V) from blocks (n, E) to points (V, E); infinite for a point of NaN."""
    known = ~np.isnan(points).any(axis=1)
    distances = np.full((len(blocks), len(points)), np.inf, dtype=np.float32)
    finite = points[known]
    lengths = np.einsum("ve,ve->v", finite, finite)
    for start in range(0, len(blocks), CHUNK):
        part = np.asarray(blocks[start : start + CHUNK])
        own = np.einsum("ne,ne->n", part, part)[:, None]
        squares = own + lengths - 2 * (part @ finite.T)
        distances[start : start + CHUNK, known] = np.maximum(squares, 0)
    return distances


def typical_rows(searcher: Searcher, super_category: str, value: str, count: int) -> list[int]:
    """Return the catalog rows of the items that carry a value, the closest to it first.

    Args:
        searcher: The catalog and its index.
        super_category: As the index spells it.
        value: One of its values.
        count: Maximum number of rows.

    Returns:
        No rows if the index does not know the value.
    """
    idx = searcher.names.index(super_category)
    values = searcher.generation.super_categories[idx].values
    if value not in values:
        return []
    number = values.index(value)
    places = np.flatnonzero(index_labels(searcher, idx) == number)
    point = reference_points(searcher, idx)[number : number + 1]
    distances = squared_distances(searcher.generation.embeddings[places, idx], point)[:, 0]
    order = np.argsort(distances, kind="stable")[:count]
    return [int(row) for row in searcher.indexed_rows[places[order]]]
