"""Saved searches: sessions with a step that keeps what was found, to tell what is new later."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.sessions.steps import LAST, RUN, SAVED, Step, session_of, steps_of
from datrnet.db.rows import SessionRow
from datrnet.db.store import Store


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
    """Return a search as a step of a session keeps it, spelled like the catalog; without pages.

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

    def spelled(name: str) -> str:
        return catalog.super_categories[catalog.super_category_idx(name)].name

    def of_catalog(values: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        found = {}
        for name, given in values.items():
            idx = catalog.super_category_idx(name)
            own = catalog.super_categories[idx]
            found[own.name] = [own.values[catalog.value_idx(idx, value)] for value in given]
        return found

    changes = {name: [value] for name, value in request.changes.items()}
    if not query.rows and picture is None:
        raise ConfigError("A search with a picture without a file cannot be saved.")
    return {
        "item": "" if query.row is None else catalog.codes[query.row],
        "items": [catalog.codes[row] for row in query.members],
        "picture": None if picture is None or query.rows else str(picture.absolute()),
        "trail": [],
        "changes": {name: value for name, (value,) in of_catalog(changes).items()},
        "taken": {spelled(name): code_of(other) for name, other in request.taken.items()},
        "within": request.within,
        "where": of_catalog(request.where),
        "conditions": list(map(str, request.others)),
        "any_of": of_catalog(request.any_of),
        "match": request.match,
        "weights": {spelled(name): weight for name, weight in request.weights.items()},
        "unlike": {spelled(name): list(map(code_of, of)) for name, of in request.unlike.items()},
        "liked": [catalog.codes[row] for row in request.liked],
        "disliked": [catalog.codes[row] for row in request.disliked],
        "split": request.split,
        "max_distance": request.max_distance,
        "ranking": request.ranking,
        "k": request.k,
    }


def save_search(store: Store, name: str, facts: dict[str, Any], found: Sequence[str]) -> None:
    """Save a search with the codes that it found; it replaces a saved search of that name.

    Raises:
        ConfigError: A session has that name that is no saved search, or the name is empty.
    """
    if name.strip().casefold() in ("", LAST) or name.strip().isdecimal():
        hint = f"Use a word, not a number or {LAST}."
        raise ConfigError(f"{name!r} is no name of a search.", hint=hint)
    try:
        session_id = saved_search(store, name).session.id
    except UnknownNameError:
        session_id = store.start_session(name.strip())
    store.add_step(session_id, SAVED, json.dumps({**facts, "found": list(found)}))


def record_run(
    store: Store,
    catalog: Catalog,
    saved: SavedSearch,
    query: Query,
    request: Request,
    found: Sequence[str],
) -> tuple[str, ...]:
    """Keep what a saved search finds now.

    Args:
        store: The open database.
        catalog: Has the codes.
        saved: The search.
        query: Its query, as it is today.
        request: What it asks.
        found: The codes that it finds, closest first.

    Returns:
        The codes that it had not found before.
    """
    file = Path(saved.step.picture) if saved.step.picture else None
    facts = search_facts(catalog, query, request, file)
    asked = json.dumps({**facts, "found": list(found)})
    store.add_step(saved.session.id, RUN, asked, is_use=False)
    return tuple(code for code in found if code not in saved.found)


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
