"""What was understood of a text: conditions on labels and facts, and the rest, for titles."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.lexicon import How


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A condition that words ask for."""

    typed: str
    conditions: tuple[Condition, ...]
    """Each of them must be met, or one of them if they are alternatives."""
    is_either: bool = False
    """Whether the conditions are alternatives: a word is a value of several super-categories, or
    "or" stands between values."""
    has_or: bool = False
    """Whether it is the latter."""
    how: How = "named"

    @property
    def words(self) -> str:
        """What was understood: "color red", "color not black", "price<50"."""
        signs = {"=": " ", "!=": " not "}
        words = (f"{it.name}{signs.get(it.sign, it.sign)}{it.value}" for it in self.conditions)
        return (" or " if self.is_either else ", ").join(words)

    @property
    def text(self) -> str:
        """Text that is understood as the same condition."""
        if self.is_either:
            return self.typed
        return " ".join(f"{it.name}{it.sign}{_quoted(it.value)}" for it in self.conditions)

    def matching(self, catalog: Catalog) -> NDArray[np.bool_]:
        """Return which items (N,) meet it.

        Raises:
            UnknownNameError: The catalog no longer has the super-category, value or fact.
            ConfigError: A condition compares what has no order.
        """
        if not self.is_either:
            return Conditions.of(catalog, self.conditions).matching(catalog)
        masks = [Conditions.of(catalog, [it]).matching(catalog) for it in self.conditions]
        met: NDArray[np.bool_] = np.any(masks, axis=0)
        return met

    def joined_by_or(self, other: "Term") -> "list[Term]":
        """Return one term for which either will do, if both ask for values.

        Of one super-category, any of the values will do anyway: such terms stay two.
        """
        conditions = self.conditions + other.conditions
        is_single = all(len(term.conditions) == 1 or term.is_either for term in (self, other))
        is_equal = {it.sign for it in conditions} == {"="}
        if not (is_single and is_equal and len({it.name for it in conditions}) > 1):
            return [self, other]
        return [
            Term(
                typed=f"{self.typed} {other.typed}",
                conditions=conditions,
                is_either=True,
                has_or=True,
                how=other.how if self.how == "named" else self.how,
            )
        ]


def _quoted(value: str) -> str:
    if re.search(r"[\s,;'“”]", value) or not value:
        return f'"{value}"'
    return f"'{value}'" if '"' in value else value


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuery:
    """What was understood of a text."""

    terms: tuple[Term, ...] = ()
    text: str = ""
    """The rest, to be searched in titles."""
    pending: str = ""
    """Words that mean nothing before the next one is typed: "not", "with"."""

    @property
    def words(self) -> str:
        """What was understood, in words: ``color red · pattern striped · “oxford”``."""
        return " · ".join(
            [*(term.words for term in self.terms), *([f"“{self.text}”"] * bool(self.text))]
        )

    @property
    def explained(self) -> str:
        """What was understood, in words, with what was typed where it says something else."""
        words = [
            term.words if term.how == "named" else f"{term.words} (“{term.typed}”)"
            for term in self.terms
        ]
        return " · ".join([*words, *([f"“{self.text}” in titles"] * bool(self.text))])

    @property
    def typed(self) -> str:
        """Text that is understood as the same."""
        texts = [f'"{self.text}"'] if self.text else []
        return " ".join([*(term.text for term in self.terms), *texts])

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions but alternatives."""
        return tuple(it for term in self.terms if not term.is_either for it in term.conditions)

    def matching(self, catalog: Catalog) -> NDArray[np.bool_]:
        """Return which items (N,) meet all terms; of a super-category, one of its values will do.

        Raises:
            UnknownNameError: The catalog no longer has a super-category, value or fact.
            ConfigError: A condition compares what has no order.
        """
        met = Conditions.of(catalog, self.conditions).matching(catalog)
        for term in self.terms:
            if term.is_either:
                met &= term.matching(catalog)
        return met
