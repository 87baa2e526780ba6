"""The steps of a session turned into the trail that they left, with what can be undone on it.

What has gone from the catalogue or the index since is left out, and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.steps import Step
from datrnet.tui.history import AnyOf, History, Taken, Visit, Wish, Wishes
from datrnet.tui.library import Library


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a session was left."""

    trail: tuple[Visit, ...]
    """Empty where no query was made, or none is left in the catalogue."""
    gone: tuple[str, ...]
    """What there was and is no more, in words."""


@dataclass(slots=True)
class _Past:
    """A query as the steps tell of it."""

    subject: str
    states: list[Step]
    at: int = 0
    cursor: int = 0


def resumed(steps: Sequence[Step], library: Library, result_position: int = 0) -> Resumed:
    """Return the trail at the end of a session, as far as it can be walked today.

    Args:
        steps: What was done in it.
        library: The catalogue and index of today.
        result_position: Where the cursor was among the results of the last step, from 0.
    """
    finder = _Finder(library)
    walked = _walked(steps)
    if walked:
        walked[-1].cursor = result_position
    visits = [visit for past in walked if (visit := finder.visit(past)) is not None]
    return Resumed(tuple(visits), tuple(dict.fromkeys(finder.gone)))


def _walked(steps: Sequence[Step]) -> list[_Past]:
    """Return the trail as it was, from what each step did to it."""
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
    aim = {"undo": past.at - 1, "redo": past.at + 1}.get(step.action)
    if aim is not None and 0 <= aim < len(past.states) and _same(past.states[aim], step):
        past.at = aim
        return
    del past.states[past.at + 1 :]
    past.states.append(step)
    past.at += 1


def _same(one: Step, other: Step) -> bool:
    """Tell whether two steps ask for the same."""
    return replace(one, position=0, action="", made_at="", trail=None) == replace(
        other, position=0, action="", made_at="", trail=None
    )


@dataclass(slots=True)
class _Finder:
    """Finds in today's catalogue and index what steps name."""

    library: Library
    gone: list[str] = field(default_factory=list)

    def visit(self, past: _Past) -> Visit | None:
        """Return a query of today with its history; None where its item is gone."""
        picture = Path(past.subject) if past.states[0].picture else None
        try:
            query = self._query(past.subject, picture)
        except DatrnetError:
            self.gone.append(f"{'item' if picture is None else 'picture'} {past.subject}")
            return None
        states: list[Wishes] = []
        at = 0
        for place, step in enumerate(past.states):
            wishes = self.wishes(step)
            if not states or wishes != states[-1]:
                states.append(wishes)
            if place == past.at:
                at = len(states) - 1
        return Visit(query, History.restored(states, at), past.cursor, picture)

    def _query(self, subject: str, picture: Path | None) -> Query:
        """Return a query of today.

        Raises:
            DatrnetError: The item is gone, or the index does not have it; or the picture is gone.
        """
        if picture is not None:
            return self.library.snapshot.query_of_picture(picture)
        return self.library.snapshot.query_of(self.library.snapshot.catalog.row_of_code(subject))

    def wishes(self, step: Step) -> Wishes:
        """Return what a step asks for, without what cannot be asked for any more."""
        changes: dict[str, Wish] = {}
        for name, value in step.changes.items():
            if value in self.library.snapshot.available_values.get(name, ()):
                changes[name] = value
            else:
                self.gone.append(f"{name} {value}")
        for name, code in step.taken.items():
            if (taken := self._taken(name, code)) is not None:
                changes[name] = taken
        for name, values in step.any_of.items():
            known = self.library.snapshot.available_values.get(name, ())
            self.gone += [f"{name} {value}" for value in values if value not in known]
            if left := tuple(value for value in values if value in known):
                changes[name] = AnyOf(left)
        within = step.within
        if within is not None and not self._knows(within):
            within = None
        return Wishes(
            changes,
            within,
            exact=frozenset(name for name in step.where if self._knows(name)),
            weights={name: one for name, one in step.weights.items() if name in self._blocks},
        )

    @property
    def _blocks(self) -> Sequence[str]:
        """The super-categories that can be taken and weighed alone."""
        searcher = self.library.snapshot.searcher
        return () if searcher is None or searcher.is_entangled else searcher.names

    def _taken(self, name: str, code: str) -> Taken | None:
        row = self.library.snapshot.catalog.find_code(code)
        if row is not None and name in self._blocks:
            try:
                self.library.snapshot.query_of(row)
                return Taken(row, code)
            except DatrnetError:
                pass  # in the catalogue, but not in the index
        self.gone.append(f"item {code}, whose {name} was taken")
        return None

    def _knows(self, name: str) -> bool:
        """Tell whether a super-category is still there."""
        if name in self.library.snapshot.available_values:
            return True
        self.gone.append(f"super-category {name}")
        return False
