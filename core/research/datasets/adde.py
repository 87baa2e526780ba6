"""Read a split folder in ADDE's format: labels, queries and triplets as files of numbers.

attr_num.txt                                   the number of values of each super-category
imgs_train.txt, imgs_test.txt                  one picture path per line
labels_train.txt, labels_test.txt              0 or 1 for every value, line by line
ref_test.txt, indfull_test.txt, gt_test.txt    queries: item, change, requested labels
triplet_train.txt, triplet_train_ind.txt       triplets: reference, positive, negative; change

The format has one column of 0 and 1 per value; here a label is the index of the value within its
super-category. Queries and triplets are optional. If present, they must agree with the labels:
requested labels = labels of the item + change. ``draw_adde_triplets`` draws others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.errors import DataError
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.text_files import (
    Chunk,
    check_folder,
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
    """(N, A) index of the value within its super-category; -1 where unlabeled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeQueries:
    """The queries of a folder."""

    references: NDArray[np.int64]
    """(Q,) line of the query item in the test split, from 0."""
    targets: NDArray[np.int16]
    """(Q, A) requested labels; -1 where none is requested."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddeFolder:
    """The contents of a split folder."""

    counts: tuple[int, ...]
    """(A,) number of values of each super-category."""
    splits: Mapping[str, AddeSplit]
    """By name: ``train`` and ``test``."""
    queries: AddeQueries | None
    triplets: NDArray[np.int64] | None
    """(T, 3) lines of reference, positive and negative in the train split, from 0. A triplet's
    change is where the positive's labels are not the reference's."""


def read_adde(folder: Path, on_read: Progress = no_progress) -> AddeFolder:
    """Read a split folder completely, and check that its files agree.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, or two of them disagree.
    """
    reader = SplitFolder.open(folder, on_read)
    splits = {name: reader.split(name) for name in SPLITS}
    return AddeFolder(
        counts=reader.counts,
        splits=splits,
        queries=reader.queries(splits["test"]),
        triplets=reader.triplets(splits["train"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFolder:
    """A split folder whose parts are read one by one.

    Every method raises a ``DataError`` where a file is missing, damaged or a Git-LFS pointer, or
    where two of them disagree.
    """

    path: Path
    counts: tuple[int, ...]
    """(A,) number of values of each super-category."""
    on_read: Progress = no_progress
    """Called with how much of a file has been read."""

    @classmethod
    def open(cls, folder: Path, on_read: Progress = no_progress) -> "SplitFolder":
        """Read the number of values of each super-category.

        Raises:
            UnknownNameError: There is no such folder.
            DataError: It is not a split folder, or ``attr_num.txt`` is damaged.
        """
        check_folder(folder)
        path = folder / COUNTS
        if not path.exists():
            inside = sorted(path.parent.name for path in folder.glob(f"*/{COUNTS}"))
            hint = f"Use one of its folders: {', '.join(inside)}." if inside else ""
            raise DataError(
                f"{folder} has no {COUNTS}, the number of values of each super-category.",
                hint=hint or f"Use the folder that contains {COUNTS}, imgs_train.txt and so on.",
            )
        counts: list[int] = []
        for chunk in chunks_of(path):
            for row, line in enumerate(chunk.data.decode("utf-8", "replace").splitlines()):
                for word in line.split():
                    if not (word.isascii() and word.isdigit() and 0 < int(word) < 2**15):
                        chunk.fail(row, f"{word!r} is not a number of values.")
                    counts.append(int(word))
        if not counts:
            fail(path, 1, "There is no number of values.")
        return cls(path=folder, counts=tuple(counts), on_read=on_read)

    def split(self, name: str) -> AddeSplit:
        """Read the items of one split, ``train`` or ``test``."""
        images, labels_path = self.path / f"imgs_{name}.txt", self.path / f"labels_{name}.txt"
        paths, labels = read_lines(images), self._labels(labels_path)
        check_length(images, len(paths), labels_path, len(labels))
        return AddeSplit(paths=paths, labels=labels)

    def queries(self, split: AddeSplit) -> AddeQueries | None:
        """Read the queries, which are of the test split; None if the folder has none."""
        if not self._has(QUERY_FILES):
            return None
        references_path, changes_path, targets_path = (self.path / name for name in QUERY_FILES)
        references = read_whole_numbers(references_path, 1)
        _check_range(references_path, references, len(split.labels))
        targets = self._labels(targets_path)
        check_length(targets_path, len(targets), references_path, len(references))
        before = split.labels[references[:, 0]]
        rule = f"labels_test.txt + {changes_path.name} is not {targets_path.name}"
        self._check_changes(changes_path, references_path, before, targets, rule)
        return AddeQueries(references=references[:, 0], targets=targets)

    def triplets(self, split: AddeSplit) -> NDArray[np.int64] | None:
        """Read the triplets (T, 3), which are of the train split; None if the folder has none."""
        if not self._has(TRIPLET_FILES):
            return None
        items_path, changes_path = (self.path / name for name in TRIPLET_FILES)
        items = read_whole_numbers(items_path, 3)
        _check_range(items_path, items, len(split.labels))
        before, after, _ = (split.labels[column] for column in items.T)
        rule = f"the reference's labels + {changes_path.name} are not the positive's"
        self._check_changes(changes_path, items_path, before, after, rule)
        return items

    def _has(self, names: tuple[str, ...]) -> bool:
        """Tell whether files that belong together exist; all or none must."""
        there = [name for name in names if (self.path / name).exists()]
        if there and len(there) < len(names):
            missing = next(name for name in names if name not in there)
            raise DataError(
                f"{self.path / missing} is missing: it belongs to {there[0]}.",
                hint=f"Download it, or remove {', '.join(there)} as well.",
            )
        return bool(there)

    def _labels(self, path: Path) -> NDArray[np.int16]:
        """Read a file of labels as (n, A)."""
        parts = [np.empty((0, len(self.counts)), dtype=np.int16)]
        for chunk, matrix in read_signs(path, sum(self.counts), signed=False, on_read=self.on_read):
            parts.append(_decoded(chunk, matrix, self.counts))
        return np.concatenate(parts)

    def _check_changes(
        self,
        path: Path,
        other: Path,
        before: NDArray[np.int16],
        after: NDArray[np.int16],
        rule: str,
    ) -> None:
        """Check a file of changes: -1 for the value that is removed, 1 for the value that is added.

        Args:
            path: The file.
            other: The file of items that it matches line by line.
            before: (n, A) labels.
            after: (n, A) labels with the changes.
            rule: What is violated where the file disagrees.
        """
        done = 0
        for chunk, matrix in read_signs(path, sum(self.counts), signed=True, on_read=self.on_read):
            part = slice(done, done + len(matrix))
            expected = one_hot(after[part], self.counts) - one_hot(before[part], self.counts)
            wrong = (matrix[: len(expected)] != expected).any(axis=1)
            if wrong.any():
                chunk.fail(int(wrong.argmax()), f"The change does not fit: {rule}.")
            done = part.stop
        check_length(path, done, other, len(before))


def one_hot(labels: NDArray[np.int16], counts: tuple[int, ...]) -> NDArray[np.int8]:
    """Return labels (n, A) as the format writes them, (n, S)."""
    starts = np.cumsum([0, *counts[:-1]])
    rows, blocks = np.nonzero(labels != UNLABELED)
    matrix = np.zeros((len(labels), sum(counts)), dtype=np.int8)
    matrix[rows, starts[blocks] + labels[rows, blocks]] = 1
    return matrix


def rows_of_lines(lines: Sequence[str], catalog: Catalog) -> NDArray[np.int64]:
    """Return the row of the item that each line names; -1 if there is none.

    An import uses the line as the item's code. For items from other sources, the path of the
    picture must end with the line.

    Args:
        lines: (n,) of ``imgs_train.txt`` or ``imgs_test.txt``.
        catalog: All items.
    """
    row_of_code = {code: row for row, code in enumerate(catalog.codes)}
    rows_by_end = cache(partial(_rows_by_end_of_path, catalog))
    rows = [
        row_of_code[line] if line in row_of_code else rows_by_end(line.count("/") + 1).get(line, -1)
        for line in lines
    ]
    return np.array(rows, dtype=np.int64)


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


def _check_range(path: Path, lines: NDArray[np.int64], num_items: int) -> None:
    beyond = np.argwhere(lines >= num_items)
    if len(beyond):
        row, column = beyond[0]
        what = f"There is no item {lines[row, column]}; {num_items:,} items are numbered from 0."
        fail(path, int(row) + 1, what)


def _rows_by_end_of_path(catalog: Catalog, depth: int) -> dict[str, int]:
    """Return rows by the last parts of their pictures' paths; -1 where several rows share them."""
    found: dict[str, int] = {}
    for row, stored in enumerate(catalog.picture_paths):
        path, _, _ = stored.partition("#xywh=")
        end = "/".join(Path(path).parts[-depth:])
        found[end] = -1 if end in found else row
    return found


