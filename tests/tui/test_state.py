"""The search state: changes, weights, filters, results and the log, without an app."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.calibration import Calibration
from datrnet.core.retrieval.match import MatchModel
from datrnet.core.retrieval.request import Request
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.match_words import match_of
from datrnet.tui.query_state import Borrowed, History, QueryState
from datrnet.tui.snapshot import Library, Snapshot
from datrnet.tui.state import Results, Search, Visit, find


class Explored:
    """A search, its log, and what a screen would show of it."""

    def __init__(self, library: Library, row: int = 0) -> None:
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self.library = library
        self.search = Search(library, cast(SessionLog, self), [])
        self.open(row)

    def add(self, action: str, request: dict[str, Any]) -> None:
        """Stand in for the session log."""
        self.steps.append((action, request))

    def open(self, row: int) -> None:
        self.search.trail = [Visit(self.library.snapshot.query_of(row))]
        self.search.log("query")

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.steps]

    @property
    def results(self) -> Results:
        """What the search finds now."""
        search, query = self.search, self.search.visit.query
        results = search.accept(query, find(search.searcher, query, search.request()))
        assert results is not None
        return results

    @property
    def codes(self) -> list[str]:
        return [result.code for result in self.results.substitutes]

    def labels(self, name: str, first: int = 99) -> list[str | None]:
        return [result.labels[name] for result in self.results.substitutes[:first]]


@pytest.fixture
def library(workspace: Workspace) -> Iterator[Library]:
    with workspace.open_store() as store:
        library = Library(workspace, store, Catalog.load(store), 60)
        yield library
        library.thumbnails.close()


@pytest.fixture
def explored(library: Library) -> Explored:
    return Explored(library)


def test_weights_go_up_and_down_to_their_ends(explored: Explored) -> None:
    search = explored.search
    for weight in (2.0, 4.0):
        search.weigh("colour", 1)
        assert search.state.weights == {"colour": weight}
    with pytest.raises(ConfigError, match="Maximum is ×4"):
        search.weigh("colour", 1)
    for _ in range(2):
        search.weigh("colour", -1)
    assert search.state == QueryState()  # a weight of 1 is none
    for _ in range(3):
        search.weigh("colour", -1)
    with pytest.raises(ConfigError, match="Minimum is ×0"):
        search.weigh("colour", -1)
    for step, weight in ((1, 4.0), (-1, 2.0)):
        search.visit.history = History([QueryState(weights={"colour": 3.0})])
        search.weigh("colour", step)
        assert search.state.weights == {"colour": weight}


def test_weights_do_not_apply_to_any_of(explored: Explored) -> None:
    explored.search.propose("colour", ("red",))
    with pytest.raises(ConfigError, match="don't apply"):
        explored.search.weigh("colour", 1)


def test_one_weight_stays_above_0(explored: Explored) -> None:
    search = explored.search
    weights = {"colour": 0.0, "garment": 0.0, "season": 0.25}
    search.visit.history = History([QueryState(weights=weights)])
    with pytest.raises(ConfigError, match="At least one weight"):
        search.weigh("season", -1)
    with pytest.raises(ConfigError, match="At least one weight"):
        search.propose("season", ("summer",))
    assert search.state.changes == {}


def test_a_super_category_counts_more_or_less(explored: Explored) -> None:
    search, as_it_is = explored.search, explored.codes
    for _ in range(3):
        search.weigh("colour", -1)
    assert search.state.weights == {"colour": 0.0}
    request = Request(weights={"colour": 0.0}, k=60)
    found = search.searcher.substitutes(search.visit.query, request)
    assert explored.codes == [result.code for result in found] != as_it_is
    for _ in range(4):
        search.weigh("colour", 1)
    assert search.state.weights == {"colour": 2.0}
    search.undo()
    assert explored.codes == as_it_is
    search.redo()
    search.follow(search.snapshot.query_of(5))
    assert search.state.weights == {"colour": 2.0}  # it holds for the next query too
    assert not search.visit.history.can_undo


def test_a_request_is_derived_from_the_state(explored: Explored) -> None:
    search, catalog = explored.search, explored.library.snapshot.catalog
    state = QueryState(
        changes={"colour": "red", "garment": Borrowed(9, catalog.codes[9])},
        exact=frozenset({"colour", "garment"}),
        weights={"season": 2.0},
        within="season",
    )
    explored.open(3)
    search.enter(Visit(search.snapshot.query_of(1), History([state])))
    request, garment = search.request(), catalog.labels_of(9)["garment"]
    assert request.changes == {"colour": "red"}
    assert request.taken == {"garment": search.snapshot.query_of(9)}
    assert request.where == {"colour": ("red",), "garment": (garment,)}
    assert (request.weights, request.within, request.k) == ({"season": 2.0}, "season", 60)
    assert search.request() == request
    _, entry = explored.steps[-1]
    assert entry["item"] == catalog.codes[1]
    assert entry["trail"] == [[catalog.codes[3], 0]]
    assert (entry["changes"], entry["taken"]) == ({"colour": "red"}, {"garment": catalog.codes[9]})


def test_any_of_shows_only_these_even_with_exact_labels(explored: Explored) -> None:
    search = explored.search
    search.toggle_exact("colour")
    search.propose("colour", ("green", "blue"))
    request = search.request()
    assert request.where == {}
    assert request.any_of == {"colour": ("green", "blue")}
    assert set(explored.labels("colour")) == {"green", "blue"}
    with pytest.raises(ConfigError, match="Only items with one of these labels"):
        search.toggle_exact("colour")
    search.settle()
    assert explored.steps[-1][1]["any_of"] == {"colour": ["green", "blue"]}
    search.undo()
    assert set(explored.labels("colour")) == {"black"}
    search.redo()
    assert set(explored.labels("colour")) == {"green", "blue"}


def test_a_value_is_kept_exactly(explored: Explored) -> None:
    search, as_it_is = explored.search, explored.codes
    search.toggle_exact("colour")
    assert explored.labels("colour") == ["black"] * 11
    search.propose("colour", "blue")  # what is wanted now is what must be carried
    assert set(explored.labels("colour")) == {"blue"}
    search.undo()
    search.undo()
    assert explored.codes == as_it_is
    search.redo()
    search.toggle_exact("colour")
    assert explored.codes == as_it_is
    with pytest.raises(ConfigError, match="no season label"):
        search.toggle_exact("season")


def test_undo_and_redo_of_changes(explored: Explored) -> None:
    search, shown = explored.search, [explored.codes]
    for colour in ("blue", "green"):
        search.propose("colour", colour)
        search.settle()
        shown.append(explored.codes)
    for step, position in (("undo", 1), ("undo", 0), ("redo", 1), ("redo", 2), ("clear", 0)):
        assert getattr(search, step)()
        assert explored.codes == shown[position]
    assert search.undo()
    assert explored.codes == shown[2]
    assert not search.redo() or explored.codes == shown[0]


def test_a_value_that_was_only_passed_is_no_step(explored: Explored) -> None:
    for colour in ("blue", "green", "red"):
        explored.search.propose("colour", colour)
    assert explored.search.undo()
    assert explored.search.state == QueryState()
    assert explored.actions == ["query", "change", "undo"]


def test_changes_in_two_pickers_are_two_steps_however_quick(explored: Explored) -> None:
    search = explored.search
    for name, value in (("garment", "shirt"), ("garment", "skirt"), ("colour", "blue")):
        search.propose(name, value)
    assert search.state.changes == {"garment": "skirt", "colour": "blue"}
    search.undo()
    assert search.state.changes == {"garment": "skirt"}
    search.undo()
    assert search.state.changes == {}
    assert explored.actions == ["query", "change", "change", "undo", "undo"]


def test_moves_in_one_picker_go_on_with_a_proposal(explored: Explored) -> None:
    search = explored.search
    search.propose("colour", "red")
    search.propose("colour", None)
    search.propose("season", "summer")
    search.propose("colour", "blue")
    search.settle()
    assert explored.actions == ["query", "change", "change"]
    assert search.undo()
    assert search.state.changes == {"season": "summer"}


def test_prototypes_stay_within_a_super_category(
    explored: Explored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.core.retrieval.prototypes.MIN_SPECIFIC", 4)  # the shop is small
    search = explored.search
    search.propose("colour", "blue")
    generic = explored.results
    assert generic.plan.prototypes["colour"].source == "12 items"
    search.set_within(1)
    assert explored.results.plan.prototypes["colour"].source == "4 items among dress"
    request = Request(changes={"colour": "blue"}, within="garment", k=60)
    expected = search.searcher.substitutes(search.visit.query, request)
    assert explored.results.substitutes == expected != generic.substitutes


def test_a_generic_prototype_within_a_super_category_says_why(explored: Explored) -> None:
    explored.search.propose("colour", "blue")
    for reason in ("only 4 among dress", "colour itself changes", "the query has no season"):
        explored.search.set_within(1)
        source = explored.results.plan.prototypes["colour"].source
        assert source == f"12 items ({reason})"
    explored.search.set_within(1)
    assert explored.results.plan.prototypes["colour"].source == "12 items"


def test_the_prototypes_go_round_and_are_undone_and_remembered(explored: Explored) -> None:
    search, seen = explored.search, []
    search.propose("colour", "blue")
    for step in (1, 1, 1, 1, -1):
        search.set_within(step)
        seen.append(search.state.within)
    for step_back in (search.undo, search.undo, search.redo, search.clear):
        step_back()
        seen.append(search.state.within)
    assert seen == ["garment", "colour", "season", None, "season", None, "season", None, None]
    assert explored.steps[2][0] == "within"
    assert explored.steps[2][1]["within"] == "garment"
    search.set_within(1)
    search.follow(search.snapshot.query_of(5))
    assert search.state.within == "garment"


def test_every_step_is_logged(explored: Explored) -> None:
    search = explored.search
    search.propose("colour", "blue")
    search.undo()
    search.redo()
    search.follow(search.snapshot.query_of(5))
    assert search.back()
    search.clear()
    assert not search.back()
    expected = ["query", "change", "undo", "redo", "query", "back", "clear"]
    assert explored.actions == expected
    assert explored.steps[0][1] == {
        "item": "P-000",
        "items": [],
        "picture": None,
        "trail": [],
        "changes": {},
        "taken": {},
        "any_of": {},
        "within": None,
        "where": {},
        "exact": [],
        "conditions": [],
        "match": "any",
        "split": None,
        "weights": {},
        "excluded": {},
        "unlike": {},
        "liked": [],
        "disliked": [],
        "max_distance": None,
        "ranking": None,
        "k": 60,
    }
    assert explored.steps[1][1]["changes"] == {"colour": "blue"}


def test_a_value_is_borrowed_from_the_marked_item(explored: Explored) -> None:
    search, library = explored.search, explored.library
    assert search.marked is None
    library.marked = 3  # a red dress
    assert search.marked == Borrowed(3, "P-003")
    search.propose("colour", search.marked)
    assert explored.labels("colour", 3) == ["red"] * 3
    assert "P-003" in explored.codes[:3]
    assert explored.results.wanted["colour"] == "red"
    search.settle()
    _, request = explored.steps[-1]
    assert (request["taken"], request["changes"]) == ({"colour": "P-003"}, {})
    explored.open(3)
    assert search.marked is None  # the query itself is not offered


def test_results_that_are_outdated_are_not_shown(explored: Explored) -> None:
    search, query = explored.search, explored.search.visit.query
    found = find(search.searcher, query, search.request())
    search.propose("colour", "blue")
    assert search.accept(query, found) is None
    search.undo()
    assert search.accept(query, found) is search.results


def test_matches_are_counted_by_value(explored: Explored) -> None:
    catalog = explored.library.snapshot.catalog
    everything = [catalog.labels_of(row) for row in range(1, catalog.num_items)]

    def number(**wanted: str) -> int:
        return sum(wanted.items() <= labels.items() for labels in everything)

    matching = explored.results.matching  # a black dress without a season
    for colour in ("black", "blue", "green", "red"):
        assert matching["colour"][colour] == number(garment="dress", colour=colour)
    explored.search.propose("garment", "shirt")
    assert explored.results.matching["colour"]["blue"] == number(garment="shirt", colour="blue")


def test_a_later_catalog_drops_what_it_lacks() -> None:
    rows = {4: 2}
    state = QueryState(
        changes={"colour": Borrowed(4, "a"), "garment": Borrowed(5, "b"), "length": "long"},
        within="length",
        exact=frozenset({"length", "colour"}),
        weights={"length": 2.0, "garment": 0.5},
    )
    later = state.remapped(rows.get, {"colour", "garment"})
    assert later == QueryState(
        changes={"colour": Borrowed(2, "a")},
        exact=frozenset({"colour"}),
        weights={"garment": 0.5},
    )


def test_clearing_takes_changes_first_and_the_rest_after(explored: Explored) -> None:
    search = explored.search
    assert not search.clear()
    search.weigh("colour", 1)
    search.set_within(1)
    kept = search.state
    search.propose("colour", "red")
    start = search.state
    assert search.clear()
    assert search.state == kept == replace(start, changes={})
    assert search.clear()
    assert search.state == QueryState()
    assert not search.clear()
    assert search.undo()
    assert search.undo()
    assert search.state == start


def test_an_item_that_is_not_indexed_has_no_query(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        snapshot = Snapshot.of(bare_workspace, store, Catalog.load(store))
        assert snapshot.index_error is not None
        with pytest.raises(type(snapshot.index_error)):
            snapshot.query_of(0)
        assert np.array_equal(snapshot.rows, np.arange(48))


def test_a_value_is_left_out_in_one_step(explored: Explored) -> None:
    search = explored.search
    search.propose("colour", "red")  # the cursor of the picker is on it
    search.exclude("colour", "red")
    assert search.state == QueryState(excluded={"colour": ("red",)})
    assert "red" not in explored.labels("colour")
    assert explored.results.matching["colour"]["red"] == 0
    search.exclude("colour", "blue")
    assert set(explored.labels("colour")) == {"black", "green"}
    search.exclude("colour", "red")
    assert search.state.excluded == {"colour": ("blue",)}
    assert explored.actions == ["query", "not", "not", "not"]
    assert explored.steps[2][1]["excluded"] == {"colour": ["red", "blue"]}
    for _ in range(3):
        assert search.undo()
    assert search.state == QueryState()


def test_marks_weigh_the_super_categories_in_one_step(explored: Explored) -> None:
    search, before = explored.search, explored.codes
    first, second = (result.row for result in explored.results.substitutes[:2])
    search.rate(first, is_liked=True)
    search.rate(second, is_liked=False)
    plan = explored.results.plan
    assert set(plan.feedback) == {"garment", "colour", "season"}
    assert sum(plan.feedback.values()) == pytest.approx(3, rel=1e-4)
    codes = explored.library.snapshot.catalog.codes
    action, request = explored.steps[-1]
    assert (action, request["liked"], request["disliked"]) == (
        "disliked",
        [codes[first]],
        [codes[second]],
    )
    search.rate(second, is_liked=True)  # the other mark replaces it
    assert (search.state.liked, search.state.disliked) == ((first, second), ())
    search.rate(first, is_liked=True)  # the same removes it
    assert search.state.liked == (second,)
    for _ in range(4):
        search.undo()
    assert explored.results.plan.feedback == {}
    assert explored.codes == before


def test_results_keep_away_from_the_marked_item(explored: Explored) -> None:
    search = explored.search
    with pytest.raises(ConfigError, match="Mark an item first"):
        search.keep_away("colour")
    explored.library.marked = 9
    search.keep_away("colour")
    assert explored.results.plan.request.unlike == {"colour": (search.snapshot.query_of(9),)}
    assert explored.steps[-1][1]["unlike"] == {
        "colour": [explored.library.snapshot.catalog.codes[9]]
    }
    search.keep_away("colour")
    assert search.state == QueryState()


def test_pages_follow_each_other_until_something_changes(explored: Explored) -> None:
    search = explored.search
    explored.library.num_substitutes = 60
    whole = explored.codes
    explored.library.num_substitutes = 20
    pages = [explored.codes]
    assert not search.turn(-1)
    while search.turn(1):
        pages.append(explored.codes)
    assert [code for page in pages for code in page] == whole
    assert [len(page) for page in pages] == [20, 20, 7]
    assert search.turn(-1)
    assert explored.codes == pages[1]
    search.weigh("colour", 1)
    assert search.request().offset is None


def test_results_are_at_most_so_far(explored: Explored) -> None:
    search, whole = explored.search, explored.results.substitutes
    limit = (whole[9].distance + whole[10].distance) / 2
    search.limit(f"{limit:.6f}")
    assert explored.codes == [result.code for result in whole[:10]]
    assert explored.steps[-1][0] == "limit"
    for words in ("far", "-1", "nan", "inf"):
        with pytest.raises(ConfigError, match="is no distance"):
            search.limit(words)
    search.limit("0")
    assert search.state == QueryState()


def test_several_items_are_a_query(explored: Explored) -> None:
    search, catalog = explored.search, explored.library.snapshot.catalog
    search.enter(Visit(search.snapshot.query_of_all([3, 5])))
    assert (search.titles[-1], search.visit.source) == ("2 items", 3)
    assert not {catalog.codes[3], catalog.codes[5]} & {*explored.codes}
    request = explored.steps[-1][1]
    assert (request["item"], request["items"]) == ("", [catalog.codes[3], catalog.codes[5]])
    search.follow(search.snapshot.query_of(9))
    assert explored.steps[-1][1]["trail"][-1][0] == f"{catalog.codes[3]} + {catalog.codes[5]}"


def test_match_scores_rank_until_only_distances_can(explored: Explored) -> None:
    search, generation = explored.search, explored.search.searcher.generation
    with pytest.raises(IndexStaleError, match="datrnet index"):
        search.rank_otherwise()
    calibrations = tuple(
        Calibration(temperature=0.5, shares=(1 / len(it.values),) * len(it.values), num_items=9)
        for it in generation.super_categories
    )
    match = MatchModel(calibrations=calibrations, weights=(1.0, 1.0, 1.0))
    generation.manifest = replace(generation.manifest, match=match)
    assert explored.results.plan.match is None
    search.rank_otherwise()
    assert explored.steps[-1][0] == "ranking"
    assert explored.steps[-1][1]["ranking"] == "match"
    found = explored.results.substitutes[0]
    assert explored.results.plan.match is not None
    assert match_of(found) == pytest.approx(np.prod(list(found.matches.values())))
    search.limit("0.9")
    assert explored.results.plan.match is None
    with pytest.raises(ConfigError, match="by distance only"):
        search.rank_otherwise()
    search.limit("0")
    assert explored.results.plan.match is not None
    search.rank_otherwise()
    assert search.state.ranking == "distance"
    assert explored.results.plan.match is None
