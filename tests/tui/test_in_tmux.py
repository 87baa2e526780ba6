"""The program itself in tmux: what only a real terminal shows."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import StepRow

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

PATIENCE_SECONDS = 240.0
"""Far more than any of it takes: a busy machine is no failure."""

PROMPT = "ready$"


class Tmux:
    """A tmux server of our own, with one shell in it."""

    def __init__(self, folder: Path, *, columns: int, lines: int) -> None:
        self._socket = f"datrnet-{uuid4().hex}"
        environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
        self._environment = environment | {"COLORTERM": "truecolor"}
        size = ("-x", str(columns), "-y", str(lines))
        self.run("-f", os.devnull, "new-session", "-d", *size, "-c", str(folder), "sh")
        self.press(f"PS1='{PROMPT} '; clear", "Enter")
        self.wait_for(f"\n{PROMPT}", without="clear")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=self._environment,
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def screen(self) -> str:
        return "\n" + self.run("capture-pane", "-p")

    def wait_for(self, *texts: str, without: str | None = None) -> str:
        """Return the screen as soon as all texts stand on it, and one does not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            shown = self.screen()
            if all(text in shown for text in texts) and (without is None or without not in shown):
                return shown
            time.sleep(0.1)
        raise AssertionError(f"{texts} did not appear, or {without!r} stayed:\n{self.screen()}")

    def flag(self, name: str) -> str:
        return self.run("display-message", "-p", f"#{{{name}}}").strip()

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], check=False)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A shell of 120 x 40."""
    opened = Tmux(tmp_path, columns=120, lines=40)
    yield opened
    opened.close()


def browse(tmux: Tmux, workspace: Workspace) -> None:
    command = f"{sys.executable} -m datrnet browse --no-tour --workspace {workspace.root}"
    tmux.press("clear; " + command, "Enter")
    tmux.wait_for("48 items", "P-007")


def pid_of(workspace: Workspace) -> int:
    """Return the id of the program that has this workspace open."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"datrnet" in words and str(workspace.root).encode() in words:
                return int(folder.name)
    raise AssertionError("it does not run")


