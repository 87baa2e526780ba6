"""What a list is narrowed down by, each with a cross to click on."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from datrnet.core.text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import MUTED

CLEAR = "esc: clear"
LONGEST = 32


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that narrows a list down."""

    words: str
    super_category: int | None
    """Which facet it is, None for the text that is searched for."""


class Chips(Widget):
    """A line of chips; absent while nothing narrows the list down."""

    @dataclass
    class Dropped(Message):
        """A chip's cross was clicked, or the word that clears all."""

        chip: Chip | None
        """None for all."""

    def __init__(self) -> None:
        super().__init__(id="chips")
        self._chips: tuple[Chip, ...] = ()

    def show(self, chips: Sequence[Chip]) -> None:
        """Show others."""
        self._chips = tuple(chips)
        self.set_class(bool(chips), "-narrowed")
        self.refresh()

    def _placed(self) -> list[tuple[str, Chip | None]]:
        """Return what fits into the line, from the left; what clears all is always there."""
        room = self.size.width - cell_len(CLEAR) - 4
        placed: list[tuple[str, Chip | None]] = []
        for chip in self._chips:
            text = f" {fitted(inert(chip.words), min(LONGEST, cell_len(inert(chip.words))))} ✕ "
            room -= cell_len(text) + 1
            if room < 0:
                placed.append(("… ", None))
                break
            placed.append((text, chip))
        return [*placed, (f" {CLEAR} ", None)]

    def render(self) -> RenderResult:
        """Draw the line."""
        parts: list[tuple[str, str]] = []
        for text, chip in self._placed():
            parts += [(text, "$text on $primary-muted" if chip else MUTED), (" ", "")]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Drop what was clicked on."""
        start = 0
        for text, chip in self._placed():
            end = start + cell_len(text)
            if start <= event.get_content_offset_capture(self).x < end:
                self.post_message(self.Dropped(chip))
            start = end + 1
