"""Output to a terminal that may go away: what cannot be written any more is dropped.

Textual writes from a thread that an error ends; whoever writes next waits for it for ever.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class SteadyOutput:
    """A text file that takes whatever it is given."""

    def __init__(self, file: TextIO) -> None:
        """Stand in front of a file."""
        self._file = file

    def write(self, text: str) -> int:
        """Write text, if there is anybody to read it."""
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Send what is written, if there is anybody to read it."""
        with suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        """Be like the file in everything else."""
        return getattr(self._file, name)


@contextmanager
def steady_output() -> Iterator[None]:
    """Let Textual write to the terminal through a ``SteadyOutput``."""
    before = sys.__stderr__  # which is where its driver writes
    if before is None:
        yield
        return
    sys.__stderr__ = SteadyOutput(before)  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]
