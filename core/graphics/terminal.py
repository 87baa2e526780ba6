"""What a terminal can do, and how the explorer draws pictures on it.

It is queried once, before the application starts, and waited for at most a second.

Every terminal answers the last query, for the primary device attributes, and terminals answer in
order: after that answer nothing else comes.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from select import select
from typing import Literal

from datrnet.core.preferences import Blocks, Preferences

KITTY_ID = 4211
"""Number of the test picture, which is never shown."""

TEST_COLOR = (1, 2, 3)

QUESTIONS = (
    "\x1b[>0q"  # name and version
    f"\x1b_Gi={KITTY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"  # kitty's graphics protocol
    "\x1b[16t"  # size of a cell
    "\x1b[?1;1;0S"  # color registers of sixel pictures
    "\x1b[48;2;{};{};{}m\x1bP$qm\x1b\\\x1b[m".format(*TEST_COLOR)  # is that color kept?
    + "\x1b[c"  # primary device attributes
)

SIXEL_REGISTERS = 128
"""The most colors of a sixel picture, even if the terminal has more: twice as many change pixels by
less than 1 of 255, and take a third more bytes."""

_SIXEL_ATTRIBUTE = "4"

_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
_NAME = re.compile(rb"\x1bP>\|([^\x1b\x07]*)(?:\x1b\\|\x07)")
_KITTY = re.compile(rb"\x1b_Gi=%d;OK\x1b\\" % KITTY_ID)
_CELL = re.compile(rb"\x1b\[6;([1-9][0-9]{0,3});([1-9][0-9]{0,3})t")
_REGISTERS = re.compile(rb"\x1b\[\?1;0;([0-9]{1,9})S")
_COLOR = re.compile(rb"\x1bP1\$r[^\x1b]*48[:;]2[:;]+%d[:;]%d[:;]%d[^0-9]" % TEST_COLOR)

SHOWS_PLACEHOLDERS = ("kitty", "ghostty")
"""Terminals whose pictures text can place; their names as they report them."""
PLACEHOLDERS_SINCE = (0, 28)
"""The first version of kitty that has them."""
_KITTY_VERSION = re.compile(r"kitty\D*(\d+)\.(\d+)")

PictureMode = Literal["sixel", "kitty", "blocks", "none"]

UNKNOWN_CELL = (8, 16)
"""Width and height of a cell in pixels if the terminal does not tell: rather too small, because a
picture must not exceed its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What is known of the terminal; the defaults are for a terminal that was not queried."""

    is_answered: bool = False
    """Whether it answered the last query, so that no answer is outstanding."""
    is_asked: bool = False
    name: str = ""
    """The name it reports; empty if it does not."""
    has_sixel: bool = False
    has_kitty: bool = False
    """Whether it supports kitty's graphics protocol."""
    cell: tuple[int, int] | None = None
    """Width and height of a character cell in pixels."""
    registers: int = SIXEL_REGISTERS
    """The most colors of a sixel picture."""
    has_true_color: bool | None = None
    """Whether it supports 24-bit color; None if it does not tell."""

    @property
    def is_late(self) -> bool:
        """Whether answers may still arrive."""
        return self.is_asked and not self.is_answered

    @property
    def has_placeholders(self) -> bool:
        """Whether kitty's pictures can be placed by text, so that none is left behind."""
        version = _KITTY_VERSION.match(self.name.lower())
        has_version = version is None or tuple(map(int, version.groups())) >= PLACEHOLDERS_SINCE
        return self.has_kitty and has_version and self.name.lower().startswith(SHOWS_PLACEHOLDERS)


def is_complete(answers: bytes) -> bool:
    """Tell whether the answer to the last query has arrived."""
    return _ATTRIBUTES.search(answers) is not None


