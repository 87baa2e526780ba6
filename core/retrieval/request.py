"""What is asked of a search, and what it returns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import joined

if TYPE_CHECKING:
    from datrnet.core.retrieval.manipulation import Floats

Ranking = Literal["distance", "match"]
"""What orders the items: the paper's weighted L2 distance, or the match score."""

ValueMatch = Literal["any", "all"]
"""Whether an item matches several wanted values with one of them, or must carry all of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """An item of the catalog, or a picture, to find substitutes for."""

    blocks: "Floats"
    """(A, E) as embedded, in the order of the generation's blocks."""
    labels: Mapping[str, str | None]
    """First values."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All values, of super-categories with several."""
    row: int | None = None
    """The item's row in the catalog; it is excluded from its own results."""
    members: tuple[int, ...] = ()
    """Rows of the items that the blocks are the means of, if they are several; excluded, too."""
    agreement: "Floats | None" = None
    """(A,) weights by how much these items agree on each block."""
    title: str = ""

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows of its items; none for a picture."""
        return self.members if self.row is None else (self.row,)

    def values_of(self, super_category: str) -> tuple[str, ...]:
        """Return all values in a super-category."""
        label = self.labels.get(super_category)
        return self.values.get(super_category, () if label is None else (label,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Changes, conditions and weights of a search, by super-category name in any case."""

    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted values."""
    taken: Mapping[str, Query] = field(default_factory=dict)
    """Items or pictures to be similar to in one super-category: this, in the color of that."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Filters: a result must be labeled with one of the values."""
    others: tuple[Condition, ...] = ()
    """Filters by facts, which one variant of a result must meet, and by labels it must not have."""
    any_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Equivalent values: filters that also remove the super-category from the distance."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factors: 2 counts double, 0 not at all."""
    unlike: Mapping[str, tuple[Query, ...]] = field(default_factory=dict)
    """Items or pictures to keep away from in a super-category."""
    liked: tuple[int, ...] = ()
    """Rows of good results; the blocks are weighted by them."""
    disliked: tuple[int, ...] = ()
    """Rows of bad results."""
    k: int = 30
    max_distance: float | None = None
    """Largest distance of a result."""
    ranking: Ranking | None = None
    """What orders the results; None is what the index does, where the request allows it."""
    offset: int | None = None
    """Results before the first one to return. Any number, 0 too, ranks exactly, so that pages fit
    together."""
    split: str | None = None
    """Restricts the gallery to a split."""
    match: ValueMatch = "any"
    """What several values of a super-category ask for, those of filters and those of the query;
    equivalent values ask for any."""
    within: str | None = None
    """Super-category for specific prototypes: means among the items that share the query's (or
    the wanted) value of it. None uses generic prototypes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Explainer:
    """Looks up what explains a result, when it is read."""

    catalog: Catalog
    block_names: tuple[str, ...]
    values_of: Callable[[int], Mapping[str, tuple[str, ...]]]
    """All values of an item, by its row."""
    wanted: Mapping[str, frozenset[str]]
    """Wanted values as ``fold`` returns them, by super-category; empty where unknown."""
    all_of: frozenset[str]
    """Super-categories of which an item must carry all wanted values to match."""

    def agreement_of(self, values: Mapping[str, tuple[str, ...]]) -> dict[str, bool | None]:
        """Return whether values match the wanted ones, by super-category; None if unknown."""
        found = {}
        for name in self.wanted:
            key = name, values[name]
            if key not in self._agreements:
                self._agreements[key] = self._agrees(*key)
            found[name] = self._agreements[key]
        return found

    @cached_property
    def _agreements(self) -> dict[tuple[str, tuple[str, ...]], bool | None]:
        """Results of ``_agrees``, which are the same for many items."""
        return {}

    def _agrees(self, name: str, values: tuple[str, ...]) -> bool | None:
        wanted, carried = self.wanted[name], set(map(fold, values))
        if not (wanted and carried):
            return None
        return wanted <= carried if name in self.all_of else not wanted.isdisjoint(carried)


@dataclass(frozen=True, kw_only=True)
class Substitute:
    """A search result. Its id, title and explanation are looked up when they are read."""

    rank: int
    """From 1."""
    row: int
    """Row in the catalog."""
    distance: float
    squares: NDArray[np.float64] = field(compare=False, repr=False)
    """(A,) parts of the squared distance."""
    explainer: Explainer = field(compare=False, repr=False)
    matches: Mapping[str, float] = field(default_factory=dict)
    """Probability that the values are the wanted ones, by super-category, if that ranks; else see
    ``SearchPlan.with_matches``."""
    score: float | None = None
    """The match score, if that ranks."""

    @property
    def code(self) -> str:
        """Its id."""
        return self.explainer.catalog.codes[self.row]

    @property
    def title(self) -> str:
        """Its title."""
        return self.explainer.catalog.titles[self.row]

    @cached_property
    def parts(self) -> Mapping[str, float]:
        """Weighted squared distance of each block; they sum to ``distance`` squared.

        An entangled block has a single part, named ``all``.
        """
        return dict(zip(self.explainer.block_names, self.squares.tolist(), strict=True))

    @cached_property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """All values, by super-category, the first one first."""
        return self.explainer.values_of(self.row)

    @cached_property
    def agreement(self) -> Mapping[str, bool | None]:
        """Whether a value is a wanted one, by super-category; None if either is unknown."""
        return self.explainer.agreement_of(self.values)

    @property
    def labels(self) -> dict[str, str | None]:
        """The first value of every super-category; None where there is none."""
        return {name: values[0] if values else None for name, values in self.values.items()}

    @property
    def label_texts(self) -> dict[str, str | None]:
        """All values of every super-category as text; None where there is none."""
        return {name: joined(values) for name, values in self.values.items()}


def ranking_of(request: Request, of_index: Ranking) -> Ranking:
    """Return what orders the results of a request: distance where match scores do not apply.

    Args:
        request: The request.
        of_index: What orders them if nothing is asked for.

    Raises:
        ConfigError: Match scores are asked for with an option of distances.
    """
    only_distance = {
        "prototypes within a super-category": request.within is not None,
        "a largest distance": request.max_distance is not None,
        "items to keep away from": bool(request.unlike),
    }
    if (request.ranking or of_index) == "distance":
        return "distance"
    for words, is_asked in only_distance.items():
        if is_asked and request.ranking is not None:
            raise ConfigError(
                f"Match scores do not support {words}.", hint="Omit it, or rank by distance."
            )
    return "distance" if any(only_distance.values()) else "match"


def check_disjoint(names: Sequence[str], ways: Mapping[str, Iterable[int]]) -> None:
    """Refuse a super-category that is asked for in two ways.

    Args:
        names: All super-categories.
        ways: Numbers of super-categories, by the way in words.

    Raises:
        ConfigError: There is one.
    """
    known: dict[int, str] = {}
    for way, numbers in ways.items():
        for number in numbers:
            if number in known:
                raise ConfigError(
                    f"{names[number]} is {known[number]} and {way}.", hint="Keep one of the two."
                )
            known[number] = way


def check_blocks(names: Sequence[str], way: str, numbers: Iterable[int]) -> None:
    """Refuse what needs a block per super-category, for an index that has a single one.

    Args:
        names: All super-categories.
        way: What is refused, in words.
        numbers: Of the super-categories of which it is asked for.

    Raises:
        ConfigError: It is asked for.
    """
    for number in numbers:
        raise ConfigError(
            f"{names[number]} {way}: the system of this index compares all super-categories as a "
            "whole.",
            hint="Omit it, or index a run of another system.",
        )


def resolve_query(catalog: Catalog, text: str) -> int | Path:
    """Return the row of the item with a code, or the path of a picture.

    An item's code takes precedence over a file of the same name.

    Raises:
        UnknownNameError: There is neither.
    """
    if not text.strip():
        hint = "Enter an item id or the path of a picture."
        raise UnknownNameError("item", text, (), hint=hint)
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir() and not catalog.has_code(text):
        return path
    try:
        return catalog.row_of_code(text)
    except UnknownNameError as error:
        if path.is_dir():
            hint = "It is a folder; choose a picture in it."
        else:
            hint = f"{error.hint} There is no such file either."
        raise UnknownNameError("item", text, (), hint=hint) from error
