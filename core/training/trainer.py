"""The trainer of DAtRNet's networks and of every comparison system.

A ``Learner`` says what is trained: networks, batches, losses, validation. The ``Trainer`` has all
else: budget, stages, progress, early stopping, divergence, the best epoch, and a state after each
epoch from which a later process resumes exactly.
"""

import io
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from torch import Tensor, nn

from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.models.run_folder import RunFolder, write_atomically
from datrnet.core.training.budget import Budget, split_epochs
from datrnet.core.training.events import EpochReport

UNREADABLE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    EOFError,
    PickleError,
)
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
        optimizer: Of the current stage; None before the first.
        seconds_between_states: Least time between two saved states within a stage.
    """

    name: str
    network: nn.Module
    stages: Sequence[Stage]
    seconds: float
    optimizer: torch.optim.Optimizer | None = None
    seconds_between_states: float = 0.0

    @property
    @abstractmethod
    def learning_rate(self) -> tuple[str, float]:
        """The peak learning rate: its name in a config file, and its value."""

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

    def extra_state(self) -> dict[str, Any]:
        """Return what else is trained beside the network."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the result of ``extra_state``."""
        return None


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
        return self.learner.stages[min(self.position.stage, len(self.learner.stages) - 1)]

    @property
    def num_epochs(self) -> int | None:
        """Number of epochs of the current stage; None if time is the budget."""
        return self._budget(self.position.stage).num_epochs

    def progress(self, share: float) -> float:
        """Return the share of the whole training that is done.

        Args:
            share: Used share of the current stage's budget.
        """
        work = [self._work(idx) for idx in range(len(self.learner.stages))]
        current = self.position.stage
        return min(1.0, (sum(work[:current]) + share * work[current]) / sum(work))

    def train(self, on_batch: Callable[[int, float, float], None]) -> Iterator[EpochReport]:
        """Train the remaining epochs of all stages, yielding after each epoch.

        What the caller does between two epochs does not count as training time.

        Args:
            on_batch: Called with the epoch, the used share of the stage and the epoch's mean loss.

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
                "extra": self.learner.extra_state(),
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
            self.learner.load_extra_state(state["extra"])
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

    def _budget(self, stage: int) -> Budget:
        """Return the budget of a stage, its clock started."""
        stage = min(stage, len(self.learner.stages) - 1)
        return Budget(
            self._epochs[stage],
            self.learner.seconds * self.learner.stages[stage].share,
            spent=self.position.spent,
            clock=self._clock,
        )

    def _work(self, stage: int) -> float:
        """Return the work of a stage in proportion to that of the others."""
        if self.learner.seconds:
            return self.learner.stages[stage].share
        return self._epochs[stage] * self.learner.num_images(stage)

    def _train_stage(self, on_batch: Callable[[int, float, float], None]) -> Iterator[EpochReport]:
        position, learner = self.position, self.learner
        is_last = position.stage == len(learner.stages) - 1
        if position.epoch == 0:
            learner.prepare_stage(position.stage)
        if learner.optimizer is None:
            learner.start_stage(position.stage)
        budget = self._budget(position.stage)
        while position.share < 1 and not self._is_out_of_patience():
            started = self._clock()
            losses, share = self._train_epoch(budget, on_batch)
            is_due = share >= 1 or share - position.measured_at >= VALIDATION_INTERVAL
            is_measured = is_last and (is_due or not learner.seconds)
            accuracy = learner.validate() if is_measured else None
            position.epoch += 1
            position.share, position.spent = share, budget.spent
            if is_measured:
                position.measured_at = share
            report = EpochReport(
                epoch=position.epoch,
                loss=losses[0],
                triplet_loss=losses[1],
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
        self, budget: Budget, on_batch: Callable[[int, float, float], None]
    ) -> tuple[tuple[float, float | None], float]:
        """Train an epoch, or the part of it that time allows.

        Returns:
            The mean loss and the mean triplet loss; the share of the budget that is used.
        """
        learner, stage = self.learner, self.position.stage
        epoch, share = self.position.epoch + 1, self.position.share
        batches = learner.start_epoch(stage, epoch, share)
        optimizer = learner.optimizer
        assert optimizer is not None, "the stage has started"
        total = triplet_total = 0.0
        has_triplet_loss = False
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
                has_triplet_loss = True
                triplet_total += triplet_loss.item()
            share = budget.share(epoch - 1 + number / len(batches))
            learner.set_learning_rate(share)
            on_batch(epoch, share, total / number)
            if share >= 1:
                break
        if not all(all_finite(module) for module in learner.trained_modules(stage)):
            raise self._divergence(f"a weight is not finite after epoch {epoch}")
        return (total / number, triplet_total / number if has_triplet_loss else None), share

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


def all_finite(network: nn.Module) -> bool:
    """Return whether every weight and every running statistic of a network is finite."""
    return all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())
