"""The triplet loss with hard mining (sections 3.3 and 4), on pytorch-metric-learning."""

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor

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
