"""Whole commands in a fresh interpreter: what they have loaded when they are done."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "textual", "pandas")


def test_a_command_loads_nothing_heavy(ready: Path) -> None:
    commands = [
        ["--help"],
        ["search", "--help"],
        ["search", "item-1", "--set", "colour=black"],
        ["search", "item-1", "--json"],
        ["evaluate", "-k", "5"],
        ["info", "--check"],
        ["doctor", "--check"],
    ]
    assert loaded(ready, *commands) == []


def loaded(root: Path, *commands: list[str]) -> list[str]:
    """Return which of the heavy modules some commands load, one after the other."""
    probe = f"""
import sys
from datrnet.cli import app
for arguments in {commands!r}:
    try:
        app(arguments)
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
    print(*[f"{{name}}:{{arguments[0]}}" for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env={"DATRNET_WORKSPACE": str(root)},
    )
    return done.stdout.splitlines()[-1].split()
