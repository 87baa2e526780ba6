"""Saved searches ask for the same again."""

import numpy as np
import pytest

from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.saved_search import record_run, save_search, saved_search, search_facts
from datrnet.core.sessions.steps import session_of


def test_a_saved_search_asks_for_the_same(workspace: Workspace, searcher: Searcher) -> None:
    request = Request(
        changes={"colour": "black"},
        taken={"sleeve": searcher.query_of_item(4)},
        where={"colour": ("black", "blue")},
        others=(Condition("colour", "!=", "red"),),
        weights={"sleeve": 2.0},
        unlike={"colour": (searcher.query_of_item(5), searcher.query_of_item(6))},
        liked=(7,),
        disliked=(8, 9),
        k=6,
        max_distance=3.5,
        split="test",
        match="all",
        within="sleeve",
    )
    query = searcher.query_of_items([1, 2])
    facts = search_facts(searcher.catalog, query, request)
    with workspace.open_store() as store:
        save_search(store, "Black ones", facts, ["S001"])
        step = saved_search(store, "black ONES").step
    assert (step.items, step.found) == (("S001", "S002"), ("S001",))
    again = step.request(searcher, step.k or 0)
    for name in ("changes", "where", "others", "weights", "liked", "disliked", "k", "within"):
        assert getattr(again, name) == getattr(request, name)
    for name in ("max_distance", "split", "match", "any_of", "offset"):
        assert getattr(again, name) == getattr(request, name)
    assert [it.row for it in again.unlike["colour"]] == [5, 6]
    assert again.taken["sleeve"].row == 4


def test_only_saved_searches_are_run_again(workspace: Workspace, searcher: Searcher) -> None:
    facts = search_facts(searcher.catalog, searcher.query_of_item(1), Request())
    with workspace.open_store() as store:
        store.add_step(store.start_session("Plain"), "query", '{"item": "S001"}')
        for call in (
            lambda: saved_search(store, "plain"),
            lambda: save_search(store, "plain", facts, []),
        ):
            with pytest.raises(ConfigError, match="The session Plain is no saved search"):
                call()
        with pytest.raises(ConfigError, match="no name of a search"):
            save_search(store, "17", facts, [])
        save_search(store, "Mine", facts, ["S002"])
        assert record_run(store, saved_search(store, "mine"), ["S003", "S002"]) == ("S003",)
        assert saved_search(store, "mine").found == {"S002", "S003"}
        assert session_of(store).name == "Plain"  # the last that was worked in
        save_search(store, "MINE", facts, ["S004"])  # saved again
        assert saved_search(store, "mine").found == {"S004"}
        assert [it.name for it in store.sessions()] == ["Mine", "Plain"]
    picture = Query(blocks=np.zeros((2, 6), dtype=np.float32), labels={})
    with pytest.raises(ConfigError, match="takes from a picture cannot be saved"):
        search_facts(
            searcher.catalog, searcher.query_of_item(1), Request(taken={"colour": picture})
        )
