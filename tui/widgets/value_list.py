"""Lists of values, and type-ahead: a line at the foot that moves their cursor as one types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, OptionList

from datrnet.core.text import fold
from datrnet.tui.keymap import hidden

HINT = "Type the beginning of a value"


class FindableList(OptionList, inherit_bindings=False):
    """A list of values that can be found by typing."""

    def names(self) -> Sequence[str]:
        """Return what can be typed; empty text cannot be found."""
        raise NotImplementedError

    def go_to(self, place: int) -> None:
        """Put the cursor on one of the names."""
        raise NotImplementedError

    def bookmark(self) -> Callable[[], None]:
        """Return what puts the cursor back where it is now."""
        raise NotImplementedError

    def action_find(self) -> None:
        """Ask for the beginning of a value, and go there meanwhile."""
        field = FindField(self)
        self.screen.mount(field)
        # at once, unlike focus(): the next keys are meant for the field
        self.screen.set_focus(field)


class ValueList(FindableList, inherit_bindings=False):
    """The values of the open picker; the id of an option is its value."""

    @dataclass
    class Ticked(Message):
        """A value is to be one of several, or no longer."""

        idx: int

    HELP_TITLE = "Pickers"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "cursor_down", "Next value", id="pickers.down"),
        hidden("up,k", "cursor_up", "Previous value", id="pickers.up"),
        Binding("space", "tick", "Or this", tooltip="Accept this value, too", id="pickers.tick"),
        hidden("home,g", "first", "First value", id="pickers.first"),
        hidden("end,G", "last", "Last value", id="pickers.last"),
        hidden("pagedown,ctrl+d", "page_down", "Page down", id="pickers.page_down"),
        hidden("pageup,ctrl+u,b", "page_up", "Page up", id="pickers.page_up"),
        hidden("enter", "select", "Go to the results", id="pickers.to_results"),
        Binding(
            "slash", "find", "Find", key_display="/", tooltip="Find a value", id="pickers.find"
        ),
    ]

    def names(self) -> Sequence[str]:
        """Return the values that can be chosen."""
        return ["" if option.disabled else option.id or "" for option in self.options]

    def go_to(self, place: int) -> None:
        """Put the cursor on a value, which chooses it in a picker."""
        self.highlighted = place

    def bookmark(self) -> Callable[[], None]:
        """Return what puts the cursor back."""
        place = self.highlighted

        def put_back() -> None:
            self.highlighted = place

        return put_back

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


class FindField(Input):
    """The line; it is gone as soon as something else has the focus."""

    HELP_TITLE = "Find a value"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "step(1)", "Next match", key_display="↓", id="find.next"),
        hidden("up,ctrl+p", "step(-1)", "Previous match", id="find.previous"),
        Binding("enter,tab", "leave", "Go there", key_display="enter", id="find.go"),
        Binding("escape", "back", "Back", tooltip="Back to where the cursor was", id="find.back"),
    ]

    def __init__(self, values: FindableList) -> None:
        """Find values of a list."""
        super().__init__(placeholder=HINT, compact=True)
        self._values = values
        self._return = values.bookmark()
        self._found: list[int] = []
        self._at = 0

    @on(Input.Changed)
    def _find(self, event: Input.Changed) -> None:
        event.stop()
        self._found, self._at = matches(self._values.names(), event.value), 0
        self.set_class(bool(event.value.strip()) and not self._found, "-missing")
        if self._found:
            self._values.go_to(self._found[0])
        elif not event.value:
            self._return()

    def action_step(self, step: int) -> None:
        """Go to the next match or the previous one, around the ends."""
        if self._found:
            self._at = (self._at + step) % len(self._found)
            self._values.go_to(self._found[self._at])

    def action_leave(self) -> None:
        """Go on in the list, from the value that was found."""
        self.screen.set_focus(self._values)

    def action_back(self) -> None:
        """Go on in the list, from where the cursor was before."""
        self._return()
        self.action_leave()

    def on_blur(self) -> None:
        """Go, unless the whole terminal has lost the focus."""
        if self.screen.focused is not None:
            self.remove()


def matches(names: Sequence[str], text: str) -> list[int]:
    """Return the places of the names with a text: those that begin with it first, then words."""
    wanted = fold(text)
    if not wanted:
        return []
    ranked = []
    for place, name in enumerate(map(fold, names)):
        if wanted in name:
            is_word = f" {wanted}" in name.replace("-", " ").replace("/", " ")
            ranked.append((0 if name.startswith(wanted) else 1 if is_word else 2, place))
    return [place for _, place in sorted(ranked)]
