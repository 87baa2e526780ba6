"""The search with every manipulation against plain loops, and generations on disk."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.evaluation.protocol import Protocol, assess, gallery_of
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.engines.annoy_file import AnnoyEngine
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manifest import Manifest
from datrnet.core.retrieval.manipulation import (
    Addition,
    Fusion,
    Manipulation,
    Replacement,
    WeightedReplacement,
)
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

COLORS, SLEEVES, SIZE = ("black", "blue", "red"), ("long", "short"), 4
KINDS = ("one-hot", "weighted-replacement", "addition", "fusion")
NO_CHANGE, COLOUR = Request(k=10), Request(changes={"Colour": "RED"}, k=10)
BOTH = Request(changes={"colour": "black", "sleeve": "short"}, k=10)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Return 90 items, some without a sleeve."""
    rng = np.random.default_rng(0)
    with Workspace(tmp_path).create_store() as store:
        store.upsert_items(
            NewItem(
                code=f"S{number:02}",
                title="",
                picture_path=f"{number}.jpg",
                split=("train", "test")[number % 2],
                labels={
                    "colour": COLORS[rng.integers(3)],
                    "sleeve": SLEEVES[rng.integers(2)] if number % 9 else None,
                },
            )
            for number in range(90)
        )
        return Catalog.load(store)


