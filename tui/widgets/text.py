"""Text in a fixed number of cells, and the styles of quiet text.

``$text-muted`` and ``$text-disabled`` only work in style sheets: they are ``auto`` colors with an
alpha, and ``Content`` drops the alpha, which leaves pure white or black. The ``dim`` attribute
blends the color into its background in every theme; without colors, the terminal dims the text.
"""

from collections.abc import Sequence

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


def in_lines(text: str, width: int, num_lines: int) -> list[str]:
    """Return sanitized text in at most so many lines of ``width`` cells, broken between words.

    If it is too long, its middle is left out: titles begin alike and differ at their end.
    """
    room = CHARACTERS_PER_CELL * max(width, 1) * num_lines
    if len(text) > 2 * room:
        text = f"{text[:room]} {text[-room:]}"
    words = sanitize(text).split()
    lines: list[str] = []
    while words and len(lines) < num_lines - 1:
        num_words = _num_fitting(words, width)
        lines.append(" ".join(words[:num_words]))
        del words[:num_words]
    rest = " ".join(words)
    if cell_len(rest) > width:
        # a line that begins the title shows its beginning, too
        room = width - len(ELLIPSIS) - (0 if lines else width // 3)
        words.reverse()
        end = " ".join(reversed(words[: _num_fitting(words, room)]))
        if cell_len(end) <= room:
            begin = "" if lines else set_cell_size(rest, width - len(ELLIPSIS) - cell_len(end))
            rest = f"{begin.rstrip()}{ELLIPSIS}{end}"
    return [fitted(line, width) for line in (*lines, rest) if line]


def _num_fitting(words: Sequence[str], width: int) -> int:
    """Return how many words fit into a line, at least one."""
    number, used = 1, cell_len(words[0])
    while number < len(words) and used + 1 + cell_len(words[number]) <= width:
        used += 1 + cell_len(words[number])
        number += 1
    return number


MUTED = "dim"
"""Secondary information, and what has no items."""
