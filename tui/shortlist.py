"""The shortlist: items that a person sets aside, in their order, with undo and redo. Pure logic."""

from collections.abc import Callable, Iterable


class Shortlist:
    """Codes of items, each at most once."""

    def __init__(self, on_change: Callable[[tuple[str, ...]], None] = lambda codes: None) -> None:
        """Begin empty.

        Args:
            on_change: Called with all codes after each change that a person makes.
        """
        self._on_change = on_change
        self._codes: tuple[str, ...] = ()
        self._members: frozenset[str] = frozenset()
        self._before: list[tuple[str, ...]] = []
        self._after: list[tuple[str, ...]] = []

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, in order."""
        return self._codes

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self._codes)

    def __contains__(self, code: str) -> bool:
        """Tell whether an item is on the list."""
        return code in self._members

    def load(self, codes: Iterable[str]) -> None:
        """Show another session's list, which is no change of a person's."""
        self._keep(tuple(codes))
        self._before.clear()
        self._after.clear()

    def toggle(self, code: str) -> bool:
        """Put an item at the end, or take it off; return whether it is there now."""
        if code in self:
            self._change(tuple(one for one in self._codes if one != code))
            return False
        self._change((*self._codes, code))
        return True

    def move(self, code: str, places: int) -> int:
        """Move an item towards the end, or with a negative number to the beginning.

        Returns:
            Its place afterwards, from 0.
        """
        others = [one for one in self._codes if one != code]
        place = max(0, min(self._codes.index(code) + places, len(others)))
        others.insert(place, code)
        if tuple(others) != self._codes:
            self._change(tuple(others))
        return place

    def undo(self) -> bool:
        """Take the last change back; return whether there was one."""
        return self._step(self._before, self._after)

    def redo(self) -> bool:
        """Make the change again that was taken back; return whether there was one."""
        return self._step(self._after, self._before)

    def _step(self, source: list[tuple[str, ...]], target: list[tuple[str, ...]]) -> bool:
        if not source:
            return False
        target.append(self._codes)
        self._keep(source.pop())
        self._on_change(self._codes)
        return True

    def _change(self, codes: tuple[str, ...]) -> None:
        self._before.append(self._codes)
        self._after.clear()
        self._keep(codes)
        self._on_change(codes)

    def _keep(self, codes: tuple[str, ...]) -> None:
        self._codes, self._members = codes, frozenset(codes)
