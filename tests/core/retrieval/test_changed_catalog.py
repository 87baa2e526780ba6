"""Searches in a catalog that has changed since its index was made."""

from dataclasses import replace

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import IndexStaleError, UnknownNameError
from datrnet.core.retrieval import search
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem


def opened(workspace: Workspace) -> Searcher:
    with workspace.open_store() as store:
        return Searcher(Catalog.load(store), Generation.current(workspace, store))


def found(searcher: Searcher, code: str, request: Request) -> dict[str, float]:
    query = searcher.query_of_item(searcher.catalog.row_of_code(code))
    return {it.code: round(it.distance, 4) for it in searcher.substitutes(query, request)}


@pytest.mark.parametrize("exact_below", [search.EXACT_BELOW, 0])
@pytest.mark.parametrize("is_hidden", [False, True])
def test_items_that_are_gone_or_hidden_are_skipped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, exact_below: int, is_hidden: bool
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", exact_below)
    request = Request(k=9, changes={"colour": "red"}, within="sleeve")
    before = found(opened(workspace), "S050", Request(k=200, changes={"colour": "red"}))
    gone = [1, 2, 60, 120, *range(70, 90)]  # ids, from 1
    with workspace.open_store() as store:
        (store.hide_items if is_hidden else store.remove_items)(gone, "some")
    searcher = opened(workspace)
    now = found(searcher, "S050", Request(k=200, changes={"colour": "red"}))
    codes = {f"S{number - 1:03}" for number in gone}
    assert now == {code: far for code, far in before.items() if code not in codes}
    assert found(searcher, "S050", request)
    labels = searcher.predict(searcher.query_of_item(3))
    assert labels.keys() == {"colour", "sleeve"}


def test_most_items_may_be_hidden(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        store.hide_items(range(1, 116), "many")
    assert len(found(opened(workspace), "S000", Request(k=3))) == 3


def test_an_empty_catalog_finds_nothing(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.remove_items(range(1, 121), "all but their names")
        store.upsert_items(
            [
                NewItem(
                    code="new",
                    title="",
                    picture_path="x",
                    split="test",
                    labels={"colour": "red", "sleeve": "long"},
                )
            ]
        )
    searcher = opened(workspace)
    assert not searcher.is_indexed(0)


def test_the_index_follows_names(workspace: Workspace) -> None:
    before = found(opened(workspace), "S050", Request(k=9, changes={"colour": "red"}))
    with workspace.open_store() as store:
        store.rename_super_category("colour", "shade")
        store.rename_value("shade", "red", "crimson")
    searcher = opened(workspace)
    assert searcher.names == searcher.block_names == ("shade", "sleeve")
    assert searcher.name_in_run("shade") == "colour"
    # by the new names, and by the old ones, which sessions may have
    for changes in ({"shade": "crimson"}, {"colour": "red"}, {"Colour": "Crimson"}):
        assert found(searcher, "S050", Request(k=9, changes=changes)) == before
    plan = searcher.plan(searcher.query_of_item(3), Request(changes={"colour": "RED"}))
    assert plan.changes == {"shade": "crimson"}
    assert plan.exact_match_counts().keys() == {"shade", "sleeve"}


@pytest.mark.parametrize("into", ["red", "warm"])
def test_merged_values_are_searched_by_what_all_of_them_have(
    workspace: Workspace, into: str
) -> None:
    with workspace.open_store() as store:
        store.merge_values("colour", ["blue", "red"], into)
    searcher = opened(workspace)
    one = found(searcher, "S050", Request(k=9, changes={"colour": into}))
    for old in ("blue", "red"):
        assert found(searcher, "S050", Request(k=9, changes={"colour": old})) == one
    catalog = searcher.catalog
    carries = catalog.carries(0, catalog.value_idx(0, into)) & (catalog.splits == "train")
    mean = np.array(searcher.generation.embeddings[carries, 0]).mean(axis=0)
    prototype = searcher.prototype("colour", into)
    np.testing.assert_allclose(prototype.embedding, mean / np.linalg.norm(mean), rtol=1e-4)
    assert prototype.num_items == carries.sum()
    named = {searcher.predict(searcher.query_of_item(row))["colour"].value for row in range(120)}
    assert named == {"black", into}
    again = Searcher(catalog, searcher.generation)  # as after a correction in the explorer
    assert found(again, "S050", Request(k=9, changes={"colour": into})) == one


def test_a_dropped_value_is_not_found_any_more(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.drop_value("colour", "red")
    searcher = opened(workspace)
    with pytest.raises(UnknownNameError, match="red"):
        searcher.prototype("colour", "red")
    named = {searcher.predict(searcher.query_of_item(row))["colour"].value for row in range(120)}
    assert named == {"black", "blue"}


@pytest.mark.parametrize("exact_below", [search.EXACT_BELOW, 0])
@pytest.mark.parametrize("dropped", ["colour", "sleeve"])
def test_searches_go_on_without_a_dropped_super_category(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, exact_below: int, dropped: str
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", exact_below)
    left, value = {"colour": ("sleeve", "long"), "sleeve": ("colour", "red")}[dropped]
    request = Request(k=9, changes={left: value})
    before = found(opened(workspace), "S050", replace(request, weights={dropped: 0}))
    with workspace.open_store() as store:
        store.drop_super_category(dropped)
    searcher = opened(workspace)
    assert searcher.names == searcher.block_names == (left,)
    assert found(searcher, "S050", request) == before
    with pytest.raises(UnknownNameError):
        searcher.plan(searcher.query_of_item(3), Request(changes={dropped: "red"}))
    with workspace.open_store() as store:
        store.undo_step()
    assert opened(workspace).names == ("colour", "sleeve")


def test_two_super_categories_that_have_become_one_are_searched_as_one(
    workspace: Workspace,
) -> None:
    with workspace.open_store() as store:
        store.merge_super_category("sleeve", "colour")
    assert opened(workspace).block_names == ("colour",)
    with workspace.open_store() as store:
        store.drop_super_category("colour")
    with pytest.raises(IndexStaleError, match="`datrnet train` and `datrnet index`"):
        opened(workspace)
