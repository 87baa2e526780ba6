"""Triplets of one super-category (section 3.3): drawing, mining, and the loss of a batch.

Mining and losses are those of pytorch-metric-learning.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor, nn

from datrnet.core.catalog.value_sets import as_sets, carried_values, share_value
from datrnet.core.config import Mining, TrainConfig
from datrnet.core.errors import DataError

Rows = NDArray[np.int64]

MOST_DRAWS = 20
"""How often triplets are drawn whose negative shares a value with the anchor."""


def draw_triplets(
    labels: NDArray[np.int16], num_triplets: int, balance: float, rng: np.random.Generator
) -> Rows:
    """Draw triplets of rows: anchor and positive share a value, the negative has others only.

    They may differ or agree in all else: the similarity of attributes counts, not that of images
    (section 3.3). Rows without a label are never drawn.

    Args:
        labels: (N,) value of each row in this super-category, -1 where unlabeled; or (N, L) sets
            of values.
        num_triplets: How many to draw, with replacement.
        balance: 1 draws each value equally often, 0 as often as it occurs; in general in proportion
            to ``count ** (1 - balance)``.
        rng: Source of randomness.

    Returns:
        (num_triplets, 3) rows of anchor, positive and negative. The positive differs from the
        anchor if a second item has the value.

    Raises:
        DataError: Fewer than two values occur, or all items share a value with all others.
    """
    sets = as_sets(labels, 1)
    carriers, carried = carried_values(sets)
    values, counts = np.unique(carried, return_counts=True)
    if len(values) < 2:
        raise DataError(
            f"Triplets need at least two values among the training items; there are {len(values)}.",
            hint="Omit this super-category, or label more items.",
        )
    shares = np.asarray(counts ** (1.0 - balance), dtype=np.float64)
    shares /= shares.sum()
    members = carriers[np.argsort(carried, kind="stable")]  # rows grouped by value
    starts = np.concatenate([[0], np.cumsum(counts)])

    def draw(number: int) -> Rows:
        """Draw triplets whose negative was drawn for another value."""
        wanted = rng.choice(len(values), number, p=shares)
        other = _another_value(wanted, shares, rng)
        anchor = rng.integers(0, counts[wanted])
        # a step of 1 … count-1 around the group's circle never lands on the anchor itself
        step = rng.integers(0, np.maximum(counts[wanted] - 1, 1)) + 1
        positive = (anchor + step) % counts[wanted]
        negative = rng.integers(0, counts[other])
        groups, places = starts[[wanted, wanted, other]], np.stack([anchor, positive, negative])
        triplets: Rows = members[groups + places].T.astype(np.int64)
        return triplets

    triplets = draw(num_triplets)
    for _ in range(MOST_DRAWS):
        # a negative with several values can have one of the anchor's, too
        clash = np.flatnonzero(share_value(sets[triplets[:, 0]], sets[triplets[:, 2]]))
        if not len(clash):
            return triplets
        triplets[clash] = draw(len(clash))
    good = np.delete(triplets, clash, axis=0)
    if not len(good):
        raise DataError(
            "Hardly any two training items share no value, so that there are no triplets.",
            hint="Omit this super-category, or drop values that nearly all items carry.",
        )
    triplets[clash] = rng.choice(good, len(clash))
    return triplets


def _another_value(
    wanted: NDArray[np.int64], shares: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw for each value a different value, in proportion to the shares of the others."""
    # inverse transform over the shares with the wanted value's own interval cut out
    ends = np.cumsum(shares)
    begins = ends - shares
    point = rng.random(len(wanted)) * (1.0 - shares[wanted])
    point = np.where(point >= begins[wanted], point + shares[wanted], point)
    other = np.minimum(np.searchsorted(ends, point, side="right"), len(shares) - 1)
    # rounding may land on the border of the gap: the neighbor is as good
    clash = other == wanted
    other[clash] = np.where(other[clash] + 1 < len(shares), other[clash] + 1, other[clash] - 1)
    return other.astype(np.int64)


