"""What a training tells while it goes on, and what it came to."""

from dataclasses import dataclass

from datrnet.core.training.network_trainer import EpochReport


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """A batch has been trained on."""

    super_category: str
    epoch: int
    batches_done: int
    """Of all epochs of this super-category."""
    num_batches: int
    loss: float
    """Mean of this epoch so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone:
    """An epoch has been trained and measured on the validation split."""

    super_category: str
    num_epochs: int
    report: EpochReport


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesRead:
    """Pictures are being decoded."""

    done: int
    total: int


TrainEvent = BatchDone | EpochDone | PicturesRead


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """How well one super-category was learnt."""

    super_category: str
    accuracy: float | None
    """On the validation split; None where it has no label."""
    best_epoch: int
    epochs: int
