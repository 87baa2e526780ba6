"""How cards fill a grid: their number and size for a pane, in whole rows without empty columns."""

from dataclasses import dataclass
from typing import NamedTuple

from datrnet.core.graphics.blocks import CELL_RATIO

FRAME = 1
"""The margin around a picture, where the cursor's frame is drawn: a line above, two columns."""

NOTE_LINES = 1

TWO_LINES_FROM = 8
"""Rows of a picture from which its title has two lines."""

SIDES = (17, 14, 12, 10, 8)
"""Sides that a picture should have at least, in columns, the best first: on about 20 x 10 cells,
stripes, checks and necklines can be told apart."""

FEWEST, MANY, CELLS_PER_CARD = 2, 6, 250
"""Cards that should be in view at once: one for so many cells, but no fewer and no more."""

NARROWEST = 8
"""The fewest columns of a picture."""

LEAST_RATIO = 0.8
"""How much lower than square a picture may be if that shows another row of cards."""


class CardSize(NamedTuple):
    """The size of a picture in cells."""

    columns: int
    rows: int

    @property
    def side(self) -> int:
        """Columns of the largest square inside."""
        return min(self.columns, CELL_RATIO * self.rows)


@dataclass(frozen=True, slots=True)
class PageLayout:
    """The cards that a pane shows at once."""

    across: int
    down: int
    size: CardSize
    title_lines: int = 1

    @property
    def width(self) -> int:
        """Columns from one card to the next."""
        return self.size.columns + 2 * FRAME

    @property
    def height(self) -> int:
        """Lines from one card to the next."""
        return FRAME + self.size.rows + self.title_lines + NOTE_LINES


def page_layout(width: int, height: int, card_width: float | None = None) -> PageLayout:
    """Return the cards for a pane: whole rows, and fewer columns left over than cards are across.

    Args:
        width: Of the pane in columns.
        height: In lines.
        card_width: About how wide a card should be; None chooses.
    """
    if card_width is None:
        return _default(width, height)
    across = min(max(1, round(width / card_width)), most_across(width))
    layouts = [_divided(width, height, across, down) for down in range(_most_down(height), 0, -1)]
    return next(
        (it for it in layouts if CELL_RATIO * it.size.rows >= LEAST_RATIO * it.size.columns),
        layouts[-1],
    )


def most_across(width: int) -> int:
    """Return how many of the smallest cards fit side by side, at least one."""
    return max(1, width // (NARROWEST + 2 * FRAME))


def _default(width: int, height: int) -> PageLayout:
    """Return as many cards as can have the best side, or the next one if these are too few."""
    layouts = [
        _divided(width, height, across, down)
        for across in range(1, most_across(width) + 1)
        for down in range(1, _most_down(height) + 1)
    ]
    fewest = min(max(width * height // CELLS_PER_CARD, FEWEST), MANY)
    for side in SIDES:
        fitting = [it for it in layouts if it.size.side >= side]
        most = max(fitting, key=lambda it: (it.across * it.down, it.size.side), default=None)
        if most is not None and most.across * most.down >= fewest:
            return most
    return max(layouts, key=lambda it: it.size.side)


def _most_down(height: int) -> int:
    return max(1, height // (FRAME + NARROWEST // CELL_RATIO + 1 + NOTE_LINES))


def _divided(width: int, height: int, across: int, down: int) -> PageLayout:
    """Divide a pane among cards; what cannot be divided is left over."""
    columns = max(1, width // across - 2 * FRAME)
    lines = height // down - FRAME - NOTE_LINES
    title_lines = 2 if lines - 2 >= TWO_LINES_FROM else 1
    return PageLayout(across, down, CardSize(columns, max(1, lines - title_lines)), title_lines)
