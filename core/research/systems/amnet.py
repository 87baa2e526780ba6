"""AMNet: a memory of prototypes and one layer that fuses them with an entangled feature.

References:
    Zhao, Feng, Wu, Yan, Memory-Augmented Attribute Manipulation Networks for Interactive Fashion
    Search, CVPR 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.config import above_zero, at_least, check_shares
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.method import (
    Heads,
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
    classification_loss,
    margin_loss,
    mlp,
)
from datrnet.core.retrieval.manipulation import Fusion


@dataclass(frozen=True, slots=True, kw_only=True)
class AMNetConfig(MethodConfig):
    """AMNet (Zhao et al., CVPR 2017)."""

    feature_size: int = 0
    """Length d of the feature; 0 takes the backbone's, any other length adds a layer."""
    head_size: int = 340
    """Hidden units of a super-category's classification head (open)."""
    margin: float = 0.5
    """Margin of the ranking loss, on the L2 of features of length 1 (open)."""
    classification_weight: float = 0.2
    """Weight of the cross entropies beside the ranking loss (open)."""
    classification_share: float = 0.5
    """Share of the budget for classification alone, before the memory is filled (open)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, feature_size=0, classification_weight=0)
        at_least(self, head_size=1)
        above_zero(self, "margin")
        check_shares(self, "classification_share")


class Memory(nn.Module):
    """A matrix (R, S), a column for each of S values; a read is its product with an address."""

    def __init__(self, num_rows: int, num_values: Sequence[int]) -> None:
        super().__init__()
        self.num_values = num_values
        self.weight = nn.Parameter(torch.zeros(num_rows, sum(num_values)))

    def forward(self, addresses: Tensor) -> Tensor:
        """Return the content (B, R) at addresses (B, S)."""
        return F.linear(addresses, self.weight).float()

    @torch.no_grad()
    def fill(self, columns: NDArray[np.float32]) -> None:
        """Set the prototype (S, R) of each value; 0 where it is NaN, as no item carries it."""
        self.weight.copy_(torch.from_numpy(np.nan_to_num(columns)).T)

    def array(self, training_set: TrainingSet) -> NDArray[np.float32]:
        """Return the matrix, NaN in the columns of values that no item carries: untrained."""
        is_carried = np.zeros(sum(self.num_values), dtype=bool)
        matrix: NDArray[np.float32] = self.weight.detach().float().cpu().numpy().copy()
        for labels in torch.from_numpy(training_set.value_sets).long().unbind(2):
            is_carried |= one_hots(labels, self.num_values).any(dim=0).numpy()
        matrix[:, ~is_carried] = np.nan
        return matrix


def one_hots(labels: Tensor, num_values: Sequence[int]) -> Tensor:
    """Return a row of S numbers for each row of labels (B, T): 1 at each label, else 0."""
    # the entry of -1 is cut off
    parts = [
        F.one_hot(column + 1, num + 1)[:, 1:]
        for column, num in zip(labels.unbind(1), num_values, strict=True)
    ]
    return torch.cat(parts, dim=1).float()


class AMNet(RetrievalMethod):
    """A single feature h; h' = ReLU(W [h ; M t] + c) is the feature after a change."""

    name = "amnet"
    config: AMNetConfig

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: AMNetConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        size = config.feature_size or backbone.feature_size
        # ends in a ReLU like fc7 and the fused feature
        self.projection = (
            nn.Sequential(nn.Linear(backbone.feature_size, size), nn.ReLU())
            if config.feature_size
            else nn.Identity()
        )
        self.heads = Heads(mlp(size, config.head_size, num) for num in num_values)
        self.memory = Memory(size, num_values)
        self.fusion = nn.Linear(2 * size, size)

    def feature(self, images: Tensor) -> Tensor:
        """Return the entangled feature h (B, d)."""
        feature: Tensor = self.projection(self.backbone(images)).float()
        return feature

    def changed_feature(self, feature: Tensor, targets: Tensor, changed: Tensor) -> Tensor:
        """Return h' (B, d) of features (B, d), requested values (B, T) and the changes (B, T)."""
        address = one_hots(targets.masked_fill(~changed, -1), self.num_values)
        read = self.memory(address)  # M t
        fused: Tensor = self.fusion(torch.cat([feature, read], dim=1))
        return fused.relu().float()

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: h as a single block (B, 1, d)."""
        return self.feature(images)[:, None]

    def stages(self) -> tuple[MethodStage, ...]:
        """Return classification; then, with the memory filled, all parameters on triplets."""
        share = self.config.classification_share
        classified = (self.backbone, self.projection, self.heads)
        return (
            MethodStage("classification", share, "images", self.classification, classified),
            MethodStage(
                "manipulation", 1 - share, "triplets", self.joint, (self,), self.fill_memory
            ),
        )

    def classification(self, batch: ImageBatch) -> Tensor:
        """Return Σ_t CE_t."""
        return classification_loss(self.heads(self.feature(batch.images)), batch.labels)

    def fill_memory(self, training_set: TrainingSet) -> None:
        """Start with the mean feature of the items that carry a value."""
        means = training_set.value_means(self.feature, self.num_values, unit_length=False)
        self.memory.fill(np.concatenate(means))

    def joint(self, batch: ImageBatch) -> Tensor:
        """Return L_rank + λ L_cls, where h' has the labels of the positive."""
        features = self.feature(batch.images)
        reference, positive, negative = features.chunk(3)
        own, wanted, _ = batch.labels.chunk(3)
        changed = self.changed_feature(reference, wanted, own != wanted)
        vectors = [F.normalize(part) for part in (changed, positive, negative)]
        classification = classification_loss(self.heads(features), batch.labels)
        classification = classification + classification_loss(self.heads(changed), wanted)
        weighted = self.config.classification_weight * classification
        return margin_loss(*vectors, margin=self.config.margin) + weighted

    def manipulation(self, training_set: TrainingSet) -> Fusion:
        """Return the fusion with the memory; without a change the query is h itself."""
        return Fusion(
            memory=self.memory.array(training_set),
            weight=self.fusion.weight.detach().float().cpu().numpy(),
            bias=self.fusion.bias.detach().float().cpu().numpy(),
            counts=self.num_values,
        )
