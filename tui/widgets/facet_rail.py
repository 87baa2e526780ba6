"""The facets: every value with the number of items that carry it, to narrow the catalogue down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.retrieval.facets import Chosen
from datrnet.db.rows import SuperCategory
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import DISABLED, MUTED
from datrnet.tui.widgets.chips import Chip

FEW = 8
"""Values of a super-category that are listed before all of them are asked for."""

COUNT_WIDTH = 7
NO_LABEL = "no label"


@dataclass(frozen=True, slots=True)
class Line:
    """What a line of the rail is about."""

    super_category: int
    value: int | None = None
    """-1 for no label; None of a super-category's own line, and of the one for further values."""
    is_more: bool = False
    """Whether it stands for the values that are not listed."""


class FacetRail(OptionList, inherit_bindings=False):
    """All super-categories with their values; several chosen values of one mean any of them."""

    HELP_TITLE = "Facets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Next line", show=False, id="facets.down"),
        Binding("up,k", "cursor_up", "Previous line", show=False, id="facets.up"),
        Binding("home,g", "first", "First line", show=False, id="facets.first"),
        Binding("end,G", "last", "Last line", show=False, id="facets.last"),
        Binding("pagedown,ctrl+d", "page_down", "Further down", show=False, id="facets.page_down"),
        Binding("pageup,ctrl+u", "page_up", "Further up", show=False, id="facets.page_up"),
        Binding(
            "enter,space", "select", "Choose, or fold and unfold", show=False, id="facets.choose"
        ),
        Binding("left,h", "fold(True)", "Fold this super-category", show=False, id="facets.fold"),
        Binding("right,l", "fold(False)", "Unfold all its values", show=False, id="facets.unfold"),
        Binding("x,delete", "clear", "Choose nothing", show=False, id="facets.clear"),
    ]

    @dataclass
    class Changed(Message):
        """Other values are chosen; the rail shows it with the counts that it is then given."""

        chosen: Chosen

    def __init__(self, categories: Sequence[SuperCategory], labels: NDArray[np.int16]) -> None:
        """List the values of a catalogue, the most frequent first.

        Args:
            categories: Its A super-categories.
            labels: (N, A), -1 where unlabelled.
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
        """List the values of one more category, once ``show`` is given its counts too.

        Args:
            category: Its name and values.
            labels: (N,), the value of each item.
        """
        self._categories = (*self._categories, category)
        self._orders.append(_by_frequency(labels, len(category.values)))
        self._counts = ()

    def renew(self, categories: Sequence[SuperCategory], labels: NDArray[np.int16]) -> None:
        """List the values of another state of the catalogue, with the same ones chosen.

        They are shown with the counts that are given next.
        """
        named = {
            self._categories[idx].name: {self._value_name(idx, value) for value in values}
            for idx, values in self._chosen.items()
        }
        self._categories = tuple(categories)
        self._orders = [
            _by_frequency(labels[:, idx], len(one.values)) for idx, one in enumerate(categories)
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
        """What is chosen, without super-categories of which nothing is."""
        return dict(self._chosen)

    @property
    def words(self) -> str:
        """What is chosen, in words."""
        return ", ".join(chip.words for chip in self.chips)

    @property
    def chips(self) -> list[Chip]:
        """What is chosen, a chip for each super-category."""
        return [
            Chip(
                f"{self._categories[idx].name} "
                + " or ".join(self._value_name(idx, value) for value in sorted(values)),
                idx,
            )
            for idx, values in sorted(self._chosen.items())
        ]

    def order_by(self, labels: NDArray[np.int16]) -> None:
        """List the most frequent values (N, A) first."""
        self._orders = [
            _by_frequency(labels[:, idx], len(one.values))
            for idx, one in enumerate(self._categories)
        ]

    def show(self, counts: tuple[NDArray[np.int64], ...]) -> None:
        """Show how many items carry each value: (V + 1,) for each super-category, none last."""
        self._counts = counts
        self._write()

    def drop(self, idx: int) -> None:
        """Choose nothing of one super-category."""
        if self._chosen.pop(idx, None):
            self.post_message(self.Changed(self.chosen))

    def clear_choice(self) -> bool:
        """Choose nothing; return whether anything was chosen."""
        if not self._chosen:
            return False
        self._chosen = {}
        self.post_message(self.Changed({}))
        return True

    def on_focus(self) -> None:
        """Begin at the first value, that the first key already chooses something."""
        if self.highlighted is None and len(self._listed) > 1:
            self.highlighted = 1

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._write()

    def _write(self) -> None:
        """Write the lines anew, or only their words where they are the same ones."""
        if not self._counts:
            return
        lines = [line for idx in range(len(self._categories)) for line in self._lines_of(idx)]
        if lines == self._listed:
            for place, line in enumerate(lines):
                self.replace_option_prompt_at_index(place, self._prompt(line))
            return
        at = None if self.highlighted is None else self._listed[self.highlighted]
        self._listed = lines
        self.set_options([Option(self._prompt(line)) for line in lines])
        if at is not None:
            own = Line(at.super_category)
            self.highlighted = lines.index(at if at in lines else own)

    def _lines_of(self, idx: int) -> list[Line]:
        if idx in self._folded:
            return [Line(idx)]
        order = self._orders[idx]
        few = order if idx in self._whole or len(order) <= FEW + 1 else order[:FEW]
        chosen = self._chosen.get(idx, frozenset())
        listed = [value for value in order if value in few or value in chosen]
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
        count = int(self._counts[idx][line.value])  # -1 is the last one
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
        others = {one: some for one, some in self._chosen.items() if one != idx}
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
        """Choose nothing."""
        if not self.clear_choice():
            self.notify("Nothing is chosen.", timeout=2)


def _by_frequency(labels: NDArray[np.int16], num_values: int) -> list[int]:
    """Return the values that items carry, the most frequent first; no label comes last."""
    counts = np.bincount(labels[labels != UNLABELED], minlength=num_values)
    values = [int(one) for one in np.argsort(-counts, kind="stable") if counts[one]]
    return [*values, UNLABELED] if (labels == UNLABELED).any() else values
