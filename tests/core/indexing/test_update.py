"""An index follows its catalog: what is embedded again, what is kept, what is known to be stale."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, IndexConfig, ModelConfig, PrecisionChoice
from datrnet.core.errors import ConfigError, DataError, IndexStaleError
from datrnet.core.evaluation.protocol import Protocol, assess
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing import build, embedder, ranking_choice
from datrnet.core.indexing.build import IndexReport, build_index
from datrnet.core.indexing.embedder import Embedder, mean_view
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.inference import FoldedNetworks, Way, least_cosine
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.retrieval import index_lag, search
from datrnet.core.retrieval.engines import annoy_file
from datrnet.core.retrieval.engines.block_codes import CODEBOOK
from datrnet.core.retrieval.engines.engine import EngineChoice
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag, picture_paths
from datrnet.core.retrieval.item_map import map_points, read_points
from datrnet.core.retrieval.manifest import MANIFEST, FileFacts
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review import duplicates
from datrnet.db.rows import NewItem, SuperCategory
from datrnet.db.store import Store

TINY = Config(
    name="tiny",
    model=ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8),
    index=IndexConfig(trees=3),
)
CATEGORIES = (
    SuperCategory(name="color", values=("blue", "red")),
    SuperCategory(name="size", values=("big", "small")),
)
NUM_ITEMS = 40


class Shop:
    """A shop with a run of random weights, whose index counts the pictures that it embeds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = Workspace(folder)
        self.store: Store = self.place.create_store()
        self.add(range(NUM_ITEMS))
        self.run = RunFolder(
            path=self.place.models / "random", config=TINY, super_categories=CATEGORIES
        )
        self.run.create()
        torch.manual_seed(0)
        for idx in range(len(CATEGORIES)):
            save_weights(DAtRNet(TINY.model), self.run.weights_path(idx))
        self.store.add_run("random", "datrnet", json.dumps(TINY.to_dict()))
        self.store.update_run("random", status="finished")
        self.embedded: list[str] = []
        """The names of the pictures that were read since it was cleared."""

        def counted(
            pictures: Sequence[Path | Picture], size: int
        ) -> tuple[NDArray[np.uint8], list[int]]:
            self.embedded += [picture.name for picture in pictures]
            return read_pixels(pictures, size)

        monkeypatch.setattr(build, "read_pixels", counted)

    def draw(self, name: str, seed: int) -> None:
        pixels = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(self.place.root / name)

    def item(self, number: int, **changes: object) -> NewItem:
        labels = {"color": ("blue", "red")[number % 2], "size": ("big", "small")[number // 2 % 2]}
        item = NewItem(
            code=f"P{number}",
            title="",
            picture_path=f"{number}.png",
            split="train",
            labels=labels,
        )
        return replace(item, **changes)  # type: ignore[arg-type]

    def add(self, numbers: Iterable[int]) -> None:
        numbers = list(numbers)
        for number in numbers:
            self.draw(f"{number}.png", number)
        self.store.upsert_items([self.item(number) for number in numbers])

    def index(
        self,
        *,
        rebuild: bool = False,
        choose: bool = False,
        engine: EngineChoice | None = None,
        precision: PrecisionChoice | None = None,
    ) -> IndexReport:
        self.embedded.clear()
        catalog = Catalog.load(self.store)
        return build_index(
            self.place,
            self.store,
            catalog,
            self.run,
            rebuild=rebuild,
            choose=choose,
            engine=engine,
            precision=precision,
        )

    def searcher(self) -> Searcher:
        return Searcher(Catalog.load(self.store), Generation.current(self.place, self.store))

    def found(self, code: str, k: int = NUM_ITEMS) -> list[str]:
        searcher = self.searcher()
        query = searcher.query_of_item(searcher.catalog.row_of_code(code))
        return [result.code for result in searcher.substitutes(query, Request(k=k))]

    def lag(self) -> IndexLag:
        generation = Generation.current(self.place, self.store)
        return IndexLag.of(self.place, Catalog.load(self.store), generation)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[Shop]:
    """Return a shop with an index."""
    monkeypatch.setattr(search, "EXACT_BELOW", 0)  # so that Annoy is asked
    shop = Shop(tmp_path, monkeypatch)
    report = shop.index()
    assert (report.num_embedded, report.num_copied, report.num_exact) == (NUM_ITEMS, 0, 0)
    assert report.is_engine_new
    yield shop
    shop.store.close()


def assert_as_from_scratch(shop: Shop) -> None:
    """Compare the index with one that is built from nothing."""
    updated = shop.searcher()
    codes = [updated.catalog.codes[row] for row in updated.indexed_rows]
    answers = [shop.found(code, 5) for code in codes]
    shop.index(rebuild=True)
    rebuilt = shop.searcher()
    np.testing.assert_array_equal(updated.generation.item_ids, rebuilt.generation.item_ids)
    np.testing.assert_allclose(
        updated.generation.embeddings, rebuilt.generation.embeddings, atol=1e-6
    )
    for idx in range(len(CATEGORIES)):
        np.testing.assert_allclose(
            updated.generation.prototypes_of(idx), rebuilt.generation.prototypes_of(idx), atol=1e-6
        )
    same = [a == shop.found(code, 5) for a, code in zip(answers, codes, strict=True)]
    assert np.mean(same) > 0.9  # what Annoy misses may differ


def test_only_new_items_are_embedded_and_found_beside_annoy(shop: Shop) -> None:
    before = Generation.current(shop.place, shop.store)
    shop.add([40, 41])
    assert (len(shop.lag().new), shop.lag().outdated) == (2, "2 items are not indexed yet.")
    report = shop.index()
    assert shop.embedded == ["40.png", "41.png"]
    assert (report.num_embedded, report.num_copied, report.num_exact) == (2, NUM_ITEMS, 2)
    assert not report.is_engine_new
    after = Generation.current(shop.place, shop.store)
    np.testing.assert_array_equal(after.embeddings[:NUM_ITEMS], before.embeddings)
    assert (after.folder / "index.ann").samefile(before.folder / "index.ann")
    assert after.damaged_files() == []
    assert {"P40", "P41"} <= set(shop.found("P0"))
    assert len(shop.found("P40")) == NUM_ITEMS
    assert shop.lag().outdated == ""
    assert_as_from_scratch(shop)


def test_what_is_in_the_exact_part_is_never_missed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add([40])
    shop.index()
    (shop.place.root / "41.png").write_bytes((shop.place.root / "40.png").read_bytes())
    shop.store.upsert_items([shop.item(41)])
    shop.index()
    monkeypatch.setattr(annoy_file, "CANDIDATES_PER_RESULT", 1)
    assert shop.found("P40", 1) == ["P41"]
    searcher = shop.searcher()
    assert (40, 41) in duplicates._near_pairs(searcher, lambda done, total: None)


def test_a_replaced_photo_is_embedded_again(shop: Shop) -> None:
    shop.draw("7.png", 1000)
    lag = shop.lag()
    assert (lag.replaced.tolist(), lag.outdated) == ([7], "1 item has a new picture.")
    report = shop.index()
    assert shop.embedded == ["7.png"]
    assert (report.num_embedded, report.num_copied, report.num_exact) == (1, NUM_ITEMS - 1, 1)
    shop.store.upsert_items([shop.item(8, picture_path="7.png")])
    assert shop.lag().replaced.tolist() == [8]
    report = shop.index()
    assert (shop.embedded, report.num_exact) == (["7.png"], 2)
    assert shop.found("P7", 1) == ["P8"]
    assert shop.found("P0").count("P7") == 1
    assert_as_from_scratch(shop)


def remove(shop: Shop, *codes: str) -> None:
    with shop.store.writing() as db:
        for code in codes:
            db.execute("DELETE FROM items WHERE code = ?", [code])


def test_a_removed_item_is_out_of_the_gallery_at_once(shop: Shop) -> None:
    remove(shop, "P3", "P39")
    assert shop.lag().num_removed == 2
    assert shop.lag().outdated == ""
    assert set(shop.found("P0")) == {f"P{n}" for n in range(1, NUM_ITEMS - 1)} - {"P3"}
    catalog = Catalog.load(shop.store)
    generation = shop.searcher().generation
    protocol = Protocol(k=5, max_changes=1)
    assert assess(catalog, generation, "all", protocol).num_items == NUM_ITEMS - 2
    report = shop.index()
    assert (report.num_embedded, report.num_copied, report.num_exact) == (0, NUM_ITEMS - 2, 0)
    assert (shop.embedded, report.is_engine_new, report.is_new) == ([], False, True)
    assert shop.lag().num_removed == 0
    assert set(shop.found("P0")) == {f"P{n}" for n in range(1, NUM_ITEMS - 1)} - {"P3"}
    assert_as_from_scratch(shop)


def test_a_new_item_in_place_of_a_removed_one_is_embedded(shop: Shop) -> None:
    remove(shop, "P39")
    shop.add([50])  # SQLite gives it the free number
    shop.index()
    assert shop.embedded == ["50.png"]
    assert_as_from_scratch(shop)


def hide(shop: Shop, *codes: str) -> None:
    with shop.store.writing() as db:
        for code in codes:
            db.execute("UPDATE items SET hidden_at = '2030-01-01' WHERE code = ?", [code])


def test_hidden_items_are_queries_but_no_answers(shop: Shop) -> None:
    hide(shop, "P0", "P1")
    assert set(shop.found("P0")) == {f"P{n}" for n in range(2, NUM_ITEMS)}
    report = shop.index()
    assert shop.embedded == []
    assert report.num_copied == NUM_ITEMS


def test_most_of_what_is_near_may_be_hidden(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annoy_file, "CANDIDATES_PER_RESULT", 2)
    hide(shop, *shop.found("P0", 20))
    assert len(shop.found("P0", 10)) == 10


def test_annoy_is_built_again_when_the_exact_part_is_large(shop: Shop) -> None:
    shop.add(range(40, 44))
    assert not shop.index().is_engine_new
    shop.add([44])
    report = shop.index()
    assert shop.embedded == ["44.png"]
    assert (report.num_copied, report.num_exact, report.is_engine_new) == (44, 0, True)
    remove(shop, *(f"P{number}" for number in range(5)))
    assert shop.index().is_engine_new
    assert shop.embedded == []


def test_nothing_is_written_if_nothing_has_changed(shop: Shop) -> None:
    name = Generation.current(shop.place, shop.store).folder.name
    report = shop.index()
    assert (report.is_new, report.num_copied, shop.embedded) == (False, NUM_ITEMS, [])
    assert report.manifest.name == name
    assert len(shop.store.generations()) == 1


def test_an_update_stamps_each_item_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    stamped: list[int] = []

    def counted(catalog: Catalog, row: int) -> tuple[str, ...]:
        stamped.append(row)
        return picture_paths(catalog, row)

    monkeypatch.setattr(index_lag, "picture_paths", counted)
    shop.add([40])
    assert shop.index().num_embedded == 1
    new = NUM_ITEMS  # its contents are read too
    assert sorted(stamped) == [*range(NUM_ITEMS), new, new]


def test_a_changed_label_moves_the_prototypes_only(shop: Shop) -> None:
    before = Generation.current(shop.place, shop.store)
    shop.store.upsert_items([shop.item(0, labels={"color": "red"})])
    report = shop.index()
    assert (shop.embedded, report.is_new) == ([], True)
    after = Generation.current(shop.place, shop.store)
    assert (after.folder / "embeddings.npy").samefile(before.folder / "embeddings.npy")
    assert not np.array_equal(after.prototypes_of(0), before.prototypes_of(0))
    assert np.array_equal(after.prototypes_of(1), before.prototypes_of(1))


def test_weights_stay_until_they_are_to_be_chosen_or_there_is_a_new_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Weights(blocks=(0.5, 1.5), changed=2.0)
    monkeypatch.setattr(ranking_choice, "choose_weights", lambda *_, **__: chosen)
    shop.add([40])
    assert shop.index().manifest.weights == (1.0, 1.0)
    assert shop.index(rebuild=True).manifest.weights == (1.0, 1.0)
    assert len(shop.embedded) == 41
    manifest = shop.index(choose=True).manifest
    assert (manifest.match.weights, manifest.match.changed_weight) == ((0.5, 1.5), 2.0)
    assert (manifest.weights, manifest.changed_weight, shop.embedded) == ((0.5, 1.5), 2.0, [])
    other = replace(shop.run, path=shop.place.models / "other")
    other.create()
    for idx in range(2):
        save_weights(shop.run.load_network(idx), other.weights_path(idx))
    shop.store.add_run("other", "datrnet", "{}")
    shop.run = other
    monkeypatch.setattr(ranking_choice, "choose_weights", lambda *_, **__: Weights.equal(2))
    assert shop.index().manifest.weights == (1.0, 1.0)
    assert len(shop.embedded) == 41


def test_several_pictures_are_embedded_as_their_mean(shop: Shop) -> None:
    shop.draw("back.png", 500)
    shop.draw("side.png", 501)
    shop.store.upsert_items([shop.item(4, views=("back.png", "side.png"))])
    assert shop.lag().replaced.tolist() == [4]
    single = np.array(Generation.current(shop.place, shop.store).embeddings)
    shop.index()
    assert shop.embedded == ["4.png", "back.png", "side.png"]
    embeddings = Generation.current(shop.place, shop.store).embeddings
    others = np.arange(NUM_ITEMS) != 4
    np.testing.assert_array_equal(embeddings[others], single[others])
    pictures = [shop.place.root / name for name in ("4.png", "back.png", "side.png")]
    views = Embedder(shop.run).embed(
        np.stack([picture_pixels(picture, 16) for picture in pictures])
    )
    mean = views.mean(axis=0)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings[4], mean, atol=1e-6)
    (shop.place.root / "4.png").unlink()  # the others still show it
    shop.index()
    assert shop.lag().unreadable.tolist() == []
    assert "P4" in shop.found("P0")


def test_a_mean_has_the_length_that_embeddings_have() -> None:
    views = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(mean_view(views), views.mean(axis=0))
    by_block = views / np.linalg.norm(views, axis=2, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(mean_view(by_block), axis=1), 1, rtol=1e-5)
    whole = views / np.linalg.norm(views, axis=(1, 2), keepdims=True)
    assert np.linalg.norm(mean_view(whole)) == pytest.approx(1)
    assert not np.allclose(np.linalg.norm(mean_view(whole), axis=1), np.sqrt(0.5), atol=1e-3)
    opposite = np.stack([by_block[0], -by_block[0]])
    assert np.isfinite(mean_view(opposite)).all()


def test_an_unreadable_picture_is_known_until_it_is_replaced(shop: Shop) -> None:
    shop.store.upsert_items([shop.item(40), shop.item(41), shop.item(42)])
    (shop.place.root / "41.png").write_bytes(b"no picture")
    shop.draw("42.png", 42)
    report = shop.index()
    assert report.unreadable == ("P40", "P41")
    assert [item.item_id for item in report.manifest.unreadable] == [41, 42]
    lag = shop.lag()
    assert (lag.new.tolist(), lag.unreadable.tolist(), lag.outdated) == ([], [40, 41], "")
    (note,) = lag.notes(Catalog.load(shop.store))
    assert note.startswith("2 items have no readable picture: P40, P41. Restore or replace")
    assert not shop.index().is_new
    shop.draw("40.png", 40)
    lag = shop.lag()
    assert (lag.new.tolist(), lag.unreadable.tolist()) == ([40], [41])
    assert shop.index().unreadable == ("P41",)
    assert shop.lag().new.tolist() == []
    (shop.place.root / "0.png").unlink()
    assert shop.lag().unreadable.tolist() == [0, 41]


def test_files_that_were_damaged_are_not_taken_over(shop: Shop) -> None:
    generation = Generation.current(shop.place, shop.store)
    path = generation.folder / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    shop.add([40])
    report = shop.index()
    assert (report.num_embedded, report.num_copied) == (NUM_ITEMS + 1, 0)
    assert_as_from_scratch(shop)


def test_an_index_of_an_older_datrnet_is_read_and_then_built_again(shop: Shop) -> None:
    folder = Generation.current(shop.place, shop.store).folder
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    for name in ("unreadable", "prototypes_from", "match"):
        del manifest[name]
    del manifest["files"]["stamps.npy"]
    manifest["weights"] = [0.5, 1.5]
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    shop.draw("7.png", 1000)
    assert shop.lag().outdated == ""  # nobody knows
    assert len(shop.found("P0")) == NUM_ITEMS - 1
    with pytest.raises(IndexStaleError, match="datrnet index"):
        Generation.current(shop.place, shop.store).match_model()
    report = shop.index()
    assert Generation.current(shop.place, shop.store).match_model().weights == (1.0, 1.0)
    assert (report.num_embedded, report.num_copied) == (NUM_ITEMS, 0)
    assert report.manifest.weights == (0.5, 1.5)


def test_a_catalog_of_no_pictures_keeps_its_index(shop: Shop) -> None:
    name = Generation.current(shop.place, shop.store).folder.name
    for path in shop.place.root.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="no readable picture"):
        shop.index()
    assert Generation.current(shop.place, shop.store).folder.name == name


