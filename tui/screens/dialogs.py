"""Dialogs: a line of text, a file, a picture's path, an id, one of several options or values."""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.suggester import Suggester
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.errors import DatrnetError, nearest
from datrnet.core.text import fold, sanitize
from datrnet.db.rows import SuperCategory
from datrnet.tui.context import in_thread, show_from_thread, start
from datrnet.tui.graphics.pictures import named_path
from datrnet.tui.keymap import hidden
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.value_list import ValueList


class Prompt(ModalScreen[str | None]):
    """Asks for a line of text; returns it, or None if cancelled."""

    HELP_TITLE = "Text field"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape", "leave", "Cancel", id="prompt.leave"),
    ]

    def __init__(self, question: str, *, value: str = "", hint: str = "") -> None:
        """Ask.

        Args:
            question: What to ask for.
            value: The initial text.
            hint: Text below the line; ``explain`` replaces it.
        """
        super().__init__()
        self._question, self._hint = question, hint
        self._input = Input(value, compact=True, select_on_focus=False, id="prompt")

    def compose(self) -> ComposeResult:
        """Question, line, hint, buttons."""
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._question), classes="dialog-question", markup=False)
            yield self._input
            yield Static(sanitize(self._hint), classes="dialog-hint", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("enter: OK", id="ok", compact=True)
                yield Button("esc: Cancel", id="leave", compact=True)

    @property
    def value(self) -> str:
        """The text in the line."""
        return self._input.value.strip()

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


# ── an export ────────────────────────────────────────────────────────────────

SUFFIXES = {".html": "page with pictures", ".csv": "table", ".json": "for programs"}


class FilePrompt(Prompt):
    """Asks for the file of an export; returns its path as text."""

    def __init__(self, question: str, stem: str) -> None:
        """Suggest a web page in the current folder."""
        super().__init__(question, value=f"{stem}.html")

    def typed(self, text: str) -> None:
        """Say what will be written."""
        self.explain(self._preview(Path(text).expanduser())[1])

    def submit(self, text: str) -> None:
        """Accept a name with a known suffix in an existing folder."""
        path = Path(text).expanduser()
        can_be_written, words = self._preview(path)
        if can_be_written:
            self.dismiss(str(path))
        else:
            self.explain(words)

    def _preview(self, path: Path) -> tuple[bool, str]:
        """Return whether a file can be written, and what would be or why not."""
        kind = SUFFIXES.get(path.suffix.lower())
        if kind is None:
            suffixes = ", ".join(f"{suffix} ({what})" for suffix, what in SUFFIXES.items())
            return False, f"End the name in {suffixes}."
        if not path.parent.is_dir():
            return False, f"There is no folder {path.parent}."
        if path.exists():
            return not path.is_dir(), f"{path.absolute()} exists: enter replaces it."
        return True, f"{path.absolute()}: {kind}."


def export_from(
    screen: Screen[Any],
    question: str,
    stem: str,
    write: Callable[[Path], None],
) -> None:
    """Ask for a file, and write it in a thread.

    Args:
        screen: Where to show notices.
        question: What to ask.
        stem: The suggested name without suffix.
        write: Writes the file.
    """

    def export(name: str | None) -> None:
        if name is None:
            return
        path = Path(name)
        saved = f"Saved {sanitize(str(path.absolute()))}"
        show_from_thread(
            screen,
            "export",
            lambda: write(path),
            lambda _: screen.notify(saved, markup=False),
            exclusive=False,
        )

    screen.app.push_screen(FilePrompt(question, stem), export)


# ── a picture file ───────────────────────────────────────────────────────────

SMALL = 8
"""Size in pixels at which a file is tried: as small as a decoder can."""


class PathSuggester(Suggester):
    """Suggests the first picture or folder whose path starts with the text."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path; folders end in a slash."""
        return await asyncio.to_thread(_completed, value) if value else None


def _completed(value: str) -> str | None:
    from datrnet.core.catalog.sources.grid import PICTURE_SUFFIXES

    folder, _, begin = value.rpartition("/")
    there = Path(f"{folder}/" if "/" in value else ".").expanduser()
    try:
        with os.scandir(there) as entries:
            found = [
                f"{entry.name}/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(begin)
                and (begin or not entry.name.startswith("."))
                and (entry.is_dir() or entry.name.lower().endswith(PICTURE_SUFFIXES))
            ]
    except OSError:
        return None
    return value.removesuffix(begin) + min(found) if found else None


PATH_HINT = "tab completes the path"


class PicturePrompt(Prompt):
    """Asks for the path of a picture, which need not be in the catalog."""

    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("tab", "complete", "Complete", id="prompt.complete"),
    ]

    def __init__(self) -> None:
        super().__init__("Search with a picture file", hint=PATH_HINT)
        self._input.placeholder = "Type, paste or drop its path"
        self._input.suggester = PathSuggester()
        self.holds_keys = False
        """Whether the picture is being read: later keys are for its substitutes."""

    def typed(self, text: str) -> None:
        """Take back what was wrong with an earlier path."""
        self.explain(PATH_HINT)

    def submit(self, text: str) -> None:
        """Accept the path of a file that can be read as a picture, or say why it cannot."""
        path = named_path(text)
        if path.is_dir():
            self.explain(f"{path} is a folder; name a picture in it.")
        elif not path.exists():
            self.explain(f"{path} is not there.")
        else:
            self.holds_keys = True
            show_from_thread(
                self,
                "picture",
                lambda: read_picture(Picture(path), SMALL),
                lambda _: self.dismiss(str(path)),
                self._refuse,
            )

    def _refuse(self, error: DatrnetError) -> None:
        self.holds_keys = False
        self.explain(str(error))

    async def action_complete(self) -> None:
        """Complete the path, whether or not its suggestion is there yet; later keys wait."""
        if completed := await asyncio.to_thread(_completed, self._input.value):
            self._input.value = completed
            self._input.action_end()


