"""Choosing items for another program: keys, streams, exit codes."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.launch import LaunchOptions

Run = Callable[..., Any]
PICK = LaunchOptions(picks=True)
COMMAND = f"{sys.executable} -m datrnet browse --workspace {{root}} "


async def test_enter_picks_the_item_under_the_cursor(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, options=PICK) as explorer:
        assert "enter picks" in explorer.text()
        await explorer.press("right", "enter")
    assert explorer.app.picked == ("P-001",)


async def test_enter_picks_the_shortlist_wherever_one_is(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, options=PICK) as explorer:
        await explorer.press("right", "full_stop", "right", "s", "tab", "right", "full_stop")
        second = explorer.code
        await explorer.press("enter")
    assert explorer.app.picked == ("P-001", second)


async def test_leaving_picks_nothing(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, options=PICK) as explorer:
        await explorer.press("full_stop", "q")
    assert explorer.app.picked is None


class AtTerminal:
    """A shell command at a pseudo-terminal of 100 columns, its keys and what it shows."""

    def __init__(self, command: str, folder: Path) -> None:
        self._keys, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self._process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(terminal)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + 240
        while text not in self.shown:
            assert time.monotonic() < until, self.shown[-2000:]
            self._read()

    def press(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def end(self) -> int:
        """Return the exit status, once the command has ended."""
        until = time.monotonic() + 240
        while self._process.poll() is None:
            assert time.monotonic() < until, self.shown[-2000:]
            self._read()
        os.close(self._keys)
        return self._process.returncode

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            os.close(self._keys)

    def _read(self) -> None:
        if select.select([self._keys], [], [], 0.1)[0]:
            try:
                self.shown += os.read(self._keys, 65536).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                time.sleep(0.05)


Shell = Callable[[str], AtTerminal]


@pytest.fixture
def shell(workspace: Workspace, tmp_path: Path) -> Iterator[Shell]:
    """Run a command at a terminal of its own; it is ended with the test."""
    running: list[AtTerminal] = []

    def run(command: str) -> AtTerminal:
        running.append(
            AtTerminal(command.format(browse=COMMAND.format(root=workspace.root)), tmp_path)
        )
        return running[-1]

    yield run
    for terminal in running:
        terminal.kill()


def test_ids_go_into_a_pipe(shell: Shell, tmp_path: Path) -> None:
    terminal = shell("{browse} --pick | tr P Q > out")
    terminal.wait_for("48 items")
    terminal.press(".l.")
    terminal.wait_for("+ listed")
    terminal.press("\r")
    terminal.end()
    assert (tmp_path / "out").read_text() == "Q-000\nQ-001\n"


def test_a_substitution_gets_objects(shell: Shell, tmp_path: Path) -> None:
    terminal = shell('ids=$({browse} --pick --json 2>errors) && echo "$ids" > out')
    terminal.wait_for("48 items")
    terminal.press("\r")
    assert terminal.end() == 0
    (item,) = json.loads((tmp_path / "out").read_text())
    assert (item["id"], item["labels"]["colour"]) == ("P-000", "black")
    assert (tmp_path / "errors").read_text() == ""  # nothing of the screen went astray


def test_leaving_prints_nothing_and_fails(shell: Shell, tmp_path: Path) -> None:
    terminal = shell("{browse} --pick > out; echo $? > status")
    terminal.wait_for("48 items")
    terminal.press("q")
    terminal.end()
    assert (tmp_path / "out").read_text() == ""
    assert (tmp_path / "status").read_text() == "130\n"


def test_ids_come_from_a_pipe_and_keys_from_the_terminal(shell: Shell, tmp_path: Path) -> None:
    terminal = shell("printf 'P-009\\nP-004\\n' | {browse} --items - --pick > out")
    terminal.wait_for("2 of 48 items")
    terminal.press("l\r")
    assert terminal.end() == 0
    assert (tmp_path / "out").read_text() == "P-004\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--json", "Add --pick"),
        ("--session soon", "No session is called 'soon'"),
        ("--session 9", "No session is called '9'"),
        ("--items nowhere.txt", "cannot be read"),
        ("--items -", "Pipe them in"),
    ],
)
def test_a_mistake_is_one_line(shell: Shell, options: str, said: str) -> None:
    terminal = shell(f"{{browse}} {options}")
    assert terminal.end() != 0
    assert said in " ".join(terminal.shown.split())
    assert "Traceback" not in terminal.shown


def test_without_a_terminal_it_says_so(workspace: Workspace, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datrnet", "browse", "--pick", "--workspace", str(workspace.root)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr
