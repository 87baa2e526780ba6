"""What a terminal can do: it is asked once, before the screen is taken, and never for long.

The last question, for the primary device attributes, is one that every terminal answers, and they
answer in order: once its answer is there, nothing else will come.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from select import select
from typing import TextIO

KITTY_ID = 4211
"""Names the picture that is asked about and never shown."""

TEST_COLOUR = (1, 2, 3)

QUESTIONS = (
    "\x1b[>0q"  # name and version
    f"\x1b_Gi={KITTY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"  # kitty's pictures
    "\x1b[16t"  # size of a cell
    "\x1b[?1;1;0S"  # colour registers of sixel pictures
    "\x1b[48;2;{};{};{}m\x1bP$qm\x1b\\\x1b[m".format(*TEST_COLOUR)  # is that colour kept?
    + "\x1b[c"  # primary device attributes
)

SIXEL_REGISTERS = 128
"""The most colours of a sixel picture, however many the terminal has: twice as many change pixels
by less than one of 255, and take a third more bytes."""

_SIXEL_ATTRIBUTE = "4"

_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_NAME = re.compile(rb"\x1bP>\|([^\x1b\x07]*)(?:\x1b\\|\x07)")
_KITTY = re.compile(rb"\x1b_Gi=%d;OK\x1b\\" % KITTY_ID)
_CELL = re.compile(rb"\x1b\[6;([0-9]{1,4});([0-9]{1,4})t")
_REGISTERS = re.compile(rb"\x1b\[\?1;0;([0-9]{1,9})S")
_COLOUR = re.compile(rb"\x1bP1\$r[^\x1b]*48[:;]2[:;]+%d[:;]%d[:;]%d[^0-9]" % TEST_COLOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What is known of the terminal; the defaults are those of one that was not asked."""

    is_answered: bool = False
    """Whether it answered the last question, so that nothing is outstanding."""
    is_asked: bool = False
    name: str = ""
    """As it calls itself; empty where it does not."""
    has_sixel: bool = False
    has_kitty: bool = False
    """Whether it knows kitty's protocol for pictures."""
    cell: tuple[int, int] | None = None
    """Width and height of a character cell in pixels."""
    registers: int = SIXEL_REGISTERS
    """Colours that a sixel picture may have."""
    has_true_colours: bool | None = None
    """Whether it keeps any of 16 million colours; None where it does not say."""

    @property
    def is_late(self) -> bool:
        """Whether answers may still come."""
        return self.is_asked and not self.is_answered

    @property
    def has_placeholders(self) -> bool:
        """Whether kitty's pictures can stand in for text, so that none is ever left behind."""
        return self.has_kitty and self.name.lower().startswith(("kitty", "ghostty"))


def is_complete(answers: bytes) -> bool:
    """Tell whether the answer to the last question is there."""
    return _ATTRIBUTES.search(answers) is not None


def terminal_of(answers: bytes) -> Terminal:
    """Return what a terminal's answers say; whatever is no answer is passed over.

    Args:
        answers: All that was read, in order.
    """
    attributes = _ATTRIBUTES.search(answers)
    name, cell = _NAME.search(answers), _CELL.search(answers)
    registers = _REGISTERS.search(answers)
    return Terminal(
        is_asked=True,
        is_answered=attributes is not None,
        name=name[1].decode("utf-8", "replace") if name else "",
        has_sixel=attributes is not None
        and _SIXEL_ATTRIBUTE in attributes[1].decode("ascii").split(";"),
        has_kitty=_KITTY.search(answers) is not None,
        cell=_positive(int(cell[2]), int(cell[1])) if cell else None,
        registers=_within(int(registers[1])) if registers else SIXEL_REGISTERS,
        has_true_colours=True if _COLOUR.search(answers) else None,
    )


def _positive(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if width and height else None


def _within(registers: int) -> int:
    """Return a number of colours to draw with."""
    return min(max(registers, 2), SIXEL_REGISTERS)


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
