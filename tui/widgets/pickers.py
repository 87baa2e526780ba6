"""The pickers: one for each super-category, of which one is open, to wish for another value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.text import inert
from datrnet.db.rows import SuperCategory
from datrnet.tui.fitting import fitted
from datrnet.tui.history import AnyOf, Changes, Taken, Wish
from datrnet.tui.text_styles import DISABLED, MUTED

AS_IT_IS = "as it is"
OWN_MARK = "• "
ONE_OF_MARK = "✓ "
NO_MARK = "  "
NO_LABEL = "no label"
GUESS_MARK = "~"
"""Before a value that the networks take an item for, where it has no label."""
NAME_WIDTH = 13
SHORTEST_OWN = 4
"""Cells that the value as it is must have beside the wish; else it is left out."""
LEGEND = "exact matches / all items"

Matching = Mapping[str, Mapping[str, int]]
"""By super-category and value the number of items that carry it and are as wanted in the others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """What a picker offers."""

    category: SuperCategory
    counts: Mapping[str, int]
    wishable: frozenset[str]
    """Values that have a prototype; the others are shown, but cannot be chosen."""


class ValueList(OptionList, inherit_bindings=False):
    """The values of the open picker."""

    @dataclass
    class Ticked(Message):
        """A value shall be one of several that will do, or no longer."""

        idx: int

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Next value", show=False, id="pickers.down"),
        Binding("up,k", "cursor_up", "Previous value", show=False, id="pickers.up"),
        Binding("space", "tick", "Any of these: this value too", show=False, id="pickers.tick"),
        Binding("home,g", "first", "First value", show=False, id="pickers.first"),
        Binding("end,G", "last", "Last value", show=False, id="pickers.last"),
        Binding(
            "pagedown,ctrl+d",
            "page_down",
            "Values further down",
            show=False,
            id="pickers.page_down",
        ),
        Binding(
            "pageup,ctrl+u,b", "page_up", "Values further up", show=False, id="pickers.page_up"
        ),
        Binding("enter", "select", "To the results", show=False, id="pickers.to_results"),
    ]

    def action_tick(self) -> None:
        """Let the value under the cursor do as well, or no longer."""
        if self.highlighted is not None:
            self.post_message(self.Ticked(self.highlighted))

    def on_click(self, event: events.Click) -> None:
        """Take a click with ctrl or shift as the space key; others choose one value."""
        if event.ctrl or event.shift:
            event.prevent_default()
            event.stop()
            idx = event.style.meta.get("option")
            if idx is None or idx >= self.option_count:
                return
            if not self.get_option_at_index(idx).disabled:
                self.post_message(self.Ticked(idx))


class PickerHeader(Static):
    """A picker's line: its number, its super-category, and the value now and wished for."""

    @dataclass
    class Clicked(Message):
        """The line was clicked."""

        idx: int

    def __init__(self, idx: int) -> None:
        super().__init__(markup=False)
        self._idx = idx

    def on_click(self) -> None:
        """Ask for this picker to be opened."""
        self.post_message(self.Clicked(self._idx))


