"""A column of texts as one block of bytes: a hundredth of the objects that a list would hold."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import eq
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Texts(Sequence[str]):
    """Texts of any length, decoded when they are asked for."""

    __slots__ = ("_bytes", "_ends")

    def __init__(self, parts: Iterable[tuple[bytes, NDArray[np.int64]]]) -> None:
        """Join parts of a column.

        Args:
            parts: UTF-8 texts one after the other without anything between, and the length of each
                in bytes.
        """
        parts = list(parts)
        self._bytes = b"".join(joined for joined, _ in parts)
        lengths = [np.zeros(1, dtype=np.int64), *(lengths for _, lengths in parts)]
        self._ends: NDArray[np.int64] = np.concatenate(lengths).cumsum()

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return one text, or a list of several."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self._decoded(int(self._ends[place]), int(self._ends[place + 1]))

    def __iter__(self) -> Iterator[str]:
        """Go through all texts."""
        return (self._decoded(start, end) for start, end in pairwise(self._ends.tolist()))

    def index(self, value: str, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return where a text first stands; none of them is decoded for it.

        Raises:
            ValueError: It is not among them.
        """
        wanted = np.frombuffer(value.encode("utf-8", "replace"), dtype=np.uint8)
        letters = np.frombuffer(self._bytes, dtype=np.uint8)
        begins = self._ends[:-1]
        places = np.flatnonzero(np.diff(self._ends) == len(wanted))
        for number, letter in enumerate(wanted):
            places = places[letters[begins[places] + number] == letter]
        allowed = range(len(self))[start:stop]
        for place in places.tolist():
            if place in allowed:
                return int(place)
        raise ValueError(f"{value!r} is not among the texts")

    def __eq__(self, other: object) -> bool:
        """Tell whether another sequence holds the same texts."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<{len(self):,} texts>"

    def _decoded(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode("utf-8", "replace")
