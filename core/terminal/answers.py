"""What a terminal says of itself: the questions, and what its answers mean. Nothing is read here.

The last question, for the primary device attributes, is one that every terminal answers, and they
answer in order: once its answer is there, nothing else will come.
"""

import re
from dataclasses import dataclass

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
