"""Read the text files of a data set: lines of words and long lines of numbers, quickly.

Every error is a ``DataError`` that names the file and the line. Git-LFS pointers in place of files
are recognized.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.progress import Progress, no_progress

CHUNK = 8 * 1024**2
"""Bytes of a file that are read at a time, rounded up to whole lines."""

MEND = "Correct that line, or download the file again."

MAX_DIGITS = 18
"""More digits do not fit a 64-bit number."""

_POINTER = b"version https://git-lfs"
_BOM = b"\xef\xbb\xbf"


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
    raise DataError(f"{path}, line {line}: {what}", hint=MEND)


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


def check_folder(folder: Path) -> None:
    """Check that a data set's folder exists.

    Raises:
        UnknownNameError: It does not; the hint names a similar one.
    """
    if not folder.is_dir():
        parent = folder.absolute().parent
        folders = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        raise UnknownNameError("folder", str(folder), [], hint=nearest(folder.name, folders))


def chunks_of(path: Path, on_read: Progress = no_progress) -> Iterator[Chunk]:
    """Yield a file piece by piece, without the blank lines at its end.

    Raises:
        DataError: The file is missing or unreadable, or a Git-LFS pointer.
    """
    try:
        total, line, blank = path.stat().st_size, 1, b""
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise DataError(
                    f"{path} is a Git-LFS pointer: the file itself was not downloaded.",
                    hint="Install git-lfs, run `git lfs pull` in the folder it was cloned to, "
                    "and try again.",
                )
            file.seek(0)
            file.seek(len(_BOM) if file.read(len(_BOM)) == _BOM else 0)
            while lines := file.readlines(CHUNK):
                if total > CHUNK:
                    on_read(path.name, file.tell() // 10**6, total // 10**6)
                data = blank + b"".join(lines)
                filled = data.rstrip()
                if not filled:
                    blank = data
                    continue
                yield Chunk(path=path, first_line=line, data=filled + b"\n")
                line += filled.count(b"\n") + 1
                # counts only if a line with text follows
                blank = data[len(filled) :].partition(b"\n")[2]
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing.", hint="Download the whole data set, or choose another folder."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file without surrounding space.

    Raises:
        DataError: The file cannot be read, or a line is blank or not UTF-8.
    """
    lines: list[str] = []
    for chunk in chunks_of(path):
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
        _check_words(chunk, width, _is_whole_number, "a whole number from 0")
        parts.append(np.array(chunk.data.split()).astype(np.int64).reshape(-1, width))
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
    digits = chunk.data.replace(b"-1", b"2")  # each number is a single character
    text = np.frombuffer(digits, dtype=np.uint8)
    is_digit = text > ord(" ")
    line_widths = np.diff(np.cumsum(is_digit)[text == ord("\n")], prepend=0)
    if (
        b"2" in chunk.data
        or digits.translate(None, b"012 \t\r\n" if signed else b"01 \t\r\n")
        or (is_digit[1:] & is_digit[:-1]).any()
        or (line_widths != width).any()
    ):
        known = (b"-1", b"0", b"1") if signed else (b"0", b"1")
        _check_words(chunk, width, known.__contains__, "-1, 0 or 1" if signed else "0 or 1")
    values: NDArray[np.int8] = np.array([0, 1, -1], dtype=np.int8)[text[is_digit] - ord("0")]
    return values.reshape(-1, width)


def _is_whole_number(word: bytes) -> bool:
    return word.isdigit() and len(word) <= MAX_DIGITS


def _check_words(chunk: Chunk, width: int, is_good: Callable[[bytes], bool], expected: str) -> None:
    """Check that every line has as many words as expected, all of them good."""
    for row, line in enumerate(chunk.data.split(b"\n")[:-1]):
        words = line.split()
        for word in words:
            if not is_good(word):
                shown = word[:MAX_DIGITS].decode("utf-8", "replace")
                chunk.fail(row, f"{shown!r} is not {expected}.")
        if len(words) != width:
            chunk.fail(row, f"Numbers on the line: {len(words):,} instead of {width:,}.")
