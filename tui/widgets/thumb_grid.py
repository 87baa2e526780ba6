"""The grid of thumbnails: one widget that draws only what is in view, for any number of items."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size, clamp
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.graphics.terminal import Drawing
from datrnet.tui.graphics import sixel_page
from datrnet.tui.graphics.cards import CardPainter, CardStyles
from datrnet.tui.graphics.page_layout import FRAME, PageLayout, most_across, page_layout
from datrnet.tui.graphics.pictures import Pixels
from datrnet.tui.graphics.sixel_page import SixelPage, is_in_front, sixels_at
from datrnet.tui.graphics.thumbnails import Absent, Thumbnails
from datrnet.tui.keymap import hidden
from datrnet.tui.textual_patches import call_when_written, is_plain, write_to_terminal
from datrnet.tui.widgets.text import fitted

STYLES = ("title", "note", "frame", "cursor", "absent")
"""Styles of a card that the theme has."""

FLUSHES_PER_SECOND = 60
KEPT_CARD_ROWS = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """The items of a grid, in order."""

    rows: NDArray[np.intp]
    """Rows of the catalog."""
    caption: Callable[[int], tuple[str, str]]
    """Returns the title and the note below a thumbnail, by position in ``rows``."""

    @classmethod
    def of_items(cls, catalog: Catalog, rows: NDArray[np.intp]) -> "Listing":
        """Return items with their titles and codes."""
        return cls(
            rows=rows,
            caption=lambda place: (catalog.titles[rows[place]], catalog.codes[rows[place]]),
        )


EMPTY = Listing(rows=np.empty(0, dtype=np.intp), caption=lambda _: ("", ""))


class ThumbGrid(ScrollView, can_focus=True, inherit_bindings=False):
    """Cards in rows, with a cursor."""

    HELP_TITLE = "Pictures"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("left,h", "step(-1)", "Left", id="pictures.left"),
        hidden("right,l", "step(1)", "Right", id="pictures.right"),
        hidden("up,k", "step_rows(-1)", "Up", id="pictures.up"),
        hidden("down,j", "step_rows(1)", "Down", id="pictures.down"),
        hidden("pagedown,space", "page(1)", "Page down", id="pictures.page_down"),
        hidden("pageup,b", "page(-1)", "Page up", id="pictures.page_up"),
        hidden("ctrl+d,d", "page(0.5)", "Half a page down", id="pictures.half_page_down"),
        hidden("ctrl+u,D", "page(-0.5)", "Half a page up", id="pictures.half_page_up"),
        hidden("g,home", "first", "First", id="pictures.first"),
        hidden("G,end", "last", "Last", id="pictures.last"),
        Binding("enter", "enter", "Open", id="pictures.substitutes"),
        Binding(
            "plus,equals_sign",
            "zoom(1)",
            "Larger",
            key_display="+",
            tooltip="Larger pictures",
            id="pictures.larger",
        ),
        Binding("minus", "zoom(-1)", "Smaller", tooltip="Smaller pictures", id="pictures.smaller"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"thumb-grid--{name}" for name in STYLES}

    @dataclass
    class _CursorMessage(Message):
        """Something happened to the cursor of a grid."""

        grid: "ThumbGrid"
        position: int
        """-1 if the grid is empty."""

        @property
        def control(self) -> "ThumbGrid":
            """The grid."""
            return self.grid

    class Highlighted(_CursorMessage):
        """The cursor has moved to another item, or there is none."""

    class Entered(_CursorMessage):
        """The item under the cursor was opened."""

    def __init__(self, thumbnails: Thumbnails, drawing: Callable[[], Drawing], *, id: str) -> None:
        """Show nothing yet.

        Args:
            thumbnails: Where the pictures come from.
            drawing: Returns how to draw them; it changes with the size of the terminal's cells.
            id: The widget's id.
        """
        super().__init__(id=id)
        self.listing = EMPTY
        self.empty_text = ""
        self.cursor = 0
        self.sign: Callable[[int], str] = lambda position: ""
        """Returns a word above a picture, by position in the listing."""
        self._thumbnails = thumbnails
        self._drawing = drawing
        self._painter = CardPainter(thumbnails, drawing(), self._send)
        self._card_width: float | None = None
        """About how wide the user wants cards."""
        self._strips: LRUCache[int, list[Strip]] = LRUCache(KEPT_CARD_ROWS)
        self._sixels = SixelPage()
        self._painting: Timer | None = None

    # ── content ────────────────────────────────────────────────────────

    @property
    def row(self) -> int | None:
        """The catalog row under the cursor, None if the grid is empty."""
        return int(self.listing.rows[self.cursor]) if len(self.listing.rows) else None

    def show(self, listing: Listing, *, cursor: int = 0, empty_text: str = "") -> None:
        """Show items, with the cursor on one of them."""
        self.listing, self.empty_text = listing, empty_text
        self.cursor = clamp(cursor, 0, max(0, len(listing.rows) - 1))
        self.fit()
        self._announce()

    def renumber(self, rows: NDArray[np.intp]) -> None:
        """Show the same items in a later catalog, without those that are gone.

        Args:
            rows: (N,) the later row of each earlier row, -1 where the item is gone.
        """
        now, caption = rows[self.listing.rows], self.listing.caption
        kept = np.flatnonzero(now >= 0)
        self._painter.forget()
        self.show(
            Listing(rows=now[kept], caption=lambda position: caption(int(kept[position]))),
            cursor=int(np.searchsorted(kept, self.cursor)),
            empty_text=self.empty_text,
        )

    def move_to(self, position: int) -> None:
        """Move the cursor to a position, or to the nearest there is."""
        if not len(self.listing.rows):
            return
        position = clamp(position, 0, len(self.listing.rows) - 1)
        if position == self.cursor:
            return
        before, self.cursor = self.cursor, position
        for changed in (before, position):
            self._strips.discard(changed // self.num_columns)
            self.refresh(*self._card_edges(changed))
        self._bring_into_view()
        self._announce()

    def redraw(self) -> None:
        """Draw everything in view again, as when signs have changed."""
        self._strips.clear()
        self.refresh()

    # ── geometry ─────────────────────────────────────────────────────────────

    @property
    def page(self) -> PageLayout:
        """The size and number of the cards in view."""
        return self._painter.layout

    @property
    def num_columns(self) -> int:
        """Cards side by side."""
        return self.page.across

    @property
    def _num_card_rows(self) -> int:
        return ceil(len(self.listing.rows) / self.num_columns)

    @property
    def _margin(self) -> int:
        return max(0, (self.size.width - self.num_columns * self.page.width) // 2)

    @property
    def _first_in_view(self) -> int:
        """The first row of cards in view."""
        return round(self.scroll_y / self.page.height)

    @property
    def _in_view(self) -> range:
        """The positions of the cards in view."""
        first = self._first_in_view * self.num_columns
        number = self.page.down * self.num_columns
        return range(first, min(first + number, len(self.listing.rows)))

    def _card_region(self, position: int) -> Region:
        """Return the region of a card within the widget."""
        card_row, column = divmod(position, self.num_columns)
        width, height = self.page.width, self.page.height
        return Region(
            self._margin + column * width, card_row * height - self.scroll_offset.y, width, height
        )

    def _picture_region(self, position: int) -> Region:
        """Return the region of a card's picture within the widget."""
        card = self._card_region(position)
        return Region(card.x + FRAME, card.y + FRAME, *self.page.size)

    def _card_edges(self, position: int) -> tuple[Region, ...]:
        """Return the regions around a card's picture: its frame and its text."""
        card, picture = self._card_region(position), self._picture_region(position)
        return (
            Region(card.x, card.y, card.width, FRAME),
            Region(card.x, picture.y, FRAME, picture.height),
            Region(picture.right, picture.y, FRAME, picture.height),
            Region(card.x, picture.bottom, card.width, card.bottom - picture.bottom),
        )

    def _position_at(self, x: int, y: int) -> int | None:
        column = (x - self._margin) // self.page.width
        card_row = (y + self.scroll_offset.y) // self.page.height
        position = card_row * self.num_columns + column
        inside = 0 <= column < self.num_columns and position in self._in_view
        return position if inside else None

    def fit(self) -> None:
        """Fit the cards to the widget and the terminal's cells, with the current card in view."""
        width, height = self.size
        self._painter.fit(page_layout(width, height, self._card_width), self._drawing())
        self._strips.clear()
        # the last page may start at any row of cards, so that scrolling always lands on one
        lines = self.page.height
        spare = max(0, height - self.page.down * lines)
        self.virtual_size = Size(width, self._num_card_rows * lines + spare)
        self._bring_into_view()
        self.refresh()

    def _bring_into_view(self) -> None:
        card_row = self.cursor // self.num_columns
        first_at_least = card_row - self.page.down + 1
        self._scroll_to_card_row(clamp(self._first_in_view, first_at_least, card_row))

    def _scroll_to_card_row(self, card_row: int) -> None:
        # in one jump: each step of smooth scrolling would send the whole page again
        self.scroll_to(y=card_row * self.page.height, animate=False)

    # ── drawing ──────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        """Draw a line of the widget."""
        if not len(self.listing.rows):
            return self._empty_line(y)
        card_row, line = divmod(y + self.scroll_offset.y, self.page.height)
        # no row of cards is cut: lines left over stay empty
        if card_row >= self._num_card_rows or y >= self.page.down * self.page.height:
            return Strip.blank(self.size.width, self.rich_style)
        if card_row not in self._strips:
            self._strips[card_row] = self._card_row_strips(card_row)
        return self._strips[card_row][line]

    def _empty_line(self, y: int) -> Strip:
        if y != self.size.height // 3:
            return Strip.blank(self.size.width, self.rich_style)
        text = fitted(self.empty_text, min(len(self.empty_text), self.size.width))
        style = self.get_component_rich_style("thumb-grid--note")
        return Strip([Segment(text.center(self.size.width), style)], self.size.width)

    def _card_row_strips(self, card_row: int) -> list[Strip]:
        width, first = self.size.width, card_row * self.num_columns
        positions = range(first, min(first + self.num_columns, len(self.listing.rows)))
        rows = [int(self.listing.rows[position]) for position in positions]
        captions = [self.listing.caption(position) for position in positions]
        signs = [self.sign(position) for position in positions]
        cards = self._painter.cards(rows, captions, signs, self.cursor - first, self._styles())
        if self._painter.waiting:
            self._flushes.resume()
        if self._painter.make_room():
            self._strips.clear()
        blank = self.rich_style
        margin = Segment(" " * self._margin, blank)
        rest = width - self._margin - len(rows) * self.page.width
        strips = []
        for line in range(self.page.height):
            segments = [margin, *(segment for card in cards for segment in card[line])]
            strips.append(Strip([*segments, Segment(" " * rest, blank)], width))
        return strips

    def _styles(self) -> CardStyles:
        named = {name: self.get_component_rich_style(f"thumb-grid--{name}") for name in STYLES}
        return named | {"blank": self.rich_style}

    def notify_style_update(self) -> None:
        """Drop what was drawn in the old colors."""
        self._strips.clear()
        super().notify_style_update()

    # ── events ───────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        """Prepare to fetch the thumbnails that threads read."""
        self._flushes = self.set_interval(1 / FLUSHES_PER_SECOND, self._flush, pause=True)
        call_when_written(self.screen, self._written)

    def on_unmount(self) -> None:
        """Free the pictures in the terminal's memory."""
        self._painter.forget()

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        """Fit the cards to a new size at once; the resize event comes after the page is drawn."""
        is_changed = super()._size_updated(size, virtual_size, container_size, layout)
        if is_changed:
            self.fit()
        return is_changed

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by a row of cards."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by a row of cards."""
        self._wheel(event, -1)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor there; a double click opens. Clicks beside the cards end here."""
        position = self._position_at(event.x, event.y)
        if position is None:
            event.stop()
            return
        self.move_to(position)
        if event.chain == 2 and is_plain(event):  # a third click belongs to what has opened
            self.action_enter()

    def _wheel(self, event: events.MouseEvent, card_rows: int) -> None:
        event.stop()
        event.prevent_default()
        self._scroll_to_card_row(self._first_in_view + card_rows)

    def _flush(self) -> None:
        """Draw the thumbnails that have arrived, all at once; then have the next pages read."""
        arrived = self._thumbnails.arrived(self._painter.waiting, self._painter.draw)
        self._painter.waiting -= arrived
        for position in self._in_view:
            if int(self.listing.rows[position]) in arrived:
                self._strips.discard(position // self.num_columns)
                self.refresh(self._picture_region(position))
        if not self._painter.waiting:
            self._flushes.pause()
            self._prefetch()

    def _prefetch(self) -> None:
        """Have the thumbnails of the next page and of the one before read."""
        view = self._in_view
        after = self.listing.rows[view.stop : view.stop + len(view)]
        before = self.listing.rows[max(0, view.start - len(view)) : view.start]
        self._thumbnails.prefetch([*after.tolist(), *before.tolist()], self._painter.draw)

    # ── sixels ───────────────────────────────────────────────────────────────

    def _send(self, text: str) -> None:
        write_to_terminal(self.app, text)

    def _written(self, regions: Collection[Region]) -> None:
        """Lay sixels over the cells a moment after something was written to them."""
        if self._drawing().protocol != "sixel":
            return
        self._sixels.written(regions)
        if any(self.region.overlaps(region) for region in regions):
            self._paint_in(sixel_page.REST)

    def _paint_in(self, seconds: float) -> None:
        if self._painting is not None:
            self._painting.stop()
        self._painting = self.set_timer(seconds, self._paint)

    def _paint(self) -> None:
        """Send the sixels that are missing, where nothing covers their place."""
        draw, offset = self._painter.in_pixels, self.content_region.offset
        wanted = {
            self._picture_region(position).translate(offset): int(self.listing.rows[position])
            for position in self._in_view
        }
        is_waiting = False
        for place in self._sixels.missing({place: (row, draw) for place, row in wanted.items()}):
            if is_in_front(self, place):
                drawn = self._thumbnails.get(wanted[place], draw)
                is_waiting |= drawn is Absent.WAITING
                if isinstance(drawn, Pixels):
                    self._send(sixels_at(place, drawn))
                    self._sixels.sent(place, (wanted[place], draw))
        if is_waiting:
            self._paint_in(1 / FLUSHES_PER_SECOND)

    def _announce(self) -> None:
        self.post_message(self.Highlighted(self, self.cursor if len(self.listing.rows) else -1))

    # ── keys ─────────────────────────────────────────────────────────────────

    def action_step(self, cards: int) -> None:
        """Move along the row, past its end to the next."""
        self.move_to(self.cursor + cards)

    def action_step_rows(self, card_rows: int) -> None:
        """Move up or down."""
        target = self.cursor + card_rows * self.num_columns
        in_last_row = self.cursor // self.num_columns == self._num_card_rows - 1
        if target >= 0 and not (card_rows > 0 and in_last_row):
            self.move_to(target)

    def action_page(self, pages: float) -> None:
        """Move by pages, with the cursor in its place in view."""
        card_rows = int(pages * self.page.down) or (1 if pages > 0 else -1)
        row, column = divmod(self.cursor, self.num_columns)
        self._scroll_to_card_row(self._first_in_view + card_rows)
        row = clamp(row + card_rows, 0, self._num_card_rows - 1)
        self.move_to(row * self.num_columns + column)

    def action_first(self) -> None:
        """Move to the first item."""
        self.move_to(0)

    def action_last(self) -> None:
        """Move to the last item."""
        self.move_to(len(self.listing.rows) - 1)

    def action_enter(self) -> None:
        """Open the item under the cursor."""
        if len(self.listing.rows):
            self.post_message(self.Entered(self, self.cursor))

    def action_zoom(self, steps: int) -> None:
        """Make the pictures larger or smaller, by a card less or more in a row."""
        across = clamp(self.num_columns - steps, 1, most_across(self.size.width))
        self._card_width = self.size.width / across
        self.fit()
