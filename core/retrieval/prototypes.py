"""Prototypes: the paper's generic representation of each attribute value (section 3.3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpecificPrototypes:
    """Prototypes of a value among the items that carry one value of another super-category."""

    column: int
    """That other super-category, say the category."""
    means: tuple[NDArray[np.float32], ...]
    """(W, V, E) for each block; NaN where too few items carry both."""


def mean_embeddings(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.integer[Any]],
    num_values: int,
    *,
    unit_length: bool,
) -> NDArray[np.float32]:
    """Return the mean embedding of the items that carry each value.

    Args:
        embeddings: (N, E) embeddings of one super-category.
        labels: (N,) values, -1 where unlabelled.
        num_values: V.
        unit_length: Whether to bring each mean to length 1, the length of an embedding.

    Returns:
        (V, E) prototypes; a row of NaN where no item carries the value.
    """
    labelled = labels >= 0
    counts = np.bincount(labels[labelled], minlength=num_values)
    sums = np.zeros((num_values, embeddings.shape[1]))
    np.add.at(sums, labels[labelled], embeddings[labelled])
    with np.errstate(invalid="ignore"):
        means = sums / counts[:, None]
        if unit_length:
            means /= np.linalg.norm(means, axis=1, keepdims=True)
    return means.astype(np.float32)


def specific_mean_embeddings(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int16],
    num_values: int,
    within: NDArray[np.int16],
    num_within: int,
    *,
    unit_length: bool,
) -> NDArray[np.float32]:
    """Return the mean embedding of each value among the items alike in another super-category.

    Black is not the same among shirts and among shoes: these prototypes are specific to a category,
    a gender or a product (section 7 of the paper's supplementary).

    Args:
        embeddings: (N, E) embeddings of one super-category.
        labels: (N,) its values, -1 where unlabelled.
        num_values: V.
        within: (N,) values of the other super-category, -1 where unlabelled.
        num_within: W.
        unit_length: Whether to bring each mean to length 1, the length of an embedding.

    Returns:
        (W, V, E) prototypes; NaN where no item carries both values.
    """
    pairs = within.astype(np.int64) * num_values + labels
    pairs[(labels < 0) | (within < 0)] = -1
    means = mean_embeddings(embeddings, pairs, num_within * num_values, unit_length=unit_length)
    return means.reshape(num_within, num_values, -1)
