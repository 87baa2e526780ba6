"""`datrnet compare` trains the paper's systems with one budget and prints its tables for them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.cli import LazyCommand
from datrnet.console.experiment import comparison_settings, minutes_of, typed_command
from datrnet.core.errors import ConfigError
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import BACKBONES
from datrnet.core.research.experiments.measurement import READINGS
from datrnet.core.research.experiments.plan import Plan
from datrnet.core.research.method_learner import MethodLearner

Run = Callable[..., Result]

SMALL = """
[model]
image_size = 32
filters = 4
num_ase = 1
stem_stride = 2
[train]
triplets = 16
"""
ROWS = [
    "Attribute-based: AlexNet",
    "Attribute-based: ResNet-50",
    "Attribute-based: ViT",
    "AMNet: AlexNet",
    "AMNet: ResNet",
    "AMNet: ViT",
    "FashionSearchNet w/o Loc",
    "FashionSearchNet",
    "ADDE-M",
    "DAtRNet",
    "Attribute-based: log-probability",
    "Plain classifier on DAtRNet's network",
]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tiny_backbone: type[Backbone]) -> None:
    for name in BACKBONES:
        monkeypatch.setitem(BACKBONES, name, tiny_backbone)


@pytest.fixture
def root(run: Run, tmp_path: Path, shop: Path) -> Path:
    assert run(tmp_path, "import", shop).exit_code == 0
    (tmp_path / "tiny.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def compare(run: Run, root: Path) -> Callable[..., Result]:
    few = ("--set", "k=3", "--set", "system.batch=12")
    return lambda *words: run(root, "compare", "--config", root / "tiny.toml", *few, *words)


def test_all_systems_are_compared_and_not_trained_twice(compare: Run, root: Path) -> None:
    shown = compare("--epochs", 1, "--json")
    assert shown.exit_code == 0, shown.output
    facts = json.loads(shown.stdout)
    assert [row["system"] for row in facts["rows"]] == ROWS
    for row in facts["rows"]:
        assert 0 <= row["query + attribute: top-3 low"] <= row["query + attribute: top-3"] <= 1
        assert row["ranked by"] in READINGS.values()
    tables = {table["title"]: table["rows"] for table in facts["further"]}
    compared, *_, trade_off = (
        rows for title, rows in tables.items() if title.startswith(("Difference", "The trade-off"))
    )
    *by_reading, by_category, qualities, costs = list(tables.values())[-6:]
    assert len(compared) == len(trade_off) == len(ROWS) - 1
    reference = next(title for title in tables if title.startswith("Difference to "))[14:]
    for row in compared:
        assert row["system"] != reference
        assert row["query: top-3 low"] <= row["query: top-3"] <= row["query: top-3 high"]
    equal, chosen, match = by_reading
    assert [row["query: NDCG@3"] is None for row in equal] == [False] * len(ROWS)
    for row in (chosen[3], match[3], match[8]):
        assert row["query: NDCG@3"] is None, "AMNet cannot be weighed; memories are no positions"
    assert match[0]["query: NDCG@3"] > 0
    assert [row["system"] for row in qualities] == ROWS
    for row in by_category:
        assert 0 <= row["colour"] <= 1
        assert min(row["colour"], row["pattern"]) <= row["macro mean"]
    for row in costs:
        assert row["parameters"] > 100
        assert row["µs to rank a query"] > 0
    again = compare("--epochs", 1, "--json")
    assert json.loads(again.stdout)["rows"] == facts["rows"]
    assert "epoch" not in again.stderr
    page = (root / "experiments" / "comparison" / "comparison.md").read_text()
    assert "$ datrnet compare --epochs 1" in page
    assert "for 1 epoch each, which the stages of a system share, one at the least," in page
    assert "is nearly the whole split" not in page
    assert "(table 2)" in page
    assert "±" not in page
    assert "![trade-off](trade-off.png)" in page
    points = (root / "experiments" / "comparison" / "trade-off.csv").read_text().splitlines()
    assert sum(line.startswith("DAtRNet,") for line in points) == 3 * 7
    assert sum(line.startswith("AMNet: ViT,") for line in points) == 1


def test_a_list_as_long_as_the_split_is_remarked(compare: Run) -> None:
    words = ("--epochs", 1, "--systems", "attribute-based-alexnet", "--set", "k=12", "--json")
    shown = compare(*words)
    assert shown.exit_code == 0, shown.output
    assert "The split has 12 items and a list 12" in json.loads(shown.stdout)["notes"][0]


def test_several_seeds_show_their_spread(compare: Run, root: Path) -> None:
    words = ("--systems", "datrnet,adde-m", "--systems", "AMNet: ResNet", "--seeds", 2)
    facts = json.loads(compare("--epochs", 1, *words, "--json").stdout)
    rows = ["AMNet: ResNet", "ADDE-M", "DAtRNet", "Plain classifier on DAtRNet's network"]
    assert [row["system"] for row in facts["rows"]] == rows
    assert all(row["query: top-3 deviation"] >= 0 for row in facts["rows"])
    (by_category,) = (table for table in facts["further"] if "table 2" in table["title"])
    for row in by_category["rows"]:
        assert {"colour deviation", "pattern deviation", "macro mean deviation"} <= set(row)
        assert row["macro mean"] == pytest.approx((row["colour"] + row["pattern"]) / 2)
    assert len(list((root / "experiments" / "comparison" / "runs").iterdir())) == 8
    assert "±" in (root / "experiments" / "comparison" / "comparison.md").read_text()


def test_the_reference_can_be_named_and_what_is_trained_is_measured_again(
    compare: Run, root: Path
) -> None:
    words = ("--systems", "attribute-based-alexnet,adde-m", "--epochs", 1, "--json")
    named = ("--set", "reference=ADDE-M")
    first = compare(*words, *named)
    facts = json.loads(first.stdout)
    assert facts["further"][0]["title"] == "Difference to ADDE-M"
    assert any("(the setting reference)" in note for note in facts["notes"])
    for path in root.glob("experiments/comparison/runs/*/figures-*.npz"):
        path.unlink()  # as an older version left it
    again = compare(*words, *named)
    assert json.loads(again.stdout)["further"][0] == facts["further"][0]
    assert "Measuring 1 of 2" in again.stderr
    assert "epoch" not in again.stderr
    assert "seed" not in again.stderr
    wrong = compare(*words, "--set", "reference=DAtRNat")
    assert "row to compare with" in wrong.stderr


def test_a_stopped_comparison_goes_on_where_it_was(
    compare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    prepare_stage = MethodLearner.prepare_stage

    def watched(self: MethodLearner, stage: int) -> None:
        trained.append(f"{self.network.name}: {self.stages[stage].name}")
        if len(trained) == 3:
            raise KeyboardInterrupt
        prepare_stage(self, stage)

    monkeypatch.setattr(MethodLearner, "prepare_stage", watched)
    words = ("--epochs", 2, "--systems", "fashionsearchnet-without-loc,adde-m")
    assert compare(*words).exit_code == 130
    done = compare(*words)
    assert done.exit_code == 0
    first = [f"fashionsearchnet-without-loc: {stage}" for stage in ("activation maps", "local")]
    last = "fashionsearchnet-without-loc: global"
    assert trained == [*first, last, last, "adde-m: encoder", "adde-m: manipulation"]


def test_a_budget_of_time_holds_for_datrnet_too(compare: Run, root: Path) -> None:
    done = compare("--budget", "2s", "--systems", "datrnet,adde-m", "--json")
    assert done.exit_code == 0, done.output
    (costs,) = [
        table for table in json.loads(done.stdout)["further"] if table["title"] == "What it takes"
    ]
    for row in costs["rows"]:
        assert row["seconds to train"] >= 1, row  # epochs would be over far sooner
    assert "2 of 3: DAtRNet" in done.stderr


def test_frozen_features_are_kept_once_for_all(compare: Run, root: Path) -> None:
    words = ("--pretrained", "--set", "model.image_size=32", "--seeds", 1, "--epochs", 1)
    names = ("attribute-based", "amnet", "adde-m", "datrnet-on-backbone")
    done = compare(*words, "--systems", ",".join(names), "--json")
    assert done.exit_code == 0, done.output
    kept = sorted((root / "features").iterdir())
    # of the pictures to train on and to measure on; no item validates here
    assert len(kept) == 2 * 2, "the features of three systems, and both for the maps of one"
    before = {path: path.stat().st_mtime_ns for path in kept}
    names = ("adde-m", "fashionsearchnet", "fashionsearchnet-without-loc")
    assert compare(*words, "--systems", ",".join(names), "--json").exit_code == 0
    assert before == {path: path.stat().st_mtime_ns for path in kept}
    assert len([*(root / "features").iterdir()]) == 2 * 3, "the finer map of two"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--systems", "ade-m"), "is called 'ade-m'. Did you mean adde-m"),
        (("--systems", ","), "--systems is empty. List systems, as in --systems adde-m"),
        (("--systems", "zzz"), "fashionsearchnet-w-o-loc"),
        (("--budget", "ten"), "'ten' is not a time. Write 90s, 10m or 1h30m."),
        (("--budget", "5m", "--epochs", 2), "use only one"),
        (("--set", "system.backbone_weights=none.pt", "--systems", "adde-m"), "none.pt"),
        (("--set", "system.backbone=vit_b_16"), "system.backbone has no effect: every row"),
        (("--config", "smal"), "There is no config or file 'smal'"),
        (("--set", "sistem.batch=3"), "unknown setting 'sistem'"),
    ],
)
def test_a_mistake_is_one_line(compare: Run, words: tuple[str, ...], said: str) -> None:
    done = compare(*words)
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "Reading pictures" not in done.stderr  # nothing long is begun before


@pytest.mark.parametrize(
    ("text", "minutes"), [("90s", 1.5), ("10m", 10), ("1h30m", 90), (" 2H ", 120), ("1m30s", 1.5)]
)
def test_a_time_is_read(text: str, minutes: float) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "10m5h", "-5m", "1.5h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time"):
        minutes_of(text)


def test_the_command_repeats_what_was_typed() -> None:
    typed = [
        "--pretrained",
        "--seeds",
        "3",
        "--systems",
        "AMNet: ViT",
        "--workspace",
        "x",
        "--json",
    ]
    ctx = LazyCommand("compare").load().make_context("compare", typed)
    assert typed_command(ctx) == "datrnet compare --systems 'AMNet: ViT' --seeds 3 --pretrained"


def test_the_help_says_how_many_seeds_are_the_default() -> None:
    number, pretrained = (
        len(Plan.load(name).settings["seeds"]) for name in ("comparison", "comparison-pretrained")
    )
    (option,) = (param for param in LazyCommand("compare").load().params if param.name == "seeds")
    assert option.show_default == f"{number}, with --pretrained {pretrained}"


def test_options_become_settings_of_the_experiment() -> None:
    settings = comparison_settings(["AMNet: ViT"], budget="10m", seeds=3, config="a \\ 'b'.toml")
    plan = Plan.load("comparison-pretrained").with_settings(settings)
    assert plan.settings["systems"] == ["AMNet: ViT"]
    assert plan.settings["base"] == "a \\ 'b'.toml"
    assert plan.settings["seeds"] == [0, 1, 2]
    assert plan.settings["system"]["frozen"] is True
    assert plan.settings["system"]["minutes"] == 10
