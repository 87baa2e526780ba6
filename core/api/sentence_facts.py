"""What ``--json`` prints of texts that were understood, and of the items found by them."""

from typing import Literal, TypedDict


class TermFacts(TypedDict):
    """A condition that words ask for."""

    typed: str
    conditions: list[str]
    """All of which an item must meet."""
    is_either: bool
    """Whether one of them is enough: the words are values of several super-categories."""
    how: Literal["named", "synonym", "typo", "begun"]
    """Whether a value is named, or meant by a synonym, a misspelling or its first letters."""


class UnderstoodFacts(TypedDict):
    """What was understood of a text."""

    words: str
    terms: list[TermFacts]
    text: str
    """The rest, which is searched in titles."""


class FoundItemFacts(TypedDict):
    """An item that a text describes."""

    id: str
    title: str
    picture: str
    labels: dict[str, str | None]
    facts: dict[str, str]


class FoundFacts(TypedDict):
    """``datrnet search TEXT``: the items that a text describes."""

    understood: UnderstoodFacts
    total: int
    """Of all pages."""
    items: list[FoundItemFacts]
    """Best match first."""
