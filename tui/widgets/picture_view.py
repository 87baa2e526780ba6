"""A picture in character cells or in pixels, centered in its widget."""

import os
from dataclasses import dataclass
from itertools import count
from textwrap import wrap

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.errors import NoWidget
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from datrnet.core.graphics.blocks import Cells
from datrnet.core.graphics.protocols import HIGHEST_NUMBER, placeholder, removal, transmission
from datrnet.core.text import sanitize
from datrnet.tui.graphics.cards import lines_of
from datrnet.tui.graphics.pictures import Pixels
from datrnet.tui.snapshot import Source
from datrnet.tui.textual_patches import write_to_terminal
from datrnet.tui.widgets.text import fitted

REST = 0.12
"""Seconds from a possible write to a picture's cells until its pixels are sent again; by then,
a moving cursor has replaced the picture by another."""

_numbers = count(os.getpid() << 8)
"""Of pictures in kitty's protocol; other programs in the terminal use other numbers."""

PROBE_STEP = 3
"""Columns between two probes for something that covers the picture."""


class PictureView(Widget):
    """Shows a picture, or a line of text in its place.

    Sixels lie over blank cells. The terminal erases them where cells are written to, so they are
    sent again whenever that may have happened, but never while anything else is in front.
    """

    @dataclass
    class Resized(Message):
        """The widget needs a picture of another size."""

        view: "PictureView"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.source: Source | None = None
        """The picture to show."""
        self.source_shown: Source | None = None
        """The picture shown last."""
        self._lines: list[list[Segment]] = []
        self._columns = 0
        self._text: list[str] = []
        self._pixels: Pixels | None = None
        self._number: int | None = None
        """The picture's number in kitty's protocol."""
        self._painting: Timer | None = None

    def show(self, drawn: Cells | Pixels) -> None:
        """Show a picture."""
        before, self._text = self._pixels, []
        self._forget_pixels()
        if isinstance(drawn, Cells):
            self._lines, self._columns = lines_of(drawn), drawn.size[1]
            self.refresh()
            return
        self._pixels, self._lines, self._columns = drawn, [], drawn.columns
        if drawn.is_kitty:
            # a new number each time: another screen may show the same picture
            self._number = next(_numbers) % HIGHEST_NUMBER + 1
            self._lines = _placeholders(self._number, drawn, self.rich_style)
            self._send(transmission(drawn.data, self._number, drawn.rows, drawn.columns))
            self.refresh()
        elif before is not None and before.size == drawn.size:
            self._paint()  # covers the picture before completely
        else:
            self.refresh()
            self.call_after_refresh(self._paint)

    def explain(self, text: str) -> None:
        """Show text in place of a picture."""
        self._forget_pixels()
        self._lines = []
        self._text = wrap(sanitize(text), max(1, self.size.width - 2)) if text else []
        self.refresh()

    def on_resize(self) -> None:
        """Ask for a picture of the new size."""
        self.source_shown = None
        if self._pixels is not None:
            self.explain("")
        self.post_message(self.Resized(self))

    def on_unmount(self) -> None:
        """Free the picture in the terminal's memory."""
        if self._number is not None:
            self._send(removal(self._number))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the widget; its cells may be written now, and its pixels must follow."""
        if self._pixels is not None and self._number is None:
            if self._painting is not None:
                self._painting.stop()
            self._painting = self.set_timer(REST, self._paint)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw a line of the widget."""
        width, height = self.size
        blank = self.rich_style
        line = y - (height - len(self._text or self._lines)) // 2
        if 0 <= line < len(self._text):
            return Strip([Segment(fitted(f" {self._text[line]}", width), blank)], width)
        # a picture for a larger size is not shown: one for this size follows
        if not 0 <= line < len(self._lines) or self._columns > width:
            return Strip.blank(width, blank)
        left = (width - self._columns) // 2
        margins = Segment(" " * left, blank), Segment(" " * (width - left - self._columns), blank)
        return Strip([margins[0], *self._lines[line], margins[1]], width)

    # ── pixels ───────────────────────────────────────────────────────────────

    def _paint(self) -> None:
        """Send the sixels if nothing covers their place."""
        if self._painting is not None:
            self._painting.stop()
        pixels, region = self._pixels, self.content_region
        if pixels is None or pixels.is_kitty:
            return
        place = Region(
            region.x + (region.width - pixels.columns) // 2,
            region.y + (region.height - pixels.rows) // 2,
            pixels.columns,
            pixels.rows,
        )
        if region.contains_region(place) and self._is_in_front(place):
            self._send(f"\x1b7\x1b[{place.y + 1};{place.x + 1}H{pixels.data}\x1b8")

    def _is_in_front(self, place: Region) -> bool:
        """Return whether nothing covers a region of the screen."""
        screen = self.screen
        if screen is not self.app.screen or not screen.region.contains_region(place):
            return False
        columns = {*range(place.x, place.right, PROBE_STEP), place.right - 1}
        try:
            return all(
                screen.get_widget_at(x, y)[0] is self
                for y in range(place.y, place.bottom)
                for x in columns
            )
        except NoWidget:
            return False

    def _forget_pixels(self) -> None:
        self._pixels = None
        if self._number is not None:
            # once its cells show something else
            self.call_after_refresh(self._send, removal(self._number))
            self._number = None

    def _send(self, text: str) -> None:
        write_to_terminal(self.app, text)


def _placeholders(number: int, pixels: Pixels, style: Style) -> list[list[Segment]]:
    """Return the text that the terminal replaces by a numbered picture."""
    style += Style(color=Color.from_rgb(number >> 16, number >> 8 & 0xFF, number & 0xFF))
    # a segment per cell, so that covering a part never cuts one
    return [
        [Segment(placeholder(row, column), style) for column in range(pixels.columns)]
        for row in range(pixels.rows)
    ]
