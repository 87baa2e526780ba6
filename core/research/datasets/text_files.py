"""Reads the text files of a data set: lines of words and long lines of numbers, quickly.

Any fault of a file is a ``DataError`` that names the file and the line. The pointers that Git LFS
leaves instead of files are recognized.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import DataError
from datrnet.core.progress import Progress, no_progress

CHUNK = 8 * 1024**2
"""Bytes of a file that are read together; only whole lines, so a little less."""

MEND = "Correct that line, or fetch the file again."

MAX_DIGITS = 18
"""More digits do not fit a 64-bit number."""

_POINTER = b"version https://git-lfs"
_BOM = b"\xef\xbb\xbf"

_NUMERIC = b"0123456789 \t\r\n"
_SPACE, _NEWLINE, _DIGIT, _MINUS, _OTHER = range(5)
_KINDS = np.full(256, _OTHER, dtype=np.uint8)
_KINDS[list(b" \t\r")] = _SPACE
_KINDS[ord("\n")] = _NEWLINE
_KINDS[list(b"01")] = _DIGIT
_KINDS[ord("-")] = _MINUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole lines of a file."""

    path: Path
    first_line: int
    """Number of the first line, from 1."""
    data: bytes
    """Ends with a line break."""

    def fail(self, row: int, what: str) -> NoReturn:
        """Raise the error of a line.

        Args:
            row: The line within the chunk, from 0.
            what: What is wrong.
        """
        fail(self.path, self.first_line + row, what)


def fail(path: Path, line: int, what: str) -> NoReturn:
    """Raise the error of one line of a file."""
    raise DataError(f"{path}, line {line}: {what}", mend=MEND)


def check_length(path: Path, length: int, other: Path, expected: int) -> None:
    """Check that two files that match line by line have the same number of lines.

    Raises:
        DataError: They do not.
    """
    if length != expected:
        longer, shorter = (path, other) if length > expected else (other, path)
        few, many = sorted((length, expected))
        ends = f"{shorter.name} ends at line {few:,}, this file at line {many:,}"
        fail(longer, few + 1, f"The line has no counterpart: {ends}.")


