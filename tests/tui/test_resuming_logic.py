"""Sessions read again: the trail that is made of their steps, and what is gone since."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.api.shop import Shop
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatabaseError
from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.steps import LAST, Step, replay, steps_of
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.controllers.sessions import CURRENT, read_session, trail_of
from datrnet.tui.query_state import Borrowed, Filters, History, QueryState
from datrnet.tui.snapshot import Library
from datrnet.tui.state import Search, Visit

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("follow"), st.integers(0, 4)),
        st.tuples(st.just("leave"), st.integers(0, 4)),
        st.tuples(st.just("back"), st.just(0)),
        st.tuples(st.just("change"), st.sampled_from("abc")),
        st.tuples(st.just("within"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("weight"), st.sampled_from([0.5, 1.0, 2.0])),
        st.tuples(st.just("undo"), st.just(0)),
        st.tuples(st.just("redo"), st.just(0)),
    ),
    max_size=40,
)


def _query(row: int) -> Query:
    return Query(blocks=np.zeros((1, 1), dtype=np.float32), labels={}, row=row, title="")


class Walk:
    """A walk, and the steps that a session keeps of it."""

    def __init__(self) -> None:
        self.trail = [Visit(_query(0))]
        self.steps: list[Step] = []
        self._record("query")

    def _record(self, action: str) -> None:
        history = self.trail[-1].history
        self.steps.append(
            Step(
                position=len(self.steps) + 1,
                action=action,
                made_at="",
                item=str(self.trail[-1].query.row),
                trail=tuple((str(visit.query.row), visit.cursor) for visit in self.trail[:-1]),
                changes=history.state.values,
                within=history.state.within,
                weights=history.state.weights,
            )
        )

    def move(self, action: str, what: object) -> None:
        """Do one thing as the screen does it."""
        history = self.trail[-1].history
        before = history._states[history._position]
        if action == "follow":
            self.trail[-1].cursor = int(str(what))
            self.trail.append(
                Visit(
                    _query(int(str(what))),
                    History(
                        [QueryState(within=history.state.within, weights=history.state.weights)]
                    ),
                )
            )
            self._record("query")
        elif action == "leave":  # to the catalog, and from there to another item
            self.trail = [Visit(_query(int(str(what))))]
            self._record("query")
        elif action == "back" and len(self.trail) > 1:
            self.trail.pop()
            self._record("back")
        elif action == "change":
            history.propose(history.state.changed("colour", str(what)))
            if history.settle():
                self._record("change")
        elif action == "within":
            history.step(replace(history.state, within=str(what)))
        elif action == "weight":
            history.step(history.state.weighted("colour", float(str(what))))
        elif action in ("undo", "redo") and getattr(history, action)():
            self._record(action)
        if action in ("within", "weight") and history._states[history._position] != before:
            self._record(action)


@given(MOVES)
def test_the_steps_tell_the_whole_trail(moves: list[tuple[str, object]]) -> None:
    walk = Walk()
    for action, what in moves:
        walk.move(action, what)
    pasts = trail_of(walk.steps)
    assert [past.subject for past in pasts] == [str(visit.query.row) for visit in walk.trail]
    assert [past.cursor for past in pasts[:-1]] == [visit.cursor for visit in walk.trail[:-1]]
    for past, visit in zip(pasts, walk.trail, strict=True):
        now = past.states[past.position]
        history = visit.history
        assert (now.changes, now.within, now.weights) == (
            history.state.values,
            history.state.within,
            history.state.weights,
        )
        assert past.position == history._position
        assert len(past.states) == len(history._states)


@pytest.fixture
def library(workspace: Workspace) -> Iterator[Library]:
    with workspace.open_store() as store:
        library = Library(workspace, store, Catalog.load(store), 60)
        yield library
        library.thumbnails.close()


@pytest.fixture
def log(library: Library) -> Iterator[SessionLog]:
    log = SessionLog(library.store, lambda error: None)
    yield log
    log.close()


def search_from(library: Library, log: SessionLog, row: int) -> Search:
    """Go from the catalog to the substitutes of an item."""
    search = Search(library, log, [Visit(library.snapshot.query_of(row))])
    search.log("query")
    return search


def facts(trail: Sequence[Visit]) -> list[tuple[Any, ...]]:
    """What there is to come back to of each query on a trail."""
    return [
        (
            visit.query.row,
            visit.cursor,
            visit.history.state,
            visit.history.can_undo,
            visit.history.can_redo,
        )
        for visit in trail
    ]


def saved(library: Library, *steps: tuple[str, dict[str, Any]]) -> None:
    session = library.store.start_session("old")
    for action, request in steps:
        library.store.add_step(session, action, json.dumps(request))


def test_a_session_goes_on_where_it_was_left(library: Library, log: SessionLog) -> None:
    search, query_of = search_from(library, log, 1), library.snapshot.query_of
    search.propose("garment", "shirt")
    search.visit.cursor = 3
    search.follow(query_of(9))
    search.propose("garment", "skirt")
    search.weigh("garment", 1)
    search.toggle_exact("garment")
    search.set_within(1)
    search.visit.cursor = 1
    search.follow(query_of(20))
    for value in ("shirt", "dress"):
        search.propose("garment", value)
        search.settle()
    search.undo()
    search.visit.cursor = 2
    log.set_position(2)
    log.shortlist.toggle("P-007")
    left = facts(search.trail)
    assert (len(left), left[-1][-1]) == (3, True)
    assert log.wait_until_written(60)
    tomorrow = SessionLog(library.store, lambda error: None)
    again = read_session(library.snapshot, tomorrow, LAST)
    assert facts(again.trail) == left
    assert (again.shortlist, again.missing) == (["P-007"], ())
    assert again.words.startswith("Resumed P-001 · ")
    tomorrow.resume(again.row, again.shortlist, has_steps=True)
    search = Search(library, tomorrow, again.trail)
    search.redo()
    search.undo()
    search.back()
    assert search.visit.query.row == 9
    tomorrow.close()
    (session,) = library.store.sessions()  # the same one has gone on
    actions = [step.action for step in library.store.steps(session.id)]
    assert actions[-3:] == ["redo", "undo", "back"]


def test_nots_marks_and_several_items_come_back_and_are_replayed(
    library: Library, log: SessionLog
) -> None:
    search = Search(library, log, [Visit(library.snapshot.query_of_all([1, 4, 9]))])
    search.log("query")
    library.marked = 20
    search.exclude("colour", "red")
    search.limit("9.5")
    search.keep_away("season")
    for row, is_liked in ((5, True), (6, False)):
        search.rate(row, is_liked=is_liked)
    search.undo()
    left, query = search.state, search.visit.query
    assert log.wait_until_written(60)
    again = read_session(library.snapshot, log, CURRENT)
    (visit,) = again.trail
    assert (again.missing, visit.query.members) == ((), (1, 4, 9))
    asked = QueryState(
        excluded={"colour": ("red",)},
        unlike={"season": Borrowed(20, "P-020")},
        liked=(5,),
        max_distance=9.5,
    )
    assert visit.history.state == left == asked
    visit.history.redo()
    assert visit.history.state.disliked == (6,)
    steps = steps_of(library.store, again.row)
    assert (
        steps[-1].words == "colour not red, season unlike P-020, at most 9.5 away, more like P-005"
    )
    assert steps[-1].subject == "P-001 + P-004 + P-009"
    (*_, replayed) = replay(library.workspace, search.searcher, steps, 60)
    found = search.searcher.substitutes(query, search.request())
    assert [it.code for it in replayed.substitutes] == [it.code for it in found]
    assert "red" not in {it.labels["colour"] for it in found}


def test_what_is_gone_of_marks_and_nots_is_named(library: Library, log: SessionLog) -> None:
    asked = {
        "items": ["P-001", "gone", "P-004"],
        "excluded": {"colour": ["teal", "red"], "fit": ["slim"]},
        "unlike": {"colour": ["gone-2"]},
        "liked": ["P-005", "gone-3"],
    }
    saved(library, ("query", {"item": "", "trail": [], **asked}))
    again = read_session(library.snapshot, log, LAST)
    (visit,) = again.trail
    assert visit.query.members == (1, 4)
    assert visit.history.state == QueryState(excluded={"colour": ("red",)}, liked=(5,))
    gone = " ".join(again.missing)
    for word in ("item gone", "colour teal", "fit slim", "item gone-2, from", "item gone-3, which"):
        assert word in gone


def test_a_saved_search_keeps_its_filters_and_tells_what_is_new(
    library: Library, log: SessionLog
) -> None:
    shop = Shop(library.workspace)
    asked: Any = {"set": {"Garment": "SHIRT"}, "weight": {"COLOUR": 2}, "match": "all"}
    answer = shop.search("P-001", where=["Colour=RED", "garment!=Skirt"], k=60, **asked)
    replace(answer, substitutes=answer.substitutes[2:]).save("Red ones")
    again = read_session(library.snapshot, log, "red ones")
    (visit,) = again.trail
    assert visit.history.state == QueryState(
        {"garment": "shirt"},
        weights={"colour": 2.0},
        excluded={"garment": ("skirt",)},
        filters=Filters({"colour": ("red",)}, match="all"),
    )
    search = Search(library, log, again.trail)
    found = search.searcher.substitutes(visit.query, search.request())
    assert [it.code for it in found] == list(answer.ids)
    assert again.missing == ()
    assert f": {answer.ids[0]}, {answer.ids[1]}" in again.words
    assert again.words.startswith("Resumed Red ones. New since 20")
    assert read_session(library.snapshot, log, "red ones").words.endswith(": nothing")
    search.limit("0.9")  # logged with the filters, which an undo and a clear can take back
    step = search.facts
    assert (step["where"], step["exact"], step["match"]) == ({"colour": ["red"]}, [], "all")
    assert search.clear()
    assert search.clear()
    assert search.state.filters == Filters()
    assert shop.search_saved("red ones").new == ()


def test_a_saved_search_tells_what_is_new_without_a_liked_item_that_is_gone(
    library: Library, log: SessionLog
) -> None:
    asked = {"where": {"colour": ["red"]}, "exact": ["colour"], "liked": ["gone"], "found": []}
    saved(library, ("saved", {"item": "P-001", "changes": {"colour": "red"}, "k": 2, **asked}))
    for news in ("New since", ": nothing"):
        again = read_session(library.snapshot, log, LAST)
        assert "item gone, which was marked. New since" in again.words
        assert news in again.words
        (visit,) = again.trail
        assert visit.history.state == QueryState({"colour": "red"}, exact=frozenset({"colour"}))


def test_a_fresh_query_from_the_catalog_begins_a_fresh_trail(
    library: Library, log: SessionLog
) -> None:
    for row in (0, 1):
        search_from(library, log, row)
    assert [visit.query.row for visit in read_session(library.snapshot, log, CURRENT).trail] == [1]


def test_a_session_is_chosen_by_its_number(library: Library, log: SessionLog) -> None:
    for code in ("P-003", "P-005"):
        saved(library, ("query", {"item": code}))
    (visit,) = read_session(library.snapshot, log, "1").trail
    assert visit.query.row == 3  # a step of an older version, without a trail


def test_what_is_gone_is_named_and_left_out(library: Library, log: SessionLog) -> None:
    request = {
        "item": "P-002",
        "trail": [["P-900", 3]],
        "changes": {"colour": "teal", "garment": "shirt", "season": "winter"},
        "taken": {"fabric": "P-001"},
        "within": "fit",
        "where": {"length": ["long"]},
        "weights": {"collar": 2.0},
    }
    saved(
        library,
        ("query", {"item": "P-900", "trail": []}),
        ("query", {"item": "P-002", "trail": [["P-900", 3]]}),
        ("change", request),
    )
    again = read_session(library.snapshot, log, LAST)
    (visit,) = again.trail
    assert visit.query.row == 2
    assert visit.history.state == QueryState({"garment": "shirt"})
    for word in ("No longer available", "item P-900", "colour teal", " and "):
        assert word in again.words


def test_a_session_whose_items_are_all_gone_has_no_trail(library: Library, log: SessionLog) -> None:
    saved(library, ("query", {"item": "gone", "trail": []}))
    again = read_session(library.snapshot, log, LAST)
    assert (again.trail, again.missing) == ((), ("item gone",))


def test_any_of_several_values_and_pictures_on_disk_come_back_as_far_as_they_are_there(
    library: Library, log: SessionLog
) -> None:
    any_of = {"colour": ["blue", "teal", "red"]}
    picture = {"item": "", "picture": "/nowhere/one.png", "trail": [["P-002", 4]]}
    saved(
        library,
        ("query", {"item": "P-002", "trail": []}),
        ("change", {"item": "P-002", "any_of": any_of, "trail": []}),
        ("query", picture),
    )
    again = read_session(library.snapshot, log, LAST)
    (visit,) = again.trail
    assert visit.history.state.any_of == {"colour": ("blue", "red")}
    assert visit.cursor == 4
    assert visit.history.can_undo
    assert again.missing == ("colour teal", "picture /nowhere/one.png")


def test_a_session_that_cannot_be_read_says_why(library: Library, log: SessionLog) -> None:
    with pytest.raises(ConfigError, match="There is no session yet"):
        read_session(library.snapshot, log, LAST)
    saved(library, ("query", {"item": 1, "trail": 3}))
    with pytest.raises(DatabaseError, match="is damaged"):
        read_session(library.snapshot, log, LAST)
