"""FashionSearchNet: each super-category embeds its own region of the image.

Activation maps of a classifier locate a super-category; the region is pooled from the backbone's
map and embedded by a branch of its own. The weights of the embeddings are learned for each
super-category that may change.

References:
    Ak, Kassim, Lim, Tham, Learning Attribute Representations with Localization for Flexible Fashion
    Search, CVPR 2018; Ak et al., FashionSearchNet, ECCV Workshops 2018.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.config import above_zero, at_least, check_shares
from datrnet.core.errors import ConfigError
from datrnet.core.research.systems.method import (
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
    TripletBatch,
)
from datrnet.core.research.systems.parts.heads import Heads, mlp
from datrnet.core.research.systems.parts.localization import (
    activation_maps,
    pooled_regions,
    regions,
)
from datrnet.core.research.systems.parts.losses import classification_loss, ratio_loss, same_labels
from datrnet.core.retrieval.manipulation import WeightedReplacement
from datrnet.core.retrieval.prototypes import mean_embeddings

if TYPE_CHECKING:
    from datrnet.core.research.backbones import Backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class FashionSearchNetConfig(MethodConfig):
    """FashionSearchNet (Ak et al., CVPR 2018 and ECCV-W 2018)."""

    localized: bool = True
    """Whether each branch sees the region of its activation map, or the whole map ("w/o Loc")."""
    conv_channels: tuple[int, int] = (512, 1024)
    """Channels of conv6 and conv7 (of an unfinished re-implementation)."""
    threshold: float = 0.2
    """Share of an activation map's maximum above which a place may belong to the region."""
    region_size: int = 6
    """Height and width that a region is pooled to: what AlexNet's own layers expect."""
    branch_sizes: tuple[int, int, int] = (1024, 1024, 512)
    """Outputs of a branch's three fully connected layers; the last is the embedding (open)."""
    normalize: bool = True
    """Whether each embedding and each prototype is brought to length 1, so that none outweighs
    the others before weights are learned (open)."""
    ranking_weight: float = 1.0
    """Weight of the local ranking loss beside the cross entropies (open)."""
    classification_share: float = 0.3
    """Share of the budget until the activation maps are sensible (open)."""
    global_share: float = 0.1
    """Share of the budget for the weights of the global ranking, the last stage (open)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, region_size=1)
        for size in (*self.conv_channels, *self.branch_sizes):
            if size < 1:
                raise ConfigError(f"A layer of {size} outputs is too small; use at least 1.")
        above_zero(self, "ranking_weight")
        check_shares(self, "threshold")
        check_shares(self, "classification_share", "global_share")


class ChangeWeights(nn.Module):
    """The weight w_{t,t*} ≥ 0 of every block t for every super-category t* that changes."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        # softplus of this is 1: at first all blocks have equal weights
        self.raw = nn.Parameter(torch.full((num_categories, num_categories), math.log(math.e - 1)))

    def forward(self) -> Tensor:
        """Return the weights (T, T), a row for each t*."""
        return F.softplus(self.raw)


