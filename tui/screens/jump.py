"""Jumping to an id: the cursor follows while it is typed, and an unknown id is reported at once."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from textual.timer import Timer

from datrnet.core.errors import nearest
from datrnet.tui.context import in_thread, start
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.snapshot import Snapshot

REST = 0.03
"""Seconds without a key after which an id is looked up."""

LONG_REST = 0.3
"""Seconds without a key after which similar ids are suggested for an unknown one."""

EMPTY_HINT = "Type an id, or the start of one."


@dataclass(frozen=True, slots=True)
class Found:
    """An id, or the start of one, that has been looked up."""

    text: str
    row: int | None
    hint: str


class JumpPrompt(Prompt):
    """Asks for an id; returns the code of the item to go to."""

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
        self._timer: Timer | None = None
        self._found: Found | None = None
        self._is_submitted = False
        """Whether enter was pressed before the id was looked up."""

    def typed(self, text: str) -> None:
        """Look the text up in a moment."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST, lambda: self._look_up(text, LONG_REST))

    def submit(self, text: str) -> None:
        """Go to the item, once it is looked up."""
        if self._found is None or self._found.text != text:
            self._is_submitted = True
            self._look_up(text, 0.0)
        elif self._found.row is not None:
            self.dismiss(self._snapshot.catalog.codes[self._found.row])

    def action_leave(self) -> None:
        """Cancel, with the cursor where it was."""
        self._go(None)
        super().action_leave()

    def _look_up(self, text: str, rest: float) -> None:
        start(self, "jump", self._find, text, rest)

    async def _find(self, text: str, rest: float) -> None:
        row, hint = await in_thread(self, find_id, self._snapshot, text)
        self._show(Found(text, row, hint))
        if row is None and text:
            await asyncio.sleep(rest)
            similar = await in_thread(self, nearest, text, self._snapshot.catalog.codes)
            self._show(Found(text, None, f"{hint} {similar}"))

    def _show(self, found: Found) -> None:
        if found.text != self.value:
            return
        self._found = found
        obstacle = self._go(found.row) if found.row is not None else ""
        self.explain(" ".join(filter(None, (found.hint, obstacle))))
        if self._is_submitted:
            self._is_submitted = False
            self.submit(found.text)


def find_id(snapshot: Snapshot, text: str) -> tuple[int | None, str]:
    """Return the row of an id, or of the first that starts with it, and a hint in words."""
    if not text:
        return None, EMPTY_HINT
    catalog = snapshot.catalog
    row = catalog.find_code(text)
    if row is not None:
        return row, f"{catalog.codes[row]}: {catalog.titles[row]}."
    codes, start = snapshot.sorted_codes, text.casefold()
    first = bisect_left(codes, start, key=lambda entry: entry[0])
    last = bisect_left(codes, f"{start}\U0010ffff", key=lambda entry: entry[0])
    if first == last:
        return None, f"No id starts with “{text}”."
    row = codes[first][1]
    return row, f"{last - first:,} ids start with it; the first is {catalog.codes[row]}."
