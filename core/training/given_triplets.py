"""Triplets that a split folder in ADDE's format brings along, as a training numbers its items."""

from collections.abc import Callable, Sequence
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
from datrnet.core.systems.configs import AddeConfig
from datrnet.core.systems.making import config_of

TRAIN = SPLITS[0]

Find = Callable[[Sequence[str]], NDArray[np.int64]]
"""Returns the items that lines of a split folder mean, -1 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenTriplets:
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


def given_triplets(
    folder: Path, find: Find, labels: NDArray[np.int16], trained_on: NDArray[np.bool_]
) -> GivenTriplets:
    """Return a folder's triplets of items that are trained on.

    What a triplet changes is where its positive's labels differ from its reference's, so that
    neither the names nor the order of the folder's columns matter. One that changes nothing, or
    whose negative is labelled like its positive, is left out: a super-category that tells them
    apart is not trained.

    Args:
        folder: The split folder.
        find: Returns the places among the items that lines of ``imgs_train.txt`` mean.
        labels: (N, T) of the items, -1 where unlabelled.
        trained_on: (N,).

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing, damaged or a Git-LFS pointer, two of them disagree, or no
            triplet can be trained on.
    """
    counts = read_counts(folder)
    split = read_split(folder, TRAIN, counts)
    given = read_triplets(folder, counts, split)
    if given is None:
        _refuse_without(folder, TRIPLET_FILES[0])
    places = find(split.paths)
    places = np.where((places >= 0) & trained_on[places], places, -1)
    items = places[given.items]
    items = items[(items >= 0).all(axis=1)]
    references, positives, negatives = (labels[one] for one in items.T)
    changed = positives != references
    useful = changed.any(axis=1) & (negatives != positives).any(axis=1)
    if not useful.any():
        _refuse_foreign(folder)
    triplets = AddeTriplets(items=items[useful], changed=changed[useful])
    return GivenTriplets(triplets=triplets, num_given=len(given.items))


def _refuse_without(folder: Path, name: str) -> NoReturn:
    raise DataError(
        f"{folder} brings no triplets along: it has no {name}.",
        mend="Leave --triplets away: they are drawn.",
    )


def _refuse_foreign(folder: Path) -> NoReturn:
    raise DataError(
        f"None of the triplets of {folder} is of items that are trained on.",
        mend="Import this folder with --format adde, or leave --triplets away: they are drawn.",
    )
