"""`datrnet experiment`: what it prints, what it keeps, and what it says of mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]


def test_without_a_name_the_experiments_are_listed(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path, "experiment")
    assert result.exit_code == 0
    for name in ("architecture", "table-2", "ablation", "t-sne", "sheets", "hyper-parameters"):
        assert name in result.stdout
    listed = json.loads(run(tmp_path, "experiment", "--json").stdout)
    assert len(listed) == 13


def test_an_experiment_prints_its_table_and_keeps_it(run: Run, copied: Workspace) -> None:
    result = run(copied.root, "experiment", "changes", "--split", "test", "--set", "k=3")
    assert result.exit_code == 0, result.output
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert header[:4] == ["use case", "weights", "valid queries", "queries"]
    assert header[4:7] == ["top-3", "top-3 low", "top-3 high"]
    assert len(rows) == 6
    assert all(0 <= float(row[5]) <= float(row[4]) <= float(row[6]) <= 1 for row in rows)
    folder = copied.experiments / "changes"
    page = (folder / "changes.md").read_text("utf-8")
    assert "$ datrnet experiment changes --split test --set k=3" in page
    assert {path.name for path in folder.iterdir()} == {
        "changes.csv",
        "changes.md",
        "accuracy.png",
        "outcome.json",
    }
    assert "Next: datrnet report" in result.stderr


def test_an_experiment_as_json_names_its_pictures(run: Run, copied: Workspace) -> None:
    result = run(copied.root, "experiment", "architecture", "--json")
    facts = json.loads(result.stdout)
    assert isinstance(facts["rows"][0]["parameters"], int)
    assert all(Path(path).is_file() for path in facts["pictures"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ablaton",), "No experiment is called 'ablaton'. Did you mean ablation?"),
        (("changes", "--set", "k"), "--set 'k' is not of the form NAME=VALUE."),
        (("changes", "--set", "kk=3"), "has an unknown setting 'kk'."),
        (("changes", "--set", "k=many"), "must be of type int, not 'many'."),
        (("changes", "--set", "match=some"), "match is 'some'; it must be one of used"),
        (("ablation", "--set", "base=big"), "There is no config or file 'big'"),
        (("ablation", "--set", "train.epoch=1"), "unknown setting 'epoch'. Did you mean"),
        (("hyper-parameters", "--set", "grid.kernl=[3]"), "is called 'kernl'. Did you mean kernel"),
        (("hyper-parameters", "--set", "vary=some"), "must be one of one, all"),
        (("ablation", "--set", "seeds=[]"), "seeds is []; it must name each seed once."),
        (("ablation", "--set", "seeds=[1, 1]"), "it must name each seed once."),
        (("list-length", "--set", "ks=[]"), "ks is []"),
        (("specific-prototypes", "--set", 'within=["sleeve"]'), "'sleeve'"),
    ],
)
def test_a_mistake_is_one_line_that_tells_the_mend(
    run: Run, copied: Workspace, arguments: tuple[str, ...], said: str
) -> None:
    result = run(copied.root, "experiment", *arguments)
    assert result.exit_code in (1, 2)
    told = " ".join(result.stderr.split())
    assert said in told
    assert "Traceback" not in told
    assert not list(copied.root.glob("experiments/*/outcome.json"))


def test_the_split_is_the_one_that_was_asked_for(run: Run, copied: Workspace) -> None:
    found = {}
    for split in ("train", "validation", "test", "all"):
        options = ("list-length", "--split", split, "--set", "ks=[2]", "--json")
        facts = json.loads(run(copied.root, "experiment", *options).stdout)
        assert split in facts["title"]
        stored = (copied.experiments / "list-length" / "outcome.json").read_text("utf-8")
        assert json.loads(stored)["facts"]["split"] == split
        found[split] = sum(row["queries"] for row in facts["rows"])
    assert found["all"] > found["train"] > found["test"]


def test_a_file_of_ones_own_gives_its_title(run: Run, copied: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('kind = "changes"\ntitle = "My shop"\nsplit = "train"\n[settings]\nk = 3\n')
    facts = json.loads(run(copied.root, "experiment", path, "--json").stdout)
    assert facts["title"].startswith("My shop: ")
    assert "train split" in facts["title"]
    path.write_text('kind = "changes"\nsplit = "some"')
    result = run(copied.root, "experiment", path)
    assert "split of the experiment mine is 'some'" in " ".join(result.stderr.split())


def test_the_settings_of_an_experiment_are_shown(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path, "experiment", "ablation", "--show", "--set", "train.epochs=7")
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    for word in ("base", "small", "seeds", "'epochs': 7", "num_super_categories"):
        assert word in shown
    assert not (tmp_path / "experiments").exists()


def test_settings_that_are_shown_are_checked(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path, "experiment", "ablation", "--show", "--set", "train.epochs=x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "epochs must be of type int, not 'x'" in result.stderr


def test_an_experiment_without_an_index_says_what_to_run(
    run: Run, tmp_path: Path, shop: Path
) -> None:
    assert run(tmp_path, "import", shop).exit_code == 0
    result = run(tmp_path, "experiment", "changes")
    assert result.exit_code == 1
    assert "datrnet" in result.stderr
    assert "index" in result.stderr
