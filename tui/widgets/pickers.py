"""The pickers: a list of values for each super-category, one of them open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.keymap import hidden
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.state import AnyOf, Borrowed, Change, Matching, QueryState
from datrnet.tui.widgets.bars import NAME_WIDTH
from datrnet.tui.widgets.text import DISABLED, MUTED, fitted

UNCHANGED = "as it is"
OWN_MARK = "• "
TICK_MARK = "✓ "
NO_MARK = "  "
NO_LABEL = "no label"
PREDICTED_MARK = "~"
"""Before the predicted value of an item without a label."""
EXACT_MARK = "="
SHORTEST_OWN = 4
"""Cells that the item's own value needs beside the wanted one; with less it is left out."""
LEGEND = "exact matches / all items"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """What a picker offers."""

    category: SuperCategory
    counts: Mapping[str, int]
    available: frozenset[str]
    """Values with a prototype; the others are listed, but cannot be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerView:
    """What the pickers show."""

    labels: Mapping[str, str | None] = field(default_factory=dict)
    """The labels of the query."""
    predicted: Mapping[str, str] = field(default_factory=dict)
    """The values that the model predicts for it."""
    state: QueryState = field(default_factory=QueryState)
    marked: Borrowed | None = None
    """The item whose value every picker offers."""
    matching: Matching = field(default_factory=dict)

    def own_value(self, name: str) -> str:
        """Return the item's value in words: its label, else the predicted value."""
        label, predicted = self.labels.get(name), self.predicted.get(name)
        return label or (NO_LABEL if predicted is None else f"{PREDICTED_MARK}{predicted}")

    def signs(self, name: str) -> str:
        """Return the signs beside a super-category: exact labels only, and its weight."""
        exact = EXACT_MARK if name in self.state.exact else ""
        weight = self.state.weights.get(name)
        return exact if weight is None else f"{exact}×{weight:g}"

    def lines(self, category: SuperCategory) -> list[Change | None]:
        """Return the choice on each line of an open picker; None is the item's own value."""
        change = self.state.changes.get(category.name)
        offered = [self.marked, change if isinstance(change, Borrowed) else None]
        borrowable = dict.fromkeys(item for item in offered if item is not None)
        unlabeled = [None] if self.labels.get(category.name) is None else []
        return [*borrowable, *unlabeled, *category.values]


def choices_of(snapshot: Snapshot) -> list[Choices]:
    """Return the pickers of all super-categories that the index knows."""
    available, counts = snapshot.available_values, snapshot.value_counts
    return [
        Choices(category=category, counts=counts[name], available=available[name])
        for category in snapshot.catalog.super_categories
        if (name := category.name) in available
    ]


class ValueList(OptionList, inherit_bindings=False):
    """The values of the open picker."""

    @dataclass
    class Ticked(Message):
        """A value is to be one of several, or no longer."""

        idx: int

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "cursor_down", "Next value", id="pickers.down"),
        hidden("up,k", "cursor_up", "Previous value", id="pickers.up"),
        hidden("space", "tick", "Accept this value, too", id="pickers.tick"),
        hidden("home,g", "first", "First value", id="pickers.first"),
        hidden("end,G", "last", "Last value", id="pickers.last"),
        hidden("pagedown,ctrl+d", "page_down", "Page down", id="pickers.page_down"),
        hidden("pageup,ctrl+u,b", "page_up", "Page up", id="pickers.page_up"),
        hidden("enter", "select", "Go to the results", id="pickers.to_results"),
    ]

    def action_tick(self) -> None:
        """Tick the value under the cursor, or remove the tick."""
        if self.highlighted is not None:
            self.post_message(self.Ticked(self.highlighted))

    def on_click(self, event: events.Click) -> None:
        """Treat a click with ctrl or shift like the space key."""
        if event.ctrl or event.shift:
            event.prevent_default()
            event.stop()
            idx = event.style.meta.get("option")
            if idx is None or idx >= self.option_count:
                return
            if not self.get_option_at_index(idx).disabled:
                self.post_message(self.Ticked(idx))


class PickerHeader(Static):
    """A picker's line: its number, its super-category, the item's value and the wanted one."""

    @dataclass
    class Clicked(Message):
        """The line was clicked."""

        idx: int

    def __init__(self, idx: int) -> None:
        super().__init__(markup=False)
        self._idx = idx

    def on_click(self) -> None:
        """Ask to open the picker."""
        self.post_message(self.Clicked(self._idx))