# ── an id ────────────────────────────────────────────────────────────────────

REST = 0.03
"""Seconds without a key after which an id is looked up."""

LONG_REST = 0.3
"""Seconds after which similar ids are suggested for an unknown one."""

EMPTY_HINT = "Type an id, or the start of one."


class JumpPrompt(Prompt):
    """Asks for an id; returns the code of the item to go to.

    The cursor follows while it is typed, and an unknown id is reported at once.
    """

    def __init__(self, snapshot: Snapshot, go: Callable[[int | None], str]) -> None:
        """Ask.

        Args:
            snapshot: Where the items are.
            go: Puts the cursor on an item by its row, or with None back where it was; returns what
                prevents that, in words.
        """
        super().__init__("Jump to an id", hint=EMPTY_HINT)
        self._snapshot = snapshot
        self._go = go
        self._found: tuple[str, int | None] | None = None
        """The text looked up last, and the row of its item."""
        self.holds_keys = False
        """Whether enter was pressed before the id was looked up; later keys are for the grid."""

    def typed(self, text: str) -> None:
        """Look the text up in a moment."""
        start(self, "jump", self._look_up, text, REST, LONG_REST)

    def submit(self, text: str) -> None:
        """Go to the item, once it is looked up."""
        if self._found is None or self._found[0] != text:
            self.holds_keys = True
            start(self, "jump", self._look_up, text, 0, 0)
        elif (row := self._found[1]) is not None:
            self.dismiss(self._snapshot.catalog.codes[row])

    def action_leave(self) -> None:
        """Cancel, with the cursor where it was."""
        self._go(None)
        super().action_leave()

    async def _look_up(self, text: str, rest: float, long_rest: float) -> None:
        await asyncio.sleep(rest)
        row, hint = await in_thread(self, find_id, self._snapshot, text)
        self._show(text, row, hint)
        if row is None and text:
            await asyncio.sleep(long_rest)
            similar = await in_thread(self, nearest, text, self._snapshot.catalog.codes)
            self._show(text, None, f"{hint} {similar}")

    def _show(self, text: str, row: int | None, hint: str) -> None:
        if text != self.value:
            return
        self._found = text, row
        obstacle = "" if row is None else self._go(row)
        self.explain(" ".join(filter(None, (hint, obstacle))))
        if self.holds_keys:
            self.holds_keys = False
            self.submit(text)


