"""The search against a plain loop, its conditions, and its index files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import ConfigError, IndexStaleError, UnknownNameError
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.engines.annoy_file import candidate_vector
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.manifest import Manifest
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import MIN_SPECIFIC, PrototypeSource, mean_embeddings
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.saved_search import record_run, save_search, saved_search, search_facts
from datrnet.core.sessions.steps import session_of
from datrnet.db.rows import NewItem

COLORS, SLEEVES = ("black", "blue", "red"), ("long", "short")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace of 120 items with an index of made-up embeddings."""
    place = Workspace(tmp_path)
    rng = np.random.default_rng(0)
    with place.create_store() as store:
        items = [
            NewItem(
                code=f"S{number:03}",
                title=f"Shirt {number}",
                picture_path=f"{number}.jpg",
                split=("train", "validation", "test")[number % 3],
                labels={
                    "colour": COLORS[rng.integers(3)],
                    "sleeve": None if number % 10 == 0 else SLEEVES[rng.integers(2)],
                },
            )
            for number in range(120)
        ]
        store.upsert_items(items)
        catalog = Catalog.load(store)
        write_generation(place, store, embedded(catalog), IndexConfig(trees=30))
    return place


def embedded(catalog: Catalog) -> Embedded:
    rng = np.random.default_rng(1)
    embeddings = np.zeros((catalog.num_items, 2, 6), dtype=np.float32)
    prototypes = []
    for block, category in enumerate(catalog.super_categories):
        centers = rng.normal(size=(len(category.values) + 1, 6))
        drawn = centers[catalog.labels[:, block]] + 0.7 * rng.normal(size=(catalog.num_items, 6))
        embeddings[:, block] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        prototypes.append(
            mean_embeddings(
                embeddings[:, block],
                catalog.labels[:, block],
                len(category.values),
                unit_length=True,
            )
        )
    return Embedded(
        run_name="made-up",
        super_categories=catalog.super_categories,
        item_ids=catalog.item_ids,
        embeddings=embeddings,
        manipulation=Replacement(tuple(prototypes)),
        weights=Weights(blocks=(0.5, 1.5), changed=2.0),
    )


@pytest.fixture
def searcher(workspace: Workspace) -> Searcher:
    with workspace.open_store() as store:
        return Searcher(Catalog.load(store), Generation.current(workspace, store))


def plain_ranking(searcher: Searcher, row: int, request: Request) -> list[tuple[float, int]]:
    """Rank every other item by the definition, one block at a time."""
    generation = searcher.generation
    changes = {name.lower(): value.lower() for name, value in request.changes.items()}
    ranked = []
    for other in range(searcher.catalog.num_items):
        distance = 0.0
        for block, category in enumerate(generation.super_categories):
            wanted = generation.embeddings[row, block]
            weight = generation.manifest.weights[block] * request.weights.get(category.name, 1.0)
            if category.name in request.taken:
                wanted = request.taken[category.name].blocks[block]
                weight *= generation.manifest.changed_weight
            if category.name in changes:
                value = category.values.index(changes[category.name])
                wanted = generation.prototypes_of(block)[value]
                weight *= generation.manifest.changed_weight
            distance += weight * float(((wanted - generation.embeddings[other, block]) ** 2).sum())
        if other != row:
            ranked.append((distance**0.5, other))
    return sorted(ranked)


