"""The facts of items: shown, sorted and filtered by, but never learned.

A fact of an item with variants is that of any of them: a shirt is in stock if one size is.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.values import fact_number, fact_text
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import FactColumn, ItemFacts, NewVariant

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}

_CONDITION = re.compile(r"(?P<name>[^<>=!]+)(?P<sign><=|>=|!=|<|>|=)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a fact, such as ``price<50``."""

    name: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition.

        Raises:
            ConfigError: It is none.
        """
        found = _CONDITION.fullmatch(text)
        if found is None or not found["value"].strip():
            raise ConfigError(
                f"{text!r} is not a condition.", hint='For example: "price<50" or color=black.'
            )
        return cls(found["name"].strip(), found["sign"], found["value"].strip())

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"


class CatalogFacts:
    """Facts, variants, groups and further pictures of the N items of a catalog."""

    def __init__(self, item_ids: NDArray[np.int64], stored: ItemFacts) -> None:
        """Take over what the database has.

        Args:
            item_ids: (N,), ascending.
            stored: Of the same items.
        """
        self._item_ids = item_ids
        self._stored = stored
        self._numbers: dict[str, NDArray[np.float64]] = {}

    @property
    def columns(self) -> tuple[FactColumn, ...]:
        """The facts that items have."""
        return self._stored.columns

    def column(self, name: str) -> FactColumn:
        """Return a fact by its name in any case.

        Raises:
            UnknownNameError: There is none.
        """
        by_name = {fold(column.name): column for column in self.columns}
        if (found := by_name.get(fold(name))) is None:
            raise UnknownNameError("fact", name, [column.name for column in self.columns])
        return found

    def has(self, name: str) -> bool:
        """Tell whether there is a fact of that name."""
        return fold(name) in map(fold, (column.name for column in self.columns))

    def of(self, row: int) -> dict[str, str]:
        """Return the facts of an item as text, by name."""
        facts: dict[str, str] = json.loads(self._stored.facts[row])
        return facts

    def variants(self, row: int) -> tuple[NewVariant, ...]:
        """Return the variants of an item; none if it is a single one."""
        return self._stored.variants.get(int(self._item_ids[row]), ())

    def group(self, row: int) -> str:
        """Return the code of the product that an item is a version of, or an empty text."""
        return self._stored.groups[row]

    def views(self, row: int) -> tuple[str, ...]:
        """Return the stored paths of an item's further pictures."""
        return tuple(json.loads(self._stored.views[row]))

    @cached_property
    def row_of_variant(self) -> dict[str, int]:
        """The row of the item by the folded code of each of its variants."""
        rows = np.searchsorted(self._item_ids, list(self._stored.variants)).tolist()
        return {
            fold(variant.code): row
            for row, variants in zip(rows, self._stored.variants.values(), strict=True)
            for variant in variants
        }

    def texts(self, row: int, name: str) -> tuple[str, ...]:
        """Return the different texts of a fact over the variants of an item."""
        own = self.of(row)
        every = (own, *({**own, **variant.facts} for variant in self.variants(row)))
        return tuple(dict.fromkeys(facts[name] for facts in every if name in facts))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a fact of every item (N,) as a number, the smallest of its variants.

        NaN where it has none.
        """
        column = self.column(name)
        if column.name not in self._numbers:
            lists = (self.texts(row, column.name) for row in range(len(self._item_ids)))
            self._numbers[column.name] = np.array(
                [
                    min((fact_number(column.kind, text) for text in texts), default=math.nan)
                    for texts in lists
                ]
            )
        return self._numbers[column.name]

    def matching(self, condition: Condition) -> NDArray[np.bool_]:
        """Return which items (N,) have a variant that meets a condition.

        Raises:
            UnknownNameError: There is no such fact.
            ConfigError: Its values cannot be compared that way.
        """
        column = self.column(condition.name)
        compare = _OPERATORS[condition.sign]
        is_ordered = column.kind in ("number", "money", "date", "boolean")
        wanted = fact_text(column.kind, condition.value)
        if wanted is None or (not is_ordered and condition.sign not in ("=", "!=")):
            kind = f"The fact {column.name!r} is of the kind {column.kind}"
            raise ConfigError(
                f"{kind}: {condition} cannot be compared.",
                hint=f"For example: {column.name}{'<50' if is_ordered else '=VALUE'}.",
            )

        def meets(text: str) -> bool:
            if is_ordered:
                number = fact_number(column.kind, wanted)
                return compare(fact_number(column.kind, text), number)
            parts = text.split(", ") if column.kind == "tags" else [text]
            is_equal = fold(wanted) in map(fold, parts)
            return is_equal == (condition.sign == "=")

        rows = range(len(self._item_ids))
        return np.array([any(map(meets, self.texts(row, column.name))) for row in rows], dtype=bool)
