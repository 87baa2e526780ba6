"""Pictures that a terminal keeps by number, as kitty's protocol has it, and their text."""

import os
from collections.abc import Callable
from itertools import count

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from datrnet.core.graphics.protocols import HIGHEST_NUMBER, placeholder, removal, transmission
from datrnet.tui.graphics.pictures import Pixels

MOST_KEPT = 256
"""Pictures of a grid that the terminal keeps at once."""

_numbers = count(os.getpid() << 8)
"""Other programs in the terminal use other numbers."""


def next_number() -> int:
    """Return a number for a picture, another one each time."""
    return next(_numbers) % HIGHEST_NUMBER + 1


def placeholder_lines(number: int, rows: int, columns: int, style: Style) -> list[list[Segment]]:
    """Return the text that the terminal replaces by a numbered picture."""
    style += Style(color=Color.from_rgb(number >> 16, number >> 8 & 0xFF, number & 0xFF))
    # a segment per cell, so that covering a part never cuts one
    return [
        [Segment(placeholder(row, column), style) for column in range(columns)]
        for row in range(rows)
    ]


class KeptPictures:
    """The pictures of a grid that the terminal has been sent, by row of the catalog."""

    def __init__(self, send: Callable[[str], object]) -> None:
        """Keep nothing yet.

        Args:
            send: Writes to the terminal.
        """
        self._send = send
        self._numbers: dict[int, int] = {}

    def add(self, row: int, pixels: Pixels) -> int:
        """Send a picture; return its number."""
        self.remove(row)
        number = self._numbers[row] = next_number()
        self._send(transmission(pixels.data, number, pixels.rows, pixels.columns))
        return number

    def crowded(self) -> list[int]:
        """Return the rows whose pictures are too many, the oldest first."""
        return list(self._numbers)[: max(0, len(self._numbers) - MOST_KEPT)]

    def remove(self, row: int) -> None:
        """Free a picture in the terminal's memory."""
        if (number := self._numbers.pop(row, None)) is not None:
            self._send(removal(number))

    def clear(self) -> None:
        """Free all pictures."""
        for row in list(self._numbers):
            self.remove(row)