def chunks_of(path: Path, on_read: Progress = no_progress) -> Iterator[Chunk]:
    """Yield a file piece by piece, without the blank lines at its end.

    Raises:
        DataError: The file is missing or unreadable, or a pointer of Git LFS.
    """
    try:
        total, done, line, rest = path.stat().st_size, 0, 1, b""
        with path.open("rb") as file:
            while read := file.read(CHUNK):
                data = rest + (read.removeprefix(_BOM) if not done else read)
                if data.startswith(_POINTER) and line == 1:
                    raise _pointer(path)
                done += len(read)
                if total > CHUNK:
                    on_read(path.name, done // 10**6, total // 10**6)
                # blank lines are kept back too: they count only if something follows
                filled = len(data.rstrip())
                end = data.rfind(b"\n", 0, filled + 1) + 1 if filled else 0
                rest = data[end:]
                if end:
                    yield Chunk(path=path, first_line=line, data=data[:end])
                    line += data.count(b"\n", 0, end)
        if rest.strip():
            yield Chunk(path=path, first_line=line, data=rest.rstrip() + b"\n")
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing.", mend="Fetch the whole data set, or name another folder."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def read_lines(path: Path, on_read: Progress = no_progress) -> list[str]:
    """Return the lines of a file without surrounding space.

    Raises:
        DataError: The file cannot be read, or a line is blank or not UTF-8.
    """
    lines: list[str] = []
    for chunk in chunks_of(path, on_read):
        for row, line in enumerate(chunk.data.split(b"\n")[:-1]):
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError:
                chunk.fail(row, "The line is not UTF-8 text.")
            if not text:
                chunk.fail(row, "The line is blank, and lines after it are not.")
            lines.append(text)
    return lines


def read_whole_numbers(path: Path, width: int) -> NDArray[np.int64]:
    """Return the whole numbers of a file, ``(n, width)``: the same number on every line.

    Raises:
        DataError: The file cannot be read, or a line has other words, or fewer or more of them.
    """
    parts = [np.empty((0, width), dtype=np.int64)]
    for chunk in chunks_of(path):
        words = np.array(chunk.data.split())
        regular = (_words_by_line(chunk.data) == width).all()
        if not regular or words.itemsize > MAX_DIGITS or chunk.data.translate(None, _NUMERIC):
            _explain(chunk, width, _is_whole_number, "a whole number from 0")
        parts.append(words.astype(np.int64).reshape(-1, width))
    return np.concatenate(parts)


def read_signs(
    path: Path, width: int, *, signed: bool, on_read: Progress = no_progress
) -> Iterator[tuple[Chunk, NDArray[np.int8]]]:
    """Yield lines of 0 and 1, and -1 where ``signed``, piece by piece as ``(n, width)``.

    Raises:
        DataError: The file cannot be read, or a line has other words, or fewer or more of them.
    """
    for chunk in chunks_of(path, on_read):
        yield chunk, signs_of(chunk, width, signed=signed)


def signs_of(chunk: Chunk, width: int, *, signed: bool) -> NDArray[np.int8]:
    """Return lines of 0 and 1, and -1 where ``signed``, as ``(n, width)``.

    Raises:
        DataError: A line has other words, or fewer or more of them.
    """
    # every number has one digit, so the positions of the digits tell everything
    text = np.frombuffer(chunk.data, dtype=np.uint8)
    kinds = _KINDS[text]
    before = np.concatenate([[_NEWLINE], kinds[:-1]])
    digits = np.flatnonzero(kinds == _DIGIT)
    negative = before[digits] == _MINUS
    ends = np.flatnonzero(kinds == _NEWLINE)
    per_line = np.diff(np.searchsorted(digits, ends), prepend=0)
    minuses = np.flatnonzero(kinds == _MINUS)
    in_order = (
        (per_line == width).all()
        and not (kinds == _OTHER).any()
        and not (before[digits] == _DIGIT).any()
        and len(minuses) == np.count_nonzero(negative)
        and (before[minuses] <= _NEWLINE).all()
        and (text[digits[negative]] == ord("1")).all()
        and (signed or not len(minuses))
    )
    if not in_order:
        known = (b"-1", b"0", b"1") if signed else (b"0", b"1")
        words = ", ".join(word.decode() for word in known[:-1]) + " or 1"
        _explain(chunk, width, known.__contains__, words)
    values: NDArray[np.int8] = (text[digits] == ord("1")).astype(np.int8)
    values[negative] = -1
    return values.reshape(len(ends), width)


def _pointer(path: Path) -> DataError:
    return DataError(
        f"{path} is a Git-LFS pointer: the file itself was not downloaded.",
        mend="Install git-lfs, run `git lfs pull` in the folder it was cloned to, and try again.",
    )


def _words_by_line(data: bytes) -> NDArray[np.intp]:
    """Return the number of words on each line."""
    text = np.frombuffer(data, dtype=np.uint8)
    is_space = text <= ord(" ")
    begins = np.flatnonzero(~is_space & np.concatenate([[True], is_space[:-1]]))
    ends = np.flatnonzero(text == ord("\n"))
    return np.diff(np.searchsorted(begins, ends), prepend=0)


def _is_whole_number(word: bytes) -> bool:
    return word.isdigit() and len(word) <= MAX_DIGITS


def _explain(chunk: Chunk, width: int, is_good: Callable[[bytes], bool], expected: str) -> NoReturn:
    """Raise the error of the first bad line, which must exist."""
    for row, line in enumerate(chunk.data.split(b"\n")):
        words = line.split()
        bad = next((word for word in words if not is_good(word)), None)
        if bad is not None:
            shown = bad[:MAX_DIGITS].decode("utf-8", "replace")
            chunk.fail(row, f"{shown!r} is not {expected}.")
        if len(words) != width:
            chunk.fail(row, f"Numbers on the line: {len(words):,} instead of {width:,}.")
    raise AssertionError("no line is bad")
