"""The Attentive Style Embedding module (section 3.1, figure 2).

Height and width stay, channels double: input convolution, mid-level paths, multi-scale feature
extraction, concurrent axial attention, output convolution. The drawing of figure 2 is not in the
paper's text; ``docs/paper.md`` says which parts are a choice.
"""

import torch
from torch import Tensor, nn

from datrnet.core.config import ModelConfig
from datrnet.core.models.attention import ConcurrentAxialAttention

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}


class ConvUnit(nn.Sequential):
    """A convolution that keeps height and width (at stride 1), its normalisation and activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        config: ModelConfig,
        *,
        stride: int = 1,
    ) -> None:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels,
                out_channels,
                (rows, columns),
                stride=stride,
                padding=(rows // 2, columns // 2),
                bias=not config.batch_norm,
            )
        ]
        if config.batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(ACTIVATIONS[config.conv_activation]())
        super().__init__(*layers)


class MidLevel(nn.Module):
    """Two parallel paths of convolution and pooling with different kernels, concatenated."""

    def __init__(self, channels: int, config: ModelConfig) -> None:
        super().__init__()
        pool = nn.MaxPool2d if config.mid_level_pool == "max" else nn.AvgPool2d
        self.paths = nn.ModuleList(
            nn.Sequential(
                ConvUnit(channels, channels, kernel, config),
                pool(kernel, stride=1, padding=kernel // 2),
            )
            for kernel in config.mid_level_kernels
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2C, H, W)."""
        return torch.cat([path(images) for path in self.paths], dim=1)


class MultiScale(nn.Module):
    """Four branches that see the map at different scales, concatenated."""

    def __init__(self, in_channels: int, out_channels: int, config: ModelConfig) -> None:
        super().__init__()
        quarter = out_channels // 4
        last = out_channels - 3 * quarter
        self.branches = nn.ModuleList(
            [
                ConvUnit(in_channels, quarter, 1, config),
                self._spanning(in_channels, quarter, 3, config),
                self._spanning(in_channels, quarter, 5, config),
                nn.Sequential(
                    nn.MaxPool2d(3, stride=1, padding=1), ConvUnit(in_channels, last, 1, config)
                ),
            ]
        )

    @staticmethod
    def _spanning(in_channels: int, channels: int, kernel: int, config: ModelConfig) -> nn.Module:
        if config.multi_scale == "asymmetric":
            return nn.Sequential(
                ConvUnit(in_channels, channels, (1, kernel), config),
                ConvUnit(channels, channels, (kernel, 1), config),
            )
        return ConvUnit(in_channels, channels, kernel, config)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 2C, H, W) to (B, D, H, W)."""
        return torch.cat([branch(images) for branch in self.branches], dim=1)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, for the ablation "ResNet replacing MSF"."""

    def __init__(self, in_channels: int, out_channels: int, config: ModelConfig) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            ConvUnit(in_channels, out_channels, 3, config),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=not config.batch_norm),
            nn.BatchNorm2d(out_channels) if config.batch_norm else nn.Identity(),
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)
        self.activation = ACTIVATIONS[config.conv_activation]()

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H, W)."""
        mapped: Tensor = self.activation(self.convs(images) + self.shortcut(images))
        return mapped


class ASE(nn.Module):
    """One Attentive Style Embedding module: (B, C, H, W) to (B, 2C, H, W)."""

    def __init__(self, channels: int, height: int, width: int, config: ModelConfig) -> None:
        super().__init__()
        attended = config.attention_width * channels
        self.input = (
            ConvUnit(channels, channels, config.kernel, config)
            if config.input_conv
            else nn.Identity()
        )
        if config.multi_scale == "residual":
            self.features: nn.Module = ResidualBlock(channels, attended, config)
        else:
            self.features = nn.Sequential(
                MidLevel(channels, config), MultiScale(2 * channels, attended, config)
            )
        self.attention = ConcurrentAxialAttention(attended, height, width, config)
        self.output = ConvUnit(self.attention.out_channels, 2 * channels, config.kernel, config)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2C, H, W)."""
        images = self.features(self.input(images))  # (B, D, H, W)
        mapped: Tensor = self.output(self.attention(images))  # (B, 2C, H, W)
        return mapped
