"""Answers of a terminal that come later than they were waited for, told apart from keys.

Textual knows nothing of the questions, and passes the answers on as keys, one for each character:
the escape character as a circumflex, or, before a bracket, not at all.
"""

import time

from textual.events import Key

EXPECTED_FOR = 10.0
"""Seconds after which no answer is expected any more."""

LONGEST = 256
"""Keys after which it was no answer."""


class LateAnswers:
    """Swallows answers until the last one is complete, or so late that none will come."""

    def __init__(self) -> None:
        """Expect answers from now on."""
        self._expected_until = time.monotonic() + EXPECTED_FOR
        self._inside = ""
        """How the answer began whose rest is to come; empty outside of one."""
        self._after_escape = False
        self._num_swallowed = 0

    def swallows(self, key: Key) -> bool:
        """Tell whether a key is a part of an answer; to be asked of all keys in their order."""
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
