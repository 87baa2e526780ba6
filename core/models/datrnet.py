"""DAtRNet: a network that embeds one super-category (section 3, figures 1 and 2, table 1).

From the bottom up: convolutions, the masks of concurrent axial attention (section 3.1, eq. 1 and
2), the Attentive Style Embedding module (ASE, figure 2), and the network (table 1). An item's
embedding is the concatenation of its embeddings by the networks of all super-categories.

Every choice that the paper leaves open is a field of ``ModelConfig``. It is defined in
``datrnet.core.config``, which the commands that need no network read without loading torch.
``docs/paper.md`` explains the choices.

References:
    Bhattacharya et al., DAtRNet: Disentangling Fashion Attribute Embedding for Substitute Item
    Retrieval, CVPR Workshops 2022.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.config import ModelConfig
from datrnet.core.errors import ShapeError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "none": nn.Identity,
}


# ── Layers ───────────────────────────────────────────────────────────────────


class ConvNormAct(nn.Sequential):
    """A convolution with "same" padding, batch normalization and an activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        config: ModelConfig,
        *,
        stride: int = 1,
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2)
        bias = not config.batch_norm
        norm = [nn.BatchNorm2d(out_channels)] if config.batch_norm else []
        super().__init__(
            nn.Conv2d(in_channels, out_channels, (height, width), stride, padding, bias=bias),
            *norm,
            ACTIVATIONS[config.conv_activation](),
        )


def bottleneck_mlp(size: int, activation: str) -> nn.Sequential:
    """Return Dense(Dense(·, size / 4), size) of eq. 1a, 1b, 2a and 2b, without the sigmoid."""
    hidden = max(1, size // 4)
    return nn.Sequential(
        nn.Linear(size, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, size)
    )


# ── Concurrent axial attention ───────────────────────────────────────────────


class ChannelMask(nn.Module):
    """Adaptive channel embedding: the mask M_ch of eq. 1a to 1c.

    The two descriptors do not share weights, as the equations are written.
    """

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        self.from_max = bottleneck_mlp(channels, activation)
        self.from_mean = bottleneck_mlp(channels, activation)
        self.join = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mask (B, D, 1, 1) of a feature map (B, D, H, W)."""
        x1 = torch.sigmoid(self.from_max(x.amax(dim=(2, 3))))  # (B, D), eq. 1a
        x2 = torch.sigmoid(self.from_mean(x.mean(dim=(2, 3))))  # (B, D), eq. 1b
        mask = torch.sigmoid(self.join(torch.cat([x1, x2], dim=1)))  # (B, D), eq. 1c
        return mask[:, :, None, None]


class AxisMask(nn.Module):
    """Adaptive height or width embedding: the masks M_h of eq. 2a and M_w of eq. 2b.

    Conv(X) squeezes the other axis and all channels to one number per row (or column). The kernel
    of the squeeze ``full_kernel`` spans the whole other axis, which fixes the input size.

    Args:
        channels: D, channels of the feature map.
        length: Rows (or columns) of the map, the numbers of the mask.
        across: Columns (or rows) of the map, which are squeezed.
        config: Chooses the squeeze and the activation.
        axis: 2 for the mask of the rows, 3 for that of the columns.
    """

    def __init__(
        self, channels: int, length: int, across: int, config: ModelConfig, axis: int
    ) -> None:
        super().__init__()
        self.axis = axis
        self.is_mean = config.axis_squeeze == "pointwise_mean"
        kernel = (1, across) if axis == 2 else (across, 1)
        if config.axis_squeeze == "full_kernel":
            self.squeeze: nn.Module = nn.Conv2d(channels, 1, kernel)
        elif config.axis_squeeze == "depthwise":
            self.squeeze = nn.Sequential(
                nn.Conv2d(channels, channels, kernel, groups=channels), nn.Conv2d(channels, 1, 1)
            )
        else:
            self.squeeze = nn.Conv2d(channels, 1, 1)
        self.dense = bottleneck_mlp(length, config.mask_activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mask (B, 1, H, 1) or (B, 1, 1, W) of a feature map (B, D, H, W)."""
        x = self.squeeze(x)  # (B, 1, H, 1) or (B, 1, 1, W); (B, 1, H, W) before the mean
        if self.is_mean:
            x = x.mean(dim=5 - self.axis, keepdim=True)
        mask = torch.sigmoid(self.dense(x.flatten(1)))  # (B, H) or (B, W)
        return mask[:, None, :, None] if self.axis == 2 else mask[:, None, None, :]


class SpatialMask(nn.Module):
    """A joint mask of height and width, for the ablation "MSF + spatial attention" (table 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mask (B, 1, H, W) of a feature map (B, D, H, W)."""
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(pooled))  # (B, 2, H, W) to (B, 1, H, W)


