"""From a run to an index: what is embedded, what a prototype is the mean of, what is left out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.catalog.pictures import picture_pixels
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, IndexConfig, ModelConfig, TrainConfig
from datrnet.core.errors import CheckpointError, ConfigError, IndexStaleError
from datrnet.core.indexing.build import build_index, newest_run
from datrnet.core.indexing.embedder import Embedder, query_of_picture
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.progress import PicturesRead
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.training.run import start_run, train, unfinished_run
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}
TINY = Config(
    name="tiny",
    model=ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8),
    train=TrainConfig(
        triplets=144,
        epochs=3,
        batch_triplets=12,
        learning_rate=5e-3,
        proxy_weight=1.0,
        precision="float32",
    ),
    index=IndexConfig(trees=3),
)

QUICK = replace(TINY, train=replace(TINY.train, triplets=12, epochs=1))
"""For a run whose answers nobody looks at."""


def shop_in(folder: Path) -> Workspace:
    """Return a workspace with 36 plain pictures; size is a super-category nobody can see."""
    place = Workspace(folder)
    rng = np.random.default_rng(0)
    items = []
    for number in range(36):
        colour = list(COLORS)[number % 3]
        shade = np.array(COLORS[colour]) + rng.integers(-20, 20, (24, 24, 3))
        Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        items.append(
            NewItem(
                code=f"P{number}",
                title=f"{colour} square",
                picture_path=f"{number}.png",
                split=("train", "train", "validation", "test")[number // 3 % 4],
                labels={"colour": colour, "size": "big" if number % 2 else "small"},
            )
        )
    with place.create_store() as store:
        store.upsert_items(items)
    return place


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace without a run."""
    return shop_in(tmp_path)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace with a finished run, read only."""
    place = shop_in(tmp_path_factory.mktemp("trained"))
    with place.open_store() as store:
        trained(place, store, TINY)
    return place


@pytest.fixture
def with_run(trained_once: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of it to change."""
    return Workspace(shutil.copytree(trained_once.root, tmp_path, dirs_exist_ok=True))


def trained(workspace: Workspace, store: Store, config: Config) -> RunFolder:
    catalog = Catalog.load(store)
    run = start_run(workspace, store, catalog, config, ())
    train(workspace, store, catalog, run)
    return run


def test_a_trained_index_finds_the_wanted_color(with_run: Workspace) -> None:
    with with_run.open_store() as store:
        run = newest_run(with_run, store)
        catalog = Catalog.load(store)
        build_index(with_run, store, catalog, run)
        searcher = Searcher(catalog, Generation.current(with_run, store))
    query = searcher.query_of_item(catalog.row_of_code("P0"))
    found = searcher.substitutes(query, Request(changes={"colour": "blue"}, k=5))
    assert [substitute.labels["colour"] for substitute in found] == ["blue"] * 5
    assert searcher.generation.manifest.run_name == run.name


def test_prototypes_are_means_over_the_training_items(with_run: Workspace) -> None:
    with with_run.open_store() as store:
        catalog = Catalog.load(store)
        build_index(with_run, store, catalog, newest_run(with_run, store))
        generation = Generation.current(with_run, store)
    red = catalog.value_idx(0, "red")
    carriers = (catalog.labels[:, 0] == red) & (catalog.splits == "train")
    mean = generation.embeddings[carriers, 0].mean(axis=0)
    np.testing.assert_allclose(
        generation.prototypes_of(0)[red], mean / np.linalg.norm(mean), atol=1e-5
    )


