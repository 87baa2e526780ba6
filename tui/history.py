"""Undo and redo of immutable states, one of them current."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

State = TypeVar("State")


class History(Generic[State]):
    """States in order.

    Moving through the values of a picker shows each, but only the one where the cursor rests
    becomes a step: a proposal replaces the one before it until it is settled.
    """

    def __init__(self, states: Sequence[State], position: int = -1) -> None:
        """Start with states, of which one is current."""
        self._states = list(states)
        self._position = position % len(self._states)
        self._is_settled = True

    @property
    def state(self) -> State:
        """The current state."""
        return self._states[self._position]

    @property
    def settled_state(self) -> State:
        """The current state, or the one that an open proposal would change."""
        return self.state if self._is_settled else self._states[self._position - 1]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a later state."""
        return self._position < len(self._states) - 1

    def map(self, adapted: Callable[[State], State]) -> None:
        """Replace every state."""
        self._states = [adapted(state) for state in self._states]

    def propose(self, state: State) -> None:
        """Make a state current without settling it; later states can no longer be redone."""
        if state == self.state:
            return
        if self._is_settled:
            self._append(state)
        else:
            self._states[self._position] = state
        self._is_settled = False

    def step(self, state: State) -> bool:
        """Make a state current as a step of its own; return whether it differs."""
        self.settle()
        if state == self.state:
            return False
        self._append(state)
        return True

    def settle(self) -> bool:
        """Turn the proposal into a step; return whether there was one."""
        was_open, self._is_settled = not self._is_settled, True
        if was_open and self.state == self._states[self._position - 1]:
            del self._states[self._position]  # it has come back to where it started
            self._position -= 1
            return False
        return was_open

    def undo(self) -> bool:
        """Go back a step; return whether there was one."""
        self.settle()
        if not self.can_undo:
            return False
        self._position -= 1
        return True

    def redo(self) -> bool:
        """Go forward a step; return whether there was one."""
        self.settle()
        if not self.can_redo:
            return False
        self._position += 1
        return True

    def _append(self, state: State) -> None:
        del self._states[self._position + 1 :]
        self._states.append(state)
        self._position += 1