def test_a_touched_workspace_that_moves_keeps_its_embeddings(shop: Shop, tmp_path: Path) -> None:
    shop.store.close()
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    shop.place = Workspace(moved)
    shop.store = shop.place.open_store()
    shop.run = replace(shop.run, path=moved / "models" / "random")
    assert not shop.index().is_new
    for path in moved.glob("*.png"):  # as a copy without times has them
        os.utime(path, ns=(1, 1))
    shop.draw("3.png", 3000)
    assert shop.lag().replaced.tolist() == [3]
    assert shop.index().is_new
    assert shop.embedded == ["3.png"]
    assert not shop.index().is_new


def test_a_month_of_updates_ends_as_one_from_scratch(shop: Shop) -> None:
    rng = np.random.default_rng(3)
    number = NUM_ITEMS
    for day in range(12):
        added = range(number, number + int(rng.integers(4)))
        number = added.stop
        shop.add(added)
        codes = [code for code in Catalog.load(shop.store).codes if int(code[1:]) not in added]
        changed, gone = rng.choice(codes, size=2, replace=False)
        shop.draw(f"{changed[1:]}.png", 2000 + day)
        remove(shop, gone)
        shop.index()
        drawn = {f"{n}.png" for n in added} | {f"{changed[1:]}.png"}
        assert set(shop.embedded) == drawn
        assert gone not in shop.found(changed)
    assert_as_from_scratch(shop)


