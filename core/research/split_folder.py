"""Queries and triplets of a split folder in ADDE's format, as an index or a training numbers them.

Items are identified by their line in ``imgs_test.txt`` or ``imgs_train.txt``; see
``rows_of_lines``. What is requested is read from the labels of items, so neither the names nor the
order of the folder's columns matter.
"""

from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.errors import DataError
from datrnet.core.evaluation.protocol import Match, gallery_of, gallery_rows
from datrnet.core.evaluation.queries import GivenQueries, QuerySet
from datrnet.core.research.datasets.adde import (
    TRIPLET_FILES,
    SplitFolder,
    rows_of_lines,
)
from datrnet.core.research.datasets.text_files import read_lines
from datrnet.core.retrieval.generation import Generation
from datrnet.core.training.data import TrainingData

TRAIN, TEST = "train", "test"


def read_index_queries(
    folder: Path, catalog: Catalog, generation: Generation, *, match: Match = "used"
) -> GivenQueries:
    """Return a folder's queries for the test gallery of an index.

    Args:
        folder: The split folder from which the catalog was imported.
        catalog: All items.
        generation: The index.
        match: Which labels the gallery has; see ``gallery_of``.

    Raises:
        DataError: The folder has no queries or belongs to another catalog, or the index has no
            test item.
    """
    gallery = gallery_of(catalog, generation, TEST, match=match)
    rows = gallery_rows(catalog, generation, TEST)
    return given_queries(folder, catalog, rows, gallery.labels, len(generation.super_categories))


def given_queries(
    folder: Path,
    catalog: Catalog,
    gallery_rows: NDArray[np.int64],
    labels: NDArray[np.int16],
    num_changeable: int,
) -> GivenQueries:
    """Return a folder's queries in the numbering of a gallery.

    Every target of the format is the label vector of a test item, which identifies it.

    Args:
        folder: The split folder from which the catalog was imported.
        catalog: All items.
        gallery_rows: (G,) catalog rows of the gallery.
        labels: (G, M) labels of the gallery.
        num_changeable: Number of leading label columns that may be changed.

    Raises:
        DataError: The folder has no queries or belongs to another catalog.
    """
    reader = SplitFolder.open(folder)
    split = reader.split(TEST)
    queries = reader.queries(split)
    if queries is None:
        raise DataError(
            f"{folder} has no queries.", hint="Omit --queries to evaluate all valid queries."
        )
    places = _places_of_lines(split.paths, catalog, gallery_rows)
    if (places < 0).all():
        raise DataError(
            f"The index has no test item of {folder}.",
            hint="Import this folder with --format adde, then train and index.",
        )
    carriers = {
        vector.tobytes(): place
        for vector, place in zip(split.labels, places, strict=True)
        if place >= 0
    }
    answers = np.array([carriers.get(target.tobytes(), -1) for target in queries.targets])
    items = places[queries.references]
    valid = (items >= 0) & (answers >= 0)
    items, targets = items[valid], labels[answers[valid]]
    changed = targets != labels[items]
    num_changes = changed[:, :num_changeable].sum(axis=1)
    num_changes[changed[:, num_changeable:].any(axis=1)] = 0  # no query
    query_sets = []
    for number in np.unique(num_changes[num_changes > 0]).tolist():
        rows = num_changes == number
        query_sets.append(
            QuerySet(
                num_changes=number,
                num_valid=int(rows.sum()),
                items=items[rows],
                targets=targets[rows],
                changed=changed[rows],
            )
        )
    return GivenQueries(
        query_sets=tuple(query_sets),
        num_left_out=len(queries.references) - int((num_changes > 0).sum()),
        source=folder.name,
    )


def check_folder_triplets(folder: Path, catalog: Catalog) -> None:
    """Refuse a folder without triplets, or of items that are not trained on; quick.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: It has no triplets, or none of its items is trained on.
    """
    SplitFolder.open(folder)  # says where there is no folder, or none of this format
    for name in TRIPLET_FILES:
        if not (folder / name).exists():
            _refuse_without(folder, name)
    rows, is_validation = training_rows(catalog)
    found = rows_of_lines(read_lines(folder / f"imgs_{TRAIN}.txt"), catalog)
    if not np.isin(found, rows[~is_validation]).any():
        _refuse_foreign(folder)


def read_folder_triplets(folder: Path, data: TrainingData) -> tuple[NDArray[np.int64], int]:
    """Return a folder's triplets (n, 3) of training items, and how many the folder has.

    Triplets are left out that change nothing or whose negative has the labels of the positive: a
    super-category that tells them apart is not trained.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, two of them disagree, or no
            triplet can be trained on.
    """
    reader = SplitFolder.open(folder)
    split = reader.split(TRAIN)
    given = reader.triplets(split)
    if given is None or data.catalog is None:
        _refuse_without(folder, TRIPLET_FILES[0])
    train = np.flatnonzero(~data.is_validation)
    places = _places_of_lines(split.paths, data.catalog, data.catalog_rows[train])
    items = np.where(places >= 0, train[places], -1)[given]
    items = items[(items >= 0).all(axis=1)]
    references, positives, negatives = (data.labels[column] for column in items.T)
    useful = (positives != references).any(axis=1) & (negatives != positives).any(axis=1)
    if not useful.any():
        _refuse_foreign(folder)
    return items[useful], len(given)


def _places_of_lines(
    lines: list[str], catalog: Catalog, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the place in catalog rows (n,) of the item that each line names; -1 without one."""
    place_of_row = np.full(catalog.num_items + 1, -1)  # the last is for unknown lines
    place_of_row[rows] = np.arange(len(rows))
    return place_of_row[rows_of_lines(lines, catalog)]


def _refuse_without(folder: Path, name: str) -> NoReturn:
    raise DataError(
        f"{folder} has no triplets: {name} is missing.", hint="Omit --triplets to sample them."
    )


def _refuse_foreign(folder: Path) -> NoReturn:
    raise DataError(
        f"No triplet of {folder} consists of training items.",
        hint="Import this folder with --format adde, or omit --triplets to sample them.",
    )
