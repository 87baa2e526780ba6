"""The whole way through the command line: import, train, index, search, evaluate, info."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from datrnet.cli import app
from datrnet.console.output import local_time
from datrnet.console.progress import TrainingProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.progress import EpochDone, TrainEvent

Run = Callable[..., Result]


def test_import_says_what_was_taken_as_what(run: Run, shop: Path, tmp_path: Path) -> None:
    result = run(tmp_path, "import", shop)
    assert result.exit_code == 0
    assert "super-category" in result.stdout
    assert "48 items added" in result.stdout
    assert "Next: datrnet train" in result.stderr


def test_a_second_import_adds_nothing(run: Run, copied: Workspace, shop: Path) -> None:
    facts = json.loads(run(copied.root, "import", shop, "--json").stdout)
    assert (facts["added"], facts["updated"], facts["unchanged"]) == (0, 0, 48)


def test_bad_rows_are_listed_by_line_and_skipped(run: Run, tmp_path: Path, shop: Path) -> None:
    lines = shop.read_text().splitlines()
    lines[3] = lines[3].replace("images/2.png", "images/none.png")
    table = tmp_path / "some.csv"
    table.write_text("\n".join(lines[:7]) + "\n")
    result = run(tmp_path / "workspace", "import", table, "--images", shop.parent)
    assert result.exit_code == 0
    assert "5 items added" in result.stdout
    assert "line 4:" in result.stdout


def test_training_prints_accuracies_and_keeps_a_log(ready: Path) -> None:
    run_folder = next((ready / "models").iterdir())
    log = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    assert [(entry["super_category"], entry["epoch"]) for entry in log] == [
        ("colour", 1),
        ("colour", 2),
        ("pattern", 1),
        ("pattern", 2),
    ]


def test_an_interrupted_training_resumes_at_the_next_epoch(
    run: Run, copied: Workspace, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = TrainingProgress.__call__

    def interrupting(self: TrainingProgress, event: TrainEvent) -> None:
        original(self, event)
        if isinstance(event, EpochDone) and event.super_category == "pattern":
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingProgress, "__call__", interrupting)
    result = run(copied.root, "train", "--config", tiny_config, "--seed", 5)
    assert result.exit_code == 130
    assert "datrnet train --resume" in result.stderr
    monkeypatch.undo()

    result = run(copied.root, "train", "--resume", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert [result["epochs"] for result in facts["results"]] == [2, 2]
    log = (copied.models / facts["run"] / "log.jsonl").read_text().splitlines()
    epochs = [(json.loads(line)["super_category"], json.loads(line)["epoch"]) for line in log]
    assert epochs == [("colour", 1), ("colour", 2), ("pattern", 1), ("pattern", 2)]


def test_epochs_and_seed_take_the_place_of_the_configs(
    run: Run, copied: Workspace, tiny_config: Path
) -> None:
    options = ("--epochs", 1, "--seed", 9, "--super-category", "colour", "--json")
    result = run(copied.root, "train", "--config", tiny_config, *options)
    facts = json.loads(result.stdout)
    assert [(result["super_category"], result["epochs"]) for result in facts["results"]] == [
        ("colour", 1)
    ]
    stored = json.loads((copied.models / facts["run"] / "run.json").read_text())
    assert stored["config"]["train"]["seed"] == 9
    assert "colour: epoch 1 of 1" in result.stderr


def test_index_prints_its_recall(run: Run, copied: Workspace) -> None:
    result = run(copied.root, "index")
    assert result.exit_code == 0
    assert "recall@30" in result.stdout
    facts = json.loads(run(copied.root, "index", "--json").stdout)
    assert facts["num_items"] == 48
    assert 0.9 <= facts["recall_at_30"] <= 1
    assert set(facts["weights"]) == {"colour", "pattern"}


def test_index_counts_pictures_that_are_gone(
    run: Run, tmp_path: Path, copied: Workspace, shop: Path
) -> None:
    rows = shop.read_text().splitlines()
    (tmp_path / "more").mkdir()
    extra = tmp_path / "more" / "x.png"
    extra.write_bytes((shop.parent / "images" / "0.png").read_bytes())
    table = tmp_path / "more" / "catalog.csv"
    table.write_text(f"{rows[0]}\nextra,x.png,Extra,train,Red,plain\n")
    assert run(copied.root, "import", table).exit_code == 0
    extra.unlink()
    result = run(copied.root, "index", "--json")
    assert json.loads(result.stdout)["unreadable"] == ["extra"]
    assert "unreadable pictures: extra" in result.stderr


def test_evaluate_tells_the_three_use_cases(run: Run, ready: Path) -> None:
    result = run(ready, "evaluate", "-k", 5)
    assert result.exit_code == 0
    for words in ("query only", "one change", "2 changes", "top-5", "Weights:", "is the share of"):
        assert words in result.stdout


def test_evaluate_as_json_has_every_figure(run: Run, ready: Path) -> None:
    options = ("--split", "all", "-k", 5, "--changes", 1, "--equal-weights", "--exclude-query")
    facts = json.loads(run(ready, "evaluate", *options, "--json").stdout)
    assert [use_case["num_changes"] for use_case in facts["use_cases"]] == [0, 1]
    assert set(facts["use_cases"][1]["by_super_category"]) == {"colour", "pattern"}
    assert facts["weights"] == {"blocks": [1.0, 1.0], "changed": 1.0}
    assert facts["protocol"]["query_takes_rank"] == "never"
    assert 0 <= facts["use_cases"][1]["overall"]["top_k_accuracy"]["value"] <= 1


def test_evaluate_ranks_by_match_scores_too(run: Run, ready: Path) -> None:
    facts = json.loads(run(ready, "evaluate", "--ranking", "match", "--json").stdout)
    index = json.loads(run(ready, "index", "--json").stdout)
    assert facts["weights"]["blocks"] == list(index["match_weights"].values())
    assert index["calibrations"]["colour"]["num_items"] == 12
    refused = run(ready, "evaluate", "--ranking", "match", "--within", "colour")
    assert "Match scores do not use prototypes within colour" in refused.stderr


def test_info_shows_items_runs_and_index(run: Run, ready: Path) -> None:
    result = run(ready, "info", "--check")
    assert result.exit_code == 0
    for words in ("48 items", "train 24", "colour", "97.9 %", "finished", "checksums", "correct"):
        assert words in result.stdout
    facts = json.loads(run(ready, "info", "--json").stdout)
    assert facts["items_by_split"] == {"train": 24, "validation": 12, "test": 12}
    assert facts["index"]["num_unindexed"] == 0


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_info_keeps_names_and_times_of_runs_whole(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    (facts,) = json.loads(run(ready, "info", "--json").stdout)["runs"]
    shown = run(ready, "info").stdout
    runs = shown[shown.rindex("extra weight") :]
    for whole in (facts["name"], "finished", local_time(facts["started_at"])):
        assert whole in runs
    assert max(map(len, shown.splitlines())) <= columns


def test_info_works_without_runs_and_index(run: Run, tmp_path: Path, shop: Path) -> None:
    run(tmp_path, "import", shop)
    result = run(tmp_path, "info")
    assert result.exit_code == 0
    assert "There is no index yet" in result.stdout
    assert run(tmp_path, "info", "--check").exit_code == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("interrupted", "Run `datrnet train --resume` and `datrnet index`."),
        ("running", "Run `datrnet train --resume` and `datrnet index`."),  # killed: no lock is held
        ("finished", "Run `datrnet index`."),
        ("missing", "Run `datrnet train` and `datrnet index`."),
    ],
)
def test_without_an_index_info_names_the_next_step(
    run: Run, tmp_path: Path, shop: Path, status: Any, advice: str
) -> None:
    run(tmp_path, "import", shop)
    with Workspace(tmp_path).open_store() as store:
        store.add_run("mine", "datrnet", "{}")
        if status != "missing":
            (tmp_path / "models" / "mine").mkdir(parents=True)
            store.update_run("mine", status=status)
    problem = json.loads(run(tmp_path, "info", "--json").stdout)["index"]["problem"]
    assert problem == f"There is no index yet. {advice}"


def test_a_diverged_run_is_called_so_and_not_to_be_resumed(
    run: Run, tmp_path: Path, shop: Path, tiny_config: Path
) -> None:
    run(tmp_path, "import", shop)
    config = tmp_path / "diverging.toml"
    config.write_text(
        f"{tiny_config.read_text()}".replace("[train]", "[train]\nlearning_rate = 1e18")
    )
    result = run(tmp_path, "train", "--config", config, "--super-category", "colour")
    assert result.exit_code == 1
    assert "Training diverged" in result.stderr
    facts = json.loads(run(tmp_path, "info", "--json").stdout)
    assert [row["status"] for row in facts["runs"]] == ["diverged"]
    assert facts["index"]["problem"].endswith("Run `datrnet train` and `datrnet index`.")
    refused = run(tmp_path, "train", "--resume").stderr
    assert "cannot be resumed. Training diverged" in refused
    assert "Lower train.learning_rate" in refused


def test_resuming_skips_a_run_that_diverged(run: Run, copied: Workspace, tiny_config: Path) -> None:
    run(copied.root, "train", "--config", tiny_config, "--super-category", "colour")
    with copied.open_store() as store:
        sound = store.runs()[-1].name
        store.update_run(sound, status="interrupted")
        store.add_run("wild", "datrnet", "{}")
        store.update_run("wild", status="interrupted")
    shutil.copytree(copied.models / sound, copied.models / "wild")
    (copied.models / "wild" / "diverged.txt").write_text("Training diverged.")
    resumed = run(copied.root, "train", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "Skipping wild: its training diverged." in resumed.stderr
    assert f"Resuming {sound}" in resumed.stderr


def test_times_are_shown_in_the_time_zone_of_the_user(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "XST-05:30")
    time.tzset()
    try:
        (facts,) = json.loads(run(ready, "info", "--json").stdout)["runs"]
        local = datetime.fromisoformat(facts["started_at"]) + timedelta(hours=5, minutes=30)
        assert f"{local:%Y-%m-%d %H:%M}" in run(ready, "info").stdout
    finally:
        monkeypatch.undo()
        time.tzset()


def test_info_tells_of_a_damaged_index(run: Run, copied: Workspace) -> None:
    generation = next(copied.indexes.iterdir())
    embeddings = generation / "embeddings.npy"
    data = bytearray(embeddings.read_bytes())
    data[-1] ^= 1
    embeddings.write_bytes(data)
    assert run(copied.root, "info").exit_code == 0
    result = run(copied.root, "info", "--check")
    assert result.exit_code == 1
    assert "wrong: embeddings.npy" in result.stdout
    embeddings.write_bytes(data[: len(data) // 2])
    result = run(copied.root, "info")
    assert result.exit_code == 0
    assert "damaged" in result.stdout


def test_the_workspace_may_be_named_before_the_command(ready: Path) -> None:
    result = CliRunner().invoke(app, ["--workspace", str(ready), "info", "--json"])
    assert json.loads(result.stdout)["workspace"] == str(ready)
