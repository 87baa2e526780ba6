"""Attribute-based retrieval: predict an image's values, replace the changed ones, compare.

The baseline of FashionSearchNet's papers, which do not publish its details. Here a linear head per
super-category classifies the backbone's pooled feature. Distances compare probabilities; match
scores rank by log-probability, for which blocks are logits.
"""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.errors import ConfigError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeBasedConfig(MethodConfig):
    """Attribute-based retrieval."""

    hard: bool = False
    """Whether to compare the most probable values instead of probabilities; the squared
    distance is then twice the number of differing values, with ties in gallery order (open)."""
    blocks: Literal["probabilities", "logits"] = "probabilities"
    """What is compared. Of logits, match scores are the log-probabilities of the wanted values,
    but for a temperature; distances of logits mean little (open)."""

    def __post_init__(self) -> None:
        """Check that the settings agree."""
        if self.hard and self.blocks == "logits":
            raise ConfigError("hard compares values, not logits.", hint="Leave out one of the two.")


class AttributeBased(RetrievalMethod):
    """v(x) = [p_1(x); …; p_T(x)], the predicted probabilities of all values, or their logits."""

    name = "attribute-based"
    config: AttributeBasedConfig

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: AttributeBasedConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        self.heads = Heads(nn.Linear(backbone.feature_size, num) for num in num_values)

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities or logits (B, T, V) of the values, padded with 0."""
        blocks = self.heads(self.backbone(images))
        if self.config.blocks == "probabilities":
            blocks = tuple(logits.float().softmax(dim=1) for logits in blocks)
        if self.config.hard:
            blocks = tuple(F.one_hot(block.argmax(dim=1), block.shape[1]) for block in blocks)
        return padded_blocks(blocks, max(self.num_values))

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the only stage: classification."""
        return (MethodStage("classification", 1, "images", self.loss, (self,)),)

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return Σ_t CE_t."""
        return classification_loss(self.heads(self.backbone(batch.images)), batch.labels)

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of a block by the requested value's one-hot vector."""
        return one_hot_replacement(self.num_values)
