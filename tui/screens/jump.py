"""Jumping to an id: the cursor goes along as it is typed, and an unknown one is told at once."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from textual import on, work
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from datrnet.core.errors import nearest
from datrnet.tui.library import Library
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.snapshot import Snapshot

REST = 0.03
"""Seconds without a key after which an id is looked up."""

LONG_REST = 0.3
"""Seconds without a key after which the spellings near an unknown id are looked for."""


class JumpPrompt(Prompt):
    """Asks for an id; gives the code of the item to go to."""

    @dataclass
    class Found(Message):
        """An id, or the beginning of one, has been looked up."""

        text: str
        row: int | None
        hint: str

    def __init__(self, library: Library, go: Callable[[int | None], str]) -> None:
        """Ask.

        Args:
            library: Where the items are.
            go: Puts the cursor on an item by its row, or with None back where it was; returns what
                stands in the way of that, in words.
        """
        super().__init__("Jump to an id", hint="Type an id, or how it begins.")
        self._library = library
        self._go = go
        self._timer: Timer | None = None
        self._found: JumpPrompt.Found | None = None
        self._is_wanted = False
        """Whether enter was pressed before the answer was there."""

    def typed(self, text: str) -> None:
        """Look the text up in a moment."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST, lambda: self._look_up(text, LONG_REST))

    def submit(self, text: str) -> None:
        """Go there, once it is known where that is."""
        if self._found is None or self._found.text != text:
            self._is_wanted = True
            self._look_up(text, 0.0)
        elif self._found.row is not None:
            self.dismiss(self._library.snapshot.catalog.codes[self._found.row])

    def action_leave(self) -> None:
        """Leave, with the cursor where it was."""
        self._go(None)
        super().action_leave()

    @work(thread=True, exclusive=True, group="jump")
    def _look_up(self, text: str, rest: float) -> None:
        worker = get_current_worker()
        row, hint = found_code(self._library.snapshot, text)
        if not worker.is_cancelled:
            self.post_message(self.Found(text, row, hint))
        if row is None and text:
            cancelled = worker.cancelled_event.wait(rest)
            if not cancelled:
                near = nearest(text, self._library.snapshot.catalog.codes)
                self.post_message(self.Found(text, None, f"{hint} {near}"))

    @on(Found)
    def _show_found(self, message: Found) -> None:
        if message.text != self.value:
            return
        self._found = message
        obstacle = self._go(message.row) if message.row is not None else ""
        self.explain(" ".join(filter(None, (message.hint, obstacle))))
        if self._is_wanted:
            self._is_wanted = False
            self.submit(message.text)


def found_code(snapshot: Snapshot, text: str) -> tuple[int | None, str]:
    """Return the row of an id, else of the first that begins so, and that in words."""
    if not text:
        return None, "Type an id, or how it begins."
    catalog = snapshot.catalog
    row = catalog.find_code(text)
    if row is not None:
        return row, f"{catalog.codes[row]}: {catalog.titles[row]}."
    order, begins = snapshot.sorted_codes, text.casefold()
    first = bisect_left(order, begins, key=lambda one: one[0])
    last = bisect_left(order, f"{begins}\U0010ffff", key=lambda one: one[0])
    if first == last:
        return None, f"No id begins with “{text}”."
    row = order[first][1]
    return row, f"{last - first:,} ids begin so; the first is {catalog.codes[row]}."
