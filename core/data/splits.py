"""Which items are trained on, and which validate what training chooses."""

import zlib

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import Catalog

HELD_OUT = 10
"""Without a validation split every tenth training item is held out, chosen by its code."""


def training_rows(catalog: Catalog) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows (n,) to train and validate on, and which of them validate (n,).

    The test split is not among them.
    """
    train, validation = catalog.rows_in("train"), catalog.rows_in("validation")
    if len(validation):
        rows = np.concatenate([train, validation])
        return rows, catalog.splits[rows] == "validation"
    codes = (zlib.crc32(catalog.codes[row].encode()) for row in train)
    return train, np.array([code % HELD_OUT == 0 for code in codes], dtype=bool)


ALL = "all"
"""In place of a split's name: every item."""

SPLITS = ("train", "validation", "test", ALL)


def split_rows(catalog: Catalog, split: str) -> NDArray[np.intp]:
    """Return the rows of a split, ascending.

    Without a validation split, ``validation`` is what is held out of training.
    """
    if split == ALL:
        return np.arange(catalog.num_items)
    return validation_rows(catalog) if split == "validation" else catalog.rows_in(split)


def validation_rows(catalog: Catalog) -> NDArray[np.intp]:
    """Return the rows that validate, ascending."""
    rows, validates = training_rows(catalog)
    return np.sort(rows[validates])
