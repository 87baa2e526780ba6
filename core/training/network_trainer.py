"""Training one network for one super-category, epoch by epoch, resumable."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.config import Config
from datrnet.core.errors import CheckpointError
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import embed, training_precision
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.training.augmentation import augment
from datrnet.core.training.data import TrainingData
from datrnet.core.training.mining import Objective
from datrnet.core.training.triplets import draw_triplets

MEASURED_ITEMS = 2048
"""Training items whose means are the prototypes of the validation accuracy."""

WARM_UP_OF_RATE = 0.2
"""Share of the one-cycle schedule in which the learning rate rises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What one epoch came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean triplet loss over the batches."""
    accuracy: float
    """Share of validation items whose nearest prototype is that of their own value."""
    seconds: float
    is_best: bool


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
        self._measured = self._random(1).permutation(train)[:MEASURED_ITEMS]
        self._validation = data.rows(idx, validation=True)
        torch.manual_seed(self._torch_seed(0))
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = DAtRNet(config.model).to(self._device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._objective = Objective(config.train, num_values, config.model.embedding_size)
        self._objective.proxies.to(self._device)
        self._optimizer = torch.optim.AdamW(
            [*self.network.parameters(), *self._objective.parameters()],
            lr=config.train.learning_rate,
            weight_decay=config.train.weight_decay,
        )
        self.num_batches = max(1, len(self._triplets) // config.train.batch_triplets)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            config.train.learning_rate,
            total_steps=self.num_batches * config.train.epochs,
            pct_start=WARM_UP_OF_RATE,
        )
        self.epochs_done = 0
        self.best: EpochReport | None = None
        self._precision = training_precision(config.train.precision, self._device)

    def epochs(self, on_batch: Callable[[int, float], None]) -> Iterator[EpochReport]:
        """Train the remaining epochs, yielding after each; ``on_batch`` gets batches and loss."""
        while self.epochs_done < self._config.epochs and not self._out_of_patience():
            started = time.monotonic()
            loss = self._train_epoch(self.epochs_done + 1, on_batch)
            accuracy = self._validation_accuracy()
            self.epochs_done += 1
            report = EpochReport(
                epoch=self.epochs_done,
                loss=loss,
                accuracy=accuracy,
                seconds=time.monotonic() - started,
                is_best=self.best is None or accuracy >= self.best.accuracy,
            )
            if report.is_best:
                self.best = report
            yield report

    def save_state(self, path: Path) -> None:
        """Write everything a later process needs to go on after this epoch."""
        partial = path.with_name(path.name + ".partial")
        best = self.best
        torch.save(
            {
                "network": self.network.state_dict(),
                "proxies": self._objective.proxies.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "schedule": self._schedule.state_dict(),
                "epochs_done": self.epochs_done,
                "best": (best.epoch, best.loss, best.accuracy, best.seconds) if best else None,
            },
            partial,
        )
        partial.replace(path)

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
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            raise CheckpointError(
                f"{path} cannot be resumed from.",
                mend="Delete it and run `datrnet train --resume`.",
            ) from error
        self.epochs_done = state["epochs_done"]
        if state["best"]:
            epoch, loss, accuracy, seconds = state["best"]
            self.best = EpochReport(
                epoch=epoch, loss=loss, accuracy=accuracy, seconds=seconds, is_best=True
            )

    def _train_epoch(self, epoch: int, on_batch: Callable[[int, float], None]) -> float:
        config = self._config
        warming_up = epoch <= config.warmup * config.epochs
        # each epoch has its own seeds, so that a resumed run is the same as an uninterrupted one
        order = self._random(epoch + 1).permutation(len(self._triplets))
        generator = torch.Generator().manual_seed(self._torch_seed(epoch))
        torch.manual_seed(self._torch_seed(epoch))
        self.network.train()
        total = 0.0
        for batch in range(self.num_batches):
            chosen = order[batch * config.batch_triplets : (batch + 1) * config.batch_triplets]
            rows = self._triplets[chosen].T.reshape(-1)  # anchors, positives, negatives
            embeddings = self._embed_for_training(rows, generator)
            loss = self._objective(embeddings, self._label_tensor(rows), warming_up=warming_up)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            self._optimizer.step()
            self._schedule.step()
            total += loss.item()
            on_batch(batch + 1, total / (batch + 1))
        return total / self.num_batches

    def _embed_for_training(self, rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        images = augment(
            to_network_input(torch.from_numpy(self._data.pixels[rows])), self._config, generator
        )
        images = images.to(self._device, memory_format=torch.channels_last)
        with self._precision():
            embeddings: Tensor = self.network(images)
        return embeddings.float()

    def _label_tensor(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._labels[rows].astype(np.int64)).to(self._device)

    def _validation_accuracy(self) -> float:
        """Return the share of validation items that lie nearest to their own value's prototype."""
        if len(self._validation) == 0:
            return 0.0
        rows = np.concatenate([self._measured, self._validation])
        with self._precision():
            embeddings = embed(self.network, self._data.pixels[rows])
        seen, asked = embeddings[: len(self._measured)], embeddings[len(self._measured) :]
        prototypes = mean_embeddings(
            seen, self._labels[self._measured], self._num_values, unit_length=True
        )
        distances = np.linalg.norm(asked[:, None] - prototypes[None], axis=2)
        nearest = np.nan_to_num(distances, nan=np.inf).argmin(axis=1)
        return float((nearest == self._labels[self._validation]).mean())

    def _out_of_patience(self) -> bool:
        patience = self._config.patience
        return bool(patience and self.best and self.epochs_done - self.best.epoch >= patience)

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((*self._seed, purpose))

    def _torch_seed(self, purpose: int) -> int:
        return int(np.random.SeedSequence((*self._seed, purpose)).generate_state(1)[0])
