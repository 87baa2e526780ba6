"""Saved searches: sessions with a step that keeps what was found, to tell what is new later."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.sessions.steps import Step, session_of, steps_of
from datrnet.db.rows import SessionRow
from datrnet.db.store import Store

SAVED, RUN = "saved", "run"
"""Actions of the steps that keep what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search that was saved by name."""

    session: SessionRow
    step: Step
    """Asks for it; as it was saved or last run."""
    found: frozenset[str]
    """The codes of everything that it has found so far."""


def search_facts(
    catalog: Catalog, query: Query, request: Request, picture: Path | None = None
) -> dict[str, Any]:
    """Return a search as a step of a session keeps it; pages are left out.

    Args:
        catalog: Has the codes.
        query: The query.
        request: What is asked.
        picture: The file of a query that is no item.

    Raises:
        ConfigError: A picture that is no item is part of it, and has no file or is taken from.
    """

    def code_of(other: Query) -> str:
        if other.row is None:
            raise ConfigError(
                "A search that takes from a picture cannot be saved.",
                hint="Import the picture, and name its item.",
            )
        return catalog.codes[other.row]

    if not query.rows and picture is None:
        raise ConfigError("A search with a picture without a file cannot be saved.")
    return {
        "item": "" if query.row is None else catalog.codes[query.row],
        "items": [catalog.codes[row] for row in query.members],
        "picture": None if picture is None or query.rows else str(picture.absolute()),
        "trail": [],
        "changes": dict(request.changes),
        "taken": {name: code_of(other) for name, other in request.taken.items()},
        "within": request.within,
        "where": {name: list(values) for name, values in request.where.items()},
        "conditions": list(map(str, request.others)),
        "any_of": {name: list(values) for name, values in request.any_of.items()},
        "match": request.match,
        "weights": dict(request.weights),
        "unlike": {name: list(map(code_of, of)) for name, of in request.unlike.items()},
        "liked": [catalog.codes[row] for row in request.liked],
        "disliked": [catalog.codes[row] for row in request.disliked],
        "split": request.split,
        "max_distance": request.max_distance,
        "k": request.k,
    }


def save_search(
    store: Store, name: str, facts: dict[str, Any], found: Sequence[str], action: str = SAVED
) -> None:
    """Save a search with the codes that it found; it replaces a saved search of that name.

    Raises:
        ConfigError: A session has that name that is no saved search, or the name is empty.
    """
    if not name.strip() or name.strip().isdecimal():
        raise ConfigError(f"{name!r} is no name of a search.", hint="Use a word, not a number.")
    try:
        session_id = saved_search(store, name).session.id
    except UnknownNameError:
        session_id = store.start_session(name.strip())
    store.add_step(session_id, action, json.dumps({**facts, "found": list(found)}))


def saved_search(store: Store, name: str) -> SavedSearch:
    """Return a saved search by its name, in any case.

    Raises:
        UnknownNameError: There is no session of that name.
        ConfigError: The session is no saved search, or several have the name.
    """
    session = session_of(store, name)
    steps = [step for step in steps_of(store, session) if step.found is not None]
    if not steps:
        raise ConfigError(
            f"The session {session.name} is no saved search.",
            hint="Choose another name, or save a search: datrnet search ITEM --save NAME",
        )
    start = max(place for place, step in enumerate(steps) if step.action == SAVED or not place)
    found = frozenset(code for step in steps[start:] for code in step.found or ())
    return SavedSearch(session=session, step=steps[-1], found=found)
