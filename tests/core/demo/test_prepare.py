"""The demo workspace: made once, repaired where something is missing, never over another's."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from datrnet.console.demo import show_sample
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, ModelConfig
from datrnet.core.demo import prepare
from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.prepare import DemoShop, prepare_demo
from datrnet.core.errors import CheckpointError, DataError
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.db.rows import NewItem, SuperCategory
from datrnet.db.store import Store

NUM_ITEMS = 12


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as it ships, with untrained networks."""
    torch.set_num_threads(1)
    model = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8)
    run = RunFolder(
        path=tmp_path_factory.mktemp("weights"),
        config=Config(name="demo", model=model),
        super_categories=tuple(
            SuperCategory(name=name, values=tuple(sorted(values)))
            for name, values in SUPER_CATEGORIES.items()
        ),
    )
    run.create()
    for idx in range(len(run.super_categories)):
        save_weights(DAtRNet(model), run.weights_path(idx))
    return run.path


@pytest.fixture(autouse=True)
def _shipped(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "shipped_run", lambda: weights)


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "shipped_run", lambda: weights)
        prepare_demo(Workspace(root), NUM_ITEMS, 3)
    return root


@pytest.fixture
def demo(made: Path, tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(made, tmp_path / "demo"))


def test_the_demo_is_drawn_imported_and_indexed(demo: Workspace) -> None:
    with demo.open_store() as store:
        assert len(store.picture_stamps()) == NUM_ITEMS
        assert [(run.name, run.status) for run in store.runs()] == [("demo", "finished")]
        generation = store.current_generation()
    assert generation is not None
    assert generation.num_items == NUM_ITEMS


def test_a_second_call_does_nothing(demo: Workspace) -> None:
    steps: list[str] = []
    shop = prepare_demo(demo, on_progress=lambda step, done, total: steps.append(step))
    assert shop == DemoShop(num_items=NUM_ITEMS, seed=3)
    assert steps == []


def test_what_is_missing_is_made_again(demo: Workspace) -> None:
    shutil.rmtree(demo.indexes)
    steps: set[str] = set()
    prepare_demo(demo, on_progress=lambda step, done, total: steps.add(step))
    assert "Embedding" in steps
    assert "Drawing garments" not in steps


def test_an_interrupted_drawing_goes_on(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    def interrupt(step: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_demo(workspace, NUM_ITEMS, 3, interrupt)
    assert prepare_demo(workspace) == DemoShop(num_items=NUM_ITEMS, seed=3)


def test_another_seed_draws_the_demo_anew(demo: Workspace) -> None:
    before = (demo.demo / "catalog.csv").read_bytes()
    assert prepare_demo(demo, seed=4) == DemoShop(num_items=NUM_ITEMS, seed=4)
    assert (demo.demo / "catalog.csv").read_bytes() != before
    with demo.open_store() as store:
        assert len(store.picture_stamps()) == NUM_ITEMS


def test_a_demo_with_other_items_is_not_replaced(demo: Workspace) -> None:
    with demo.open_store() as store:
        own = NewItem(code="own", title="", picture_path="own.jpg", split="train")
        store.upsert_items([own])
    with pytest.raises(DataError, match=r"imported items \(1\)"):
        prepare_demo(demo, seed=4)
    assert json.loads((demo.demo / "demo.json").read_text())["seed"] == 3


def test_another_catalog_is_left_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create_store().close()
    with pytest.raises(DataError, match="not the demo"):
        prepare_demo(workspace)
    assert not workspace.demo.exists()


def test_absent_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Path:
        raise CheckpointError("This installation lacks the weights of the demo.")

    monkeypatch.setattr(prepare, "shipped_run", absent)
    with pytest.raises(CheckpointError, match="lacks the weights"):
        prepare_demo(Workspace(tmp_path), NUM_ITEMS, 3)


def label_by_hand(store: Store) -> None:
    store.set_label(1, "sleeve", None, "person")


def undo_a_label(store: Store) -> None:
    label_by_hand(store)
    store.undo_label()


def start_a_session(store: Store) -> None:
    store.start_session("shirts")


def delete_a_session(store: Store) -> None:
    store.delete_session(store.start_session("shirts"))


def judge_a_pair(store: Store) -> None:
    store.judge_pair(1, 2, "distinct")


def train_a_run(store: Store) -> None:
    store.add_run("mine", "datrnet", "{}")


def evaluate_the_index(store: Store) -> None:
    store.add_evaluation(
        run_name="demo", generation="x", split="test", protocol_json="{}", results_json="{}"
    )


@pytest.mark.parametrize(
    ("work", "named"),
    [
        (label_by_hand, r"labels set manually \(1\), label changes \(1\)"),
        (undo_a_label, r"label changes \(1\)"),
        (start_a_session, r"sessions \(1\)"),
        (delete_a_session, r"sessions \(1\)"),
        (judge_a_pair, r"verdicts on duplicates \(1\)"),
        (train_a_run, r"training runs \(1\)"),
        (evaluate_the_index, r"evaluations \(1\)"),
    ],
)
def test_a_demo_with_work_in_it_is_not_replaced(
    demo: Workspace, work: Callable[[Store], None], named: str
) -> None:
    with demo.open_store() as store:
        work(store)
    with pytest.raises(DataError, match=named) as caught:
        prepare_demo(demo, NUM_ITEMS + 1)
    assert "--workspace" in caught.value.hint
    assert json.loads((demo.demo / "demo.json").read_text())["num_items"] == NUM_ITEMS
    assert prepare_demo(demo) == DemoShop(num_items=NUM_ITEMS, seed=3)  # still opens as it is


def test_a_demo_with_files_in_it_is_not_replaced(demo: Workspace) -> None:
    (demo.demo / "my-catalog.csv").touch()
    with pytest.raises(DataError, match="files"):
        prepare_demo(demo, seed=4)
    assert (demo.demo / "my-catalog.csv").exists()


def rename_color(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace("color", "colour"), "utf-8")


def test_a_finished_demo_of_version_0_1_keeps_its_names(demo: Workspace) -> None:
    rename_color(demo.demo / "catalog.csv")
    rename_color(demo.models / "demo" / "run.json")
    for path in (demo.models / "demo").glob("1-color.*"):
        path.rename(path.with_name(path.name.replace("color", "colour")))
    with sqlite3.connect(demo.catalog_path) as connection:
        connection.execute("UPDATE super_categories SET name = 'colour' WHERE name = 'color'")
    connection.close()
    shutil.rmtree(demo.indexes)
    steps: set[str] = set()
    prepare_demo(demo, on_progress=lambda step, done, total: steps.add(step))
    assert "Embedding" in steps
    assert "Drawing garments" not in steps
    with demo.open_store() as store:
        assert store.super_categories()[0].name == "colour"
    show_sample(demo)
    assert prepare_demo(demo, seed=4).seed == 4  # replaced, as it holds no work
    with demo.open_store() as store:
        assert store.super_categories()[0].name == "color"


def test_an_unfinished_demo_of_version_0_1_is_drawn_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.demo.mkdir()
    (workspace.demo / "demo.json").write_text(f'{{"num_items": {NUM_ITEMS}, "seed": 3}}')
    (workspace.demo / "catalog.csv").write_text("id,image,title,split,colour\n")
    assert prepare_demo(workspace) == DemoShop(num_items=NUM_ITEMS, seed=3)
    with workspace.open_store() as store:
        assert store.super_categories()[0].name == "color"
