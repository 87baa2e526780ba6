"""What the commands of `datrnet session` print with ``--json``."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class SessionFacts(TypedDict):
    """``datrnet session list``: a session."""

    id: int
    name: str
    started_at: str
    """UTC, ISO 8601."""
    updated_at: str
    steps: int
    """How many."""


class ReplayedSubstituteFacts(TypedDict):
    """A substitute in a replayed step."""

    rank: int
    id: str
    title: str
    distance: float
    labels: Mapping[str, str | None]
    """All values by super-category, several joined by a bar."""
    agreement: Mapping[str, bool | None]


class ReplayedStepFacts(TypedDict):
    """A replayed step."""

    position: int
    """From 1."""
    action: str
    made_at: str
    item: str | None
    """Id of the query; null for a picture and for several items."""
    items: Sequence[str]
    """Ids of several items that are the query together."""
    picture: str | None
    changes: Mapping[str, str]
    taken: Mapping[str, str]
    within: str | None
    where: Mapping[str, Sequence[str]]
    any_of: Mapping[str, Sequence[str]]
    weights: Mapping[str, float]
    excluded: Mapping[str, Sequence[str]]
    unlike: Mapping[str, Sequence[str]]
    liked: Sequence[str]
    disliked: Sequence[str]
    conditions: Sequence[str]
    match: Literal["any", "all"]
    exact: Sequence[str] | None
    """Super-categories in which results had to match; null in older steps."""
    split: str | None
    max_distance: float | None
    ranking: Literal["distance", "match"] | None
    """What was to order the results; null: what does in the index."""
    k: int | None
    found: Sequence[str] | None
    """What a saved search found."""
    title: str
    problem: str | None
    """Why it could not be repeated; null if it was."""
    substitutes: list[ReplayedSubstituteFacts]


class ReplayFacts(TypedDict):
    """``datrnet session replay``."""

    session: int
    name: str
    started_at: str
    steps: list[ReplayedStepFacts]
