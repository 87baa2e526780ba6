"""Whole commands in a fresh interpreter: what they have loaded when they are done."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["search", "--help"],
        ["search", "item-1", "--set", "colour=black"],
        ["search", "item-1", "--json"],
        ["evaluate", "-k", "5"],
        ["info", "--check"],
        ["doctor", "--check"],
    ],
)
def test_a_command_loads_neither_torch_nor_textual(ready: Path, arguments: list[str]) -> None:
    assert loaded(ready, arguments) == []


def loaded(root: Path, arguments: list[str]) -> list[str]:
    """Return which of the heavy modules a command loads."""
    probe = f"""
import sys
from datrnet.cli import app
try:
    app({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
print(*[name for name in ("torch", "textual") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env={"DATRNET_WORKSPACE": str(root)},
    )
    return done.stdout.splitlines()[-1].split()
