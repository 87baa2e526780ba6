"""Facets: the items that carry chosen values, and how many carry each other value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Chosen = Mapping[int, frozenset[int]]
"""Value indices by super-category index, -1 for no label: an item must carry one of the values of
every super-category that has any."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facets:
    """The items that pass a choice, and the counts for further choices."""

    rows: NDArray[np.intp]
    """Items that carry the chosen values, in the given order."""
    counts: tuple[NDArray[np.int64], ...]
    """For each super-category (V + 1,): number of items with each value, and last without a label,
    among those that carry the chosen values of the other super-categories."""


def facets_of(
    labels: NDArray[np.int16], rows: NDArray[np.intp], num_values: Sequence[int], chosen: Chosen
) -> Facets:
    """Filter items and count their values.

    Args:
        labels: (N, A) of the catalog, -1 where unlabeled.
        rows: (n,) items to filter.
        num_values: Number of values of each super-category.
        chosen: Required values.
    """
    fails = {
        idx: ~np.isin(labels[rows, idx], list(values)) for idx, values in chosen.items() if values
    }
    num_failed = np.zeros(len(rows), dtype=np.int64)
    for failed in fails.values():
        num_failed += failed
    passing = rows[num_failed == 0]
    counts = []
    for idx, number in enumerate(num_values):
        counted = rows[num_failed == fails[idx]] if idx in fails else passing
        # shifted by 1 to count -1 (no label), which then moves to the end
        numbers = np.bincount(labels[counted, idx] + 1, minlength=number + 1)
        counts.append(np.roll(numbers, -1))
    return Facets(rows=passing, counts=tuple(counts))