class ConcurrentAxialAttention(nn.Module):
    """The masks of a config, each computed from the same feature map, and their fusion.

    Attributes:
        out_channels: Channels of the output: those of all masked maps together where the fusion is
            ``concat``, else D.
    """

    def __init__(self, channels: int, height: int, width: int, config: ModelConfig) -> None:
        super().__init__()
        masks = {
            "channel": lambda: ChannelMask(channels, config.mask_activation),
            "height": lambda: AxisMask(channels, height, width, config, axis=2),
            "width": lambda: AxisMask(channels, width, height, config, axis=3),
            "spatial": SpatialMask,
        }
        self.masks = nn.ModuleDict({name: masks[name]() for name in config.attention})
        self.fusion = config.fusion
        copies = max(1, len(self.masks)) if config.fusion == "concat" else 1
        self.out_channels = copies * channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the fused masked maps (B, out_channels, H, W) of a feature map (B, D, H, W)."""
        if not self.masks:
            return x
        if self.fusion == "concat":
            return torch.cat([x * mask(x) for mask in self.masks.values()], dim=1)
        fused = torch.ones_like(x[:, :, :1, :1]) if self.fusion == "product" else 0
        for mask in self.masks.values():
            fused = fused * mask(x) if self.fusion == "product" else fused + mask(x)
        return x * fused


# ── Attentive Style Embedding ────────────────────────────────────────────────


class MidLevel(nn.Module):
    """Two parallel paths of convolution and pooling with different kernels, concatenated."""

    def __init__(self, channels: int, config: ModelConfig) -> None:
        super().__init__()
        pool = nn.MaxPool2d if config.mid_level_pool == "max" else nn.AvgPool2d
        self.paths = nn.ModuleList(
            nn.Sequential(
                ConvNormAct(channels, channels, kernel, config),
                pool(kernel, stride=1, padding=kernel // 2),
            )
            for kernel in config.mid_level_kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2C, H, W)."""
        return torch.cat([path(x) for path in self.paths], dim=1)


class MultiScale(nn.Module):
    """Multi-scale feature extraction (MSF): four branches of different kernels, concatenated."""

    def __init__(self, in_channels: int, out_channels: int, config: ModelConfig) -> None:
        super().__init__()
        quarter = out_channels // 4
        rest = out_channels - 3 * quarter
        self.branches = nn.ModuleList(
            [
                ConvNormAct(in_channels, quarter, 1, config),
                self._branch(in_channels, quarter, 3, config),
                self._branch(in_channels, quarter, 5, config),
                nn.Sequential(
                    nn.MaxPool2d(3, stride=1, padding=1), ConvNormAct(in_channels, rest, 1, config)
                ),
            ]
        )

    @staticmethod
    def _branch(in_channels: int, channels: int, kernel: int, config: ModelConfig) -> nn.Module:
        if config.multi_scale == "asymmetric":
            return nn.Sequential(
                ConvNormAct(in_channels, channels, (1, kernel), config),
                ConvNormAct(channels, channels, (kernel, 1), config),
            )
        return ConvNormAct(in_channels, channels, kernel, config)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 2C, H, W) to (B, D, H, W)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, for the ablation "ResNet replacing MSF" (table 4)."""

    def __init__(self, in_channels: int, out_channels: int, config: ModelConfig) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            ConvNormAct(in_channels, out_channels, 3, config),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=not config.batch_norm),
            nn.BatchNorm2d(out_channels) if config.batch_norm else nn.Identity(),
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)
        self.activation = ACTIVATIONS[config.conv_activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H, W)."""
        x = self.activation(self.convs(x) + self.shortcut(x))
        return x


