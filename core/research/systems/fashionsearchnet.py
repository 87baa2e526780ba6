"""FashionSearchNet: each super-category has its own region of the image.

Class activation maps locate the value of a super-category. A branch per super-category embeds the
region around it, cut out of the backbone's map. The weights of the embeddings are learned for each
super-category that changes. Torchvision's RoI pooling is not a dependency, so regions are pooled
here from bilinear samples.

References:
    Ak, Kassim, Lim, Tham, Learning Attribute Representations with Localization for Flexible Fashion
    Search, CVPR 2018; Ak et al., FashionSearchNet, ECCV Workshops 2018.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.catalog.value_sets import as_sets, share_value
from datrnet.core.config import above_zero, at_least, check_shares
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
    mlp,
)
from datrnet.core.retrieval.manipulation import WeightedReplacement


@dataclass(frozen=True, slots=True, kw_only=True)
class FashionSearchNetConfig(MethodConfig):
    """FashionSearchNet (Ak et al., CVPR 2018 and ECCV-W 2018)."""

    localized: bool = True
    """Whether each branch embeds the region of its activation map, or the whole map ("w/o Loc")."""
    conv_channels: tuple[int, int] = (512, 1024)
    """Channels of conv6 and conv7 (of an unfinished re-implementation)."""
    threshold: float = 0.2
    """Share of an activation map's maximum above which a cell may belong to the region."""
    region_size: int = 6
    """Height and width of a pooled region, as in AlexNet."""
    branch_sizes: tuple[int, int, int] = (1024, 1024, 512)
    """Outputs of a branch's three fully connected layers; the last is the embedding (open)."""
    normalize: bool = True
    """Whether to L2-normalize embeddings and prototypes, so that none outweighs the others before
    weights are learned (open)."""
    ranking_weight: float = 1.0
    """Weight of the local ranking loss (open)."""
    classification_share: float = 0.3
    """Share of the budget for the activation maps alone, the first stage (open)."""
    global_share: float = 0.1
    """Share of the budget for the weights of the global ranking, the last stage (open)."""
    global_learning_rate: float = 0.0
    """Peak learning rate of that stage, which trains few numbers in few steps; 0 takes
    ``system.learning_rate`` (open)."""
    with_feature: bool = False
    """Whether each branch sees the backbone's feature beside its region, with the thumbnail if the
    backbone is frozen: what the systems without a map see."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, region_size=1, global_learning_rate=0)
        for size in (*self.conv_channels, *self.branch_sizes):
            if size < 1:
                raise ConfigError(f"A layer of {size} outputs is too small; use at least 1.")
        above_zero(self, "ranking_weight")
        check_shares(self, "threshold")
        check_shares(self, "classification_share", "global_share")


class ChangeWeights(nn.Module):
    """The weight w_{t,t*} ≥ 0 of every block t for every changed super-category t*."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        # softplus of this is 1: equal weights
        self.raw = nn.Parameter(torch.full((num_categories, num_categories), math.log(math.e - 1)))

    def forward(self) -> Tensor:
        """Return the weights (T, T), a row for each t*."""
        return F.softplus(self.raw)