def files(shop: Shop) -> set[str]:
    folder = Generation.current(shop.place, shop.store).folder
    return {path.name for path in folder.iterdir()}


def test_block_codes_replace_annoys_file_and_take_in_items(shop: Shop) -> None:
    expected = [shop.found(f"P{number}", 5) for number in range(4)]
    report = shop.index(engine="blocks")
    assert (report.num_embedded, report.is_engine_new, report.is_new) == (0, True, True)
    assert report.manifest.engine_reason == "asked for"
    assert "codes.npy" in files(shop)
    assert "index.ann" not in files(shop)
    assert [shop.found(f"P{number}", 5) for number in range(4)] == expected
    assert not shop.index().is_new  # what was asked for stays
    remove(shop, "P3")
    assert "P3" not in shop.found("P0")
    shop.add([40])
    report = shop.index()
    assert (report.num_embedded, report.num_exact, report.is_engine_new) == (1, 0, False)
    (shop.place.root / "41.png").write_bytes((shop.place.root / "40.png").read_bytes())
    shop.store.upsert_items([shop.item(41)])
    shop.index()
    assert shop.found("P40", 1) == ["P41"]
    pairs = duplicates._near_pairs(shop.searcher(), lambda done, total: None)
    rows = shop.searcher().catalog.row_of_code
    assert (rows("P40"), rows("P41")) in pairs
    assert_as_from_scratch(shop)
    assert shop.index(engine="auto").manifest.engine == "annoy"


