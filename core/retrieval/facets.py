"""Facets: the items that carry chosen values, and how many carry every other one beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Chosen = Mapping[int, frozenset[int]]
"""Values by super-category, both as the catalogue numbers them, -1 for no label: an item must carry
one of the values of every super-category that has any."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facets:
    """What a choice leaves, and what could be chosen further."""

    rows: NDArray[np.intp]
    """The items that carry what is chosen, in the order they were given in."""
    counts: tuple[NDArray[np.int64], ...]
    """For each super-category (V + 1,): how many items carry each value, and last none, among those
    that carry what is chosen in the other super-categories."""


def facets_of(
    labels: NDArray[np.int16], rows: NDArray[np.intp], num_values: Sequence[int], chosen: Chosen
) -> Facets:
    """Return what a choice leaves of some items.

    Args:
        labels: (N, A) of the catalogue, -1 where unlabelled.
        rows: (n,) those that are chosen among.
        num_values: Of each super-category.
        chosen: What they must carry.
    """
    fails = {
        idx: ~np.isin(labels[rows, idx], list(values)) for idx, values in chosen.items() if values
    }
    num_failed = np.zeros(len(rows), dtype=np.int64)
    for failed in fails.values():
        num_failed += failed
    left = rows[num_failed == 0]
    counts = []
    for idx, number in enumerate(num_values):
        counted = rows[num_failed == fails[idx]] if idx in fails else left
        # one more than the value: none (-1) comes first, and is put last
        numbers = np.bincount(labels[counted, idx] + 1, minlength=number + 1)
        counts.append(np.roll(numbers, -1))
    return Facets(rows=left, counts=tuple(counts))
