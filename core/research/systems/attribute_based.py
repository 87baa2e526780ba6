"""Attribute-based retrieval: predict an image's values, replace those that change, compare.

The baseline of FashionSearchNet's papers, whose details are not public. Here a linear head for each
super-category takes the backbone's pooled feature, and the heads' probabilities are compared.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.research.systems.method import (
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
)
from datrnet.core.research.systems.parts.heads import Heads
from datrnet.core.research.systems.parts.losses import classification_loss
from datrnet.core.retrieval.manipulation import Replacement

if TYPE_CHECKING:
    from datrnet.core.research.backbones import Backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeBasedConfig(MethodConfig):
    """The settings of attribute-based retrieval."""

    hard: bool = False
    """Whether the likeliest values replace the probabilities; the distance is then the number of
    differing values, and equally distant items keep their order (open)."""


class AttributeBased(RetrievalMethod):
    """v(x) = [p_1(x); …; p_T(x)], the predicted probabilities of all values."""

    name = "attribute-based"

    def __init__(
        self, backbone: "Backbone", num_values: tuple[int, ...], config: AttributeBasedConfig
    ) -> None:
        super().__init__(backbone, num_values)
        self.config = config
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
        return (
            MethodStage(
                name="classification", share=1, batches="images", loss=self.loss, trainable=(self,)
            ),
        )

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return Σ_t CE_t."""
        return classification_loss(self.heads(self.backbone(batch.images)), batch.labels)

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of a block by the one-hot vector of the wanted value."""
        one_hots = tuple(np.eye(num, self.block_size, dtype=np.float32) for num in self.num_values)
        return Replacement(one_hots, are_means=False)
