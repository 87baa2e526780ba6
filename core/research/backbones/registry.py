"""Which backbones there are, and how one is made from its name."""

from pathlib import Path

from datrnet.core.errors import UnknownNameError
from datrnet.core.research.backbones.alexnet import AlexNet
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.efficientnet_lite import EfficientNetLite0
from datrnet.core.research.backbones.frozen import Frozen
from datrnet.core.research.backbones.resnet import ResNet50
from datrnet.core.research.backbones.vit import ViTB16

BACKBONES: dict[str, type[Backbone]] = {
    one.name: one for one in (AlexNet, ResNet50, ViTB16, EfficientNetLite0)
}


def make_backbone(
    name: str, *, image_size: int, weights: Path | None = None, frozen: bool = False
) -> Backbone:
    """Make a backbone, with the weights of a file or afresh.

    Args:
        name: One of ``BACKBONES``.
        image_size: Side S of the pictures it will see.
        weights: A safetensors file or a PyTorch state dict with the names of the public ImageNet
            weights. Without one the network begins as its authors began, but for
            ``efficientnet_lite0``, which then takes the ImageNet weights installed with it.
        frozen: Whether it stays as it begins; see ``Frozen``.

    Raises:
        UnknownNameError: No backbone has that name.
        ConfigError: It takes no pictures of that size, or is not installed.
        CheckpointError: The file is no weight file, or one of another network.
    """
    if name not in BACKBONES:
        raise UnknownNameError("backbone", name, BACKBONES)
    backbone = BACKBONES[name](image_size)
    path = weights or backbone.bundled_weights()
    if path is not None:
        backbone.load(path)
    return Frozen(backbone) if frozen else backbone
