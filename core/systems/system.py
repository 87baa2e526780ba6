"""What all systems share: stages of training, embedding pictures, what a change does to a query.

A system sees pictures through its backbone only, so that whatever the backbone takes (pictures,
kept feature maps, kept features) is what the batches may hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.models.backbones.frozen import Frozen

if TYPE_CHECKING:
    from datrnet.core.models.backbones import Backbone
    from datrnet.core.retrieval.manipulation import Manipulation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageBatch:
    """Pictures and what they are labelled."""

    images: Tensor
    """(B, 3, S, S) in [-1, 1], or whatever the backbone takes."""
    labels: Tensor
    """(B, T) int64, -1 where unlabelled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TripletBatch:
    """References, pictures that are labelled as a change of them wants, and pictures that are not.

    A positive carries exactly its reference's labels but for what changes; a negative carries
    anything else than its positive.
    """

    references: Tensor
    """(B, 3, S, S), as the other two."""
    positives: Tensor
    negatives: Tensor
    reference_labels: Tensor
    """(B, T) int64, -1 where unlabelled, as the other two."""
    positive_labels: Tensor
    negative_labels: Tensor
    changed: Tensor
    """(B, T) bool."""

    @property
    def images(self) -> Tensor:
        """All pictures (3B, 3, S, S): references, positives, negatives."""
        return torch.cat([self.references, self.positives, self.negatives])

    @property
    def labels(self) -> Tensor:
        """Their labels (3B, T)."""
        return torch.cat([self.reference_labels, self.positive_labels, self.negative_labels])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """The training items: what prototypes and memories are means of."""

    labels: NDArray[np.int16]
    """(N, T), -1 where unlabelled."""
    images: Callable[[NDArray[np.int64]], Tensor]
    """What the backbone takes of some of the items, on the system's device."""
    batch: int = 256
    """Items embedded at a time."""
    seed: int = 0
    """Draws the items of a mean that is not of all of them."""

    def embed(
        self, part: Callable[[Tensor], Tensor], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return what a part of a system, in evaluation mode, makes of items.

        Args:
            part: Takes images.
            rows: Which items; all by default.
        """
        rows = np.arange(len(self.labels)) if rows is None else rows
        with torch.inference_mode():
            parts = [
                part(self.images(rows[start : start + self.batch])).float().cpu().numpy()
                for start in range(0, len(rows), self.batch)
            ]
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One part of a system's training."""

    name: str
    share: float
    """Of the system's budget; the shares of all its stages sum to 1."""
    batches: Literal["images", "triplets"]
    """What ``loss`` takes: an ``ImageBatch`` or a ``TripletBatch``."""
    loss: Callable[[Any], Tensor]
    learns: tuple[nn.Module, ...]
    """What learns in it; all else stays as it is."""
    begin: Callable[[Taught], None] | None = None
    """Run once before it, in evaluation mode: fills a memory, takes prototypes."""


class System(nn.Module, ABC):
    """Embeds pictures, and says how a change makes a query of an embedding.

    Attributes:
        name: As ``--system`` takes it.
        backbone: What sees the pictures.
        num_values: Of each super-category, T numbers.
    """

    name: str
    sees: Literal["feature", "map"] = "feature"
    """What it takes of its backbone."""

    def __init__(self, backbone: "Backbone", num_values: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone = backbone
        self.num_values = num_values

    def seen(self, images: Tensor) -> Tensor:
        """Return what the backbone makes of pictures (B, 3, S, S), as the system takes it."""
        found: Tensor = (
            self.backbone(images) if self.sees == "feature" else self.backbone.feature_map(images)
        )
        return found

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Embed pictures (B, 3, S, S).

        Returns:
            (B, A, E), float32, the blocks as ``Manipulation.queries`` takes them; its ``compared``
            is what makes of them the blocks that distances are of.
        """

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of training, in order."""

    @abstractmethod
    def manipulation(self, taught: Taught) -> "Manipulation":
        """Return what makes queries of embeddings; the system must be in evaluation mode."""

    def enter(self, stage: Stage) -> list[nn.Parameter]:
        """Let learn what a stage trains, and nothing else; repeated after each measurement.

        Returns:
            What its optimiser steps.
        """
        self.eval().requires_grad_(False)
        for module in stage.learns:
            module.train().requires_grad_(True)
        if isinstance(self.backbone, Frozen):
            self.backbone.fix()
        return [one for one in self.parameters() if one.requires_grad]


def one_vector(blocks: Tensor) -> Tensor:
    """Return the blocks (B, A, E) of each picture as one vector (B, A·E) of length 1."""
    return F.normalize(blocks.flatten(1), dim=1)
