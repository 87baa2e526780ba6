"""Every mistake gets a line that says what is wrong, what to do, and its exit code."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import READY_CONFIGS

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "item-999"], ["No item is called 'item-999'", "item-9", "no such file"]),
        (["search", "picture.jpg"], ["No item is called 'picture.jpg'", "no such file"]),
        (["search", "/"], ["No item is called '/'", "a folder"]),
        (["search", "item-1", "--set", "color=red"], ["'color'", "Did you mean colour?"]),
        (["search", "item-1", "--set", "colour=rde"], ["'rde'", "Did you mean Red?"]),
        (["search", "item-1", "--where", "colur=red"], ["'colur'", "Did you mean colour?"]),
        (["search", "item-1", "--where", "colour=rde"], ["'rde'", "Did you mean Red?"]),
        (["search", "item-1", "--weight", "colur=1"], ["'colur'", "Did you mean colour?"]),
        (["search", "item-1", "--weight", "colour=x"], ["colour=x", "number"]),
        (["search", "item-1", "--weight", "colour=-1"], ["colour=-1", "--unlike colour=ITEM"]),
        (["search", "item-1", "--weight", "colour=inf"], ["colour=inf", "from 0 to"]),
        (["search", "item-1", "--weight", "colour=1e300"], ["colour=1e300", "to 1,000,000"]),
        (["search", "item-1", "--set", "colour"], ["'colour'", "For example"]),
        (["search", "item-1", "--set", "=red"], ["'=red'", "For example"]),
        (["search", "item-1", "--set", "colour=red", "--set", "COLOUR=blue"], ["twice"]),
        (["train", "--config", "smal"], ["'smal'", "Did you mean small?"]),
        (["train", "--resume", "--epochs", "3"], ["--resume"]),
        (["index", "--run", "none"], ["'none'"]),
        (["import", "none.csv"], ["'none.csv'"]),
        (["search", "item-1", "-k", "0"], ["-k"]),
        (["search", "item-1", "--split", "tset"], ["--split"]),
        (["evaluate", "--split", "tset"], ["--split"]),
        (["serch"], ["Did you mean search?"]),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_right_ones(
    run: Run, ready: Path, arguments: list[str], words: list[str]
) -> None:
    result = run(ready, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_an_error_takes_one_line(run: Run, ready: Path) -> None:
    result = run(ready, "search", "item-1", "--set", "colour=rde")
    assert result.stderr == "Error: No colour value is called 'rde'. Did you mean Red?\n"


def test_an_unknown_super_category_to_train_is_told(
    run: Run, ready: Path, tiny_config: Path
) -> None:
    result = run(ready, "train", "--config", tiny_config, "--super-category", "sleev")
    assert result.exit_code == 2
    assert "'sleev'" in result.stderr


def test_a_wrong_setting_is_told_with_its_name(run: Run, ready: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[train]\nepoch = 3\n")
    result = run(ready, "train", "--config", path)
    assert result.exit_code == 2
    assert "'epoch'" in result.stderr
    assert "epochs" in result.stderr


def test_a_setting_out_of_range_is_told_with_its_file_and_section(
    run: Run, ready: Path, tmp_path: Path
) -> None:
    path = tmp_path / "neg.toml"
    path.write_text("[train]\nepochs = -1\n")
    result = run(ready, "train", "--config", path)
    assert result.stderr == "Error: neg [train]: epochs is -1; it must be at least 1.\n"


@pytest.mark.parametrize("command", ["import FILE", "index", "train"])
def test_a_read_only_workspace_is_refused_before_the_work(
    run: Run, copied: Workspace, shop: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("datrnet.db.connection.may_write", lambda _: False)
    result = run(copied.root, *command.replace("FILE", str(shop)).split())
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: {copied.catalog_path} is read-only. "
        "Choose a --workspace in a folder that you can write to.\n"
    )


@pytest.mark.parametrize(
    "command", ["info", "index", "evaluate", "train --config FILE", "search x"]
)
def test_without_a_workspace_every_command_says_how_to_begin(
    run: Run, tmp_path: Path, tiny_config: Path, command: str
) -> None:
    arguments = command.replace("FILE", str(tiny_config)).split()
    result = run(tmp_path / "none", *arguments)
    assert result.exit_code == 1
    assert "datrnet import" in result.stderr
    assert not (tmp_path / "none").exists()


def test_the_configs_are_the_same_in_the_help_and_in_the_error(run: Run, ready: Path) -> None:
    known = ", ".join(READY_CONFIGS)
    assert f"{known}, or a TOML" in run(ready, "train", "--help").stdout
    assert f"Known: {known}." in run(ready, "train", "--config", "none").stderr


def test_without_run_and_index_the_next_step_is_named(run: Run, tmp_path: Path, shop: Path) -> None:
    run(tmp_path, "import", shop)
    for arguments, words in (
        (("index",), "datrnet train"),
        (("train", "--resume"), "There is no unfinished run"),
        (("search", "item-1"), "datrnet index"),
        (("evaluate",), "datrnet index"),
    ):
        result = run(tmp_path, *arguments)
        assert result.exit_code == 1
        assert words in result.stderr


@pytest.mark.parametrize("name", ["embeddings.npy", "index.ann", "manifest.json"])
def test_an_index_file_cut_in_half_is_told(run: Run, copied: Workspace, name: str) -> None:
    path = next(copied.indexes.iterdir()) / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for arguments in (("search", "item-1"), ("evaluate",)):
        result = run(copied.root, *arguments)
        assert result.exit_code == 1
        assert "damaged" in result.stderr
        assert "datrnet index" in result.stderr


def test_a_cut_off_picture_to_search_with_is_told(
    run: Run, ready: Path, tmp_path: Path, shop: Path
) -> None:
    data = (shop.parent / "images" / "3.png").read_bytes()
    path = tmp_path / "cut.png"
    path.write_bytes(data[: len(data) // 2])
    result = run(ready, "search", path)
    assert result.exit_code == 1
    assert "damaged" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "empty"), ("id,title\n1,Shirt\n", "No column contains pictures")],
)
def test_a_catalog_without_rows_or_pictures_is_told(
    run: Run, tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(content)
    result = run(tmp_path / "workspace", "import", path)
    assert result.exit_code == 1
    assert words in result.stderr


def test_a_database_that_is_none_is_told(run: Run, copied: Workspace) -> None:
    copied.catalog_path.write_bytes(b"no database at all" * 100)
    for suffix in ("-wal", "-shm"):
        copied.catalog_path.with_name(f"catalog.db{suffix}").unlink(missing_ok=True)
    result = run(copied.root, "info")
    assert result.exit_code == 1
    assert "not a database" in result.stderr


def test_the_explorer_needs_a_terminal(run: Run, ready: Path) -> None:
    result = run(ready, "browse")
    assert result.exit_code == 1
    assert "needs a terminal" in result.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_is_gone_causes_no_traceback(ready: Path, form: list[str]) -> None:
    asked = [sys.executable, "-m", "datrnet", "search", "item-1", "--workspace", str(ready), *form]
    # the reader ends at once; -u makes every write meet that
    done = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", asked[0], "-u", *asked[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_a_closed_standard_output_causes_no_traceback(ready: Path) -> None:
    asked = [sys.executable, "-m", "datrnet", "search", "item-1", "--workspace", str(ready)]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *asked], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["info"], ["search", "item-1", "--json"], ["--help"]])
def test_a_full_disk_is_told_in_one_line(ready: Path, arguments: list[str]) -> None:
    asked = [sys.executable, "-m", "datrnet", "--workspace", str(ready), *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device.\n")


def test_a_folder_in_the_way_is_told_without_a_traceback(
    run: Run, copied: Workspace, tiny_config: Path
) -> None:
    for path in (copied.models, copied.indexes):
        shutil.rmtree(path)
        path.write_text("a file where a folder should be")
    result = run(copied.root, "train", "--config", tiny_config)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert str(copied.models) in result.stderr