class FashionSearchNet(RetrievalMethod):
    """Class activation maps, regions, a three-layer branch per super-category, learned weights."""

    config: FashionSearchNetConfig
    prototypes: Tensor

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: FashionSearchNetConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        self.name = "fashionsearchnet" if config.localized else "fashionsearchnet-without-loc"
        self.feature_kind = "both" if config.with_feature else "map"
        conv6, conv7 = config.conv_channels
        self.convs = nn.Sequential(
            nn.Conv2d(backbone.map_channels, conv6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(conv6, conv7, 3, padding=1),
            nn.ReLU(),
        )
        # without a bias, so that a value's activation map is its whole evidence
        self.map_heads = Heads(nn.Linear(conv7, num, bias=False) for num in num_values)
        size = backbone.map_channels * config.region_size**2
        size += backbone.feature_size if config.with_feature else 0
        self.branches = Heads(mlp(size, *config.branch_sizes) for _ in num_values)
        size = config.branch_sizes[-1]
        self.heads = Heads(nn.Linear(size, num) for num in num_values)
        self.weights = ChangeWeights(len(num_values))
        self.register_buffer(
            "prototypes", torch.full((len(num_values), max(num_values), size), torch.nan)
        )

    def localize(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Locate the super-categories.

        Returns:
            Activation maps (B, T, h, w), the boxes (B, T, 4) around their regions: top, left,
            bottom, right as shares of the image's sides, and the predicted values (B, T).
        """
        conv7 = self.convs(self._seen(images)[0])
        maps = self._activation_maps(conv7)
        predicted = [logits.argmax(dim=1) for logits in self.map_heads(conv7.mean(dim=(2, 3)))]
        return maps, regions(maps, self.config.threshold), torch.stack(predicted, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: f_t for each super-category, (B, T, E)."""
        seen = self._seen(images)
        return self._comparable(self._embedded(*seen, self.convs(seen[0])))

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the stages of the maps, of maps and branches, and of the weights alone."""
        first, last = self.config.classification_share, self.config.global_share
        maps = (self.backbone, self.convs, self.map_heads)
        local = (*maps, self.branches, self.heads)
        ranking = self.global_ranking
        rate = self.config.global_learning_rate
        own_rate = ("system.settings.global_learning_rate", rate) if rate else None
        return (
            MethodStage("activation maps", first, "images", self.map_classification, maps),
            MethodStage("local", 1 - first - last, "images", self.local_ranking, local),
            MethodStage(
                "global", last, "triplets", ranking, (self.weights,), self.set_prototypes, own_rate
            ),
        )

    def map_classification(self, batch: ImageBatch) -> Tensor:
        """Return L_C of the values that the activation maps predict."""
        pooled = self.convs(self._seen(batch.images)[0]).mean(dim=(2, 3))
        return classification_loss(self.map_heads(pooled), batch.labels)

    def local_ranking(self, batch: ImageBatch) -> Tensor:
        """Return L_C of maps and branches, and Σ_t L_T of triplets drawn from the batch."""
        feature_map, feature = self._seen(batch.images)
        conv7 = self.convs(feature_map)
        blocks = self._embedded(feature_map, feature, conv7)
        losses = [
            classification_loss(self.map_heads(conv7.mean(dim=(2, 3))), batch.labels),
            classification_loss(self.heads(blocks), batch.labels),
        ]
        for block, sets in zip(
            self._comparable(blocks).unbind(1), batch.value_sets.unbind(1), strict=True
        ):
            anchors, positives, negatives = drawn_triplets(sets)
            ranking = ratio_loss(block[anchors], block[positives], block[negatives])
            losses.append(self.config.ranking_weight * ranking)
        return torch.stack(losses).sum()

    def set_prototypes(self, training_set: TrainingSet) -> None:
        """Set each value's prototype to the mean embedding of its items."""
        for idx, means in enumerate(self._means(training_set)):
            self.prototypes[idx, : len(means)] = torch.from_numpy(means)

    def global_ranking(self, batch: ImageBatch) -> Tensor:
        """Return L_G of references with the requested prototypes, weighted by the change."""
        with torch.no_grad():
            reference, positive, negative = self(batch.images).chunk(3)
            own, wanted, _ = batch.labels.chunk(3)
            blocks = torch.arange(len(self.num_values), device=wanted.device)
            requested = self.prototypes[blocks, wanted.clamp(min=0)]  # (B, T, E)
            changed = (own != wanted) & ~requested[:, :, 0].isnan()
            reference = torch.where(changed[:, :, None], requested, reference)
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

    def _seen(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the backbone's map, and its feature if the branches see it."""
        if self.config.with_feature:
            return self.backbone.map_and_feature(images)
        return self.backbone.feature_map(images), None

    def _embedded(self, feature_map: Tensor, feature: Tensor | None, conv7: Tensor) -> Tensor:
        """Return each branch's embedding (B, T, E) of its region; of the whole map without Loc."""
        if self.config.localized:
            with torch.no_grad():  # a box has no gradient
                boxes = regions(self._activation_maps(conv7), self.config.threshold)
        else:
            whole = torch.tensor([0.0, 0.0, 1.0, 1.0], device=feature_map.device)
            boxes = whole.expand(len(feature_map), 1, 4)
        pooled = pooled_regions(feature_map, boxes, self.config.region_size).flatten(2)
        pooled = pooled.expand(-1, len(self.num_values), -1)
        if feature is not None:
            pooled = torch.cat([pooled, feature[:, None].expand(-1, pooled.shape[1], -1)], dim=2)
        return torch.stack(self.branches(pooled), dim=1).float()

    def _comparable(self, blocks: Tensor) -> Tensor:
        return F.normalize(blocks, dim=2) if self.config.normalize else blocks

    def _means(self, training_set: TrainingSet) -> tuple[NDArray[np.float32], ...]:
        return training_set.value_means(self, self.num_values, unit_length=self.config.normalize)


def drawn_triplets(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw for each anchor of a batch a positive that shares a value and a negative that does not.

    Args:
        labels: (B,), -1 where unlabeled; or (B, L) sets. Unlabeled images are in no triplet.

    Returns:
        Rows of anchors, positives and negatives (N,); anchors without either are left out.
    """
    sets = as_sets(labels, 1)
    labeled = (sets[:, 0] >= 0) & (sets[:, :1] >= 0)
    same: Tensor = share_value(sets[:, None], sets[None])
    positives = same & labeled & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negatives = ~same & labeled
    anchors = torch.nonzero(positives.any(dim=1) & negatives.any(dim=1)).flatten()
    chances = torch.rand(2, len(anchors), len(labels), device=labels.device)
    chosen = [
        chance.masked_fill(~mask[anchors], -1).argmax(dim=1)
        for chance, mask in zip(chances, (positives, negatives), strict=True)
    ]
    return anchors, chosen[0], chosen[1]


def ratio_loss(anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the triplet loss of distances that compete in a softmax.

    With d⁺ and d⁻ the softmax over the distances to positive and negative, it is the mean of
    ‖(d⁺, d⁻ - 1)‖² = 2 (d⁺)².

    Args:
        anchors: (B, E), as the other two.
        positives: Vectors that should be nearer.
        negatives: Vectors that should be farther.
    """
    near = torch.linalg.vector_norm(anchors - positives, dim=1)
    far = torch.linalg.vector_norm(anchors - negatives, dim=1)
    # the softmax of two numbers is the sigmoid of their difference
    return (2 * torch.sigmoid(near - far) ** 2).sum() / max(1, len(anchors))


SAMPLES = 2
"""Samples per side of each cell of a pooled region; their maximum counts."""


def activation_maps(feature_map: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Return each super-category's map (B, T, H, W) for the value that it predicts.

    Args:
        feature_map: (B, K, H, W); its mean over the cells is classified.
        weights: T times (V, K), of the linear classifiers without bias.
    """
    pooled = feature_map.mean(dim=(2, 3))
    chosen = torch.stack(
        [weight[(pooled @ weight.T).argmax(dim=1)] for weight in weights], dim=1
    )  # (B, T, K)
    return torch.einsum("btk,bkhw->bthw", chosen, feature_map)


def regions(maps: Tensor, threshold: float) -> Tensor:
    """Return the box around the largest connected part of each map that is near its maximum.

    Args:
        maps: (B, T, H, W).
        threshold: Share of a map's maximum above which a cell belongs to a part.

    Returns:
        (B, T, 4) top, left, bottom, right as shares of the map's sides; the whole map if its
        maximum is not positive.
    """
    batch, num, height, width = maps.shape
    flat = maps.reshape(batch * num, height, width)
    largest = flat.amax(dim=(1, 2), keepdim=True)
    part = _largest_part((flat >= threshold * largest) | (largest <= 0))
    top, bottom = _span(part.any(dim=2))
    left, right = _span(part.any(dim=1))
    boxes = torch.stack(
        [top / height, left / width, bottom / height, right / width], dim=1
    )  # (B·T, 4)
    return boxes.view(batch, num, 4)


def _largest_part(mask: Tensor) -> Tensor:
    """Keep the largest part of masks (M, H, W) whose cells touch, also at corners."""
    num, height, width = mask.shape
    cells = torch.arange(1, height * width + 1, device=mask.device, dtype=torch.float32)
    parts = mask * cells.view(1, height, width)
    while True:  # each cell takes the largest number around it, until a part has a single number
        spread = F.max_pool2d(parts[:, None], 3, stride=1, padding=1)[:, 0] * mask
        if torch.equal(spread, parts):
            break
        parts = spread
    flat = parts.flatten(1).long()
    sizes = torch.zeros(num, height * width + 1, device=mask.device)
    sizes.scatter_add_(1, flat, torch.ones_like(flat, dtype=sizes.dtype))
    sizes[:, 0] = 0  # outside of every part
    return mask & (parts == sizes.argmax(dim=1).view(num, 1, 1))


def _span(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first occupied index (M,) of rows (M, L), and the last plus 1."""
    length = occupied.shape[1]
    first = occupied.float().argmax(dim=1)
    last = length - occupied.flip(1).float().argmax(dim=1)
    return first, last


def pooled_regions(feature_map: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut boxes out of a map and resize them.

    Args:
        feature_map: (B, C, H, W).
        boxes: (B, T, 4) as ``regions`` returns them.
        size: Height and width of the result.

    Returns:
        (B, T, C, size, size).
    """
    batch, num = boxes.shape[:2]
    steps = size * SAMPLES
    centers = (torch.arange(steps, device=boxes.device) + 0.5) / steps
    top, left, bottom, right = boxes[..., None].unbind(2)  # (B, T, 1)
    rows = top + (bottom - top) * centers  # (B, T, steps)
    columns = left + (right - left) * centers
    grid = rows.new_empty(batch, num, steps, steps, 2)
    grid[..., 0], grid[..., 1] = columns[:, :, None], rows[..., None]
    # grid_sample counts from -1 to 1; an image's boxes are stacked vertically to save copies of it
    grid = (2 * grid - 1).view(batch, num * steps, steps, 2)
    samples = F.grid_sample(
        feature_map.float(), grid.float(), padding_mode="border", align_corners=False
    )
    pooled = F.max_pool2d(samples, SAMPLES).view(batch, -1, num, size, size)
    return pooled.transpose(1, 2)
