"""Asks the terminal what it can do: once, before the screen is taken, and never for long."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from select import select
from typing import TextIO

from datrnet.core.terminal.answers import QUESTIONS, Terminal, is_complete, terminal_of

PATIENCE = 1.0
"""Seconds in which a terminal must have answered."""

LONGEST = 4096
"""Bytes of answers; what says more than that is no terminal."""

SILENT = ("", "dumb", "linux")
"""Values of $TERM of terminals that show no pictures, and are not asked."""


def ask_terminal(patience: float = PATIENCE) -> Terminal:
    """Return what the terminal at standard input and output says of itself.

    Whatever else was typed meanwhile is lost. Where there is no terminal to ask, nothing is known.

    Args:
        patience: Seconds to wait for answers at most.
    """
    source, sink = sys.__stdin__, sys.__stdout__
    if source is None or sink is None or os.environ.get("TERM", "") in SILENT:
        return Terminal()
    try:
        if not (source.isatty() and sink.isatty()):
            return Terminal()
        sink.flush()
        terminal = ask(source.fileno(), sink.fileno(), patience)
        return replace(terminal, cell=terminal.cell or cell_size())
    except (OSError, ValueError, ImportError):  # closed, gone, or a system without termios
        return Terminal()


def ask(source: int, sink: int, patience: float = PATIENCE) -> Terminal:
    """Return what a terminal answers.

    Args:
        source: File descriptor to read from, a terminal.
        sink: One to write to.
        patience: Seconds to wait at most.

    Raises:
        OSError: It is no terminal, or gone.
    """
    answers = b""
    with _undisturbed(source):
        os.write(sink, QUESTIONS.encode("ascii"))
        for answered in _read(source, patience):
            answers += answered
            if is_complete(answers) or len(answers) > LONGEST:
                break
        # what a terminal could not make sense of, it may have printed
        os.write(sink, b"\r\x1b[K")
    return terminal_of(answers)


def _read(source: int, patience: float) -> Iterator[bytes]:
    """Yield what comes until the time is up or nothing more can come."""
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        if not select([source], [], [], left)[0]:
            return
        answered = os.read(source, LONGEST)
        if not answered:
            return
        yield answered


@contextmanager
def _undisturbed(source: int) -> Iterator[None]:
    """Keep answers from being shown and from waiting for the end of a line."""
    import termios
    import tty

    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source, termios.TCSANOW)
        yield
    except termios.error as error:
        raise OSError(str(error)) from error
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)


def _descriptor(stream: TextIO | None) -> int:
    if stream is None:
        raise OSError("There is no such stream.")
    return stream.fileno()


def cell_size() -> tuple[int, int] | None:
    """Return the width and height of a cell by those of the window, where the system knows them."""
    try:
        import fcntl
        import struct
        import termios

        size = fcntl.ioctl(_descriptor(sys.__stdout__), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError, ImportError):
        return None  # no terminal, or a system without these calls
    rows, columns, width, height = struct.unpack("HHHH", size)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return width // columns, height // rows
