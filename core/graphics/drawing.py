"""How the explorer draws pictures: as the settings say, as far as the terminal can."""

from dataclasses import dataclass
from typing import Literal

from datrnet.core.graphics.terminal import SIXEL_REGISTERS, Terminal
from datrnet.core.preferences import Blocks, Preferences

Protocol = Literal["sixel", "kitty", "blocks", "none"]

UNKNOWN_CELL = (8, 16)
"""Width and height of a cell in pixels if the terminal does not tell: rather too small, because a
picture must not exceed its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How pictures are drawn."""

    glyphs: Blocks = "quadrants"
    """The block characters to use."""
    protocol: Protocol = "blocks"
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


def _protocol(settings: Preferences, terminal: Terminal, *, exact_colors: bool) -> Protocol:
    if settings.pictures == "kitty":
        return "kitty" if exact_colors else "blocks"
    if settings.pictures != "auto":
        return settings.pictures
    if terminal.has_placeholders and exact_colors:
        return "kitty"
    return "sixel" if terminal.has_sixel and terminal.cell is not None else "blocks"
