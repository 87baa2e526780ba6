"""The list of findings beside the one at hand; the screen's keys move in it, and the mouse."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

Draw = Callable[[int, int], Content]
"""Gives the line of a finding, by its place, in so many cells."""

BESIDES = 3
"""Cells of a line that margins and the scroll bar take."""


class ReviewList(OptionList, can_focus=False, inherit_bindings=False):
    """Findings, one a line."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, draw: Draw, *, id: str) -> None:
        super().__init__(id=id, compact=True)
        self._draw = draw
        self._at = 0

    def show(self, count: int, at: int) -> None:
        """Show so many findings, with the cursor on one of them."""
        self._at = at
        self.set_options([Option(self._draw(place, self._room)) for place in range(count)])
        self.point(at)

    def redraw(self, place: int) -> None:
        """Show one of them anew."""
        self.replace_option_prompt_at_index(place, self._draw(place, self._room))

    def point(self, at: int) -> None:
        """Put the cursor on one of them."""
        self._at = at
        self.highlighted = at if self.option_count else None

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.show(self.option_count, self._at)

    @property
    def _room(self) -> int:
        return max(10, self.size.width - BESIDES)