class FashionSearchNet(RetrievalMethod):
    """Activation maps, regions, three dense layers per super-category, learned weights."""

    feature_kind = "map"
    prototypes: Tensor

    def __init__(
        self, backbone: "Backbone", num_values: tuple[int, ...], config: FashionSearchNetConfig
    ) -> None:
        super().__init__(backbone, num_values)
        self.config = config
        self.name = "fashionsearchnet" if config.localized else "fashionsearchnet-without-loc"
        conv6, conv7 = config.conv_channels
        self.convs = nn.Sequential(
            nn.Conv2d(backbone.map_channels, conv6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(conv6, conv7, 3, padding=1),
            nn.ReLU(),
        )
        # without a bias, so that only the activation map speaks for a value
        self.map_heads = Heads(nn.Linear(conv7, num, bias=False) for num in num_values)
        seen = backbone.map_channels * config.region_size**2
        self.branches = Heads(mlp(seen, *config.branch_sizes) for _ in num_values)
        size = config.branch_sizes[-1]
        self.heads = Heads(nn.Linear(size, num) for num in num_values)
        self.weights = ChangeWeights(len(num_values))
        self.register_buffer(
            "prototypes", torch.full((len(num_values), max(num_values), size), torch.nan)
        )

    def localize(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Locate the super-categories in images (B, 3, S, S).

        Returns:
            Activation maps (B, T, h, w), the boxes (B, T, 4) around their regions: top, left,
            bottom, right as shares of the picture's sides, and the values (B, T) they are of.
        """
        conv7 = self.convs(self.backbone.feature_map(images))
        maps = self._activation_maps(conv7)
        predicted = [logits.argmax(dim=1) for logits in self.map_heads(conv7.mean(dim=(2, 3)))]
        return maps, regions(maps, self.config.threshold), torch.stack(predicted, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f_t of each super-category, (B, T, E)."""
        feature_map = self.backbone.feature_map(images)
        return self._comparable(self._embedded(feature_map, self.convs(feature_map)))

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the stages: classification of the maps, the branches too, the weights alone."""
        first, last = self.config.classification_share, self.config.global_share
        seeing = (self.backbone, self.convs, self.map_heads)
        return (
            MethodStage(
                name="activation maps",
                share=first,
                batches="images",
                loss=self.map_classification,
                trainable=seeing,
            ),
            MethodStage(
                name="local",
                share=1 - first - last,
                batches="images",
                loss=self.local_ranking,
                trainable=(*seeing, self.branches, self.heads),
            ),
            MethodStage(
                name="global",
                share=last,
                batches="triplets",
                loss=self.global_ranking,
                trainable=(self.weights,),
                on_start=self.take_prototypes,
            ),
        )

    def map_classification(self, batch: ImageBatch) -> Tensor:
        """Return L_C of the activation maps' classifier."""
        pooled = self.convs(self.backbone.feature_map(batch.images)).mean(dim=(2, 3))
        return classification_loss(self.map_heads(pooled), batch.labels)

    def local_ranking(self, batch: ImageBatch) -> Tensor:
        """Return L_C of the maps and of the branches, and Σ_t L_T of triplets of the batch."""
        feature_map = self.backbone.feature_map(batch.images)
        conv7 = self.convs(feature_map)
        blocks = self._embedded(feature_map, conv7)
        losses = [
            classification_loss(self.map_heads(conv7.mean(dim=(2, 3))), batch.labels),
            classification_loss(self.heads(blocks), batch.labels),
        ]
        for block, labels in zip(
            self._comparable(blocks).unbind(1), batch.labels.unbind(1), strict=True
        ):
            anchors, positives, negatives = drawn_triplets(labels)
            ranking = ratio_loss(block[anchors], block[positives], block[negatives])
            losses.append(self.config.ranking_weight * ranking)
        return torch.stack(losses).sum()

    def take_prototypes(self, training_set: TrainingSet) -> None:
        """Store the mean embedding of each value as its prototype."""
        for idx, means in enumerate(self._means(training_set)):
            self.prototypes[idx, : len(means)] = torch.from_numpy(means)

    def global_ranking(self, batch: TripletBatch) -> Tensor:
        """Return L_G of references with the wanted prototypes in place, weighted by the change."""
        with torch.no_grad():
            reference, positive, negative = self(batch.images).chunk(3)
            wanted, changed = self._wanted(batch.positive_labels, batch.changed)
            reference = torch.where(changed[:, :, None], wanted, reference)
        num_changed = changed.sum(dim=1, keepdim=True)
        weights = changed.float() @ self.weights() / num_changed.clamp(min=1)  # (B, T)
        weights = torch.where(num_changed > 0, weights, 1)[:, :, None]
        vectors = [(weights * part).flatten(1) for part in (reference, positive, negative)]
        return ratio_loss(*vectors)

    def manipulation(self, training_set: TrainingSet) -> WeightedReplacement:
        """Return the replacement of blocks by prototypes, and the weights of each change."""
        weights: NDArray[np.float32] = self.weights().detach().float().cpu().numpy()
        return WeightedReplacement(self._means(training_set), weights)

    def _activation_maps(self, conv7: Tensor) -> Tensor:
        weights = [head.weight.float() for head in self.map_heads.heads]
        return activation_maps(conv7.float(), weights)  # type: ignore[arg-type]

    def _embedded(self, feature_map: Tensor, conv7: Tensor) -> Tensor:
        """Return the branches' embeddings (B, T, E) of their regions, or of the whole map."""
        if self.config.localized:
            with torch.no_grad():  # a box has no gradient
                boxes = regions(self._activation_maps(conv7), self.config.threshold)
        else:
            whole = torch.tensor([0.0, 0.0, 1.0, 1.0], device=feature_map.device)
            boxes = whole.expand(len(feature_map), 1, 4)
        seen = pooled_regions(feature_map, boxes, self.config.region_size).flatten(2)
        seen = seen.expand(-1, len(self.num_values), -1)
        return torch.stack(self.branches(seen), dim=1).float()

    def _comparable(self, blocks: Tensor) -> Tensor:
        return F.normalize(blocks, dim=2) if self.config.normalize else blocks

    def _means(self, training_set: TrainingSet) -> tuple[NDArray[np.float32], ...]:
        blocks = training_set.embed(self)
        return tuple(
            mean_embeddings(
                blocks[:, idx], training_set.labels[:, idx], num, unit_length=self.config.normalize
            )
            for idx, num in enumerate(self.num_values)
        )

    def _wanted(self, targets: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prototypes (B, T, E) of wanted values, and which changes (B, T) have any."""
        places = torch.arange(len(self.num_values), device=targets.device)
        wanted = self.prototypes[places, targets.clamp(min=0)]
        return wanted, changed & ~wanted[:, :, 0].isnan()


def drawn_triplets(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw for each anchor of a batch a positive of its value and a negative of another.

    Args:
        labels: (B,), -1 where unlabelled; those are in no triplet.

    Returns:
        Places of anchors, positives and negatives (N,): anchors without either are left out.
    """
    labeled = labels >= 0
    same = same_labels(labels) & labeled & labeled[:, None]
    positives = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negatives = ~same & labeled & labeled[:, None]
    anchors = torch.nonzero(positives.any(dim=1) & negatives.any(dim=1)).flatten()
    chances = torch.rand(2, len(anchors), len(labels), device=labels.device)
    chosen = [
        chance.masked_fill(~mask[anchors], -1).argmax(dim=1)
        for chance, mask in zip(chances, (positives, negatives), strict=True)
    ]
    return anchors, chosen[0], chosen[1]
