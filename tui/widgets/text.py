"""Text in a fixed number of cells, and the styles of quiet text.

``$text-muted`` and ``$text-disabled`` only work in style sheets: they are ``auto`` colors with an
alpha, and ``Content`` drops the alpha, which leaves pure white or black. The ``dim`` attribute
blends the color into its background in every theme; without colors, the terminal dims the text.
"""

from rich.cells import cell_len, set_cell_size

from datrnet.core.text import sanitize

ELLIPSIS = "…"

CHARACTERS_PER_CELL = 8
"""Characters examined per cell, so that very long titles take no longer than others."""


def fitted(text: str, width: int) -> str:
    """Return sanitized text in exactly ``width`` cells: padded, or cut with an ellipsis."""
    beginning = text[: CHARACTERS_PER_CELL * max(width, 1)]
    shown = sanitize(beginning)
    if cell_len(shown) <= width and len(beginning) < len(text):
        shown = sanitize(text)  # much of it is invisible
    text = shown
    if cell_len(text) > width > 0:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(text, max(width, 0))


MUTED = "dim"
"""Secondary information."""

DISABLED = "$foreground-muted dim"
"""What cannot be chosen, or has no items."""
