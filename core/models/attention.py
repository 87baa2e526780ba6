"""Concurrent axial attention: masks over channels, rows and columns (section 3.1, eq. 1 and 2).

Each mask looks at the same map X and multiplies it; the masked maps are then put together. The
joint spatial mask is not the paper's proposal but an ablation of its table 4.
"""

import torch
from torch import Tensor, nn

from datrnet.core.config import ModelConfig


def dense_pair(size: int, hidden: int, activation: str) -> nn.Sequential:
    """Return Dense(Dense(·, hidden), size) as in eq. 1a, 1b, 2a and 2b, without the sigmoid."""
    between = nn.ReLU() if activation == "relu" else nn.Identity()
    return nn.Sequential(nn.Linear(size, hidden), between, nn.Linear(hidden, size))


class ChannelMask(nn.Module):
    """Adaptive channel embedding: M_ch of eq. 1a to 1c.

    The two descriptors have weights of their own, as the equations are written.
    """

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        hidden = max(1, channels // 4)
        self.from_max = dense_pair(channels, hidden, activation)
        self.from_mean = dense_pair(channels, hidden, activation)
        self.join = nn.Linear(2 * channels, channels)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mask (B, D, 1, 1) of a map (B, D, H, W)."""
        x1 = torch.sigmoid(self.from_max(images.amax(dim=(2, 3))))  # (B, D), eq. 1a
        x2 = torch.sigmoid(self.from_mean(images.mean(dim=(2, 3))))  # (B, D), eq. 1b
        mask = torch.sigmoid(self.join(torch.cat([x1, x2], dim=1)))  # (B, D), eq. 1c
        return mask[:, :, None, None]


class AxisMask(nn.Module):
    """Adaptive height (or width) embedding: M_h of eq. 2a, M_w of eq. 2b.

    Conv(X) squeezes the other axis and all channels to one number per row (or column). With the
    squeeze ``full_kernel`` the kernel spans the whole other axis, which fixes the input size.
    """

    def __init__(
        self, channels: int, length: int, across: int, config: ModelConfig, axis: int
    ) -> None:
        """Make a mask of ``length`` numbers along ``axis`` (2 rows, 3 columns) of a map."""
        super().__init__()
        self.axis = axis
        self.squeeze_kind = config.axis_squeeze
        span = (1, across) if axis == 2 else (across, 1)
        if config.axis_squeeze == "full_kernel":
            self.squeeze: nn.Module = nn.Conv2d(channels, 1, span)
        elif config.axis_squeeze == "depthwise":
            self.squeeze = nn.Sequential(
                nn.Conv2d(channels, channels, span, groups=channels), nn.Conv2d(channels, 1, 1)
            )
        else:
            self.squeeze = nn.Conv2d(channels, 1, 1)
        self.dense = dense_pair(length, max(1, length // 4), config.mask_activation)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mask (B, 1, H, 1) or (B, 1, 1, W) of a map (B, D, H, W)."""
        squeezed = self.squeeze(images)
        if self.squeeze_kind == "pointwise_mean":
            squeezed = squeezed.mean(dim=5 - self.axis, keepdim=True)
        mask = torch.sigmoid(self.dense(squeezed.flatten(1)))  # (B, H) or (B, W)
        return mask[:, None, :, None] if self.axis == 2 else mask[:, None, None, :]


class SpatialMask(nn.Module):
    """One joint mask over height and width, for the ablation "MSF + spatial attention"."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mask (B, 1, H, W) of a map (B, D, H, W)."""
        summary = torch.cat([images.mean(1, keepdim=True), images.amax(1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(summary))


class ConcurrentAxialAttention(nn.Module):
    """All masks of a config, each made from the same map, and their fusion.

    Attributes:
        out_channels: Channels of what ``forward`` returns: one masked map after the other when the
            fusion is ``concat``, else as many as came in.
    """

    def __init__(self, channels: int, height: int, width: int, config: ModelConfig) -> None:
        super().__init__()
        makers = {
            "channel": lambda: ChannelMask(channels, config.mask_activation),
            "height": lambda: AxisMask(channels, height, width, config, axis=2),
            "width": lambda: AxisMask(channels, width, height, config, axis=3),
            "spatial": SpatialMask,
        }
        self.masks = nn.ModuleDict({name: makers[name]() for name in config.attention})
        self.fusion = config.fusion
        copies = max(1, len(self.masks)) if config.fusion == "concat" else 1
        self.out_channels = copies * channels

    def forward(self, images: Tensor) -> Tensor:
        """Return the fused masked maps (B, out_channels, H, W) of a map (B, D, H, W)."""
        if not self.masks:
            return images
        if self.fusion == "concat":
            return torch.cat([images * mask(images) for mask in self.masks.values()], dim=1)
        fused = torch.ones_like(images[:, :, :1, :1]) if self.fusion == "product" else 0
        for mask in self.masks.values():
            fused = fused * mask(images) if self.fusion == "product" else fused + mask(images)
        return images * fused
