"""ResNet-50, with the stride in the 3 × 3 convolution as the public ImageNet weights have it.

References:
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from typing import ClassVar

from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone

WIDENING = 4
"""How many times wider a block's output is than its middle."""


class Bottleneck(nn.Module):
    """Three convolutions, 1 × 1, 3 × 3 and 1 × 1, and a shortcut."""

    def __init__(self, in_channels: int, middle: int, stride: int) -> None:
        super().__init__()
        out_channels = WIDENING * middle
        self.conv1 = nn.Conv2d(in_channels, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            if stride != 1 or in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 4 · middle, H / stride, W / stride)."""
        mapped = self.relu(self.bn1(self.conv1(images)))
        mapped = self.relu(self.bn2(self.conv2(mapped)))
        mapped = self.bn3(self.conv3(mapped)) + self.downsample(images)
        activated: Tensor = self.relu(mapped)
        return activated


class ResNet50(Backbone):
    """A stem and 3, 4, 6 and 3 bottleneck blocks; the pooled feature is the map's mean."""

    name: ClassVar[str] = "resnet50"
    feature_size: ClassVar[int] = 2048
    map_channels: ClassVar[int] = 2048
    head: ClassVar[str] = "fc."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _blocks(3, 64, 64, stride=1)
        self.layer2 = _blocks(4, 256, 128, stride=2)
        self.layer3 = _blocks(6, 512, 256, stride=2)
        self.layer4 = _blocks(3, 1024, 512, stride=2)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, images: Tensor) -> Tensor:
        """Return layer4's output (B, 2048, S / 32, S / 32) of images (B, 3, S, S) in [-1, 1]."""
        mapped = self.maxpool(self.relu(self.bn1(self.conv1(self.normalize(images)))))
        layer4: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(mapped))))
        return layer4


def _blocks(num: int, in_channels: int, middle: int, *, stride: int) -> nn.Sequential:
    """Return the blocks of one resolution; the first one comes from the one before."""
    return nn.Sequential(
        Bottleneck(in_channels, middle, stride),
        *(Bottleneck(WIDENING * middle, middle, 1) for _ in range(num - 1)),
    )
