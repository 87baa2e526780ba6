"""The loss of a batch: mined triplets, and optionally proxies of the values.

Built on pytorch-metric-learning.
"""

from collections.abc import Iterator

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor, nn

from datrnet.core.config import Mining, TrainConfig

_MINERS = {
    "violating": lambda distance, margin: miners.TripletMarginMiner(
        margin=margin, distance=distance, type_of_triplets="all"
    ),
    "semi_hard": lambda distance, margin: miners.TripletMarginMiner(
        margin=margin, distance=distance, type_of_triplets="semihard"
    ),
    "batch_hard": lambda distance, margin: miners.BatchHardMiner(distance=distance),
}


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
        self._miner = None if mining == "all" else _MINERS[mining](distance, config.margin)
        reducer = reducers.MeanReducer() if mining == "all" else reducers.AvgNonZeroReducer()
        self._loss = losses.TripletMarginLoss(
            margin=config.margin, distance=distance, reducer=reducer
        )

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
