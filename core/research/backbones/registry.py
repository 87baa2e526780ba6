"""The backbones by name."""

from pathlib import Path

from datrnet.core.errors import UnknownNameError
from datrnet.core.research.backbones.alexnet import AlexNet
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.efficientnet_lite import EfficientNetLite0
from datrnet.core.research.backbones.frozen import Frozen
from datrnet.core.research.backbones.resnet import ResNet50
from datrnet.core.research.backbones.vit import ViTB16

BACKBONES: dict[str, type[Backbone]] = {
    backbone.name: backbone for backbone in (AlexNet, ResNet50, ViTB16, EfficientNetLite0)
}


def make_backbone(
    name: str, *, image_size: int, weights: Path | None = None, frozen: bool = False
) -> Backbone:
    """Make a backbone, with random weights or those of a file.

    Args:
        name: One of ``BACKBONES``.
        image_size: Side S of the images.
        weights: A safetensors file or a PyTorch state dict with the names of the public ImageNet
            weights. Without a file the weights are random, except that
            ``efficientnet_lite0`` has its installed ImageNet weights.
        frozen: Whether it is not trained; see ``Frozen``.

    Raises:
        UnknownNameError: No backbone has that name.
        ConfigError: It does not support the image size, or is not installed.
        CheckpointError: The file has no weights of this network.
    """
    if name not in BACKBONES:
        raise UnknownNameError("backbone", name, BACKBONES)
    backbone = BACKBONES[name](image_size)
    path = weights or backbone.bundled_weights()
    if path is not None:
        backbone.load(path)
    return Frozen(backbone) if frozen else backbone
