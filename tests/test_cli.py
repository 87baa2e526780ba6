"""The command line as a whole: help, version, usage errors, and what a command loads."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import typer
from typer.testing import CliRunner, Result

from datrnet import __version__
from datrnet.cli import COMMANDS, app
from datrnet.console.options import RENAMED
from datrnet.core import preferences_file
from datrnet.core.catalog.workspace import Workspace

NAMES = {name: words for commands in COMMANDS.values() for name, words in commands.items()}


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command and subcommand, as ``session list``."""
    for name, lazy in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        command = lazy.load()
        yield name, command
        for subname, subcommand in getattr(command, "commands", {}).items():
            yield f"{name} {subname}", subcommand


ALL = dict(commands())


def test_without_arguments_the_help_is_printed() -> None:
    result = CliRunner().invoke(app, [])
    assert result.stdout.startswith("Usage: datrnet")
    for command in NAMES:
        assert f"\n  {command} " in result.stdout
    assert result.exit_code == 2


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"datrnet {__version__}\n"


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_a_summary_and_an_example(name: str) -> None:
    command = ALL[name]
    assert command.help.split("\n")[0].endswith(".")
    assert f"datrnet {name.split()[0]}" in command.epilog


def test_the_docs_have_every_command() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "cli.md").read_text("utf-8")
    documented = re.findall(r"^## datrnet ?(.*)$", page, re.MULTILINE)
    assert set(documented) == {"", *ALL}
    assert "session restore" in documented


@pytest.mark.parametrize("name", ALL)
def test_every_option_and_argument_is_explained(name: str) -> None:
    assert "Args:" not in ALL[name].help
    assert [param.name for param in ALL[name].params if not param.help] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_the_summary_that_the_list_of_commands_shows(name: str) -> None:
    assert ALL[name].help.split("\n")[0] == NAMES[name]


@pytest.mark.parametrize("name", [name for name in ALL if name.split()[0] != "config"])
def test_every_command_takes_the_workspace(name: str) -> None:
    assert "workspace" in {param.name for param in ALL[name].params}


@pytest.mark.parametrize("name", ["import", "train", "index", "search", "evaluate", "info"])
def test_every_command_with_results_has_json(name: str) -> None:
    assert "as_json" in {param.name for param in ALL[name].params}


@pytest.mark.parametrize(
    "words",
    [
        ["--workspace", "HERE", "session", "list"],
        ["session", "--workspace", "HERE", "list"],
        ["session", "list", "--workspace", "HERE"],
        ["--workspace", "elsewhere", "session", "--workspace", "HERE", "list"],
        ["--workspace", "HERE", "info"],
        ["info", "--workspace", "HERE"],
    ],
)
def test_the_workspace_may_be_given_before_and_after_a_command(
    tmp_path: Path, words: list[str]
) -> None:
    given = [word.replace("HERE", str(tmp_path / "here")) for word in words]
    assert f"in {tmp_path / 'here'}." in CliRunner().invoke(app, given).stderr


def test_a_demo_below_the_workspace_is_named(tmp_path: Path) -> None:
    Workspace(tmp_path / "demo-workspace").create_store().close()
    error = CliRunner().invoke(app, ["info", "--workspace", str(tmp_path)]).stderr
    assert f"--workspace {tmp_path / 'demo-workspace'}" in " ".join(error.split())


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_of_an_option_still_works_with_a_notice(tmp_path: Path, old: str) -> None:
    result = CliRunner().invoke(app, ["review", "doubts", old, "--workspace", str(tmp_path)])
    notice, error = result.stderr.splitlines()
    assert notice == f"{old} is now {RENAMED[old]}; the old name will be removed."
    assert error.startswith("Error: There is no catalog")
    assert old not in CliRunner().invoke(app, ["review", "doubts", "--help"]).stdout


@pytest.mark.parametrize(
    ("words", "said", "command"),
    [
        ("serch", "There is no command serch. Did you mean search?", ""),
        ("session lst", "There is no command lst. Did you mean list?", "session"),
        (
            "search x --split tset",
            "--split must be train or validation or test, not 'tset'. Did you mean test?",
            "search",
        ),
        ("export x --format y", "--format must be adde or coco or fiftyone, not 'y'.", "export"),
        ("search x -k 0", "-k/--top must be 1 or more.", "search"),
        ("search", "ITEM|PICTURE is missing.", "search"),
        ("review judge 1 2", "--as is missing.", "review judge"),
        ("demo --items x", "--items must be a whole number.", "demo"),
        ("train --minutes x", "--minutes must be a number.", "train"),
        ("search x --set", "--set needs a value.", "search"),
        ("train --released x", "--released needs 2 values.", "train"),
        ("info x", "Unexpected argument: x.", "info"),
        ("info --chekc", "There is no option --chekc. Did you mean --check or --help?", "info"),
        ("info -x", "There is no option -x.", "info"),
        (f"info --workspace {__file__}", f"--workspace must be a folder; '{__file__}' is", "info"),
        ("report --output /", "--output must be a file; '/' is a folder.", "report"),
        ("--bogus", "There is no option --bogus.", ""),
    ],
)
def test_a_usage_error_is_one_line_with_a_hint(words: str, said: str, command: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {said}")
    path = f"datrnet {command}".strip()
    assert line.endswith(f"Run `{path} --help` for usage.")


def test_an_id_that_begins_with_a_dash_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["search", "-1042"]
    monkeypatch.setattr(sys, "argv", ["datrnet", *words])
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: There is no option -1042. If -1042 is a value, write `--` before it: "
        "datrnet search -- -1042"
    ]


