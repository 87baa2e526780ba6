"""The value that each block is nearest to: what the networks take an item for, and how clearly."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement, WeightedReplacement


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The value whose prototype a block is nearest to."""

    value: str
    distance: float
    """To its prototype."""
    second: str
    """The next nearest value."""
    margin: float
    """1 - distance / distance to the second: 0 where both are as near, 1 at the prototype."""


def nearest_values(generation: Generation, blocks: NDArray[np.float32]) -> Mapping[str, Nearest]:
    """Return the nearest value by super-category, of those with two values to choose from at least.

    Nothing where what stands for a value is no place among the blocks: ADDE's memory is added to
    them, AMNet's is fused with one that all super-categories share.

    Args:
        generation: The index.
        blocks: (A, E) of one item, as embedded.
    """
    if not isinstance(generation.manipulation, Replacement | WeightedReplacement):
        return {}
    found = {}
    for idx, category in enumerate(generation.super_categories):
        differences = generation.prototypes_of(idx) - blocks[idx]  # (V, E); NaN if untaught
        distances = np.sqrt(np.einsum("ve,ve->v", differences, differences))
        first, second = (*np.argsort(distances)[:2].tolist(), -1, -1)[:2]  # NaN comes last
        if second < 0 or np.isnan(distances[second]):
            continue
        nearest, next_nearest = float(distances[first]), float(distances[second])
        found[category.name] = Nearest(
            value=category.values[first],
            distance=nearest,
            second=category.values[second],
            margin=1 - nearest / next_nearest if next_nearest else 0.0,
        )
    return found
