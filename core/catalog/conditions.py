"""Conditions on items, of labels and facts alike: ``color=black``, ``price<50``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition, name_key
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What an item must meet, all of it."""

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By super-category, values of which it must carry one."""
    others: tuple[Condition, ...] = ()
    """On facts, all of which one of its variants must meet, and values it must not carry."""

    @classmethod
    def parse(cls, catalog: Catalog, texts: Iterable[str]) -> "Conditions":
        """Read conditions; see ``of``.

        Raises:
            UnknownNameError: There is no such super-category, value or fact.
            ConfigError: A condition is malformed, or compares what has no order.
        """
        return cls.of(catalog, map(Condition.parse, texts))

    @classmethod
    def of(cls, catalog: Catalog, conditions: Iterable[Condition]) -> "Conditions":
        """Sort conditions: a name that is a super-category is a label, another one a fact.

        Raises:
            UnknownNameError: There is no such super-category, value or fact.
            ConfigError: A condition compares what has no order.
        """
        labels: dict[str, tuple[str, ...]] = {}
        others: list[Condition] = []
        for condition in conditions:
            category = _category(catalog, condition.name)
            if category is not None and condition.sign == "=":
                labels[category] = (*labels.get(category, ()), condition.value)
            else:
                others.append(condition)
        found = cls(labels=labels, others=tuple(others))
        found.matching(catalog)
        return found

    def excluded(self, catalog: Catalog) -> dict[str, frozenset[str]]:
        """Return the folded values that an item must not carry, by super-category."""
        found: dict[str, frozenset[str]] = {}
        for condition in self.others:
            category = _category(catalog, condition.name)
            if category is not None:
                found[category] = found.get(category, frozenset()) | {fold(condition.value)}
        return found

    def matching(self, catalog: Catalog, *, every_variant: bool = False) -> NDArray[np.bool_]:
        """Return which items (N,) of a catalog meet all conditions.

        Args:
            catalog: N items.
            every_variant: Whether all variants of an item must meet the conditions on facts; else
                one is enough.

        Raises:
            UnknownNameError: There is no such super-category, value or fact.
            ConfigError: A condition compares what has no order.
        """
        met = np.ones(catalog.num_items, dtype=bool)
        for name, values in self.labels.items():
            met &= np.any([_carried(catalog, name, value) for value in values], axis=0)
        facts: list[Condition] = []
        for condition in self.others:
            category = _category(catalog, condition.name)
            if category is None:
                _check_name(catalog, condition.name)
                facts.append(condition)
                continue
            carried = _carried(catalog, category, condition.value)
            if condition.sign != "!=":
                raise ConfigError(
                    f"The values of {category} have no order: {condition} cannot be compared.",
                    hint=f"For example: {category}={condition.value}",
                )
            met &= ~carried
        return met & catalog.facts.matching(*facts, every=every_variant) if facts else met


def _category(catalog: Catalog, name: str) -> str | None:
    """Return a super-category as the catalog spells it; None if there is none of that name."""
    by_key = {name_key(category.name): category.name for category in catalog.super_categories}
    return by_key.get(name_key(name))


def _carried(catalog: Catalog, super_category: str, value: str) -> NDArray[np.bool_]:
    idx = catalog.super_category_idx(super_category)
    return catalog.carries(idx, catalog.value_idx(idx, value))


def _check_name(catalog: Catalog, name: str) -> None:
    """Refuse a name that is neither a super-category nor a fact.

    Raises:
        UnknownNameError: It is neither.
    """
    if not catalog.facts.has(name):
        facts = [column.name for column in catalog.facts.columns]
        names = [*(category.name for category in catalog.super_categories), *facts]
        kind = "super-category or fact" if facts else "super-category"
        raise UnknownNameError(kind, name, names)
