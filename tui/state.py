"""The search state: what is asked of a query, its history for undo, and the trail of queries.

Everything that the substitutes screen shows (pickers, title, results) and logs is derived from it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.core.retrieval.search import Searcher
from datrnet.tui.snapshot import Snapshot, Source


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The value of another item, in place of a named value."""

    row: int
    code: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several values, each of which will do."""

    values: tuple[str, ...]

    def toggled(self, value: str) -> "AnyOf | None":
        """Return the values with one more or one less; None if none is left."""
        rest = tuple(other for other in self.values if other != value)
        values = rest if len(rest) < len(self.values) else (*self.values, value)
        return AnyOf(values) if values else None


WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""The weights that a super-category can have."""

NOTHING_WEIGHTED = "At least one weight must be above 0."

Matching = Mapping[str, Mapping[str, int]]
"""By super-category and value, the number of items with it that match all other values."""

Change = str | Borrowed | AnyOf
Changes = Mapping[str, Change]
"""Changes by super-category."""


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

    @property
    def values(self) -> dict[str, str]:
        """The changes to a value."""
        return {name: change for name, change in self.changes.items() if isinstance(change, str)}

    @property
    def borrowed(self) -> dict[str, Borrowed]:
        """The changes to the value of another item."""
        return {
            name: change for name, change in self.changes.items() if isinstance(change, Borrowed)
        }

    @property
    def any_of(self) -> dict[str, tuple[str, ...]]:
        """The changes to any of several values."""
        return {
            name: change.values
            for name, change in self.changes.items()
            if isinstance(change, AnyOf)
        }

    def changed(self, name: str, change: Change | None) -> "QueryState":
        """Return the state with another change of a super-category; None for no change."""
        others = {other: kept for other, kept in self.changes.items() if other != name}
        return replace(self, changes=others if change is None else {**others, name: change})

    def weighted(self, name: str, weight: float) -> "QueryState":
        """Return the state with another weight of a super-category."""
        others = {other: kept for other, kept in self.weights.items() if other != name}
        return replace(self, weights=others if weight == 1 else {**others, name: weight})

    def remapped(
        self, row_map: Callable[[int], int | None], names: Collection[str]
    ) -> "QueryState":
        """Return the state for a later catalog, without what that does not have.

        Args:
            row_map: Returns the later row of an item; None if it is gone.
            names: The later super-categories.
        """
        changes: dict[str, Change] = {}
        for name, change in self.changes.items():
            if name not in names:
                continue
            if not isinstance(change, Borrowed):
                changes[name] = change
            elif (row := row_map(change.row)) is not None:
                changes[name] = replace(change, row=row)
        return QueryState(
            changes,
            self.within if self.within in names else None,
            frozenset(name for name in self.exact if name in names),
            {name: weight for name, weight in self.weights.items() if name in names},
        )


class History:
    """The states of a query, one of them current.

    Moving through the values of a picker shows each, but only the one where the cursor rests
    becomes a step: a proposal replaces the one before it until it is settled.
    """

    def __init__(self, states: Sequence[QueryState] = (QueryState(),), position: int = -1) -> None:
        """Start with states, of which one is current."""
        self._states = list(states)
        self._position = position % len(self._states)
        self._is_settled = True

    @property
    def state(self) -> QueryState:
        """The current state."""
        return self._states[self._position]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return self._position < len(self._states) - 1

    def remap(self, row_map: Callable[[int], int | None], names: Collection[str]) -> None:
        """Adapt all states to a later catalog; see ``QueryState.remapped``."""
        self._states = [state.remapped(row_map, names) for state in self._states]

    def continues(self, changes: Changes) -> bool:
        """Return whether changes only continue the open proposal, in the same picker."""
        if self._is_settled:
            return True
        before, now = self._states[self._position - 1].changes, self.state.changes
        return _differences(now, changes) <= (
            _differences(before, now) or _differences(now, changes)
        )

    def propose(self, changes: Changes) -> None:
        """Make changes current without settling them; later states can no longer be redone."""
        if dict(changes) == dict(self.state.changes):
            return
        state = replace(self.state, changes=dict(changes))
        if self._is_settled:
            self._append(state)
        else:
            self._states[self._position] = state
        self._is_settled = False

    def step(self, state: QueryState) -> bool:
        """Make a state current as a step of its own; return whether it differs."""
        self.settle()
        if state == self.state:
            return False
        self._append(state)
        return True

    def clear(self) -> bool:
        """Drop all changes; without any, everything else. Return whether there was something.

        Weights and exact labels often serve several changes, so they go last.
        """
        self.settle()
        state = self.state
        return self.step(replace(state, changes={}) if state.changes else QueryState())

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
        if not self._is_settled or not self.can_redo:
            return False
        self._position += 1
        return True

    def _append(self, state: QueryState) -> None:
        del self._states[self._position + 1 :]
        self._states.append(state)
        self._position += 1


