"""ADDE-M: an embedding for each super-category, and a memory that is added to their concatenation.

References:
    Hou, Vig, Donoser, Bazzani, Learning Attribute-Driven Disentangled Representations for
    Interactive Fashion Retrieval, ICCV 2021.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.catalog.value_sets import share_value
from datrnet.core.config import above_zero, at_least, check_shares
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.amnet import Memory, one_hots
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
    config: AddeConfig
    off_diagonal: Tensor
    """(E·T, S), 1 where a value writes into another super-category's block."""

    def __init__(self, backbone: Backbone, num_values: tuple[int, ...], config: AddeConfig) -> None:
        super().__init__(backbone, num_values, config)
        size = config.embedding_size
        self.projections = Heads(mlp(backbone.feature_size, size, size) for _ in num_values)
        self.classifiers = Heads(nn.Linear(size, num) for num in num_values)
        self.memory = Memory(len(num_values) * size, num_values)
        blocks = [torch.ones(size, num) for num in num_values]
        own = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
        self.register_buffer("off_diagonal", 1 - own, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f (B, T, E), not normalized, as the memory is added to it."""
        return torch.stack(self.projections(self.backbone(images)), dim=1).float()

    def changed_blocks(self, blocks: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
        """Return f' = f + W i (B, T, E), with i 1 at a requested value and -1 at the current one.

        Args:
            blocks: (B, T, E) of images.
            labels: (B, T) current values, -1 where unlabeled: nothing is subtracted.
            targets: (B, T) the same values, but for those that are requested.
        """
        exchange = one_hots(targets, self.num_values) - one_hots(labels, self.num_values)
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
        of_each = [
            semi_hard_loss(F.normalize(block), sets[:, None], config.margin)
            for block, sets in zip(blocks.unbind(1), batch.value_sets.unbind(1), strict=True)
        ]
        whole = semi_hard_loss(joint_embedding(blocks), batch.value_sets, config.margin)
        classification = classification_loss(self.classifiers(blocks), batch.labels)
        return (
            config.classification_weight * classification
            + config.category_weight * torch.stack(of_each).sum()
            + config.ranking_weight * whole
        )

    def fill_memory(self, training_set: TrainingSet) -> None:
        """Start with the mean embedding of items drawn for each value, in its own block's rows."""
        means = mean_of_samples(training_set, self, self.num_values, self.config.memory_items)
        blocks = map(torch.from_numpy, means)
        self.memory.fill(torch.block_diag(*blocks).numpy())  # type: ignore[no-untyped-call]

    def joint(self, batch: ImageBatch) -> Tensor:
        """Return L3: classification, both triplet losses of f', and the regularization of W."""
        config = self.config
        blocks = self(batch.images)
        reference, positive, negative = blocks.chunk(3)
        own, wanted, other = batch.labels.chunk(3)
        changed = self.changed_blocks(reference, own, wanted)
        loss = config.classification_weight * (
            self._classification_of_each(blocks, batch.labels)
            + classification_loss(self.classifiers(changed), wanted)
        )
        compared = [joint_embedding(part) for part in (changed, positive, negative)]
        ranking = margin_loss(*compared, margin=config.margin)
        # f' has the labels of the positive
        vectors = joint_embedding(torch.cat([reference, changed, negative]))
        semi_hard = semi_hard_loss(vectors, batch.value_sets, config.margin)
        loss = loss + config.ranking_weight * (ranking + semi_hard)
        if config.consistency:
            parts = ((changed, wanted), (reference, own), (negative, other))
            loss = loss + config.consistency_weight * self._inconsistency(parts)
        if config.block_diagonal:
            outside = (self.off_diagonal * self.memory.weight).abs().sum()
            loss = loss + config.block_diagonal_weight * outside
        return loss

    def manipulation(self, training_set: TrainingSet) -> Addition:
        """Return the addition of the memory; distances compare vectors of length 1."""
        return Addition(self.memory.array(training_set), self.num_values)

    def _classification_of_each(self, blocks: Tensor, labels: Tensor) -> Tensor:
        """Return Σ_t CE(reference) + CE(positive) + CE(negative)."""
        logits = map(self.classifiers, blocks.chunk(3))
        losses = map(classification_loss, logits, labels.chunk(3))
        return torch.stack([*losses]).sum()

    def _inconsistency(self, parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the mean L1 between embeddings and the sum of their labels' prototypes."""
        losses = [
            F.l1_loss(self.memory(one_hots(labels, self.num_values)), blocks.flatten(1))
            for blocks, labels in parts
        ]
        return torch.stack(losses).sum()


def joint_embedding(blocks: Tensor) -> Tensor:
    """Return the blocks (B, A, E) of each image as a vector (B, A·E) of length 1."""
    return F.normalize(blocks.flatten(1), dim=1)


def mean_of_samples(
    training_set: TrainingSet,
    part: Callable[[Tensor], Tensor],
    num_values: Sequence[int],
    num_items: int,
) -> tuple[NDArray[np.float32], ...]:
    """Return the mean (V, E) of each super-category's own block for items drawn for each value.

    Args:
        training_set: The items.
        part: Maps images to blocks (B, T, E).
        num_values: V of each super-category.
        num_items: Number of items drawn for each value, with replacement.

    Returns:
        For each super-category; NaN where no item carries the value.
    """
    rng = np.random.default_rng(training_set.seed)
    drawn = {
        (idx, value): rng.choice(carriers, num_items)
        for idx, num in enumerate(num_values)
        for value in range(num)
        if len(carriers := np.flatnonzero((training_set.value_sets[:, idx] == value).any(axis=1)))
    }
    rows, places = np.unique(np.stack([*drawn.values()]), return_inverse=True)
    blocks = training_set.embed(part, rows)
    means = tuple(np.full((num, blocks.shape[2]), np.nan, np.float32) for num in num_values)
    for (idx, value), chosen in zip(drawn, places.reshape(len(drawn), -1), strict=True):
        means[idx][value] = blocks[chosen, idx].mean(axis=0, dtype=np.float64)
    return means


def squared_distances(vectors: Tensor) -> Tensor:
    """Return the squared L2 distances (B, B) between vectors (B, E)."""
    # lower precision would lose small differences
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors.float() if vectors.dtype != torch.float64 else vectors
        lengths = (vectors * vectors).sum(dim=1)
        return (lengths[:, None] + lengths - 2 * vectors @ vectors.T).clamp(min=0)


def same_labels(labels: Tensor) -> Tensor:
    """Return which pairs (B, B) are equal of labels (B,), or of label vectors (B, T).

    Sets of values (B, T, L) are equal where they share a value.
    """
    sets = labels.reshape(len(labels), -1, 1) if labels.dim() < 3 else labels
    shared: Tensor = share_value(sets[:, None], sets[None])
    return shared.all(dim=2)


def semi_hard_triplet_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    """Return the triplet loss with a semi-hard negative for each anchor and positive.

    It is the nearest negative that is farther from the anchor than the positive, else the farthest
    of all negatives. Anchors without a negative are left out.

    Args:
        distances: (B, B).
        same: (B, B) bool, the pairs of positives.
        margin: Margin by which a negative must be farther.

    Returns:
        The mean over all positive pairs; 0 without any.
    """
    num_negatives = (~same).sum(dim=1, keepdim=True)
    # each anchor's negatives in order, then infinities
    negatives = distances.masked_fill(same, torch.inf).sort(dim=1).values
    farther = torch.searchsorted(negatives.detach(), distances.detach().contiguous(), right=True)
    chosen = negatives.gather(1, torch.minimum(farther, num_negatives - 1).clamp(min=0))
    diagonal = torch.eye(len(same), dtype=torch.bool, device=same.device)
    pairs = same & ~diagonal & (num_negatives > 0)
    costs = (margin + distances[pairs] - chosen[pairs]).clamp(min=0)
    return costs.sum() / pairs.sum().clamp(min=1)


def semi_hard_loss(vectors: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return that loss on the squared L2 of vectors (B, E) with labels as of ``same_labels``."""
    return semi_hard_triplet_loss(squared_distances(vectors), same_labels(labels), margin)
