"""Saved searches: sessions with a step that keeps what was found, to tell what is new later."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.sessions.steps import LAST, RUN, SAVED, Step, session_of, steps_of
from datrnet.db.rows import SessionRow
from datrnet.db.store import Store

if TYPE_CHECKING:
    from datrnet.core.retrieval.search import Searcher

DEFAULT_K = 10
"""Number of results, if the search does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search that was saved by name."""

    session: SessionRow
    step: Step
    """Asks for it; as it was saved or last run."""
    found: frozenset[str]
    """The codes of everything that it has found so far."""

    def request(self, searcher: "Searcher") -> tuple[Request, tuple[str, ...]]:
        """Return its request on the current index.

        Liked and disliked items that are gone, or not in the index, are left out.

        Returns:
            The request, and the codes of the items left out.

        Raises:
            UnknownNameError: Another item that the search names no longer exists.
            IndexStaleError: Such an item is not in the index.
        """
        step, find = self.step, searcher.catalog.find_code
        rows = {code: find(code) for code in (*step.liked, *step.disliked)}
        gone = {code for code, row in rows.items() if row is None or not searcher.is_indexed(row)}
        left = replace(
            step,
            liked=tuple(code for code in step.liked if code not in gone),
            disliked=tuple(code for code in step.disliked if code not in gone),
        )
        return left.request(searcher, step.k or DEFAULT_K), tuple(filter(gone.__contains__, rows))


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


def record_run(store: Store, saved: SavedSearch, found: Sequence[str]) -> tuple[str, ...]:
    """Keep what a saved search finds now.

    Args:
        store: The open database.
        saved: The search, which goes on asking for what it was saved with.
        found: The codes that it finds, closest first.

    Returns:
        The codes that it had not found before.
    """
    facts = {**asdict(saved.step), "trail": [], "found": list(found)}
    for name in ("position", "action", "made_at"):  # of the step, not of what it asks
        del facts[name]
    store.add_step(saved.session.id, RUN, json.dumps(facts), is_use=False)
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
