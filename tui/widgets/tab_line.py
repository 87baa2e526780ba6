"""A line of numbered tabs: what else there is, which key leads there, and a click too."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from datrnet.tui.text_styles import MUTED


class TabLine(Horizontal):
    """Numbered names, of which one is open."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        place: int

    def __init__(self, names: Sequence[str], open_place: int) -> None:
        super().__init__()
        self._names = tuple(names)
        self._open = open_place

    def compose(self) -> ComposeResult:
        """One label for each."""
        for place, name in enumerate(self._names):
            tab = TabLabel(place, name)
            tab.set_class(place == self._open, "-open")
            yield tab


class TabLabel(Static):
    """One of them."""

    def __init__(self, place: int, name: str) -> None:
        content = Content.assemble((f" {place + 1} ", MUTED), f"{name} ")
        super().__init__(content, markup=False)
        self._place = place

    def on_click(self) -> None:
        """Ask for this one."""
        self.post_message(TabLine.Chosen(self._place))
