"""DAtRNet: one network that embeds one super-category (section 3.2, table 1).

An item's embedding is the concatenation of what the networks of all super-categories give.

References:
    Bhattacharya et al., DAtRNet: Disentangling Fashion Attribute Embedding for Substitute Item
    Retrieval, CVPR Workshops 2022.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.config import ModelConfig
from datrnet.core.errors import ShapeError
from datrnet.core.models.ase import ASE, ConvUnit


class DAtRNet(nn.Module):
    """The network of table 1: a stem, ASE modules with pooling between, and two Dense layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.filters
        size = -(-config.image_size // config.stem_stride)
        self.stem = ConvUnit(3, channels, config.kernel, config, stride=config.stem_stride)
        self.stages = nn.ModuleList()
        for _ in range(config.num_ase):
            size //= 2
            self.stages.append(nn.Sequential(nn.MaxPool2d(2), ASE(channels, size, size, config)))
            channels *= 2
        self.dense = nn.Linear(channels, channels)
        self.activation = nn.ReLU() if config.head_activation == "relu" else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(channels, config.embedding_size)
        if config.initialization != "torch":
            self.apply(self._initialize)

    def _initialize(self, layer: nn.Module) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            kaiming = self.config.initialization == "kaiming"
            (nn.init.kaiming_normal_ if kaiming else nn.init.xavier_uniform_)(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the last ASE's output (B, C, H, W) for images (B, 3, S, S)."""
        images = self.stem(images)  # (B, F, S, S)
        for stage in self.stages:
            images = stage(images)  # halves height and width, doubles channels
        return images

    def unscaled(self, images: Tensor) -> Tensor:
        """Return the embeddings (B, E) of images (B, 3, S, S) before they get their length.

        Raises:
            ShapeError: The images are not of the config's size.
        """
        side = self.config.image_size
        if images.dim() != 4 or images.shape[1:] != (3, side, side):
            raise ShapeError(
                f"Images have the shape {tuple(images.shape)}; (B, 3, {side}, {side}) is expected."
            )
        pooled = self.feature_map(images).mean(dim=(2, 3))  # (B, C), global average pooling
        hidden = self.dropout(self.activation(self.dense(pooled)))  # (B, C)
        embeddings: Tensor = self.embedding(hidden).float()  # (B, E)
        return embeddings

    def forward(self, images: Tensor) -> Tensor:
        """Embed images for this super-category.

        Args:
            images: (B, 3, S, S), float32, pixel values brought to [-1, 1].

        Returns:
            (B, E) embeddings, float32; of length 1 when the config normalizes each block.

        Raises:
            ShapeError: The images are not of the config's size.
        """
        embeddings = self.unscaled(images)
        return F.normalize(embeddings) if self.config.normalize == "block" else embeddings


def to_network_input(pixels: Tensor) -> Tensor:
    """Turn pixels (B, H, W, 3) uint8 into network input (B, 3, H, W) float32 in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)
