"""Cards: a thumbnail with its title and a note, drawn as segments of character cells."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache

from datrnet.core.graphics.blocks import Cells
from datrnet.core.graphics.terminal import Drawing
from datrnet.tui.graphics.kitty import KeptPictures, placeholder_lines
from datrnet.tui.graphics.page_layout import NOTE_LINES, CardSize, PageLayout
from datrnet.tui.graphics.pictures import InPixels, Pixels
from datrnet.tui.graphics.thumbnails import Absent, Draw, InCells, Thumbnails
from datrnet.tui.widgets.text import fitted, in_lines

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


def fitting_signs(signs: Sequence[str], size: CardSize) -> str:
    """Return signs for the frame of a card; without their words where these do not fit."""
    words = "  ".join(signs)
    return words if cell_len(words) <= size.columns - 2 else " ".join(it[0] for it in signs)


Lines = list[list[Segment]]

KEPT_PICTURES = 256

ABSENT_TEXTS = {Absent.WAITING: "…", Absent.MISSING: "no picture"}

CardStyles = Mapping[str, Style]
"""The styles of the theme: of a title, note, frame, cursor, absent picture, and what is blank."""


class CardPainter:
    """Draws cards, and caches their pictures."""

    def __init__(
        self, thumbnails: Thumbnails, drawing: Drawing, send: Callable[[str], object]
    ) -> None:
        """Draw nothing yet.

        Args:
            thumbnails: Where the pictures come from.
            drawing: How to draw them.
            send: Writes to the terminal, past its cells.
        """
        self._thumbnails = thumbnails
        self._drawing = drawing
        self._layout = PageLayout(1, 1, CardSize(1, 1))
        self._pictures: LRUCache[int, Lines] = LRUCache(KEPT_PICTURES)
        self._kept = KeptPictures(send)
        self.waiting: set[int] = set()
        """Rows drawn without their picture, which a thread is reading."""

    @property
    def layout(self) -> PageLayout:
        """The size and number of the cards."""
        return self._layout

    def fit(self, layout: PageLayout, drawing: Drawing) -> None:
        """Draw cards of another size, or in another way."""
        if (layout, drawing) != (self._layout, self._drawing):
            self._layout, self._drawing = layout, drawing
            self.forget()

    def forget(self) -> None:
        """Drop all cached pictures: rows now mean other items."""
        self._pictures.clear()
        self._kept.clear()
        self.waiting.clear()

    @property
    def draw(self) -> Draw[Cells | Pixels]:
        """Draws the pictures of the cards as text."""
        return self.in_pixels if self._drawing.protocol == "kitty" else self._in_cells

    @property
    def _in_cells(self) -> InCells:
        return InCells(self._layout.size.rows, self._layout.size.columns, self._drawing.glyphs)

    @property
    def in_pixels(self) -> InPixels:
        """Draws them in pixels."""
        return InPixels(self._layout.size.rows, self._layout.size.columns, self._drawing)

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
        return [
            self._card(row, caption, sign, styles, is_cursor=place == cursor)
            for place, (row, caption, sign) in enumerate(zip(rows, captions, signs, strict=True))
        ]

    def make_room(self) -> bool:
        """Free the oldest pictures that the terminal keeps; return whether there were too many."""
        crowded = self._kept.crowded()
        for row in crowded:
            self._kept.remove(row)
            self._pictures.discard(row)
        return bool(crowded)

    def _card(
        self, row: int, caption: tuple[str, str], sign: str, styles: CardStyles, *, is_cursor: bool
    ) -> Lines:
        columns = self._layout.size.columns
        left, right, top = " ", " ", " " * self._layout.width
        if is_cursor:
            left, right, top = "▐", "▌", f"▗{'▄' * columns}▖"
        edge = styles["frame" if is_cursor else "blank"]
        lines = [self._top(top, sign, edge, styles["title"])]
        lines += [
            [Segment(left, edge), *line, Segment(right, edge)]
            for line in self._picture(row, styles)
        ]
        title, note = caption
        titles = in_lines(title, columns, self._layout.title_lines)
        texts = [*(("title", text) for text in titles), ("note", fitted(note, columns))]
        texts += [("note", " " * columns)] * (self._layout.title_lines + NOTE_LINES - len(texts))
        for name, text in texts:
            style = styles["cursor" if is_cursor else name]
            lines.append([Segment(f" {text} ", style)])
        return lines

    def _picture(self, row: int, styles: CardStyles) -> Lines:
        """Return the lines of a picture, or words in their place."""
        lines = self._pictures.get(row)
        if lines is not None:
            return lines
        drawn = self._thumbnails.get(row, self.draw)
        if isinstance(drawn, Absent):
            if drawn is Absent.WAITING:
                self.waiting.add(row)
            return self._absent(ABSENT_TEXTS[drawn], styles["absent"])
        if isinstance(drawn, Cells):
            lines = lines_of(drawn)
        else:
            number = self._kept.add(row, drawn)
            lines = placeholder_lines(number, drawn.rows, drawn.columns, styles["blank"])
        self._pictures[row] = lines
        return lines

    def _top(self, edge: str, sign: str, style: Style, sign_style: Style) -> list[Segment]:
        """Return the line above a picture: the edge of the frame with the sign in it."""
        if not sign:
            return [Segment(edge, style)]
        shown = f" {fitted(sign, min(cell_len(sign), self._layout.size.columns - 2))} "
        rest = edge[2 + cell_len(shown) :]
        return [Segment(edge[:2], style), Segment(shown, sign_style), Segment(rest, style)]

    def _absent(self, text: str, style: Style) -> Lines:
        columns, rows = self._layout.size
        return [
            [Segment((text if line == rows // 2 else "").center(columns)[:columns], style)]
            for line in range(rows)
        ]
