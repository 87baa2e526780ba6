"""How near the items of an index are to what stands for each value of a super-category."""

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.manipulation import Replacement, WeightedReplacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import CHUNK, Searcher

Floats = NDArray[np.float32]


def refuse_entangled(searcher: Searcher) -> None:
    """Refuse an index in which no block tells about one super-category alone.

    Raises:
        ConfigError: All super-categories share a block, as in AMNet.
    """
    if searcher.is_entangled:
        raise ConfigError(
            "The system of this index has one block for all super-categories: nearness in it tells "
            "nothing about one label.",
            mend="Index a run of another system, such as DAtRNet.",
        )


def standards(searcher: Searcher, super_category_idx: int) -> Floats:
    """Return what the items of a super-category are held against (V, E); NaN where nothing is.

    That is what replaces a block in a search: the prototypes of DAtRNet and FashionSearchNet, the
    one-hot vectors of attribute-based retrieval, where blocks are probabilities. The memory of
    ADDE-M says what to add to a block, not where blocks lie: there the means of the items that
    carry each value today are taken.

    Args:
        searcher: Whose index has a block for each super-category.
        super_category_idx: Its place in the index.
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
    """Return today's label (n,) of every item of the index, numbered as the index does; else -1."""
    category = searcher.generation.super_categories[super_category_idx]
    labels = searcher.catalog.encode_labels([category])[:, 0]
    return labels[searcher.indexed_rows]


def squared_distances(blocks: Floats, points: Floats) -> Floats:
    """Return d² (n, V) of blocks (n, E) to points (V, E); infinite to a point that is NaN."""
    known = ~np.isnan(points).any(axis=1)
    distances = np.full((len(blocks), len(points)), np.inf, dtype=np.float32)
    there = points[known]
    lengths = np.einsum("ve,ve->v", there, there)
    for start in range(0, len(blocks), CHUNK):
        part = np.asarray(blocks[start : start + CHUNK])
        own = np.einsum("ne,ne->n", part, part)[:, None]
        squares = own + lengths - 2 * (part @ there.T)
        distances[start : start + CHUNK, known] = np.maximum(squares, 0)
    return distances


def typical_rows(searcher: Searcher, super_category: str, value: str, count: int) -> list[int]:
    """Return the catalogue rows of the items that carry a value, the nearest to it first.

    Args:
        searcher: The catalogue and its index.
        super_category: One of the index's, as it spells it.
        value: One of its values.
        count: The most rows.

    Returns:
        Fewer where fewer carry it; none where the index does not know the value.
    """
    idx = searcher.names.index(super_category)
    values = searcher.generation.super_categories[idx].values
    if value not in values:
        return []
    number = values.index(value)
    places = np.flatnonzero(index_labels(searcher, idx) == number)
    point = standards(searcher, idx)[number : number + 1]
    distances = squared_distances(searcher.generation.embeddings[places, idx], point)[:, 0]
    order = np.argsort(distances, kind="stable")[:count]
    return [int(row) for row in searcher.indexed_rows[places[order]]]
