"""How long work reports its progress: callbacks, and the events of a training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

StepProgress = Callable[[int, int], None]
"""Progress of one step: how much is done, and the total."""

Progress = Callable[[str, int, int], None]
"""Progress of a job: the name of the step, how much of it is done, and its total."""


def no_progress(*_: object) -> None:
    """Report nothing."""


def tracked(items: Sequence[Item], step: str, on_progress: Progress) -> Iterator[Item]:
    """Yield items; report before each of them how many are done, and at the end that all are."""
    for done, item in enumerate(items):
        on_progress(step, done, len(items))
        yield item
    on_progress(step, len(items), len(items))


# ── training ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """The figures of an epoch."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the batches."""
    triplet_loss: float | None
    """Mean of the triplet loss in it; None for comparison systems."""
    accuracy: float | None
    """On the validation items: the share whose nearest prototype is that of their value; for
    comparison systems the mean of top-30 accuracy without and with a change. None if there are too
    few items, or if the epoch was not validated."""
    seconds: float
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """A batch is done."""

    super_category: str
    """Or the comparison system, which has all super-categories."""
    epoch: int
    share: float
    """Done share of this super-category's or system's training, from 0 to 1."""
    loss: float
    """Mean of this epoch so far."""
    num_epochs: int | None
    """Of this super-category or stage; None if time is the budget."""
    stage: str = ""
    """Of a comparison system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone:
    """An epoch is done."""

    super_category: str
    num_epochs: int | None
    """As in ``BatchDone``."""
    report: EpochReport
    stage: str = ""
    """Of a comparison system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesRead:
    """Pictures are being read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesCached:
    """The features of a frozen backbone are being computed."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletsRead:
    """The triplets of a split folder are used instead of drawn ones."""

    taken: int
    given: int
    """How many the folder has."""


TrainEvent = BatchDone | EpochDone | PicturesRead | FeaturesCached | TripletsRead


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """The result for one super-category, or for a comparison system."""

    super_category: str
    accuracy: float | None
    """Of the best epoch; see ``EpochReport``."""
    best_epoch: int
    epochs: int
