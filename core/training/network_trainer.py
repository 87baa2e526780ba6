"""Training one network for one super-category, epoch by epoch, resumable."""

import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from pickle import PickleError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.config import Config, TrainConfig
from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import (
    compute_device,
    embed,
    to_device_if_fits,
    training_precision,
)
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.training.augmentation import augment
from datrnet.core.training.data import TrainingData
from datrnet.core.training.events import EpochReport
from datrnet.core.training.losses import Objective
from datrnet.core.training.pace import STEPS, Pace
from datrnet.core.training.triplets import draw_triplets

MEASURED_ITEMS = 2048
"""Training items whose means are the prototypes of the validation accuracy."""

UNREADABLE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    EOFError,
    PickleError,
)
"""What a damaged state, or one of another architecture, raises when it is read."""

WARM_UP_OF_RATE = 0.2
"""Share of the one-cycle schedule in which the learning rate rises."""


class NetworkTrainer:
    """One network, its optimiser and its place in the schedule."""

    def __init__(self, config: Config, data: TrainingData, idx: int, num_values: int) -> None:
        """Draw the triplets and make the network, both from the config's seed.

        Raises:
            DataError: The super-category has fewer than two values among the training items.
        """
        self._config, self._data = config.train, data
        self._seed = (config.train.seed, idx)
        self._num_values = num_values
        self._labels = data.labels[:, idx]
        train = data.rows(idx, validation=False)
        self._triplets = train[
            draw_triplets(
                self._labels[train], config.train.triplets, config.train.balance, self._random(0)
            )
        ]
        self._measured = _spread_over_values(
            self._random(1).permutation(train), self._labels, MEASURED_ITEMS
        )
        self._validation = data.rows(idx, validation=True)
        torch.manual_seed(self._torch_seed(0))
        self._device = compute_device()
        self.network = DAtRNet(config.model).to(self._device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._pixels = to_device_if_fits(self._device, data.pixels)
        self._objective = Objective(config.train, num_values, config.model.embedding_size)
        self._objective.proxies.to(self._device)
        self._optimizer = make_optimizer(
            [*self.network.parameters(), *self._objective.parameters()], config.train
        )
        self.num_batches = max(1, len(self._triplets) // config.train.batch_triplets)
        self._seconds = 60 * config.system.minutes / data.labels.shape[1]
        self._pace = Pace(config.train.epochs, self._seconds)
        # torch divides by (rising steps - 1), which is 0 where exactly one step rises
        self._steps = STEPS if self._seconds else max(10, self.num_batches * config.train.epochs)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            config.train.learning_rate,
            total_steps=self._steps,
            pct_start=WARM_UP_OF_RATE,
        )
        self.epochs_done = 0
        self._spent = 0.0
        self.best: EpochReport | None = None
        self._last_gain = 0  # the epoch that was better than all before
        self._precision = training_precision(config.train.precision, self._device)

    def epochs(self, on_batch: Callable[[int, float], None]) -> Iterator[EpochReport]:
        """Train the remaining epochs, yielding after each; ``on_batch`` gets batches and loss.

        What is done between two epochs takes nothing of the budget.

        Raises:
            DivergenceError: A loss, weight or embedding is not finite; the epoch is not yielded.
        """
        self._pace = Pace(self._config.epochs, self._seconds, spent=self._spent)
        while self._pace.share(self.epochs_done) < 1 and not self._out_of_patience():
            started = time.monotonic()
            loss, triplet_loss = self._train_epoch(self.epochs_done + 1, on_batch)
            accuracy = self._validation_accuracy()
            self.epochs_done += 1
            self._spent = self._pace.spent
            report = EpochReport(
                epoch=self.epochs_done,
                loss=loss,
                triplet_loss=triplet_loss,
                accuracy=accuracy,
                seconds=time.monotonic() - started,
                is_best=self._is_best(accuracy),
            )
            if self.best is None or (accuracy or 0) > (self.best.accuracy or 0):
                self._last_gain = report.epoch
            if report.is_best:
                self.best = report
            handed_out = time.monotonic()
            yield report
            self._pace.leave_out(time.monotonic() - handed_out)

    @property
    def num_epochs(self) -> int | None:
        """How many it takes; None where a clock ends them."""
        return self._pace.num_epochs

    def progress(self, batches: int) -> tuple[int, int]:
        """Return how far the training is after batches of the current epoch, and what is all."""
        if self._seconds:
            return int(STEPS * self._pace.share(0)), STEPS
        return (
            self.epochs_done * self.num_batches + batches,
            self._config.epochs * self.num_batches,
        )

    def save_state(self, path: Path) -> None:
        """Write everything a later process needs to go on after this epoch."""
        best, state = self.best, io.BytesIO()
        torch.save(
            {
                "network": self.network.state_dict(),
                "proxies": self._objective.proxies.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "schedule": self._schedule.state_dict(),
                "epochs_done": self.epochs_done,
                "seconds_spent": self._spent,
                "last_gain": self._last_gain,
                "best": asdict(best) if best else None,
            },
            state,
        )
        write_atomically(path, state.getvalue())

    def load_state(self, path: Path) -> None:
        """Go on where ``save_state`` left off.

        Raises:
            CheckpointError: The file is damaged or of another architecture.
        """
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
            self.network.load_state_dict(state["network"])
            self._objective.proxies.load_state_dict(state["proxies"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._schedule.load_state_dict(state["schedule"])
        except UNREADABLE as error:
            raise CheckpointError(
                f"{path} cannot be resumed from.",
                mend="Delete it and run `datrnet train --resume`.",
            ) from error
        self.epochs_done, self._last_gain = state["epochs_done"], state["last_gain"]
        self._spent = state.get("seconds_spent", 0.0)  # older states have no clock
        self.best = EpochReport(**state["best"]) if state["best"] else None

    def _is_best(self, accuracy: float | None) -> bool:
        """Tell whether to keep an epoch's weights; of equals the latest has learnt longest."""
        best = self.best.accuracy if self.best else None
        return accuracy is None or best is None or accuracy >= best

    def _train_epoch(
        self, epoch: int, on_batch: Callable[[int, float], None]
    ) -> tuple[float, float]:
        """Train one epoch and return the mean loss and the mean triplet loss."""
        config, share = self._config, self._pace.share(epoch - 1)
        warming_up = (
            share < config.warmup if self._seconds else epoch <= config.warmup * config.epochs
        )
        # each epoch has its own seeds, so that a resumed run is the same as an uninterrupted one
        order = self._random(epoch + 1).permutation(len(self._triplets))
        generator = torch.Generator().manual_seed(self._torch_seed(epoch))
        torch.manual_seed(self._torch_seed(epoch))
        self.network.train()
        total = triplet_total = 0.0
        for batch in range(1, self.num_batches + 1):
            chosen = order[(batch - 1) * config.batch_triplets : batch * config.batch_triplets]
            rows = self._triplets[chosen].T.reshape(-1)  # anchors, positives, negatives
            loss, triplet_loss = self._step(rows, generator, warming_up=warming_up)
            if not math.isfinite(loss):
                raise self._divergence(f"the loss is {loss} in epoch {epoch}")
            self._set_rate()
            total += loss
            triplet_total += triplet_loss
            on_batch(batch, total / batch)
            if self._seconds and self._pace.share(epoch) >= 1:
                break
        if not all_finite(self.network):
            raise self._divergence(f"a weight is not finite after epoch {epoch}")
        return total / batch, triplet_total / batch

    def _divergence(self, what: str) -> DivergenceError:
        return DivergenceError(what, "train.learning_rate", self._config.learning_rate)

    def _set_rate(self) -> None:
        """Bring the learning rate to the next step, or to where the clock is."""
        if self._seconds:
            step = min(self._steps - 1, int(self._steps * self._pace.share(0)))
            self._schedule.last_epoch = step - 1
        self._schedule.step()

    def _step(
        self, rows: NDArray[np.int64], generator: torch.Generator, *, warming_up: bool
    ) -> tuple[float, float]:
        """Take one step on a batch and return its loss and its triplet loss."""
        embeddings = self._embed_for_training(rows, generator)
        loss, triplet_loss = self._objective(
            embeddings, self._label_tensor(rows), warming_up=warming_up
        )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._optimizer.step()
        return loss.item(), triplet_loss.item()

    def _embed_for_training(self, rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        pixels = self._pixels_of(rows).to(self._device)
        images = augment(to_network_input(pixels), self._config, generator)
        images = images.to(memory_format=torch.channels_last)
        with self._precision():
            embeddings: Tensor = self.network(images)
        return embeddings.float()

    def _pixels_of(self, rows: NDArray[np.int64]) -> Tensor:
        """Return pixels (B, S, S, 3) of rows, where all pixels lie."""
        return self._pixels[torch.from_numpy(rows).to(self._pixels.device)]

    def _label_tensor(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._labels[rows].astype(np.int64)).to(self._device)

    def _validation_accuracy(self) -> float | None:
        """Return the share of validation items that lie nearest to their own value's prototype."""
        if len(self._validation) == 0:
            return None
        rows = np.concatenate([self._measured, self._validation])
        with self._precision():
            embeddings = embed(self.network, self._pixels_of(rows))
        if not np.isfinite(embeddings).all():
            raise self._divergence(f"an embedding is not finite after epoch {self.epochs_done + 1}")
        seen, asked = embeddings[: len(self._measured)], embeddings[len(self._measured) :]
        prototypes = mean_embeddings(
            seen,
            self._labels[self._measured],
            self._num_values,
            unit_length=self.network.config.unit_prototypes,
        )
        # ‖q - p‖² without ‖q‖², which orders nothing; a value that was not measured has NaN
        distances = np.einsum("ve,ve->v", prototypes, prototypes) - 2 * asked @ prototypes.T
        nearest = np.nan_to_num(distances, nan=np.inf).argmin(axis=1)
        return float((nearest == self._labels[self._validation]).mean())

    def _out_of_patience(self) -> bool:
        patience = self._config.patience
        if not patience or self.best is None or self.best.accuracy is None:
            return False
        return self.epochs_done - self._last_gain >= patience

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((*self._seed, purpose))

    def _torch_seed(self, purpose: int) -> int:
        return int(np.random.SeedSequence((*self._seed, purpose)).generate_state(1)[0])


def all_finite(network: nn.Module) -> bool:
    """Return whether every weight and every running statistic of a network is finite."""
    return all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())


def make_optimizer(
    parameters: list[torch.nn.Parameter], config: TrainConfig
) -> torch.optim.Optimizer:
    """Return the optimiser that a config names."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, weight_decay=decay)


def _spread_over_values(
    rows: NDArray[np.int64], labels: NDArray[np.int16], limit: int
) -> NDArray[np.int64]:
    """Return at most ``limit`` rows, the first of every value before the second of any."""
    order = np.argsort(labels[rows], kind="stable")
    _, starts, counts = np.unique(labels[rows][order], return_index=True, return_counts=True)
    turn = np.empty(len(rows), dtype=np.int64)
    turn[order] = np.arange(len(rows)) - np.repeat(starts, counts)
    return rows[np.argsort(turn, kind="stable")[:limit]]
