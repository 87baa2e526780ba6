"""The base class of backbones: images to a feature map and a pooled feature."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from datrnet.core.errors import ConfigError, ShapeError
from datrnet.core.research.backbones.weights import load_weights, read_tensors

SMALLEST = 32
"""Side of the smallest image of which every backbone has a feature map."""


class Backbone(nn.Module, ABC):
    """A network without its last layer, the classifier of ImageNet's 1,000 classes.

    Images in [-1, 1] are normalized here to the mean and standard deviation that the public weights
    expect, whether these are loaded or not, so that trained weights need no further information.

    Args:
        image_size: Side S of the images.

    Raises:
        ConfigError: The backbone does not support the image size.
    """

    name: ClassVar[str]
    feature_size: ClassVar[int]
    """Length D of the pooled feature."""
    map_channels: ClassVar[int]
    """Channels C of the map."""
    head: ClassVar[str]
    """Prefix of the public names of the last layer, which is omitted here."""
    mean: ClassVar[tuple[float, float, float]] = (0.485, 0.456, 0.406)
    """Mean of ImageNet's images by channel, in [0, 1]."""
    std: ClassVar[tuple[float, float, float]] = (0.229, 0.224, 0.225)
    """Standard deviation of ImageNet's images by channel, in [0, 1]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, image_size: int) -> None:
        super().__init__()
        if image_size < SMALLEST:
            raise ConfigError(
                f"image_size is {image_size}; {self.name} needs at least {SMALLEST} pixels."
            )
        self.image_size = image_size
        mean, std = (torch.tensor(value)[:, None, None] for value in (self.mean, self.std))
        # x in [-1, 1] is (x + 1) / 2 in [0, 1]; not persistent, as no public file has these
        self.register_buffer("scale", 0.5 / std, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / std, persistent=False)

    @abstractmethod
    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map (B, C, h, w) of images (B, 3, S, S) in [-1, 1].

        Raises:
            ShapeError: The images are not of the backbone's size.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features (B, D) of images (B, 3, S, S) in [-1, 1].

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        return self.map_and_feature(images)[1]

    def map_and_feature(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map (B, C, h, w) and the pooled feature (B, D) of images (B, 3, S, S).

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        mapped = self.feature_map(images)
        return mapped, self.pool(mapped)

    def pool(self, feature_map: Tensor) -> Tensor:
        """Pool maps (B, C, h, w) to features (B, D): here by the mean."""
        return feature_map.mean(dim=(2, 3))

    def map_size(self) -> tuple[int, int]:
        """Return the height and width of the map."""
        was_training = self.training
        blank = torch.zeros(1, 3, self.image_size, self.image_size)
        with torch.no_grad():
            height, width = self.eval().feature_map(blank).shape[2:]
        self.train(was_training)
        return height, width

    def normalize(self, images: Tensor) -> Tensor:
        """Normalize images (B, 3, S, S) as the public weights expect.

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        side = self.image_size
        if images.dim() != 4 or images.shape[1:] != (3, side, side):
            raise ShapeError(
                f"Images have the shape {tuple(images.shape)}; (B, 3, {side}, {side}) is expected."
            )
        return images * self.scale + self.shift

    def load(self, path: Path) -> None:
        """Load the weights of a file; nothing changes on failure.

        Raises:
            CheckpointError: The file has no weights of this network.
        """
        tensors = self.adapt(read_tensors(path))
        load_weights(self.pretrained_module, tensors, source=path, name=self.name, head=self.head)

    @property
    def pretrained_module(self) -> nn.Module:
        """The module whose tensors have the public names."""
        return self

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adapt a file's tensors to this network and image size."""
        return tensors

    def bundled_weights(self) -> Path | None:
        """Return installed weights to start from if none are given; None starts from random ones.

        Raises:
            ConfigError: They are not installed.
        """
        return None