def test_a_picture_that_is_gone_is_left_out_and_named(workspace: Workspace) -> None:
    (workspace.root / "7.png").unlink()
    (workspace.root / "8.png").write_bytes(b"no picture")
    with workspace.open_store() as store:
        trained(workspace, store, QUICK)
        catalog = Catalog.load(store)
        report = build_index(workspace, store, catalog, newest_run(workspace, store))
        searcher = Searcher(catalog, Generation.current(workspace, store))
    assert report.unreadable == ("P7", "P8")
    lag = IndexLag.of(workspace, catalog, searcher.generation)
    assert (len(lag.new), lag.unreadable.tolist()) == (0, [7, 8])
    with pytest.raises(IndexStaleError, match=r"P7 is not in the index: .*7\.png is missing"):
        searcher.query_of_item(7)
    with pytest.raises(IndexStaleError, match=r"8\.png is not a picture.*\. Restore or replace"):
        searcher.query_of_item(8)


def test_a_picture_outside_the_catalog_is_a_query(with_run: Workspace) -> None:
    with with_run.open_store() as store:
        run = newest_run(with_run, store)
        catalog = Catalog.load(store)
        build_index(with_run, store, catalog, run)
        searcher = Searcher(catalog, Generation.current(with_run, store))
    query = query_of_picture(run, with_run.root / "4.png", "float32")
    nearest = searcher.substitutes(query, Request(k=1))[0]
    assert nearest.code == "P4"  # nothing is left out: the picture has no row of its own
    assert nearest.distance == pytest.approx(0, abs=1e-3)


def test_an_interrupted_run_is_resumed_where_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[tuple[str, int]] = []

    def interrupt(event: object) -> None:
        report = getattr(event, "report", None)
        if report is not None:
            epochs.append((getattr(event, "super_category", ""), report.epoch))
            if epochs[-1] == ("size", 2):
                raise KeyboardInterrupt

    config = replace(QUICK, train=replace(QUICK.train, epochs=3))
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        run = start_run(workspace, store, catalog, config, ())
        with pytest.raises(KeyboardInterrupt):
            train(workspace, store, catalog, run, interrupt)
        assert store.runs()[0].status == "interrupted"
        with pytest.raises(CheckpointError, match="no finished run"):
            newest_run(workspace, store)

        again, diverged = unfinished_run(workspace, store)
        assert not diverged
        results = train(workspace, store, catalog, again, interrupt)
        assert store.runs()[0].status == "finished"
    assert epochs == [
        ("colour", 1),
        ("colour", 2),
        ("colour", 3),
        ("size", 1),
        ("size", 2),
        ("size", 3),
    ]
    assert [result.super_category for result in results] == ["colour", "size"]
    log = [json.loads(line) for line in run.log_path.read_text().splitlines()]
    assert [(line["super_category"], line["epoch"]) for line in log] == epochs
    assert not list(run.path.glob("*.resume.pt"))


def test_a_run_may_begin_from_an_earlier_ones_weights(with_run: Workspace) -> None:
    with with_run.open_store() as store:
        first = newest_run(with_run, store)
        catalog = Catalog.load(store)
        later = replace(TINY.train, initial_run=first.name, epochs=1, learning_rate=1e-6)
        config = replace(TINY, train=later)
        run = start_run(with_run, store, catalog, config, ("size",))
        begun: list[torch.Tensor] = []

        def before_the_first_step(event: object) -> None:
            if isinstance(event, PicturesRead) and not begun:
                begun.append(first.load_network(first.idx_of("size")).embedding.weight)

        train(with_run, store, catalog, run, before_the_first_step)
    after = run.load_network(0).embedding.weight
    unrelated = first.load_network(0).embedding.weight
    assert (after - begun[0]).norm() < 0.5 * (unrelated - begun[0]).norm()


