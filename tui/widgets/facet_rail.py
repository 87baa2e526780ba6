"""Facets: values with their numbers of items, to filter by; and chips for the filters in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from textual import events, on
from textual.app import RenderResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from datrnet.core.catalog.catalog import UNLABELED, Chosen
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.keymap import hidden
from datrnet.tui.widgets.text import DISABLED, MUTED, fitted

CLEAR = "esc: clear"
MAX_CHIP_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter."""

    words: str
    super_category: int | None
    """The super-category of a facet; None for the text search."""


class Chips(Widget):
    """A line of chips; hidden without filters."""

    @dataclass
    class Dropped(Message):
        """A chip was clicked, or the word that clears all."""

        chip: Chip | None
        """None for all."""

    def __init__(self) -> None:
        super().__init__(id="chips")
        self._chips: tuple[Chip, ...] = ()

    def show(self, chips: Sequence[Chip]) -> None:
        """Show filters."""
        self._chips = tuple(chips)
        self.set_class(bool(chips), "-narrowed")
        self.refresh()

    def _placed(self) -> list[tuple[str, Chip | None]]:
        """Return the chips that fit into the line, from the left, and the word that clears all."""
        room = self.size.width - cell_len(CLEAR) - 4
        placed: list[tuple[str, Chip | None]] = []
        for chip in self._chips:
            words = sanitize(chip.words)
            text = f" {fitted(words, min(MAX_CHIP_WIDTH, cell_len(words)))} ✕ "
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
        """Remove the clicked filter."""
        start = 0
        for text, chip in self._placed():
            end = start + cell_len(text)
            if start <= event.get_content_offset_capture(self).x < end:
                self.post_message(self.Dropped(chip))
            start = end + 1


NUM_COLLAPSED = 8
"""Values listed of a super-category until all are asked for."""

COUNT_WIDTH = 7
NO_LABEL = "no label"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the rail."""

    super_category: int
    value: int | None = None
    """-1 for no label; None for a super-category's heading, and for its further values."""
    is_more: bool = False
    """Whether the line expands the remaining values."""


