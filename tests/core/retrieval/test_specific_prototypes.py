"""Prototypes within a super-category: the mean of items that are like the query."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.indexing.generation_writer import write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manifest import Manifest
from datrnet.core.retrieval.prototypes import MIN_SPECIFIC
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from tests.core.retrieval.conftest import SLEEVES, embedded


def training_mean(searcher: Searcher, labels: dict[str, str], block: int) -> NDArray[np.float32]:
    """Return the mean embedding, of length 1, of the training items that carry some labels."""
    catalog = searcher.catalog
    rows = [row for row in range(120) if labels.items() <= catalog.labels_of(row).items()]
    rows = [row for row in rows if catalog.splits[row] == "train"]
    mean = searcher.generation.embeddings[rows, block].mean(axis=0)
    length_one: NDArray[np.float32] = mean / np.linalg.norm(mean)
    return length_one


def test_a_prototype_within_a_super_category_is_the_mean_of_items_like_the_query(
    searcher: Searcher,
) -> None:
    query = searcher.query_of_item(1)
    sleeve = str(query.labels["sleeve"])
    request = Request(changes={"COLOUR": "Black"}, within="Sleeve", k=119)
    (prototype,) = searcher.plan(query, request).prototypes.values()
    assert (prototype.super_category, prototype.value) == ("colour", "black")
    assert prototype.among == sleeve
    expected = training_mean(searcher, {"colour": "black", "sleeve": sleeve}, 0)
    np.testing.assert_allclose(prototype.embedding, expected, atol=1e-6)
    for result in searcher.substitutes(query, request):
        away = searcher.generation.embeddings[result.row, 0] - expected
        assert result.parts["colour"] == pytest.approx(0.5 * 2 * float(away @ away), rel=1e-4)


def test_a_specific_prototype_leaves_the_index_as_it_is(searcher: Searcher) -> None:
    query, request = searcher.query_of_item(1), Request(changes={"colour": "red"})
    before = [searcher.generation.prototypes_of(block).copy() for block in range(2)]
    generic = searcher.substitutes(query, request)
    assert searcher.substitutes(query, replace(request, within="sleeve")) != generic
    assert searcher.substitutes(query, request) == generic
    for block, prototypes in enumerate(before):
        np.testing.assert_array_equal(searcher.generation.prototypes_of(block), prototypes)


def test_it_is_among_items_of_the_wanted_value_where_that_changes_too(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    other = next(value for value in SLEEVES if value != query.labels["sleeve"])
    request = Request(changes={"colour": "red", "sleeve": other.upper()}, within="sleeve")
    found = searcher.plan(query, request).prototypes
    assert found["colour"].among == other
    expected = training_mean(searcher, {"colour": "red", "sleeve": other}, 0)
    np.testing.assert_allclose(found["colour"].embedding, expected, atol=1e-6)
    assert found["sleeve"].among is None
    assert found["sleeve"].source.endswith("items (sleeve itself changes)")


def test_a_query_without_the_label_gets_the_generic_prototype(searcher: Searcher) -> None:
    query = searcher.query_of_item(0)
    assert query.labels["sleeve"] is None
    request = Request(changes={"colour": "red"}, within="sleeve")
    prototype = searcher.plan(query, request).prototypes["colour"]
    generic = searcher.prototype("colour", "red")
    np.testing.assert_array_equal(prototype.embedding, generic.embedding)
    assert prototype.note == "the query has no sleeve"
    plain = replace(request, within=None)
    assert searcher.substitutes(query, request) == searcher.substitutes(query, plain)


@pytest.mark.parametrize("num_items", [MIN_SPECIFIC - 1, MIN_SPECIFIC])
def test_too_few_items_give_the_generic_prototype(workspace: Workspace, num_items: int) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        labels = catalog.labels.copy()
        reds = np.flatnonzero((labels[:, 0] == 2) & (catalog.splits == "train"))
        labels[:, 1] = 0
        labels[reds[:num_items], 1] = 1
        labels[1] = (0, 1)  # the query: black and short
        searcher = Searcher(replace(catalog, labels=labels), Generation.current(workspace, store))
    request = Request(changes={"colour": "red"}, within="sleeve")
    prototype = searcher.plan(searcher.query_of_item(1), request).prototypes["colour"]
    if num_items < MIN_SPECIFIC:
        assert prototype.among is None
        assert prototype.source == f"{len(reds)} items (only {num_items} among short)"
    else:
        assert prototype.source == f"{num_items} items among short"


def test_without_a_training_split_prototypes_come_from_all_items(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        generation = Generation.current(workspace, store)
    everywhere = np.full_like(catalog.splits, "test")
    counts = [
        Searcher(snapshot, generation).prototype("colour", "red").num_items
        for snapshot in (catalog, replace(catalog, splits=everywhere))
    ]
    is_red = catalog.labels[:, 0] == 2
    assert counts == [(is_red & (catalog.splits == "train")).sum(), is_red.sum()]


def test_an_index_whose_prototypes_come_from_all_items_says_so(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        config = IndexConfig(trees=2, prototypes_from="all")
        write_generation(workspace, store, embedded(catalog), config)
        searcher = Searcher(catalog, Generation.current(workspace, store))
    assert searcher.prototype("colour", "red").num_items == (catalog.labels[:, 0] == 2).sum()


def test_specific_prototypes_are_as_long_as_the_generic_ones(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        made = replace(embedded(catalog), unit_prototypes=False)
        write_generation(workspace, store, made, IndexConfig(trees=2))
        searcher = Searcher(catalog, Generation.current(workspace, store))
    request = Request(changes={"colour": "red"}, within="sleeve")
    prototype = searcher.plan(searcher.query_of_item(1), request).prototypes["colour"]
    assert prototype.among is not None
    assert np.linalg.norm(prototype.embedding) < 0.99


def test_a_manifest_without_these_facts_is_read_as_the_defaults(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        generation = Generation.current(workspace, store)
    facts = json.loads(generation.manifest.to_json())
    del facts["prototypes_from"], facts["unit_prototypes"]
    assert Manifest.from_json(json.dumps(facts)) == generation.manifest