def _differences(changes: Changes, others: Changes) -> set[str]:
    """Return the super-categories whose changes differ."""
    return {name for name in {*changes, *others} if changes.get(name) != others.get(name)}


@dataclass(slots=True)
class Visit:
    """A query on the trail, with its history and the position of the cursor in its results."""

    query: Query
    history: History = field(default_factory=History)
    cursor: int = 0
    picture: Path | None = None
    """The file of a query that is not in the catalog."""

    @property
    def state(self) -> QueryState:
        """What is asked for now."""
        return self.history.state

    @property
    def source(self) -> Source:
        """The picture of the query."""
        if self.picture is not None:
            return self.picture
        assert self.query.row is not None
        return self.query.row

    def wanted_labels(self, snapshot: Snapshot) -> dict[str, str | None]:
        """Return the wanted value of every super-category; None where it is unknown."""
        borrowed = {
            name: snapshot.catalog.labels_of(item.row)[name]
            for name, item in self.state.borrowed.items()
        }
        return {**snapshot.query_labels(self.query), **borrowed, **self.state.values}

    def filters(self, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
        """Return the labels that a result must have."""
        wanted, state = self.wanted_labels(snapshot), self.state
        return {
            name: (value,)
            for name in sorted(state.exact - set(state.any_of))
            if (value := wanted.get(name)) is not None
        }

    def request(self, snapshot: Snapshot, num_substitutes: int) -> Request:
        """Return the search request.

        Raises:
            IndexStaleError: The index lacks an item from which a value is borrowed.
        """
        state = self.state
        return Request(
            changes=state.values,
            taken={name: snapshot.query_of(item.row) for name, item in state.borrowed.items()},
            where=self.filters(snapshot),
            any_of=state.any_of,
            weights=dict(state.weights),
            within=state.within,
            k=num_substitutes,
        )

    def subject(self, snapshot: Snapshot) -> str:
        """Return the name of the query in a session: an item's code, or a picture's path."""
        row = self.query.row
        return str(self.picture) if row is None else snapshot.catalog.codes[row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a search has found."""

    query: Query
    request: Request
    prototypes: Mapping[str, Prototype]
    """The prototypes of the wanted values, by super-category."""
    substitutes: Sequence[Substitute]
    matching: Matching

    def wanted(self, snapshot: Snapshot) -> dict[str, str | None]:
        """Return what is asked for by super-category, in words; None where it is unknown."""
        labels, request = snapshot.query_labels(self.query), self.request
        borrowed = {name: query.labels.get(name) for name, query in request.taken.items()}
        any_of = {name: " or ".join(values) for name, values in request.any_of.items()}
        return {**labels, **borrowed, **any_of, **request.changes}

    def unknown(self, snapshot: Snapshot, predicted: Mapping[str, str]) -> dict[str, str]:
        """Return the predicted values of the query where neither label nor change names one."""
        wanted = self.wanted(snapshot)
        return {name: value for name, value in predicted.items() if wanted.get(name) is None}


def weighed(state: QueryState, name: str, step: int, searcher: Searcher) -> QueryState:
    """Return the state with the next higher or lower weight of a super-category.

    Raises:
        ConfigError: It cannot have that weight.
    """
    if searcher.is_entangled:
        raise ConfigError("This index compares all super-categories as one; none has a weight.")
    current = state.weights.get(name, 1.0)
    beyond = [weight for weight in WEIGHTS if (weight - current) * step > 0]
    if not beyond:
        limit = f"Maximum is ×{WEIGHTS[-1]:g}." if step > 0 else f"Minimum is ×{WEIGHTS[0]:g}."
        raise ConfigError(limit)
    if name in state.any_of:
        raise ConfigError("Weights don't apply to “any of”.")
    changed = state.weighted(name, min(beyond) if step > 0 else max(beyond))
    if not is_anything_weighted(changed, searcher):
        raise ConfigError(NOTHING_WEIGHTED)
    return changed


def is_anything_weighted(state: QueryState, searcher: Searcher) -> bool:
    """Return whether any super-category tells items apart."""
    weights = {**dict.fromkeys(searcher.names, 1.0), **state.weights}
    return searcher.is_entangled or any(
        weight for name, weight in weights.items() if name not in state.any_of
    )


def log_entry(trail: Sequence[Visit], snapshot: Snapshot, num_substitutes: int) -> dict[str, Any]:
    """Return the step of a session that leads to the end of a trail."""
    *before, visit = trail
    state = visit.state
    return {
        "item": "" if visit.query.row is None else snapshot.catalog.codes[visit.query.row],
        "picture": None if visit.picture is None else str(visit.picture),
        "trail": [[earlier.subject(snapshot), earlier.cursor] for earlier in before],
        "changes": state.values,
        "taken": {name: item.code for name, item in state.borrowed.items()},
        "any_of": {name: list(values) for name, values in state.any_of.items()},
        "within": state.within,
        "where": {name: list(values) for name, values in visit.filters(snapshot).items()},
        "weights": dict(state.weights),
        "k": num_substitutes,
    }
