"""Undo and redo of the changes of one query, and the trail from query to query. Pure logic."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from datrnet.core.retrieval.request import Query
from datrnet.tui.snapshot import Source


@dataclass(frozen=True, slots=True)
class Taken:
    """A super-category as another item has it, in place of a value."""

    row: int
    code: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several values of a super-category, of which each is as good as the other."""

    values: tuple[str, ...]

    def toggled(self, value: str) -> "AnyOf | None":
        """Return the same with a value more, or without it; None where none is left."""
        left = tuple(one for one in self.values if one != value)
        found = left if len(left) < len(self.values) else (*self.values, value)
        return AnyOf(found) if found else None


Wish = str | Taken | AnyOf
Changes = Mapping[str, Wish]
"""Wanted value, several of them, or the item that it is taken from, by super-category."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of a query's substitutes."""

    changes: Changes
    within: str | None
    """The super-category whose value the prototypes share with the query; None: all items'."""
    exact: frozenset[str] = frozenset()
    """Super-categories in which an answer must be labelled as wanted."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often a super-category counts, where that is not once."""


class History:
    """The states of the wishes, of which one is current.

    While a person runs through the values of a picker, every value is shown, but only the one where
    they rest becomes a step: a proposal replaces the proposal before it until it is settled.
    """

    def __init__(
        self, within: str | None = None, weights: Mapping[str, float] | None = None
    ) -> None:
        """Begin with no change."""
        self._states = [Wishes({}, within, weights=dict(weights or {}))]
        self._at = 0
        self._settled = True

    @classmethod
    def restored(cls, states: Sequence[Wishes], at: int) -> "History":
        """Return a history that has gone through some states, of which one is current."""
        history = cls()
        history._states, history._at = list(states), at
        return history

    def renumber(self, row_now: Callable[[int], int | None], names: Collection[str]) -> None:
        """Go over to another state of the catalogue; what it does not have any more is dropped.

        Args:
            row_now: Where an item is now.
            names: The super-categories that there are.
        """
        self._states = [_renumbered(state, row_now, names) for state in self._states]

    @property
    def changes(self) -> dict[str, Wish]:
        """The changes as they are now."""
        return dict(self._states[self._at].changes)

    @property
    def values(self) -> dict[str, str]:
        """Of the changes those to a value."""
        return {name: one for name, one in self.changes.items() if isinstance(one, str)}

    @property
    def taken(self) -> dict[str, Taken]:
        """Of the changes those that are taken from another item."""
        return {name: one for name, one in self.changes.items() if isinstance(one, Taken)}

    @property
    def any_of(self) -> dict[str, tuple[str, ...]]:
        """Of the changes those to any of several values."""
        return {name: one.values for name, one in self.changes.items() if isinstance(one, AnyOf)}

    @property
    def within(self) -> str | None:
        """The super-category within which prototypes are made; None for generic ones."""
        return self._states[self._at].within

    @property
    def exact(self) -> frozenset[str]:
        """The super-categories in which an answer must be labelled as wanted."""
        return self._states[self._at].exact

    @property
    def weights(self) -> dict[str, float]:
        """How often a super-category counts, where that is not once."""
        return dict(self._states[self._at].weights)

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return self._at < len(self._states) - 1

    def goes_on(self, changes: Changes) -> bool:
        """Tell whether these only run on through the picker of the open proposal."""
        if self._settled:
            return True
        before, now = self._states[self._at - 1].changes, self.changes
        return _differ(now, changes) <= (_differ(before, now) or _differ(now, changes))

    def propose(self, changes: Changes) -> None:
        """Make these the current changes; what had been undone can no longer be redone."""
        if dict(changes) == self.changes:
            return
        state = replace(self._states[self._at], changes=dict(changes))
        if self._settled:
            self._append(state)
        else:
            self._states[self._at] = state
        self._settled = False

    def stay_within(self, within: str | None) -> None:
        """Make prototypes within another super-category, or generic ones: a step of its own."""
        self.settle()
        if within != self.within:
            self._append(replace(self._states[self._at], within=within))

    def keep_exactly(self, name: str, *, exact: bool) -> None:
        """Ask for the wanted label in a super-category, or no longer: a step of its own."""
        self.settle()
        changed = self.exact | {name} if exact else self.exact - {name}
        if changed != self.exact:
            self._append(replace(self._states[self._at], exact=changed))

    def weigh(self, name: str, factor: float) -> None:
        """Let a super-category count so often: a step of its own."""
        self.settle()
        weights = {one: old for one, old in self.weights.items() if one != name}
        if factor != 1:
            weights[name] = factor
        if weights != self.weights:
            self._append(replace(self._states[self._at], weights=weights))

    def clear(self) -> bool:
        """Take all changes back, or where there is none everything else; return whether there was.

        Weights and the like are the person's for more than one change, so they go last.
        """
        self.settle()
        state = self._states[self._at]
        cleared = replace(state, changes={}) if state.changes else Wishes({}, None)
        if cleared == state:
            return False
        self._append(cleared)
        return True

    def _append(self, state: Wishes) -> None:
        del self._states[self._at + 1 :]
        self._states.append(state)
        self._at += 1

    def settle(self) -> bool:
        """Keep the proposal as a step of its own; return whether there was one."""
        was_open, self._settled = not self._settled, True
        if was_open and self._states[self._at] == self._states[self._at - 1]:
            del self._states[self._at]  # they came back to where they had been
            self._at -= 1
            return False
        return was_open

    def undo(self) -> bool:
        """Go back one step; return whether there was one."""
        self.settle()
        if not self.can_undo:
            return False
        self._at -= 1
        return True

    def redo(self) -> bool:
        """Go forward one step; return whether there was one."""
        if not self._settled or not self.can_redo:
            return False
        self._at += 1
        return True


def _differ(one: Changes, other: Changes) -> set[str]:
    """Return the super-categories that are changed in another way."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def _renumbered(
    state: Wishes, row_now: Callable[[int], int | None], names: Collection[str]
) -> Wishes:
    changes: dict[str, Wish] = {}
    for name, wish in state.changes.items():
        if name in names and isinstance(wish, str | AnyOf):
            changes[name] = wish
        elif name in names and isinstance(wish, Taken) and (row := row_now(wish.row)) is not None:
            changes[name] = replace(wish, row=row)
    return Wishes(
        changes,
        state.within if state.within in names else None,
        frozenset(name for name in state.exact if name in names),
        {name: factor for name, factor in state.weights.items() if name in names},
    )


@dataclass(slots=True)
class Visit:
    """A query on the trail, its changes, and where the cursor was among the results."""

    query: Query
    history: History = field(default_factory=History)
    cursor: int = 0
    picture: Path | None = None
    """The file of a query that is no item of the catalogue."""

    @property
    def source(self) -> Source:
        """What its picture is of."""
        if self.picture is not None:
            return self.picture
        assert self.query.row is not None
        return self.query.row
