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

from datrnet.core.config import Mining, TrainConfig
from datrnet.core.errors import DataError

Rows = NDArray[np.int64]


def draw_triplets(
    labels: NDArray[np.int16], num_triplets: int, balance: float, rng: np.random.Generator
) -> Rows:
    """Draw triplets of rows: anchor and positive share the value, the negative has another.

    They may differ or agree in all else: the similarity of attributes counts, not that of images
    (section 3.3). Rows without a label are never drawn.

    Args:
        labels: (N,) value of each row in this super-category, -1 where unlabeled.
        num_triplets: How many to draw, with replacement.
        balance: 1 draws each value equally often, 0 as often as it occurs; in general in proportion
            to ``count ** (1 - balance)``.
        rng: Source of randomness.

    Returns:
        (num_triplets, 3) rows of anchor, positive and negative. The positive differs from the
        anchor if a second item has the value.

    Raises:
        DataError: Fewer than two values occur.
    """
    values, counts = np.unique(labels[labels >= 0], return_counts=True)
    if len(values) < 2:
        raise DataError(
            f"Triplets need at least two values among the training items; there are {len(values)}.",
            hint="Omit this super-category, or label more items.",
        )
    shares = np.asarray(counts ** (1.0 - balance), dtype=np.float64)
    shares /= shares.sum()
    members = np.argsort(labels, kind="stable")[(labels < 0).sum() :]  # rows grouped by value
    starts = np.concatenate([[0], np.cumsum(counts)])

    wanted = rng.choice(len(values), num_triplets, p=shares)
    other = _another_value(wanted, shares, rng)
    anchor = rng.integers(0, counts[wanted])
    # a step of 1 … count-1 around the group's circle never lands on the anchor itself
    step = rng.integers(0, np.maximum(counts[wanted] - 1, 1)) + 1
    positive = (anchor + step) % counts[wanted]
    negative = rng.integers(0, counts[other])
    groups, places = starts[[wanted, wanted, other]], np.stack([anchor, positive, negative])
    triplets: Rows = members[groups + places].T.astype(np.int64)
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
    the batch and their labels: ``violating`` at every triplet inside the margin, ``semi_hard`` at
    those whose negative is farther than the positive but inside the margin, ``batch_hard`` at the
    farthest positive and the nearest negative of each anchor.
    """

    def __init__(self, config: TrainConfig, mining: Mining) -> None:
        distance = distances.LpDistance(
            normalize_embeddings=False, p=2, power=2 if config.squared_distance else 1
        )
        options = {"margin": config.margin, "distance": distance}
        reducer = reducers.AvgNonZeroReducer()
        self._miner: Any = None
        match mining:
            case "all":
                reducer = reducers.MeanReducer()
            case "violating":
                self._miner = miners.TripletMarginMiner(type_of_triplets="all", **options)
            case "semi_hard":
                self._miner = miners.TripletMarginMiner(type_of_triplets="semihard", **options)
            case "batch_hard":
                self._miner = miners.BatchHardMiner(distance=distance)
        self._loss = losses.TripletMarginLoss(reducer=reducer, **options)

    def __call__(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of B triplets.

        Args:
            embeddings: (3B, E): the anchors, then the positives, then the negatives.
            labels: (3B,) values of the super-category.
        """
        if self._miner is None:
            triplets = tuple(torch.arange(len(labels)).view(3, -1))
        else:
            triplets = self._miner(embeddings.detach(), labels)
        loss: Tensor = self._loss(embeddings, labels, triplets)
        return loss


class Objective:
    """The loss of a network: the mined triplet loss plus the weighted proxy loss.

    From random weights triplets alone learn slowly: a batch holds few positives of a value, so each
    step sees a noisy target. A proxy is a learned vector per value, which every batch moves.
    """

    def __init__(self, config: TrainConfig, num_values: int, embedding_size: int) -> None:
        self._warmup = MinedTripletLoss(config, config.warmup_mining)
        self._later = MinedTripletLoss(config, config.mining)
        self._proxy_weight = config.proxy_weight
        self.proxies: nn.Module = losses.NormalizedSoftmaxLoss(
            num_values, embedding_size, temperature=config.proxy_temperature
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the trainable parameters beside the network's: the proxies, if they are in use."""
        return self.proxies.parameters() if self._proxy_weight else iter(())

    def __call__(
        self, embeddings: Tensor, labels: Tensor, *, warming_up: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of embeddings (3B, E) with labels (3B,), and the triplet loss in it."""
        triplet_loss = (self._warmup if warming_up else self._later)(embeddings, labels)
        if not self._proxy_weight:
            return triplet_loss, triplet_loss
        return triplet_loss + self._proxy_weight * self.proxies(embeddings, labels), triplet_loss
