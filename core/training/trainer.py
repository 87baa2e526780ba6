"""The trainer of DAtRNet's networks and of every comparison system.

A ``Learner`` says what is trained: networks, batches, losses, validation. The ``Trainer`` has all
else: budget, stages, progress, early stopping, divergence, the best epoch, and a state after each
epoch from which a later process resumes exactly.
"""

import io
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from torch import Tensor, nn

from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.models.run_folder import RunFolder, write_atomically
from datrnet.core.progress import BatchDone, EpochReport

UNREADABLE = (OSError, RuntimeError, LookupError, ValueError, TypeError, EOFError, PickleError)
"""Exceptions from reading a state that is damaged or of another architecture."""

VALIDATION_INTERVAL = 0.05
"""Share of a stage between two validations if time is the budget: they use up time too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A stage of a training."""

    name: str = ""
    share: float = 1.0
    """Share of the training budget; the shares of all stages sum to 1."""


class Learner(ABC):
    """Networks, and how they are trained and validated.

    Attributes:
        name: The super-category or the comparison system, for messages.
        network: What the state and the best epoch are saved of.
        stages: In order; the last one is validated.
        seconds: Time budget; 0 if epochs are the budget.
        learning_rate: The peak learning rate: its name in a config file, and its value.
        extra: What is trained beside the network, by name.
        optimizer: Of the current stage; None before the first.
        seconds_between_states: Least time between two saved states within a stage.
    """

    name: str
    network: nn.Module
    stages: Sequence[Stage]
    seconds: float
    learning_rate: tuple[str, float]
    extra: Mapping[str, nn.Module] = {}
    optimizer: torch.optim.Optimizer | None = None
    seconds_between_states: float = 0.0

    def prepare_stage(self, stage: int) -> None:
        """Do what comes once before a stage; by default nothing."""
        return None

    @abstractmethod
    def start_stage(self, stage: int) -> None:
        """Make the optimizer of a stage."""

    @abstractmethod
    def start_epoch(self, stage: int, epoch: int, share: float) -> Sequence[Any]:
        """Enter training mode, seed all randomness of an epoch, and return its batches.

        Args:
            stage: Its index.
            epoch: Of the stage, from 1.
            share: Share of the stage's budget that is used.
        """

    @abstractmethod
    def loss(self, stage: int, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Return the loss of a batch, and the triplet loss in it if there is one."""

    @abstractmethod
    def set_learning_rate(self, share: float) -> None:
        """Set the optimizer's learning rate for a share of the stage's budget."""

    @abstractmethod
    def validate(self) -> float | None:
        """Return the accuracy on the validation items, None if there are too few."""

    @abstractmethod
    def save_best(self, run: RunFolder) -> None:
        """Write the current weights as the best."""

    def trained_modules(self, stage: int) -> Sequence[nn.Module]:
        """Return what a stage trains."""
        return [self.network]

    def num_images(self, stage: int) -> int:
        """Return how many images an epoch of a stage embeds, relative to those of other stages."""
        return 1


@dataclass(slots=True, kw_only=True)
class Position:
    """How far a training is, after an epoch."""

    stage: int = 0
    """Index; the number of stages when all are trained."""
    epoch: int = 0
    """Finished epochs of the stage."""
    share: float = 0.0
    """Used share of the stage's budget."""
    spent: float = 0.0
    """Seconds used by the stage."""
    measured_at: float = 0.0
    """Share at the last validation."""
    improved_at: int = 0
    """Epoch of the last better accuracy."""
    epochs_before: int = 0
    """Epochs of earlier stages."""

    def next_stage(self) -> "Position":
        """Return the beginning of the next stage."""
        return Position(stage=self.stage + 1, epochs_before=self.epochs_before + self.epoch)


class Budget:
    """A number of epochs or of seconds, and how much of it is used."""

    def __init__(
        self,
        epochs: int,
        seconds: float = 0.0,
        *,
        spent: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            epochs: The budget unless there are seconds.
            seconds: The budget; 0 counts epochs.
            spent: Seconds that are used already.
            clock: Returns seconds.
        """
        self._epochs, self._seconds, self._clock = epochs, seconds, clock
        self._start = clock() - spent

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def exclude(self, seconds: float) -> None:
        """Do not count seconds that have passed."""
        self._start += seconds

    def share(self, epochs: float) -> float:
        """Return the used share of the budget, from 0 to 1, after a number of epochs."""
        used = self.spent / self._seconds if self._seconds else epochs / self._epochs
        return min(used, 1.0)


def split_epochs(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Split a number of epochs among stages by their shares.

    Every stage gets at least one, even if there are fewer epochs than stages.
    """
    total = max(total, len(shares))
    ends = [0]
    for number, share in enumerate(accumulate(shares), start=1):
        available = total - (len(shares) - number)  # one for each later stage
        ends.append(min(max(round(total * share), ends[-1] + 1), available))
    ends[-1] = total
    return tuple(end - begin for begin, end in pairwise(ends))


def cosine_decay(share: float) -> float:
    """Return the factor of the learning rate, from 1 to 0, for a share of a training."""
    return (1 + math.cos(math.pi * min(share, 1.0))) / 2


class Trainer:
    """Trains a learner within a budget, epoch by epoch.

    Attributes:
        learner: What is trained.
        position: How far it is.
        best: The best epoch so far.
    """

    def __init__(
        self,
        learner: Learner,
        epochs: int,
        patience: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at the first stage.

        Args:
            learner: What is trained.
            epochs: Of all stages together; not used if the learner has a time budget.
            patience: Epochs without a better accuracy after which to stop; 0 never stops.
            clock: Returns seconds.
        """
        self.learner = learner
        self.position = Position()
        self.best: EpochReport | None = None
        self._epochs = split_epochs(epochs, [stage.share for stage in learner.stages])
        self._patience, self._clock = patience, clock

    @property
    def epochs_done(self) -> int:
        """Finished epochs of all stages."""
        return self.position.epochs_before + self.position.epoch

    @property
    def stage(self) -> Stage:
        """The current stage; the last one when all are trained."""
        return self.learner.stages[self._stage_idx]

    @property
    def _stage_idx(self) -> int:
        return min(self.position.stage, len(self.learner.stages) - 1)

    @property
    def num_epochs(self) -> int | None:
        """Number of epochs of the current stage; None if time is the budget."""
        return None if self.learner.seconds else self._epochs[self._stage_idx]

    def progress(self, share: float) -> float:
        """Return the share of the whole training that is done.

        Args:
            share: Used share of the current stage's budget.
        """
        work = [self._work(idx) for idx in range(len(self.learner.stages))]
        current = self.position.stage
        return min(1.0, (sum(work[:current]) + share * work[current]) / sum(work))

    def train(self, on_batch: Callable[[BatchDone], None]) -> Iterator[EpochReport]:
        """Train the remaining epochs of all stages, yielding after each epoch.

        What the caller does between two epochs does not count as training time.

        Args:
            on_batch: Called after each batch.

        Raises:
            DataError: A stage has nothing to train on.
            DivergenceError: A loss, weight or embedding is not finite; the epoch is not yielded.
        """
        while self.position.stage < len(self.learner.stages):
            yield from self._train_stage(on_batch)
            self.position = self.position.next_stage()
            self.learner.optimizer = None

    def save_state(self, path: Path) -> None:
        """Write all that a later process needs to resume after this epoch."""
        optimizer, state = self.learner.optimizer, io.BytesIO()
        torch.save(
            {
                "network": self.learner.network.state_dict(),
                "extra": {name: part.state_dict() for name, part in self.learner.extra.items()},
                "optimizer": optimizer.state_dict() if optimizer else None,
                "position": asdict(self.position),
                "best": asdict(self.best) if self.best else None,
            },
            state,
        )
        write_atomically(path, state.getvalue())

    def load_state(self, path: Path) -> None:
        """Resume from a state.

        Raises:
            CheckpointError: The file is damaged or of another architecture.
        """
        network = self.learner.network
        try:
            device = next(network.parameters()).device
            state = torch.load(path, weights_only=True, map_location=device)
            state = self._upgraded(state)
            network.load_state_dict(state["network"])
            for name, part in self.learner.extra.items():
                part.load_state_dict(state["extra"][name])
            self.best = EpochReport(**state["best"]) if state["best"] else None
            self.position = Position(**state["position"])
            if self.position.share >= 1:
                self.position = self.position.next_stage()
            elif state["optimizer"] is not None:
                self.learner.start_stage(self.position.stage)
                assert self.learner.optimizer is not None, "just made"
                self.learner.optimizer.load_state_dict(state["optimizer"])
        except UNREADABLE as error:
            raise CheckpointError(
                f"Training cannot resume from {path}.",
                hint="Delete it and run `datrnet train --resume`.",
            ) from error

    def _upgraded(self, state: dict[str, Any]) -> dict[str, Any]:
        """Convert the state of datrnet 0.1, which had two trainers."""
        if "system" in state:
            return {"network": state["system"], "extra": {}, "position": state["place"], **state}
        if "epochs_done" not in state:
            return state
        epoch, spent = state["epochs_done"], state.get("seconds_spent", 0.0)
        position = Position(epoch=epoch, spent=spent, improved_at=state["last_gain"])
        position.share = Budget(self._epochs[0], self.learner.seconds, spent=spent).share(epoch)
        return {"extra": {"proxies": state["proxies"]}, "position": asdict(position), **state}

    def _work(self, stage: int) -> float:
        """Return the work of a stage in proportion to that of the others."""
        if self.learner.seconds:
            return self.learner.stages[stage].share
        return self._epochs[stage] * self.learner.num_images(stage)

    def _train_stage(self, on_batch: Callable[[BatchDone], None]) -> Iterator[EpochReport]:
        position, learner = self.position, self.learner
        is_last = position.stage == len(learner.stages) - 1
        if position.epoch == 0:
            learner.prepare_stage(position.stage)
        if learner.optimizer is None:
            learner.start_stage(position.stage)
        seconds = learner.seconds * learner.stages[position.stage].share
        budget = Budget(
            self._epochs[position.stage], seconds, spent=position.spent, clock=self._clock
        )
        while position.share < 1 and not self._is_out_of_patience():
            started = self._clock()
            loss, triplet_loss = self._train_epoch(budget, on_batch)
            share = position.share
            is_due = share >= 1 or share - position.measured_at >= VALIDATION_INTERVAL
            is_measured = is_last and (is_due or not learner.seconds)
            accuracy = learner.validate() if is_measured else None
            position.epoch += 1
            position.spent = budget.spent
            if is_measured:
                position.measured_at = share
            report = EpochReport(
                epoch=position.epoch,
                loss=loss,
                triplet_loss=triplet_loss,
                accuracy=accuracy,
                seconds=self._clock() - started,
                is_best=is_measured and self._is_best(accuracy),
            )
            if self.best is None or (accuracy or 0) > (self.best.accuracy or 0):
                position.improved_at = position.epoch
            if report.is_best:
                self.best = report
            yielded_at = self._clock()
            yield report
            budget.exclude(self._clock() - yielded_at)

    def _train_epoch(
        self, budget: Budget, on_batch: Callable[[BatchDone], None]
    ) -> tuple[float, float | None]:
        """Train an epoch, or as much as time allows; return its mean loss and triplet loss."""
        learner, stage = self.learner, self.position.stage
        epoch = self.position.epoch + 1
        batches = learner.start_epoch(stage, epoch, self.position.share)
        optimizer = learner.optimizer
        assert optimizer is not None, "the stage has started"
        total, triplet_total = 0.0, None
        for number, batch in enumerate(batches, start=1):
            optimizer.zero_grad()
            loss, triplet_loss = learner.loss(stage, batch)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimizer.step()
            value = loss.item()
            if not math.isfinite(value):
                raise self._divergence(f"the loss is {value} in epoch {epoch}")
            total += value
            if triplet_loss is not None:
                triplet_total = (triplet_total or 0.0) + triplet_loss.item()
            share = budget.share(epoch - 1 + number / len(batches))
            learner.set_learning_rate(share)
            on_batch(
                BatchDone(
                    super_category=learner.name,
                    epoch=epoch,
                    share=self.progress(share),
                    loss=total / number,
                    num_epochs=self.num_epochs,
                    stage=self.stage.name,
                )
            )
            if share >= 1:
                break
        states = [module.state_dict() for module in learner.trained_modules(stage)]
        if not all(tensor.isfinite().all() for state in states for tensor in state.values()):
            raise self._divergence(f"a weight is not finite after epoch {epoch}")
        self.position.share = share
        return total / number, None if triplet_total is None else triplet_total / number

    def _divergence(self, what: str) -> DivergenceError:
        setting, rate = self.learner.learning_rate
        name = self.stage.name or self.learner.name
        return DivergenceError(f"{what} of {name}", setting, rate)

    def _is_best(self, accuracy: float | None) -> bool:
        """Tell whether to keep an epoch's weights; of equal epochs the last has learned longest."""
        best = self.best.accuracy if self.best else None
        return accuracy is None or best is None or accuracy >= best

    def _is_out_of_patience(self) -> bool:
        if not self._patience or self.best is None or self.best.accuracy is None:
            return False
        return self.position.epoch - self.position.improved_at >= self._patience
