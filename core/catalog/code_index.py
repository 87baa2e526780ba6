"""Finding codes among millions: sorted hashes, instead of a Python object for each code."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datrnet.core.text import fold
from datrnet.db.rows import StringColumn

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that every letter counts; the golden ratio in 64 bits."""

_SPACE = ord(" ")


class CodeIndex:
    """Finds the rows of N codes, whatever their case, width and spaces."""

    def __init__(
        self, codes: Sequence[str], hashes: NDArray[np.uint64], rows: NDArray[np.int64]
    ) -> None:
        """Take over an index.

        Args:
            codes: (N,).
            hashes: (N,) of the folded codes, ascending.
            rows: (N,) the row of each hash.
        """
        self._codes, self.hashes, self.rows = codes, hashes, rows

    @classmethod
    def of(cls, codes: Sequence[str]) -> "CodeIndex":
        """Index codes; a million takes some tenths of a second."""
        column = codes if isinstance(codes, StringColumn) else StringColumn.of(codes)
        letters = bytes(column.letters)
        # folding each would take ten times as long
        is_plain = letters.isascii()
        folded = StringColumn(letters.lower(), column.ends) if is_plain else _folded(codes)
        hashes = _hashes(folded)
        rows = np.argsort(hashes, kind="stable")
        return cls(codes, hashes[rows], rows)

    def find(self, code: str) -> int | None:
        """Return the row of a code, else the last row of one that is the same when folded."""
        folded = fold(code)
        wanted = _hashes(_folded([code]))[0]
        first = np.searchsorted(self.hashes, wanted)
        last = np.searchsorted(self.hashes, wanted, side="right")
        found = {row: self._codes[row] for row in self.rows[first:last].tolist()}
        same = [row for row, known in found.items() if fold(known) == folded]
        return next((row for row in same if found[row] == code), same[-1] if same else None)

    def has(self, code: str) -> bool:
        """Tell whether there is exactly that code."""
        row = self.find(code)
        return row is not None and self._codes[row] == code


def _folded(codes: Sequence[str]) -> StringColumn:
    return StringColumn.of(map(fold, codes))


def _hashes(codes: StringColumn) -> NDArray[np.uint64]:
    """Return a hash (N,) of the letters of each string that are no spaces, which fold as one."""
    letters = np.frombuffer(codes.letters, dtype=np.uint8)
    starts, lengths = codes.ends[:-1], np.diff(codes.ends)
    hashes = np.zeros(len(codes), dtype=np.uint64)
    rows = np.arange(len(codes))
    for place in range(int(lengths.max(initial=0))):
        rows = rows[lengths[rows] > place]
        own = letters[starts[rows] + place]
        hashes[rows] = np.where(own > _SPACE, hashes[rows] * _FACTOR + own, hashes[rows])
    return hashes
