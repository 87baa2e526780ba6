"""Text in exactly so many cells of the screen."""

from rich.cells import cell_len, set_cell_size

from datrnet.core.data.inert_text import inert

ELLIPSIS = "…"


def fitted(text: str, width: int) -> str:
    """Return text, made inert, in exactly ``width`` cells: padded, or cut with an ellipsis."""
    text = inert(text)
    if cell_len(text) > width > 0:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(text, max(width, 0))