def is_running(pid: int) -> bool:
    """Tell whether a program has not ended; one that nobody has taken note of has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def assert_clean(tmux: Tmux) -> None:
    """Assert that the shell has its terminal back: its page, its cursor, no mouse, its echo."""
    tmux.wait_for(PROMPT, without="48 items")
    assert tmux.flag("alternate_on") == "0"
    assert tmux.flag("cursor_flag") == "1"
    assert tmux.flag("mouse_any_flag") == "0"
    tmux.press("echo $((40 + 2))", "Enter")
    tmux.wait_for("echo $((40 + 2))", "\n42")


def steps(workspace: Workspace) -> list[StepRow]:
    with workspace.open_store() as store:
        return [step for session in store.sessions() for step in store.steps(session.id)]


def test_from_the_catalog_to_substitutes_and_back(tmux: Tmux, workspace: Workspace) -> None:
    browse(tmux, workspace)
    tmux.press("l", "l")
    tmux.wait_for("P-002")
    tmux.press("Enter")
    tmux.wait_for("47 substitutes", "no change")
    tmux.press("2")
    tmux.press("j")
    shown = tmux.wait_for("47 substitutes", "red ✕")
    assert "▀" in shown or "▄" in shown or "▌" in shown
    tmux.press("u")
    tmux.wait_for("47 substitutes", "no change")
    tmux.press("Escape")
    tmux.wait_for("48 items", "/ Search: ")
    tmux.press("/", "r", "e", "d")
    tmux.wait_for("12 of 48 items")
    tmux.press("Escape")
    tmux.wait_for("s Substitutes")  # the pictures have the focus, the text stays
    tmux.press("Escape")
    tmux.wait_for("48 items", without="12 of 48")
    tmux.press("?")
    tmux.wait_for("Page down")
    tmux.press("Escape")
    tmux.wait_for("48 items", without="Page down")
    tmux.press("q")
    assert_clean(tmux)
    assert [step.action for step in steps(workspace)][:1] == ["query"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_is_ended_leaves_the_terminal_clean_and_the_session_kept(
    tmux: Tmux, workspace: Workspace, number: signal.Signals
) -> None:
    browse(tmux, workspace)
    tmux.press("Enter")
    tmux.wait_for("47 substitutes", "no change")
    tmux.press("2", "j")
    tmux.wait_for("47 substitutes", "blue ✕")
    os.kill(pid_of(workspace), number)
    assert_clean(tmux)
    assert [step.action for step in steps(workspace)] == ["query", "change"]


def test_a_terminal_that_is_closed_ends_the_program_and_keeps_the_session(
    tmux: Tmux, workspace: Workspace
) -> None:
    browse(tmux, workspace)
    tmux.press("Enter")
    tmux.wait_for("47 substitutes", "no change")
    tmux.press("2", "j")
    tmux.wait_for("47 substitutes", "blue ✕")
    pid = pid_of(workspace)
    tmux.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, "it runs on without a terminal"
        time.sleep(0.1)
    assert [step.action for step in steps(workspace)] == ["query", "change"]


def test_to_the_shell_and_back(tmux: Tmux, workspace: Workspace) -> None:
    browse(tmux, workspace)
    tmux.press("l")
    tmux.wait_for("P-001")
    tmux.press("C-z")
    assert_clean(tmux)
    tmux.press("fg", "Enter")
    tmux.wait_for("48 items", "P-007")
    tmux.press("l")
    tmux.wait_for("P-002")
    tmux.press("q")
    assert_clean(tmux)


def test_a_size_that_the_shell_exports_does_not_hold(tmux: Tmux, workspace: Workspace) -> None:
    tmux.press("export COLUMNS=80 LINES=24", "Enter")
    browse(tmux, workspace)
    tmux.run("resize-window", "-x", "10", "-y", "3")
    tmux.wait_for("Too small")
    tmux.run("resize-window", "-x", "100", "-y", "40")
    tmux.wait_for("P-005")  # in the second row, which ends below the 24th line


def test_a_terminal_of_10_by_3_says_what_it_needs_and_grows_again(
    tmux: Tmux, workspace: Workspace
) -> None:
    browse(tmux, workspace)
    tmux.run("resize-window", "-x", "10", "-y", "3")
    tmux.wait_for("Too small")
    tmux.run("resize-window", "-x", "60", "-y", "20")
    tmux.wait_for("48 items", "P-000")
    tmux.press("q")
    assert_clean(tmux)


def test_a_locked_database_is_told_in_the_shell(tmux: Tmux, workspace: Workspace) -> None:
    import sqlite3

    other = sqlite3.connect(workspace.catalog_path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE items SET title = title")
    try:
        command = f"{sys.executable} -m datrnet browse --no-tour --workspace {workspace.root}"
        tmux.press("clear; " + command, "Enter")
        shown = tmux.wait_for("is in use by another", PROMPT)
        assert "Traceback" not in shown
    finally:
        other.close()


def test_a_terminal_that_goes_without_a_signal_ends_the_program_too(workspace: Workspace) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    command = [sys.executable, "-m", "datrnet", "browse", "--no-tour", "--pictures", "none"]
    program = subprocess.Popen(
        ["setsid", *command, "--workspace", str(workspace.root)],  # no terminal to hang up
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"P-000" not in seen:
        seen += os.read(ours, 1 << 16)
    os.write(ours, b"\r")
    while b"no change" not in seen:
        seen += os.read(ours, 1 << 16)
    os.close(ours)
    assert program.wait(PATIENCE_SECONDS) == 128 + signal.SIGHUP
    assert [step.action for step in steps(workspace)] == ["query"]
