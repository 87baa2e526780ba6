"""Activation maps of a run's system, for front ends that do not import torch.

DAtRNet has Grad-CAM maps of a prototype. FashionSearchNet has class activation maps of the value
that it predicts, and the regions that it embeds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.config import ModelConfig
from datrnet.core.errors import ConfigError, ShapeError, requirement
from datrnet.core.graphics.heatmap import Region
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import compute_device
from datrnet.core.models.registry import Localizer, comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.prototypes import Prototype

LOCALIZED = "fashionsearchnet"
"""The system that embeds regions."""

MIN_SIDE = 8
"""Side of the coarsest feature map that still shows where a network looks."""


def default_stage(config: ModelConfig) -> int:
    """Return the index of the last ASE whose map is at least ``MIN_SIDE`` wide.

    Later maps are closer to the decision, earlier ones are finer.
    """
    halvings = range(1, config.num_ase + 1)
    sides = [config.image_size // (config.stem_stride * 2**number) for number in halvings]
    return max((stage for stage, side in enumerate(sides) if side >= MIN_SIDE), default=0)


def activation_map(
    network: DAtRNet,
    pixels: NDArray[np.uint8],
    prototype: NDArray[np.float32],
    *,
    stage: int | None = None,
) -> NDArray[np.float32]:
    """Return how much each pixel adds to an embedding's similarity to a prototype.

    Args:
        network: The network of the prototype's super-category; left in evaluation mode, its weights
            without gradients.
        pixels: (S, S, 3), uint8.
        prototype: (E,).
        stage: Index of the ASE whose output is examined; ``default_stage`` by default.

    Returns:
        (S, S) in [0, 1]: the upsampled map of that ASE, divided by its maximum; all zero where
        nothing in the picture speaks for the value.

    Raises:
        ConfigError: captum is not installed.
        ShapeError: The prototype is not as long as an embedding.
    """
    with requirement("Activation maps need"):
        from captum.attr import LayerGradCam
    if prototype.shape != (network.config.embedding_size,):
        raise ShapeError(
            f"The prototype has the shape {prototype.shape}; "
            f"({network.config.embedding_size},) is expected."
        )
    network.eval()
    device = next(network.parameters()).device
    stage = default_stage(network.config) if stage is None else stage
    # a caller may be in inference mode, in which nothing has a gradient
    with torch.inference_mode(mode=False), torch.enable_grad():
        target = torch.tensor(prototype, device=device)
        images = to_network_input(torch.from_numpy(pixels[None])).to(device).requires_grad_()
        similarity = LayerGradCam(
            lambda images: network.forward_head(images) @ target, network.stages[stage]
        )
        coarse = similarity.attribute(images, relu_attributions=True)
    return upsample(coarse.detach(), len(pixels))


def upsample(coarse: Tensor, side: int) -> NDArray[np.float32]:
    """Upsample a map (1, 1, h, w) of non-negative numbers to (S, S), scaled to a maximum of 1."""
    heat = F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)[0, 0]
    largest = heat.max()
    shares: NDArray[np.float32] = (heat / largest if largest > 0 else heat).cpu().numpy()
    return shares


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


class ActivationMaps:
    """The maps of a run's system. Networks are loaded on first use; not thread-safe."""

    def __init__(self, run: RunFolder, stage: int | None = None) -> None:
        """Store the run; nothing is loaded yet.

        Args:
            run: A run of DAtRNet or FashionSearchNet.
            stage: For DAtRNet, the ASE whose output is used, from 0; by default ``default_stage``.

        Raises:
            ConfigError: The run's system has no activation maps.
        """
        system = run.config.system
        if not system.is_datrnet and system.name != LOCALIZED:
            raise ConfigError(
                "Only DAtRNet and FashionSearchNet have activation maps; this index is from "
                f"{system.name}.",
                hint=f"Train and index one of them: `datrnet train`, or with --system {LOCALIZED}.",
            )
        self._run, self._stage = run, stage
        self._networks: dict[str, DAtRNet] = {}
        self._localizer: Localizer | None = None
        self._last: tuple[Path | Picture, tuple[Tensor, Tensor, Tensor]] | None = None
        """The last picture that was localized, and its maps, boxes and values."""

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether a map of this super-category needs no loading."""
        return self._localizer is not None or super_category in self._networks

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
        if not self._run.config.system.is_datrnet:
            return self._region(picture, self._run.idx_of(super_category))
        if wanted is None:
            return None
        pixels = picture_pixels(picture, self._run.config.model.image_size)
        if super_category not in self._networks:
            network = self._run.load_network(self._run.idx_of(super_category))
            self._networks[super_category] = network.to(compute_device())
        network = self._networks[super_category]
        heat = activation_map(network, pixels, wanted.embedding, stage=self._stage)
        return Look(heat=heat, value=wanted.value)

    def _region(self, picture: Path | Picture, block: int) -> Look:
        """Return the region that a branch of FashionSearchNet embeds, and its value's map."""
        side = self._run.config.model.image_size
        if self._last is None or self._last[0] != picture:
            pixels = picture_pixels(picture, side)
            if self._localizer is None:
                self._localizer = comparison_systems().load_localizer(self._run, compute_device())
            images = to_network_input(torch.from_numpy(pixels[None])).to(compute_device())
            with torch.inference_mode():
                self._last = picture, self._localizer.localize(images)
        maps, boxes, values = self._last[1]
        top, left, bottom, right = boxes[0, block].tolist()
        return Look(
            heat=upsample(maps[:, block : block + 1].clamp(min=0), side),
            value=self._run.super_categories[block].values[int(values[0, block])],
            region=(top, left, bottom, right),
        )
