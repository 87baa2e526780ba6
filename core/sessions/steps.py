"""The steps of a session: read from the database, turned into requests, and replayed."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatabaseError, DatrnetError, UnknownNameError
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.request import Query, Ranking, Request, Substitute, ValueMatch
from datrnet.core.text import fold, sanitize
from datrnet.db.rows import SessionRow, StepRow
from datrnet.db.store import Store

if TYPE_CHECKING:
    from datrnet.core.retrieval.search import Searcher

LAST = "last"
"""Refers to the session that was used last."""

SAVED, RUN = "saved", "run"
"""Actions of the steps that keep what was found: of a search that was saved, or run again."""

MAX_TITLE = 48
MAX_STEM = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action in the explorer and the request after it."""

    position: int
    """From 1."""
    action: str
    """query, change, within, exact, weight, not, unlike, liked, disliked, limit, ranking, drop,
    undo, redo, clear, back, saved or run."""
    made_at: str
    """UTC, ISO 8601."""
    item: str
    """Code of the query item; empty for a picture outside the catalog and for several items."""
    items: tuple[str, ...] = ()
    """Codes of several items that are the query together."""
    picture: str = ""
    """Path of such a picture."""
    trail: tuple[tuple[str, int], ...] | None = None
    """Codes of the queries that led here, each with the cursor position among its results; None
    in steps of versions that did not store it."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted value by super-category."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """Code of the item from which a super-category is taken."""
    within: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Filters: labels of which a result must carry one."""
    exact: tuple[str, ...] | None = None
    """Super-categories whose filters follow what is wanted; None: a search that was not made in the
    explorer, or by an earlier version."""
    any_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Equivalent values; see ``Request``."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factors other than 1, by super-category."""
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels that a result must not have."""
    unlike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Codes of the items to keep away from, by super-category."""
    liked: tuple[str, ...] = ()
    """Codes of good results."""
    disliked: tuple[str, ...] = ()
    """Codes of bad results."""
    conditions: tuple[str, ...] = ()
    """Conditions on facts and labels as they are written, of a saved search."""
    match: ValueMatch = "any"
    split: str | None = None
    max_distance: float | None = None
    ranking: Ranking | None = None
    """What was to order the results; None: what does in the index."""
    k: int | None = None
    """Number of results asked for; None in the oldest steps."""
    found: tuple[str, ...] | None = None
    """Codes of the results, which only a saved search keeps."""

    @property
    def subject(self) -> str:
        """The query: the codes of its items or a picture's path."""
        return self.item or self.picture or subject_of(self.items)

    @property
    def words(self) -> str:
        """The request in words; empty if nothing was changed."""
        wanted = [f"{name} → {value}" for name, value in self.changes.items()]
        wanted += [f"{name} → as {code}" for name, code in self.taken.items()]
        wanted += [f"{name} → {' or '.join(values)}" for name, values in self.any_of.items()]
        wanted += [] if self.within is None else [f"within {self.within}"]
        wanted += [f"only {name} {' or '.join(values)}" for name, values in self.where.items()]
        wanted += [f"{name} ×{factor:g}" for name, factor in self.weights.items()]
        wanted += [f"{name} not {' or '.join(values)}" for name, values in self.excluded.items()]
        wanted += [f"{name} unlike {' or '.join(codes)}" for name, codes in self.unlike.items()]
        wanted += [f"only {condition}" for condition in self.conditions]
        if self.max_distance is not None:
            wanted.append(f"at most {self.max_distance:g} away")
        wanted += [] if self.ranking is None else [f"ranked by {self.ranking}"]
        wanted += [f"more like {code}" for code in self.liked]
        wanted += [f"less like {code}" for code in self.disliked]
        return ", ".join(wanted)

    def request(self, searcher: "Searcher", k: int) -> Request:
        """Return the request for the k best results.

        Raises:
            UnknownNameError: An item that the request names no longer exists.
            IndexStaleError: Such an item is not in the index.
        """
        row_of = searcher.catalog.row_of_code

        def query_of(code: str) -> Query:
            return searcher.query_of_item(row_of(code))

        return Request(
            changes=self.changes,
            taken={name: query_of(code) for name, code in self.taken.items()},
            where=self.where,
            others=tuple(
                Condition(name, "!=", value)
                for name, values in self.excluded.items()
                for value in values
            )
            + tuple(map(Condition.parse, self.conditions)),
            unlike={name: tuple(map(query_of, codes)) for name, codes in self.unlike.items()},
            liked=tuple(map(row_of, self.liked)),
            disliked=tuple(map(row_of, self.disliked)),
            any_of=self.any_of,
            weights=self.weights,
            within=self.within,
            match=self.match,
            split=self.split,
            max_distance=self.max_distance,
            ranking=self.ranking,
            k=k,
        )


def subject_of(codes: Sequence[str]) -> str:
    """Return what a query of some items is called."""
    return " + ".join(codes)


