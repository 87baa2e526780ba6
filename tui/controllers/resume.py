"""Rebuilds the trail that a session left, from its steps.

Whatever has gone from the catalog or the index since is left out and reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.steps import Step
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.state import AnyOf, Borrowed, Change, History, QueryState, Visit


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a session ended."""

    trail: tuple[Visit, ...]
    """Empty if the session has no query, or none is left in the catalog."""
    missing: tuple[str, ...]
    """What is gone, in words."""


@dataclass(slots=True)
class _Past:
    """A query, as the steps describe it."""

    subject: str
    states: list[Step]
    position: int = 0
    cursor: int = 0


def resume(steps: Sequence[Step], snapshot: Snapshot, result_position: int = 0) -> Resumed:
    """Return the trail at the end of a session, as far as it exists today.

    Args:
        steps: The steps of the session.
        snapshot: Today's catalog and index.
        result_position: The cursor among the results of the last step, from 0.
    """
    trail = _trail(steps)
    if trail:
        trail[-1].cursor = result_position
    finder = _Finder(snapshot)
    visits = [visit for past in trail if (visit := finder.visit(past)) is not None]
    return Resumed(tuple(visits), tuple(dict.fromkeys(finder.missing)))


def _trail(steps: Sequence[Step]) -> list[_Past]:
    """Return the trail, from what each step did to it."""
    trail: list[_Past] = []
    for step in steps:
        if step.action == "query" or not trail:
            _enter(trail, step)
        elif step.action == "back":
            _go_back(trail, step)
        else:
            _change(trail[-1], step)
    return trail


def _enter(trail: list[_Past], step: Step) -> None:
    if step.trail is not None:
        del trail[len(step.trail) :]
        for past, (_, cursor) in zip(trail, step.trail, strict=False):
            past.cursor = cursor
    trail.append(_Past(step.subject, [step]))


def _go_back(trail: list[_Past], step: Step) -> None:
    depth = len(trail) - 1 if step.trail is None else len(step.trail) + 1
    del trail[max(1, depth) :]
    if trail[-1].subject != step.subject:
        trail[-1] = _Past(step.subject, [step])


def _change(past: _Past, step: Step) -> None:
    target = {"undo": past.position - 1, "redo": past.position + 1}.get(step.action)
    is_there = target is not None and 0 <= target < len(past.states)
    if target is not None and is_there and _is_same(past.states[target], step):
        past.position = target
        return
    del past.states[past.position + 1 :]
    past.states.append(step)
    past.position += 1


def _is_same(step: Step, other: Step) -> bool:
    """Return whether two steps ask for the same."""
    return replace(step, position=0, action="", made_at="", trail=None) == replace(
        other, position=0, action="", made_at="", trail=None
    )


@dataclass(slots=True)
class _Finder:
    """Finds what steps name in today's catalog and index."""

    snapshot: Snapshot
    missing: list[str] = field(default_factory=list)

    def visit(self, past: _Past) -> Visit | None:
        """Return a query with its history; None if its item or picture is gone."""
        picture = Path(past.subject) if past.states[0].picture else None
        try:
            query = self._query(past.subject, picture)
        except DatrnetError:
            self.missing.append(f"{'item' if picture is None else 'picture'} {past.subject}")
            return None
        states: list[QueryState] = []
        position = 0
        for place, step in enumerate(past.states):
            state = self.state(step)
            if not states or state != states[-1]:
                states.append(state)
            if place == past.position:
                position = len(states) - 1
        return Visit(query, History(states, position), past.cursor, picture)

    def _query(self, subject: str, picture: Path | None) -> Query:
        """Return a query.

        Raises:
            DatrnetError: The catalog or index lacks the item, or the picture is gone.
        """
        if picture is not None:
            return self.snapshot.query_of_picture(picture)
        return self.snapshot.query_of(self.snapshot.catalog.row_of_code(subject))

    def state(self, step: Step) -> QueryState:
        """Return what a step asks for, as far as that exists."""
        changes: dict[str, Change] = {}
        for name, value in step.changes.items():
            if value in self.snapshot.available_values.get(name, ()):
                changes[name] = value
            else:
                self.missing.append(f"{name} {value}")
        for name, code in step.taken.items():
            if (borrowed := self._borrowed(name, code)) is not None:
                changes[name] = borrowed
        for name, values in step.any_of.items():
            available = self.snapshot.available_values.get(name, ())
            self.missing += [f"{name} {value}" for value in values if value not in available]
            if rest := tuple(value for value in values if value in available):
                changes[name] = AnyOf(rest)
        within = step.within
        return QueryState(
            changes,
            within if within is not None and self._knows(within) else None,
            exact=frozenset(name for name in step.where if self._knows(name)),
            weights={name: weight for name, weight in step.weights.items() if name in self._blocks},
        )

    @property
    def _blocks(self) -> Sequence[str]:
        """The super-categories with a block of their own, to be borrowed or weighted."""
        searcher = self.snapshot.searcher
        return () if searcher is None or searcher.is_entangled else searcher.names

    def _borrowed(self, name: str, code: str) -> Borrowed | None:
        row = self.snapshot.catalog.find_code(code)
        if row is not None and name in self._blocks:
            try:
                self.snapshot.query_of(row)
                return Borrowed(row, code)
            except DatrnetError:
                pass  # in the catalog, but not in the index
        self.missing.append(f"item {code}, whose {name} was borrowed")
        return None

    def _knows(self, name: str) -> bool:
        """Return whether a super-category still exists."""
        if name in self.snapshot.available_values:
            return True
        self.missing.append(f"super-category {name}")
        return False
