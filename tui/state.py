"""The search state: what is asked of each query, its history for undo, and the trail of queries.

Everything that the substitutes screen shows (pickers, title, results) and logs is read from one
``Search``; keys change it there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.core.sessions.steps import subject_of
from datrnet.db.rows import SuperCategory, joined
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.query_state import Borrowed, Change, History, QueryState
from datrnet.tui.snapshot import Library, RowMap, Snapshot, Source

if TYPE_CHECKING:
    from datrnet.core.retrieval.search import Searcher, SearchPlan

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""The weights that a super-category can have."""

Matching = Mapping[str, Mapping[str, int]]
"""By super-category and value, the number of items with it that match all other values."""


@dataclass(slots=True)
class Visit:
    """A query on the trail, with its history and the position of the cursor in its results."""

    query: Query
    history: History[QueryState] = field(default_factory=lambda: History([QueryState()]))
    cursor: int = 0
    picture: Path | None = None
    """The file of a query that is not in the catalog."""

    @property
    def source(self) -> Source:
        """The picture of the query."""
        if self.picture is not None:
            return self.picture
        return self.query.rows[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a search has found."""

    query: Query
    plan: "SearchPlan"
    substitutes: Sequence[Substitute]
    matching: Matching
    wanted: Mapping[str, str | None]
    """What was asked for by super-category, in words; None where it is unknown."""
    unknown: Mapping[str, str]
    """The predicted values of the query where nothing else is wanted and its label is unknown."""


Found: TypeAlias = "tuple[SearchPlan, Sequence[Substitute], Matching]"


def find(searcher: "Searcher", query: Query, request: Request) -> Found:
    """Search; for a thread.

    Raises:
        DatrnetError: The index cannot answer the request.
    """
    plan = searcher.plan(query, request)
    return plan, plan.with_matches(plan.substitutes()), plan.exact_match_counts()


class Search:
    """The trail of queries and what is asked of the last; every change of it is logged."""

    def __init__(self, library: Library, session: SessionLog, trail: Sequence[Visit]) -> None:
        """Start at the end of a trail of at least one query."""
        self._library = library
        self._session = session
        self.trail = list(trail)
        self.results: Results | None = None
        """What is shown; it stays until the next results arrive."""
        self._page: tuple[Visit | None, QueryState | None, int] = (None, None, 0)
        """What was asked for when a page was turned, and the results before that page."""

    @property
    def snapshot(self) -> Snapshot:
        """The catalog and index that are searched."""
        return self._library.snapshot

    @property
    def searcher(self) -> "Searcher":
        """The index."""
        assert self._library.snapshot.searcher is not None
        return self._library.snapshot.searcher

    @property
    def visit(self) -> Visit:
        """The current query."""
        return self.trail[-1]

    @property
    def state(self) -> QueryState:
        """What is asked for now."""
        return self.visit.history.state

    # ── what is shown ────────────────────────────────────────────────────────

    @property
    def titles(self) -> tuple[str, ...]:
        """The current title of every query on the trail, or the name of its file."""
        titles, queries = self._library.snapshot.catalog.titles, [it.query for it in self.trail]
        return tuple(it.title if it.row is None else titles[it.row] for it in queries)

    @property
    def categories(self) -> list[SuperCategory]:
        """The super-categories that the index knows."""
        known = self._library.snapshot.available_values
        return [it for it in self._library.snapshot.catalog.super_categories if it.name in known]

    @property
    def labels(self) -> dict[str, str | None]:
        """The current labels of the query in every super-category."""
        catalog, query = self._library.snapshot.catalog, self.visit.query
        if query.row is not None:
            return catalog.labels_of(query.row)
        return {it.name: query.labels.get(it.name) for it in catalog.super_categories}

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """All current values of the query in every super-category."""
        catalog, query = self._library.snapshot.catalog, self.visit.query
        if query.row is not None:
            return catalog.values_of(query.row)
        return {it.name: query.values_of(it.name) for it in catalog.super_categories}

    @property
    def predicted(self) -> dict[str, str]:
        """The values that the model predicts for the query."""
        predictions = self.searcher.predict(self.visit.query)
        return {name: prediction.value for name, prediction in predictions.items()}

    @property
    def marked(self) -> Borrowed | None:
        """The marked item, whose values can be borrowed; None if it is the query itself."""
        row = self._library.marked
        if row is None or row == self.visit.query.row:
            return None
        return Borrowed(row, self._library.snapshot.catalog.codes[row])

    @property
    def wanted(self) -> dict[str, str | None]:
        """What is asked for by super-category, in words; None where it is unknown."""
        any_of = {name: " or ".join(values) for name, values in self.state.any_of.items()}
        return {**{name: joined(values) for name, values in self._asked.items()}, **any_of}

    @property
    def _asked(self) -> dict[str, tuple[str, ...]]:
        """The values asked for by super-category, but for equivalent ones; empty where unknown."""
        state, values_of = self.state, self._library.snapshot.catalog.values_of
        return {
            **self.values,
            **{name: values_of(item.row)[name] for name, item in state.borrowed.items()},
            **{name: (value,) for name, value in state.values.items()},
        }

    @property
    def _filters(self) -> dict[str, tuple[str, ...]]:
        """The labels that a result must have."""
        names, asked = sorted(self.state.exact - set(self.state.any_of)), self._asked
        return {name: values for name in names if (values := asked.get(name))}

    def request(self) -> Request:
        """Return the search request.

        Raises:
            IndexStaleError: The index lacks an item from which a value is borrowed.
        """
        state, query_of = self.state, self._library.snapshot.query_of
        return Request(
            changes=state.values,
            taken={name: query_of(item.row) for name, item in state.borrowed.items()},
            where={**state.filters.where, **self._filters},
            any_of=state.any_of,
            weights=dict(state.weights),
            others=state.conditions,
            match=state.filters.match,
            split=state.filters.split,
            unlike={name: (query_of(item.row),) for name, item in state.unlike.items()},
            liked=state.liked,
            disliked=state.disliked,
            max_distance=state.max_distance,
            ranking=None if state.needs_distance else state.ranking,
            within=state.within,
            k=self._library.num_substitutes,
            offset=self.offset,
        )

    @property
    def offset(self) -> int | None:
        """Results before the page that is shown; None until there was another page."""
        visit, state, offset = self._page
        return offset if (visit, state) == (self.visit, self.state) else None

    def turn(self, step: int) -> bool:
        """Show the next page of results or the one before; return whether there is one."""
        number, offset = self._library.num_substitutes, self.offset or 0
        is_last = self.results is None or len(self.results.substitutes) < number
        if (step > 0 and is_last) or offset + step * number < 0:
            return False
        self.settle()
        self._page = self.visit, self.state, offset + step * number
        self.visit.cursor = 0
        return True

    def accept(self, query: Query, found: Found) -> Results | None:
        """Return what was found as the results to be shown; None if it is outdated."""
        plan, substitutes, matching = found
        if query is not self.visit.query or plan.request != self.request():
            return None
        wanted, predicted = self.wanted, self.predicted
        self.results = Results(
            query=query,
            plan=plan,
            substitutes=substitutes,
            matching=matching,
            wanted=wanted,
            unknown={name: it for name, it in predicted.items() if wanted.get(name) is None},
        )
        return self.results

    # ── changes ──────────────────────────────────────────────────────────────

    def propose(self, name: str, change: Change | None) -> None:
        """Change a super-category, None for no change; it becomes a step once it is settled.

        Raises:
            ConfigError: No super-category would tell items apart.
        """
        history = self.visit.history
        before = history.settled_state
        if before.changes_unlike(self.state) - {name}:
            before = self.state  # the proposal was made in another picker
        state = before.changed(name, change)
        self._check_weights(state)
        if before is self.state:
            self.settle()
        history.propose(state)
        self.visit.cursor = 0

    def settle(self) -> None:
        """Turn the proposal into a step."""
        if self.visit.history.settle():
            self.log("change")

    def set_within(self, step: int) -> None:
        """Use prototypes within the next super-category; after the last, generic ones."""
        names = [None, *(it.name for it in self._library.snapshot.catalog.super_categories)]
        within = names[(names.index(self.state.within) + step) % len(names)]
        self._step("within", replace(self.state, within=within))

    def toggle_exact(self, name: str) -> None:
        """Accept only results with the wanted label, or any again.

        Raises:
            ConfigError: There is no such label.
        """
        if name in self.state.any_of:
            raise ConfigError("Only items with one of these labels are shown.")
        if name not in self.state.exact and self.wanted.get(name) is None:
            raise ConfigError(f"There is no {name} label to match.")
        self._step("exact", replace(self.state, exact=self.state.exact ^ {name}))

    def exclude(self, name: str, value: str) -> None:
        """Leave out results with a value, or no longer; it is then no wanted value."""
        history = self.visit.history
        if history.settled_state.changes_unlike(self.state) - {name}:
            self.settle()
        before = history.settled_state
        state = replace(self.state, excluded=before.excluded, filters=before.filters)
        history.propose(state.without(name, value))
        self._log_step("not", history.settle())

    def keep_away(self, name: str) -> None:
        """Keep away from the value of the marked item, or no longer.

        Raises:
            ConfigError: No item is marked.
        """
        if (item := self.marked) is None:
            raise ConfigError("Mark an item first: results keep away from its value.")
        if name in self.state.any_of:
            raise ConfigError("“Any of” has no direction to keep away from.")
        self._step("unlike", self.state.away_from(name, item))

    def rate(self, row: int, *, is_liked: bool) -> None:
        """Ask for more or for less like a result; the same again removes the mark.

        Raises:
            ConfigError: The index has no weights.
        """
        if self.searcher.is_entangled:
            raise ConfigError("This index compares all super-categories as one; none has a weight.")
        self._step("liked" if is_liked else "disliked", self.state.rated(row, is_liked=is_liked))

    def limit(self, words: str) -> None:
        """Show results up to a distance; see ``QueryState.limited``."""
        self._step("limit", self.state.limited(words))

    def rank_otherwise(self) -> None:
        """Rank by match scores or by distance; see ``QueryState.ranked_otherwise``."""
        self._step("ranking", self.state.ranked_otherwise(self.searcher.generation))

    def weigh(self, name: str, step: int) -> None:
        """Give a super-category the next higher or lower weight.

        Raises:
            ConfigError: It cannot have that weight.
        """
        if self.searcher.is_entangled:
            raise ConfigError("This index compares all super-categories as one; none has a weight.")
        current = self.state.weights.get(name, 1.0)
        beyond = [weight for weight in WEIGHTS if (weight - current) * step > 0]
        if not beyond:
            limit = f"Maximum is ×{WEIGHTS[-1]:g}." if step > 0 else f"Minimum is ×{WEIGHTS[0]:g}."
            raise ConfigError(limit)
        if name in self.state.any_of:
            raise ConfigError("Weights don't apply to “any of”.")
        state = self.state.weighted(name, min(beyond) if step > 0 else max(beyond))
        self._check_weights(state)
        self._step("weight", state)

    def _check_weights(self, state: QueryState) -> None:
        weights = {**dict.fromkeys(self.searcher.names, 1.0), **state.weights}
        counted = [weight for name, weight in weights.items() if name not in state.any_of]
        if not self.searcher.is_entangled and not any(counted):
            raise ConfigError("At least one weight must be above 0.")

    def drop(self, without: QueryState) -> None:
        """Ask no longer for what a chip says."""
        self._step("drop", without)

    def undo(self) -> bool:
        """Undo the last change; return whether there was one."""
        self.settle()
        return self._log_step("undo", self.visit.history.undo())

    def redo(self) -> bool:
        """Redo the last undone change; return whether there was one."""
        self.settle()
        return self._log_step("redo", self.visit.history.redo())

    def clear(self) -> bool:
        """Drop all changes; without any, everything else. Return whether there was something.

        Weights and exact labels often serve several changes, so they go last.
        """
        self.settle()
        state = QueryState() if not self.state.changes else replace(self.state, changes={})
        return self._log_step("clear", self.visit.history.step(state))

    def _step(self, action: str, state: QueryState) -> None:
        self.settle()
        self._log_step(action, self.visit.history.step(state))

    def _log_step(self, action: str, is_done: bool) -> bool:
        if is_done:
            self.visit.cursor = 0
            self.log(action)
        return is_done

    # ── the trail ────────────────────────────────────────────────────────────

    def follow(self, query: Query) -> None:
        """Go on to a result, with the same weights, kind of prototypes and conditions."""
        self.enter(Visit(query, History([self.state.lasting])))

    def enter(self, visit: Visit) -> None:
        """Go on to another query."""
        self.settle()
        self.trail.append(visit)
        self.log("query")

    def back(self) -> bool:
        """Go back to the query before; return whether there is one."""
        self.settle()
        if len(self.trail) == 1:
            return False
        self.trail.pop()
        self.log("back")
        return True

    def renew(self, queries: Sequence[Query | None], row_map: RowMap) -> bool:
        """Switch to a later catalog, with the queries' later forms; None for those that are gone.

        Returns:
            Whether any query is left. The first stays in any case, not to be shown.
        """
        self.results = None
        left = [(it, query) for it, query in zip(self.trail, queries, strict=True) if query]
        for visit, query in left:
            visit.query = query
            visit.history.map(lambda state: state.remapped(row_map, row_map.super_categories))
        self.trail = [visit for visit, _ in left] or self.trail[:1]
        return bool(left)

    def log(self, action: str) -> None:
        """Add a step to the session that leads to the current state."""
        self._session.add(action, self.facts)

    @property
    def facts(self) -> dict[str, Any]:
        """The trail and what is asked of its last query, as a step of a session keeps it."""
        *before, visit = self.trail
        state, codes = self.state, self._library.snapshot.catalog.codes
        filters = {**state.filters.where, **self._filters}
        return {
            "item": "" if visit.query.row is None else self._subject(visit),
            "items": [codes[row] for row in visit.query.members],
            "picture": None if visit.picture is None else str(visit.picture),
            "trail": [[self._subject(earlier), earlier.cursor] for earlier in before],
            "changes": state.values,
            "taken": {name: item.code for name, item in state.borrowed.items()},
            "any_of": {name: list(values) for name, values in state.any_of.items()},
            "within": state.within,
            "where": {name: list(values) for name, values in filters.items()},
            "exact": sorted(state.exact),
            "conditions": list(map(str, state.filters.others)),
            "match": state.filters.match,
            "split": state.filters.split,
            "weights": dict(state.weights),
            "excluded": {name: list(values) for name, values in state.excluded.items()},
            "unlike": {name: [item.code] for name, item in state.unlike.items()},
            "liked": [codes[row] for row in state.liked],
            "disliked": [codes[row] for row in state.disliked],
            "max_distance": state.max_distance,
            "ranking": state.ranking,
            "k": self._library.num_substitutes,
        }

    def _subject(self, visit: Visit) -> str:
        """Return the name of a query in a session: its items' codes, or a picture's path."""
        codes = self._library.snapshot.catalog.codes
        return subject_of([codes[row] for row in visit.query.rows]) or str(visit.picture)
