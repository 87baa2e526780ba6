"""What the comparison systems share: their interface, batches and stages, heads and common losses.

A system processes images only through its backbone, so batches may contain whatever the backbone
accepts: images, or cached features or feature maps of a frozen backbone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.catalog.value_sets import Labeled
from datrnet.core.research.backbones.backbone import Backbone, Frozen
from datrnet.core.retrieval.manipulation import Manipulation, Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.training.trainer import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodConfig:
    """The settings of a comparison system: the choices that its paper leaves open."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageBatch:
    """Images and their labels.

    A batch of B triplets has 3B images: all references, all positives, all negatives. A positive
    has its reference's labels except where they change; a negative has any labels but those of its
    positive.
    """

    images: Tensor
    """(B, 3, S, S) in [-1, 1], or whatever the backbone takes."""
    labels: Tensor
    """(B, T) int64, first values, -1 where unlabeled."""
    all_values: Tensor | None = None
    """(B, T, L) int64, sets of values; None if no image has several."""

    @property
    def value_sets(self) -> Tensor:
        """(B, T, L) sets of values."""
        return self.labels[:, :, None] if self.all_values is None else self.all_values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSet(Labeled):
    """The training items; prototypes and memories are means of them."""

    images: Callable[[NDArray[np.int64]], Tensor]
    """Returns the backbone's input for rows of items, on the system's device."""
    batch: int = 256
    """Items embedded at a time."""
    seed: int = 0
    """Seed for means of sampled items."""

    def embed(
        self, part: Callable[[Tensor], Tensor], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the output of a part of a system, in evaluation mode, for items.

        Args:
            part: Maps images to a tensor.
            rows: Rows of the items; all by default.
        """
        rows = np.arange(len(self.labels)) if rows is None else rows
        with torch.inference_mode():
            parts = [
                part(self.images(rows[start : start + self.batch])).float().cpu().numpy()
                for start in range(0, len(rows), self.batch)
            ]
        return np.concatenate(parts)

    def value_means(
        self, part: Callable[[Tensor], Tensor], num_values: Sequence[int], *, unit_length: bool
    ) -> tuple[NDArray[np.float32], ...]:
        """Return the mean (V, D) of a part's output for the items that carry each value.

        Args:
            part: Maps images to (B, D), or to a block for each super-category (B, T, D).
            num_values: V of each super-category.
            unit_length: Whether to L2-normalize each mean.

        Returns:
            For each super-category; NaN where no item carries the value.
        """
        outputs = self.embed(part)
        blocks = [outputs] * len(num_values) if outputs.ndim == 2 else outputs.swapaxes(0, 1)
        return tuple(
            mean_embeddings(block, self.value_sets[:, idx], num, unit_length=unit_length)
            for idx, (block, num) in enumerate(zip(blocks, num_values, strict=True))
        )


@dataclass(frozen=True, slots=True, eq=False)
class MethodStage(Stage):
    """A stage of a system's training."""

    name: str
    share: float
    batches: Literal["images", "triplets"]
    """What the ``ImageBatch`` consists of that ``loss`` takes."""
    loss: Callable[[ImageBatch], Tensor]
    trainable: tuple[nn.Module, ...]
    """Modules that are trained; all others keep their weights."""
    on_start: Callable[[TrainingSet], None] | None = None
    """Called once before the stage in evaluation mode: fills a memory, computes prototypes."""
    learning_rate: tuple[str, float] | None = None
    """The setting of its own peak learning rate, and its value; None for the system's."""


class RetrievalMethod(nn.Module, ABC):
    """A comparison system: embeds images, and provides the manipulation of queries.

    Attributes:
        name: As ``--system`` takes it.
        backbone: Maps images to features.
        num_values: Of each super-category, T numbers.
        config: The settings of the kind of system.
    """

    name: str
    config: MethodConfig
    feature_kind: Literal["feature", "map", "both", "own"] = "feature"
    """The output of the backbone that it uses; ``own`` where it overrides ``features``."""

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: MethodConfig
    ) -> None:
        super().__init__()
        self.backbone, self.num_values, self.config = backbone, num_values, config

    def features(self, images: Tensor) -> Tensor:
        """Return what a frozen backbone's cache holds of images (B, 3, S, S)."""
        match self.feature_kind:
            case "feature":
                feature: Tensor = self.backbone(images)
                return feature
            case "map":
                return self.backbone.feature_map(images)
            case "both":
                mapped, feature = self.backbone.map_and_feature(images)
                return torch.cat([mapped.flatten(1), feature], dim=1)
            case "own":
                raise NotImplementedError(f"{self.name} computes features of its own.")

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Embed images (B, 3, S, S).

        Returns:
            (B, A, E), float32: the blocks that ``Manipulation.apply`` takes and
            ``Manipulation.to_metric_space`` maps to the space in which distances are measured.
        """

    @abstractmethod
    def stages(self) -> tuple[MethodStage, ...]:
        """Return the stages of training, in order."""

    @abstractmethod
    def manipulation(self, training_set: TrainingSet) -> Manipulation:
        """Return the manipulation of queries; the system must be in evaluation mode."""

    def enter(self, stage: MethodStage) -> list[nn.Parameter]:
        """Set the modules of a stage to training mode; needed again after each validation.

        Returns:
            The parameters for the optimizer.
        """
        self.eval().requires_grad_(False)
        for module in stage.trainable:
            module.train().requires_grad_(True)
        if isinstance(self.backbone, Frozen):
            self.backbone.fix()
        return [parameter for parameter in self.parameters() if parameter.requires_grad]


def mlp(*sizes: int) -> nn.Sequential:
    """Return fully connected layers of these sizes with a ReLU between any two."""
    layers: list[nn.Module] = []
    for size, next_size in pairwise(sizes):
        layers += [nn.Linear(size, next_size), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Heads(nn.Module):
    """A network for each super-category."""

    def __init__(self, heads: Iterable[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the output of each head.

        Args:
            features: (B, D) for all heads, or (B, T, D), a block for each.
        """
        own = [features] * len(self.heads) if features.dim() == 2 else features.unbind(1)
        return tuple(head(block) for head, block in zip(self.heads, own, strict=True))