class Pickers(Vertical):
    """All pickers of a query."""

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("right,l", "open_next(1)", "Next picker", id="pickers.next"),
        hidden("left,h", "open_next(-1)", "Previous picker", id="pickers.previous"),
        hidden("x,delete", "reset", "Keep the item's value", id="pickers.reset"),
        hidden("e", "keep_exactly", "Require this label, or not", id="pickers.keep_exactly"),
        hidden("greater_than_sign,plus", "weigh(1)", "More weight", id="pickers.count_more"),
        hidden("less_than_sign,minus", "weigh(-1)", "Less weight", id="pickers.count_less"),
    ]

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        changes: Mapping[str, Change]

    @dataclass
    class Kept(Message):
        """Only exact labels of a super-category are wanted, or any again."""

        name: str

    @dataclass
    class Weighed(Message):
        """A super-category is to have more (1) or less (-1) weight."""

        name: str
        step: int

    class Done(Message):
        """The value is chosen; go to the results."""

    def __init__(
        self, choices: list[Choices], label_of: Callable[[int, str], str | None], *, id: str
    ) -> None:
        """Offer values.

        Args:
            choices: The values of each super-category.
            label_of: Returns the label of an item by its row and the name of a super-category.
            id: The widget's name.
        """
        super().__init__(id=id)
        self._choices = choices
        self._label_of = label_of
        self.view = PickerView()
        """What is shown; a change of value is shown before the screen has confirmed it."""
        self._lines: list[Change | None] = []
        """The choice on each line of the list."""
        self._open = 0

    def compose(self) -> ComposeResult:
        """A header for each picker, and the list of values below the open one."""
        for idx in range(len(self._choices)):
            yield PickerHeader(idx)
            if idx == self._open:
                yield ValueList(compact=True)
        yield Static(LEGEND, id="pickers-legend", markup=False)

    @property
    def number(self) -> int:
        """Which picker is open, from 0."""
        return self._open

    @property
    def values(self) -> ValueList:
        """The list of values."""
        return self.query_one(ValueList)

    def show(self, view: PickerView) -> None:
        """Show a query and its state."""
        before, self.view = self.view, view
        self._write_headers()
        is_same = (view.labels, view.predicted) == (before.labels, before.predicted)
        is_same = is_same and _ticks(view, self._category) == _ticks(before, self._category)
        if is_same and self._lines == view.lines(self._category):
            self._highlight()
        else:
            self._fill()

    def show_matching(self, matching: Matching) -> None:
        """Show how many items match with each value."""
        if matching != self.view.matching:
            self.view = replace(self.view, matching=matching)
            self._rewrite()

    def open(self, idx: int) -> None:
        """Open a picker and focus it."""
        if 0 <= idx < len(self._choices):
            if idx != self._open:
                self._open = idx
                self.move_child(self.values, after=self._headers[idx])
                self._write_headers()
                self._fill()
            self.values.focus()
            self.call_after_refresh(self.values.scroll_visible, animate=False)

    @property
    def _headers(self) -> list[PickerHeader]:
        return list(self.query(PickerHeader))

    @property
    def _category(self) -> SuperCategory:
        """The open super-category."""
        return self._choices[self._open].category

    @property
    def _own(self) -> str | None:
        """The item's label in the open super-category."""
        return self.view.labels.get(self._category.name)

    @property
    def _change(self) -> Change | None:
        """The change of the open super-category."""
        return self.view.state.changes.get(self._category.name)

    # ── drawing ──────────────────────────────────────────────────────────────

    def _write_headers(self) -> None:
        for idx, (header, choices) in enumerate(zip(self._headers, self._choices, strict=True)):
            name = choices.category.name
            wanted = _words(self.view.state.changes.get(name))
            header.set_class(idx == self._open, "-open")
            header.set_class(wanted is not None, "-changed")
            header.update(self._header(idx, name, wanted))

    def _header(self, idx: int, name: str, wanted: str | None) -> Content:
        room = max(4, self.size.width - NAME_WIDTH - 5)
        number, label, own = (f" {idx + 1} ", MUTED), self._labeled(name), self.view.own_value(name)
        if wanted is None:
            return Content.assemble(number, label, " ", (fitted(own, room), MUTED))
        before = f"{sanitize(own)} → "
        if cell_len(before) + cell_len(sanitize(wanted)) > room:
            rest = room - 3 - cell_len(sanitize(wanted))
            before = f"{fitted(own, rest).rstrip()} → " if rest >= SHORTEST_OWN else "→ "
        after = fitted(wanted, max(1, room - cell_len(before))).rstrip()
        return Content.assemble(number, label, " ", (before, MUTED), (after, "bold $text-accent"))

    def _labeled(self, name: str) -> Content:
        """Return a super-category's name with the signs beside it, in a column."""
        signs = self.view.signs(name)
        if not signs:
            return Content(fitted(name, NAME_WIDTH))
        short = fitted(name, NAME_WIDTH - 1 - cell_len(signs))
        return Content.assemble(short, " ", (signs, "bold $text-accent"))

    def _fill(self) -> None:
        """Write all lines."""
        if self.view.labels:
            available = self._choices[self._open].available
            self._lines = self.view.lines(self._category)
            self.values.set_options(
                Option(
                    self._prompt(line),
                    disabled=isinstance(line, str) and line != self._own and line not in available,
                )
                for line in self._lines
            )
            self._highlight()

    def _rewrite(self) -> None:
        """Write the words of the values again; the lines and the cursor stay."""
        for place, line in enumerate(self._lines):
            if isinstance(line, str):
                self.values.replace_option_prompt_at_index(place, self._prompt(line))

    @property
    def _room(self) -> int:
        return max(6, self.values.size.width or self.size.width) - 3

    def _prompt(self, line: Change | None) -> Content:
        """Return a line of the list."""
        if isinstance(line, Borrowed):
            label = self._label_of(line.row, self._category.name)
            value = NO_LABEL if label is None else sanitize(label)
            return Content.assemble(f"{NO_MARK}{_words(line)}", (f"  {value}", MUTED))
        return self._value_prompt(line) if isinstance(line, str) else self._unlabeled_prompt()

    def _unlabeled_prompt(self) -> Content:
        """Return the line of an item without a label, as long as there is room for."""
        room = self._room - len(OWN_MARK)
        own = self.view.own_value(self._category.name)
        long = ", ".join(dict.fromkeys((NO_LABEL, own)))
        variants = (f"{long}, {UNCHANGED}", long, fitted(own, room).rstrip())
        text = next(variant for variant in variants if cell_len(sanitize(variant)) <= room)
        return Content(f"{OWN_MARK}{sanitize(text)}")

    def _value_prompt(self, value: str) -> Content:
        """Return a value's line: its mark, its name, and how many items have it."""
        choices, change = self._choices[self._open], self._change
        is_own = value == self._own
        mark = OWN_MARK if is_own else NO_MARK
        if isinstance(change, AnyOf) and value in change.values:
            mark = TICK_MARK
        total = choices.counts.get(value, 0)
        matching = self.view.matching.get(choices.category.name, {}).get(value)
        count = f"{total:,}" if matching is None else f"{matching:,} / {total:,}"
        room, name_width = self._room - len(count) - len(mark) - 1, cell_len(sanitize(value))
        note = f"  {UNCHANGED}" if is_own else ""
        if name_width + len(note) > room:
            note = ""  # the mark says it too
        room -= len(note)
        name = fitted(value, min(name_width, max(1, room)))
        gap = " " * max(1, room - cell_len(name) + 1)
        style = MUTED if total and matching != 0 else DISABLED
        return Content.assemble(mark, name, (f"{note}{gap}", MUTED), (count, style))

    def _highlight(self) -> None:
        """Put the cursor on the wanted value; if there are several, on any of them."""
        change, place = self._change, self.values.highlighted
        if isinstance(change, AnyOf):
            line = None if place is None else self._lines[place]
            change = line if line in change.values else change.values[-1]
        self.values.highlighted = self._lines.index(change or self._own)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._write_headers()
        self._fill()

    # ── choosing ─────────────────────────────────────────────────────────────

    @on(OptionList.OptionHighlighted)
    def _choose(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index >= len(self._lines):
            return  # from an earlier list
        is_current = event.option is self.values.highlighted_option
        if is_current and not isinstance(self._change, AnyOf):
            line = self._lines[event.option_index]
            self._set(None if line == self._own else line)

    @on(OptionList.OptionSelected)
    def _finish(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Done())

    @on(ValueList.Ticked)
    def _tick(self, event: ValueList.Ticked) -> None:
        """Tick a value, or remove its tick; the first tick replaces the wanted value."""
        event.stop()
        if event.idx >= len(self._lines):
            return  # from an earlier list
        value, change = self._lines[event.idx], self._change
        if not isinstance(value, str):
            self.notify("Only values can be ticked.", timeout=2)
            return
        ticked = change.toggled(value) if isinstance(change, AnyOf) else AnyOf((value,))
        # without ticks, the value under the cursor is wanted, as before the first one
        self._set(ticked or (None if value == self._own else value))
        self._rewrite()

    @on(PickerHeader.Clicked)
    def _open_clicked(self, event: PickerHeader.Clicked) -> None:
        event.stop()
        self.open(event.idx)

    def action_open_next(self, step: int) -> None:
        """Open the next picker."""
        self.open((self._open + step) % len(self._choices))

    def action_reset(self) -> None:
        """Drop the change of the open picker."""
        self._set(None)
        self._rewrite()
        self._highlight()

    def action_keep_exactly(self) -> None:
        """Ask for exact labels of the open super-category only, or any again."""
        self.post_message(self.Kept(self._category.name))

    def action_weigh(self, step: int) -> None:
        """Ask for more or less weight of the open super-category."""
        self.post_message(self.Weighed(self._category.name, step))

    def _set(self, change: Change | None) -> None:
        """Change the open super-category; None keeps the item's own value."""
        if change == self._change:
            return
        state = self.view.state.changed(self._category.name, change)
        self.view = replace(self.view, state=state)
        self._write_headers()
        self.post_message(self.Changed(state.changes))


def _ticks(view: PickerView, category: SuperCategory) -> Change | None:
    """Return the ticked values of a super-category; None without ticks."""
    change = view.state.changes.get(category.name)
    return change if isinstance(change, AnyOf) else None


def _words(change: Change | None) -> str | None:
    """Return a change in words."""
    if isinstance(change, AnyOf):
        return " or ".join(change.values)
    return f"as {sanitize(change.code)}" if isinstance(change, Borrowed) else change
