"""A list of values over the screen, of which one is chosen."""

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.text import inert
from datrnet.db.rows import SuperCategory
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.pickers import ValueList

COUNT_WIDTH = 9
WIDEST = 48


class ValuePicker(ModalScreen[str | None]):
    """Asks for one of the values of a super-category; None where a person thinks better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "dismiss(None)", "Close", show=False, id="values.close"),
    ]

    def __init__(
        self,
        title: str,
        category: SuperCategory,
        counts: Mapping[str, int],
        notes: Mapping[str, str],
        first: str | None,
    ) -> None:
        """List the values.

        Args:
            title: What is asked.
            category: Whose values.
            counts: How many items carry each.
            notes: A word beside some of them.
            first: The one that the cursor stands on at first.
        """
        super().__init__()
        self._title = title
        self._category = category
        self._counts = counts
        self._notes = notes
        self._first = first

    def compose(self) -> ComposeResult:
        """The title over the list."""
        with Vertical(id="values"):
            yield Static(inert(self._title), id="values-title", markup=False)
            yield ValueList(*(Option(self._line(one)) for one in self._category.values))
            yield Static("enter chooses, esc closes", id="values-end")

    def on_mount(self) -> None:
        """Go to the list."""
        values = self.query_one(ValueList)
        names = self._category.values
        values.highlighted = names.index(self._first) if self._first in names else 0
        self.set_focus(values)

    def _line(self, value: str) -> Content:
        note = f"  {self._notes[value]}" if value in self._notes else ""
        room = WIDEST - COUNT_WIDTH - 8
        name = fitted(value, min(cell_len(inert(value)), room - cell_len(note)))
        gap = " " * max(0, room - cell_len(name) - cell_len(note))
        count = f"{self._counts.get(value, 0):>{COUNT_WIDTH},}"
        return Content.assemble(name, (f"{note}{gap}{count}", MUTED))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._category.values[event.option_index])
