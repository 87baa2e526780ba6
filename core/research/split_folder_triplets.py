"""Triplets of a split folder in ADDE's format, in the row numbers of the training data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.config import SystemChoice
from datrnet.core.errors import DataError
from datrnet.core.research.datasets.adde import (
    SPLITS,
    TRIPLET_FILES,
    AddeTriplets,
    read_counts,
    read_split,
    read_triplets,
    rows_of_lines,
)
from datrnet.core.research.datasets.text_files import read_lines
from datrnet.core.research.systems.adde_m import AddeConfig
from datrnet.core.research.systems.registry import config_of
from datrnet.core.training.data import TrainingData

TRAIN = SPLITS[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderTriplets:
    """The triplets of a folder that can be trained on."""

    triplets: AddeTriplets
    """In the training's numbering of items and super-categories."""
    num_given: int
    """How many the folder has."""


def triplets_folder(choice: SystemChoice) -> Path | None:
    """Return the folder whose triplets a system shall train on; None where it draws them.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
    """
    config = config_of(choice)
    if not isinstance(config, AddeConfig) or not config.triplets:
        return None
    return Path(config.triplets).expanduser()


def check_triplets_folder(folder: Path, catalog: Catalog) -> None:
    """Refuse a folder without triplets, or of items that are not trained on; quick.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: It has no triplets, or none of its items is trained on.
    """
    read_counts(folder)  # says where there is no folder, or none of this format
    missing = [name for name in TRIPLET_FILES if not (folder / name).exists()]
    if missing:
        _refuse_without(folder, missing[0])
    rows, is_validation = training_rows(catalog)
    found = rows_of_lines(read_lines(folder / f"imgs_{TRAIN}.txt"), catalog)
    if not np.isin(found, rows[~is_validation]).any():
        _refuse_foreign(folder)


def read_folder_triplets(folder: Path, data: TrainingData) -> FolderTriplets:
    """Return a folder's triplets of training items.

    What a triplet changes is where its positive's labels differ from its reference's, so the names
    and the order of the folder's columns do not matter. Triplets are left out that change nothing
    or whose negative has the labels of the positive: a super-category that tells them apart is not
    trained.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, two of them disagree, or no
            triplet can be trained on.
    """
    counts = read_counts(folder)
    split = read_split(folder, TRAIN, counts)
    given = read_triplets(folder, counts, split)
    if given is None or data.catalog is None:
        _refuse_without(folder, TRIPLET_FILES[0])
    rows = _training_rows_of(split.paths, data)
    items = rows[given.items]
    items = items[(items >= 0).all(axis=1)]
    references, positives, negatives = (data.labels[column] for column in items.T)
    changed = positives != references
    useful = changed.any(axis=1) & (negatives != positives).any(axis=1)
    if not useful.any():
        _refuse_foreign(folder)
    triplets = AddeTriplets(items=items[useful], changed=changed[useful])
    return FolderTriplets(triplets=triplets, num_given=len(given.items))


def _training_rows_of(lines: Sequence[str], data: TrainingData) -> NDArray[np.int64]:
    """Return the training rows that lines of a split folder name, -1 where there is none."""
    assert data.catalog is not None, "checked before"
    row_of_catalog_row = np.full(data.catalog.num_items + 1, -1)  # the last is for unknown lines
    train = np.flatnonzero(~data.is_validation)
    row_of_catalog_row[data.catalog_rows[train]] = train
    return row_of_catalog_row[rows_of_lines(lines, data.catalog)]


def _refuse_without(folder: Path, name: str) -> NoReturn:
    raise DataError(
        f"{folder} has no triplets: {name} is missing.",
        hint="Omit --triplets to sample them.",
    )


def _refuse_foreign(folder: Path) -> NoReturn:
    raise DataError(
        f"No triplet of {folder} consists of training items.",
        hint="Import this folder with --format adde, or omit --triplets to sample them.",
    )
