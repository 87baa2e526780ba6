"""Training of a comparison system: its stages, losses and validation, as a learner."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datrnet.core.config import Config
from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.ranking import Gallery
from datrnet.core.models.embedding import compute_device, training_precision
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.research.feature_cache import cached_features
from datrnet.core.research.method_batches import MethodBatches
from datrnet.core.research.split_folder_triplets import read_folder_triplets, triplets_folder
from datrnet.core.research.systems.method import MethodStage, RetrievalMethod, TrainingSet
from datrnet.core.research.systems.registry import method_of
from datrnet.core.retrieval.manipulation import save_manipulation
from datrnet.core.training.budget import cosine_decay
from datrnet.core.training.data import TrainingData
from datrnet.core.training.events import FeaturesCached, TrainEvent, TripletsRead
from datrnet.core.training.trainer import Learner

TOP_K = 30
"""Length of the lists by which the best epoch is chosen on the validation items."""

MAX_QUERIES = 2000
"""Most queries of each use case in a validation."""


class MethodLearner(Learner):
    """A comparison system, its batches and its optimizer."""

    network: RetrievalMethod
    stages: tuple[MethodStage, ...]
    seconds_between_states = 60.0  # the state of a backbone has hundreds of megabytes

    def __init__(self, config: Config, data: TrainingData, num_values: tuple[int, ...]) -> None:
        """Make the system from the config's seed.

        Raises:
            UnknownNameError: There is no such system or backbone.
            ConfigError: A setting of it does not exist, or is out of range.
            DataError: None of the triplets of its folder is of training items.
        """
        torch.manual_seed(config.train.seed)
        self.name = config.system.name
        self.seconds = 60 * config.system.minutes
        self._config, self._data = config, data
        device = compute_device()
        self._precision = training_precision(config.train.precision, device)
        self._train = np.flatnonzero(~data.is_validation)
        self._validation = np.flatnonzero(data.is_validation)
        method = method_of(config.system, config.model.image_size, num_values)
        self.network = method.to(device)
        self.stages = method.stages()
        folder = triplets_folder(config.system)
        triplets = None if folder is None else read_folder_triplets(folder, data)
        self.batches = MethodBatches(config, data, device, triplets)

    def cache_features(self, on_progress: Callable[[int, int], None]) -> None:
        """Compute the features of a frozen backbone for all images, once."""
        if self._config.system.frozen:
            self.batches.features = cached_features(
                self.network.eval(), self._data.pixels, self._data.features, on_progress
            )

    @property
    def learning_rate(self) -> tuple[str, float]:
        """The first learning rate."""
        return "system.learning_rate", self._config.system.learning_rate

    @property
    def training_set(self) -> TrainingSet:
        """The training items, for memories and prototypes."""
        return TrainingSet(
            labels=self._data.labels[self._train],
            images=lambda rows: self.batches.images(self._train[rows]),
            seed=self._config.train.seed,
        )

    def prepare_stage(self, stage: int) -> None:
        """Fill a memory or compute prototypes where the stage does."""
        if (on_start := self.stages[stage].on_start) is not None:
            self.network.eval()
            on_start(self.training_set)

    def start_stage(self, stage: int) -> None:
        """Make the optimizer of what the stage trains."""
        self.optimizer = torch.optim.Adam(
            self.network.enter(self.stages[stage]),
            lr=self._config.system.learning_rate,
            fused=True,  # four times as fast for millions of weights
        )

    def start_epoch(self, stage: int, epoch: int, share: float) -> Sequence[Any]:
        """Return the epoch's batches; see the base class.

        Raises:
            DataError: The stage trains on changes, and no change leads from one item to another.
        """
        self.network.enter(self.stages[stage])  # validation has left evaluation mode behind
        return self.batches.start_epoch(self.stages[stage], stage, epoch)

    def loss(self, stage: int, batch: Any) -> tuple[Tensor, None]:
        """Return the loss of a batch in a stage."""
        with self._precision():
            current = self.stages[stage]
            return current.loss(self.batches.batch(current, batch)), None

    def set_learning_rate(self, share: float) -> None:
        """Decay the rate along half a cosine."""
        assert self.optimizer is not None, "the stage has started"
        for group in self.optimizer.param_groups:
            group["lr"] = self._config.system.learning_rate * cosine_decay(share)

    def validate(self) -> float | None:
        """Return the mean of top-30 accuracy without and with a change."""
        if len(self._validation) < TOP_K:
            return None
        self.network.eval()
        labels = self._data.labels[self._validation]
        validation_set = TrainingSet(
            labels=labels, images=lambda rows: self.batches.images(self._validation[rows])
        )
        gallery = Gallery(
            embeddings=validation_set.embed(self.network),
            labels=labels,
            manipulation=self.network.manipulation(self.training_set),
        )
        names = [str(number) for number in range(labels.shape[1])]
        protocol = Protocol(k=TOP_K, max_changes=1, max_queries=MAX_QUERIES)
        cases = evaluate(gallery, names, gallery.equal_weights, protocol)
        values = [case.overall.top_k_accuracy.value for case in cases if case.overall.num_queries]
        return float(np.mean(values)) if values else None

    def save_best(self, run: RunFolder) -> None:
        """Write the weights, and the manipulation of queries."""
        save_weights(self.network, run.system_path)
        manipulation = self.network.eval().manipulation(self.training_set)
        save_manipulation(manipulation, run.manipulation_path)

    def trained_modules(self, stage: int) -> Sequence[nn.Module]:
        """Return what a stage trains; other parts may hold NaN, as prototypes without items."""
        return self.stages[stage].trainable

    def num_images(self, stage: int) -> int:
        """Return how many images an epoch of a stage embeds."""
        return self.batches.num_images(self.stages[stage])


def make_learner(
    run: RunFolder, data: TrainingData, on_event: Callable[[TrainEvent], None]
) -> MethodLearner:
    """Return the learner of a run's system, the features of a frozen backbone computed.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
        DataError: None of the triplets of its folder is of training items.
    """
    num_values = tuple(len(category.values) for category in run.super_categories)
    learner = MethodLearner(run.config, data, num_values)
    if (triplets := learner.batches.triplets) is not None:
        num_used = len(triplets.triplets.items)
        on_event(TripletsRead(taken=num_used, given=triplets.num_given))
    learner.cache_features(lambda done, total: on_event(FeaturesCached(done=done, total=total)))
    return learner