class Pickers(Vertical):
    """All pickers of a query."""

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "open_next(1)", "Next picker", show=False, id="pickers.next"),
        Binding("left,h", "open_next(-1)", "Previous picker", show=False, id="pickers.previous"),
        Binding("x,delete", "reset", "This value as it is", show=False, id="pickers.reset"),
        Binding(
            "e",
            "keep_exactly",
            "Only items labelled so, or any",
            show=False,
            id="pickers.keep_exactly",
        ),
        Binding(
            "greater_than_sign,plus",
            "weigh(1)",
            "Count this more",
            show=False,
            id="pickers.count_more",
        ),
        Binding(
            "less_than_sign,minus",
            "weigh(-1)",
            "Count this less",
            show=False,
            id="pickers.count_less",
        ),
    ]

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        changes: dict[str, Wish]
        """Wanted value, or the item that it is taken from, by super-category."""

    @dataclass
    class Kept(Message):
        """Labels of a super-category shall be as wanted, or need no longer be."""

        name: str

    @dataclass
    class Weighed(Message):
        """A super-category shall count more (1) or less (-1)."""

        name: str
        step: int

    class Done(Message):
        """The choice is made; on to the results."""

    def __init__(
        self, choices: list[Choices], label_of: Callable[[int, str], str | None], *, id: str
    ) -> None:
        """Offer values.

        Args:
            choices: Of each super-category.
            label_of: Gives the label that an item of the catalogue carries, by its row and the
                super-category's name; None where it has none.
            id: The widget's name.
        """
        super().__init__(id=id)
        self._choices = choices
        self._label_of = label_of
        self._labels: Mapping[str, str | None] = {}
        self._changes: dict[str, Wish] = {}
        self._emphasis: Mapping[str, str] = {}
        """Beside a super-category, that it is kept exactly and how often it counts."""
        self._guesses: Mapping[str, str] = {}
        self._matching: Matching = {}
        self._marked: Taken | None = None
        self._listed: list[Wish | None] = []
        """What each line of the list stands for."""
        self._open = 0

    def compose(self) -> ComposeResult:
        """One line for each, with one list of values that moves to the open one."""
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

    def offer(self, marked: Taken | None) -> None:
        """Offer the value of another item in every picker, or of none."""
        if marked != self._marked:
            self._marked = marked
            if self._labels:
                self._fill()

    def show(
        self,
        labels: Mapping[str, str | None],
        changes: Changes,
        emphasis: Mapping[str, str] | None = None,
        guesses: Mapping[str, str] | None = None,
    ) -> None:
        """Show a query and what is wished for.

        Args:
            labels: The value that it carries by super-category.
            changes: What is wished for in its place.
            emphasis: Signs beside the names of super-categories.
            guesses: What the networks take it for.
        """
        is_new = labels != self._labels or (guesses or {}) != self._guesses
        ticked = self._ticked
        self._labels, self._changes = dict(labels), dict(changes)
        self._emphasis, self._guesses = emphasis or {}, guesses or {}
        self._write_headers()
        if is_new or self._listed != self._to_list() or ticked != self._ticked:
            self._fill()
        else:
            self._highlight()

    def count(self, matching: Matching) -> None:
        """Show how many items are as wanted with each value."""
        if matching != self._matching:
            self._matching = matching
            self._rewrite()

    def open(self, idx: int) -> None:
        """Open a picker and go there."""
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
    def _open_name(self) -> str:
        """The open super-category."""
        return self._choices[self._open].category.name

    @property
    def _own(self) -> str | None:
        """The value that the item carries in the open super-category."""
        return self._labels.get(self._open_name)

    @property
    def _ticked(self) -> AnyOf | None:
        """The values of the open super-category of which any will do."""
        wish = self._changes.get(self._open_name)
        return wish if isinstance(wish, AnyOf) else None

    def _write_headers(self) -> None:
        for idx, (header, choices) in enumerate(zip(self._headers, self._choices, strict=True)):
            name = choices.category.name
            own, wish = self._value_of(name), _words(self._changes.get(name))
            header.set_class(idx == self._open, "-open")
            header.set_class(wish is not None, "-changed")
            header.update(self._header(idx, name, own, wish))

    def _value_of(self, name: str) -> str:
        """Return a value as it is said: the label, else what the networks take the item for."""
        label, guess = self._labels.get(name), self._guesses.get(name)
        return label or (NO_LABEL if guess is None else f"{GUESS_MARK}{guess}")

    def _header(self, idx: int, name: str, own: str, wish: str | None) -> Content:
        room = max(4, self.size.width - NAME_WIDTH - 5)
        label = self._label(name)
        if wish is None:
            return Content.assemble((f" {idx + 1} ", MUTED), label, " ", (fitted(own, room), MUTED))
        before = f"{inert(own)} → "
        if cell_len(before) + cell_len(inert(wish)) > room:
            left = room - 3 - cell_len(inert(wish))
            before = f"{fitted(own, left).rstrip()} → " if left >= SHORTEST_OWN else "→ "
        return Content.assemble(
            (f" {idx + 1} ", MUTED), label, " ", (before, MUTED),
            (fitted(wish, max(1, room - cell_len(before))).rstrip(), "bold $text-accent"),
        )  # fmt: skip

    def _label(self, name: str) -> Content:
        """Return a super-category's name in so many cells, with the signs that stand beside it."""
        signs = self._emphasis.get(name, "")
        if not signs:
            return Content(fitted(name, NAME_WIDTH))
        short = fitted(name, NAME_WIDTH - 1 - cell_len(signs))
        return Content.assemble(short, " ", (signs, "bold $text-accent"))

    def _fill(self) -> None:
        choices = self._choices[self._open]
        takeable = [Option(self._takeable_prompt(one)) for one in self._takeable]
        options = [
            Option(
                self._prompt(value, choices),
                disabled=value != self._own and value not in choices.wishable,
            )
            for value in choices.category.values
        ]
        if self._own is None:
            options.insert(0, Option(self._unlabelled_prompt()))
        self._listed = self._to_list()
        self.values.set_options([*takeable, *options])
        self._highlight()

    def _unlabelled_prompt(self) -> Content:
        """Return the line of an item without a label: what it is like, as far as there is room."""
        room = max(6, self.values.size.width or self.size.width) - 3 - len(OWN_MARK)
        own = self._value_of(self._open_name)
        long = ", ".join(dict.fromkeys((NO_LABEL, own)))
        ways = (f"{long}, {AS_IT_IS}", long, fitted(own, room).rstrip())
        said = next(one for one in ways if cell_len(inert(one)) <= room)
        return Content(f"{OWN_MARK}{inert(said)}")

    def _rewrite(self) -> None:
        """Write the words of the values anew; the lines and the cursor stay."""
        choices = self._choices[self._open]
        for place, value in enumerate(self._listed):
            if isinstance(value, str):
                self.values.replace_option_prompt_at_index(place, self._prompt(value, choices))

    def _takeable_prompt(self, taken: Taken) -> Content:
        """Return the line of an item that a value can be taken from: its code, and the value."""
        label = self._label_of(taken.row, self._open_name)
        value = NO_LABEL if label is None else inert(label)
        return Content.assemble(f"{NO_MARK}{_words(taken)}", (f"  {value}", MUTED))

    def _prompt(self, value: str, choices: Choices) -> Content:
        """Return a value's line: its mark, its name, how many items have it."""
        is_own, ticked = value == self._own, self._ticked
        mark = OWN_MARK if is_own else NO_MARK
        if ticked is not None and value in ticked.values:
            mark = ONE_OF_MARK
        total = choices.counts.get(value, 0)
        matching = self._matching.get(choices.category.name, {}).get(value)
        count = f"{total:,}" if matching is None else f"{matching:,} / {total:,}"
        room = max(6, self.values.size.width or self.size.width) - 3
        text_room, name_width = room - len(count) - len(mark) - 1, cell_len(inert(value))
        note = f"  {AS_IT_IS}" if is_own else ""
        if name_width + len(note) > text_room:
            note = ""  # the mark says it too
        text_room -= len(note)
        name = fitted(value, min(name_width, max(1, text_room)))
        gap = " " * max(1, text_room - cell_len(name) + 1)
        style = MUTED if total and matching != 0 else DISABLED
        return Content.assemble(mark, name, (f"{note}{gap}", MUTED), (count, style))

    @property
    def _takeable(self) -> list[Taken]:
        """The items whose value is offered: the marked one, and the one that is taken already."""
        wish = self._changes.get(self._open_name)
        offered = [self._marked, wish if isinstance(wish, Taken) else None]
        return list(dict.fromkeys(one for one in offered if one is not None))

    def _to_list(self) -> list[Wish | None]:
        """Return what the lines of the list are to stand for."""
        values = self._choices[self._open].category.values
        return [*self._takeable, *([None] if self._own is None else []), *values]

    def _highlight(self) -> None:
        """Put the cursor on what is wished for; of several values on one of them."""
        wish, at = self._changes.get(self._open_name), self.values.highlighted
        if isinstance(wish, AnyOf):
            is_there = at is not None and self._listed[at] in wish.values
            wish = self._listed[at] if at is not None and is_there else wish.values[-1]
        self.values.highlighted = self._listed.index(wish or self._own)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._write_headers()
        if self._labels:
            self._fill()

    @on(OptionList.OptionHighlighted)
    def _choose(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index >= len(self._listed):
            return  # of the list that was there a moment ago
        if event.option is self.values.highlighted_option and self._ticked is None:
            value = self._listed[event.option_index]
            self._wish(None if value == self._own else value)

    @on(OptionList.OptionSelected)
    def _finish(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Done())

    @on(ValueList.Ticked)
    def _tick(self, event: ValueList.Ticked) -> None:
        """Let one more value do; the first one takes the place of what was wished for."""
        event.stop()
        value = self._listed[event.idx]
        if not isinstance(value, str):
            self.notify("This line is no value.", timeout=2)
            return
        ticked = AnyOf((value,)) if self._ticked is None else self._ticked.toggled(value)
        # without a tick the wish is what the cursor is on, as before the first one
        self._wish(ticked or (None if value == self._own else value))
        self._rewrite()

    @on(PickerHeader.Clicked)
    def _open_clicked(self, event: PickerHeader.Clicked) -> None:
        event.stop()
        self.open(event.idx)

    def action_open_next(self, step: int) -> None:
        """Open the next picker."""
        self.open((self._open + step) % len(self._choices))

    def action_reset(self) -> None:
        """Take the open picker's change back."""
        self._wish(None)
        self._rewrite()
        self._highlight()

    def action_keep_exactly(self) -> None:
        """Ask for answers that are labelled as wanted in the open picker, or no longer."""
        self.post_message(self.Kept(self._open_name))

    def action_weigh(self, step: int) -> None:
        """Let the open picker's super-category count more or less."""
        self.post_message(self.Weighed(self._open_name, step))

    def _wish(self, value: Wish | None) -> None:
        """Change the open super-category; None stands for the value as it is."""
        name = self._open_name
        if value == self._changes.get(name):
            return
        others = {one: wish for one, wish in self._changes.items() if one != name}
        self._changes = others if value is None else {**others, name: value}
        self._write_headers()
        self.post_message(self.Changed(dict(self._changes)))


def _words(wish: Wish | None) -> str | None:
    """Return what is wished for in words."""
    if isinstance(wish, AnyOf):
        return " or ".join(wish.values)
    return f"as {inert(wish.code)}" if isinstance(wish, Taken) else wish
