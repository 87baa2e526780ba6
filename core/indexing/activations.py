"""Activation maps of a run's system, for front ends that do not import torch.

DAtRNet has Grad-CAM maps of a prototype. FashionSearchNet has class activation maps of the value
that it predicts, and the regions that it embeds.
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
    """The activation map of one super-category."""

    heat: NDArray[np.float32]
    """(S, S) in [0, 1], squeezed to a square like the system's input; all zero if nothing in the
    image supports the value."""
    value: str
    """The value that the map is of."""
    region: Region | None = None
    """The part of the picture that is embedded; None for the whole."""


class ActivationMaps(ABC):
    """A run's maps. Networks are loaded on first use; not thread-safe."""

    def __init__(self, run: RunFolder) -> None:
        """Store the run; nothing is loaded yet."""
        self.run = run

    @abstractmethod
    def is_loaded(self, super_category: str) -> bool:
        """Tell whether a map of this super-category needs no loading."""

    @abstractmethod
    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return the map of a super-category.

        Args:
            picture: The item's picture.
            super_category: As the run spells it.
            wanted: The requested prototype, if any.

        Returns:
            None without a requested prototype, for systems that need one.

        Raises:
            CheckpointError: The run has no such super-category, or its weights cannot be loaded.
            ConfigError: captum is required and not installed.
            DataError: The picture cannot be read.
        """


class NetworkMaps(ActivationMaps):
    """Grad-CAM maps of DAtRNet's networks for a prototype."""

    def __init__(self, run: RunFolder, stage: int | None = None) -> None:
        """Store the run.

        Args:
            run: A run of DAtRNet.
            stage: The ASE whose output is used, from 0; by default ``default_stage``.
        """
        super().__init__(run)
        self._stage = stage
        self._networks: dict[str, DAtRNet] = {}

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the network of this super-category is loaded."""
        return super_category in self._networks

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return the map of the prototype; see the base class."""
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
    """Class activation maps of FashionSearchNet, and the regions that its branches embed."""

    def __init__(self, run: RunFolder) -> None:
        """Store a run of FashionSearchNet."""
        super().__init__(run)
        self._system: Localizer | None = None
        self._last: tuple[Path | Picture, tuple[Tensor, Tensor, Tensor]] | None = None
        """The last picture, and its maps, boxes and values."""

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether the system is loaded, which serves all super-categories."""
        return self._system is not None

    def look(
        self, picture: Path | Picture, super_category: str, wanted: Prototype | None
    ) -> Look | None:
        """Return the embedded region and the predicted value's map; see the base class."""
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
        """Return the maps, boxes and values of all super-categories, cached for one picture."""
        if self._last is None or self._last[0] != picture:
            pixels = picture_pixels(picture, self.run.config.model.image_size)
            if self._system is None:
                self._system = comparison_systems().load_localizer(self.run, compute_device())
            images = to_network_input(torch.from_numpy(pixels[None])).to(compute_device())
            with torch.inference_mode():
                self._last = picture, self._system.localize(images)
        return self._last[1]


def activation_maps_of(run: RunFolder, stage: int | None = None) -> ActivationMaps:
    """Return the activation maps of a run.

    Args:
        run: A run of DAtRNet or FashionSearchNet.
        stage: For DAtRNet, the ASE whose output is used, from 0.

    Raises:
        ConfigError: The run's system has no activation maps.
    """
    if run.config.system.is_datrnet:
        return NetworkMaps(run, stage)
    if run.config.system.name == LOCALIZED:
        return RegionMaps(run)
    raise ConfigError(
        "Only DAtRNet and FashionSearchNet have activation maps; this index is from "
        f"{run.config.system.name}.",
        hint=f"Train and index one of them: `datrnet train`, or with --system {LOCALIZED}.",
    )
