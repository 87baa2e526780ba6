"""The steps of a session as the database keeps them, read back as requests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datrnet.core.errors import ConfigError, DatabaseError, UnknownNameError
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import SessionRow, StepRow
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a person did, and what was asked for after it."""

    position: int
    """From 1."""
    action: str
    """query, change, within, exact, weight, undo, redo, clear or back."""
    made_at: str
    """UTC, ISO 8601."""
    item: str
    """The code of the query; empty of a picture that is no item's."""
    picture: str = ""
    """Where that one lay."""
    trail: tuple[tuple[str, int], ...] | None = None
    """The codes of the queries that led there, each with the place of the cursor among its
    results; None in steps of versions that did not keep it."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted value by super-category."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """The code of the item that a super-category is taken from."""
    within: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels of which an answer must carry one."""
    any_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same, where each is as good as the other."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often a super-category counts, where that is not once."""

    @property
    def subject(self) -> str:
        """What was asked about: an item's code, or a picture's path."""
        return self.item or self.picture

    @property
    def words(self) -> str:
        """What is asked for, in words; empty for the item as it is."""
        wanted = [f"{name} → {value}" for name, value in self.changes.items()]
        wanted += [f"{name} → as {code}" for name, code in self.taken.items()]
        wanted += [f"{name} → {' or '.join(values)}" for name, values in self.any_of.items()]
        wanted += [] if self.within is None else [f"within {self.within}"]
        wanted += [f"only {name} {' or '.join(values)}" for name, values in self.where.items()]
        wanted += [f"{name} ×{factor:g}" for name, factor in self.weights.items()]
        return ", ".join(wanted)

    def request(self, searcher: Searcher, k: int) -> Request:
        """Return what to search for.

        Raises:
            UnknownNameError: An item that a super-category is taken from is gone.
            IndexStaleError: The index does not have it.
        """
        rows = {name: searcher.catalog.row_of_code(code) for name, code in self.taken.items()}
        return Request(
            changes=self.changes,
            taken={name: searcher.query_of_item(row) for name, row in rows.items()},
            where=self.where,
            any_of=self.any_of,
            weights=self.weights,
            within=self.within,
            k=k,
        )


LAST = "last"
"""Names the session that was used last."""


def session_of(store: Store, wanted: str = LAST, other_than: int | None = None) -> SessionRow:
    """Return a session by its number, its name, or as the one used last.

    Args:
        store: Where the sessions are.
        wanted: A number, ``last``, or a name in any case.
        other_than: The number of one that is not meant by ``last``.

    Raises:
        UnknownNameError: There is none of that number or name, or no other at all.
        ConfigError: Several have that name.
    """
    if wanted.isdecimal():
        return store.session(int(wanted))
    sessions = store.sessions()
    if wanted.casefold() == LAST:
        return _last_used([one for one in sessions if one.id != other_than])
    named = [one for one in sessions if one.name.casefold() == wanted.casefold()]
    if not named:
        raise UnknownNameError("session", wanted, [one.name for one in sessions])
    if len(named) > 1:
        numbers = " or ".join(str(one.id) for one in named)
        raise ConfigError(f"Several sessions are called {wanted!r}.", mend=f"Say {numbers}.")
    return named[0]


def _last_used(sessions: Sequence[SessionRow]) -> SessionRow:
    if not sessions:
        mend = "One begins with the first substitutes seen in `datrnet browse`."
        raise UnknownNameError("session", "the last one", (), mend=mend)
    return max(sessions, key=lambda one: (one.updated_at, one.id))


def steps_of(store: Store, session: SessionRow) -> tuple[Step, ...]:
    """Return a session's steps in order.

    Raises:
        DatabaseError: One of them cannot be read.
    """
    return tuple(map(_step, store.steps(session.id)))


def _step(row: StepRow) -> Step:
    try:
        request: dict[str, Any] = json.loads(row.request_json)
        return Step(
            position=row.position,
            action=row.action,
            made_at=row.made_at,
            item=request["item"],
            picture=request.get("picture") or "",
            trail=_trail(request.get("trail")),
            changes=dict(request.get("changes") or {}),
            taken=dict(request.get("taken") or {}),
            within=request.get("within"),
            where=_tuples(request.get("where")),
            any_of=_tuples(request.get("any_of")),
            weights=dict(request.get("weights") or {}),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DatabaseError(
            f"Step {row.position} of session {row.session_id} cannot be read.",
            mend="Show or export another session; `datrnet session list` has them all.",
        ) from error


def _tuples(values: Mapping[str, list[str]] | None) -> dict[str, tuple[str, ...]]:
    return {name: tuple(some) for name, some in (values or {}).items()}


def _trail(stored: Any) -> tuple[tuple[str, int], ...] | None:
    return None if stored is None else tuple((str(code), int(cursor)) for code, cursor in stored)
