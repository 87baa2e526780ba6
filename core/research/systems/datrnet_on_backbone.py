"""DAtRNet's embedding networks on a backbone, whose map replaces the stem and the first ASEs.

The paper's own network takes images (``core/models/datrnet.py``). This variant uses the same
ImageNet weights as the systems it is compared with. For each super-category it has the last ASE,
pooling and the two Dense layers, trained with the same losses, and prototypes as generic
representations.
"""

from dataclasses import dataclass
from typing import Literal

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
    classification_loss,
    one_hot_replacement,
    padded_blocks,
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
    with_feature: bool = False
    """Whether the dense layer sees the backbone's feature, with the thumbnail if it is frozen,
    instead of the map's means and maxima."""
    objective: Literal["triplet", "classification"] = "triplet"
    """Whether to train with triplets and proxies, or, as a control, a linear classifier of each
    embedding with cross entropy alone."""
    blocks: Literal["embeddings", "logits"] = "embeddings"
    """What queries and items are compared by; ``logits`` are the classifiers' outputs."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, channels=4, embedding_size=1)
        above_zero(self, "margin")
        if not 0 <= self.dropout < 1 or not 0 <= self.proxy_weight < float("inf"):
            raise ConfigError("dropout must be from 0 to below 1, and proxy_weight at least 0.")
        if self.blocks == "logits" and self.objective != "classification":
            raise ConfigError(
                "blocks is 'logits', and without a classifier there are none.",
                hint='Set objective = "classification".',
            )


class DatrnetOnBackbone(RetrievalMethod):
    """f_t(x) = Dense(Dense(pooled ASE_t(map))), of length 1; a change inserts a prototype."""

    name = "datrnet-on-backbone"
    config: DatrnetOnBackboneConfig

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: DatrnetOnBackboneConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        self.feature_kind = "both" if config.with_feature else "map"
        height, width = backbone.map_size()
        channels = backbone.map_channels
        whole_size = backbone.feature_size if config.with_feature else 2 * channels
        self._networks = [
            EmbeddingNetwork(channels, height, width, whole_size, config) for _ in num_values
        ]
        self.networks = Heads(self._networks)
        self._objectives: list[Objective] = []
        if config.objective == "classification":
            self.heads = Heads(nn.Linear(config.embedding_size, num) for num in num_values)
            return
        training = TrainConfig(
            margin=config.margin,
            squared_distance=True,
            mining="violating",
            proxy_weight=config.proxy_weight,
        )
        self._objectives = [Objective(training, num, config.embedding_size) for num in num_values]
        self.proxies = nn.ModuleList(objective.proxies for objective in self._objectives)

    def embeddings(self, images: Tensor) -> Tensor:
        """Return f_t for each super-category (B, T, E), not normalized."""
        if self.config.with_feature:
            feature_map, whole = self.backbone.map_and_feature(images)
        else:
            feature_map = self.backbone.feature_map(images)
            # the whole image, for all networks
            whole = torch.cat([feature_map.mean(dim=(2, 3)), feature_map.amax(dim=(2, 3))], dim=1)
        # all networks begin with a convolution of the same map: one pass is several times as fast,
        # and pooling is faster in this layout
        feature_map = feature_map.contiguous(memory_format=torch.channels_last)
        weights = torch.cat([network.first.weight for network in self._networks])
        narrow = F.conv2d(feature_map, weights).chunk(len(self._networks), dim=1)
        blocks = [network(own, whole) for network, own in zip(self._networks, narrow, strict=True)]
        return torch.stack(blocks, dim=1).float()

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f_t for each super-category (B, T, E), each of length 1.

        Or return the logits (B, T, V) of the values.
        """
        embeddings = self.embeddings(images)
        if self.config.blocks == "logits":
            return padded_blocks(self.heads(embeddings), max(self.num_values))
        return F.normalize(embeddings, dim=2)

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the only stage, of all networks."""
        return (MethodStage("embedding", 1, "images", self.loss, (self,)),)

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return the sum of the networks' losses, without unlabeled images."""
        embeddings = self.embeddings(batch.images)
        if self.config.objective == "classification":
            return classification_loss(self.heads(embeddings), batch.labels)
        blocks, losses = F.normalize(embeddings, dim=2), []
        for block, sets, objective in zip(
            blocks.unbind(1), batch.value_sets.unbind(1), self._objectives, strict=True
        ):
            labeled = sets[:, 0] >= 0
            if labeled.any():
                losses.append(objective(block[labeled], sets[labeled], warming_up=False)[0])
        return torch.stack(losses).sum() if losses else 0 * blocks.sum()

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of blocks by mean embeddings of length 1, or of logits."""
        if self.config.blocks == "logits":
            return one_hot_replacement(self.num_values)
        return Replacement(training_set.value_means(self, self.num_values, unit_length=True))


class EmbeddingNetwork(nn.Module):
    """The network of a super-category: maps (B, C, h, w) to (B, E)."""

    def __init__(
        self,
        map_channels: int,
        height: int,
        width: int,
        whole_size: int,
        config: DatrnetOnBackboneConfig,
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
        self.ase.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dense = nn.Linear(wide + whole_size, 2 * config.embedding_size)
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(2 * config.embedding_size, config.embedding_size)

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that all networks begin with."""
        first = self.narrow[0]
        assert isinstance(first, nn.Conv2d)
        return first

    def forward(self, narrow: Tensor, whole: Tensor) -> Tensor:
        """Embed its first convolution of maps (B, C', h, w) and vectors (B, W) of the images."""
        attended = self.ase(self.narrow[1:](narrow)).mean(dim=(2, 3))
        hidden = self.dropout(self.dense(torch.cat([attended, whole], dim=1)).relu())
        embedding: Tensor = self.embedding(hidden)
        return embedding
