"""Output to the terminal: writes that outlive the terminal, and writes past Textual's cells.

Textual's writer thread ends at the first error, as when the terminal is closed; the next write then
waits forever for it (seen in Textual 8.2.8; no upstream issue). ``steady_output`` drops what can no
longer be written.

Textual has no public way to write control sequences in turn with its own output, which pictures in
pixels need; ``write_to_terminal`` uses the driver.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from textual.events import Key

if TYPE_CHECKING:
    from textual.app import App


class SteadyOutput:
    """A text file whose writes never fail."""

    def __init__(self, file: TextIO) -> None:
        """Wrap a file."""
        self._file = file

    def write(self, text: str) -> int:
        """Write text, or drop it if the file is closed."""
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, unless the file is closed."""
        with suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        """Delegate everything else to the file."""
        return getattr(self._file, name)


@contextmanager
def steady_output() -> Iterator[None]:
    """Make Textual write to the terminal through a ``SteadyOutput``."""
    before = sys.__stderr__  # which is where its driver writes
    if before is None:
        yield
        return
    sys.__stderr__ = SteadyOutput(before)  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]


def write_to_terminal(app: "App[Any]", text: str) -> None:
    """Write to the terminal past the screen's cells, in turn with Textual's own output."""
    driver = app._driver
    if driver is not None and app.is_running:
        driver.write(text)


EXPECTED_FOR = 10.0
"""Seconds after which no reply is expected."""

LONGEST = 256
"""Keys after which it cannot be a reply."""


class LateReplies:
    """Swallows replies until the last one is complete or the time for them is over."""

    def __init__(self) -> None:
        """Expect replies from now on."""
        self._expected_until = time.monotonic() + EXPECTED_FOR
        self._inside = ""
        """The first character of an unfinished reply; empty outside of one."""
        self._after_escape = False
        self._num_swallowed = 0

    def swallows(self, key: Key) -> bool:
        """Return whether a key is part of a reply; call it for all keys in order."""
        if time.monotonic() > self._expected_until:
            return False
        character = key.character or ""
        after_escape = self._after_escape or key.key.startswith("alt+")
        self._after_escape = character == "^"
        if self._after_escape:
            return True
        if self._inside and self._num_swallowed < LONGEST:
            self._num_swallowed += 1
            if self._ends(character):
                self._inside = ""
            return True
        begins = character == "[" or (after_escape and character in ("P", "_"))
        self._inside, self._num_swallowed = (character if begins else ""), 0
        return begins

    def _ends(self, character: str) -> bool:
        if self._inside != "[":
            return character == "\\"
        if character == "c":
            self._expected_until = 0.0  # it is the last one
        return character.isalpha()