def find_id(snapshot: Snapshot, text: str) -> tuple[int | None, str]:
    """Return the row of an id, or of the first that starts with it, and a hint in words."""
    if not text:
        return None, EMPTY_HINT
    catalog = snapshot.catalog
    row = catalog.find_code(text)
    if row is not None:
        return row, f"{catalog.codes[row]}: {catalog.titles[row]}."
    codes, begin = snapshot.sorted_codes, fold(text)
    first, last = (
        bisect_left(codes, bound, key=lambda entry: entry[0])
        for bound in (begin, f"{begin}\U0010ffff")
    )
    if first == last:
        return None, f"No id starts with “{text}”."
    row = codes[first][1]
    return row, f"{last - first:,} ids start with it; the first is {catalog.codes[row]}."


# ── lists ────────────────────────────────────────────────────────────────────


class Choice(ModalScreen[int | None]):
    """Asks for one of several options; returns its position, or None if cancelled."""

    HELP_TITLE = "Choice"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "move('cursor_down')", "Next", id="choice.next"),
        hidden("up,k", "move('cursor_up')", "Previous", id="choice.previous"),
        hidden("g", "move('first')", "First", id="choice.first"),
        hidden("G", "move('last')", "Last", id="choice.last"),
        hidden("escape,q", "dismiss(None)", "Cancel", id="choice.leave"),
    ]
    LIST: ClassVar[type[OptionList]] = OptionList
    HINT: ClassVar[str] = ""

    def __init__(self, question: str, options: Sequence[str | Content], chosen: int = 0) -> None:
        super().__init__()
        self._question, self._chosen = question, chosen
        self._options = [sanitize(words) if isinstance(words, str) else words for words in options]

    def compose(self) -> ComposeResult:
        """Question and options."""
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._question), classes="dialog-question", markup=False)
            yield self.LIST(*self.listed(), markup=False)
            if self.HINT:
                yield Static(self.HINT, classes="dialog-hint")

    def listed(self) -> list[Option]:
        """Return the lines of the list."""
        return [*map(Option, self._options)]

    def on_mount(self) -> None:
        """Highlight the current option."""
        self.query_one(OptionList).highlighted = self._chosen

    def action_move(self, action: str) -> None:
        """Move in the list."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_index)


COUNT_WIDTH = 9
LINE_WIDTH = 40


class ValuePicker(Choice, inherit_bindings=False):
    """Asks for a value of a super-category; returns its position, or None if cancelled."""

    HELP_TITLE = "Values"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape,q,backspace", "dismiss(None)", "Cancel", id="values.close"),
    ]
    LIST = ValueList
    HINT = "enter chooses, / finds, esc cancels"

    def __init__(
        self,
        title: str,
        category: SuperCategory,
        counts: Mapping[str, int],
        notes: Mapping[str, str],
        first: str,
    ) -> None:
        """List the values.

        Args:
            title: What to ask for.
            category: The super-category.
            counts: Number of items by value.
            notes: Words beside some values.
            first: The value to highlight.
        """
        lines = []
        for value in category.values:
            note = f"  {notes[value]}" if value in notes else ""
            room = LINE_WIDTH - COUNT_WIDTH - cell_len(note)
            name = fitted(value, min(cell_len(sanitize(value)), room))
            count = f"{counts.get(value, 0):>{COUNT_WIDTH + room - cell_len(name)},}"
            lines.append(Content.assemble(name, (f"{note}{count}", MUTED)))
        chosen = category.values.index(first) if first in category.values else 0
        super().__init__(title, lines, chosen)
        self._values = category.values

    def listed(self) -> list[Option]:
        """Return a line for each value, to be found by its name."""
        pairs = zip(self._options, self._values, strict=True)
        return [Option(words, id=value) for words, value in pairs]
