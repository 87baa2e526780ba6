"""One picture in character cells, centred in whatever space there is."""

from dataclasses import dataclass
from textwrap import wrap

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from datrnet.core.data.blocks import Cells
from datrnet.core.data.inert_text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.library import Source
from datrnet.tui.segments import lines_of


class PictureView(Widget):
    """Shows cells, or a line of text in their place."""

    @dataclass
    class Resized(Message):
        """The picture shown no longer suits the space."""

        view: "PictureView"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.source: Source | None = None
        """What to show the picture of."""
        self.source_shown: Source | None = None
        """What was shown last."""
        self._lines: list[list[Segment]] = []
        self._columns = 0
        self._text: list[str] = []

    def show(self, cells: Cells) -> None:
        """Show a picture."""
        self._lines, self._columns, self._text = lines_of(cells), cells.size[1], []
        self.refresh()

    def explain(self, text: str) -> None:
        """Say why there is no picture."""
        self._lines = []
        self._text = wrap(inert(text), max(1, self.size.width - 2)) if text else []
        self.refresh()

    def on_resize(self) -> None:
        """Ask for a picture of the new size."""
        self.source_shown = None
        self.post_message(self.Resized(self))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget."""
        width, height = self.size
        blank = self.rich_style
        if self._text:
            line = y - (height - len(self._text)) // 2
            text = self._text[line] if 0 <= line < len(self._text) else ""
            return Strip([Segment(fitted(f" {text}", width), blank)], width)
        line = y - (height - len(self._lines)) // 2
        # a picture drawn for a larger size is not shown: the one for this size is on its way
        if not 0 <= line < len(self._lines) or self._columns > width:
            return Strip.blank(width, blank)
        left = (width - self._columns) // 2
        margins = Segment(" " * left, blank), Segment(" " * (width - left - self._columns), blank)
        return Strip([margins[0], *self._lines[line], margins[1]], width)
