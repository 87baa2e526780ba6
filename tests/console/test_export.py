"""`datrnet export`, and `datrnet import` of what it wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_a_workspace_goes_out_and_comes_in_again(run: Run, ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    result = run(ready, "export", folder, "--triplets", 30)
    assert result.exit_code == 0, result.output
    assert "24 train items, 12 test items, 30 triplets" in result.stdout
    assert "Validation items skipped: 12; --with-validation" in " ".join(result.stdout.split())
    root = result.stderr.split("Its image root is ")[1].strip()
    result = run(
        tmp_path / "again",
        "import",
        folder,
        *("--format", "adde", "--images", root),
        *("--names", folder / "values.json", "--json"),
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["added"], facts["problems"]) == (36, [])
    assert facts["plan"]["attributes"] == ["colour", "pattern"]
    assert "Next: datrnet train" in result.stderr


def test_json_of_an_export_is_complete(run: Run, ready: Path, tmp_path: Path) -> None:
    result = run(ready, "export", tmp_path / "splits", "--json", "--with-validation")
    facts = json.loads(result.stdout)
    assert facts["num_values"] == {"colour": 3, "pattern": 2}
    assert (facts["num_train"], facts["num_triplets"]) == (36, 40_000)
    assert facts["folder"] == str(tmp_path / "splits")
    assert Path(facts["image_root"]).name == "images"


def test_a_folder_of_somebody_else_is_one_clear_line(run: Run, ready: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    result = run(ready, "export", tmp_path)
    assert result.exit_code == 1
    assert "Error:" in result.stderr
    assert "--force" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--names", "a.json"], "--names is for --format adde only. Add --format"),
        (["--crop"], "--crop is for --format deepfashion only."),
        (
            ["--format", "adde", "--annotation", "fine"],
            "--annotation is for --format deepfashion only",
        ),
        (["--format", "adde", "--id", "sku"], "--id is for CSV and JSON Lines files only."),
    ],
)
def test_an_option_of_another_format_is_told(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = run(tmp_path / "workspace", "import", tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_without_a_format_is_told(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path / "workspace", "import", tmp_path)
    assert result.exit_code == 1
    assert "or specify the data set format with --format" in result.stderr


def test_skipped_lines_are_listed_with_their_file(run: Run, ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    run(ready, "export", folder)
    first = (folder / "imgs_test.txt").read_text().splitlines()[0]
    (folder / "imgs_test.txt").write_text(
        (folder / "imgs_test.txt").read_text().replace(first, "gone.png", 1)
    )
    root = json.loads(run(ready, "export", tmp_path / "b", "--json").stdout)["image_root"]
    arguments = ("import", folder, "--format", "adde", "--images", root)
    result = run(tmp_path / "workspace", *arguments)
    assert "imgs_test.txt, line 1: The picture" in result.stdout
    assert "35 items added, 0 updated, 0 unchanged, 1 row skipped" in result.stdout
    (problem,) = json.loads(run(tmp_path / "workspace", *arguments, "--json").stdout)["problems"]
    assert (problem["file"], problem["line"]) == ("imgs_test.txt", 1)
