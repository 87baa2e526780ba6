"""The compared systems go the way of DAtRNet: train, index, search, evaluate."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import BACKBONES
from datrnet.core.research.method_learner import MethodLearner

Run = Callable[..., Result]

SYSTEMS = (
    "attribute-based",
    "amnet",
    "fashionsearchnet",
    "fashionsearchnet-without-loc",
    "adde-m",
    "datrnet-on-backbone",
)

SMALL = """
[model]
image_size = 32
[train]
epochs = 3
[system]
backbone = "tiny"
batch = 12
"""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tiny_backbone: type[Backbone]) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", tiny_backbone)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small-system.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def root(run: Run, tmp_path: Path, shop: Path) -> Path:
    assert run(tmp_path, "import", shop).exit_code == 0
    return tmp_path


@pytest.mark.parametrize("system", [name for name in SYSTEMS if "without" not in name])
def test_a_system_is_trained_indexed_searched_and_evaluated(
    run: Run, root: Path, config: Path, system: str
) -> None:
    trained = run(root, "train", "--config", config, "--system", system, "--json")
    assert trained.exit_code == 0, trained.output
    name = json.loads(trained.stdout)["run"]
    assert name.startswith(system)
    assert run(root, "index").exit_code == 0
    found = json.loads(run(root, "search", "item-1", "--set", "colour=Black", "--json").stdout)
    assert len(found["substitutes"]) > 5
    figures = json.loads(run(root, "evaluate", "-k", 3, "--json").stdout)
    assert figures["run_name"] == name
    assert [case["overall"]["num_queries"] > 0 for case in figures["use_cases"]] == [True] * 3
    (row,) = json.loads(run(root, "info", "--json").stdout)["runs"]
    assert row["status"] == "finished"
    report = run(root, "report")
    assert report.exit_code == 0, report.output
    assert system in Path(report.stdout.strip()).read_text("utf-8")


@pytest.mark.parametrize("system", ["fashionsearchnet", "adde-m"])
def test_a_backbone_that_stays_as_it_is(
    run: Run, root: Path, config: Path, shop: Path, system: str
) -> None:
    options = ("--config", config, "--system", system, "--frozen", "--json")
    trained = run(root, "train", *options)
    assert trained.exit_code == 0, trained.output
    assert len(list((root / "features").glob("*.npy"))) == 1
    assert run(root, "index").exit_code == 0
    photo = next(shop.parent.rglob("*.png"))
    found = run(root, "search", photo, "--set", "colour=Black", "--json")
    assert found.exit_code == 0, found.output
    assert len(json.loads(found.stdout)["substitutes"]) > 5


def test_runs_of_several_systems_stand_beside_each_other(
    run: Run, root: Path, config: Path
) -> None:
    for system in ("attribute-based", "adde-m"):
        assert run(root, "train", "--config", config, "--system", system).exit_code == 0
        assert run(root, "index").exit_code == 0
        assert run(root, "experiment", "table-3", "--set", "k=3").exit_code == 0
    facts = json.loads(run(root, "experiment", "table-3", "--set", "k=3", "--json").stdout)
    assert {row["system"] for row in facts["rows"]} == {"attribute-based", "adde-m"}


def test_an_interrupted_system_goes_on_with_the_next_stage(
    run: Run, root: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    prepare_stage = MethodLearner.prepare_stage

    def interrupted(self: MethodLearner, stage: int) -> None:
        begun.append(self.stages[stage].name)
        if len(begun) == 2:
            raise KeyboardInterrupt
        prepare_stage(self, stage)

    monkeypatch.setattr(MethodLearner, "prepare_stage", interrupted)
    assert run(root, "train", "--config", config, "--system", "adde-m").exit_code == 130
    assert run(root, "train", "--resume").exit_code == 0
    assert begun == ["encoder", "manipulation", "manipulation"]


def test_training_by_the_clock_ends(run: Run, root: Path, config: Path) -> None:
    options = ("--system", "amnet", "--minutes", 0.005)
    result = run(root, "train", "--config", config, *options)
    assert result.exit_code == 0
    assert "amnet: classification, epoch 1, loss" in result.stderr
    assert "triplets" not in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--system", "adde"), "No system is called 'adde'. Did you mean adde-m"),
        (("--system", "adde-m", "--backbone", "alex"), "No backbone is called 'alex'."),
        (("--backbone", "tiny"), "DAtRNet has no backbone"),
        (("--frozen",), "DAtRNet has no backbone"),
        ((), "DAtRNet has no backbone"),  # the config names one
        (("--system", "amnet", "--minutes", 0), "--minutes must be above 0"),
        (("--system", "amnet", "--minutes", 1, "--epochs", 2), "use only one"),
        (("--system", "adde-m", "--backbone-weights", "FILE"), "FILE"),
    ],
)
def test_a_mistake_is_one_line(
    run: Run, root: Path, config: Path, options: tuple[str, ...], said: str
) -> None:
    weights = root / "other.pt"
    torch.save({"layers.0.weight": torch.zeros(2, 2)}, weights)
    words = [str(weights) if word == "FILE" else word for word in options]
    result = run(root, "train", "--config", config, *words)
    assert result.exit_code in (1, 2)
    assert said.replace("FILE", str(weights)) in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not list((root / "models").glob("*"))  # no run that could only fail again


def test_info_tells_of_runs_that_died_or_are_gone(run: Run, root: Path, config: Path) -> None:
    for system in ("attribute-based", "amnet"):
        assert run(root, "train", "--config", config, "--system", system).exit_code == 0
    with Workspace(root).open_store() as store:
        store.update_run(store.runs()[0].name, status="running")  # as after a kill
        gone = store.runs()[1].name
    shutil.rmtree(root / "models" / gone)
    facts = json.loads(run(root, "info", "--json").stdout)
    assert [row["status"] for row in facts["runs"]] == ["interrupted", "missing"]
    folder = root / "models" / facts["runs"][0]["name"]
    with FileLock(folder / "lock"):
        assert "running" in run(root, "info").stdout


def test_a_system_without_its_weights_says_so(run: Run, root: Path, config: Path) -> None:
    assert run(root, "train", "--config", config, "--system", "attribute-based").exit_code == 0
    (folder,) = (root / "models").iterdir()
    (folder / "system.safetensors").unlink()
    result = run(root, "index")
    assert result.exit_code == 1
    assert "system.safetensors are missing" in " ".join(result.stderr.split())
