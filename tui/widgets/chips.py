"""A line of chips for what is asked for; a click or a key removes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from rich.cells import cell_len
from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from datrnet.core.text import sanitize
from datrnet.tui.keymap import hidden
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.thumb_grid import ThumbGrid

CLEAR = "esc: clear"
MAX_CHIP_WIDTH = 32
CHIP_STYLE, CURSOR_STYLE = "$text on $primary-muted", "bold $text on $primary"


class HasWords(Protocol):
    """What a chip shows."""

    @property
    def words(self) -> str:
        """Its words."""


class _Spot(NamedTuple):
    """A text of the line."""

    text: str
    place: int | None
    """Of the chip that it is about; None for the words that clear all."""
    is_chip: bool = False


class Chips(Widget, can_focus=True, inherit_bindings=False):
    """A line of chips; hidden without any."""

    HELP_TITLE = "Chips"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("left,h", "step(-1)", "Chip before", id="chips.previous"),
        hidden("right,l", "step(1)", "Next chip", id="chips.next"),
        Binding(
            "x,enter,delete",
            "drop",
            "Remove",
            key_display="x",
            tooltip="Remove the chip",
            id="chips.remove",
        ),
    ]

    @dataclass
    class Dropped(Message):
        """A chip was removed, or all of them."""

        chip: HasWords | None
        """None for all."""

    FOCUS_ON_CLICK: ClassVar[bool] = False
    """A click removes a chip; the keys stay where they were."""

    def __init__(self, clear: str = CLEAR, *, id: str = "chips", empty_text: str = "") -> None:
        """Show no chips yet.

        Args:
            clear: The words that clear all.
            id: The widget's id.
            empty_text: What to show without chips.
        """
        super().__init__(id=id)
        self._chips: tuple[HasWords, ...] = ()
        self._clear = clear
        self._empty_text = empty_text
        self._cursor = 0

    def show(self, chips: Sequence[HasWords]) -> None:
        """Show chips; with the last one, the focus goes to the pictures."""
        self._chips = tuple(chips)
        self._cursor = max(0, min(self._cursor, len(chips) - 1))
        self.set_class(bool(chips), "-narrowed")
        if self.has_focus and not chips:
            self.screen.set_focus(self.screen.query_one(ThumbGrid))
        self.refresh()

    def go_to_last(self) -> bool:
        """Focus the last chip; return whether there is one."""
        if not self._chips:
            return False
        self._cursor = len(self._chips) - 1
        # at once, unlike focus(): the next keys are meant for the chips
        self.screen.set_focus(self)
        return True

    # ── drawing ──────────────────────────────────────────────────────────────

    def _texts(self) -> list[str]:
        words = (sanitize(chip.words) for chip in self._chips)
        return [f" {fitted(it, min(MAX_CHIP_WIDTH, cell_len(it)))} ✕ " for it in words]

    def _in_view(self, texts: Sequence[str]) -> range:
        """Return the places of the chips that fit into the line: with focus, the cursor's too."""
        room = self.size.width - cell_len(self._clear) - 2
        first, last = 0, self._cursor if self.has_focus else 0

        def width(places: range) -> int:
            num_hidden = len(texts) - len(places)
            around = len(f" … +{num_hidden} ") if num_hidden else 0
            return sum(cell_len(texts[place]) + 1 for place in places) + around

        while first < last and width(range(first, last + 1)) > room:
            first += 1
        end = last + 1
        while end < len(texts) and width(range(first, end + 1)) <= room:
            end += 1
        return range(first, min(end, len(texts)))

    def _spots(self) -> list[_Spot]:
        """Return the texts of the line; the last clears all."""
        if not self._chips:
            return []
        texts = self._texts()
        view = self._in_view(texts)
        spots = [_Spot(texts[place], place, is_chip=True) for place in view]
        if view.start:
            spots.insert(0, _Spot("…", view.start - 1))
        if view.stop < len(texts):
            spots.append(_Spot(f"+{len(texts) - view.stop}", view.stop))
        return [*spots, _Spot(f" {self._clear} ", None)]

    def render(self) -> RenderResult:
        """Draw the line."""
        parts: list[tuple[str, str]] = []
        for spot in self._spots():
            is_current = spot.is_chip and spot.place == self._cursor and self.has_focus
            style = CURSOR_STYLE if is_current else CHIP_STYLE if spot.is_chip else MUTED
            parts += [(spot.text, style), (" ", "")]
        return Content.assemble(*(parts or [(f" {self._empty_text}", MUTED)]))

    # ── removing ─────────────────────────────────────────────────────────────

    def on_click(self, event: events.Click) -> None:
        """Remove the clicked chip, or show those that there was no room for."""
        column, start = event.get_content_offset_capture(self).x, 0
        for spot in self._spots():
            end = start + cell_len(spot.text)
            if start <= column < end:
                self._click(spot)
                return
            start = end + 1

    def _click(self, spot: _Spot) -> None:
        if spot.is_chip and spot.place is not None:
            self.post_message(self.Dropped(self._chips[spot.place]))
        elif spot.place is None:
            self.post_message(self.Dropped(None))
        else:
            self._cursor = spot.place
            self.refresh()

    def action_step(self, step: int) -> None:
        """Go to another chip."""
        self._cursor = max(0, min(self._cursor + step, len(self._chips) - 1))
        self.refresh()

    def action_drop(self) -> None:
        """Remove the chip under the cursor."""
        if self._chips:
            self.post_message(self.Dropped(self._chips[self._cursor]))