REQUESTS = [
    Request(k=10),
    Request(changes={"colour": "black"}, k=10),
    Request(changes={"COLOUR": "Red", "sleeve": "long"}, k=10),
    Request(changes={"colour": "blue"}, weights={"colour": 3.0, "sleeve": 0.5}, k=10),
]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("through_annoy", [False, True])
def test_substitutes_are_the_nearest(
    searcher: Searcher, request_: Request, through_annoy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    for row in (0, 17, 119):
        found = searcher.substitutes(searcher.query_of_item(row), request_)
        expected = plain_ranking(searcher, row, request_)[:10]
        assert [result.row for result in found] == [other for _, other in expected]
        assert [result.distance for result in found] == pytest.approx([far for far, _ in expected])
        assert [result.rank for result in found] == list(range(1, 11))


@pytest.mark.parametrize("changes", [{}, {"sleeve": "long"}])
@pytest.mark.parametrize("through_annoy", [False, True])
def test_a_super_category_may_be_taken_from_another_item(
    searcher: Searcher,
    changes: dict[str, str],
    through_annoy: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    other = searcher.query_of_item(11)
    request = Request(changes=changes, taken={"colour": other}, k=10)
    for row in (0, 17):
        query = searcher.query_of_item(row)
        found = searcher.substitutes(query, request)
        expected = plain_ranking(searcher, row, request)[:10]
        assert [result.row for result in found] == [place for _, place in expected]
        assert [result.distance for result in found] == pytest.approx([far for far, _ in expected])
        for result in found:  # what agrees is what the other item carries
            same = result.labels["colour"] == other.labels["colour"]
            assert result.agreement["colour"] is same
        assert query.labels == searcher.query_of_item(row).labels
        np.testing.assert_array_equal(query.blocks, searcher.query_of_item(row).blocks)


@pytest.mark.parametrize("through_annoy", [False, True])
def test_results_meet_conditions_on_facts(
    workspace: Workspace, through_annoy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        known = Catalog.load(store)
        items = [
            NewItem(
                code=code,
                title=known.titles[row],
                picture_path=known.picture_paths[row],
                split=str(known.splits[row]),
                facts={"price": f"{row}.00 EUR", "in stock": "no" if row % 2 else "yes"},
            )
            for row, code in enumerate(known.codes)
        ]
        store.upsert_items(items, {"price": "money", "in stock": "boolean"})
        searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
    facts = tuple(map(Condition.parse, ("price<20", "in_stock=true")))
    found = searcher.substitutes(searcher.query_of_item(4), Request(others=facts, k=50))
    assert sorted(result.row for result in found) == [0, 2, 6, 8, 10, 12, 14, 16, 18]
    order = [row for _, row in plain_ranking(searcher, 4, Request())]
    assert [result.row for result in found] == [row for row in order if row < 20 and row % 2 == 0]
    wrong = Request(others=(Condition.parse("prize<20"),))
    with pytest.raises(UnknownNameError, match="Did you mean price"):
        searcher.substitutes(searcher.query_of_item(4), wrong)


@pytest.mark.parametrize("exact_many_below", [0, 20_000])
def test_many_queries_have_the_answers_of_each(
    searcher: Searcher, exact_many_below: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_MANY_BELOW", exact_many_below)
    monkeypatch.setattr(search, "QUERIES_AT_ONCE", 3)
    queries = [searcher.query_of_item(row) for row in range(8)]
    requests = [*REQUESTS, *REQUESTS]
    monkeypatch.setattr(search, "MANY", 2)
    found = [answer for _, answer in searcher.search_many(queries, requests)]
    assert found == [
        searcher.substitutes(query, request)
        for query, request in zip(queries, requests, strict=True)
    ]
    for_all = list(searcher.search_many(queries, REQUESTS[1]))
    assert for_all[5][1] == searcher.substitutes(queries[5], REQUESTS[1])
    assert list(searcher.search_many([], Request())) == []


def test_all_taken_from_one_item_is_that_item(searcher: Searcher) -> None:
    other = searcher.query_of_item(7)
    request = Request(taken={"Colour": other, "SLEEVE": other}, k=5)
    first, *rest = searcher.substitutes(searcher.query_of_item(3), request)
    assert (first.row, first.distance) == (7, pytest.approx(0, abs=1e-4))
    # each super-category weighs as a changed one, so the order is that of the item itself
    assert [result.row for result in rest] == [
        result.row for result in searcher.substitutes(other, Request(k=9)) if result.row != 3
    ][:4]


def test_prototypes_within_go_by_what_is_taken(searcher: Searcher) -> None:
    other = next(
        searcher.query_of_item(row)
        for row in range(120)
        if searcher.catalog.labels_of(row)["sleeve"] == "long"
    )
    query = next(
        searcher.query_of_item(row)
        for row in range(120)
        if searcher.catalog.labels_of(row)["sleeve"] == "short"
    )
    request = Request(changes={"colour": "red"}, taken={"sleeve": other}, within="sleeve")
    assert searcher.plan(query, request).prototypes["colour"].among == "long"


@pytest.mark.parametrize(
    ("changes", "name", "error", "said"),
    [
        ({"colour": "red"}, "Colour", ConfigError, "changed to a value and taken"),
        ({}, "color", UnknownNameError, "Did you mean colour"),
    ],
)
def test_what_cannot_be_taken_says_so(
    searcher: Searcher, changes: dict[str, str], name: str, error: type[Exception], said: str
) -> None:
    request = Request(changes=changes, taken={name: searcher.query_of_item(1)})
    with pytest.raises(error, match=said):
        searcher.substitutes(searcher.query_of_item(0), request)


def test_parts_sum_to_the_squared_distance(searcher: Searcher) -> None:
    for result in searcher.substitutes(
        searcher.query_of_item(3), Request(changes={"colour": "red"})
    ):
        assert sum(result.parts.values()) == pytest.approx(result.distance**2)


def test_the_query_is_not_its_own_substitute(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(5), Request(k=500))
    assert sorted(result.row for result in found) == [row for row in range(120) if row != 5]


def test_agreement_compares_labels_with_what_was_asked_for(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    for result in searcher.substitutes(query, Request(changes={"colour": "black"}, k=119)):
        assert result.agreement["colour"] == (result.labels["colour"] == "black")
        expected = (
            None
            if result.labels["sleeve"] is None
            else result.labels["sleeve"] == query.labels["sleeve"]
        )
        assert result.agreement["sleeve"] == expected


def test_conditions_keep_only_items_that_carry_the_value(searcher: Searcher) -> None:
    request = Request(where={"sleeve": ("Long",), "colour": ("red", "blue")}, k=200)
    found = searcher.substitutes(searcher.query_of_item(1), request)
    labels = [searcher.catalog.labels_of(row) for row in range(120) if row != 1]
    fitting = [item for item in labels if item["sleeve"] == "long" and item["colour"] != "black"]
    assert len(found) == len(fitting) > 0
    assert {result.labels["sleeve"] for result in found} == {"long"}


def test_a_condition_against_the_query_is_met_in_a_large_gallery(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query = searcher.query_of_item(1)
    other = next(value for value in COLORS if value != query.labels["colour"])
    found = searcher.substitutes(query, Request(where={"colour": (other,)}, k=5))
    ranking = [row for _, row in plain_ranking(searcher, 1, Request())]
    labels = [searcher.catalog.labels_of(row)["colour"] for row in ranking]
    fitting = [row for row, label in zip(ranking, labels, strict=True) if label == other]
    assert [result.row for result in found] == fitting[:5]


def test_a_split_restricts_the_gallery(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(1), Request(split="test", k=200))
    assert {searcher.catalog.splits[result.row] for result in found} == {"test"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(changes={"color": "red"}), "colour"),
        (Request(changes={"colour": "balck"}), "black"),
        (Request(weights={"sleeves": 2.0}), "sleeve"),
        (Request(where={"colour": ("rde",)}), "red"),
        (Request(within="sleve"), "sleeve"),
    ],
)
def test_wrong_names_bring_the_nearest(searcher: Searcher, request_: Request, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"Did you mean .*{message}"):
        searcher.substitutes(searcher.query_of_item(1), request_)


def test_a_plan_resolves_a_request_once(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, other = searcher.query_of_item(1), searcher.query_of_item(11)
    request = Request(
        changes={"COLOUR": "Red"},
        taken={"Sleeve": other},
        weights={"Colour": 2.0},
        within="sleeve",
        split="test",
    )
    plan, again = searcher.plan(query, request), searcher.plan(query, request)
    expected = (plan.substitutes(), plan.exact_match_counts())

    def refuse(*_: object) -> None:
        raise AssertionError("resolved again")

    for owner, name in (
        (Searcher, "block_index"),
        (PrototypeSource, "generic"),
        (PrototypeSource, "specific"),
        (Replacement, "apply"),
        (Catalog, "super_category_idx"),
        (Catalog, "value_idx"),
    ):
        monkeypatch.setattr(owner, name, refuse)
    assert (again.substitutes(), again.exact_match_counts()) == expected
    assert again.changes == {"colour": "red"}
    assert again.taken == {"sleeve": other}
    assert again.prototypes["colour"].among == other.labels["sleeve"]
    assert again.weights.tolist() == [0.5 * 2 * 2, 1.5 * 2]


def test_some_weight_must_be_above_0(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    weights = {"colour": 0.0, "sleeve": 0.0}
    with pytest.raises(ConfigError, match="Give at least one super-category a weight above 0"):
        searcher.plan(query, Request(weights=weights))
    with pytest.raises(ConfigError, match="has weight 0"):
        searcher.plan(query, Request(weights={"sleeve": 0.0}, any_of={"colour": ("red", "blue")}))


def test_an_item_imported_after_the_index_says_so(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.upsert_items([NewItem(code="new", title="", picture_path="x", split="test")])
        late = Searcher(Catalog.load(store), Generation.current(workspace, store))
        lag = IndexLag.of(workspace, late.catalog, late.generation)
    assert (len(lag.new), lag.outdated) == (1, "1 item is not indexed yet.")
    with pytest.raises(IndexStaleError, match="not in the index yet"):
        late.query_of_item(late.catalog.row_of_code("new"))


def test_no_index_says_what_to_run(tmp_path: Path) -> None:
    with Workspace(tmp_path).create_store() as store, pytest.raises(IndexStaleError, match="train"):
        Generation.current(Workspace(tmp_path), store)


@pytest.mark.parametrize("name", ["embeddings.npy", "index.ann", "manipulation.npz"])
def test_a_file_cut_in_half_is_found_out(workspace: Workspace, name: str) -> None:
    with workspace.open_store() as store:
        path = Generation.current(workspace, store).folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(IndexStaleError, match=f"{name} has .* bytes; .*datrnet index"):
            Generation.current(workspace, store)


def test_a_header_of_nonsense_is_found_out(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        path = Generation.current(workspace, store).folder / "item_ids.npy"
        path.write_bytes(b"?" * path.stat().st_size)
        with pytest.raises(IndexStaleError, match="damaged"):
            Generation.current(workspace, store)


def test_changed_bytes_are_found_by_the_checksum(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        generation = Generation.current(workspace, store)
    assert generation.damaged_files() == []
    path = generation.folder / "index.ann"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert generation.damaged_files() == ["index.ann"]


def test_a_generation_is_whole_or_not_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        before = Generation.current(workspace, store).folder
        monkeypatch.setattr("datrnet.core.indexing.engine_choice.build_annoy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_generation(workspace, store, embedded(catalog), IndexConfig(trees=2))
        assert Generation.current(workspace, store).folder == before
        assert [path.name for path in workspace.indexes.iterdir()] == [before.name]


def interrupt(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_only_two_generations_are_kept(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        for _ in range(3):
            manifest = write_generation(workspace, store, embedded(catalog), IndexConfig(trees=2))
        assert Generation.current(workspace, store).manifest.name == manifest.name
        published = [row.name for row in store.generations()]
    assert {path.name for path in workspace.indexes.iterdir()} == set(published[-2:])


def test_recall_is_measured_and_reached(searcher: Searcher) -> None:
    assert searcher.generation.manifest.recall_at_30 >= 0.99


def test_candidates_of_a_weighted_query_are_its_weighted_neighbors() -> None:
    gallery = np.random.default_rng(4).normal(size=(3000, 3, 8)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=2, keepdims=True)
    blocks, weights = gallery[0], np.array([4.0, 0.5, 1.0], dtype=np.float32)
    weighted = (((gallery - blocks) ** 2).sum(axis=2) * weights).sum(axis=1)
    vector = candidate_vector(blocks, weights, unit_blocks=True)
    plain = ((gallery.reshape(3000, -1) - np.array(vector)) ** 2).sum(axis=1)
    assert np.argsort(weighted)[:50].tolist() == np.argsort(plain)[:50].tolist()


def test_blocks_that_are_not_of_length_1_are_ranked_exactly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        made = embedded(catalog)
        scale = np.random.default_rng(2).uniform(0.1, 9, (catalog.num_items, 1, 1))
        made = replace(made, embeddings=(made.embeddings * scale).astype(np.float32))
        write_generation(workspace, store, made, IndexConfig(trees=2))
        long = Searcher(catalog, Generation.current(workspace, store))
    found = long.substitutes(long.query_of_item(9), Request(k=10))
    expected = plain_ranking(long, 9, Request())[:10]
    assert [result.row for result in found] == [row for _, row in expected]


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


def test_any_of_several_values_will_do_and_none_is_nearer(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    request = Request(any_of={"colour": ("red", "BLUE")}, k=200)
    found = searcher.substitutes(query, request)
    catalog = searcher.catalog
    expected = [row for row in range(120) if catalog.labels_of(row)["colour"] != "black"]
    assert sorted(result.row for result in found) == [row for row in expected if row != 1]
    assert {result.parts["colour"] for result in found} == {0}
    assert all(result.agreement["colour"] for result in found)
    sleeve = searcher.names.index("sleeve")
    blocks = searcher.generation.embeddings[:, sleeve]
    distances = [
        float(((blocks[result.row] - query.blocks[sleeve]) ** 2).sum()) for result in found
    ]
    assert distances == sorted(distances)


@pytest.mark.parametrize("other", ["changes", "taken"])
def test_a_super_category_is_asked_for_in_one_way(searcher: Searcher, other: str) -> None:
    query = searcher.query_of_item(1)
    asked = {"changes": {"Colour": "red"}, "taken": {"Colour": query}}[other]
    request = Request(any_of={"colour": ("red",)}, **{other: asked})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="open to several values"):
        searcher.substitutes(query, request)


def test_a_label_that_a_condition_allows_is_as_wanted(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    other = next(value for value in COLORS if value != query.labels["colour"])
    found = searcher.substitutes(query, Request(where={"colour": (other,)}, k=5))
    assert all(result.agreement["colour"] for result in found)


def test_matching_counts_items_that_are_as_wanted_in_all(searcher: Searcher) -> None:
    catalog, query = searcher.catalog, searcher.query_of_item(1)
    matching = searcher.plan(query, Request(changes={"colour": "red"})).exact_match_counts()
    others = [catalog.labels_of(row) for row in range(120) if row != 1]
    sleeve = query.labels["sleeve"]
    for value in COLORS:
        fitting = [item for item in others if item["colour"] == value and item["sleeve"] == sleeve]
        assert matching["colour"][value] == len(fitting)
    for value in SLEEVES:
        fitting = [item for item in others if item["colour"] == "red" and item["sleeve"] == value]
        assert matching["sleeve"][value] == len(fitting)


def test_matching_sets_no_condition_where_nobody_knows_what_is_wanted(searcher: Searcher) -> None:
    catalog, query = searcher.catalog, searcher.query_of_item(10)
    assert query.labels["sleeve"] is None
    matching = searcher.plan(query, Request()).exact_match_counts()
    others = [catalog.labels_of(row)["colour"] for row in range(120) if row != 10]
    assert matching["colour"] == {value: others.count(value) for value in COLORS}


def test_the_nearest_value_is_that_of_the_nearest_prototype(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    nearest = searcher.predict(query)
    for block, category in enumerate(searcher.generation.super_categories):
        prototypes = searcher.generation.prototypes_of(block)
        distances = np.linalg.norm(prototypes - query.blocks[block], axis=1)
        first, second = np.argsort(distances)[:2]
        found = nearest[category.name]
        assert (found.value, found.second) == (category.values[first], category.values[second])
        assert found.distance == pytest.approx(distances[first], rel=1e-5)
        assert found.margin == pytest.approx(1 - distances[first] / distances[second], rel=1e-4)


def test_at_a_prototype_the_margin_is_one(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    blocks = query.blocks.copy()
    blocks[0] = searcher.generation.prototypes_of(0)[2]
    assert searcher.predict(replace(query, blocks=blocks))["colour"].margin == 1


def test_an_untaught_value_is_never_the_nearest(searcher: Searcher) -> None:
    prototypes = [searcher.generation.prototypes_of(block).copy() for block in range(2)]
    query = searcher.query_of_item(1)
    nearest = COLORS.index(searcher.predict(query)["colour"].value)
    prototypes[0][nearest] = np.nan
    prototypes[1][0] = np.nan  # leaves one sleeve, so that there is nothing to tell apart
    searcher.generation.manipulation = Replacement(tuple(prototypes))
    found = searcher.predict(query)
    assert set(found) == {"colour"}
    assert COLORS[nearest] not in (found["colour"].value, found["colour"].second)


# ── a catalog that has changed since ─────────────────────────────────────────


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


# ── several items, unlike, marks, pages ──────────────────────────────────────


def test_several_items_are_a_query_that_excludes_them(searcher: Searcher) -> None:
    rows = [4, 17, 30]
    query = searcher.query_of_items([4, 17, 30, 17])
    np.testing.assert_allclose(
        query.blocks, searcher.generation.embeddings[rows].mean(axis=0), rtol=1e-5
    )
    plan = searcher.plan(query, Request(k=200))
    found = plan.substitutes()
    assert sorted([it.row for it in found] + rows) == list(range(120))
    factors = np.array([plan.agreement[name] for name in searcher.names])
    assert factors.mean() == pytest.approx(1)
    np.testing.assert_allclose(plan.weights, factors * searcher.generation.manifest.weights)
    embeddings = searcher.generation.embeddings
    squares = ((embeddings[:, None] - embeddings[rows]) ** 2).sum(axis=3).mean(axis=1)  # (120, 2)
    ranking = np.argsort((squares * plan.weights).sum(axis=1), kind="stable")
    # by the distance to the mean as by the mean squared distance to the items
    assert [it.row for it in found][:20] == [row for row in ranking if row not in rows][:20]
    assert searcher.query_of_items([4]).row == 4


def test_several_items_have_the_values_that_they_share(searcher: Searcher) -> None:
    labels = [searcher.catalog.labels_of(row) for row in range(120)]
    rows = [row for row in range(120) if labels[row]["colour"] == "red"][:6]
    query = searcher.query_of_items(rows)
    assert query.labels["colour"] == "red"
    assert query.labels["sleeve"] is None
    assert searcher.plan(query, Request()).wanted["sleeve"] == frozenset()
    changed = searcher.plan(query, Request(changes={"colour": "blue"}))
    assert changed.agreement == {"colour": 1, "sleeve": 1}  # what is asked for, items do not weigh


def test_results_keep_away_from_an_item(searcher: Searcher) -> None:
    query, other = searcher.query_of_item(0), searcher.query_of_item(11)

    def mean_distance(request: Request) -> float:
        found = [it.row for it in searcher.substitutes(query, request)]
        blocks = searcher.generation.embeddings[found, 0]
        return float(((blocks - other.blocks[0]) ** 2).sum(axis=1).mean())

    assert mean_distance(Request(k=20, unlike={"colour": (other,)})) > mean_distance(Request(k=20))
    itself = searcher.plan(query, Request(unlike={"Colour": (query,)}, k=5))
    assert itself.wanted["colour"] == frozenset()  # the query's own color is not wanted
    both = Request(any_of={"colour": ("red", "blue")}, unlike={"colour": (other,)})
    with pytest.raises(ConfigError, match="open to several values and unlike an item"):
        searcher.plan(query, both)


@pytest.mark.parametrize("is_small", [False, True])
def test_distances_are_those_to_the_query_of_one_that_keeps_away(
    searcher: Searcher, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query, other = searcher.query_of_item(0), searcher.query_of_item(11)
    plain = {it.row: it.distance for it in searcher.substitutes(query, Request(k=119))}
    plan = searcher.plan(query, Request(k=119, unlike={"colour": (other,)}))
    away = plan.substitutes()
    assert {it.row: it.distance for it in away} == pytest.approx(plain)
    assert plan.weights.tolist() == searcher.plan(query, Request()).weights.tolist()
    limit = sorted(plain.values())[40]
    near = Request(k=7, unlike={"colour": (other,)}, max_distance=limit)
    expected = [it.row for it in away if it.distance <= limit]
    assert expected != list(plain)[:41]  # another order
    assert [it.row for it in searcher.substitutes(query, near)] == expected[:7]


def test_a_value_that_is_excluded_is_not_wanted(searcher: Searcher) -> None:
    query = searcher.query_of_item(0)
    own = str(query.labels["colour"])
    request = Request(others=(Condition("Colour", "!=", own.upper()),), k=200)
    plan = searcher.plan(query, request)
    found = plan.substitutes()
    expected = [it for it in range(120) if searcher.catalog.labels_of(it)["colour"] != own]
    assert sorted(it.row for it in found) == expected
    assert {it.agreement["colour"] for it in found} == {None}
    assert plan.exact_match_counts()["colour"][own] == 0


def test_marks_weigh_the_blocks(searcher: Searcher) -> None:
    query = searcher.query_of_item(0)
    near = [
        int(
            np.argmin(
                ((searcher.generation.embeddings[1:, block] - query.blocks[block]) ** 2).sum(1)
            )
        )
        + 1
        for block in range(2)
    ]
    plan = searcher.plan(query, Request(liked=(near[0],), disliked=(near[1],)))
    assert plan.feedback["colour"] > 1 > plan.feedback["sleeve"]
    plain = searcher.plan(query, Request())
    assert plain.feedback == {}
    factors = np.array(list(plan.feedback.values()))
    np.testing.assert_allclose(plan.weights, plain.weights * factors, rtol=1e-5)


@pytest.mark.parametrize("is_small", [False, True])
def test_pages_fit_together(
    searcher: Searcher, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query = searcher.query_of_item(0)
    whole = searcher.substitutes(query, Request(k=119, offset=0))
    pages = [searcher.substitutes(query, Request(k=7, offset=7 * page)) for page in range(18)]
    assert [it for page in pages for it in page] == whole
    assert pages[17] == []
    assert [it.rank for it in pages[2]] == list(range(15, 22))
    limit = whole[40].distance
    near = searcher.substitutes(query, Request(k=119, max_distance=limit))
    assert [it.row for it in near] == [it.row for it in whole[:41]]
    assert searcher.substitutes(query, Request(k=7, offset=42, max_distance=limit)) == []


# ── saved searches ───────────────────────────────────────────────────────────


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
        query = searcher.query_of_item(1)
        mine = saved_search(store, "mine")
        new = record_run(store, searcher.catalog, mine, query, Request(), ["S003", "S002"])
        assert new == ("S003",)
        assert saved_search(store, "mine").found == {"S002", "S003"}
        assert session_of(store).name == "Plain"  # the last that was worked in
        save_search(store, "MINE", facts, ["S004"])  # saved anew
        assert saved_search(store, "mine").found == {"S004"}
        assert [it.name for it in store.sessions()] == ["Mine", "Plain"]
    picture = Query(blocks=np.zeros((2, 6), dtype=np.float32), labels={})
    with pytest.raises(ConfigError, match="takes from a picture cannot be saved"):
        search_facts(
            searcher.catalog, searcher.query_of_item(1), Request(taken={"colour": picture})
        )
