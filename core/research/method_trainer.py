"""Training one of the compared systems: its stages one after the other, within one budget."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from datrnet.core.config import Config
from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.ranking import Gallery
from datrnet.core.models.embedding import compute_device, training_precision
from datrnet.core.progress import StepProgress
from datrnet.core.research.feature_cache import cached_features
from datrnet.core.research.method_batches import MethodBatches
from datrnet.core.research.split_folder_triplets import read_folder_triplets, triplets_folder
from datrnet.core.research.systems.method import RetrievalMethod, Stage, TrainingSet
from datrnet.core.research.systems.registry import method_of
from datrnet.core.training.data import TrainingData
from datrnet.core.training.events import EpochReport
from datrnet.core.training.network_trainer import UNREADABLE, all_finite
from datrnet.core.training.pace import Pace, falling, shared_epochs

TOP = 30
"""Length of the lists by which the best epoch is chosen on the validation items."""

MAX_QUERIES = 2000
"""Queries of each use case that it is chosen by."""

BETWEEN_MEASUREMENTS = 0.05
"""Least share of a stage between two measurements, where a clock counts them in."""


@dataclass(slots=True, kw_only=True)
class Place:
    """How far a training is, after an epoch."""

    stage: int = 0
    """From 0; as many as there are where all are trained."""
    epoch: int = 0
    """Epochs of the stage that are over."""
    share: float = 0.0
    """Of the stage's budget that is used."""
    spent: float = 0.0
    """Seconds that the stage took."""
    measured_at: float = 0.0
    """The share at which the system was last measured."""
    epochs_before: int = 0
    """Epochs of the stages before."""