def session_of(store: Store, wanted: str = LAST, other_than: int | None = None) -> SessionRow:
    """Return a session by number, by name, or the one used last.

    Args:
        store: The open database.
        wanted: A number, ``last``, or a name in any case.
        other_than: Number of a session that ``last`` skips.

    Raises:
        UnknownNameError: There is no such session.
        ConfigError: Several sessions have that name.
    """
    if wanted.isdecimal():
        return store.session(int(wanted))
    sessions = store.sessions()
    if wanted.casefold() == LAST:
        sessions = [session for session in sessions if session.id != other_than]
        if not sessions:
            hint = "A session starts with the first substitutes viewed in `datrnet browse`."
            raise ConfigError("There is no session yet.", hint=hint)
        searches = store.sessions_of((SAVED, RUN))  # nobody has worked in these
        return max(sessions, key=lambda it: (it.id not in searches, it.updated_at, it.id))
    named = [session for session in sessions if fold(session.name) == fold(wanted)]
    if not named:
        raise UnknownNameError("session", wanted, [session.name for session in sessions])
    if len(named) > 1:
        numbers = " or ".join(str(session.id) for session in named)
        raise ConfigError(f"Several sessions are called {wanted!r}.", hint=f"Use number {numbers}.")
    return named[0]


def steps_of(store: Store, session: SessionRow) -> tuple[Step, ...]:
    """Return a session's steps in order.

    Raises:
        DatabaseError: A step is damaged.
    """
    return tuple(map(read_step, store.steps(session.id)))


def read_step(row: StepRow) -> Step:
    """Return a step as the database keeps it.

    Raises:
        DatabaseError: It is damaged.
    """
    try:
        request: dict[str, Any] = json.loads(row.request_json)
        trail = request.get("trail")
        return Step(
            position=row.position,
            action=row.action,
            made_at=row.made_at,
            item=request["item"],
            picture=request.get("picture") or "",
            trail=None if trail is None else tuple((str(code), int(at)) for code, at in trail),
            changes=dict(request.get("changes") or {}),
            taken=dict(request.get("taken") or {}),
            within=request.get("within"),
            where=_tuples(request.get("where")),
            exact=None if request.get("exact") is None else tuple(request["exact"]),
            any_of=_tuples(request.get("any_of")),
            weights=dict(request.get("weights") or {}),
            items=tuple(request.get("items") or ()),
            excluded=_tuples(request.get("excluded")),
            unlike=_tuples(request.get("unlike")),
            liked=tuple(request.get("liked") or ()),
            disliked=tuple(request.get("disliked") or ()),
            conditions=tuple(request.get("conditions") or ()),
            match=request.get("match") or "any",
            split=request.get("split"),
            max_distance=request.get("max_distance"),
            ranking=request.get("ranking"),
            k=request.get("k"),
            found=None if request.get("found") is None else tuple(request["found"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DatabaseError(
            f"Step {row.position} of session {row.session_id} is damaged.",
            hint="Show or export another session; `datrnet session list` lists them.",
        ) from error


def _tuples(values: Mapping[str, list[str]] | None) -> dict[str, tuple[str, ...]]:
    return {name: tuple(items) for name, items in (values or {}).items()}


# ── replay ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedStep:
    """A step with its results on the current index."""

    step: Step
    title: str = ""
    """Title of the query."""
    substitutes: tuple[Substitute, ...] = ()
    problem: str = ""
    """Why it cannot be replayed, for example because an item no longer exists."""


def replay(
    workspace: Workspace,
    searcher: "Searcher",
    steps: Sequence[Step],
    k: int,
    on_progress: StepProgress = no_progress,
) -> tuple[ReplayedStep, ...]:
    """Search again for every step; a step that cannot be replayed has a problem instead."""
    query_of_picture = cache(lambda path: _query_of_picture(workspace, searcher, Path(path)))
    replayed = []
    for done, step in enumerate(steps, start=1):
        try:
            if step.picture:
                query = query_of_picture(step.picture)
            else:
                codes = step.items or (step.item,)
                query = searcher.query_of_items(map(searcher.catalog.row_of_code, codes))
            found = tuple(searcher.substitutes(query, step.request(searcher, k)))
            replayed.append(ReplayedStep(step=step, title=query.title, substitutes=found))
        except DatrnetError as error:
            replayed.append(ReplayedStep(step=step, problem=str(error)))
        on_progress(done, len(steps))
    return tuple(replayed)


def _query_of_picture(workspace: Workspace, searcher: "Searcher", path: Path) -> Query:
    # only a picture outside the catalog needs the networks and torch
    from datrnet.core.indexing.build import run_of
    from datrnet.core.indexing.embedder import query_of_picture

    precision = searcher.generation.manifest.arithmetic.precision
    return query_of_picture(run_of(workspace, searcher.generation), path, precision)


# ── names ────────────────────────────────────────────────────────────────────


def default_name(title: str, day: date) -> str:
    """Return the default name of a session: the title of its first item, and the date."""
    shown = sanitize(title).strip()
    if len(shown) > MAX_TITLE:
        shown = f"{shown[: MAX_TITLE - 1].rstrip()}…"
    return f"{shown or 'Untitled'} · {day.isoformat()}"


def file_stem(name: str) -> str:
    """Return a file name without suffix: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    return words[:MAX_STEM].strip("-") or "session"
