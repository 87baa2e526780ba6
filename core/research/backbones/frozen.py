"""A backbone that is not trained, so that its features can be cached.

Features of ImageNet weights carry little about color, so a small copy of the image joins them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone

THUMBNAIL = 8
"""Side of the small copy of the image beside the pooled feature."""


class Frozen(Backbone):
    """Another backbone, not trained; takes images, or its own cached features.

    The feature (B, D' + C' + 192) is the trunk's feature of length D', the maximum of each of the
    C' channels of its map, and the image at 8 × 8 pixels. The map (B, C' + 3, h, w) is the trunk's
    with the image at its size.

    Args:
        trunk: The backbone to freeze.
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
        """Leave training mode, which the training of other modules has entered."""
        self.eval().requires_grad_(False)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map of images (B, 3, S, S), or a cached map (B, C + 3, h, w) as it is."""
        if images.shape[1] == self.map_channels:
            return images
        with torch.no_grad():
            mapped = self.trunk.feature_map(images)
            height, width = mapped.shape[2:]
            return torch.cat([mapped, F.adaptive_avg_pool2d(images, (height, width))], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature of images (B, 3, S, S), or a cached feature (B, D) as it is."""
        if images.dim() == 2:
            return images
        with torch.no_grad():
            mapped, feature = self.trunk.map_and_feature(images)
            small = F.adaptive_avg_pool2d(images, THUMBNAIL)
            return torch.cat([feature, mapped.amax(dim=(2, 3)), small.flatten(1)], dim=1)

    @property
    def pretrained_module(self) -> nn.Module:
        """The trunk's."""
        return self.trunk.pretrained_module
