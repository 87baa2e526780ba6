"""Sort orders of the catalog: as imported, by code, by title, by a label or a fact."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.facts import FactValues

AS_IMPORTED = "catalog"
CODE = "id"
TITLE = "title"
_LABEL, _FACT = ":", "="
"""Before the names of super-categories and facts."""

_SORTED_KINDS = ("number", "money", "date", "boolean", "text")

_DIGITS = re.compile("[0-9]+")
_LONGEST = 0xD000
"""The last character before the surrogates."""
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Order:
    """The key that items are sorted by, and the direction."""

    key: str = AS_IMPORTED
    """``catalog``, ``id``, ``title``, the name of a super-category after a colon, or that of a
    fact after an equals sign."""
    is_reversed: bool = False

    @property
    def name(self) -> str:
        """What the items are sorted by."""
        return name_of(self.key)


def name_of(key: str) -> str:
    """Return what a key sorts by, in words."""
    return key[1:] if key.startswith((_LABEL, _FACT)) else key


def keys_of(catalog: Catalog) -> tuple[str, ...]:
    """Return the keys that a catalog can be sorted by."""
    return (
        AS_IMPORTED,
        CODE,
        TITLE,
        *(f"{_LABEL}{category.name}" for category in catalog.super_categories),
        *(f"{_FACT}{fact.name}" for fact in catalog.facts.columns if fact.kind in _SORTED_KINDS),
    )


def ranks(catalog: Catalog, key: str) -> NDArray[np.int64]:
    """Return the rank of every item (N,); items with equal keys have equal ranks.

    Digits count as numbers, so that P-9 comes before P-10; case does not count. Items without the
    label or fact have the largest rank of all; of several variants, the first in order counts.

    Raises:
        UnknownNameError: The super-category or fact does not exist.
    """
    if key == AS_IMPORTED:
        return np.arange(catalog.num_items, dtype=np.int64)
    if key in (CODE, TITLE):
        return _ranked(catalog.codes if key == CODE else catalog.titles)
    if key.startswith(_FACT):
        rows, fact = catalog.facts.values(name_of(key))
        places = _ranked(fact.texts) if fact.column.kind == "text" else _ranked_numbers(fact)
        found = np.full(catalog.num_items, _LAST)
        np.minimum.at(found, rows, np.append(places, _LAST)[fact.codes])
        return found
    idx = catalog.super_category_idx(name_of(key))
    places = _ranked(catalog.super_categories[idx].values)
    labels = catalog.labels[:, idx]
    return np.where(labels == UNLABELED, _LAST, np.append(places, 0)[labels])


def sorted_rows(rows: NDArray[np.intp], ranks: NDArray[np.int64], order: Order) -> NDArray[np.intp]:
    """Return rows sorted.

    Args:
        rows: (n,) of the catalog.
        ranks: (N,) of all its items, by the order's key.
        order: Unlabeled items come last in both directions. Equal items keep their order.
    """
    own = ranks[rows]
    if order.is_reversed:
        own = np.where(own == _LAST, _LAST, -own)
    return rows[np.argsort(own, kind="stable")]


def natural_key(text: str) -> str:
    """Return the sort key of a text: words ignoring case, numbers by their value."""
    return _DIGITS.sub(_with_length, text.casefold())


def _with_length(digits: re.Match[str]) -> str:
    """Return a number after its length, so that the longer number is the greater."""
    number = digits[0].lstrip("0")
    return f"0{chr(min(ord('!') + len(number), _LONGEST))}{number}"


def _ranked_numbers(fact: FactValues) -> NDArray[np.int64]:
    """Return the rank of each text of a fact, by its number."""
    return np.unique(fact.numbers, return_inverse=True)[1].astype(np.int64)


def _ranked(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the rank of each text among all, the same for texts with equal keys."""
    keys = [natural_key(text) for text in texts]
    order = sorted(range(len(texts)), key=keys.__getitem__)
    is_new = [keys[index] != keys[previous] for previous, index in pairwise(order)]
    result = np.zeros(len(texts), dtype=np.int64)
    result[order[1:]] = np.cumsum(is_new)
    return result
