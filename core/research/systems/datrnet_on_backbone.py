"""DAtRNet's embedding networks on a backbone, whose map replaces the stem and the first ASEs.

The paper's own network takes images (``core/models/datrnet.py``). This variant uses the same
ImageNet weights as the systems it is compared with. For each super-category it has the last ASE,
pooling and the two Dense layers, trained with the same losses, and prototypes as generic
representations.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.config import ModelConfig, TrainConfig, above_zero, at_least
from datrnet.core.errors import ConfigError
from datrnet.core.models.datrnet import ASE
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.method import (
    Heads,
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
)
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.training.triplets import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class DatrnetOnBackboneConfig(MethodConfig):
    """DAtRNet's embedding networks on a backbone's map."""

    channels: int = 32
    """Channels of the map before the ASE, which doubles them."""
    embedding_size: int = 128
    """Length of the embedding of one super-category."""
    dropout: float = 0.25
    """Dropout in the dense layer after the pooling."""
    margin: float = 0.2
    """Margin of the triplet loss, on the squared L2 of vectors of length 1."""
    proxy_weight: float = 1.0
    """Weight of the proxy loss; as in the config ``small``."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, channels=4, embedding_size=1)
        above_zero(self, "margin")
        if not 0 <= self.dropout < 1 or not 0 <= self.proxy_weight < float("inf"):
            raise ConfigError("dropout must be from 0 to below 1, and proxy_weight at least 0.")


class DatrnetOnBackbone(RetrievalMethod):
    """f_t(x) = Dense(Dense(pooled ASE_t(map))), of length 1; a change inserts a prototype."""

    name = "datrnet-on-backbone"
    feature_kind = "map"

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: DatrnetOnBackboneConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        height, width = backbone.map_size()
        self.networks = Heads(
            EmbeddingNetwork(backbone.map_channels, height, width, config) for _ in num_values
        )
        training = TrainConfig(
            margin=config.margin,
            squared_distance=True,
            mining="violating",
            proxy_weight=config.proxy_weight,
        )
        self._objectives = [Objective(training, num, config.embedding_size) for num in num_values]
        self.proxies = nn.ModuleList(objective.proxies for objective in self._objectives)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f_t for each super-category (B, T, E), each of length 1."""
        feature_map = self.backbone.feature_map(images)
        # the backbone's own feature of the whole image, for all networks
        whole = torch.cat([feature_map.mean(dim=(2, 3)), feature_map.amax(dim=(2, 3))], dim=1)
        blocks = [network(feature_map, whole) for network in self.networks.heads]
        return torch.stack(blocks, dim=1)

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the only stage, of all networks."""
        return (MethodStage("embedding", 1, "images", self.loss, (self,)),)

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return the sum of the networks' losses, without unlabeled images."""
        blocks = self(batch.images)
        losses = []
        for block, sets, objective in zip(
            blocks.unbind(1), batch.value_sets.unbind(1), self._objectives, strict=True
        ):
            labeled = sets[:, 0] >= 0
            if labeled.any():
                losses.append(objective(block[labeled], sets[labeled], warming_up=False)[0])
        return torch.stack(losses).sum() if losses else 0 * blocks.sum()

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of blocks by mean embeddings of length 1."""
        return Replacement(training_set.value_means(self, self.num_values, unit_length=True))


class EmbeddingNetwork(nn.Module):
    """The network of a super-category: maps (B, C, h, w) to (B, E) of length 1."""

    def __init__(
        self, map_channels: int, height: int, width: int, config: DatrnetOnBackboneConfig
    ) -> None:
        super().__init__()
        shape = ModelConfig(fusion="sum")
        wide = 2 * config.channels
        self.narrow = nn.Sequential(
            nn.Conv2d(map_channels, config.channels, 1, bias=False),
            nn.BatchNorm2d(config.channels),
            nn.ReLU(),
        )
        self.ase = ASE(config.channels, height, width, shape)
        self.dense = nn.Linear(wide + 2 * map_channels, 2 * config.embedding_size)
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(2 * config.embedding_size, config.embedding_size)

    def forward(self, feature_map: Tensor, whole: Tensor) -> Tensor:
        """Embed maps (B, C, h, w) and their concatenated means and maxima (B, 2C)."""
        attended = self.ase(self.narrow(feature_map)).mean(dim=(2, 3))
        hidden = self.dropout(self.dense(torch.cat([attended, whole], dim=1)).relu())
        return F.normalize(self.embedding(hidden).float())
