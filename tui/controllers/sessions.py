"""Resumes sessions: the last, a chosen one, or the current one where its queries were left.

The trail is rebuilt from the steps; what has gone since is left out and reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from textual.app import App

from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.facts import Condition
from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.steps import LAST, RUN, SAVED, Step, session_of, steps_of
from datrnet.core.text import fold
from datrnet.db.rows import SessionRow
from datrnet.tui.context import ExplorerContext, in_thread
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.query_state import Borrowed, Change, Filters, History, QueryState
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.state import Visit

CURRENT = "current"
"""Names the current session."""

SAVE_SECONDS = 3.0
"""How long to wait for the last steps to be saved."""

UNLIKE = "from whose {} results kept away"

MOST_NAMED = 5
"""Items that a notice names."""


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A session read from the database, and where it ended."""

    row: SessionRow
    shortlist: Sequence[str]
    trail: tuple[Visit, ...]
    """Empty if the session has no query, or none is left in the catalog."""
    missing: tuple[str, ...]
    """What is gone from the catalog or the index since, in words."""
    news: str = ""
    """What a saved search finds that it did not find before, as a sentence."""

    @property
    def words(self) -> str:
        """What a notice says of it."""
        more = len(self.missing) - MOST_NAMED
        names = ", ".join(self.missing[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        gone = f". No longer available: {names}" if names else ""
        return f"Resumed {self.row.name}{gone}{self.news and f'. {self.news}'}"


def read_session(snapshot: Snapshot, log: SessionLog, name: str) -> SavedSession:
    """Read a session; for a thread.

    Args:
        snapshot: The catalog and index in which its queries are found again.
        log: The current session.
        name: Its number or name; `LAST` is the one before the current, `CURRENT` this one.

    Raises:
        DatrnetError: There is no such session, or the database cannot be read.
    """
    store = snapshot.store
    log.wait_until_written(SAVE_SECONDS)
    if name == CURRENT:
        name = LAST if log.id is None else str(log.id)
    row = session_of(store, name, other_than=log.id)
    trail = trail_of(steps_of(store, row))
    if trail:
        trail[-1].cursor = store.result_position(row.id)
    finder = _Finder(snapshot)
    visits = tuple(visit for past in trail if (visit := finder.visit(past)) is not None)
    missing = tuple(dict.fromkeys(finder.missing))
    news = _news_of(snapshot, row, visits[-1].query) if visits else ""
    return SavedSession(row, store.shortlist(row.id), visits, missing, news)


def _news_of(snapshot: Snapshot, row: SessionRow, query: Query) -> str:
    """Run a saved search again; return what it finds that it did not find before, in words."""
    from datrnet.core.sessions.saved_search import record_run, saved_search

    searcher, store = snapshot.searcher, snapshot.store
    try:
        saved = saved_search(store, str(row.id))
        if searcher is None or saved.step != steps_of(store, row)[-1]:
            return ""  # the explorer has gone on from it
        request, _ = saved.request(searcher)  # what is left out is among the missing
        found = [it.code for it in searcher.substitutes(query, request)]
        new = record_run(store, saved, found)
    except DatrnetError:
        return ""  # it is no saved search, or names what is gone
    more = f" and {len(new) - MOST_NAMED} more" if len(new) > MOST_NAMED else ""
    return f"New since {saved.step.made_at[:10]}: {', '.join(new[:MOST_NAMED]) or 'nothing'}{more}"


class SessionController:
    """Finds sessions and continues them."""

    def __init__(self, app: App[Any], context: ExplorerContext) -> None:
        """Start without a session.

        Args:
            app: Where to show notices.
            context: The workspace and the current session.
        """
        self._app, self._context = app, context

    async def offer_last(self, key: str) -> None:
        """Show how to resume the last session, if there is one."""
        try:
            last = await in_thread(self._app, session_of, self._context.library.store)
        except DatrnetError:
            return  # there is none, or the database is in use; the list of sessions will tell
        self._app.notify(f"Last session: {last.name}. {key} resumes it.", timeout=6)

    def resume(self, saved: SavedSession) -> bool:
        """Make a session current, with notices; return whether its queries can be shown."""
        log, error = self._context.session, self._context.snapshot.index_error
        log.resume(saved.row, saved.shortlist, has_steps=bool(saved.trail))
        if error is not None:
            self._app.notify(f"{error} Only the shortlist is restored.", severity="error")
            return False
        self._app.notify(saved.words, severity="warning" if saved.missing else "information")
        return True

    def rename(self, name: str | None) -> None:
        """Name the current session; None leaves its name."""
        if name is not None:
            self._context.session.rename(name)
            self._app.notify(f"Session renamed to {name}", timeout=2)

    def begin(self) -> None:
        """Leave the current session."""
        self._context.session.begin_new()
        self._app.notify("The next query starts a new session.", timeout=3)


# ── the trail ────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Past:
    """A query, as the steps describe it."""

    subject: str
    states: list[Step]
    position: int = 0
    cursor: int = 0


def trail_of(steps: Sequence[Step]) -> list[Past]:
    """Return the trail, from what each step did to it."""
    trail: list[Past] = []
    for step in steps:
        if step.action in ("query", SAVED, RUN) or not trail:
            _enter(trail, step)
        elif step.action == "back":
            _go_back(trail, step)
        else:
            _change(trail[-1], step)
    return trail


def _enter(trail: list[Past], step: Step) -> None:
    if step.trail is not None:
        del trail[len(step.trail) :]
        for past, (_, cursor) in zip(trail, step.trail, strict=False):
            past.cursor = cursor
    trail.append(Past(step.subject, [step]))


def _go_back(trail: list[Past], step: Step) -> None:
    depth = len(trail) - 1 if step.trail is None else len(step.trail) + 1
    del trail[max(1, depth) :]
    if trail[-1].subject != step.subject:
        trail[-1] = Past(step.subject, [step])


def _change(past: Past, step: Step) -> None:
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

    def visit(self, past: Past) -> Visit | None:
        """Return a query with its history; None if its item or picture is gone."""
        picture = Path(past.subject) if past.states[0].picture else None
        try:
            query = self._query(past.states[0].items or (past.subject,), picture)
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

    def _query(self, codes: Sequence[str], picture: Path | None) -> Query:
        """Return a query.

        Raises:
            DatrnetError: The catalog or index lacks the item, or the picture is gone.
        """
        if picture is not None:
            return self.snapshot.query_of_picture(picture)
        catalog = self.snapshot.catalog
        gone = [code for code in codes if catalog.find_code(code) is None]
        left = [code for code in codes if code not in gone]
        self.missing += [f"item {code}" for code in gone if left]
        return self.snapshot.query_of_all(list(map(catalog.row_of_code, left or codes)))

    def state(self, step: Step) -> QueryState:
        """Return what a step asks for, as far as that exists."""
        changes: dict[str, Change] = {}
        for name, value in step.changes.items():
            if value in self.snapshot.available_values.get(name, ()):
                changes[name] = value
            else:
                self.missing.append(f"{name} {value}")
        for name, code in step.taken.items():
            if (borrowed := self._borrowed(name, code, "whose {} was borrowed")) is not None:
                changes[name] = borrowed
        for name, values in step.any_of.items():
            available = self.snapshot.available_values.get(name, ())
            self.missing += [f"{name} {value}" for value in values if value not in available]
            if rest := tuple(value for value in values if value in available):
                changes[name] = rest
        away = {name: self._borrowed(name, codes[0], UNLIKE) for name, codes in step.unlike.items()}
        self.missing += [
            f"item {code}, {UNLIKE.format(name)}"
            for name, codes in step.unlike.items()
            for code in codes[1:]
        ]
        within = step.within
        excluded, others = self._conditions(step)
        exact = step.exact
        if exact is None:  # of an earlier version, or a search of the command line with filters
            exact = tuple(step.where) if step.found is None else ()
        where = {name: values for name, values in step.where.items() if name not in exact}
        return QueryState(
            changes,
            within if within is not None and self._knows(within) else None,
            exact=frozenset(name for name in exact if self._knows(name)),
            weights={name: weight for name, weight in step.weights.items() if name in self._blocks},
            excluded=excluded,
            unlike={name: item for name, item in away.items() if item is not None},
            liked=self._marked(step.liked),
            disliked=self._marked(step.disliked),
            max_distance=step.max_distance,
            filters=Filters(self._known_values(where), others, step.match, step.split),
            ranking=step.ranking,
        )

    def _conditions(self, step: Step) -> tuple[dict[str, tuple[str, ...]], tuple[Condition, ...]]:
        """Return the excluded values, and the conditions on facts, that can still be asked for."""
        others: list[Condition] = []
        excluded = dict(step.excluded)
        for condition in map(Condition.parse, step.conditions):
            try:
                known = Conditions.of(self.snapshot.catalog, [condition])
            except DatrnetError:
                self.missing.append(f"condition {condition}")
                continue
            names = known.excluded(self.snapshot.catalog)
            others += () if names else known.others
            for name, folded in names.items():
                values = self.snapshot.value_counts[name]
                spelled = tuple(value for value in values if fold(value) in folded)
                excluded[name] = (*excluded.get(name, ()), *spelled)
        return self._known_values(excluded), tuple(others)

    def _known_values(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """Return the values that still exist, by super-category."""
        found: dict[str, tuple[str, ...]] = {}
        for name, values in wanted.items():
            known = self.snapshot.value_counts.get(name, {})
            self.missing += [f"{name} {value}" for value in values if value not in known]
            if left := tuple(value for value in values if value in known):
                found[name] = left
        return found

    def _marked(self, codes: Sequence[str]) -> tuple[int, ...]:
        """Return the rows of liked or disliked items."""
        searcher, find = self.snapshot.searcher, self.snapshot.catalog.find_code
        rows = {code: find(code) for code in codes}
        known = {
            code: row
            for code, row in rows.items()
            if row is not None and searcher is not None and searcher.is_indexed(row)
        }
        self.missing += [f"item {code}, which was marked" for code in codes if code not in known]
        return tuple(known.values())

    @property
    def _blocks(self) -> Sequence[str]:
        """The super-categories with a block of their own, to be borrowed or weighted."""
        searcher = self.snapshot.searcher
        return () if searcher is None or searcher.is_entangled else searcher.names

    def _borrowed(self, name: str, code: str, role: str) -> Borrowed | None:
        row = self.snapshot.catalog.find_code(code)
        if row is not None and name in self._blocks:
            try:
                self.snapshot.query_of(row)
                return Borrowed(row, code)
            except DatrnetError:
                pass  # in the catalog, but not in the index
        self.missing.append(f"item {code}, {role.format(name)}")
        return None

    def _knows(self, name: str) -> bool:
        """Return whether a super-category still exists."""
        if name in self.snapshot.available_values:
            return True
        self.missing.append(f"super-category {name}")
        return False
