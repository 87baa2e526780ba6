"""What commands print with ``--json``: the types, and how they become text."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, Literal, TypedDict


def json_text(facts: Any) -> str:
    """Return facts as JSON in ASCII, safe in every terminal and encoding."""
    return json.dumps(_jsonable(facts), indent=1)


def _jsonable(facts: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, by null."""
    if is_dataclass(facts) and not isinstance(facts, type):
        facts = asdict(facts)
    if isinstance(facts, Mapping):
        return {str(key): _jsonable(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_jsonable(item) for item in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


class PredictionFacts(TypedDict):
    """A predicted value."""

    value: str
    distance: float
    """To the prototype of the value."""
    second: str
    """The runner-up."""
    margin: float
    """1 - distance / distance to the runner-up: 0 for a tie, 1 at the prototype."""


class QueryFacts(TypedDict):
    """The query of a search."""

    id: str | None
    """Null for a picture that is no item of the catalog."""
    title: str
    picture: str | None
    """Path; null for a picture that is in no file."""
    labels: dict[str, str | None]
    """First value by super-category."""
    values: dict[str, Sequence[str]]
    """All values by super-category."""
    nearest: dict[str, PredictionFacts]
    """Predicted value by super-category."""


class PrototypeFacts(TypedDict):
    """Where the prototype of a change comes from."""

    among: str | None
    """Of a specific prototype, the value that its items share."""
    items: int | None
    """How many it is the mean of; null if it is not a mean."""
    note: str


class VariantFacts(TypedDict):
    """A variant of an item, such as a size."""

    id: str
    facts: Mapping[str, str]


class SubstituteFacts(TypedDict):
    """A substitute."""

    rank: int
    """From 1."""
    id: str
    title: str
    picture: str
    """Path."""
    distance: float
    distance_squared_by_super_category: Mapping[str, float]
    """Parts that add up to the squared distance."""
    share_by_super_category: dict[str, float]
    """The same as shares of 1."""
    labels: dict[str, str | None]
    values: Mapping[str, Sequence[str]]
    agreement: Mapping[str, bool | None]
    """Whether a value is a wanted one; null if either is unknown."""
    facts: Mapping[str, str]
    variants: list[VariantFacts]


class SearchFacts(TypedDict):
    """``datrnet search``: an answer."""

    query: QueryFacts
    changes: dict[str, str]
    """Value by changed super-category."""
    taken: dict[str, str]
    """Id or file by super-category taken from another item."""
    within: str | None
    prototypes: dict[str, PrototypeFacts]
    """By changed super-category."""
    where: Mapping[str, Sequence[str]]
    """Required labels."""
    where_others: list[str]
    """Conditions on facts, and labels that are excluded."""
    any_of: Mapping[str, Sequence[str]]
    match: Literal["any", "all"]
    requested_weights: Mapping[str, float]
    weights: dict[str, float]
    """In force, by super-category."""
    split: str | None
    index: str
    """Its name."""
    substitutes: list[SubstituteFacts]
    """Closest first."""
