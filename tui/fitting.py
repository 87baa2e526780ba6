"""Text in exactly so many cells of the screen."""

from rich.cells import cell_len, set_cell_size

from datrnet.core.text import inert

ELLIPSIS = "…"

ENOUGH = 8
"""Characters looked at for each cell: a title of thousands takes no longer than another."""


def fitted(text: str, width: int) -> str:
    """Return text, made inert, in exactly ``width`` cells: padded, or cut with an ellipsis."""
    beginning = text[: ENOUGH * max(width, 1)]
    shown = inert(beginning)
    if cell_len(shown) <= width and len(beginning) < len(text):
        shown = inert(text)  # so much of it is invisible
    text = shown
    if cell_len(text) > width > 0:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(text, max(width, 0))