def parse_answers(answers: bytes) -> Terminal:
    """Return what a terminal's answers tell; anything else in the input is ignored.

    Args:
        answers: All input, in order.
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
        cell=(int(cell[2]), int(cell[1])) if cell else None,
        registers=min(max(int(registers[1]), 2), SIXEL_REGISTERS) if registers else SIXEL_REGISTERS,
        has_true_color=True if _COLOR.search(answers) else None,
    )


PATIENCE = 1.0
"""Seconds to wait for the answers."""

LONGEST = 4096
"""Bytes of answers at most; whatever sends more is not a terminal."""

SILENT = ("", "dumb", "linux")
"""Values of $TERM of terminals without pictures, which are not queried."""


def ask_terminal(patience: float = PATIENCE) -> Terminal:
    """Query the terminal at standard input and output.

    Keys typed meanwhile are lost. Without a terminal, the result has the defaults.

    Args:
        patience: Seconds to wait at most.
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
    """Query a terminal.

    Args:
        source: File descriptor of the terminal to read from.
        sink: File descriptor to write to.
        patience: Seconds to wait at most.

    Raises:
        OSError: It is not a terminal, or gone.
    """
    answers, deadline = b"", time.monotonic() + patience
    with _undisturbed(source):
        os.write(sink, QUESTIONS.encode("ascii"))
        while not is_complete(answers) and len(answers) <= LONGEST:
            left = deadline - time.monotonic()
            if left <= 0 or not select([source], [], [], left)[0]:
                break
            answered = os.read(source, LONGEST)
            if not answered:
                break
            answers += answered
        # a terminal may print a query that it does not understand
        os.write(sink, b"\r\x1b[K")
    return parse_answers(answers)


@contextmanager
def _undisturbed(source: int) -> Iterator[None]:
    """Turn off echo and line buffering, so that answers are not shown and arrive at once."""
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


def cell_size() -> tuple[int, int] | None:
    """Return the width and height of a cell in pixels, if the system knows the window's size."""
    if sys.__stdout__ is None:
        return None
    try:
        import fcntl
        import struct
        import termios

        size = fcntl.ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError, ImportError):
        return None  # no terminal, or a system without these calls
    rows, columns, width, height = struct.unpack("HHHH", size)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return width // columns, height // rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How pictures are drawn."""

    glyphs: Blocks = "quadrants"
    """The block characters to use."""
    protocol: PictureMode = "blocks"
    """How the picture of the item under the cursor is shown."""
    cell: tuple[int, int] = UNKNOWN_CELL
    """Width and height of a cell in pixels."""
    registers: int = SIXEL_REGISTERS
    """Colors that a sixel picture may have."""
    is_gray: bool = False
    """Whether pixels are gray, as cells are then."""

    @property
    def is_in_pixels(self) -> bool:
        """Whether that picture is shown in pixels instead of cells."""
        return self.protocol in ("sixel", "kitty")


def drawing_for(
    settings: Preferences, terminal: Terminal, *, color_system: str | None, no_color: bool
) -> Drawing:
    """Return how to draw on a terminal.

    Args:
        settings: The user's settings.
        terminal: What is known of the terminal.
        color_system: The color system of text, in Rich's terms.
        no_color: Whether everything is gray.
    """
    # the color of a placeholder is the number of its picture: it must arrive unchanged
    exact_colors = color_system == "truecolor" and not no_color
    return Drawing(
        glyphs=settings.blocks,
        protocol=_protocol(settings, terminal, exact_colors=exact_colors),
        cell=terminal.cell or UNKNOWN_CELL,
        registers=terminal.registers,
        is_gray=no_color,
    )


def _protocol(settings: Preferences, terminal: Terminal, *, exact_colors: bool) -> PictureMode:
    if settings.pictures == "kitty":
        return "kitty" if exact_colors else "blocks"
    if settings.pictures != "auto":
        return settings.pictures
    if terminal.has_placeholders and exact_colors:
        return "kitty"
    return "sixel" if terminal.has_sixel and terminal.cell is not None else "blocks"
