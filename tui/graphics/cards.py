"""Cards: a thumbnail with its title and a note, drawn as segments of character cells."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache

from datrnet.core.graphics.blocks import Cells, cells_of
from datrnet.core.preferences import Blocks
from datrnet.tui.graphics.thumbnails import Absent, Thumbnails
from datrnet.tui.widgets.text import fitted

SHADES = 0xFC
"""Colors keep six bits per channel: this is invisible, and more neighbors share a segment."""


def lines_of(cells: Cells) -> list[list[Segment]]:
    """Return the rows of a picture, each as few segments as its colors allow."""
    foreground, background = _packed(cells.foreground), _packed(cells.background)
    rows = zip(cells.characters.tolist(), foreground.tolist(), background.tolist(), strict=True)
    return [_line(*row) for row in rows]


def _packed(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = np.moveaxis((colors & SHADES).astype(np.int32), -1, 0)
    packed: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return packed


def _line(characters: list[str], foreground: list[int], background: list[int]) -> list[Segment]:
    colors, start = list(zip(foreground, background, strict=True)), 0
    segments = []
    for pair, run in groupby(colors):
        end = start + len(list(run))
        segments.append(Segment("".join(characters[start:end]), _style(*pair)))
        start = end
    return segments


@lru_cache(maxsize=1 << 16)
def _style(foreground: int, background: int) -> Style:
    return Style(color=_color(foreground), bgcolor=_color(background))


@lru_cache(maxsize=1 << 14)
def _color(packed: int) -> Color:
    return Color.from_rgb(packed >> 16, packed >> 8 & 0xFF, packed & 0xFF)


Lines = list[list[Segment]]

FRAME = 1
"""The margin on every side of a picture, where the cursor's frame is drawn."""
CAPTION_LINES = 2
KEPT_PICTURES = 2048

ABSENT_TEXTS = {Absent.WAITING: "…", Absent.MISSING: "no picture"}


class CardSize(NamedTuple):
    """The size of a thumbnail in cells."""

    columns: int
    rows: int


CARD_SIZES = (CardSize(10, 5), CardSize(12, 6), CardSize(16, 8), CardSize(20, 10), CardSize(26, 13))


CardStyles = Mapping[str, Style]
"""The styles of the theme: of a title, note, frame, cursor, absent picture, and what is blank."""


class CardPainter:
    """Draws cards, and caches their pictures."""

    def __init__(self, thumbnails: Thumbnails, glyphs: Blocks) -> None:
        self._thumbnails = thumbnails
        self._size = CARD_SIZES[2]
        self._glyphs = glyphs
        self._pictures: LRUCache[int, Lines] = LRUCache(KEPT_PICTURES)
        self.waiting: set[int] = set()
        """Rows drawn without their picture, which a thread is reading."""

    @property
    def size(self) -> CardSize:
        """The size of the thumbnails."""
        return self._size

    @size.setter
    def size(self, size: CardSize) -> None:
        if size != self._size:
            self._size = size
            self._pictures.clear()

    @property
    def width(self) -> int:
        """Columns from one card to the next."""
        return self._size.columns + 2 * FRAME

    @property
    def height(self) -> int:
        """Lines from one card to the next."""
        return FRAME + self._size.rows + CAPTION_LINES

    def forget(self) -> None:
        """Drop all cached pictures: rows now mean other items."""
        self._pictures.clear()
        self.waiting.clear()

    def cards(
        self,
        rows: Sequence[int],
        captions: Sequence[tuple[str, str]],
        signs: Sequence[str],
        cursor: int,
        styles: CardStyles,
    ) -> list[Lines]:
        """Return the lines of cards side by side.

        Args:
            rows: Their rows in the catalog.
            captions: Their titles and notes.
            signs: A word above each picture, or an empty string.
            cursor: Which of them the cursor is on; any other number for none.
            styles: The colors to draw with.
        """
        self._draw(rows)
        return [
            self._card(row, caption, sign, styles, is_cursor=place == cursor)
            for place, (row, caption, sign) in enumerate(zip(rows, captions, signs, strict=True))
        ]

    def _draw(self, rows: Sequence[int]) -> None:
        """Draw the pictures that are not cached yet, all at once."""
        found = {row: self._thumbnails.pixels(row) for row in rows if row not in self._pictures}
        pixels = {row: image for row, image in found.items() if not isinstance(image, Absent)}
        self.waiting |= {row for row, image in found.items() if image is Absent.WAITING}
        if not pixels:
            return
        stacked = np.stack(list(pixels.values()))
        cells = cells_of(stacked, self._size.rows, self._size.columns, glyphs=self._glyphs)
        for place, row in enumerate(pixels):
            self._pictures[row] = lines_of(cells[place])

    def _card(
        self, row: int, caption: tuple[str, str], sign: str, styles: CardStyles, *, is_cursor: bool
    ) -> Lines:
        columns = self._size.columns
        left, right, top = " ", " ", " " * self.width
        if is_cursor:
            left, right, top = "▐", "▌", f"▗{'▄' * columns}▖"
        edge = styles["frame" if is_cursor else "blank"]
        picture = self._pictures.get(row) or self._absent(row, styles["absent"])
        lines = [self._top(top, sign, edge, styles["title"])]
        lines += [[Segment(left, edge), *line, Segment(right, edge)] for line in picture]
        for text, name in zip(caption, ("title", "note"), strict=True):
            style = styles["cursor" if is_cursor else name]
            lines.append([Segment(f" {fitted(text, columns)} ", style)])
        return lines

    def _top(self, edge: str, sign: str, style: Style, sign_style: Style) -> list[Segment]:
        """Return the line above a picture: the edge of the frame with the sign in it."""
        if not sign:
            return [Segment(edge, style)]
        shown = f" {fitted(sign, min(cell_len(sign), self._size.columns - 2))} "
        rest = edge[2 + cell_len(shown) :]
        return [Segment(edge[:2], style), Segment(shown, sign_style), Segment(rest, style)]

    def _absent(self, row: int, style: Style) -> Lines:
        absent = self._thumbnails.pixels(row)
        text = ABSENT_TEXTS[absent] if isinstance(absent, Absent) else ""
        middle, columns = self._size.rows // 2, self._size.columns
        return [
            [Segment((text if line == middle else "").center(columns), style)]
            for line in range(self._size.rows)
        ]


def default_size(width: int, height: int) -> CardSize:
    """Return the thumbnail size that shows a fair number of cards at once."""
    if height < 24 or width < 60:
        # one row of larger cards, or two whole rows
        return CARD_SIZES[1] if 9 <= height < 16 or height >= 18 else CARD_SIZES[0]
    return CARD_SIZES[2] if width < 200 else CARD_SIZES[3]
