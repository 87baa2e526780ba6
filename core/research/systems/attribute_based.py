"""Attribute-based retrieval: predict an image's values, replace the changed ones, compare.

The baseline of FashionSearchNet's papers, which do not publish its details. Here a linear head per
super-category classifies the backbone's pooled feature, and distances compare probabilities.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.method import (
    Heads,
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
    classification_loss,
)
from datrnet.core.retrieval.manipulation import Replacement


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeBasedConfig(MethodConfig):
    """Attribute-based retrieval."""

    hard: bool = False
    """Whether to compare the most probable values instead of probabilities; the squared
    distance is then twice the number of differing values, with ties in gallery order (open)."""


class AttributeBased(RetrievalMethod):
    """v(x) = [p_1(x); …; p_T(x)], the predicted probabilities of all values."""

    name = "attribute-based"
    config: AttributeBasedConfig

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: AttributeBasedConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        self.heads = Heads(nn.Linear(backbone.feature_size, num) for num in num_values)
        self.block_size = max(num_values)

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities (B, T, V) of each super-category's values, padded with 0."""
        blocks = []
        for logits in self.heads(self.backbone(images)):
            block = logits.float().softmax(dim=1)
            if self.config.hard:
                block = F.one_hot(block.argmax(dim=1), block.shape[1]).float()
            blocks.append(F.pad(block, (0, self.block_size - block.shape[1])))
        return torch.stack(blocks, dim=1)

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the only stage: classification."""
        return (MethodStage("classification", 1, "images", self.loss, (self,)),)

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return Σ_t CE_t."""
        return classification_loss(self.heads(self.backbone(batch.images)), batch.labels)

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of a block by the requested value's one-hot vector."""
        one_hots = tuple(np.eye(num, self.block_size, dtype=np.float32) for num in self.num_values)
        return Replacement(one_hots, are_means=False)
