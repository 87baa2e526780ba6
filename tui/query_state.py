"""What is asked of a query's substitutes in the explorer, as immutable states; undo and redo."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from datrnet.core.catalog.facts import Condition
from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.request import Ranking, ValueMatch

if TYPE_CHECKING:
    from datrnet.core.retrieval.generation import Generation

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The value of another item, in place of a named value."""

    row: int
    code: str


Change = str | Borrowed | tuple[str, ...]
"""A value, that of another item, or several values, each of which will do."""

Changes = Mapping[str, Change]
"""Changes by super-category."""


Values = Mapping[str, tuple[str, ...]]
"""Values by super-category."""


def _replaced(all_values: Values, name: str, values: tuple[str, ...]) -> Values:
    """Return values with others of a super-category; no values drop it."""
    others = {other: kept for other, kept in all_values.items() if other != name}
    return {**others, name: values} if values else others


@dataclass(frozen=True, slots=True)
class Filters:
    """What the catalog was narrowed down to, or what a saved search asks of its results."""

    where: Values = field(default_factory=dict)
    """Labels of which a result must carry one, by super-category."""
    others: tuple[Condition, ...] = ()
    """On facts."""
    match: ValueMatch = "any"
    split: str | None = None

    def of(self, name: str, values: tuple[str, ...]) -> "Filters":
        """Return the filters with other labels of a super-category; without any, with all."""
        return replace(self, where=_replaced(self.where, name, values))


