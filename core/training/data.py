"""The images and labels of the training and validation splits, and their augmentation.

The test split is not read, so that it cannot influence any choice.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.catalog.catalog import Catalog, group_numbers, training_rows
from datrnet.core.catalog.value_sets import Labeled
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import TrainConfig
from datrnet.core.errors import DataError
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import StepProgress, no_progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData(Labeled):
    """Pictures and labels of both splits, one array each."""

    pixels: NDArray[np.uint8]
    """(N, S, S, 3)."""
    is_validation: NDArray[np.bool_]
    """(N,)."""
    features: Path
    """The folder of cached features of frozen backbones."""
    catalog: Catalog | None = None
    """The catalog of the items."""
    catalog_rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """(N,) rows of the items in the catalog."""

    def groups_of(self, rows: NDArray[np.int64]) -> NDArray[np.intp] | None:
        """Return the number of the group of some items; None if each is a group of its own."""
        if self.catalog is None:
            return None
        return group_numbers(self.catalog, self.catalog_rows[rows])

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
    sets = catalog.encode_value_sets(run.super_categories)[rows]
    pictures = [workspace.picture(catalog.picture_paths[row]) for row in rows]
    pixels, readable = read_pixels(pictures, run.config.model.image_size, on_progress)
    if is_validation[readable].all():
        raise DataError(
            "No training item has a readable picture.",
            hint="Import a catalog whose split column has train items.",
        )
    return TrainingData(
        pixels=pixels,
        labels=np.ascontiguousarray(sets[readable, :, 0]),
        all_values=sets[readable],
        is_validation=is_validation[readable],
        features=workspace.features,
        catalog=catalog,
        catalog_rows=rows[readable],
    )


def augment(images: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Mirror, shift, scale and light images (B, 3, S, S) at random, padding with white.

    The random numbers do not depend on the device of the images.
    """
    num = len(images)

    def within(limit: float) -> Tensor:
        return (torch.rand(num, generator=generator) * 2 - 1) * limit

    scale = 1 + within(config.zoom)
    mirrored = (
        torch.rand(num, generator=generator) < 0.5 if config.flip else torch.zeros(num).bool()
    )
    grid_to_image = torch.zeros(num, 2, 3)
    grid_to_image[:, 0, 0] = torch.where(mirrored, -scale, scale)
    grid_to_image[:, 1, 1] = scale
    grid_to_image[:, :, 2] = torch.stack([within(config.shift), within(config.shift)], dim=1) * 2
    grid = F.affine_grid(grid_to_image.to(images.device), list(images.shape), align_corners=False)
    # product photos stand on white, which is 1: sampling 1 - x pads with white
    images = 1 - F.grid_sample(1 - images, grid, align_corners=False)
    if config.light:
        contrast = 1 + within(config.light).view(-1, 1, 1, 1).to(images.device)
        brightness = within(config.light).view(-1, 1, 1, 1).to(images.device)
        images = (images * contrast + brightness).clamp_(-1, 1)
    return images
