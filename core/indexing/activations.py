"""Where a run's networks look in a picture, for front ends without torch.

DAtRNet has class activation maps (Grad-CAM) of a wanted value. FashionSearchNet has activation maps
of the value that it predicts, and the region that it embeds.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.errors import ConfigError
from datrnet.core.graphics.heatmap import Region
from datrnet.core.models.activation import activation_map, upsample
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import compute_device
from datrnet.core.models.registry import Localizer, comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.prototypes import Prototype

LOCALIZED = "fashionsearchnet"
"""The system that embeds regions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """Where a system looks for a super-category."""

    heat: NDArray[np.float32]
    """(S, S) in [0, 1], square like the input; all zero if nothing speaks for the value."""
    value: str
    """The value of the map."""
    region: Region | None = None
    """The part of the picture that is embedded; None for all of it."""


class ActivationMaps(ABC):
    """The maps of a run. Networks are loaded on first use; use it from one thread at a time."""

    def __init__(self, run: RunFolder) -> None:
        """Keep the run; nothing is loaded yet."""
        self.run = run

    @abstractmethod
    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the network of a super-category is loaded."""

    @abstractmethod
    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return where the system looks for a super-category.

        Args:
            picture: The item's picture.
            super_category: As the run spells it.
            wanted: The prototype to look for, if any.

        Returns:
            None if there is nothing to look for.

        Raises:
            CheckpointError: The run has no such super-category, or weights cannot be loaded.
            ConfigError: captum is needed and not installed.
            DataError: The picture cannot be read.
        """


class NetworkMaps(ActivationMaps):
    """The maps of DAtRNet: what in a picture speaks for a prototype."""

    def __init__(self, run: RunFolder, stage: int | None = None) -> None:
        """Remember the run.

        Args:
            run: Of DAtRNet.
            stage: Which ASE's output is looked at, from 0; that of ``default_stage`` by default.
        """
        super().__init__(run)
        self._stage = stage
        self._networks: dict[str, DAtRNet] = {}

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the network of a super-category is loaded."""
        return super_category in self._networks

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return where a network finds the value of a prototype; see the base class."""
        if wanted is None:
            return None
        pixels = picture_pixels(picture, self.run.config.model.image_size)
        if super_category not in self._networks:
            network = self.run.load_network(self.run.idx_of(super_category))
            self._networks[super_category] = network.to(compute_device())
        network = self._networks[super_category]
        heat = activation_map(network, pixels, wanted.embedding, stage=self._stage)
        return Look(heat=heat, value=wanted.value)


class RegionMaps(ActivationMaps):
    """The maps of FashionSearchNet, and the regions that its branches embed."""

    def __init__(self, run: RunFolder) -> None:
        """Keep the run, of FashionSearchNet."""
        super().__init__(run)
        self._system: Localizer | None = None
        self._seen: tuple[Path | Picture, tuple[Tensor, Tensor, Tensor]] | None = None
        """The last picture, and its maps, boxes and values."""

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the system, which has all super-categories, is loaded."""
        return self._system is not None

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return the embedded region, whatever is wanted; see the base class."""
        block = self.run.idx_of(super_category)
        maps, boxes, values = self._localized(picture)
        side = self.run.config.model.image_size
        top, left, bottom, right = boxes[0, block].tolist()
        return Look(
            heat=upsample(maps[:, block : block + 1].clamp(min=0), side),
            value=self.run.super_categories[block].values[int(values[0, block])],
            region=(top, left, bottom, right),
        )

    def _localized(self, picture: Path | Picture) -> tuple[Tensor, Tensor, Tensor]:
        """Return the maps, boxes and values of all super-categories, computed once per picture."""
        if self._seen is None or self._seen[0] != picture:
            pixels = picture_pixels(picture, self.run.config.model.image_size)
            if self._system is None:
                self._system = comparison_systems().load_localizer(self.run, compute_device())
            images = to_network_input(torch.from_numpy(pixels[None])).to(compute_device())
            with torch.inference_mode():
                self._seen = picture, self._system.localize(images)
        return self._seen[1]


def activation_maps_of(run: RunFolder, stage: int | None = None) -> ActivationMaps:
    """Return the maps of a run.

    Args:
        run: Of DAtRNet or FashionSearchNet.
        stage: Of DAtRNet, which ASE's output is looked at, from 0.

    Raises:
        ConfigError: The run's system has no activation maps.
    """
    if run.config.system.is_datrnet:
        return NetworkMaps(run, stage)
    if run.config.system.name == LOCALIZED:
        return RegionMaps(run)
    raise ConfigError(
        "Only DAtRNet and FashionSearchNet have activation maps; this index is of "
        f"{run.config.system.name}.",
        mend=f"Train and index one of them: `datrnet train`, or with --system {LOCALIZED}.",
    )
