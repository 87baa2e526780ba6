"""Orders of the catalogue: as imported, by code, by title, by the value of a super-category."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog

AS_IMPORTED = "catalogue"
CODE = "id"
TITLE = "title"

_DIGITS = re.compile("[0-9]+")
_LONGEST = 0xD000
"""The last character before those that stand for nothing by themselves."""
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Order:
    """What items are ordered by, and which end comes first."""

    key: str = AS_IMPORTED
    """``catalogue``, ``id``, ``title``, or the name of a super-category after a colon."""
    is_reversed: bool = False


def keys_of(catalog: Catalog) -> tuple[str, ...]:
    """Return what a catalogue can be ordered by."""
    return (AS_IMPORTED, CODE, TITLE, *(f":{one.name}" for one in catalog.super_categories))


def ranks(catalog: Catalog, key: str) -> NDArray[np.int64]:
    """Return the rank of every item (N,), equal where nothing tells two items apart.

    Digits count as numbers, so that P-9 comes before P-10; case does not count. Unlabelled items
    have the largest number there is.

    Raises:
        UnknownNameError: The super-category does not exist.
    """
    if key == AS_IMPORTED:
        return np.arange(catalog.num_items, dtype=np.int64)
    if key in (CODE, TITLE):
        return _ranked(catalog.codes if key == CODE else catalog.titles)
    idx = catalog.super_category_idx(key.removeprefix(":"))
    places = _ranked(catalog.super_categories[idx].values)
    labels = catalog.labels[:, idx]
    return np.where(labels == UNLABELED, _LAST, np.append(places, 0)[labels])


def arranged(rows: NDArray[np.intp], ranks: NDArray[np.int64], order: Order) -> NDArray[np.intp]:
    """Return rows in order.

    Args:
        rows: (n,) of the catalogue.
        ranks: (N,) of all its items, by the order's key.
        order: The unlabelled come last whichever end is first. Equal items stay as they are.
    """
    own = ranks[rows]
    if order.is_reversed:
        own = np.where(own == _LAST, _LAST, -own)
    return rows[np.argsort(own, kind="stable")]


def natural(text: str) -> str:
    """Return what a text is sorted by: words without regard to case, numbers by their size."""
    return _DIGITS.sub(_measured, text.casefold())


def _measured(digits: re.Match[str]) -> str:
    """Return a number with its length before it, so that the longer one is the greater."""
    number = digits[0].lstrip("0")
    return f"0{chr(min(ord('!') + len(number), _LONGEST))}{number}"


def _ranked(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the rank of each text among all, the same for texts that sort alike."""
    keys = [natural(text) for text in texts]
    order = sorted(range(len(texts)), key=keys.__getitem__)
    steps = [keys[one] != keys[before] for before, one in pairwise(order)]
    result = np.zeros(len(texts), dtype=np.int64)
    result[order[1:]] = np.cumsum(steps)
    return result
