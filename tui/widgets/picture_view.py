"""A picture in character cells or in pixels, centered in its widget."""

from dataclasses import dataclass
from textwrap import wrap

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from datrnet.core.graphics.blocks import Cells
from datrnet.core.graphics.protocols import removal, transmission
from datrnet.core.text import sanitize
from datrnet.tui.graphics import sixel_page
from datrnet.tui.graphics.cards import lines_of
from datrnet.tui.graphics.kitty import next_number, placeholder_lines
from datrnet.tui.graphics.pictures import Pixels
from datrnet.tui.graphics.sixel_page import is_in_front, sixels_at
from datrnet.tui.snapshot import Source
from datrnet.tui.textual_patches import write_to_terminal
from datrnet.tui.widgets.text import fitted


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
            self._number = next_number()
            self._lines = placeholder_lines(
                self._number, drawn.rows, drawn.columns, self.rich_style
            )
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
            self._painting = self.set_timer(sixel_page.REST, self._paint)
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
        if region.contains_region(place) and is_in_front(self, place):
            self._send(sixels_at(place, pixels))

    def _forget_pixels(self) -> None:
        self._pixels = None
        if self._number is not None:
            # once its cells show something else
            self.call_after_refresh(self._send, removal(self._number))
            self._number = None

    def _send(self, text: str) -> None:
        write_to_terminal(self.app, text)
