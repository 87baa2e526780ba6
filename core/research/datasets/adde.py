"""Reading a split folder in ADDE's format: labels, queries and triplets as files of numbers.

attr_num.txt                                   how many values each super-category has
imgs_train.txt, imgs_test.txt                  one picture path per line
labels_train.txt, labels_test.txt              0 or 1 for every value, line by line
ref_test.txt, indfull_test.txt, gt_test.txt    queries: item, what changes, wanted labels
triplet_train.txt, triplet_train_ind.txt       triplets: reference, positive, negative; what changes

The format writes every row of labels as one column per value; here it is the index of the value in
each super-category. Queries and triplets may be absent. Where they are there, they must agree with
the labels: wanted = labels of the item + change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.text_files import (
    Chunk,
    check_length,
    chunks_of,
    fail,
    read_lines,
    read_signs,
    read_whole_numbers,
)

COUNTS = "attr_num.txt"
SPLITS = ("train", "test")
QUERY_FILES = ("ref_test.txt", "indfull_test.txt", "gt_test.txt")
TRIPLET_FILES = ("triplet_train.txt", "triplet_train_ind.txt")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeSplit:
    """The items of one split."""

    paths: list[str]
    """Pictures, as written."""
    labels: NDArray[np.int16]
    """(N, A) index of the value within its super-category; -1 where unlabelled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeQueries:
    """The queries that a folder brings along."""

    references: NDArray[np.int64]
    """(Q,) line of the query item in the test split, from 0."""
    targets: NDArray[np.int16]
    """(Q, A) wanted labels; -1 where none is wanted."""
    changed: NDArray[np.bool_]
    """(Q, A): True where the wanted label is not the reference's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeTriplets:
    """The triplets that a folder brings along."""

    items: NDArray[np.int64]
    """(T, 3) lines of reference, positive and negative in the train split, from 0."""
    changed: NDArray[np.bool_]
    """(T, A): True where the positive's label is not the reference's. What is wanted there is the
    positive's label."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeFolder:
    """A split folder, read."""

    counts: tuple[int, ...]
    """(A,) how many values each super-category has."""
    splits: Mapping[str, AddeSplit]
    """By name: ``train`` and ``test``."""
    queries: AddeQueries | None
    triplets: AddeTriplets | None


def read_adde(folder: Path, on_read: Progress = no_progress) -> AddeFolder:
    """Read a split folder completely, and check that its files agree.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, or two of them disagree.
    """
    counts = read_counts(folder)
    splits = {name: read_split(folder, name, counts, on_read) for name in SPLITS}
    return AddeFolder(
        counts=counts,
        splits=splits,
        queries=_read_queries(folder, counts, splits["test"], on_read),
        triplets=read_triplets(folder, counts, splits["train"], on_read),
    )


def read_queries(folder: Path, on_read: Progress = no_progress) -> AddeQueries | None:
    """Read only the queries of a split folder; None where it brings none.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, or two of them disagree.
    """
    counts = read_counts(folder)
    return _read_queries(folder, counts, read_split(folder, "test", counts, on_read), on_read)


def read_counts(folder: Path) -> tuple[int, ...]:
    """Return how many values each super-category has.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: It is no split folder, or ``attr_num.txt`` is damaged.
    """
    if not folder.is_dir():
        beside = folder.absolute().parent
        folders = [some.name for some in beside.iterdir()] if beside.is_dir() else []
        raise UnknownNameError("folder", str(folder), [], mend=nearest(folder.name, folders))
    path = folder / COUNTS
    if not path.exists():
        within = sorted(some.parent.name for some in folder.glob(f"*/{COUNTS}"))
        mend = f"Name one of its folders: {', '.join(within)}." if within else ""
        raise DataError(
            f"{folder} has no {COUNTS}, which says how many values each super-category has.",
            mend=mend or f"Name the folder that holds {COUNTS}, imgs_train.txt and so on.",
        )
    counts: list[int] = []
    for chunk in chunks_of(path):
        for row, line in enumerate(chunk.data.decode("utf-8", "replace").splitlines()):
            for word in line.split():
                if not (word.isascii() and word.isdigit() and 0 < int(word) < 2**15):
                    chunk.fail(row, f"{word!r} is not a number of values.")
                counts.append(int(word))
    if not counts:
        fail(path, 1, "No number of values stands here.")
    return tuple(counts)


def one_hot(labels: NDArray[np.int16], counts: tuple[int, ...]) -> NDArray[np.int8]:
    """Return labels (n, A) as the format writes them, (n, S)."""
    starts = np.cumsum([0, *counts[:-1]])
    rows, blocks = np.nonzero(labels != UNLABELED)
    matrix = np.zeros((len(labels), sum(counts)), dtype=np.int8)
    matrix[rows, starts[blocks] + labels[rows, blocks]] = 1
    return matrix


def read_split(
    folder: Path,
    name: str,
    counts: tuple[int, ...],
    on_read: Progress = no_progress,
) -> AddeSplit:
    """Read the items of one split, ``train`` or ``test``.

    Raises:
        DataError: A file is missing, damaged or a Git-LFS pointer, or the two disagree.
    """
    images, labelled = folder / f"imgs_{name}.txt", folder / f"labels_{name}.txt"
    paths = read_lines(images)
    labels = _read_labels(labelled, counts, on_read)
    check_length(images, len(paths), labelled, len(labels))
    return AddeSplit(paths=paths, labels=labels)


