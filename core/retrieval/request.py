"""What is asked of a search, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datrnet.core.retrieval.manipulation import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """An item of the catalog, or a picture, to find substitutes for."""

    blocks: Floats
    """(A, E) as embedded, in the order of the generation's blocks."""
    labels: Mapping[str, str | None]
    row: int | None = None
    """The item's row in the catalog; it is excluded from its own results."""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Changes, conditions and weights of a search, by super-category name in any case."""

    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted values."""
    taken: Mapping[str, Query] = field(default_factory=dict)
    """Items or pictures to be similar to in one super-category: this, in the color of that."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Filters: a result must be labeled with one of the values."""
    any_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Equivalent values: filters that also remove the super-category from the distance."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factors: 2 counts double, 0 not at all."""
    k: int = 30
    split: str | None = None
    """Restricts the gallery to a split."""
    within: str | None = None
    """Super-category for specific prototypes: means among the items that share the query's (or
    the wanted) value of it. None uses generic prototypes."""

    @property
    def conditions(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """All filters, by super-category."""
        return (*self.where.items(), *self.any_of.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute:
    """A search result."""

    rank: int
    """From 1."""
    row: int
    """Row in the catalog."""
    code: str
    title: str
    distance: float
    parts: Mapping[str, float]
    """Weighted squared distance of each block; they sum to ``distance`` squared. An entangled
    block has a single part, named ``all``."""
    labels: Mapping[str, str | None]
    agreement: Mapping[str, bool | None]
    """Whether the label is a wanted value, by super-category; None if either is unknown."""