def test_a_codebook_is_learned_again_when_most_items_are_new(shop: Shop) -> None:
    shop.index(engine="blocks")
    shop.add(range(40, 80))
    assert not shop.index().is_engine_new
    shop.add([80])
    assert shop.index().is_engine_new


def test_a_codebook_of_another_version_is_learned_again(shop: Shop) -> None:
    shop.index(engine="blocks")
    generation = shop.searcher().generation
    codebook = generation.folder / CODEBOOK
    with np.load(codebook) as stored:
        some = {name: array for name, array in stored.items() if name != "cells"}
    np.savez(codebook, **some)
    manifest = json.loads((generation.folder / MANIFEST).read_text("utf-8"))
    manifest["files"][CODEBOOK] = asdict(FileFacts.of(codebook))
    (generation.folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    shop.add([40])
    report = shop.index()
    assert (report.num_embedded, report.is_engine_new) == (1, True)
    assert_as_from_scratch(shop)


def test_everything_works_without_annoy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shop.found("P0", 5)
    (shop.place.root / "40.png").write_bytes((shop.place.root / "0.png").read_bytes())
    shop.store.upsert_items([shop.item(40)])
    shop.index()
    monkeypatch.setitem(sys.modules, "annoy", None)
    generation = shop.searcher().generation
    assert "Annoy cannot be imported" in generation.engine_problem
    assert shop.found("P0", 6) == ["P40", *expected]
    pairs = duplicates._near_pairs(shop.searcher(), lambda done, total: None)
    assert (0, 40) in pairs
    report = shop.index()
    assert (report.manifest.engine, report.manifest.engine_reason) == (
        "exact",
        "at most 4,096 items, and Annoy cannot be imported",
    )
    assert "index.ann" not in files(shop)
    assert shop.searcher().generation.engine_problem == ""
    assert shop.found("P0", 6) == ["P40", *expected]
    assert not shop.index().is_new


def test_an_engine_that_is_not_there_is_named_with_the_fix(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(engine="annoy")
    shop.add([40])
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "annoy", None)
        with pytest.raises(ConfigError, match=r"cannot be imported.*--engine blocks") as refused:
            shop.index()
        assert len(str(refused.value).splitlines()) == 1
        assert shop.embedded == []  # said before any work
    path = Generation.current(shop.place, shop.store).folder / MANIFEST
    path.write_text(path.read_text("utf-8").replace('"engine": "annoy"', '"engine": "hologram"'))
    known = "damaged: .* engine is 'hologram'; it must be .*annoy, blocks, .*datrnet index"
    with pytest.raises(IndexStaleError, match=known):
        shop.searcher()
    assert shop.index().manifest.engine == "annoy"
    assert shop.searcher().generation.manifest.num_items == NUM_ITEMS + 1


# ── precision ────────────────────────────────────────────────────────────────


def test_an_update_embeds_in_the_precision_of_its_index(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.core.models.inference.has_bfloat16", lambda device: True)
    precise = Generation.current(shop.place, shop.store)
    assert precise.manifest.arithmetic.precision == "float32"
    report = shop.index(precision="bfloat16")
    assert (report.num_embedded, report.manifest.arithmetic.precision) == (NUM_ITEMS, "bfloat16")
    coarse = Generation.current(shop.place, shop.store)
    assert 0.99 < least_cosine(coarse.embeddings, precise.embeddings) < 0.999999
    shop.add([40])
    report = shop.index()
    assert (report.num_embedded, report.manifest.arithmetic.precision) == (1, "bfloat16")
    updated = Generation.current(shop.place, shop.store).embeddings
    shop.index(rebuild=True)
    rebuilt = Generation.current(shop.place, shop.store)
    assert rebuilt.manifest.arithmetic == report.manifest.arithmetic
    np.testing.assert_allclose(rebuilt.embeddings, updated, atol=0.01)
    assert shop.index(precision="auto").num_embedded == 0


def test_many_pictures_are_embedded_by_the_winner_of_a_trial(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, str]] = []

    def fastest(
        networks: list[DAtRNet], pixels: NDArray[np.uint8], asked: PrecisionChoice, device: object
    ) -> tuple[Way, str]:
        tried.append((len(networks), asked))
        plain = FoldedNetworks(networks)
        return Way(library="PyTorch", precision="float32", embed=plain.embed), "by what won"

    monkeypatch.setattr("datrnet.core.models.inference.fastest", fastest)
    size = TINY.model.image_size
    monkeypatch.setattr(embedder, "TRIAL_PIXELS", (NUM_ITEMS + 1) * size**2)
    assert shop.index(rebuild=True).manifest.arithmetic.precision_reason == "by PyTorch"
    shop.add([40])
    assert shop.index(rebuild=True).manifest.arithmetic.precision_reason == "by what won"
    assert tried == [(len(CATEGORIES), "auto")]


def test_an_update_keeps_the_places_on_the_map_and_new_items_come_among_them(shop: Shop) -> None:
    before = Generation.current(shop.place, shop.store)
    points = map_points(before, 0)
    shop.add([40, 41])
    shop.draw("7.png", 107)
    shop.index()
    after = Generation.current(shop.place, shop.store)
    known = np.isfinite(read_points(after)).all(axis=2)
    assert np.flatnonzero(~known[:, 0]).tolist() == [7, 40, 41]
    assert not known[:, 1].any()  # of a map that nobody has opened
    assert after.damaged_files() == []
    updated = map_points(after, 0)
    kept = np.setdiff1d(np.arange(NUM_ITEMS), [7])
    np.testing.assert_array_equal(updated[kept], points[kept])
    assert np.isfinite(updated).all()
