"""Read DeepFashion's list files: a number of records, a line of column names, padded records.

Names of attributes and categories may contain spaces, so records are split from the right. Pictures
are named in two styles, ``img/<Item>/img_1.jpg`` and ``img_highres_subset/<Item>-img_1.jpg``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.column_names import SPLIT_WORDS
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.text_files import (
    Chunk,
    check_length,
    chunks_of,
    fail,
    read_lines,
    read_signs,
    signs_of,
)

HEADER_LINES = 2

_NUMBER = re.compile("-?[0-9]{1,9}")
_HIGH_RESOLUTION = re.compile("img_highres_subset/(.+)-(img_[^/]+)")


@dataclass(slots=True, kw_only=True, eq=False)
class ImageList:
    """The images of one file and their annotation."""

    path: Path
    first_line: int
    """Line of the first image."""
    written: list[str]
    """(n,) names as written in the file."""
    images: list[str] = field(init=False)
    """(n,) names in the style ``img/<Item>/img_1.jpg``."""
    labels: NDArray[np.int16]
    """(n, T) index of the first positive attribute within its type."""
    num_positive: NDArray[np.int16]
    """(n, T) number of positive attributes of each type."""
    splits: list[str] = field(init=False)
    boxes: list[str] = field(init=False)
    """Fragments that follow the pictures' paths; empty for the whole picture."""
    objections: dict[int, str] = field(default_factory=dict)
    """Why an image cannot be imported, by row."""
    kept: NDArray[np.bool_] = field(init=False)
    """False for images that the reduction to one value leaves out."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Start with whole pictures, no split and nothing left out."""
        num = len(self.written)
        self.images = [standard_name(name) for name in self.written]
        self.splits, self.boxes = [""] * num, [""] * num
        self.kept = np.ones(num, dtype=bool)


def standard_name(written: str) -> str:
    """Return an image's name in the style ``img/<Item>/img_1.jpg``, from either style."""
    found = _HIGH_RESOLUTION.fullmatch(written)
    return f"img/{found[1]}/{found[2]}" if found else written


def read_attributes(path: Path) -> tuple[dict[int, list[str]], dict[int, NDArray[np.intp]]]:
    """Read ``list_attr_cloth.txt``.

    Returns:
        The names of the attributes by type, and their columns by type.

    Raises:
        DataError: The file is missing or damaged.
    """
    names: dict[int, list[str]] = {}
    columns: dict[int, list[int]] = {}
    for column, (line, (name, kind)) in enumerate(_records(path, 2)):
        number = _number(path, line, kind)
        names.setdefault(number, []).append(name)
        columns.setdefault(number, []).append(column)
    return names, {kind: np.array(idxs, dtype=np.intp) for kind, idxs in columns.items()}


def read_labels(
    path: Path, columns: Sequence[NDArray[np.intp]], width: int, on_read: Progress
) -> ImageList:
    """Read the given columns of ``list_attr_img.txt``.

    Args:
        path: The file.
        columns: (T,) the columns of each type.
        width: Number of labels of each image.
        on_read: Called with how much has been read.

    Raises:
        DataError: The file is missing or damaged.
    """
    written: list[str] = []

    def matrices() -> Iterator[NDArray[np.int8]]:
        for chunk in _chunks_below_header(path, on_read):
            rests = []
            for row, line in enumerate(chunk.data.split(b"\n")[:-1]):
                words = line.split(None, 1)
                if not words:
                    chunk.fail(row, "The line is blank, and lines after it are not.")
                written.append(words[0].decode("utf-8", "replace"))
                rests.append(words[1] if len(words) > 1 else b"")
            yield signs_of(replace(chunk, data=b"\n".join([*rests, b""])), width, signed=True)

    labels, num_positive = _positives(matrices(), columns)
    return ImageList(
        path=path,
        first_line=HEADER_LINES + 1,
        written=written,
        labels=labels,
        num_positive=num_positive,
        notes=record_notes(path, len(written)),
    )


def read_bare_labels(names: Path, path: Path, columns: Sequence[NDArray[np.intp]]) -> ImageList:
    """Read a list of images and their labels from two files without headers.

    Raises:
        DataError: A file is missing or damaged, or their numbers of lines differ.
    """
    written = read_lines(names)
    signs = read_signs(path, sum(map(len, columns)), signed=True)
    labels, num_positive = _positives((matrix for _, matrix in signs), columns)
    check_length(path, len(labels), names, len(written))
    return ImageList(
        path=names, first_line=1, written=written, labels=labels, num_positive=num_positive
    )


