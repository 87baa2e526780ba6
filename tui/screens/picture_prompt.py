"""Asks for a picture on disk to begin with."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input

from datrnet.core.catalog.columns import PICTURE_SUFFIXES
from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.errors import DataError
from datrnet.tui.pictures import named_path
from datrnet.tui.screens.dialogs import Prompt

SMALL = 8
"""Pixels of the side at which a file is tried: as few as a decoder needs."""


class PathSuggester(Suggester):
    """Goes on with the first picture or folder whose path begins as what is typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path, folders with a slash at their end."""
        return await asyncio.to_thread(_completed, value) if value else None


class PicturePrompt(Prompt):
    """A prompt for the path of a picture, which need not be in the catalogue."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, priority=True, id="prompt.complete"),
    ]

    def __init__(self) -> None:
        super().__init__(
            "Substitutes of a picture on disk",
            placeholder="Its path, typed, pasted or dropped here",
            hint="tab completes the path",
            suggester=PathSuggester(),
        )

    def submit(self, text: str) -> None:
        """Take the path of a file."""
        path = named_path(text)
        if path.is_dir():
            self.explain(f"{path} is a folder; name a picture in it.")
        elif not path.exists():
            self.explain(f"{path} is not there.")
        else:
            self._try(path)

    @work(exclusive=True)
    async def _try(self, path: Path) -> None:
        """Take a file that can be read as a picture; else say why not, and let them go on."""
        try:
            await asyncio.to_thread(read_picture, Picture(path), SMALL)
        except DataError as error:
            self.explain(str(error))
        else:
            self.dismiss(str(path))

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
                if entry.name.startswith(begin)
                and (begin or not entry.name.startswith("."))
                and (entry.is_dir() or entry.name.lower().endswith(PICTURE_SUFFIXES))
            )
    except OSError:
        return None
    return f"{value[: len(value) - len(begin)]}{found[0]}" if found else None
