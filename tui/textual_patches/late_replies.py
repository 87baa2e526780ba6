"""Keeps a terminal's late replies to queries from acting as keys.

Textual did not send the queries, so it reports a reply that arrives late as one key per character:
the escape character as a circumflex, or, before a bracket, not at all (no upstream issue).
"""

import time

from textual.events import Key

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
