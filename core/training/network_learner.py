"""Training of one DAtRNet, the network of one super-category (section 3.3)."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.catalog.value_sets import share_value, trimmed
from datrnet.core.config import Config
from datrnet.core.errors import DivergenceError
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import (
    compute_device,
    embed,
    to_device_if_fits,
    training_precision,
)
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.training.data import TrainingData, augment
from datrnet.core.training.trainer import Learner, Stage
from datrnet.core.training.triplets import Objective, draw_triplets

PROTOTYPE_ITEMS = 2048
"""Training items whose means are the prototypes of the validation accuracy."""

RATE_STEPS = 100_000
"""Steps of the one-cycle schedule if time is the budget."""

RATE_WARMUP = 0.2
"""Share of the one-cycle schedule in which the learning rate rises."""


class NetworkLearner(Learner):
    """A network for one super-category, its triplets and its losses."""

    network: DAtRNet
    stages = (Stage(),)

    def __init__(
        self, config: Config, data: TrainingData, idx: int, num_values: int, name: str = ""
    ) -> None:
        """Draw the triplets and make the network, both from the config's seed.

        Args:
            config: Of the run.
            data: Items and labels.
            idx: Column of the super-category in the labels.
            num_values: Of the super-category.
            name: Of the super-category.

        Raises:
            DataError: The super-category has fewer than two values among the training items.
        """
        self.name = name or f"super-category {idx}"
        self.seconds = 60 * config.system.minutes / data.labels.shape[1]
        self.learning_rate = ("train.learning_rate", config.train.learning_rate)
        self._config, self._idx = config.train, idx
        self._seed = (config.train.seed, idx)
        self._num_values = num_values
        self._sets = trimmed(data.value_sets[:, idx])
        train = data.rows(idx, validation=False)
        self._triplets = train[
            draw_triplets(
                self._sets[train], config.train.triplets, config.train.balance, self._random(0)
            )
        ]
        self._prototype_items = _spread_over_values(
            self._random(1).permutation(train), self._sets[:, 0], PROTOTYPE_ITEMS
        )
        self._validation = data.rows(idx, validation=True)
        torch.manual_seed(self._torch_seed(0))
        self._device = compute_device()
        self.network = DAtRNet(config.model).to(self._device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._pixels = to_device_if_fits(self._device, data.pixels)
        self._objective = Objective(config.train, num_values, config.model.embedding_size)
        self.extra = {"proxies": self._objective.proxies.to(self._device)}
        self._precision = training_precision(config.train.precision, self._device)
        self._num_batches = max(1, len(self._triplets) // config.train.batch_triplets)
        self._is_warmup = True
        self._generator = torch.Generator()

    def start_stage(self, stage: int) -> None:
        """Make the optimizer and its one-cycle schedule."""
        config = self._config
        kind: Any = {
            "adamw": torch.optim.AdamW,
            "adam": torch.optim.Adam,
            "sgd": partial(torch.optim.SGD, momentum=0.9),
        }[config.optimizer]
        parameters = [*self.network.parameters(), *self._objective.parameters()]
        optimizer = kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.optimizer = optimizer
        self._rate_steps = RATE_STEPS if self.seconds else self._num_batches * config.epochs
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            config.learning_rate,
            # torch divides by (rising steps - 1), which is 0 if exactly one step rises
            total_steps=max(10, self._rate_steps),
            pct_start=RATE_WARMUP,
        )

    def start_epoch(self, stage: int, epoch: int, share: float) -> Sequence[NDArray[np.int64]]:
        """Return the epoch's batches of triplets; see the base class.

        Each epoch has its own seeds, so that a resumed run equals an uninterrupted one.
        """
        config = self._config
        self._is_warmup = (
            share < config.warmup if self.seconds else epoch <= config.warmup * config.epochs
        )
        order = self._random(epoch + 1).permutation(len(self._triplets))
        self._generator = torch.Generator().manual_seed(self._torch_seed(epoch))
        torch.manual_seed(self._torch_seed(epoch))
        self.network.train()
        size = config.batch_triplets
        return [order[size * batch :][:size] for batch in range(self._num_batches)]

    def loss(self, stage: int, batch: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        """Return the loss of a batch of triplets and the triplet loss in it."""
        rows = self._triplets[batch].T.reshape(-1)  # anchors, positives, negatives
        pixels = self._pixels_of(rows).to(self._device)
        images = augment(to_network_input(pixels), self._config, self._generator)
        images = images.to(memory_format=torch.channels_last)
        with self._precision():
            embeddings: Tensor = self.network(images)
        sets = torch.from_numpy(self._sets[rows].astype(np.int64)).to(self._device)
        return self._objective(embeddings.float(), sets, warming_up=self._is_warmup)

    def set_learning_rate(self, share: float) -> None:
        """Go to the step of the one-cycle schedule."""
        self._schedule.last_epoch = round(share * self._rate_steps) - 1
        self._schedule.step()

    def validate(self) -> float | None:
        """Return the share of validation items that carry the value of their nearest prototype.

        Raises:
            DivergenceError: An embedding is not finite.
        """
        if len(self._validation) == 0:
            return None
        rows = np.concatenate([self._prototype_items, self._validation])
        with self._precision():
            embeddings = embed(self.network, self._pixels_of(rows))
        if not np.isfinite(embeddings).all():
            raise DivergenceError(f"an embedding of {self.name} is not finite", *self.learning_rate)
        num = len(self._prototype_items)
        prototypes = mean_embeddings(
            embeddings[:num],
            self._sets[self._prototype_items],
            self._num_values,
            unit_length=self.network.config.unit_prototypes,
        )
        # ‖q - p‖² without ‖q‖², which does not change the order; a value without items has NaN
        distances = np.einsum("ve,ve->v", prototypes, prototypes) - 2 * (
            embeddings[num:] @ prototypes.T
        )
        nearest = np.nan_to_num(distances, nan=np.inf).argmin(axis=1)
        return float(share_value(nearest[:, None], self._sets[self._validation]).mean())

    def save_best(self, run: RunFolder) -> None:
        """Write the weights of the super-category."""
        save_weights(self.network, run.weights_path(self._idx))

    def _pixels_of(self, rows: NDArray[np.int64]) -> Tensor:
        """Return pixels (B, S, S, 3) of rows, on the device of all pixels."""
        return self._pixels[torch.from_numpy(rows).to(self._pixels.device)]

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((*self._seed, purpose))

    def _torch_seed(self, purpose: int) -> int:
        return int(np.random.SeedSequence((*self._seed, purpose)).generate_state(1)[0])


def _spread_over_values(
    rows: NDArray[np.int64], labels: NDArray[np.int16], limit: int
) -> NDArray[np.int64]:
    """Return at most ``limit`` rows, the first of every value before the second of any."""
    order = np.argsort(labels[rows], kind="stable")
    _, starts, counts = np.unique(labels[rows][order], return_index=True, return_counts=True)
    turn = np.empty(len(rows), dtype=np.int64)
    turn[order] = np.arange(len(rows)) - np.repeat(starts, counts)
    return rows[np.argsort(turn, kind="stable")[:limit]]
