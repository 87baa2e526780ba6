"""Which super-categories of a catalogue cannot be learnt, and why."""

import numpy as np

from datrnet.core.catalog.catalog import Catalog, training_rows


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
