"""Training one of the compared systems: its stages one after the other, within one budget."""

import time
from collections.abc import Callable, Iterator
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
from datrnet.core.training.data import Progress, TrainingData
from datrnet.core.training.given_triplets import (
    GivenTriplets,
    given_triplets,
    triplets_folder,
)
from datrnet.core.training.kept import kept_features
from datrnet.core.training.network_trainer import EpochReport
from datrnet.core.training.pace import Pace, falling

TOP = 30
"""Length of the lists by which the best epoch is chosen on the validation items."""

MAX_QUERIES = 2000
"""Queries of each use case that it is chosen by."""

BETWEEN_MEASUREMENTS = 0.05
"""Least share of a stage between two measurements, where a clock counts them in."""


class SystemTrainer:
    """A system, its data and its place in the stages."""

    def __init__(self, config: Config, data: TrainingData, num_values: tuple[int, ...]) -> None:
        """Make the system from the config's seed.

        Raises:
            UnknownNameError: There is no such system or backbone.
            ConfigError: A setting of it does not exist, or is out of range.
            DataError: It shall train on the triplets of a folder, and none of them is of the items.
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
        self._kept: NDArray[np.float16] | None = None
        self.given: GivenTriplets | None = None
        if (folder := triplets_folder(config.system)) is not None:
            self.given = given_triplets(folder, data.find, data.labels, ~data.is_validation)
        self.best: EpochReport | None = None

    def keep_features(self, on_progress: Progress) -> None:
        """Let a frozen backbone see every picture once, before its training begins."""
        if self._config.system.frozen:
            self._kept = kept_features(
                self.system.eval(), self._data.pixels, self._data.features, on_progress
            )

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

    def pace_of(self, stage: Stage) -> Pace:
        """Return a stage's part of the budget, its clock started."""
        return Pace(
            epochs=max(1, round(stage.share * self._config.train.epochs)),
            seconds=60 * stage.share * self._config.system.minutes,
        )

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
        pace = self.pace_of(stage)
        if stage.begin is not None:
            self.system.eval()
            stage.begin(self.taught)
        optimizer = torch.optim.Adam(
            self.system.enter(stage),
            lr=self._config.system.learning_rate,
            fused=True,  # four times as fast where there are millions of weights
        )
        is_last = stage.name == self.stages[-1].name
        epoch, share, measured_at = 0, 0.0, 0.0
        while share < 1:
            epoch += 1
            started = time.monotonic()
            loss = 0.0
            batches = self._batches(stage)
            for number, batch in enumerate(batches, start=1):
                self._set_rate(optimizer, share)
                loss += (self._step(stage, batch, optimizer) - loss) / number
                share = pace.share(epoch - 1 + number / len(batches))
                on_batch(epoch, share, loss)
                if share >= 1:
                    break
            quality = None
            is_due = share >= 1 or share - measured_at >= BETWEEN_MEASUREMENTS
            if is_last and (is_due or pace.num_epochs is not None):
                quality, measured_at = self._quality(), share
            is_best = is_last and self._is_best(quality, is_end=share >= 1)
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

    def _is_best(self, quality: float | None, *, is_end: bool) -> bool:
        """Tell whether to keep an epoch's weights; where nothing can be measured, the last ones."""
        if quality is None:
            return is_end and self.best is None
        return self.best is None or quality > (self.best.accuracy or 0.0)

    def _set_rate(self, optimizer: torch.optim.Optimizer, share: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self._config.system.learning_rate * falling(share)

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
        items, changed = self._triplets()
        places = np.array_split(np.arange(len(items)), max(1, 3 * len(items) // size))
        return [(items[one], changed[one]) for one in places]

    def _triplets(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return an epoch's triplets (n, 3) and what they change (n, T): given ones, or drawn."""
        if self.given is not None:
            given = self.given.triplets
            order = self._rng.permutation(len(given.items))
            return given.items[order], given.changed[order]
        labels = self._data.labels[self._train]
        drawn = draw_adde_triplets(labels, len(self._train), self._rng)
        if drawn is None:
            raise DataError(
                "No change of one value leads from a training item to another.",
                mend="Label more training items, or train DAtRNet.",
            )
        return self._train[drawn.items], drawn.changed

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
        if self._kept is not None:
            return torch.from_numpy(self._kept[rows]).to(self._device).float()
        return to_network_input(torch.from_numpy(self._data.pixels[rows])).to(self._device)

    def _augmented(self, rows: NDArray[np.int64]) -> Tensor:
        if self._kept is not None:
            return self._images(rows)
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
