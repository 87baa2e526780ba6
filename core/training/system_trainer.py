"""Training one of the compared systems: its stages one after the other, within one budget."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.config import Config
from datrnet.core.data.formats.adde_triplets import draw_adde_triplets
from datrnet.core.errors import DataError
from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.ranking import Gallery
from datrnet.core.models.datrnet import to_network_input
from datrnet.core.models.embedding import RETRY_AFTER, compute_device, training_precision
from datrnet.core.models.threads import ThreadTuner
from datrnet.core.systems.making import system_of
from datrnet.core.systems.system import ImageBatch, Stage, System, Taught, TripletBatch
from datrnet.core.training.augmentation import augment
from datrnet.core.training.data import TrainingData
from datrnet.core.training.network_trainer import EpochReport

TOP = 30
"""Length of the lists by which the best epoch is chosen on the validation items."""

MAX_QUERIES = 2000
"""Queries of each use case that it is chosen by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a training may take: epochs, or seconds where there are any."""

    epochs: int
    seconds: float = 0.0


class SystemTrainer:
    """A system, its data and its place in the stages."""

    def __init__(self, config: Config, data: TrainingData, num_values: tuple[int, ...]) -> None:
        """Make the system from the config's seed.

        Raises:
            UnknownNameError: There is no such system or backbone.
            ConfigError: A setting of it does not exist, or is out of range.
        """
        torch.manual_seed(config.train.seed)
        self._config, self._data = config, data
        self._device = compute_device()
        self._precision = training_precision(config.train.precision, self._device)
        self._rng = np.random.default_rng(config.train.seed)
        self._generator = torch.Generator().manual_seed(config.train.seed)
        self._threads = ThreadTuner(retry_after=RETRY_AFTER)
        self._train = np.flatnonzero(~data.is_validation)
        self._validation = np.flatnonzero(data.is_validation)
        self.system: System = system_of(config.system, config.model.image_size, num_values).to(
            self._device
        )
        self.budget = Budget(epochs=config.train.epochs, seconds=60 * config.system.minutes)
        self.best: EpochReport | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is trained, in order."""
        return self.system.stages()

    @property
    def taught(self) -> Taught:
        """The training items, as the system's memory and prototypes take them."""
        return Taught(
            labels=self._data.labels[self._train],
            images=lambda rows: self._images(self._train[rows]),
            seed=self._config.train.seed,
        )

    def epochs_of(self, stage: Stage) -> int | None:
        """Return how many epochs a stage takes; None where a clock ends it."""
        if self.budget.seconds:
            return None
        return max(1, round(stage.share * self.budget.epochs))

    def epochs(
        self, stage: Stage, on_batch: Callable[[int, float, float], None]
    ) -> Iterator[EpochReport]:
        """Train one stage, yielding after each epoch; the last stage's are measured.

        Args:
            stage: One of ``stages``.
            on_batch: Told the epoch, the share of the stage that is done and the epoch's loss.

        Raises:
            DataError: It trains on changes, and no change leads from one item to another.
        """
        if stage.begin is not None:
            self.system.eval()
            stage.begin(self.taught)
        optimizer = torch.optim.Adam(self.system.enter(stage), lr=self._config.system.learning_rate)
        is_last = stage.name == self.stages[-1].name
        began = time.monotonic()
        epoch, done = 0, 0.0
        while done < 1:
            epoch += 1
            started = time.monotonic()
            loss = 0.0
            batches = self._batches(stage)
            for number, batch in enumerate(batches, start=1):
                loss += (self._step(stage, batch, optimizer) - loss) / number
                done = self._done(stage, began, epoch - 1 + number / len(batches))
                on_batch(epoch, done, loss)
                if done >= 1:
                    break
            quality = self._quality() if is_last else None
            is_best = is_last and (
                self.best is None or (quality or 0.0) > (self.best.accuracy or 0.0)
            )
            report = EpochReport(
                epoch=epoch,
                loss=loss,
                triplet_loss=None,
                accuracy=quality,
                seconds=time.monotonic() - started,
                is_best=is_best,
            )
            if is_best:
                self.best = report
            yield report
            self.system.enter(stage)  # measuring has left evaluation mode behind

    def _done(self, stage: Stage, began: float, epochs: float) -> float:
        num_epochs = self.epochs_of(stage)
        if num_epochs is None:
            return (time.monotonic() - began) / (stage.share * self.budget.seconds)
        return epochs / num_epochs

    def _step(self, stage: Stage, batch: Any, optimizer: torch.optim.Optimizer) -> float:
        with self._threads.unit():
            optimizer.zero_grad(set_to_none=True)
            with self._precision():
                loss = stage.loss(self._batch(stage, batch))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float(loss.detach())

    def _batches(self, stage: Stage) -> list[Any]:
        """Return the rows of an epoch's batches: (B,) of pictures, or (B, 3) with what changes."""
        size = self._config.system.batch
        if stage.batches == "images":
            order = self._rng.permutation(self._train)
            parts = np.array_split(order, max(1, len(order) // size))
            return list(parts)
        labels = self._data.labels[self._train]
        triplets = draw_adde_triplets(labels, len(self._train), self._rng)
        if triplets is None:
            raise DataError(
                "No change of one value leads from a training item to another.",
                mend="Label more training items, or train DAtRNet.",
            )
        places = np.array_split(
            np.arange(len(triplets.items)), max(1, 3 * len(triplets.items) // size)
        )
        return [(self._train[triplets.items[one]], triplets.changed[one]) for one in places]

    def _batch(self, stage: Stage, rows: Any) -> ImageBatch | TripletBatch:
        if stage.batches == "images":
            return ImageBatch(images=self._augmented(rows), labels=self._labels(rows))
        items, changed = rows
        references, positives, negatives = items.T
        images = self._augmented(items.T.reshape(-1)).chunk(3)
        return TripletBatch(
            references=images[0],
            positives=images[1],
            negatives=images[2],
            reference_labels=self._labels(references),
            positive_labels=self._labels(positives),
            negative_labels=self._labels(negatives),
            changed=torch.from_numpy(changed).to(self._device),
        )

    def _images(self, rows: NDArray[np.int64]) -> Tensor:
        return to_network_input(torch.from_numpy(self._data.pixels[rows])).to(self._device)

    def _augmented(self, rows: NDArray[np.int64]) -> Tensor:
        images = to_network_input(torch.from_numpy(self._data.pixels[rows]))
        return augment(images, self._config.train, self._generator).to(self._device)

    def _labels(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._data.labels[rows].astype(np.int64)).to(self._device)

    def _quality(self) -> float | None:
        """Return the mean of top-30 accuracy without and with a change on the validation items."""
        if len(self._validation) < TOP:
            return None
        self.system.eval()
        validation = Taught(
            labels=self._data.labels[self._validation],
            images=lambda rows: self._images(self._validation[rows]),
        )
        gallery = Gallery(
            embeddings=validation.embed(self.system),
            labels=validation.labels,
            manipulation=self.system.manipulation(self.taught),
        )
        names = [str(number) for number in range(validation.labels.shape[1])]
        protocol = Protocol(k=TOP, max_changes=1, max_queries=MAX_QUERIES)
        cases = evaluate(gallery, names, gallery.equal_weights, protocol)
        found = [case.overall.top_k_accuracy.value for case in cases if case.overall.num_queries]
        return float(np.mean(found)) if found else None
