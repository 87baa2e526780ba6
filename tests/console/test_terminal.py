"""The terminal before the explorer takes it, and the explorer in one that the test plays."""

import codecs
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from datrnet.console.browse import COLOR_SYSTEM, terminal_for, use_colors
from datrnet.core.graphics.terminal import QUESTIONS, Terminal
from datrnet.core.preferences import Colors, Pictures, Preferences

TRUE = Terminal(is_asked=True, is_answered=True, has_true_color=True)


@pytest.mark.parametrize(
    ("colors", "terminal", "no_color", "system"),
    [
        ("auto", Terminal(), False, None),
        ("auto", TRUE, False, "truecolor"),
        ("auto", TRUE, True, "truecolor"),
        ("truecolor", Terminal(), False, "truecolor"),
        ("256", TRUE, False, "256"),
        ("none", TRUE, True, None),
    ],
)
def test_textual_is_told_which_colors_to_write_in(
    monkeypatch: pytest.MonkeyPatch,
    colors: Colors,
    terminal: Terminal,
    no_color: bool,
    system: str | None,
) -> None:
    environment = {"NO_COLOR": "1"} if colors != "none" and no_color else {}
    monkeypatch.setattr(os, "environ", environment)
    use_colors(colors, terminal)
    assert ("NO_COLOR" in environment) == no_color
    assert environment.get(COLOR_SYSTEM) == system


def test_colors_asked_for_count_more_than_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"NO_COLOR": "1", COLOR_SYSTEM: "256"}
    monkeypatch.setattr(os, "environ", environment)
    use_colors("truecolor", Terminal())
    assert environment == {COLOR_SYSTEM: "truecolor"}


def test_what_a_person_told_textual_counts_more_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = {COLOR_SYSTEM: "256"}
    monkeypatch.setattr(os, "environ", environment)
    use_colors("auto", TRUE)
    assert environment == {COLOR_SYSTEM: "256"}


@pytest.mark.parametrize(
    ("pictures", "color", "is_asked"),
    [
        ("auto", "auto", True),
        ("sixel", "truecolor", True),  # how large is a cell?
        ("blocks", "auto", True),
        ("blocks", "truecolor", False),
        ("none", "256", False),
    ],
)
def test_the_terminal_is_asked_only_where_that_decides_something(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures, color: Colors, is_asked: bool
) -> None:
    monkeypatch.setattr("datrnet.console.browse.ask_terminal", lambda: TRUE)
    assert terminal_for(Preferences(pictures=pictures, color=color)).is_asked == is_asked


# ── the explorer in a terminal ───────────────────────────────────────────────

XTERM = b"\x1bP>|XTerm(379)\x1b\\\x1b[?1;0;1024S\x1bP1$r48:2::1:2:3m\x1b\\\x1b[?63;1;2;4;22c"
TMUX = b"\x1b[?1;2c"
TAKES_SCREEN = "\x1b[?1049h"
SIXEL = r'\x1bP0;1;0q"1;1;'
TRUE_COLOR = r"48;2;\d+;\d+;\d+m"
HANG_SECONDS = 240.0

PATIENT = """
from datrnet.cli import main
from datrnet.core.graphics.terminal import ask_terminal
ask_terminal.__defaults__ = ({patience},)
main()
"""
"""The explorer that waits so many seconds for the terminal's answers."""


def browse(
    root: Path,
    *options: str,
    answers: bytes,
    shown: tuple[str, ...] = (),
    is_late: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run the explorer until it has shown the catalog and more, and return all that it wrote.

    Args:
        root: The workspace.
        options: Further words of the command line.
        answers: What the terminal answers when asked.
        shown: Expressions that must match what is written before the explorer is left.
        is_late: Answer once the screen is taken, when nobody waits for an answer any more.
        environment: Further variables.
    """
    import fcntl
    import termios

    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 960, 640))
    clean = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    program = PATIENT.format(patience=0.05 if is_late else HANG_SECONDS)
    explorer = subprocess.Popen(
        [sys.executable, "-c", program, "browse", "--workspace", str(root), *options],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=clean | dict(environment or {}),
        start_new_session=True,
    )
    os.close(inside)
    try:
        written, is_answered, is_left = "", False, False
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        deadline = time.monotonic() + HANG_SECONDS
        while time.monotonic() < deadline:
            if not select.select([outside], [], [], 0.5)[0]:
                if is_left or all(re.search(pattern, written) for pattern in ("item-0", *shown)):
                    os.write(outside, b"q")  # again, should a dialog have had it
                    is_left = True
                continue
            try:
                read = os.read(outside, 1 << 16)
            except OSError:
                break
            if not read:
                break
            written += decoder.decode(read)
            if not is_answered and (TAKES_SCREEN if is_late else QUESTIONS) in written:
                os.write(outside, answers)
                is_answered = True
        assert is_left, written[-2000:]
        assert explorer.wait(HANG_SECONDS) == 0
        return written
    finally:
        explorer.kill()
        explorer.wait()
        os.close(outside)


def test_in_an_xterm_the_picture_is_in_sixels_and_colors_are_true(ready: Path) -> None:
    written = browse(ready, answers=XTERM, shown=(SIXEL, TRUE_COLOR))
    assert written.index("\x1b[c") < written.index(TAKES_SCREEN)  # asked before it is taken


def test_in_tmux_there_are_cells_in_256_colors_unless_asked_for_more(ready: Path) -> None:
    written = browse(ready, answers=TMUX, shown=(r"48;5;\d+m",))
    taken = written.partition(TAKES_SCREEN)[2]
    assert "\x1bP0;1;0q" not in taken
    assert not re.search(r"48;2;\d+", taken)
    browse(ready, "--color", "truecolor", answers=TMUX, shown=(TRUE_COLOR,))


def test_no_color_writes_no_color_and_a_gray_picture(ready: Path) -> None:
    environment = {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    written = browse(ready, answers=XTERM, shown=(SIXEL, TRUE_COLOR), environment=environment)
    taken = written.partition(TAKES_SCREEN)[2]
    colors = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", taken)
    assert colors
    assert all(red == green == blue for red, green, blue in colors)
    palette = re.findall(r"#\d+;2;(\d+);(\d+);(\d+)", taken)
    assert palette
    assert all(red == green == blue for red, green, blue in palette)


def test_answers_that_come_too_late_do_nothing(ready: Path) -> None:
    # taken for keys, these would leave the explorer at once
    written = browse(ready, answers=b"\x1bP>|q(q)\x1b\\\x1b[?1;0;64S" + XTERM, is_late=True)
    taken = written.partition(TAKES_SCREEN)[2]
    assert "item-0" in taken
    assert "\x1bP0;1;0q" not in taken


def test_a_terminal_need_not_be_asked(ready: Path) -> None:
    written = browse(ready, "--pictures", "blocks", "--color", "256", answers=b"")
    assert QUESTIONS not in written
