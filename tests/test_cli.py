"""The command line as a whole: help, version, and what a command loads."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from datrnet import __version__
from datrnet.cli import app

COMMANDS = (
    "demo",
    "import",
    "train",
    "index",
    "search",
    "evaluate",
    "browse",
    "info",
    "report",
    "session",
    "config",
)


def test_without_arguments_the_help_is_printed() -> None:
    result = CliRunner().invoke(app, [])
    assert "Usage" in result.output
    for command in COMMANDS:
        assert command in result.output


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"datrnet {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: datrnet {command}" in result.stdout


@pytest.mark.parametrize("command", ["import", "train", "index", "search", "evaluate", "info"])
def test_every_command_with_results_has_json(command: str) -> None:
    assert "--json" in CliRunner().invoke(app, [command, "--help"]).stdout


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import datrnet.cli", "torch annoy textual numpy sqlite_utils"),
        ("import datrnet.console.searching", "torch textual"),
        ("import datrnet.console.config", "torch textual numpy tomlkit pydantic"),
        ("import datrnet.console.overview, datrnet.console.importing", "torch textual"),
        ("import datrnet.console.evaluating, datrnet.console.demonstration", "torch textual"),
        ("import datrnet.console.training, datrnet.console.indexing", "textual"),
        ("import datrnet.console.reporting", "torch textual annoy matplotlib jinja2"),
        ("import datrnet.tui.app", "torch annoy"),
    ],
)
def test_importing_stays_light(statement: str, unwanted: str) -> None:
    assert loaded_by(statement, unwanted) == []


def loaded_by(statement: str, unwanted: str) -> list[str]:
    """Return which of some modules a fresh interpreter has after a statement."""
    probe = (
        f"import sys\n{statement}\n"
        f"print(*[name for name in {unwanted.split()!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()
