"""AlexNet, in the variant with one column of filters that public ImageNet weights are made for.

References:
    Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014.
"""

from typing import ClassVar

from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone

POOL5 = 12
"""Place of the last pooling among the features; before it stands conv5 with its ReLU."""


class AlexNet(Backbone):
    """Five convolutions and two Linear layers.

    The pooled feature is the second Linear layer's output without the ReLU that would follow it:
    ADDE's choice, so that its released weights mean the same here. The map is conv5 after its ReLU,
    before the last pooling: 256 × 13 × 13 at 224 pixels.
    """

    name: ClassVar[str] = "alexnet"
    feature_size: ClassVar[int] = 4096
    map_channels: ClassVar[int] = 256
    head: ClassVar[str] = "classifier.6."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        # the numbers of the layers are the names of the public weights: 0, 3, 6, 8, 10 and 1, 4
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
        )
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
        conv5: Tensor = self.features[:POOL5](self.normalize(images))
        return conv5

    def pool(self, feature_map: Tensor) -> Tensor:
        """Return the second Linear layer's output (B, 4096) of conv5 (B, 256, h, w)."""
        # below 63 pixels the map is smaller than the window of the last pooling
        pooled = self.features[POOL5](feature_map) if feature_map.shape[-1] >= 3 else feature_map
        feature: Tensor = self.classifier(self.avgpool(pooled).flatten(1))
        return feature
