"""Cards under the cursor and not."""

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from datrnet.tui.thumbnails import Absent, Thumbnails
from datrnet.tui.widgets.cards import CARD_SIZES, CardPainter, CardSize, CardStyles


class _Pixels:
    """Thumbnails of noise; the second row has none."""

    def pixels(self, row: int) -> NDArray[np.uint8] | Absent:
        if row == 1:
            return Absent.MISSING
        return np.random.default_rng(row).integers(0, 255, (48, 48, 3), dtype=np.uint8)


def _cells(painter: CardPainter, row: int, sign: str, cursor: int) -> list[list[tuple[str, str]]]:
    styles = CardStyles(
        **{
            name: Style.parse(f"#{number}{number}{number}000")
            for number, name in enumerate(CardStyles.__dataclass_fields__)
        }
    )
    (card,) = painter.cards([row], [("title", "note")], [sign], cursor, styles)
    return [
        [(one, str(segment.style)) for segment in Strip(line) for one in segment.text]
        for line in card
    ]


@pytest.mark.parametrize("size", CARD_SIZES)
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("sign", ["", "+ listed"])
def test_only_what_is_around_the_picture_changes_under_the_cursor(
    size: CardSize, row: int, sign: str
) -> None:
    painter = CardPainter(cast(Thumbnails, _Pixels()))
    painter.size = size
    card = Region(3, 7, painter.width, painter.height)
    before, after = (_cells(painter, row, sign, cursor) for cursor in (-1, 0))
    changed = {
        (card.x + x, card.y + y)
        for y, (one, other) in enumerate(zip(before, after, strict=True))
        for x, (cell, new) in enumerate(zip(one, other, strict=True))
        if cell != new
    }
    parts = painter.cursor_parts(card)
    assert changed
    assert all(any(part.contains(*place) for part in parts) for place in changed)
    assert sum(part.area for part in parts) == card.area - size.columns * size.rows