class MethodTrainer:
    """A system, its optimiser and its place in the stages."""

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
        self._train = np.flatnonzero(~data.is_validation)
        self._validation = np.flatnonzero(data.is_validation)
        self.system: RetrievalMethod = method_of(
            config.system, config.model.image_size, num_values
        ).to(self._device)
        self.stages: tuple[Stage, ...] = self.system.stages()
        """What is trained, in order."""
        shares = [one.share for one in self.stages]
        epochs = shared_epochs(config.train.epochs, shares)
        self._epochs = {one.name: num for one, num in zip(self.stages, epochs, strict=True)}
        given = None
        if (folder := triplets_folder(config.system)) is not None:
            given = read_folder_triplets(folder, data)
        self.batches = MethodBatches(config, data, self._device, given)
        self.place = Place()
        self._optimizer: torch.optim.Optimizer | None = None
        self.best: EpochReport | None = None

    def keep_features(self, on_progress: StepProgress) -> None:
        """Let a frozen backbone see every picture once, before its training begins."""
        if self._config.system.frozen:
            self.batches.kept = cached_features(
                self.system.eval(), self._data.pixels, self._data.features, on_progress
            )

    @property
    def remaining(self) -> Iterator[Stage]:
        """The stages that are not over; ``epochs`` trains each before the next is asked for."""
        while self.place.stage < len(self.stages):
            yield self.stages[self.place.stage]

    @property
    def epochs_done(self) -> int:
        """Epochs of all stages that are over."""
        return self.place.epochs_before + self.place.epoch

    @property
    def training_set(self) -> TrainingSet:
        """The training items, as the system's memory and prototypes take them."""
        return TrainingSet(
            labels=self._data.labels[self._train],
            images=lambda rows: self.batches.images(self._train[rows]),
            seed=self._config.train.seed,
        )

    def progress(self, done: float) -> float:
        """Return the share of the whole training that is done, as a person waits for it.

        Args:
            done: The share of the current stage's budget.
        """
        work = [self._work(stage) for stage in self.stages]
        current = self.place.stage
        return min(1.0, (sum(work[:current]) + done * work[current]) / sum(work))

    def _work(self, stage: Stage) -> float:
        """Return what a stage takes of the training: time where a clock ends it, else pictures."""
        num_epochs = self.pace_of(stage).num_epochs
        return stage.share if num_epochs is None else num_epochs * self.batches.num_pictures(stage)

    def pace_of(self, stage: Stage) -> Pace:
        """Return a stage's part of the budget, its clock started."""
        return Pace(
            epochs=self._epochs[stage.name],
            seconds=60 * stage.share * self._config.system.minutes,
            spent=self.place.spent,
        )

    def epochs(
        self, stage: Stage, on_batch: Callable[[int, float, float], None]
    ) -> Iterator[EpochReport]:
        """Train what is left of a stage, yielding after each epoch; the last stage's are measured.

        What is done between two epochs takes nothing of the budget.

        Args:
            stage: The first of ``remaining``.
            on_batch: Told the epoch, the share of the stage that is done and the epoch's loss.

        Raises:
            DataError: It trains on changes, and no change leads from one item to another.
            DivergenceError: A loss or weight is not finite; the epoch is not yielded.
        """
        place, pace = self.place, self.pace_of(stage)
        if place.epoch == 0 and stage.on_start is not None:
            self.system.eval()
            stage.on_start(self.training_set)
        optimizer = self._optimizer_of(stage)
        is_last = place.stage == len(self.stages) - 1
        while place.share < 1:
            started = time.monotonic()
            self.system.enter(stage)  # measuring has left evaluation mode behind
            loss, share = self._train_epoch(stage, optimizer, pace, on_batch)
            quality = None
            is_due = share >= 1 or share - place.measured_at >= BETWEEN_MEASUREMENTS
            if is_last and (is_due or pace.num_epochs is not None):
                quality, place.measured_at = self._quality(), share
            place.epoch, place.share, place.spent = place.epoch + 1, share, pace.spent
            report = EpochReport(
                epoch=place.epoch,
                loss=loss,
                triplet_loss=None,
                accuracy=quality,
                seconds=time.monotonic() - started,
                is_best=is_last and self._is_best(quality, is_end=share >= 1),
            )
            if report.is_best:
                self.best = report
            handed_out = time.monotonic()
            yield report
            pace.leave_out(time.monotonic() - handed_out)
        self.place = Place(stage=place.stage + 1, epochs_before=self.epochs_done)
        self._optimizer = None

    def save_state(self, path: Path) -> None:
        """Write everything that a later process needs to go on after this epoch."""
        partial = path.with_name(path.name + ".partial")
        torch.save(
            {
                "system": self.system.state_dict(),
                "optimizer": self._optimizer.state_dict() if self._optimizer else None,
                "place": asdict(self.place),
                "best": asdict(self.best) if self.best else None,
            },
            partial,
        )
        partial.replace(path)

    def load_state(self, path: Path) -> None:
        """Go on where ``save_state`` left off.

        Raises:
            CheckpointError: The file is damaged or of another system.
        """
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
            self.system.load_state_dict(state["system"])
            self.place = Place(**state["place"])
            if state["optimizer"] is not None:
                optimizer = self._optimizer_of(self.stages[self.place.stage])
                optimizer.load_state_dict(state["optimizer"])
            self.best = EpochReport(**state["best"]) if state["best"] else None
        except UNREADABLE as error:
            raise CheckpointError(
                f"{path} cannot be resumed from.",
                mend="Delete it; the training then begins anew.",
            ) from error

    def _optimizer_of(self, stage: Stage) -> torch.optim.Optimizer:
        """Return the optimiser of the stage that the training is in, made when it begins."""
        if self._optimizer is None:
            self._optimizer = torch.optim.Adam(
                self.system.enter(stage),
                lr=self._config.system.learning_rate,
                fused=True,  # four times as fast where there are millions of weights
            )
        return self._optimizer

    def _train_epoch(
        self,
        stage: Stage,
        optimizer: torch.optim.Optimizer,
        pace: Pace,
        on_batch: Callable[[int, float, float], None],
    ) -> tuple[float, float]:
        """Train an epoch, or what of it the clock allows; return its mean loss and the share."""
        done, loss, share = self.place.epoch, 0.0, self.place.share
        batches = self.batches.begin_epoch(stage, self.place.stage, done + 1)
        for number, rows in enumerate(batches, start=1):
            self._set_rate(optimizer, share)
            step_loss = self._step(stage, rows, optimizer)
            if not math.isfinite(step_loss):
                raise self._divergence(
                    f"the loss of {stage.name} is {step_loss} in epoch {done + 1}"
                )
            loss += (step_loss - loss) / number
            share = pace.share(done + number / len(batches))
            on_batch(done + 1, share, loss)
            if share >= 1:
                break
        learning = nn.ModuleList(stage.trainable)
        if not all_finite(learning):  # others may hold NaN: prototypes of values without items
            raise self._divergence(f"a weight of {stage.name} is not finite after epoch {done + 1}")
        return loss, share

    def _divergence(self, what: str) -> DivergenceError:
        return DivergenceError(what, "system.learning_rate", self._config.system.learning_rate)

    def _is_best(self, quality: float | None, *, is_end: bool) -> bool:
        """Tell whether to keep an epoch's weights; where nothing can be measured, the last ones."""
        if quality is None:
            return is_end and self.best is None
        return self.best is None or quality > (self.best.accuracy or 0.0)

    def _set_rate(self, optimizer: torch.optim.Optimizer, share: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self._config.system.learning_rate * falling(share)

    def _step(self, stage: Stage, rows: Any, optimizer: torch.optim.Optimizer) -> float:
        optimizer.zero_grad(set_to_none=True)
        with self._precision():
            loss = stage.loss(self.batches.batch(stage, rows))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    def _quality(self) -> float | None:
        """Return the mean of top-30 accuracy without and with a change on the validation items."""
        if len(self._validation) < TOP:
            return None
        self.system.eval()
        validation = TrainingSet(
            labels=self._data.labels[self._validation],
            images=lambda rows: self.batches.images(self._validation[rows]),
        )
        gallery = Gallery(
            embeddings=validation.embed(self.system),
            labels=validation.labels,
            manipulation=self.system.manipulation(self.training_set),
        )
        names = [str(number) for number in range(validation.labels.shape[1])]
        protocol = Protocol(k=TOP, max_changes=1, max_queries=MAX_QUERIES)
        cases = evaluate(gallery, names, gallery.equal_weights, protocol)
        found = [case.overall.top_k_accuracy.value for case in cases if case.overall.num_queries]
        return float(np.mean(found)) if found else None
