"""What can be trained on a catalogue: which items, and which super-categories not and why."""

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


def obstacles(catalog: Catalog) -> dict[str, str]:
    """Return the super-categories that cannot be learnt, each with the reason."""
    rows, is_validation = training_rows(catalog)
    found = {}
    for idx, category in enumerate(catalog.super_categories):
        labels = catalog.labels[rows[~is_validation], idx]
        num_values = len(np.unique(labels[labels >= 0]))
        if num_values < 2:
            carried = "no value" if num_values == 0 else "only one value"
            found[category.name] = f"its training items carry {carried}"
    return found
