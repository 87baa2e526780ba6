"""The pickers: a list of values for each super-category, one of them open."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.errors import ConfigError
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory, joined
from datrnet.tui.keymap import hidden
from datrnet.tui.query_state import Borrowed, Change, QueryState
from datrnet.tui.state import Search
from datrnet.tui.textual_patches import LEFT
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.value_list import ValueList

if TYPE_CHECKING:
    from datrnet.core.retrieval.prototypes import Prototype

UNCHANGED = "as it is"
OWN_MARK = "• "
TICK_MARK = "✓ "
CROSS_MARK = "✗ "
NO_MARK = "  "
NO_LABEL = "no label"
PREDICTED_MARK = "~"
"""Before the predicted value of an item without a label."""
EXACT_MARK = "="
SIGN = "sign"
"""Names the action of a sign that can be clicked."""
NAME_WIDTH = 13
"""Of a super-category's name, and of what stands below the pickers."""
SHORTEST_OWN = 4
"""Cells that the item's own value needs beside the wanted one; with less it is left out."""
LEGEND = "exact matches / all items"


class PickerHeader(Static):
    """A picker's line: its number, its super-category, the item's value and the wanted one."""


class Pickers(Vertical):
    """All pickers of a query: drawn from the search, which they change."""

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("right,l,right_curly_bracket", "open_next(1)", "Next picker", id="pickers.next"),
        hidden(
            "left,h,left_curly_bracket",
            "open_next(-1)",
            "Previous picker",
            id="pickers.previous",
        ),
        Binding(
            "e",
            "screen.keep_exactly",
            "Exact",
            tooltip="Require this label, or not",
            id="pickers.keep_exactly",
        ),
        Binding(
            "exclamation_mark",
            "screen.leave_out",
            "Leave out",
            key_display="!",
            tooltip="Leave out this value, or not",
            id="pickers.leave_out",
        ),
        Binding(
            "greater_than_sign,plus",
            "screen.weigh(1)",
            "More",
            key_display=">",
            tooltip="More weight",
            id="pickers.count_more",
        ),
        Binding(
            "less_than_sign,minus",
            "screen.weigh(-1)",
            "Less",
            key_display="<",
            tooltip="Less weight",
            id="pickers.count_less",
        ),
        Binding(
            "x,delete",
            "reset",
            "Reset",
            key_display="x",
            tooltip="Keep the item's value",
            id="pickers.reset",
        ),
        hidden("U", "screen.keep_away", "Unlike the marked item, or not", id="pickers.keep_away"),
    ]

    class Changed(Message):
        """Another value was chosen; the search has it already."""

    def __init__(self, search: Search, *, id: str) -> None:
        super().__init__(id=id)
        self._search = search
        self._categories = search.categories
        self._lines: list[Change | None] = []
        """The choice on each line of the list; None is the item's own value."""
        self._own: str | None = None
        """The item's label in the open super-category."""
        self.number = 0
        """Which picker is open, from 0."""

    def compose(self) -> ComposeResult:
        """A header for each picker, and the list of values below the open one."""
        for idx in range(len(self._categories)):
            yield PickerHeader(markup=False)
            if idx == self.number:
                yield ValueList(compact=True)
        yield Static(LEGEND, id="pickers-legend", markup=False)

    @property
    def values(self) -> ValueList:
        """The list of values."""
        return self.query_one(ValueList)

    @property
    def category(self) -> SuperCategory:
        """The open super-category."""
        return self._categories[self.number]

    @property
    def value(self) -> str | None:
        """The value under the cursor; None on a line that is no value."""
        place = self.values.highlighted
        line = None if place is None else self._lines[place]
        return line if isinstance(line, str) else None

    @property
    def _change(self) -> Change | None:
        """The change of the open super-category."""
        return self._search.state.changes.get(self.category.name)

    @property
    def _headers(self) -> list[PickerHeader]:
        return list(self.query(PickerHeader))

    def open(self, idx: int) -> None:
        """Open a picker and focus it."""
        if 0 <= idx < len(self._categories):
            if idx != self.number:
                self.number, self._lines = idx, []
                self.move_child(self.values, after=self._headers[idx])
                self.show()
            self.screen.set_focus(self.values, scroll_visible=False)
            self.call_after_refresh(self._headers[idx].scroll_visible, top=True, animate=False)

    # ── drawing ──────────────────────────────────────────────────────────────

    def show(self) -> None:
        """Show the query and its state, with the cursor on what is wanted."""
        self._write_headers()
        own, lines = self._search.labels.get(self.category.name), self._choices()
        if (own, lines) == (self._own, self._lines) and self.values.option_count:
            self.rewrite()
        else:
            self._own, self._lines = own, lines
            available = self._search.snapshot.available_values[self.category.name]
            self.values.set_options(
                Option(
                    self._prompt(line),
                    id=line if isinstance(line, str) else None,
                    disabled=isinstance(line, str) and line != own and line not in available,
                )
                for line in lines
            )
        self._highlight()

    def rewrite(self) -> None:
        """Write the words of the lines again; the lines and the cursor stay."""
        for place, line in enumerate(self._lines):
            self.values.replace_option_prompt_at_index(place, self._prompt(line))

    def _choices(self) -> list[Change | None]:
        """Return what the open picker offers."""
        offered = (self._search.marked, self._change)
        borrowable = dict.fromkeys(item for item in offered if isinstance(item, Borrowed))
        unlabeled = [None] if self._search.labels.get(self.category.name) is None else []
        return [*borrowable, *unlabeled, *self.category.values]

    def _own_words(self) -> dict[str, str]:
        """Return the item's value by super-category: its label, else the predicted value."""
        predicted = {name: f"{PREDICTED_MARK}{it}" for name, it in self._search.predicted.items()}
        values = self._search.values.items()
        return {name: joined(own) or predicted.get(name, NO_LABEL) for name, own in values}

    def _write_headers(self) -> None:
        own = self._own_words()
        for idx, header in enumerate(self._headers):
            name = self._categories[idx].name
            wanted = _wanted(self._search.state, name)
            header.set_class(idx == self.number, "-open")
            header.set_class(wanted is not None, "-changed")
            header.update(self._header(f" {idx + 1} ", self._labeled(name), own[name], wanted))

    def _header(self, number: str, label: Content, own: str, wanted: str | None) -> Content:
        room = max(4, self.size.width - NAME_WIDTH - 5)
        if wanted is None:
            return Content.assemble((number, MUTED), label, " ", (fitted(own, room), MUTED))
        before = f"{sanitize(own)} → "
        if cell_len(before) + cell_len(sanitize(wanted)) > room:
            rest = room - 3 - cell_len(sanitize(wanted))
            before = f"{fitted(own, rest).rstrip()} → " if rest >= SHORTEST_OWN else "→ "
        after = fitted(wanted, max(1, room - cell_len(before))).rstrip()
        return Content.assemble(
            (number, MUTED), label, " ", (before, MUTED), (after, "bold $text-accent")
        )

    def _labeled(self, name: str) -> Content:
        """Return a super-category's name in a column: with ``=`` if exact, and its weight."""
        state = self._search.state
        signs = [(EXACT_MARK, "keep_exactly")] if name in state.exact else []
        if name in state.weights:
            signs.append((f"×{state.weights[name]:g}", "weigh(1)"))
        if not signs:
            return Content(fitted(name, NAME_WIDTH))
        shown = Content.assemble(
            *(
                Content.styled(sign, "bold $text-accent").stylize(Style.from_meta({SIGN: action}))
                for sign, action in signs
            )
        )
        return Content.assemble(fitted(name, NAME_WIDTH - 1 - shown.cell_length), " ", shown)

    @property
    def _room(self) -> int:
        return max(6, self.values.size.width or self.size.width) - 3

    def _prompt(self, line: Change | None) -> Content:
        """Return a line of the list."""
        if isinstance(line, Borrowed):
            labels = self._search.snapshot.catalog.label_texts(line.row)
            value = sanitize(labels[self.category.name] or NO_LABEL)
            return Content.assemble(f"{NO_MARK}{_words(line)}", (f"  {value}", MUTED))
        return self._value_prompt(line) if isinstance(line, str) else self._unlabeled_prompt()

    def _unlabeled_prompt(self) -> Content:
        """Return the line of an item without a label, as long as there is room for."""
        room = self._room - len(OWN_MARK)
        own = self._own_words()[self.category.name]
        long = ", ".join(dict.fromkeys((NO_LABEL, own)))
        variants = (f"{long}, {UNCHANGED}", long, fitted(own, room).rstrip())
        text = next(variant for variant in variants if cell_len(sanitize(variant)) <= room)
        return Content(f"{OWN_MARK}{sanitize(text)}")

    def _value_prompt(self, value: str) -> Content:
        """Return a value's line: its mark, its name, and how many items have it."""
        name, results = self.category.name, self._search.results
        is_own = value == self._own
        mark = OWN_MARK if is_own else NO_MARK
        if value in self._search.state.any_of.get(name, ()):
            mark = TICK_MARK
        if value in self._search.state.excluded.get(name, ()):
            mark = CROSS_MARK
        total = self._search.snapshot.value_counts[name].get(value, 0)
        matching = None if results is None else results.matching.get(name, {}).get(value)
        count = f"{total:,}" if matching is None else f"{matching:,} / {total:,}"
        room, name_width = self._room - len(count) - len(mark) - 1, cell_len(sanitize(value))
        note = f"  {UNCHANGED}" if is_own else ""
        if name_width + len(note) > room:
            note = ""  # the mark says it too
        room -= len(note)
        text = fitted(value, min(name_width, max(1, room)))
        gap = " " * max(1, room - cell_len(text) + 1)
        style = "" if total and matching != 0 else MUTED
        return Content.assemble(mark, text, (f"{note}{gap}", MUTED), (count, style))

    def _highlight(self) -> None:
        """Put the cursor on the wanted value; if there are several, on any of them."""
        change, place = self._change, self.values.highlighted
        if isinstance(change, tuple):
            line = None if place is None else self._lines[place]
            change = line if line in change else change[-1]
        self.values.highlighted = self._lines.index(change or self._own)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.show()

    # ── choosing ─────────────────────────────────────────────────────────────

    @on(OptionList.OptionHighlighted)
    def _choose(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index >= len(self._lines):
            return  # from an earlier list
        is_current = event.option is self.values.highlighted_option
        if is_current and not isinstance(self._change, tuple):
            line = self._lines[event.option_index]
            self._set(None if line == self._own else line)

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
        ticked = change if isinstance(change, tuple) else ()
        others = tuple(other for other in ticked if other != value)
        ticked = others if value in ticked else (*others, value)
        # without ticks, the value under the cursor is wanted, as before the first one
        self._set(ticked or (None if value == self._own else value))
        self.rewrite()

    async def on_click(self, event: events.Click) -> None:
        """Open the picker whose header was clicked; a click on a sign changes it."""
        if isinstance(event.widget, PickerHeader):
            self.open(self._headers.index(event.widget))
            if event.button == LEFT and (action := event.style.meta.get(SIGN)):
                await self.run_action(f"screen.{action}")

    def action_open_next(self, step: int) -> None:
        """Open the next picker."""
        self.open((self.number + step) % len(self._categories))

    def action_reset(self) -> None:
        """Drop the change of the open picker."""
        self._set(None)
        self.show()

    def _set(self, change: Change | None) -> None:
        """Change the open super-category; None keeps the item's own value."""
        if change == self._change:
            return
        try:
            self._search.propose(self.category.name, change)
        except ConfigError as error:
            self.notify(str(error), timeout=2)
            self.show()
        else:
            self._write_headers()
            self.post_message(self.Changed())


def _wanted(state: QueryState, name: str) -> str | None:
    """Return all that is asked of a super-category in words; None if it is as in the item."""
    parts = [_words(state.changes.get(name))]
    if name in state.excluded:
        parts.append(f"not {' or '.join(state.excluded[name])}")
    if name in state.unlike:
        parts.append(f"unlike {sanitize(state.unlike[name].code)}")
    return ", ".join(filter(None, parts)) or None


def _words(change: Change | None) -> str | None:
    """Return a change in words."""
    if isinstance(change, tuple):
        return " or ".join(change)
    return f"as {sanitize(change.code)}" if isinstance(change, Borrowed) else change


class PrototypeLine(Vertical):
    """Shows which prototypes are used and, where there is room, what each is a mean of."""

    class Clicked(Message):
        """The line was clicked."""

    def compose(self) -> ComposeResult:
        """The setting, and its prototypes."""
        yield Static(id="prototypes-chosen", markup=False)
        yield Static(id="prototypes-used", markup=False)
        yield Static(id="weights-implied", markup=False)

    def show(self, within: str | None, prototypes: Mapping[str, "Prototype"]) -> None:
        """Show the prototypes of a query.

        Args:
            within: The super-category whose value their items share; None for generic ones.
            prototypes: The prototypes in use, by super-category.
        """
        setting = "generic" if within is None else f"within {sanitize(within)}"
        self.query_one("#prototypes-chosen", Static).update(
            Content.assemble(
                (" w ", MUTED),
                fitted("prototypes", NAME_WIDTH),
                " ",
                (setting, MUTED if within is None else "bold $text-accent"),
            )
        )
        used = [
            sanitize(f"{prototype.value}: {prototype.source}") for prototype in prototypes.values()
        ]
        self.query_one("#prototypes-used", Static).update("\n".join(used))

    def show_weights(self, agreement: Mapping[str, float], feedback: Mapping[str, float]) -> None:
        """Show the weights that follow from several items and from marks, one chip each."""
        parts: list[Content | tuple[str, str]] = []
        for title, factors in (("agreement", agreement), ("marks", feedback)):
            if factors:
                parts.append((f" {title} ", MUTED))
            for name in sorted(factors, key=lambda name: -factors[name]):
                chip = f" {sanitize(name)} ×{factors[name]:.2f} "
                parts += [(chip, "$text on $primary-muted"), (" ", "")]
        chips = self.query_one("#weights-implied", Static)
        chips.display = bool(parts)
        chips.update(Content.assemble(*parts))

    def on_click(self, event: events.Click) -> None:
        """Ask for other prototypes."""
        event.stop()
        self.post_message(self.Clicked())