def draw_adde_triplets(
    labels: NDArray[np.int16], num_triplets: int, rng: np.random.Generator
) -> NDArray[np.int64] | None:
    """Draw triplets as ADDE does: reference, positive, negative and one change.

    For a reference, a super-category and another value of it are drawn. The positive has exactly
    the reference's labels except for that value; the negative has any other labels. Only changes
    that lead to a positive are drawn: the super-category first, then a reference, then a value.

    Args:
        labels: (N, A) of the train split; -1 where unlabeled.
        num_triplets: The number of triplets.
        rng: The source of randomness.

    Returns:
        Rows (num_triplets, 3) of reference, positive and negative; None if no change of a single
        value leads from an item to another.
    """
    vectors, vector_of_item = np.unique(labels, axis=0, return_inverse=True)
    vector_of_item = vector_of_item.reshape(-1)
    neighbors = [_Neighbors.along(vectors, idx) for idx in range(labels.shape[1])]
    changeable = [group.num_targets[vector_of_item] > 0 for group in neighbors]
    possible = [idx for idx, items in enumerate(changeable) if items.any()]
    if not possible or not num_triplets:
        return None
    chosen = rng.choice(possible, num_triplets)
    items = np.empty((num_triplets, 3), dtype=np.int64)
    targets = np.empty(num_triplets, dtype=np.int64)
    for idx in possible:
        drawn = np.flatnonzero(chosen == idx)
        items[drawn, 0] = rng.choice(np.flatnonzero(changeable[idx]), len(drawn))
        targets[drawn] = neighbors[idx].draw(vector_of_item[items[drawn, 0]], rng)
    # the items in the order of their label vectors, and each vector's slice of them
    counts = np.bincount(vector_of_item)
    by_vector, first = np.argsort(vector_of_item, kind="stable"), np.cumsum(counts) - counts
    items[:, 1] = by_vector[first[targets] + rng.integers(counts[targets])]
    others = rng.integers(len(labels) - counts[targets])
    items[:, 2] = by_vector[others + np.where(others >= first[targets], counts[targets], 0)]
    return items


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Neighbors:
    """Label vectors in groups whose members differ in one super-category only."""

    order: NDArray[np.int64]
    """(V,) vectors group by group; those without a label in the super-category come last."""
    place: NDArray[np.int64]
    """(V,) position of a vector in its group."""
    first: NDArray[np.int64]
    """(V,) the start of a vector's group in ``order``."""
    num_targets: NDArray[np.int64]
    """(V,) number of other labeled vectors of the group."""

    @classmethod
    def along(cls, vectors: NDArray[np.int16], idx: int) -> "_Neighbors":
        rest = np.delete(vectors, idx, axis=1)
        group = np.unique(rest, axis=0, return_inverse=True)[1].reshape(-1)
        is_empty = vectors[:, idx] == UNLABELED
        order = np.lexsort((is_empty, group))
        sizes = np.bincount(group)
        first = (np.cumsum(sizes) - sizes)[group]
        place = np.empty(len(vectors), dtype=np.int64)
        place[order] = np.arange(len(vectors))
        num_labeled = np.bincount(group, ~is_empty)[group].astype(np.int64)
        num_targets = num_labeled - ~is_empty
        return cls(order=order, place=place - first, first=first, num_targets=num_targets)

    def draw(self, vectors: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return for each vector another labeled vector of its group."""
        drawn = rng.integers(self.num_targets[vectors])
        drawn += drawn >= self.place[vectors]  # not itself; the unlabeled come last
        targets: NDArray[np.int64] = self.order[self.first[vectors] + drawn]
        return targets