def read_triplets(
    folder: Path,
    counts: tuple[int, ...],
    split: AddeSplit,
    on_read: Progress = no_progress,
) -> AddeTriplets | None:
    """Read the triplets of a split folder; None where it brings none.

    Args:
        folder: Where.
        counts: (A,) how many values each super-category has.
        split: The train split.
        on_read: Told how much has been read.

    Raises:
        DataError: A file is missing, damaged or a Git-LFS pointer, or two of them disagree.
    """
    if not _are_there(folder, TRIPLET_FILES):
        return None
    items_path, changes_path = (folder / name for name in TRIPLET_FILES)
    items = read_whole_numbers(items_path, 3)
    _check_range(items_path, items, len(split.labels))
    before, after = (split.labels[items[:, column]] for column in (0, 1))
    rule = f"the reference's labels + {changes_path.name} are not the positive's"
    _check_changes(changes_path, items_path, counts, before, after, rule, on_read)
    return AddeTriplets(items=items, changed=after != before)


def _read_labels(path: Path, counts: tuple[int, ...], on_read: Progress) -> NDArray[np.int16]:
    parts = [np.empty((0, len(counts)), dtype=np.int16)]
    for chunk, matrix in read_signs(path, sum(counts), signed=False, on_read=on_read):
        parts.append(_decoded(chunk, matrix, counts))
    return np.concatenate(parts)


def _decoded(chunk: Chunk, matrix: NDArray[np.int8], counts: tuple[int, ...]) -> NDArray[np.int16]:
    """Return rows of 0 and 1 (n, S) as labels (n, A)."""
    block_of_column = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum([0, *counts[:-1]])
    rows, columns = np.nonzero(matrix)
    blocks = block_of_column[columns]
    twice = np.flatnonzero((np.diff(rows) == 0) & (np.diff(blocks) == 0))
    if len(twice):
        first = twice[0]
        block = int(blocks[first])
        chunk.fail(
            int(rows[first]),
            f"More than one value of super-category {block + 1} "
            f"(columns {starts[block] + 1} to {starts[block] + counts[block]}) is 1.",
        )
    labels = np.full((len(matrix), len(counts)), UNLABELED, dtype=np.int16)
    labels[rows, blocks] = columns - starts[blocks]
    return labels


def _read_queries(
    folder: Path, counts: tuple[int, ...], split: AddeSplit, on_read: Progress
) -> AddeQueries | None:
    if not _are_there(folder, QUERY_FILES):
        return None
    references_path, changes_path, targets_path = (folder / name for name in QUERY_FILES)
    references = read_whole_numbers(references_path, 1)
    _check_range(references_path, references, len(split.labels))
    targets = _read_labels(targets_path, counts, on_read)
    check_length(targets_path, len(targets), references_path, len(references))
    before = split.labels[references[:, 0]]
    rule = f"labels_test.txt + {changes_path.name} is not {targets_path.name}"
    _check_changes(changes_path, references_path, counts, before, targets, rule, on_read)
    return AddeQueries(references=references[:, 0], targets=targets, changed=targets != before)


def _are_there(folder: Path, names: tuple[str, ...]) -> bool:
    """Tell whether the files that belong together are there, all or none."""
    there = [name for name in names if (folder / name).exists()]
    if there and len(there) < len(names):
        missing = next(name for name in names if name not in there)
        raise DataError(
            f"{folder / missing} is missing: it belongs to {there[0]}.",
            mend=f"Fetch it, or take {', '.join(there)} out of the folder too.",
        )
    return bool(there)


def _check_range(path: Path, lines: NDArray[np.int64], num_items: int) -> None:
    beyond = np.argwhere(lines >= num_items)
    if len(beyond):
        row, column = beyond[0]
        what = f"There is no item {lines[row, column]}; the {num_items:,} items count from 0."
        fail(path, int(row) + 1, what)


def _check_changes(
    path: Path,
    other: Path,
    counts: tuple[int, ...],
    before: NDArray[np.int16],
    after: NDArray[np.int16],
    rule: str,
    on_read: Progress,
) -> None:
    """Check a file of changes, -1 for the value that goes and 1 for the one that comes.

    Args:
        path: The file.
        other: The file of items that it belongs to, line by line.
        counts: (A,) how many values each super-category has.
        before: (n, A) labels.
        after: (n, A) labels with the changes.
        rule: What does not hold where the file disagrees.
        on_read: Told how much has been read.
    """
    done = 0
    for chunk, matrix in read_signs(path, sum(counts), signed=True, on_read=on_read):
        part = slice(done, done + len(matrix))
        expected = one_hot(after[part], counts) - one_hot(before[part], counts)
        wrong = (matrix[: len(expected)] != expected).any(axis=1)
        if wrong.any():
            chunk.fail(int(wrong.argmax()), f"The change does not fit: {rule}.")
        done = part.stop
    check_length(path, done, other, len(before))
