"""How the explorer draws pictures: what the person wants, as far as the terminal can."""

from dataclasses import dataclass
from typing import Literal

from datrnet.core.graphics.terminal import SIXEL_REGISTERS, Terminal
from datrnet.core.preferences import Blocks, Preferences

Protocol = Literal["sixel", "kitty", "blocks", "none"]

UNKNOWN_CELL = (8, 16)
"""Width and height in pixels taken for a cell where the terminal does not say: rather too small,
for a picture must not reach beyond its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How pictures are drawn."""

    glyphs: Blocks = "quadrants"
    """The characters of pictures in cells."""
    protocol: Protocol = "blocks"
    """How the picture of the item under the cursor is shown."""
    cell: tuple[int, int] = UNKNOWN_CELL
    """Width and height of a cell in pixels."""
    registers: int = SIXEL_REGISTERS
    """Colors that a sixel picture may have."""
    is_grey: bool = False
    """Whether pixels are without colour, as the cells then are."""

    @property
    def is_in_pixels(self) -> bool:
        """Whether that picture is shown in pixels, not in cells."""
        return self.protocol in ("sixel", "kitty")


def drawing_for(
    settings: Preferences, terminal: Terminal, *, color_system: str | None, no_color: bool
) -> Drawing:
    """Return how to draw for a person on a terminal.

    Args:
        settings: What the person wants.
        terminal: What is known of the terminal.
        color_system: Colors that text is written in, as Rich calls them.
        no_color: Whether everything is grey.
    """
    # a placeholder's colour is the number of its picture: it must arrive as it is
    exact_colours = color_system == "truecolor" and not no_color
    return Drawing(
        glyphs=settings.blocks,
        protocol=_protocol(settings, terminal, exact_colours=exact_colours),
        cell=terminal.cell or UNKNOWN_CELL,
        registers=terminal.registers,
        is_grey=no_color,
    )


def _protocol(settings: Preferences, terminal: Terminal, *, exact_colours: bool) -> Protocol:
    if settings.pictures == "kitty":
        return "kitty" if exact_colours else "blocks"
    if settings.pictures != "auto":
        return settings.pictures
    if terminal.has_placeholders and exact_colours:
        return "kitty"
    return "sixel" if terminal.has_sixel and terminal.cell is not None else "blocks"
