"""The images and labels of the training and validation splits.

The test split is not read, so that it cannot influence any choice.
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
    """(N, A), -1 where unlabeled."""
    is_validation: NDArray[np.bool_]
    """(N,)."""
    features: Path
    """The folder of cached features of frozen backbones."""
    catalog: Catalog | None = None
    """The catalog of the items."""
    catalog_rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """(N,) rows of the items in the catalog."""

    def rows(self, super_category_idx: int, *, validation: bool) -> NDArray[np.int64]:
        """Return the rows of a split that are labeled in a super-category."""
        labeled = self.labels[:, super_category_idx] >= 0
        return np.flatnonzero(labeled & (self.is_validation == validation))


def load_training_data(
    workspace: Workspace,
    catalog: Catalog,
    run: RunFolder,
    on_progress: StepProgress = no_progress,
) -> TrainingData:
    """Read the training and validation items of a catalog, with labels encoded by the run's values.

    Raises:
        DataError: No training item has a readable picture.
        UnknownNameError: The catalog no longer has a super-category of the run.
    """
    rows, is_validation = training_rows(catalog)
    labels = catalog.encode_labels(run.super_categories)[rows]
    pictures = [workspace.picture(catalog.picture_paths[row]) for row in rows]
    pixels, readable = read_pixels(pictures, run.config.model.image_size, on_progress)
    if is_validation[readable].all():
        raise DataError(
            "No training item has a readable picture.",
            hint="Import a catalog whose split column has train items.",
        )
    return TrainingData(
        pixels=pixels,
        labels=labels[readable],
        is_validation=is_validation[readable],
        features=workspace.features,
        catalog=catalog,
        catalog_rows=rows[readable],
    )