def classification_loss(logits: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Return the cross entropies of all super-categories, summed; each a mean over its labels.

    Args:
        logits: T times (B, V).
        labels: (B, T), -1 where unlabeled, which is left out.
    """
    losses = []
    for category, values in zip(logits, labels.unbind(1), strict=True):
        total = F.cross_entropy(category.float(), values, ignore_index=-1, reduction="sum")
        # torch's own mean of a batch without labels is 0 / 0
        losses.append(total / (values >= 0).sum().clamp(min=1))
    return torch.stack(losses).sum()


def padded_blocks(rows: Sequence[Tensor], size: int) -> Tensor:
    """Return a row of each super-category (B, V) as blocks (B, T, size), padded with 0."""
    padded = [F.pad(block.float(), (0, size - block.shape[1])) for block in rows]
    return torch.stack(padded, dim=1)


def one_hot_replacement(num_values: Sequence[int]) -> Replacement:
    """Return the replacement of a block by the wanted value's one-hot vector.

    For blocks of probabilities or logits, padded to the largest number of values.
    """
    size = max(num_values)
    return Replacement(
        tuple(np.eye(num, size, dtype=np.float32) for num in num_values), are_means=False
    )


def margin_loss(anchors: Tensor, positives: Tensor, negatives: Tensor, *, margin: float) -> Tensor:
    """Return mean max(0, margin + d⁺ - d⁻) of the L2 distances between vectors, each (B, E)."""
    return F.triplet_margin_loss(anchors, positives, negatives, margin, eps=0)
