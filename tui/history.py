"""Undo and redo of the changes of one query, and the trail from query to query. Pure logic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Changes = Mapping[str, str]
"""Wanted value by super-category."""


class History:
    """The states of the changes, of which one is current.

    While a person runs through the values of a picker, every value is shown, but only the one where
    they rest becomes a step: a proposal replaces the proposal before it until it is settled.
    """

    def __init__(self) -> None:
        """Begin with no change."""
        self._states: list[dict[str, str]] = [{}]
        self._at = 0
        self._settled = True

    @property
    def changes(self) -> dict[str, str]:
        """The changes as they are now."""
        return dict(self._states[self._at])

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return self._at < len(self._states) - 1

    def propose(self, changes: Changes) -> None:
        """Make these the current changes; what had been undone can no longer be redone."""
        if dict(changes) == self.changes:
            return
        if self._settled:
            del self._states[self._at + 1 :]
            self._states.append(dict(changes))
            self._at += 1
        else:
            self._states[self._at] = dict(changes)
        self._settled = False

    def settle(self) -> bool:
        """Keep the proposal as a step of its own; return whether there was one."""
        was_open, self._settled = not self._settled, True
        if was_open and self._states[self._at] == self._states[self._at - 1]:
            del self._states[self._at]  # they came back to where they had been
            self._at -= 1
            return False
        return was_open

    def undo(self) -> bool:
        """Go back one step; return whether there was one."""
        self.settle()
        if not self.can_undo:
            return False
        self._at -= 1
        return True

    def redo(self) -> bool:
        """Go forward one step; return whether there was one."""
        if not self._settled or not self.can_redo:
            return False
        self._at += 1
        return True


@dataclass(slots=True)
class Visit:
    """A query on the trail: an item, its changes, and where the cursor was among the results."""

    row: int
    history: History = field(default_factory=History)
    cursor: int = 0
