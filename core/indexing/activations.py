"""Where a run's system looks in a picture, for front ends that know no torch.

DAtRNet's networks have class activation maps (Grad-CAM) of the value that is looked for.
FashionSearchNet has maps of its own, of the value that it sees, and the region that it cuts out.
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
"""The system that cuts out regions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """Where a system looks for one super-category."""

    heat: NDArray[np.float32]
    """(S, S) in [0, 1], squeezed to a square as the system's input is; all zero where nothing
    speaks for the value."""
    value: str
    """Whose map it is."""
    region: Region | None = None
    """All that is embedded of the picture; None where that is the whole."""


class ActivationMaps(ABC):
    """A run's maps; what makes them is loaded when it is first asked, one thread at a time."""

    def __init__(self, run: RunFolder) -> None:
        """Remember the run; nothing is loaded yet."""
        self.run = run

    @abstractmethod
    def is_loaded(self, super_category: str) -> bool:
        """Tell whether a map of this super-category comes at once."""

    @abstractmethod
    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return where the system looks for a super-category.

        Args:
            picture: The item's picture.
            super_category: As the run spells it.
            wanted: What is looked for, if anything.

        Returns:
            None where there is nothing to look for.

        Raises:
            CheckpointError: The run has no such super-category, or weights cannot be loaded.
            ConfigError: captum is needed and not installed.
            DataError: The picture cannot be read.
        """


class NetworkMaps(ActivationMaps):
    """Those of DAtRNet's networks: what in a picture speaks for a prototype."""

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
        """Tell whether the network of this super-category is there."""
        return super_category in self._networks

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return where a network finds what a prototype stands for; see the base class."""
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
    """Those of FashionSearchNet, and the regions that its branches embed."""

    def __init__(self, run: RunFolder) -> None:
        """Remember the run, of FashionSearchNet."""
        super().__init__(run)
        self._system: Localizer | None = None
        self._seen: tuple[Path | Picture, tuple[Tensor, Tensor, Tensor]] | None = None
        """The last picture, and where all super-categories look in it."""

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the system, one for all super-categories, is there."""
        return self._system is not None

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return the region that is embedded, whatever is looked for; see the base class."""
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
        """Return where all super-categories look: one look at a picture is enough for them."""
        if self._seen is None or self._seen[0] != picture:
            pixels = picture_pixels(picture, self.run.config.model.image_size)
            if self._system is None:
                self._system = comparison_systems().load_localizer(self.run, compute_device())
            images = to_network_input(torch.from_numpy(pixels[None])).to(compute_device())
            with torch.inference_mode():
                self._seen = picture, self._system.localize(images)
        return self._seen[1]


def activation_maps_of(run: RunFolder, stage: int | None = None) -> ActivationMaps:
    """Return what makes a run's maps.

    Args:
        run: Of DAtRNet or FashionSearchNet.
        stage: Of DAtRNet, which ASE's output is looked at, from 0.

    Raises:
        ConfigError: The run is of a system that looks at the whole picture alike.
    """
    if run.config.system.is_datrnet:
        return NetworkMaps(run, stage)
    if run.config.system.name == LOCALIZED:
        return RegionMaps(run)
    raise ConfigError(
        "Activation maps are of DAtRNet and of FashionSearchNet, and this index is of "
        f"{run.config.system.name}.",
        mend=f"Train and index one of them: `datrnet train`, or with --system {LOCALIZED}.",
    )
