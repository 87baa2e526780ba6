"""A backbone that stays as it begins, so that what it makes of a picture can be kept.

What it saw in ImageNet says little of colour, so a small picture goes along with what it makes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone

THUMBNAIL = 8
"""Side of the small picture beside the pooled feature."""


class Frozen(Backbone):
    """Another backbone, never trained; takes pictures, or what it once made of them.

    The feature (B, D' + C' + 192) is the trunk's own of D' numbers, the largest number of each of
    the C' channels of its map, and the picture at 8 × 8 pixels. The map (B, C' + 3, h, w) is the
    trunk's with the picture at that size.

    Args:
        trunk: What is frozen.
    """

    def __init__(self, trunk: Backbone) -> None:
        super().__init__(trunk.image_size)
        self.trunk = trunk
        self.name = trunk.name  # type: ignore[misc]  # of this one, not of the class
        self.map_channels = trunk.map_channels + 3  # type: ignore[misc]
        self.feature_size = (  # type: ignore[misc]
            trunk.feature_size + trunk.map_channels + 3 * THUMBNAIL**2
        )
        self.fix()

    def fix(self) -> None:
        """Leave training mode, as whatever trains the rest has entered it."""
        self.eval().requires_grad_(False)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map of pictures (B, 3, S, S), or a kept map (B, C + 3, h, w) as it is."""
        if images.shape[1] == self.map_channels:
            return images
        with torch.no_grad():
            mapped = self.trunk.feature_map(images)
            height, width = mapped.shape[2:]
            return torch.cat([mapped, F.adaptive_avg_pool2d(images, (height, width))], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature of pictures (B, 3, S, S), or a kept feature (B, D) as it is."""
        if images.dim() == 2:
            return images
        with torch.no_grad():
            mapped, feature = self.trunk.map_and_feature(images)
            small = F.adaptive_avg_pool2d(images, THUMBNAIL)
            return torch.cat([feature, mapped.amax(dim=(2, 3)), small.flatten(1)], dim=1)

    @property
    def pretrained_module(self) -> nn.Module:
        """That of the trunk."""
        return self.trunk.pretrained_module
