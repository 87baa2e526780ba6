"""Sets of values: an item may carry several values in a super-category, red and blue.

A set is a row of value indexes. All rows of an array are as long as the longest set: shorter ones
repeat their first value, and an item without a label has -1 only. Where no item has several values
the rows have length 1, and all is as with single labels.
"""

from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import or_
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Array = TypeVar("Array", bound=Any)
"""An array of NumPy or a tensor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labeled:
    """Items of which the values are known."""

    labels: NDArray[np.int16]
    """(N, A) first values, -1 where unlabeled."""
    all_values: NDArray[np.int16] | None = None
    """(N, A, L) sets of values; None if no item has several."""

    @property
    def value_sets(self) -> NDArray[np.int16]:
        """(N, A, L) sets of values."""
        return self.labels[:, :, None] if self.all_values is None else self.all_values


def as_sets(labels: Array, num_axes: int) -> Array:
    """Return labels with as many axes, or sets with one more, as sets."""
    sets: Array = labels[..., None] if labels.ndim == num_axes else labels
    return sets


def share_value(first: Array, second: Array) -> Any:
    """Return whether sets (..., K) and (..., L), broadcast against each other, share a value.

    No label is shared by two unlabeled items.
    """
    layers = product(range(first.shape[-1]), range(second.shape[-1]))
    return reduce(or_, (first[..., own] == second[..., other] for own, other in layers))


def carried_values(labels: Labels) -> tuple[NDArray[np.intp], Labels]:
    """Return every value that an item carries, once: positions (n,) of items, and values (n,).

    First values come first, by item.

    Args:
        labels: (N,) single labels, or (N, L) sets.
    """
    sets = as_sets(labels, 1)
    is_value = sets >= 0
    is_value[:, 1:] &= sets[:, 1:] != sets[:, :1]
    layers, items = np.nonzero(is_value.T)
    return items, sets[items, layers]


def count_values(labels: Labels, num_values: int) -> NDArray[np.int64]:
    """Return how many items carry each value (V,); labels (N,), or sets (N, L)."""
    return np.bincount(carried_values(labels)[1], minlength=num_values)


def paired_values(first: Labels, second: Labels, num_second: int) -> NDArray[np.int64]:
    """Return the pairs of values that items carry in two super-categories.

    Args:
        first: (N,) labels or (N, K) sets.
        second: (N,) labels or (N, L) sets.
        num_second: Number of values of the second super-category, W.

    Returns:
        (N, K·L) numbers v·W + w, each once, and -1.
    """
    own, other = as_sets(first, 1)[:, :, None], as_sets(second, 1)[:, None, :]
    pairs = own.astype(np.int64) * num_second + other
    pairs[np.broadcast_to((own < 0) | (other < 0), pairs.shape)] = -1
    pairs = np.sort(pairs.reshape(len(pairs), own.shape[1] * other.shape[2]), axis=1)
    pairs[:, 1:][pairs[:, 1:] == pairs[:, :-1]] = -1
    return pairs


def trimmed(sets: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return sets (N, L) no longer than the longest of them."""
    longer = np.flatnonzero((sets != sets[:, :1]).any(axis=0))
    return sets[:, : int(longer[-1]) + 1 if len(longer) else 1]


def left_aligned(sets: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return sets (..., L) in which some values have become -1, in the form described above."""
    if sets.shape[-1] == 1:
        return sets
    order = np.argsort(sets < 0, axis=-1, kind="stable")
    sets = np.take_along_axis(sets, order, axis=-1)
    return np.where(sets < 0, sets[..., :1], sets)
