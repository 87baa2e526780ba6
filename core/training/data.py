"""What training sees: the pictures of the training and validation splits, and their labels.

The test split is not read, so nothing can be chosen by looking at it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import StepProgress, no_progress


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
    catalog: Catalog | None = None
    """The catalog that they are items of."""
    catalog_rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """(N,) their rows in it."""

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
        catalog=catalog,
        catalog_rows=rows[readable],
    )
