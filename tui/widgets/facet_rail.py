"""Facets: values with their numbers of items, to filter by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from datrnet.tui.catalog_state import CatalogState
from datrnet.tui.keymap import hidden
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.value_list import FindableList

NUM_COLLAPSED = 8
"""Values listed of a super-category until all are asked for."""

COUNT_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the rail."""

    super_category: int
    value: int | None = None
    """-1 for no label; None for a super-category's heading, and for its further values."""
    is_more: bool = False
    """Whether the line expands the remaining values."""


class FacetRail(FindableList, inherit_bindings=False):
    """All super-categories with their values; several chosen values of one mean any of them."""

    HELP_TITLE = "Facets"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "cursor_down", "Next line", id="facets.down"),
        hidden("up,k", "cursor_up", "Previous line", id="facets.up"),
        hidden("home,g", "first", "First line", id="facets.first"),
        hidden("end,G", "last", "Last line", id="facets.last"),
        hidden("pagedown,ctrl+d", "page_down", "Page down", id="facets.page_down"),
        hidden("pageup,ctrl+u", "page_up", "Page up", id="facets.page_up"),
        hidden("right_curly_bracket", "go_on(1)", "Next super-category", id="facets.next_category"),
        hidden(
            "left_curly_bracket",
            "go_on(-1)",
            "Previous super-category",
            id="facets.previous_category",
        ),
        Binding(
            "enter,space",
            "select",
            "Choose",
            tooltip="Choose a value, or fold",
            id="facets.choose",
        ),
        Binding(
            "exclamation_mark",
            "exclude",
            "Leave out",
            key_display="!",
            tooltip="Leave out a value, or no longer",
            id="facets.exclude",
        ),
        hidden("left,h", "fold(True)", "Fold", id="facets.fold"),
        hidden("right,l", "fold(False)", "Unfold all values", id="facets.unfold"),
        Binding(
            "x,delete",
            "clear",
            "Clear",
            key_display="x",
            tooltip="Clear all facets",
            id="facets.clear",
        ),
    ]

    class Changed(Message):
        """Other values were chosen; the state has them already."""

    def __init__(self, state: CatalogState) -> None:
        super().__init__(id="facets", compact=True)
        self._state = state
        self.reset()

    def reset(self) -> None:
        """Unfold everything and leave the cursor's line, for another catalog."""
        self._folded: set[int] = set()
        self._whole: set[int] = set()
        """Super-categories with all their values listed."""
        self._listed: list[Line] = []
        self.highlighted = None

    def on_focus(self) -> None:
        """Have a cursor."""
        self.start()

    def start(self) -> None:
        """Start at the first value, so that the first key can choose it."""
        if self.highlighted is None and len(self._listed) > 1:
            self.highlighted = 1

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.show()

    def show(self) -> None:
        """Write the lines; only their text where they stay the same."""
        lines = [line for idx in range(len(self._state.categories)) for line in self._lines_of(idx)]
        if lines == self._listed:
            for place, line in enumerate(lines):
                self.replace_option_prompt_at_index(place, self._prompt(line))
            return
        current = self._line
        self._listed = lines
        self.set_options([Option(self._prompt(line)) for line in lines])
        if current is not None:
            heading = Line(current.super_category)
            self.highlighted = lines.index(current if current in lines else heading)

    @property
    def _line(self) -> Line | None:
        """The line under the cursor."""
        return None if self.highlighted is None else self._listed[self.highlighted]

    def _lines_of(self, idx: int) -> list[Line]:
        if idx in self._folded:
            return [Line(idx)]
        order, chosen = self._state.values[idx], self._picked(idx)
        is_whole = idx in self._whole or len(order) <= NUM_COLLAPSED + 1
        first = order if is_whole else order[:NUM_COLLAPSED]
        listed = [value for value in order if value in first or value in chosen]
        more = [Line(idx, is_more=True)] if len(listed) < len(order) else []
        return [Line(idx), *(Line(idx, value) for value in listed), *more]

    def _prompt(self, line: Line) -> Content:
        idx, room = line.super_category, max(8, self.size.width - 2)
        if line.is_more:
            listed = len(self._lines_of(idx)) - 2
            return Content.assemble((f"    {len(self._state.values[idx]) - listed} more …", MUTED))
        if line.value is None:
            sign = "▸" if idx in self._folded else "▾"
            name = fitted(f"{sign} {self._state.categories[idx].name}", room)
            style = "bold $text-accent" if self._picked(idx) else "bold"
            return Content.assemble((name, style))
        count = int(self._state.counts[idx][line.value])  # -1, no label, is last
        is_chosen = line.value in self._state.chosen.get(idx, frozenset())
        is_excluded = line.value in self._state.excluded.get(idx, frozenset())
        name = _end_of_path(self._state.value_name(idx, line.value), max(1, room - COUNT_WIDTH - 4))
        style = "bold $text-accent" if is_chosen or is_excluded else "" if count else MUTED
        return Content.assemble(
            ("  ✓ " if is_chosen else "  ✗ " if is_excluded else "    ", style),
            (name, style),
            (f"{self._state.told(count):>{COUNT_WIDTH}}", MUTED),
        )

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index >= len(self._listed):
            return  # from an earlier list
        line = self._listed[event.option_index]
        if line.value is not None:
            self._state.toggle(line.super_category, line.value)
            self.post_message(self.Changed())
        elif line.is_more:
            self._whole.add(line.super_category)
            self.show()
        else:
            self._folded ^= {line.super_category}
            self.show()

    def _picked(self, idx: int) -> frozenset[int]:
        """Return the chosen and excluded values of a super-category."""
        none: frozenset[int] = frozenset()
        return self._state.chosen.get(idx, none) | self._state.excluded.get(idx, none)

    def action_exclude(self) -> None:
        """Leave out the items with the value under the cursor, or no longer."""
        line = self._line
        if line is not None and line.value is not None:
            self._state.exclude(line.super_category, line.value)
            self.post_message(self.Changed())

    def action_fold(self, folded: bool) -> None:
        """Fold the super-category under the cursor, or unfold all its values."""
        if (line := self._line) is None:
            return
        idx = line.super_category
        if folded:
            self._folded.add(idx)
            self._whole.discard(idx)
        elif idx in self._folded:
            self._folded.discard(idx)
        else:
            self._whole.add(idx)
        self.show()

    def action_go_on(self, step: int) -> None:
        """Go to the first value of the next super-category, or of the one before."""
        line, number = self._line, len(self._state.categories)
        if line is not None:
            heading = self._listed.index(Line((line.super_category + step) % number))
            self.highlighted = heading + (self._listed[heading].super_category not in self._folded)

    @property
    def _all_values(self) -> list[tuple[int, int]]:
        """All values with their super-categories, whether or not they are listed."""
        return [(idx, value) for idx, own in enumerate(self._state.values) for value in own]

    def names(self) -> Sequence[str]:
        """Return all values, whether or not they are listed."""
        return [self._state.value_name(*place) for place in self._all_values]

    def go_to(self, place: int) -> None:
        """Put the cursor on a value; if need be, unfold its super-category."""
        line = Line(*self._all_values[place])
        if line not in self._listed:
            self._folded.discard(line.super_category)
        if line not in self._lines_of(line.super_category):
            self._whole.add(line.super_category)
        self.show()
        self.highlighted = self._listed.index(line)

    def bookmark(self) -> Callable[[], None]:
        """Return what puts the cursor back on its line."""
        line = self._line

        def put_back() -> None:
            self.highlighted = None if line is None else self._listed.index(line)

        return put_back

    def action_clear(self) -> None:
        """Clear all facets."""
        if self._state.clear_facets():
            self.post_message(self.Changed())
        else:
            self.notify("No facets to clear.", timeout=2)


def _end_of_path(name: str, width: int) -> str:
    """Return a value in so many cells; of a path such as "Women > Tops" the end, if it is long."""
    end = name.rpartition(" > ")[2]
    return fitted(name if cell_len(name) <= width or end == name else f"… {end}", width)
