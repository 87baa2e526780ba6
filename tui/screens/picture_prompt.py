"""Asks for a picture on disk to begin with."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from datrnet.core.data.inert_text import inert
from datrnet.tui.pictures import named_path


class PathSuggester(Suggester):
    """Goes on with the first file or folder whose path begins as what is typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path, folders with a slash at their end."""
        return await asyncio.to_thread(_completed, value) if value else None


class PicturePrompt(ModalScreen[Path | None]):
    """A line for a path; the file need not be in the catalogue."""

    HELP_TITLE = "Picture on disk"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False, id="prompt.close"),
        Binding(
            "tab", "complete", "Complete the path", show=False, priority=True, id="prompt.complete"
        ),
    ]

    def compose(self) -> ComposeResult:
        """The line, and what is wrong with it."""
        with Vertical(classes="prompt"):
            yield Static("Substitutes of a picture on disk", classes="prompt-title")
            yield Input(
                placeholder="Its path, typed, pasted or dropped here",
                suggester=PathSuggester(),
                compact=True,
            )
            note = "tab completes, enter searches, esc closes"
            yield Static(note, classes="prompt-note", markup=False)

    @on(Input.Submitted)
    def _finish(self, event: Input.Submitted) -> None:
        path = named_path(event.value)
        if path.is_file():
            self.dismiss(path)
            return
        what = "is a folder; name a picture in it" if path.is_dir() else "is not there"
        self.query_one(".prompt-note", Static).update(inert(f"{path} {what}."))

    def action_complete(self) -> None:
        """Take what is suggested."""
        self.query_one(Input).action_cursor_right()


def _completed(value: str) -> str | None:
    folder, _, begin = value.rpartition("/")
    there = Path(f"{folder}/" if "/" in value else ".").expanduser()
    try:
        with os.scandir(there) as entries:
            found = sorted(
                f"{entry.name}/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(begin) and (begin or not entry.name.startswith("."))
            )
    except OSError:
        return None
    return f"{value[: len(value) - len(begin)]}{found[0]}" if found else None