class MinedTripletLoss:
    """Triplet loss over the triplets that a miner finds among the images of a batch.

    ``all`` takes the drawn triplets as they are; every other kind of mining looks at all images of
    the batch and their values: ``violating`` at every triplet inside the margin, ``semi_hard`` at
    those whose negative is farther than the positive but inside the margin, ``batch_hard`` at the
    farthest positive and the nearest negative of each anchor.
    """

    def __init__(self, config: TrainConfig, mining: Mining) -> None:
        self._mining, self._margin = mining, config.margin
        self._distance = distances.LpDistance(
            normalize_embeddings=False, p=2, power=2 if config.squared_distance else 1
        )
        options = {"margin": config.margin, "distance": self._distance}
        reducer = reducers.AvgNonZeroReducer()
        self._miner: Any = None
        match mining:
            case "all":
                reducer = reducers.MeanReducer()
            case "semi_hard":
                self._miner = miners.TripletMarginMiner(type_of_triplets="semihard", **options)
            case "batch_hard":
                self._miner = miners.BatchHardMiner(distance=self._distance)
        self._loss = losses.TripletMarginLoss(reducer=reducer, **options)

    def __call__(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of B triplets.

        Args:
            embeddings: (3B, E): the anchors, then the positives, then the negatives.
            labels: (3B,) values of the super-category, or (3B, L) sets of them.
        """
        sets = as_sets(labels, 1)
        if self._mining == "violating":
            return self._of_violating(embeddings, share_value(sets[:, None], sets[None]))
        if self._miner is None:
            triplets = tuple(torch.arange(len(sets)).view(3, -1))
        elif sets.shape[1] == 1:
            triplets = self._miner(embeddings.detach(), sets[:, 0])
        else:
            triplets = self._mine(embeddings.detach(), share_value(sets[:, None], sets[None]))
        loss: Tensor = self._loss(embeddings, sets[:, 0], triplets)
        return loss

    def _of_violating(self, embeddings: Tensor, same: Tensor) -> Tensor:
        """Return the mean loss of all triplets inside the margin, 0 if there is none.

        The library lists millions of such triplets of a batch, which takes longer than the network;
        here are their losses alone, as rows of a table.

        Args:
            embeddings: (n, E).
            same: (n, n), whether two images share a value.
        """
        between: Tensor = self._distance(embeddings)
        anchors, positives = torch.where(same & ~torch.eye(len(same), device=same.device).bool())
        rows = between.index_select(0, anchors)  # (pairs, n)
        costs = rows.gather(1, positives[:, None]) - rows + self._margin
        costs = costs.masked_fill(same[anchors], 0).relu()
        total: Tensor = costs.sum() / (costs > 0).sum().clamp(min=1)
        return total

    def _mine(self, embeddings: Tensor, same: Tensor) -> tuple[Tensor, ...]:
        """Return what the library's miners, which take one label per image, find for sets.

        Args:
            embeddings: (n, E).
            same: (n, n), whether two images share a value.
        """
        between: Tensor = self._distance(embeddings)
        is_positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        if self._mining == "batch_hard":
            anchors = torch.where(is_positive.any(dim=1) & (~same).any(dim=1))[0]
            farthest = between.masked_fill(~is_positive, -torch.inf)[anchors].argmax(dim=1)
            nearest = between.masked_fill(same, torch.inf)[anchors].argmin(dim=1)
            return anchors, farthest, nearest
        anchors, positives = torch.where(is_positive)
        farther = between[anchors] - between[anchors, positives, None]  # (pairs, n)
        is_mined = ~same[anchors] & (farther <= self._margin) & (farther > 0)  # semi-hard
        pairs, negatives = torch.where(is_mined)
        return anchors[pairs], positives[pairs], negatives


class Objective:
    """The loss of a network: the weighted sum of the mined triplet loss and the proxy loss.

    From random weights triplets alone learn slowly: a batch holds few positives of a value, so each
    step sees a noisy target. A proxy is a learned vector per value, which every batch moves.
    """

    def __init__(self, config: TrainConfig, num_values: int, embedding_size: int) -> None:
        self._warmup = MinedTripletLoss(config, config.warmup_mining)
        self._later = MinedTripletLoss(config, config.mining)
        self._triplet_weight, self._proxy_weight = config.triplet_weight, config.proxy_weight
        self.proxies: nn.Module = losses.NormalizedSoftmaxLoss(
            num_values, embedding_size, temperature=config.proxy_temperature
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the trainable parameters beside the network's: the proxies, if they are in use."""
        return self.proxies.parameters() if self._proxy_weight else iter(())

    def __call__(
        self, embeddings: Tensor, labels: Tensor, *, warming_up: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of embeddings (3B, E) with labels (3B,), and the triplet loss in it.

        The triplet loss is None if it does not count.

        The labels may be sets (3B, L): an image with several values is drawn to the proxy of each.
        """
        sets = as_sets(labels, 1)
        triplet_loss, total = None, embeddings.new_zeros(())
        if self._triplet_weight:
            triplet_loss = (self._warmup if warming_up else self._later)(embeddings, sets)
            total = self._triplet_weight * triplet_loss
        if not self._proxy_weight:
            return total, triplet_loss
        labels = sets[:, 0]
        if sets.shape[1] > 1:
            items, values = carried_values(sets.cpu().numpy())
            embeddings = embeddings[torch.from_numpy(items).to(embeddings.device)]
            labels = torch.from_numpy(values).to(embeddings.device)
        return total + self._proxy_weight * self.proxies(embeddings, labels), triplet_loss
