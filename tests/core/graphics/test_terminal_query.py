"""Asking a terminal: one played by the test, at the other end of a pseudo-terminal."""

import os
import pty
import sys
import threading
import time
from collections.abc import Callable, Iterator
from select import select
from typing import Any

import pytest

from datrnet.core.graphics.terminal import (
    LONGEST,
    QUESTIONS,
    Terminal,
    ask,
    ask_terminal,
    cell_size,
)

termios = pytest.importorskip("termios")

ANSWERS = b"\x1bP>|foot(1.20)\x1b\\\x1b[6;17;9t\x1b[?1;0;256S\x1b[?62;4;22c"

Play = Callable[[Callable[[int], None]], int]


@pytest.fixture
def play() -> Iterator[Play]:
    """Let a function be the terminal, once it has read the questions; return where to ask it."""
    opened: list[int] = []
    threads: list[threading.Thread] = []

    def start(terminal: Callable[[int], None]) -> int:
        outside, inside = pty.openpty()
        opened.extend((outside, inside))

        def run() -> None:
            heard = b""
            while not heard.endswith(QUESTIONS.encode()):
                heard += os.read(outside, 4096)
            terminal(outside)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return inside

    yield start
    for thread in threads:
        thread.join(20)
    for descriptor in opened:
        os.close(descriptor)


def is_read(inside: int) -> bool:
    """Tell whether nothing is left that would arrive as keys."""
    time.sleep(0.02)
    return not select([inside], [], [], 0)[0]


def test_a_terminal_that_answers_is_known_at_once(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = play(lambda outside: os.write(outside, ANSWERS))
    waited: list[bool] = []

    def watched(*arguments: Any) -> Any:
        ready = select(*arguments)
        waited.append(not ready[0])
        return ready

    monkeypatch.setattr("datrnet.core.graphics.terminal.select", watched)
    terminal = ask(inside, inside, patience=240)
    assert waited
    assert not any(waited)  # it did not wait for the time to be up
    assert terminal.name == "foot(1.20)"
    assert terminal.has_sixel
    assert terminal.cell == (9, 17)
    assert not terminal.is_late
    assert is_read(inside)


def test_a_terminal_that_answers_bit_by_bit_is_waited_for(play: Play) -> None:
    def slowly(outside: int) -> None:
        for place in range(0, len(ANSWERS), 5):
            time.sleep(0.01)
            os.write(outside, ANSWERS[place : place + 5])

    inside = play(slowly)
    terminal = ask(inside, inside, patience=240)
    assert terminal.is_answered
    assert terminal.has_sixel
    assert is_read(inside)


def test_keys_typed_meanwhile_do_no_harm(play: Play) -> None:
    inside = play(lambda outside: os.write(outside, b"jj\r" + ANSWERS))
    assert ask(inside, inside, patience=240).has_sixel
    assert is_read(inside)


def test_a_terminal_that_never_answers_is_left_alone(play: Play) -> None:
    inside = play(lambda _: None)
    assert ask(inside, inside, patience=0.05) == Terminal(is_asked=True)
    assert ask(inside, inside, patience=0.05).is_late


def test_garbage_is_no_answer_and_has_an_end(play: Play) -> None:
    def babble(outside: int) -> None:
        for _ in range(2 * LONGEST // 64):
            os.write(outside, b"\x1b]\xff\x00;;;4c?" + b"x" * 52)

    inside = play(babble)
    terminal = ask(inside, inside, patience=240)
    assert not terminal.is_answered
    assert not terminal.has_sixel
    termios.tcflush(inside, termios.TCIFLUSH)


def test_the_terminal_is_left_as_it_was(play: Play) -> None:
    inside = play(lambda outside: os.write(outside, ANSWERS))
    before = termios.tcgetattr(inside)
    ask(inside, inside, patience=240)
    assert termios.tcgetattr(inside) == before


def test_where_there_is_no_terminal_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w") as sink:
        monkeypatch.setattr(sys, "__stdin__", source)
        monkeypatch.setattr(sys, "__stdout__", sink)
        assert ask_terminal() == Terminal()
        assert cell_size() is None
        assert not select([reading], [], [], 0)[0]
    monkeypatch.setattr(sys, "__stdin__", None)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert ask_terminal() == Terminal()
    assert cell_size() is None


@pytest.mark.parametrize("kind", ["dumb", "linux", ""])
def test_terminals_without_pictures_are_not_asked(
    play: Play, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    inside = play(lambda _: None)
    monkeypatch.setenv("TERM", kind)
    with open(os.dup(inside)) as source, open(os.dup(inside), "w") as sink:
        monkeypatch.setattr(sys, "__stdin__", source)
        monkeypatch.setattr(sys, "__stdout__", sink)
        assert ask_terminal(patience=60) == Terminal()
    os.write(inside, QUESTIONS.encode())  # lets the played terminal end


def test_the_window_tells_how_large_a_cell_is_where_the_terminal_does_not(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import struct

    inside = play(lambda outside: os.write(outside, b"\x1b[?62;4c"))
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 900, 800))
    monkeypatch.setenv("TERM", "xterm")
    with open(os.dup(inside)) as source, open(os.dup(inside), "w") as sink:
        monkeypatch.setattr(sys, "__stdin__", source)
        monkeypatch.setattr(sys, "__stdout__", sink)
        assert ask_terminal(patience=240).cell == (9, 20)
