"""What training sees: the pictures of the training and validation splits, and their labels.

The test split is not read, so nothing can be chosen by looking at it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.research.datasets.adde import rows_of_lines


def _nowhere(lines: Sequence[str]) -> NDArray[np.int64]:
    return np.full(len(lines), -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """Pictures and labels of both splits, one array each."""

    pixels: NDArray[np.uint8]
    """(N, S, S, 3)."""
    labels: NDArray[np.int16]
    """(N, A), -1 where unlabelled."""
    is_validation: NDArray[np.bool_]
    """(N,)."""
    features: Path
    """The folder for what frozen backbones make of the pictures."""
    find: Callable[[Sequence[str]], NDArray[np.int64]] = _nowhere
    """Returns the places of the items that lines of a split folder mean, -1 where there is none."""

    def rows(self, super_category_idx: int, *, validation: bool) -> NDArray[np.int64]:
        """Return the rows of a split that are labelled in a super-category."""
        labelled = self.labels[:, super_category_idx] >= 0
        return np.flatnonzero(labelled & (self.is_validation == validation))


def load_training_data(
    workspace: Workspace,
    catalog: Catalog,
    run: RunFolder,
    on_progress: StepProgress = no_progress,
) -> TrainingData:
    """Read the training and validation items of a catalogue, numbered as the run numbers values.

    Raises:
        DataError: No training item has a readable picture.
        UnknownNameError: A super-category of the run is gone from the catalogue.
    """
    rows, is_validation = training_rows(catalog)
    labels = catalog.encode_labels(run.super_categories)[rows]
    pictures = [workspace.picture(catalog.picture_paths[row]) for row in rows]
    pixels, readable = read_pixels(pictures, run.config.model.image_size, on_progress)
    if is_validation[readable].all():
        raise DataError(
            "No training item has a readable picture.",
            mend="Import a catalogue whose split column names train items.",
        )
    return TrainingData(
        pixels=pixels,
        labels=labels[readable],
        is_validation=is_validation[readable],
        features=workspace.features,
        find=partial(_places_of_lines, catalog, rows[readable]),
    )


def _places_of_lines(
    catalog: Catalog, rows: NDArray[np.intp], lines: Sequence[str]
) -> NDArray[np.int64]:
    """Return where among some rows of a catalogue the items stand that lines mean."""
    place_of_row = np.full(catalog.num_items + 1, -1)  # the last is of lines that mean none
    place_of_row[rows] = np.arange(len(rows))
    return place_of_row[rows_of_lines(lines, catalog)]
