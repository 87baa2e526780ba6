"""ADDE-M: an embedding for each super-category, and a memory that is added to their concatenation.

References:
    Hou, Vig, Donoser, Bazzani, Learning Attribute-Driven Disentangled Representations for
    Interactive Fashion Retrieval, ICCV 2021.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.config import above_zero, at_least, check_shares
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.method import (
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
    TripletBatch,
    joint_embedding,
)
from datrnet.core.research.systems.parts import (
    Heads,
    Memory,
    classification_loss,
    exchanged_values,
    margin_loss,
    mean_of_samples,
    mlp,
    one_hots,
    semi_hard_loss,
)
from datrnet.core.retrieval.manipulation import Addition


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeConfig(MethodConfig):
    """ADDE-M (Hou et al., ICCV 2021); the defaults are those of the authors' command."""

    embedding_size: int = 340
    """Length of the embedding of one super-category."""
    margin: float = 0.5
    """Margin of all triplet losses, on vectors of length 1."""
    classification_weight: float = 0.2
    """Weight of the cross entropies."""
    category_weight: float = 0.2
    """Weight of the triplet loss of each super-category, in the first stage."""
    ranking_weight: float = 1.0
    """Weight of the triplet losses of concatenated embeddings."""
    consistency: bool = True
    """Whether to train embeddings to be the sum of their values' prototypes."""
    consistency_weight: float = 1.0
    """Weight of the consistency loss."""
    block_diagonal: bool = True
    """Whether a prototype is penalized outside its own super-category's block."""
    block_diagonal_weight: float = 0.4
    """Weight of that penalty."""
    memory_items: int = 100
    """Items drawn for each value; their mean is its initial prototype."""
    encoder_share: float = 0.5
    """Share of the budget for the encoder, before the memory is filled: 25 of 50 epochs."""
    triplets: str = ""
    """A split folder in ADDE's format whose triplets the last stage trains on; if empty, triplets
    are drawn for each epoch."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, embedding_size=1, memory_items=1)
        at_least(self, classification_weight=0, category_weight=0, ranking_weight=0)
        at_least(self, consistency_weight=0, block_diagonal_weight=0)
        above_zero(self, "margin")
        check_shares(self, "encoder_share")


class AddeM(RetrievalMethod):
    """f(x) = [f_1(x); …; f_T(x)]; f' = f(q) + W i exchanges values, i in {-1, 0, 1} a value."""

    name = "adde-m"
    block_diagonal: Tensor

    def __init__(self, backbone: Backbone, num_values: tuple[int, ...], config: AddeConfig) -> None:
        super().__init__(backbone, num_values)
        self.config = config
        size, num_blocks = config.embedding_size, len(num_values)
        self.projections = Heads(mlp(backbone.feature_size, size, size) for _ in num_values)
        self.classifiers = Heads(nn.Linear(size, num) for num in num_values)
        self.memory = Memory(num_blocks * size, num_values)
        categories = [idx for idx, num in enumerate(num_values) for _ in range(num)]
        category_of_row = torch.arange(num_blocks * size) // size
        own = (category_of_row[:, None] == torch.tensor(categories)).float()
        self.register_buffer("block_diagonal", own, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f (B, T, E), not normalized, as the memory is added to it."""
        return torch.stack(self.projections(self.backbone(images)), dim=1).float()

    def changed_blocks(
        self, blocks: Tensor, labels: Tensor, targets: Tensor, changed: Tensor
    ) -> Tensor:
        """Return f' = f + W i (B, T, E).

        Args:
            blocks: (B, T, E) of images.
            labels: (B, T) current values, -1 where unlabeled: nothing is subtracted.
            targets: (B, T) requested values.
            changed: (B, T) where a value is requested.
        """
        exchange = exchanged_values(labels, targets, changed, self.num_values)
        added: Tensor = self.memory(exchange)
        return blocks + added.view_as(blocks)

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the stages of the encoder, and of encoder and memory on triplets."""
        share = self.config.encoder_share
        encoder = (self.backbone, self.projections, self.classifiers)
        return (
            MethodStage("encoder", share, "images", self.encoding, encoder),
            MethodStage(
                "manipulation", 1 - share, "triplets", self.joint, (self,), self.fill_memory
            ),
        )

    def encoding(self, batch: ImageBatch) -> Tensor:
        """Return L1: classification and triplets of each block, and triplets of label vectors.

        Unlabeled images are positives of each other in a block's triplets, as in the authors' code.
        """
        config, blocks = self.config, self(batch.images)
        own = torch.stack(
            [
                semi_hard_loss(F.normalize(block), labels, config.margin)
                for block, labels in zip(blocks.unbind(1), batch.labels.unbind(1), strict=True)
            ]
        ).sum()
        whole = semi_hard_loss(joint_embedding(blocks), batch.labels, config.margin)
        return (
            config.classification_weight
            * classification_loss(self.classifiers(blocks), batch.labels)
            + config.category_weight * own
            + config.ranking_weight * whole
        )

    def fill_memory(self, training_set: TrainingSet) -> None:
        """Start with the mean embedding of items drawn for each value, in its own block's rows."""
        means = mean_of_samples(training_set, self, self.num_values, self.config.memory_items)
        columns = [
            np.pad(block[:, None], ((0, 0), (idx, len(means) - 1 - idx), (0, 0)))
            for idx, block in enumerate(means)
        ]  # T times (V, T, E)
        self.memory.fill(np.concatenate(columns).reshape(sum(self.num_values), -1))

    def joint(self, batch: TripletBatch) -> Tensor:
        """Return L3: classification, both triplet losses of f', and the regularization of W."""
        config = self.config
        blocks = self(batch.images)
        reference, positive, negative = blocks.chunk(3)
        changed = self.changed_blocks(
            reference, batch.reference_labels, batch.positive_labels, batch.changed
        )
        loss = config.classification_weight * (
            self._classification_of_each(blocks, batch)
            + classification_loss(self.classifiers(changed), batch.positive_labels)
        )
        compared = [joint_embedding(part) for part in (changed, positive, negative)]
        ranking = margin_loss(*compared, margin=config.margin)
        # f' has the labels of the positive
        vectors = joint_embedding(torch.cat([reference, changed, negative]))
        semi_hard = semi_hard_loss(vectors, batch.labels, config.margin)
        loss = loss + config.ranking_weight * (ranking + semi_hard)
        if config.consistency:
            loss = loss + config.consistency_weight * self._inconsistency(
                reference, changed, negative, batch
            )
        if config.block_diagonal:
            loss = loss + config.block_diagonal_weight * self._off_diagonal()
        return loss

    def manipulation(self, training_set: TrainingSet) -> Addition:
        """Return the addition of the memory; distances compare vectors of length 1."""
        return Addition(self.memory.array(training_set, self.num_values), self.num_values)

    def _classification_of_each(self, blocks: Tensor, batch: TripletBatch) -> Tensor:
        """Return Σ_t CE(reference) + CE(positive) + CE(negative)."""
        each = (batch.reference_labels, batch.positive_labels, batch.negative_labels)
        losses = [
            classification_loss(self.classifiers(part), labels)
            for part, labels in zip(blocks.chunk(3), each, strict=True)
        ]
        return torch.stack(losses).sum()

    def _inconsistency(
        self, reference: Tensor, changed: Tensor, negative: Tensor, batch: TripletBatch
    ) -> Tensor:
        """Return the mean L1 between embeddings and the sum of their labels' prototypes."""
        pairs = (
            (changed, batch.positive_labels),
            (reference, batch.reference_labels),
            (negative, batch.negative_labels),
        )
        losses = [
            F.l1_loss(self.memory(one_hots(labels, self.num_values)), blocks.flatten(1))
            for blocks, labels in pairs
        ]
        return torch.stack(losses).sum()

    def _off_diagonal(self) -> Tensor:
        """Return Σ |N ∘ W|, with N 1 where a value writes into another super-category's block."""
        return ((1 - self.block_diagonal) * self.memory.weight).abs().sum()
