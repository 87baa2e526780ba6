"""The search state: weights, filters, requests and log entries, without an app."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.state import (
    AnyOf,
    Borrowed,
    History,
    QueryState,
    Visit,
    is_anything_weighted,
    log_entry,
    weighed,
)


@pytest.fixture
def snapshot(workspace: Workspace) -> Iterator[Snapshot]:
    with workspace.open_store() as store:
        yield Snapshot.of(workspace, store, Catalog.load(store))


def visit_with(snapshot: Snapshot, state: QueryState, row: int = 1) -> Visit:
    return Visit(snapshot.query_of(row), History([state]))


def test_weights_go_up_and_down_to_their_ends(snapshot: Snapshot) -> None:
    searcher, state = snapshot.searcher, QueryState()
    assert searcher is not None
    for weight in (2.0, 4.0):
        state = weighed(state, "colour", 1, searcher)
        assert state.weights == {"colour": weight}
    with pytest.raises(ConfigError, match="Maximum is ×4"):
        weighed(state, "colour", 1, searcher)
    for _ in range(2):
        state = weighed(state, "colour", -1, searcher)
    assert state == QueryState()  # a weight of 1 is none
    zero = QueryState(weights={"colour": 0.0})
    with pytest.raises(ConfigError, match="Minimum is ×0"):
        weighed(zero, "colour", -1, searcher)
    between = QueryState(weights={"colour": 3.0})
    assert weighed(between, "colour", 1, searcher).weights == {"colour": 4.0}
    assert weighed(between, "colour", -1, searcher).weights == {"colour": 2.0}


def test_weights_do_not_apply_to_any_of(snapshot: Snapshot) -> None:
    assert snapshot.searcher is not None
    state = QueryState(changes={"colour": AnyOf(("red",))})
    with pytest.raises(ConfigError, match="don't apply"):
        weighed(state, "colour", 1, snapshot.searcher)


def test_one_weight_stays_above_0(snapshot: Snapshot) -> None:
    searcher = snapshot.searcher
    assert searcher is not None
    state = QueryState(weights={"colour": 0.0, "garment": 0.0, "season": 0.25})
    assert is_anything_weighted(state, searcher)
    with pytest.raises(ConfigError, match="At least one weight"):
        weighed(state, "season", -1, searcher)
    assert not is_anything_weighted(state.changed("season", AnyOf(("summer",))), searcher)


def test_a_request_is_derived_from_the_state(snapshot: Snapshot) -> None:
    catalog = snapshot.catalog
    state = QueryState(
        changes={"colour": "red", "garment": Borrowed(9, catalog.codes[9])},
        exact=frozenset({"colour", "garment"}),
        weights={"season": 2.0},
        within="season",
    )
    visit = visit_with(snapshot, state)
    request = visit.request(snapshot, 7)
    garment = catalog.labels_of(9)["garment"]
    assert request.changes == {"colour": "red"}
    assert request.taken == {"garment": snapshot.query_of(9)}
    assert request.where == {"colour": ("red",), "garment": (garment,)}
    assert (request.weights, request.within, request.k) == ({"season": 2.0}, "season", 7)
    assert visit.request(snapshot, 7) == request
    entry = log_entry([visit_with(snapshot, QueryState(), row=3), visit], snapshot, 7)
    assert entry["item"] == catalog.codes[1]
    assert entry["trail"] == [[catalog.codes[3], 0]]
    assert (entry["changes"], entry["taken"]) == ({"colour": "red"}, {"garment": catalog.codes[9]})


def test_exact_labels_give_way_to_any_of(snapshot: Snapshot) -> None:
    state = QueryState(changes={"colour": AnyOf(("red", "blue"))}, exact=frozenset({"colour"}))
    request = visit_with(snapshot, state).request(snapshot, 30)
    assert request.where == {}
    assert request.any_of == {"colour": ("red", "blue")}


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


def test_clearing_takes_changes_first_and_the_rest_after() -> None:
    start = QueryState(changes={"colour": "red"}, within="season", weights={"colour": 2.0})
    history = History([start])
    assert history.clear()
    assert history.state == replace(start, changes={})
    assert history.clear()
    assert history.state == QueryState()
    assert not history.clear()
    assert history.undo()
    assert history.undo()
    assert history.state == start


def test_an_item_that_is_not_indexed_has_no_query(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        snapshot = Snapshot.of(bare_workspace, store, Catalog.load(store))
        assert snapshot.index_error is not None
        with pytest.raises(type(snapshot.index_error)):
            snapshot.query_of(0)
        assert np.array_equal(snapshot.rows, np.arange(48))