def test_an_initial_run_without_the_network_is_refused(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        first = start_run(workspace, store, catalog, TINY, ("colour",))
        config = Config.from_dict({"train": {"initial_run": first.name}})
        with pytest.raises(CheckpointError, match="no network for 'size'"):
            start_run(workspace, store, catalog, config, ())


def test_a_resumed_run_keeps_its_numbering_of_values(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        run = start_run(workspace, store, Catalog.load(store), QUICK, ("colour",))
        extra = NewItem(
            code="new", title="", picture_path="0.png", split="train", labels={"colour": "aqua"}
        )
        store.upsert_items([extra])
        catalog = Catalog.load(store)
        results = train(workspace, store, catalog, run)
        build_index(workspace, store, catalog, run)
        searcher = Searcher(catalog, Generation.current(workspace, store))
    assert results[0].super_category == "colour"
    query = searcher.query_of_item(0)
    with pytest.raises(IndexStaleError, match="aqua"):
        searcher.substitutes(query, Request(changes={"colour": "aqua"}))
    with pytest.raises(IndexStaleError, match="does not cover size"):
        searcher.substitutes(query, Request(changes={"size": "big"}))


def test_what_cannot_be_learned_is_left_out_before_any_work(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        ids = [stamp.item_id for stamp in store.picture_stamps().values()]
        for item_id in ids:
            store.set_label(item_id, "size", "big", "shop")
        catalog = Catalog.load(store)
        run = start_run(workspace, store, catalog, TINY, ())
        assert [category.name for category in run.super_categories] == ["colour"]
        with pytest.raises(ConfigError, match=r"size cannot be trained: .*only one value"):
            start_run(workspace, store, catalog, TINY, ("size",))


def test_without_a_validation_split_a_tenth_is_held_out(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    catalog.splits[catalog.splits == "validation"] = "train"
    rows, is_validation = training_rows(catalog)
    assert set(catalog.splits[rows]) == {"train"}
    assert 0 < is_validation.sum() < len(rows) / 3


def test_one_run_is_trained_by_one_program_at_a_time(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        run = start_run(workspace, store, catalog, TINY, ("colour",))
        with FileLock(run.path / "lock"), pytest.raises(CheckpointError, match="another process"):
            train(workspace, store, catalog, run)


@pytest.mark.parametrize("damage", ["absent", "cut", "other architecture"])
def test_weights_that_do_not_fit_say_so(with_run: Workspace, damage: str) -> None:
    with with_run.open_store() as store:
        run = newest_run(with_run, store)
    path = run.weights_path(0)
    if damage == "absent":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        other = Config.from_dict(TINY.to_dict() | {"model": {"filters": 6, "image_size": 16}})
        RunFolder(path=run.path, config=other, super_categories=run.super_categories).create()
        run = RunFolder.open(run.path)
    with pytest.raises(CheckpointError, match=str(path)):
        Embedder(run)


def test_embeddings_have_the_length_the_config_says(trained_once: Workspace) -> None:
    with trained_once.open_store() as store:
        run = newest_run(trained_once, store)
    pixels = picture_pixels(trained_once.root / "0.png", 16)[None]
    embeddings = Embedder(run).embed(pixels)
    assert embeddings.shape == (1, 2, 8)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=2), 1, atol=1e-5)


def test_a_shop_with_nothing_but_training_items_can_be_searched(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        catalog.splits[:] = "train"
        run = start_run(workspace, store, catalog, QUICK, ())
        train(workspace, store, catalog, run)
        report = build_index(workspace, store, catalog, run)
        searcher = Searcher(catalog, Generation.current(workspace, store))
    assert report.manifest.weights == (1.0, 1.0)
    assert len(searcher.substitutes(searcher.query_of_item(0), Request(k=4))) == 4


def test_embeddings_that_are_not_finite_leave_the_index_as_it_is(with_run: Workspace) -> None:
    with with_run.open_store() as store:
        catalog = Catalog.load(store)
        good = build_index(with_run, store, catalog, newest_run(with_run, store)).manifest.name
        diverged = trained(with_run, store, QUICK)
        network = diverged.load_network(0)
        torch.nn.init.constant_(network.embedding.bias, torch.nan)
        save_weights(network, diverged.weights_path(0))
        with pytest.raises(
            CheckpointError, match=f"{diverged.name} produces embeddings .* not finite"
        ):
            build_index(with_run, store, catalog, diverged)
        generation = Generation.current(with_run, store)
    assert generation.manifest.name == good
    assert np.isfinite(generation.embeddings).all()
    assert [path.name for path in with_run.indexes.iterdir()] == [good]
