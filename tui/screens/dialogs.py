"""Dialogs: a line of text, a file name, a picture's path, one of several options or values."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.catalog.columns import PICTURE_SUFFIXES
from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.errors import DataError
from datrnet.core.text import sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.context import in_thread
from datrnet.tui.graphics.pictures import named_path
from datrnet.tui.keymap import hidden
from datrnet.tui.widgets.pickers import ValueList
from datrnet.tui.widgets.text import MUTED, fitted


class Prompt(ModalScreen[str | None]):
    """Asks for a line of text; returns it, or None if cancelled."""

    HELP_TITLE = "Text field"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape", "leave", "Cancel", id="prompt.leave"),
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
            question: What to ask for.
            value: The initial text.
            hint: Text below the line; ``explain`` replaces it.
            placeholder: Shown while the line is empty.
            suggester: Completes the text.
        """
        super().__init__()
        self._question, self._value, self._hint = question, value, hint
        self._placeholder, self._suggester = placeholder, suggester

    def compose(self) -> ComposeResult:
        """Question, line, hint, buttons."""
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._question), classes="dialog-question", markup=False)
            yield Input(
                self._value,
                placeholder=self._placeholder,
                suggester=self._suggester,
                compact=True,
                select_on_focus=False,
                id="prompt",
            )
            yield Static(sanitize(self._hint), classes="dialog-hint", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("enter: OK", id="ok", compact=True)
                yield Button("esc: Cancel", id="leave", compact=True)

    @property
    def value(self) -> str:
        """The text in the line."""
        return self.query_one("#prompt", Input).value.strip()

    def explain(self, text: str) -> None:
        """Show a hint about the text."""
        self.query_one(".dialog-hint", Static).update(sanitize(text))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.typed(self.value)

    def typed(self, text: str) -> None:
        """React to the text; a plain prompt does nothing."""

    @on(Input.Submitted)
    @on(Button.Pressed, "#ok")
    def _submit(self) -> None:
        self.submit(self.value)

    def submit(self, text: str) -> None:
        """Accept the text; a plain prompt accepts any but empty text."""
        if text:
            self.dismiss(text)
        else:
            self.explain("Type something, or cancel with esc.")

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Cancel."""
        self.dismiss(None)


class Choice(ModalScreen[int | None]):
    """Asks for one of several options; returns its position, or None if cancelled."""

    HELP_TITLE = "Choice"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "move('cursor_down')", "Next", id="choice.next"),
        hidden("up,k", "move('cursor_up')", "Previous", id="choice.previous"),
        hidden("g", "move('first')", "First", id="choice.first"),
        hidden("G", "move('last')", "Last", id="choice.last"),
        hidden("escape,q", "leave", "Cancel", id="choice.leave"),
    ]

    def __init__(self, question: str, options: Sequence[str], chosen: int = 0) -> None:
        super().__init__()
        self._question, self._options, self._chosen = question, options, chosen

    def compose(self) -> ComposeResult:
        """Question and options."""
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._question), classes="dialog-question", markup=False)
            yield OptionList(*(Option(sanitize(option)) for option in self._options), markup=False)

    def on_mount(self) -> None:
        """Highlight the current option."""
        self.query_one(OptionList).highlighted = self._chosen

    def action_move(self, action: str) -> None:
        """Move in the list."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def action_leave(self) -> None:
        """Cancel."""
        self.dismiss(None)


SUFFIXES = {".html": "page with pictures", ".csv": "table", ".json": "for programs"}


class FilePrompt(Prompt):
    """Asks for the file of an export; returns its path as text."""

    def __init__(self, question: str, stem: str) -> None:
        """Suggest a web page in the current folder."""
        super().__init__(question, value=f"{stem}.html")

    def typed(self, text: str) -> None:
        """Say what will be written."""
        self.explain(self._preview(text))

    def submit(self, text: str) -> None:
        """Accept a name with a known suffix in an existing folder."""
        path = Path(text).expanduser()
        if path.suffix.lower() in SUFFIXES and path.parent.is_dir() and not path.is_dir():
            self.dismiss(str(path))
        else:
            self.explain(self._preview(text))

    def _preview(self, text: str) -> str:
        path = Path(text).expanduser()
        kind = SUFFIXES.get(path.suffix.lower())
        if kind is None:
            return (
                f"End the name in {', '.join(f'{end} ({what})' for end, what in SUFFIXES.items())}."
            )
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        if path.exists():
            return f"{path.absolute()} exists: enter replaces it."
        return f"{path.absolute()}: {kind}."


SMALL = 8
"""Size in pixels at which a file is tried: as small as a decoder can."""


class PathSuggester(Suggester):
    """Suggests the first picture or folder whose path starts with the text."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path; folders end in a slash."""
        return await asyncio.to_thread(_completed, value) if value else None


class PicturePrompt(Prompt):
    """Asks for the path of a picture, which need not be in the catalog."""

    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("tab", "complete", "Complete", priority=True, id="prompt.complete"),
    ]

    def __init__(self) -> None:
        super().__init__(
            "Search with a picture file",
            placeholder="Type, paste or drop its path",
            hint="tab completes the path",
            suggester=PathSuggester(),
        )

    def submit(self, text: str) -> None:
        """Accept the path of a picture."""
        path = named_path(text)
        if path.is_dir():
            self.explain(f"{path} is a folder; name a picture in it.")
        elif not path.exists():
            self.explain(f"{path} is not there.")
        else:
            self._try(path)

    @work(exclusive=True)
    async def _try(self, path: Path) -> None:
        """Accept a file that can be read as a picture, or say why it cannot."""
        try:
            await in_thread(self, read_picture, Picture(path), SMALL)
        except DataError as error:
            self.explain(str(error))
        else:
            self.dismiss(str(path))

    def action_complete(self) -> None:
        """Accept the suggestion."""
        self.query_one(Input).action_cursor_right()


