"""The comparison systems as the product knows them: loaded by name, only where a run has one.

This is the single place where the product reaches into ``core/research``, which reproduces the
paper's comparisons.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import requirement

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from datrnet.core.catalog.catalog import Catalog
    from datrnet.core.models.run_folder import RunFolder
    from datrnet.core.progress import TrainEvent
    from datrnet.core.training.data import TrainingData
    from datrnet.core.training.trainer import Learner

RESEARCH = "datrnet.core.research.method_learner"


class Localizer(Protocol):
    """A system that embeds a region of the image for each super-category."""

    def localize(self, images: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
        """Locate the super-categories in images (B, 3, S, S).

        Returns:
            Activation maps (B, T, h, w); boxes (B, T, 4): top, left, bottom, right as shares of
            the sides; the predicted values (B, T).
        """


class ComparisonSystems(Protocol):
    """What ``core/research/method_learner.py`` offers to the product."""

    def check_choices(self, choices: Iterable[tuple[SystemChoice, int]]) -> None:
        """Refuse systems that cannot be made; each comes with the side S of its images.

        Raises:
            UnknownNameError: There is no such system or backbone.
            ConfigError: A setting does not exist or is out of range, or a backbone is missing.
            CheckpointError: The weights of a backbone do not fit.
        """

    def check_training(self, config: Config, catalog: "Catalog") -> None:
        """Refuse a system that cannot be trained on a catalog.

        Raises:
            DataError: Its folder of triplets has none of items to train on.
        """

    def load_method(self, run: "RunFolder") -> "nn.Module":
        """Return a run's trained system: images (B, 3, S, S) to embeddings (B, A, E).

        Raises:
            CheckpointError: Its weights are missing, damaged, or of another system.
        """

    def load_localizer(self, run: "RunFolder", device: "torch.device") -> Localizer:
        """Return a run's trained system on a device, if it is one that localizes.

        Raises:
            CheckpointError: Its weights are missing, damaged, or of another system.
        """

    def make_learner(
        self, run: "RunFolder", data: "TrainingData", on_event: "Callable[[TrainEvent], None]"
    ) -> "Learner":
        """Return the learner of a run's system.

        Raises:
            ConfigError: A setting of it does not exist, or is out of range.
            DataError: It has no triplet to train on.
        """


def comparison_systems() -> ComparisonSystems:
    """Load the comparison systems, their backbones and their training.

    Raises:
        MissingPackageError: The extra ``train`` is not installed.
    """
    with requirement("The comparison systems need"):
        return cast(ComparisonSystems, import_module(RESEARCH))
