"""What a training tells while it goes on, and what it came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What one epoch came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the batches of everything that is trained for."""
    triplet_loss: float | None
    """Mean over the batches of the triplet loss alone; None of a system, which has its own."""
    accuracy: float | None
    """Share of validation items whose nearest prototype is that of their own value; of a system
    the mean of top-30 accuracy without and with a change. None where it cannot be measured."""
    seconds: float
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """A batch has been trained on."""

    super_category: str
    """Or the system, where one is trained for all of them."""
    epoch: int
    batches_done: int
    """Of all epochs of this super-category."""
    num_batches: int
    loss: float
    """Mean of this epoch so far."""
    num_epochs: int | None
    """Of this super-category or stage; None where a clock ends it."""
    stage: str = ""
    """Of a system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone:
    """An epoch has been trained and measured on the validation split."""

    super_category: str
    num_epochs: int | None
    """As of a batch."""
    report: EpochReport
    stage: str = ""
    """Of a system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesRead:
    """Pictures are being decoded."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesKept:
    """A frozen backbone sees the pictures."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletsRead:
    """The triplets of a split folder take the place of drawn ones."""

    taken: int
    given: int
    """How many the folder has."""


TrainEvent = BatchDone | EpochDone | PicturesRead | FeaturesKept | TripletsRead


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """How well one super-category was learnt."""

    super_category: str
    accuracy: float | None
    """On the validation split; None where it has no label."""
    best_epoch: int
    epochs: int