def _completed(value: str) -> str | None:
    folder, _, begin = value.rpartition("/")
    there = Path(f"{folder}/" if "/" in value else ".").expanduser()
    try:
        with os.scandir(there) as entries:
            found = sorted(
                f"{entry.name}/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(begin)
                and (begin or not entry.name.startswith("."))
                and (entry.is_dir() or entry.name.lower().endswith(PICTURE_SUFFIXES))
            )
    except OSError:
        return None
    return f"{value[: len(value) - len(begin)]}{found[0]}" if found else None


COUNT_WIDTH = 9
WIDEST = 48


class ValuePicker(ModalScreen[str | None]):
    """Asks for a value of a super-category; returns it, or None if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape,q,backspace", "dismiss(None)", "Cancel", id="values.close"),
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
            title: What to ask for.
            category: The super-category.
            counts: Number of items by value.
            notes: Words beside some values.
            first: The value to highlight.
        """
        super().__init__()
        self._title = title
        self._category = category
        self._counts = counts
        self._notes = notes
        self._first = first

    def compose(self) -> ComposeResult:
        """The title above the list."""
        with Vertical(id="values"):
            yield Static(sanitize(self._title), id="values-title", markup=False)
            yield ValueList(*(Option(self._line(value)) for value in self._category.values))
            yield Static("enter chooses, esc cancels", id="values-end")

    def on_mount(self) -> None:
        """Highlight the first value."""
        values = self.query_one(ValueList)
        names = self._category.values
        values.highlighted = names.index(self._first) if self._first in names else 0
        self.set_focus(values)

    def _line(self, value: str) -> Content:
        note = f"  {self._notes[value]}" if value in self._notes else ""
        room = WIDEST - COUNT_WIDTH - 8
        name = fitted(value, min(cell_len(sanitize(value)), room - cell_len(note)))
        gap = " " * max(0, room - cell_len(name) - cell_len(note))
        count = f"{self._counts.get(value, 0):>{COUNT_WIDTH},}"
        return Content.assemble(name, (f"{note}{gap}{count}", MUTED))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._category.values[event.option_index])