def embedded(kind: str, catalog: Catalog) -> Embedded:
    rng = np.random.default_rng(1)

    def drawn(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    manipulation: Manipulation = Replacement((drawn(3, SIZE), drawn(2, SIZE)), are_means=False)
    num_blocks, weights = 2, (1.0, 1.0)
    if kind == "weighted-replacement":
        prototypes = (drawn(3, SIZE), drawn(2, SIZE))
        manipulation = WeightedReplacement(prototypes, np.abs(drawn(2, 2)))
    elif kind == "addition":
        manipulation = Addition(drawn(2 * SIZE, 5), (3, 2))
    elif kind == "fusion":
        manipulation = Fusion(drawn(SIZE, 5), (3, 2), drawn(SIZE, 2 * SIZE), drawn(SIZE))
        num_blocks, weights = 1, (1.0,)
    return Embedded(
        run_name="made-up",
        super_categories=catalog.super_categories,
        item_ids=catalog.item_ids,
        embeddings=3 * drawn(catalog.num_items, num_blocks, SIZE),
        manipulation=manipulation,
        weights=Weights(blocks=weights),
    )


def indexed(root: Path, made: Embedded) -> Searcher:
    workspace = Workspace(root)
    with workspace.open_store() as store:
        write_generation(workspace, store, made, IndexConfig(trees=20))
        return Searcher(Catalog.load(store), Generation.current(workspace, store))


@pytest.fixture
def plain_ranking(
    plain_query: Callable[..., Any], plain_compared: Callable[..., Any]
) -> Callable[..., list[tuple[float, int]]]:
    """Return what ranks every other item, one number at a time."""

    def ranked(made: Embedded, searcher: Searcher, row: int, request: Request) -> Any:
        wanted = {name.lower(): value.lower() for name, value in request.changes.items()}
        labels, targets, changed = [], [], []
        for category in made.super_categories:
            own = searcher.catalog.labels_of(row)[category.name]
            labels.append(-1 if own is None else category.values.index(own))
            changed.append(category.name in wanted)
            target = wanted.get(category.name, own)
            targets.append(-1 if target is None else category.values.index(target))
        own_blocks = made.embeddings[row].astype(float).tolist()
        blocks, factors = plain_query(made.manipulation, own_blocks, labels, targets, changed)
        found = []
        for other in set(range(90)) - {row}:
            near = plain_compared(made.manipulation, made.embeddings[other].astype(float).tolist())
            distance = 0.0
            for place, (own, two) in enumerate(zip(blocks, near, strict=True)):
                part = sum((a - b) ** 2 for a, b in zip(own, two, strict=True))
                factor = factors[place] * made.weights.blocks[place]
                if len(blocks) == 2 and changed[place]:
                    factor *= made.weights.changed
                distance += factor * part
            found.append((distance**0.5, other))
        return sorted(found)

    return ranked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", ["equal", "chosen"])
@pytest.mark.parametrize("exact_below", [4096, 0])
def test_substitutes_are_the_nearest(
    kind: str,
    weights: str,
    exact_below: int,
    tmp_path: Path,
    catalog: Catalog,
    plain_ranking: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", exact_below)
    made = embedded(kind, catalog)
    if weights == "chosen":
        blocks = (0.5, 1.5)[: len(made.weights.blocks)]
        made = replace(made, weights=Weights(blocks=blocks, changed=3.0))
    searcher = indexed(tmp_path, made)
    for request in (NO_CHANGE, COLOUR, BOTH):
        for row in (0, 17):  # the first has no sleeve
            found = searcher.substitutes(searcher.query_of_item(row), request)
            expected = plain_ranking(made, searcher, row, request)[:10]
            assert [result.row for result in found] == [other for _, other in expected]
            distances = [far for far, _ in expected]
            assert [result.distance for result in found] == pytest.approx(distances, rel=1e-4)
            assert all(
                sum(result.parts.values()) == pytest.approx(result.distance**2) for result in found
            )
            assert set(found[0].parts) == ({"all"} if kind == "fusion" else {"colour", "sleeve"})


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_what_is_taken_is_changed_as_the_item_itself_would_be(
    kind: str, tmp_path: Path, catalog: Catalog, plain_ranking: Callable[..., Any]
) -> None:
    made = embedded(kind, catalog)
    searcher = indexed(tmp_path, made)
    other, request = searcher.query_of_item(5), replace(COLOUR, k=80)
    found = searcher.substitutes(
        searcher.query_of_item(17), replace(request, taken={"sleeve": other})
    )
    # an item that is 17 but for the sleeve of 5
    mixed = made.embeddings.copy()
    mixed[17, 1] = mixed[5, 1]
    expected = plain_ranking(replace(made, embeddings=mixed), searcher, 17, request)
    assert [result.row for result in found] == [place for _, place in expected][:80]


def test_an_entangled_block_cannot_be_taken(tmp_path: Path, catalog: Catalog) -> None:
    searcher = indexed(tmp_path, embedded("fusion", catalog))
    request = Request(taken={"sleeve": searcher.query_of_item(5)})
    with pytest.raises(ConfigError, match="sleeve cannot be taken from another item"):
        searcher.substitutes(searcher.query_of_item(17), request)


@pytest.mark.parametrize(
    ("kind", "weights", "is_asked"),
    [
        ("addition", (1.0, 1.0), True),
        ("addition", (1.0, 2.0), False),
        ("fusion", (1.0,), True),
        ("weighted-replacement", (1.0, 1.0), False),
    ],
)
def test_annoy_is_asked_where_its_neighbors_are_the_right_ones(
    kind: str,
    weights: tuple[float, ...],
    is_asked: bool,
    tmp_path: Path,
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    searcher = indexed(tmp_path, replace(embedded(kind, catalog), weights=Weights(blocks=weights)))
    asked = []
    engine = searcher.generation.engine
    assert isinstance(engine, AnnoyEngine)
    index = engine.index

    class Told:
        def candidates(self, *given: Any) -> Any:
            asked.append(given)
            return index.candidates(*given)

    engine.index = Told()  # type: ignore[assignment]
    searcher.substitutes(searcher.query_of_item(3), COLOUR)
    assert bool(asked) == is_asked
    assert searcher.generation.manifest.recall_at_30 >= 0.99


def test_weights_that_leave_annoy_nothing_are_told_by_no_nodes(
    tmp_path: Path, catalog: Catalog
) -> None:
    made = replace(embedded("addition", catalog), weights=Weights(blocks=(1.0, 2.0)))
    manifest = indexed(tmp_path, made).generation.manifest
    assert (manifest.nodes, manifest.recall_at_30) == (0, 1.0)


def test_a_picture_without_labels_loses_no_value(tmp_path: Path, catalog: Catalog) -> None:
    made = embedded("addition", catalog)
    assert isinstance(made.manipulation, Addition)
    searcher = indexed(tmp_path, made)
    picture = Query(blocks=made.embeddings[1], labels={"colour": None, "sleeve": None})
    (nearest,) = searcher.substitutes(picture, replace(COLOUR, k=1))
    wanted = made.embeddings[1].ravel() + made.manipulation.memory[:, 2]
    wanted /= np.linalg.norm(wanted)
    vectors = made.embeddings.reshape(90, -1)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(vectors - wanted, axis=1)
    assert nearest.row == distances.argmin()
    assert nearest.distance == pytest.approx(distances.min(), rel=1e-4)


def test_the_factors_of_a_manipulation_are_among_the_weights_in_force(
    tmp_path: Path, catalog: Catalog
) -> None:
    made = replace(
        embedded("weighted-replacement", catalog), weights=Weights(blocks=(1.0, 1.0), changed=2.0)
    )
    searcher = indexed(tmp_path, made)
    query = searcher.query_of_item(0)
    assert isinstance(made.manipulation, WeightedReplacement)
    learned = made.manipulation.weights[0] ** 2
    assert searcher.plan(query, NO_CHANGE).weights.tolist() == [1, 1]
    weighed = searcher.plan(query, replace(COLOUR, weights={"Sleeve": 5.0})).weights
    assert weighed == pytest.approx([2 * learned[0], 5 * learned[1]])


def test_an_entangled_block_cannot_be_weighed_by_super_category(
    tmp_path: Path, catalog: Catalog
) -> None:
    searcher = indexed(tmp_path, embedded("fusion", catalog))
    assert searcher.is_entangled
    with pytest.raises(ConfigError, match=r"sleeve cannot have its own weight.*Omit it"):
        searcher.substitutes(searcher.query_of_item(0), Request(weights={"SLEEVE": 2.0}))
    with pytest.raises(ConfigError, match="cannot have its own weight"):
        searcher.substitutes(searcher.query_of_item(0), Request(liked=(3,)))
    unlike = Request(unlike={"sleeve": (searcher.query_of_item(1),)})
    with pytest.raises(ConfigError, match="sleeve cannot be unlike an item"):
        searcher.substitutes(searcher.query_of_item(0), unlike)
    together = searcher.plan(searcher.query_of_items([0, 1, 2]), Request())
    assert together.weights == pytest.approx(searcher.generation.manifest.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_mean_is_not_called_one(kind: str, tmp_path: Path, catalog: Catalog) -> None:
    searcher = indexed(tmp_path, embedded(kind, catalog))
    query = searcher.query_of_item(1)
    generic = searcher.plan(query, COLOUR).prototypes["colour"]
    if kind == "weighted-replacement":
        is_red = (catalog.labels[:, 0] == 2) & (catalog.splits == "train")
        assert generic.num_items == is_red.sum()
    else:
        assert generic.source == "the system's own entry, not a mean of items"
    within = replace(COLOUR, within="sleeve")
    specific = searcher.plan(query, within).prototypes["colour"]
    assert specific.source == f"{generic.source} (this system has no others)"
    assert searcher.substitutes(query, within) == searcher.substitutes(query, COLOUR)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_every_kind_is_evaluated(kind: str, tmp_path: Path, catalog: Catalog) -> None:
    generation = indexed(tmp_path, embedded(kind, catalog)).generation
    assessment = assess(catalog, generation, "test", Protocol(k=5, max_changes=1))
    assert assessment.blocks == (("all",) if kind == "fusion" else ("colour", "sleeve"))
    assert set(assessment.use_cases[1].by_super_category) == {"colour", "sleeve"}
    with pytest.raises(ConfigError, match=r"no prototypes within sleeve.*--within"):
        gallery_of(catalog, generation, "test", within="sleeve")


def test_a_generation_of_before_has_prototypes_that_replace(
    tmp_path: Path, catalog: Catalog
) -> None:
    made = replace(embedded("one-hot", catalog), weights=Weights(blocks=(1.0, 1.0), changed=2.0))
    searcher = indexed(tmp_path, made)
    folder = searcher.generation.folder
    (folder / "manipulation.npz").unlink()
    prototypes = [made.manipulation.prototypes_of(idx) for idx in range(2)]
    np.save(folder / "prototypes.npy", np.concatenate(prototypes))
    facts = json.loads((folder / "manifest.json").read_text("utf-8"))
    del facts["manipulation"], facts["files"]["manipulation.npz"]
    size = (folder / "prototypes.npy").stat().st_size
    facts["files"]["prototypes.npy"] = {"num_bytes": size, "sha256": ""}
    (folder / "manifest.json").write_text(json.dumps(facts), "utf-8")
    older = Searcher(catalog, Generation(folder))
    assert older.generation.manipulation.kind == "replacement"
    assert older.generation.manipulation.are_means
    for request in (COLOUR, BOTH):
        query = searcher.query_of_item(4)
        assert older.substitutes(query, request) == searcher.substitutes(query, request)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_in_the_manifest(kind: str, tmp_path: Path, catalog: Catalog) -> None:
    manifest = indexed(tmp_path, embedded(kind, catalog)).generation.manifest
    assert manifest.manipulation == kind.replace("one-hot", "replacement")
    assert "manipulation.npz" in manifest.files
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("content", [b"?", b"PK\x03\x04", None])
def test_damaged_arrays_say_what_to_run(
    content: bytes | None, tmp_path: Path, catalog: Catalog
) -> None:
    folder = indexed(tmp_path, embedded("addition", catalog)).generation.folder
    path = folder / "manipulation.npz"
    if content is None:
        np.savez(path, counts=np.array([3, 2]))
    else:
        path.write_bytes(content * 10)
    facts = json.loads((folder / "manifest.json").read_text("utf-8"))
    facts["files"]["manipulation.npz"]["num_bytes"] = path.stat().st_size
    (folder / "manifest.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(IndexStaleError, match="datrnet index"):
        Generation(folder)


def test_an_index_of_another_kind_of_system_says_what_to_run(
    tmp_path: Path, catalog: Catalog
) -> None:
    folder = indexed(tmp_path, embedded("addition", catalog)).generation.folder
    text = (folder / "manifest.json").read_text("utf-8")
    (folder / "manifest.json").write_text(text.replace('"addition"', '"telepathy"'), "utf-8")
    with pytest.raises(IndexStaleError, match=r"telepathy.*datrnet index"):
        Generation(folder)
