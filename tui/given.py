"""The items that a person hands in, so that only they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import UnknownNameError


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What was handed in, as the catalogue knows it."""

    rows: NDArray[np.intp]
    """In the order given, each once."""
    unknown: tuple[str, ...]
    """Codes that no item has."""


def rows_given(catalog: Catalog, codes: Sequence[str]) -> Given:
    """Return the rows of codes.

    Raises:
        UnknownNameError: None of them is in the catalogue.
    """
    found = {code: catalog.find_code(code) for code in codes}
    rows = dict.fromkeys(row for row in found.values() if row is not None)
    unknown = tuple(code for code, row in found.items() if row is None)
    if not rows:
        if unknown:
            raise UnknownNameError("item", unknown[0], catalog.codes)
        raise UnknownNameError("item", "", [], mend="Give ids of items, one a line.")
    return Given(np.array(list(rows), dtype=np.intp), unknown)