def read_partition(path: Path) -> dict[str, str]:
    """Return the split of every image that ``list_eval_partition.txt`` names.

    Raises:
        DataError: The file is missing or damaged.
    """
    splits = {}
    for line, (image, word) in _records(path, 2):
        split = SPLIT_WORDS.get(word.casefold())
        if split is None:
            fail(path, line, f"The split {word!r} is not train, val or test.")
        splits[standard_name(image)] = split
    return splits


def read_categories(names_path: Path, path: Path) -> tuple[list[str], dict[str, int]]:
    """Return the names of the categories, and the category of every image, counted from 0.

    Raises:
        DataError: A file is missing or damaged.
    """
    names = [name for _, (name, _) in _records(names_path, 2)]
    categories = {}
    for line, (image, word) in _records(path, 2):
        number = _number(path, line, word)
        if not 1 <= number <= len(names):
            fail(path, line, f"There is no category {number}; {names_path.name} has {len(names)}.")
        categories[standard_name(image)] = number - 1
    return names, categories


def read_boxes(path: Path) -> dict[str, str]:
    """Return the box of every image that ``list_bbox.txt`` names, as a fragment.

    Raises:
        DataError: The file is missing or damaged.
    """
    return {
        standard_name(image): _fragment([_number(path, line, word) for word in corners])
        for line, (image, *corners) in _records(path, 5)
    }


def read_bare_boxes(path: Path) -> list[str]:
    """Return the boxes of a file with nothing but a box on each line, as fragments.

    Raises:
        DataError: The file is missing or damaged.
    """
    boxes = []
    for line, text in enumerate(read_lines(path), start=1):
        words = text.split()
        if len(words) != 4:
            fail(path, line, f"Numbers on the line: {len(words)} instead of 4.")
        boxes.append(_fragment([_number(path, line, word) for word in words]))
    return boxes


def record_notes(path: Path, num_records: int | None = None) -> tuple[str, ...]:
    """Note if the first line of a list has another number of records than there are.

    Args:
        path: The list.
        num_records: How many there are; counted by default.

    Raises:
        DataError: The file is damaged.
    """
    if num_records is None:
        chunks = _chunks_below_header(path, no_progress)
        num_records = sum(chunk.data.count(b"\n") for chunk in chunks)
    promised = int(next(chunks_of(path)).data.split(None, 1)[0])
    if promised == num_records:
        return ()
    return (f"{path.name} declares {promised:,} records and has {num_records:,}; check it.",)


def _chunks_below_header(path: Path, on_read: Progress) -> Iterator[Chunk]:
    for chunk in chunks_of(path, on_read):
        if chunk.first_line > HEADER_LINES:
            yield chunk
            continue
        first, *rest = chunk.data.split(b"\n", HEADER_LINES)
        if not first.strip().isdigit():
            fail(path, 1, "The number of records must be here, and column names below it.")
        if len(rest) == HEADER_LINES and rest[-1]:
            yield Chunk(path=path, first_line=HEADER_LINES + 1, data=rest[-1])


def _records(path: Path, num_fields: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of every record, split from the right."""
    read_any = False
    for chunk in _chunks_below_header(path, no_progress):
        for row, record in enumerate(chunk.data.split(b"\n")[:-1]):
            fields = record.decode("utf-8", "replace").rsplit(None, num_fields - 1)
            if len(fields) < num_fields:
                chunk.fail(row, f"Words on the line: {len(fields)} instead of {num_fields}.")
            read_any = True
            yield chunk.first_line + row, [field.strip() for field in fields]
    if not read_any:
        fail(path, HEADER_LINES + 1, "There is no record.")


def _positives(
    matrices: Iterable[NDArray[np.int8]], columns: Sequence[NDArray[np.intp]]
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the first positive attribute of each type (n, T), and how many there are (n, T)."""
    empty = np.empty((0, len(columns)), dtype=np.int16)
    first, number = [empty], [empty]
    for matrix in matrices:
        positive = [matrix[:, idxs] == 1 for idxs in columns]
        first.append(np.stack([part.argmax(axis=1) for part in positive], 1).astype(np.int16))
        number.append(np.stack([part.sum(axis=1) for part in positive], 1).astype(np.int16))
    return np.concatenate(first), np.concatenate(number)


def _number(path: Path, line: int, word: str) -> int:
    if _NUMBER.fullmatch(word) is None:
        fail(path, line, f"{word!r} is not a whole number.")
    return int(word)


def _fragment(corners: Sequence[int]) -> str:
    left, top, right, bottom = corners
    left, top = max(left, 0), max(top, 0)
    return f"#xywh={left},{top},{max(right - left, 0)},{max(bottom - top, 0)}"
