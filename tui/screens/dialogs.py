"""Small questions over a screen: a line to type, a yes or no, one of several."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.text import inert


class Prompt(ModalScreen[str | None]):
    """A line to type; gives what was typed, None where the person left."""

    HELP_TITLE = "Line to type"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False, id="prompt.leave"),
    ]

    def __init__(
        self,
        question: str,
        *,
        value: str = "",
        hint: str = "",
        placeholder: str = "",
        suggester: Suggester | None = None,
    ) -> None:
        """Ask.

        Args:
            question: What to type.
            value: What stands there to begin with.
            hint: A word below; ``explain`` replaces it.
            placeholder: What stands in the line while nothing else does.
            suggester: How what is typed may go on.
        """
        super().__init__()
        self._question, self._value, self._hint = question, value, hint
        self._placeholder, self._suggester = placeholder, suggester

    def compose(self) -> ComposeResult:
        """Question, line, hint."""
        with Vertical(classes="dialog"):
            yield Static(inert(self._question), classes="dialog-question", markup=False)
            yield Input(
                self._value,
                placeholder=self._placeholder,
                suggester=self._suggester,
                compact=True,
                select_on_focus=False,
                id="prompt",
            )
            yield Static(inert(self._hint), classes="dialog-hint", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("enter: OK", id="ok", compact=True)
                yield Button("esc: leave", id="leave", compact=True)

    @property
    def value(self) -> str:
        """What stands in the line."""
        return self.query_one("#prompt", Input).value.strip()

    def explain(self, text: str) -> None:
        """Say something about what was typed."""
        self.query_one(".dialog-hint", Static).update(inert(text))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.typed(self.value)

    def typed(self, text: str) -> None:
        """Follow what is typed; a plain prompt does nothing."""

    @on(Input.Submitted)
    @on(Button.Pressed, "#ok")
    def _submit(self) -> None:
        self.submit(self.value)

    def submit(self, text: str) -> None:
        """Take what was typed; a plain prompt takes anything but nothing."""
        if text:
            self.dismiss(text)
        else:
            self.explain("Type something, or leave with esc.")

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class Choice(ModalScreen[int | None]):
    """One of several; gives its place, None where the person left."""

    HELP_TITLE = "Choice"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move('cursor_down')", "Next", show=False, id="choice.next"),
        Binding("up,k", "move('cursor_up')", "Previous", show=False, id="choice.previous"),
        Binding("g", "move('first')", "First", show=False, id="choice.first"),
        Binding("G", "move('last')", "Last", show=False, id="choice.last"),
        Binding("escape,q", "leave", "Leave", show=False, id="choice.leave"),
    ]

    def __init__(self, question: str, options: Sequence[str], chosen: int = 0) -> None:
        super().__init__()
        self._question, self._options, self._chosen = question, options, chosen

    def compose(self) -> ComposeResult:
        """Question, options."""
        with Vertical(classes="dialog"):
            yield Static(inert(self._question), classes="dialog-question", markup=False)
            yield OptionList(*(Option(inert(one)) for one in self._options), markup=False)

    def on_mount(self) -> None:
        """Stand on what is chosen."""
        self.query_one(OptionList).highlighted = self._chosen

    def action_move(self, action: str) -> None:
        """Move in the list."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def action_leave(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)
