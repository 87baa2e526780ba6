"""The search against a plain loop, its conditions, and its index files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.config import IndexConfig
from datrnet.core.data.catalog import Catalog
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import IndexStaleError, UnknownNameError
from datrnet.core.indexing.writing import Embedded, write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import Request, Searcher
from datrnet.db.rows import NewItem

COLOURS, SLEEVES = ("black", "blue", "red"), ("long", "short")


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
                    "colour": COLOURS[rng.integers(3)],
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
        centres = rng.normal(size=(len(category.values) + 1, 6))
        drawn = centres[catalog.labels[:, block]] + 0.7 * rng.normal(size=(catalog.num_items, 6))
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
        prototypes=tuple(prototypes),
        unit_blocks=True,
        weights=(0.5, 1.5),
        changed_weight=2.0,
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
        assert [one.row for one in found] == [other for _, other in expected]
        assert [one.distance for one in found] == pytest.approx([far for far, _ in expected])
        assert [one.rank for one in found] == list(range(1, 11))


def test_parts_sum_to_the_squared_distance(searcher: Searcher) -> None:
    for one in searcher.substitutes(searcher.query_of_item(3), Request(changes={"colour": "red"})):
        assert sum(one.parts.values()) == pytest.approx(one.distance**2)


def test_the_query_is_not_its_own_substitute(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(5), Request(k=500))
    assert sorted(one.row for one in found) == [row for row in range(120) if row != 5]


def test_agreement_compares_labels_with_what_was_asked_for(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    for one in searcher.substitutes(query, Request(changes={"colour": "black"}, k=119)):
        assert one.agreement["colour"] == (one.labels["colour"] == "black")
        expected = (
            None if one.labels["sleeve"] is None else one.labels["sleeve"] == query.labels["sleeve"]
        )
        assert one.agreement["sleeve"] == expected


def test_conditions_keep_only_items_that_carry_the_value(searcher: Searcher) -> None:
    request = Request(where={"sleeve": ("Long",), "colour": ("red", "blue")}, k=200)
    found = searcher.substitutes(searcher.query_of_item(1), request)
    labels = [searcher.catalog.labels_of(row) for row in range(120) if row != 1]
    fitting = [one for one in labels if one["sleeve"] == "long" and one["colour"] != "black"]
    assert len(found) == len(fitting) > 0
    assert {one.labels["sleeve"] for one in found} == {"long"}


def test_a_condition_against_the_query_is_met_in_a_large_gallery(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query = searcher.query_of_item(1)
    other = next(value for value in COLOURS if value != query.labels["colour"])
    found = searcher.substitutes(query, Request(where={"colour": (other,)}, k=5))
    ranking = [row for _, row in plain_ranking(searcher, 1, Request())]
    labels = [searcher.catalog.labels_of(row)["colour"] for row in ranking]
    fitting = [row for row, label in zip(ranking, labels, strict=True) if label == other]
    assert [one.row for one in found] == fitting[:5]


def test_a_split_restricts_the_gallery(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(1), Request(split="test", k=200))
    assert {searcher.catalog.splits[one.row] for one in found} == {"test"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(changes={"color": "red"}), "colour"),
        (Request(changes={"colour": "balck"}), "black"),
        (Request(weights={"sleeves": 2.0}), "sleeve"),
        (Request(where={"colour": ("rde",)}), "red"),
    ],
)
def test_wrong_names_bring_the_nearest(searcher: Searcher, request_: Request, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"Did you mean .*{message}"):
        searcher.substitutes(searcher.query_of_item(1), request_)


def test_an_item_imported_after_the_index_says_so(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.upsert_items([NewItem(code="new", title="", picture_path="x", split="test")])
        late = Searcher(Catalog.load(store), Generation.current(workspace, store))
    assert late.num_unindexed == 1
    with pytest.raises(IndexStaleError, match="not in the index yet"):
        late.query_of_item(late.catalog.row_of_code("new"))


def test_no_index_says_what_to_run(tmp_path: Path) -> None:
    with Workspace(tmp_path).create_store() as store, pytest.raises(IndexStaleError, match="train"):
        Generation.current(Workspace(tmp_path), store)


@pytest.mark.parametrize("name", ["embeddings.npy", "index.ann", "prototypes.npy"])
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
        monkeypatch.setattr("datrnet.core.indexing.writing.build_annoy", interrupt)
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
    rng = np.random.default_rng(4)
    gallery = rng.normal(size=(3000, 3, 8)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=2, keepdims=True)
    blocks, weights = gallery[0], np.array([4.0, 0.5, 1.0], dtype=np.float32)
    weighted = (((gallery - blocks) ** 2).sum(axis=2) * weights).sum(axis=1)
    vector = search.candidate_vector(blocks, weights)
    plain = ((gallery.reshape(3000, -1) - vector) ** 2).sum(axis=1)
    assert np.argsort(weighted)[:50].tolist() == np.argsort(plain)[:50].tolist()


def test_blocks_that_are_not_of_length_1_are_ranked_exactly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        made = embedded(catalog)
        scale = np.random.default_rng(2).uniform(0.1, 9, (catalog.num_items, 1, 1))
        made = replace(
            made, embeddings=(made.embeddings * scale).astype(np.float32), unit_blocks=False
        )
        write_generation(workspace, store, made, IndexConfig(trees=2))
        long = Searcher(catalog, Generation.current(workspace, store))
    found = long.substitutes(long.query_of_item(9), Request(k=10))
    expected = plain_ranking(long, 9, Request())[:10]
    assert [one.row for one in found] == [row for _, row in expected]