@dataclass(frozen=True, slots=True)
class QueryState:
    """What is asked of a query's substitutes."""

    changes: Changes = field(default_factory=dict)
    within: str | None = None
    """The super-category whose value the prototypes share with the query; None: generic ones."""
    exact: frozenset[str] = frozenset()
    """Super-categories in which a result must have the wanted label."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights by super-category, where they are not 1."""
    excluded: Values = field(default_factory=dict)
    """Values that a result must not carry, by super-category."""
    unlike: Mapping[str, Borrowed] = field(default_factory=dict)
    """Items to keep away from, by super-category."""
    liked: tuple[int, ...] = ()
    """Rows of good results; the super-categories are weighted by them."""
    disliked: tuple[int, ...] = ()
    """Rows of bad results."""
    max_distance: float | None = None
    """Largest distance of a result."""
    filters: Filters = field(default_factory=Filters)
    ranking: Ranking | None = None
    """What is to order the results; None is what does in the index."""

    @property
    def needs_distance(self) -> bool:
        """Whether it asks for what only distances have, which then order the results."""
        return self.within is not None or self.max_distance is not None or bool(self.unlike)

    @property
    def values(self) -> dict[str, str]:
        """The changes to a value."""
        return {name: to for name, to in self.changes.items() if isinstance(to, str)}

    @property
    def borrowed(self) -> dict[str, Borrowed]:
        """The changes to the value of another item."""
        return {name: to for name, to in self.changes.items() if isinstance(to, Borrowed)}

    @property
    def any_of(self) -> dict[str, tuple[str, ...]]:
        """The changes to any of several values."""
        return {name: to for name, to in self.changes.items() if isinstance(to, tuple)}

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What a result must meet, and values that it must not carry."""
        left_out = ((name, value) for name, values in self.excluded.items() for value in values)
        return *self.filters.others, *(Condition(name, "!=", value) for name, value in left_out)

    @property
    def lasting(self) -> "QueryState":
        """What is asked of the next query, too."""
        kept = QueryState(within=self.within, weights=self.weights)
        return replace(kept, excluded=self.excluded, filters=self.filters)

    def changed(self, name: str, change: Change | None) -> "QueryState":
        """Return the state with another change of a super-category; None for no change.

        What would leave no item with the wanted value is dropped.
        """
        others = {other: kept for other, kept in self.changes.items() if other != name}
        if change is None:
            return replace(self, changes=others)
        wanted: tuple[str, ...] = change if isinstance(change, tuple) else ()
        if isinstance(change, str):
            wanted = (change,)
        filters = self.filters
        if name in filters.where and set(wanted).isdisjoint(filters.where[name]):
            filters = filters.of(name, ())
        left_out = tuple(it for it in self.excluded.get(name, ()) if it not in wanted)
        return replace(
            self,
            changes={**others, name: change},
            excluded=_replaced(self.excluded, name, left_out),
            filters=filters,
        )

    def changes_unlike(self, other: "QueryState") -> set[str]:
        """Return the super-categories whose changes differ from those of another state."""
        names = {*self.changes, *other.changes}
        return {name for name in names if self.changes.get(name) != other.changes.get(name)}

    def weighted(self, name: str, weight: float) -> "QueryState":
        """Return the state with another weight of a super-category."""
        others = {other: kept for other, kept in self.weights.items() if other != name}
        return replace(self, weights=others if weight == 1 else {**others, name: weight})

    def without(self, name: str, value: str) -> "QueryState":
        """Return the state that leaves out a value, or no longer."""
        before = self.excluded.get(name, ())
        values = tuple(other for other in before if other != value)
        if value in before:
            return replace(self, excluded=_replaced(self.excluded, name, values))
        state = self.changed(name, None) if self.changes.get(name) == value else self
        filters = self.filters
        if name in filters.where:
            filters = filters.of(name, tuple(it for it in filters.where[name] if it != value))
        excluded = _replaced(self.excluded, name, (*before, value))
        return replace(state, excluded=excluded, filters=filters)

    def away_from(self, name: str, item: Borrowed) -> "QueryState":
        """Return the state that keeps away from an item in a super-category, or no longer."""
        others = {other: kept for other, kept in self.unlike.items() if other != name}
        is_same = self.unlike.get(name) == item
        return replace(self, unlike=others if is_same else {**others, name: item})

    def limited(self, words: str) -> "QueryState":
        """Return the state of results up to a distance; 0 is any.

        Raises:
            ConfigError: It is no distance.
        """
        try:
            distance = float(words)
        except ValueError:
            distance = math.nan
        if not 0 <= distance < math.inf:
            raise ConfigError(f"{words!r} is no distance: enter a number such as 0.9; 0 is any.")
        return replace(self, max_distance=distance or None)

    def ranked_otherwise(self, generation: "Generation") -> "QueryState":
        """Return the state ranked by match scores instead of distance, or the other way round.

        Raises:
            ConfigError: Only distances can rank.
            IndexStaleError: The index is not calibrated.
        """
        if self.needs_distance:
            raise ConfigError(
                "Prototypes within a super-category, a largest distance and items to keep away "
                "from rank by distance only."
            )
        if (self.ranking or generation.manifest.ranking) == "match":
            return replace(self, ranking="distance")
        generation.match_model()
        return replace(self, ranking="match")

    def rated(self, row: int, *, is_liked: bool) -> "QueryState":
        """Return the state with an item liked or disliked; with the same mark again, without."""
        has_mark = row in (self.liked if is_liked else self.disliked)
        liked = tuple(other for other in self.liked if other != row)
        disliked = tuple(other for other in self.disliked if other != row)
        if not has_mark:
            liked, disliked = ((*liked, row), disliked) if is_liked else (liked, (*disliked, row))
        return replace(self, liked=liked, disliked=disliked)

    def remapped(
        self, row_map: Callable[[int], int | None], names: Collection[str]
    ) -> "QueryState":
        """Return the state for a later catalog, without what that does not have.

        Args:
            row_map: Returns the later row of an item; None if it is gone.
            names: The later super-categories.
        """

        def later(item: Borrowed) -> Borrowed | None:
            row = row_map(item.row)
            return None if row is None else replace(item, row=row)

        changes: dict[str, Change] = {}
        for name, change in self.changes.items():
            kept = later(change) if isinstance(change, Borrowed) else change
            if name in names and kept is not None:
                changes[name] = kept
        unlike = {name: later(item) for name, item in self.unlike.items() if name in names}
        liked, disliked = (
            tuple(row for it in rows if (row := row_map(it)) is not None)
            for rows in (self.liked, self.disliked)
        )
        return QueryState(
            changes,
            self.within if self.within in names else None,
            self.exact & frozenset(names),
            {name: weight for name, weight in self.weights.items() if name in names},
            {name: values for name, values in self.excluded.items() if name in names},
            {name: item for name, item in unlike.items() if item is not None},
            liked,
            disliked,
            self.max_distance,
            replace(
                self.filters,
                where={name: it for name, it in self.filters.where.items() if name in names},
            ),
            self.ranking,
        )


class History(Generic[State]):
    """Immutable states in order, one of them current.

    Moving through the values of a picker shows each, but only the one where the cursor rests
    becomes a step: a proposal replaces the one before it until it is settled.
    """

    def __init__(self, states: Sequence[State], position: int = -1) -> None:
        """Start with states, of which one is current."""
        self._states = list(states)
        self._position = position % len(self._states)
        self._is_settled = True

    @property
    def state(self) -> State:
        """The current state."""
        return self._states[self._position]

    @property
    def settled_state(self) -> State:
        """The current state, or the one that an open proposal would change."""
        return self.state if self._is_settled else self._states[self._position - 1]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return self._position < len(self._states) - 1

    def map(self, adapted: Callable[[State], State]) -> None:
        """Replace every state."""
        self._states = [adapted(state) for state in self._states]

    def propose(self, state: State) -> None:
        """Make a state current without settling it; later states can no longer be redone."""
        if state == self.state:
            return
        if self._is_settled:
            self._append(state)
        else:
            self._states[self._position] = state
        self._is_settled = False

    def step(self, state: State) -> bool:
        """Make a state current as a step of its own; return whether it differs."""
        self.settle()
        if state == self.state:
            return False
        self._append(state)
        return True

    def settle(self) -> bool:
        """Turn the proposal into a step; return whether there was one."""
        was_open, self._is_settled = not self._is_settled, True
        if was_open and self.state == self._states[self._position - 1]:
            del self._states[self._position]  # it has come back to where it started
            self._position -= 1
            return False
        return was_open

    def undo(self) -> bool:
        """Go back a step; return whether there was one."""
        self.settle()
        if not self.can_undo:
            return False
        self._position -= 1
        return True

    def redo(self) -> bool:
        """Go forward a step; return whether there was one."""
        self.settle()
        if not self.can_redo:
            return False
        self._position += 1
        return True

    def _append(self, state: State) -> None:
        del self._states[self._position + 1 :]
        self._states.append(state)
        self._position += 1