class ASE(nn.Module):
    """Attentive Style Embedding module (section 3.1, figure 2).

    Height and width stay, channels double. Input convolution, mid-level paths, multi-scale feature
    extraction, concurrent axial attention, output convolution. The paper's text lacks the numbers
    in figure 2; ``docs/paper.md`` says which are a choice.
    """

    def __init__(self, channels: int, height: int, width: int, config: ModelConfig) -> None:
        super().__init__()
        attended = config.attention_width * channels  # D
        self.input: nn.Module = nn.Identity()
        if config.input_conv:
            self.input = ConvNormAct(channels, channels, config.kernel, config)
        if config.multi_scale == "residual":
            self.features: nn.Module = ResidualBlock(channels, attended, config)
        else:
            self.features = nn.Sequential(
                MidLevel(channels, config), MultiScale(2 * channels, attended, config)
            )
        self.attention = ConcurrentAxialAttention(attended, height, width, config)
        self.output = ConvNormAct(self.attention.out_channels, 2 * channels, config.kernel, config)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2C, H, W)."""
        x = self.features(self.input(x))  # (B, D, H, W)
        x = self.attention(x)  # (B, out_channels, H, W)
        x = self.output(x)  # (B, 2C, H, W)
        return x


# ── The network ──────────────────────────────────────────────────────────────


class DAtRNet(nn.Module):
    """The network of table 1: a stem, ASE modules after poolings, and two Dense layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.filters
        side = -(-config.image_size // config.stem_stride)
        self.stem = ConvNormAct(3, channels, config.kernel, config, stride=config.stem_stride)
        self.stages = nn.ModuleList()
        for _ in range(config.num_ase):
            side //= 2
            self.stages.append(nn.Sequential(nn.MaxPool2d(2), ASE(channels, side, side, config)))
            channels *= 2
        self.dense = nn.Linear(channels, channels)
        self.activation = ACTIVATIONS[config.head_activation]()
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(channels, config.embedding_size)
        if config.initialization != "torch":
            self.apply(self._initialize)

    def _initialize(self, layer: nn.Module) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            is_kaiming = self.config.initialization == "kaiming"
            (nn.init.kaiming_normal_ if is_kaiming else nn.init.xavier_uniform_)(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def feature_map(self, x: Tensor) -> Tensor:
        """Return the last ASE's output (B, C, H, W) for images (B, 3, S, S)."""
        x = self.stem(x)  # (B, F, S, S)
        for stage in self.stages:
            x = stage(x)  # half the height and width, twice the channels
        return x

    def forward_head(self, x: Tensor) -> Tensor:
        """Return the embeddings (B, E) of images (B, 3, S, S) before L2 normalization.

        Raises:
            ShapeError: The images are not of the config's size.
        """
        side = self.config.image_size
        if x.dim() != 4 or x.shape[1:] != (3, side, side):
            raise ShapeError(
                f"Images have the shape {tuple(x.shape)}; (B, 3, {side}, {side}) is expected."
            )
        x = self.feature_map(x).mean(dim=(2, 3))  # (B, C), global average pooling
        x = self.dropout(self.activation(self.dense(x)))  # (B, C)
        x = self.embedding(x).float()  # (B, E)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Embed images for this super-category.

        Args:
            x: (B, 3, S, S), float32, pixel values scaled to [-1, 1].

        Returns:
            (B, E) embeddings, float32; of length 1 where the config normalizes each block.

        Raises:
            ShapeError: The images are not of the config's size.
        """
        x = self.forward_head(x)
        return F.normalize(x) if self.config.normalize == "block" else x


def to_network_input(pixels: Tensor) -> Tensor:
    """Scale pixels (B, H, W, 3), uint8, to network input (B, 3, H, W), float32 in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)