def test_a_library_that_a_command_needs_at_once_is_reported_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def import_module(name: str) -> None:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr("datrnet.cli.import_module", import_module)
    result = CliRunner().invoke(app, ["info"])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: datrnet needs numpy, which is not installed. Install it with: pip install numpy"
    ]


@pytest.fixture
def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset HOME for a user id without an account."""
    for variable in ("HOME", "DATRNET_CONFIG", "DATRNET_WORKSPACE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


@pytest.mark.usefixtures("without_home")
@pytest.mark.parametrize("words", [["info"], ["config", "path"]])
def test_without_a_home_folder_one_line_says_what_to_set(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: There is no home folder. Set HOME, or --workspace and DATRNET_CONFIG."
    ]


@pytest.mark.usefixtures("without_home")
@pytest.mark.parametrize("words", [["info", "--workspace", "HERE"], ["config", "path"]])
def test_what_is_named_needs_no_home_folder(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("DATRNET_CONFIG", str(tmp_path / "config.toml"))
    given = [word.replace("HERE", str(ready)) for word in words]
    assert CliRunner().invoke(app, given).exit_code == 0


@pytest.mark.usefixtures("without_home")
def test_the_explorer_starts_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences_file, "user_state_path", platformdirs.user_state_path)
    assert not preferences_file.is_first_start()
    preferences_file.remember_start()


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import datrnet.cli", "torch annoy textual numpy sqlite_utils rich datrnet.console"),
        ("import datrnet.console.options", "rich numpy pydantic datrnet.core.catalog datrnet.db"),
        (
            "from datrnet.console import"
            " search, train, index, evaluate, info, catalog, demo, browse",
            "torch textual sqlite_utils",
        ),
        ("import datrnet.console.config", "torch textual numpy tomlkit pydantic"),
        ("import datrnet.console.search", "numpy PIL datrnet.db datrnet.core.retrieval"),
        ("import datrnet.console.experiment", "torch textual annoy matplotlib jinja2"),
        ("import datrnet.tui.app", "torch annoy"),
    ],
)
def test_importing_stays_light(statement: str, unwanted: str) -> None:
    assert loaded_by(statement, unwanted) == []


def test_the_list_of_commands_loads_no_command() -> None:
    show = "from datrnet.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass"
    assert loaded_by(show, "rich numpy datrnet.console datrnet.core") == []


def test_a_search_loads_neither_pydantic_nor_what_training_needs(ready: Path) -> None:
    words = ["search", "item-1", "--set", "colour=black", "-k", "2", "--workspace", str(ready)]
    search = f"from datrnet.cli import app\ntry: app({words!r})\nexcept SystemExit: pass"
    assert loaded_by(search, "pydantic filelock torch textual") == []


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (("-k", "0"), "must be 1 or more"),
        (("-k", "many"), "must be a whole number"),
        (("--match", "some"), "must be any or all"),
        (("--page",), "needs a value"),
        (("--workspace", __file__), "is a file"),
    ],
)
def test_what_no_option_takes_is_refused(words: tuple[str, ...], refused: str) -> None:
    done = CliRunner().invoke(app, ["search", "item-1", *words])
    assert done.exit_code == 2
    assert refused in done.output


def test_options_are_converted(run: Callable[..., Result], ready: Path) -> None:
    given = ("item-1", "-k", "2", "--page", "2", "--max-distance", "9.5", "--match", "all")
    found = json.loads(run(ready, "search", *given, "--json").stdout)
    assert (found["offset"], found["max_distance"], found["match"]) == (2, 9.5, "all")
    assert len(found["substitutes"]) == 2


def loaded_by(statement: str, unwanted: str) -> list[str]:
    """Return which of some modules a fresh interpreter has after a statement."""
    probe = (
        f"import sys\n{statement}\n"
        f"print(*[name for name in {unwanted.split()!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()