class FacetRail(OptionList, inherit_bindings=False):
    """All super-categories with their values; several chosen values of one mean any of them."""

    HELP_TITLE = "Facets"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "cursor_down", "Next line", id="facets.down"),
        hidden("up,k", "cursor_up", "Previous line", id="facets.up"),
        hidden("home,g", "first", "First line", id="facets.first"),
        hidden("end,G", "last", "Last line", id="facets.last"),
        hidden("pagedown,ctrl+d", "page_down", "Page down", id="facets.page_down"),
        hidden("pageup,ctrl+u", "page_up", "Page up", id="facets.page_up"),
        hidden("enter,space", "select", "Choose a value, or fold", id="facets.choose"),
        hidden("left,h", "fold(True)", "Fold", id="facets.fold"),
        hidden("right,l", "fold(False)", "Unfold all values", id="facets.unfold"),
        hidden("x,delete", "clear", "Clear all facets", id="facets.clear"),
    ]

    @dataclass
    class Changed(Message):
        """Other values were chosen; the rail shows them once it is given the new counts."""

        chosen: Chosen

    def __init__(self, categories: Sequence[SuperCategory], labels: NDArray[np.int16]) -> None:
        """List the values of a catalog, the most frequent first.

        Args:
            categories: Its A super-categories.
            labels: (N, A), -1 where a label is missing.
        """
        super().__init__(id="facets", compact=True)
        self._categories = tuple(categories)
        self._orders: list[list[int]] = []
        self.order_by(labels)
        self._counts: tuple[NDArray[np.int64], ...] = ()
        self._chosen: dict[int, frozenset[int]] = {}
        self._folded: set[int] = set()
        self._whole: set[int] = set()
        self._listed: list[Line] = []

    def add(self, category: SuperCategory, labels: NDArray[np.int16]) -> None:
        """Add a category; it is shown with the next counts.

        Args:
            category: Its name and values.
            labels: (N,), the value of each item.
        """
        self._categories = (*self._categories, category)
        self._orders.append(_by_frequency(labels, len(category.values)))
        self._counts = ()

    def renew(self, categories: Sequence[SuperCategory], labels: NDArray[np.int16]) -> None:
        """List the values of another catalog with the same ones chosen, at the next counts."""
        named = {
            self._categories[idx].name: {self._value_name(idx, value) for value in values}
            for idx, values in self._chosen.items()
        }
        self._categories = tuple(categories)
        self._orders = [
            _by_frequency(labels[:, idx], len(category.values))
            for idx, category in enumerate(categories)
        ]
        self._chosen, self._counts, self._listed = {}, (), []
        self._folded, self._whole = set(), set()
        self.highlighted = None
        for idx, category in enumerate(categories):
            numbers = (UNLABELED, *range(len(category.values)))
            wanted = named.get(category.name, set())
            if values := frozenset(n for n in numbers if self._value_name(idx, n) in wanted):
                self._chosen[idx] = values

    @property
    def chosen(self) -> Chosen:
        """The chosen values, by super-category."""
        return dict(self._chosen)

    @property
    def words(self) -> str:
        """The chosen values in words."""
        return ", ".join(chip.words for chip in self.chips)

    @property
    def chips(self) -> list[Chip]:
        """The chosen values, a chip per super-category."""
        return [
            Chip(
                f"{self._categories[idx].name} "
                + " or ".join(self._value_name(idx, value) for value in sorted(values)),
                idx,
            )
            for idx, values in sorted(self._chosen.items())
        ]

    def order_by(self, labels: NDArray[np.int16]) -> None:
        """List the most frequent values of labels (N, A) first."""
        self._orders = [
            _by_frequency(labels[:, idx], len(category.values))
            for idx, category in enumerate(self._categories)
        ]

    def show(self, counts: tuple[NDArray[np.int64], ...]) -> None:
        """Show the number of items per value: (V + 1,) per super-category, no label last."""
        self._counts = counts
        self._write()

    def drop(self, idx: int) -> None:
        """Clear the values of a super-category."""
        if self._chosen.pop(idx, None):
            self.post_message(self.Changed(self.chosen))

    def clear_choice(self) -> bool:
        """Clear all values; return whether there were any."""
        if not self._chosen:
            return False
        self._chosen = {}
        self.post_message(self.Changed({}))
        return True

    def on_focus(self) -> None:
        """Start at the first value, so that the first key can choose it."""
        if self.highlighted is None and len(self._listed) > 1:
            self.highlighted = 1

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._write()

    def _write(self) -> None:
        """Write the lines; only their text where they stay the same."""
        if not self._counts:
            return
        lines = [line for idx in range(len(self._categories)) for line in self._lines_of(idx)]
        if lines == self._listed:
            for place, line in enumerate(lines):
                self.replace_option_prompt_at_index(place, self._prompt(line))
            return
        current = None if self.highlighted is None else self._listed[self.highlighted]
        self._listed = lines
        self.set_options([Option(self._prompt(line)) for line in lines])
        if current is not None:
            heading = Line(current.super_category)
            self.highlighted = lines.index(current if current in lines else heading)

    def _lines_of(self, idx: int) -> list[Line]:
        if idx in self._folded:
            return [Line(idx)]
        order = self._orders[idx]
        first = (
            order
            if idx in self._whole or len(order) <= NUM_COLLAPSED + 1
            else order[:NUM_COLLAPSED]
        )
        chosen = self._chosen.get(idx, frozenset())
        listed = [value for value in order if value in first or value in chosen]
        more = [Line(idx, is_more=True)] if len(listed) < len(order) else []
        return [Line(idx), *(Line(idx, value) for value in listed), *more]

    def _prompt(self, line: Line) -> Content:
        idx, room = line.super_category, max(8, self.size.width - 2)
        if line.is_more:
            listed = len(self._lines_of(idx)) - 2
            return Content.assemble((f"    {len(self._orders[idx]) - listed} more …", MUTED))
        if line.value is None:
            sign = "▸" if idx in self._folded else "▾"
            name = fitted(f"{sign} {self._categories[idx].name}", room)
            return Content.assemble((name, "bold $text-accent" if idx in self._chosen else "bold"))
        count = int(self._counts[idx][line.value])  # -1, no label, is last
        is_chosen = line.value in self._chosen.get(idx, frozenset())
        name = fitted(self._value_name(idx, line.value), max(1, room - COUNT_WIDTH - 4))
        style = "bold $text-accent" if is_chosen else "" if count else DISABLED
        return Content.assemble(
            ("  ✓ " if is_chosen else "    ", style),
            (name, style),
            (f"{count:>{COUNT_WIDTH},}", MUTED if count else DISABLED),
        )

    def _value_name(self, idx: int, value: int) -> str:
        return NO_LABEL if value == UNLABELED else self._categories[idx].values[value]

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index >= len(self._listed):
            return  # from an earlier list
        line = self._listed[event.option_index]
        if line.value is not None:
            self._toggle(line.super_category, line.value)
        elif line.is_more:
            self._whole.add(line.super_category)
            self._write()
        else:
            self._folded ^= {line.super_category}
            self._write()

    def _toggle(self, idx: int, value: int) -> None:
        values = self._chosen.get(idx, frozenset()) ^ {value}
        others = {other: kept for other, kept in self._chosen.items() if other != idx}
        self._chosen = {**others, idx: values} if values else others
        self.post_message(self.Changed(self.chosen))

    def action_fold(self, folded: bool) -> None:
        """Fold the super-category under the cursor, or unfold all its values."""
        if self.highlighted is None:
            return
        idx = self._listed[self.highlighted].super_category
        if folded:
            self._folded.add(idx)
            self._whole.discard(idx)
        elif idx in self._folded:
            self._folded.discard(idx)
        else:
            self._whole.add(idx)
        self._write()

    def action_clear(self) -> None:
        """Clear all facets."""
        if not self.clear_choice():
            self.notify("No facets to clear.", timeout=2)


def _by_frequency(labels: NDArray[np.int16], num_values: int) -> list[int]:
    """Return the values that items have, the most frequent first; no label comes last."""
    counts = np.bincount(labels[labels != UNLABELED], minlength=num_values)
    values = [int(value) for value in np.argsort(-counts, kind="stable") if counts[value]]
    return [*values, UNLABELED] if (labels == UNLABELED).any() else values
