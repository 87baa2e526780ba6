"""Training of a comparison system: its stages, batches, losses and validation, as a learner.

The product loads this module by name; see ``core/models/registry.py``.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import DataError
from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.ranking import Gallery
from datrnet.core.models.datrnet import to_network_input
from datrnet.core.models.embedding import compute_device, training_precision
from datrnet.core.models.registry import Localizer
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.progress import (
    FeaturesCached,
    StepProgress,
    TrainEvent,
    TripletsRead,
    no_progress,
)
from datrnet.core.research.datasets.adde import draw_adde_triplets
from datrnet.core.research.split_folder import check_folder_triplets, read_folder_triplets
from datrnet.core.research.systems.adde_m import AddeConfig
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNet
from datrnet.core.research.systems.method import (
    ImageBatch,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
)
from datrnet.core.research.systems.registry import check_choices, config_of, load_method, method_of
from datrnet.core.retrieval.manipulation import save_manipulation
from datrnet.core.training.data import TrainingData, augment
from datrnet.core.training.trainer import Learner, cosine_decay

__all__ = ["check_choices", "check_training", "load_localizer", "load_method", "make_learner"]

TOP_K = 30
"""Length of the lists by which the best epoch is chosen on the validation items."""

MAX_QUERIES = 2000
"""Most queries of each use case in a validation."""

BATCH = 64
"""Images embedded at a time for the cache of features."""

FORMAT = 1
"""Format of that cache; another number computes it again."""


class MethodLearner(Learner):
    """A comparison system, its batches and its optimizer.

    Attributes:
        features: Cached features of all images; None without a frozen backbone.
        triplets: (n, 3), those of a folder; None where they are drawn.
        num_given: How many the folder has.
    """

    network: RetrievalMethod
    stages: tuple[MethodStage, ...]
    seconds_between_states = 60.0  # the state of a backbone has hundreds of megabytes
    features: NDArray[np.float16] | None = None
    triplets: NDArray[np.int64] | None = None
    num_given = 0

    def __init__(self, config: Config, data: TrainingData, num_values: tuple[int, ...]) -> None:
        """Make the system from the config's seed.

        Raises:
            UnknownNameError: There is no such system or backbone.
            ConfigError: A setting of it does not exist, or is out of range.
            DataError: None of the triplets of its folder is of training items.
        """
        torch.manual_seed(config.train.seed)
        self.name, self.seconds = config.system.name, 60 * config.system.minutes
        self.learning_rate = ("system.learning_rate", config.system.learning_rate)
        self._config, self._choice, self._data = config, config.system, data
        self._device = compute_device()
        self._precision = training_precision(config.train.precision, self._device)
        self._train = np.flatnonzero(~data.is_validation)
        self._validation = np.flatnonzero(data.is_validation)
        self._augmentation = torch.Generator()
        method = method_of(self._choice, config.model.image_size, num_values)
        self.network = method.to(self._device)
        self.stages = method.stages()
        if (folder := triplets_folder(self._choice)) is not None:
            self.triplets, self.num_given = read_folder_triplets(folder, data)

    def cache_features(self, on_progress: StepProgress) -> None:
        """Compute the features of a frozen backbone for all images, once."""
        if self._choice.frozen:
            self.features = cached_features(
                self.network.eval(), self._data.pixels, self._data.features, on_progress
            )

    @property
    def training_set(self) -> TrainingSet:
        """The training items, for memories and prototypes."""
        return self._items(self._train)

    def prepare_stage(self, stage: int) -> None:
        """Fill a memory or compute prototypes where the stage does."""
        if (on_start := self.stages[stage].on_start) is not None:
            self.network.eval()
            on_start(self.training_set)

    def start_stage(self, stage: int) -> None:
        """Make the optimizer of what the stage trains."""
        own = self.stages[stage].learning_rate
        self.learning_rate = own or ("system.learning_rate", self._choice.learning_rate)
        self.optimizer = torch.optim.Adam(
            self.network.enter(self.stages[stage]),
            lr=self.learning_rate[1],
            fused=True,  # four times as fast for millions of weights
        )

    def start_epoch(self, stage: int, epoch: int, share: float) -> Sequence[Any]:
        """Return the rows of an epoch's batches: (B,) of images, or (B, 3) of triplets.

        Each epoch has its own seeds, so that a resumed run equals an uninterrupted one.

        Raises:
            DataError: The stage trains on changes, and no change leads from one item to another.
        """
        self.network.enter(self.stages[stage])  # validation has left evaluation mode behind
        sequence = np.random.SeedSequence((self._config.train.seed, stage, epoch))
        first, second = map(int, sequence.generate_state(2))
        rng = np.random.default_rng(sequence)
        self._augmentation.manual_seed(first)
        torch.manual_seed(second)  # for what the system draws
        batch, triplet_batch = self._choice.batch, self._choice.triplet_batch
        if self.stages[stage].batches == "images":
            items = rng.permutation(self._train)
            num = len(items) // batch
        else:
            items = self._epoch_triplets(rng)
            num = len(items) // triplet_batch if triplet_batch else 3 * len(items) // batch
        return np.array_split(items, max(1, num))

    def loss(self, stage: int, batch: Any) -> tuple[Tensor, None]:
        """Return the loss of a batch in a stage."""
        rows = batch.T.reshape(-1)  # of triplets: all references, all positives, all negatives
        with self._precision():
            images = self._images(rows)
            if self.features is None:
                images = augment(images, self._config.train, self._augmentation)
            sets = torch.from_numpy(self._data.value_sets[rows].astype(np.int64)).to(self._device)
            images_and_labels = ImageBatch(images=images, labels=sets[:, :, 0], all_values=sets)
            return self.stages[stage].loss(images_and_labels), None

    def set_learning_rate(self, share: float) -> None:
        """Decay the rate along half a cosine."""
        assert self.optimizer is not None, "the stage has started"
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate[1] * cosine_decay(share)

    def validate(self) -> float | None:
        """Return the mean of top-30 accuracy without and with a change."""
        if len(self._validation) < TOP_K:
            return None
        self.network.eval()
        validation_set = self._items(self._validation)
        gallery = Gallery(
            embeddings=validation_set.embed(self.network),
            labels=validation_set.labels,
            all_values=validation_set.all_values,
            groups=self._data.groups_of(self._validation),
            manipulation=self.network.manipulation(self.training_set),
        )
        names = [str(number) for number in range(validation_set.labels.shape[1])]
        protocol = Protocol(k=TOP_K, max_changes=1, max_queries=MAX_QUERIES)
        cases = evaluate(gallery, names, gallery.equal_weights, protocol)
        values = [case.overall.top_k_accuracy.value for case in cases if case.overall.num_queries]
        return float(np.mean(values)) if values else None

    def save_best(self, run: RunFolder) -> None:
        """Write the weights, and the manipulation of queries."""
        save_weights(self.network, run.weights_path())
        manipulation = self.network.eval().manipulation(self.training_set)
        save_manipulation(manipulation, run.manipulation_path)

    def trained_modules(self, stage: int) -> Sequence[nn.Module]:
        """Return what a stage trains; other parts may hold NaN, as prototypes without items."""
        return self.stages[stage].trainable

    def num_images(self, stage: int) -> int:
        """Return how many images an epoch of a stage embeds."""
        if self.stages[stage].batches == "images":
            return len(self._train)
        return 3 * len(self._train if self.triplets is None else self.triplets)

    def _items(self, rows: NDArray[np.int64]) -> TrainingSet:
        return TrainingSet(
            labels=self._data.labels[rows],
            all_values=self._data.value_sets[rows],
            images=lambda chosen: self._images(rows[chosen]),
            seed=self._config.train.seed,
        )

    def _epoch_triplets(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return an epoch's triplets (n, 3): the folder's, or drawn."""
        if self.triplets is not None:
            return self.triplets[rng.permutation(len(self.triplets))]
        drawn = draw_adde_triplets(self._data.labels[self._train], len(self._train), rng)
        if drawn is None:
            raise DataError(
                "No change of one value leads from a training item to another.",
                hint="Label more training items, or train DAtRNet.",
            )
        return self._train[drawn]

    def _images(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the backbone's input for rows, not augmented."""
        if self.features is not None:
            return torch.from_numpy(self.features[rows]).to(self._device).float()
        return to_network_input(torch.from_numpy(self._data.pixels[rows]).to(self._device))


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
    if learner.triplets is not None:
        on_event(TripletsRead(taken=len(learner.triplets), given=learner.num_given))
    learner.cache_features(lambda done, total: on_event(FeaturesCached(done=done, total=total)))
    return learner


def triplets_folder(choice: SystemChoice) -> Path | None:
    """Return the folder whose triplets a system shall train on; None where it draws them.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
    """
    config = config_of(choice)
    if not isinstance(config, AddeConfig) or not config.triplets:
        return None
    return Path(config.triplets).expanduser()


def check_training(config: Config, catalog: Catalog) -> None:
    """Refuse a folder of triplets that has none of items to train on."""
    if (folder := triplets_folder(config.system)) is not None:
        check_folder_triplets(folder, catalog)


def load_localizer(run: RunFolder, device: torch.device) -> Localizer:
    """Return the trained FashionSearchNet of a run."""
    method = load_method(run)
    assert isinstance(method, FashionSearchNet), "only its runs have regions"
    return method.to(device)


def cached_features(
    system: RetrievalMethod,
    pixels: NDArray[np.uint8],
    folder: Path,
    on_progress: StepProgress = no_progress,
) -> NDArray[np.float16]:
    """Return the features of images by a system's frozen backbone.

    Args:
        system: In evaluation mode.
        pixels: (N, S, S, 3), uint8.
        folder: Holds a file for each backbone and set of images, named by a digest of both.
        on_progress: Told how many pictures are done, and how many there are.

    Returns:
        (N, D) features, (N, C, h, w) maps or (N, C · h · w + D) both, mapped from the file.
    """
    path = folder / f"{_digest(system, pixels)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        device = next(system.backbone.parameters()).device
        cache: np.memmap[Any, np.dtype[np.float16]] | None = None
        with torch.inference_mode():
            for start in range(0, len(pixels), BATCH):
                part = to_network_input(torch.from_numpy(pixels[start : start + BATCH]).to(device))
                features = system.features(part).half().cpu().numpy()
                if cache is None:
                    shape = (len(pixels), *features.shape[1:])
                    cache = np.lib.format.open_memmap(partial, "w+", np.dtype(np.float16), shape)
                cache[start : start + BATCH] = features
                on_progress(min(start + BATCH, len(pixels)), len(pixels))
        assert cache is not None, "a training has pictures"
        cache.flush()
        del cache
        partial.replace(path)
    mapped: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return mapped


def embed_with_cached_features(
    system: RetrievalMethod, pixels: NDArray[np.uint8], folder: Path
) -> NDArray[np.float32]:
    """Embed pictures by the cached features of a frozen backbone, which are computed if absent.

    Args:
        system: In evaluation mode.
        pixels: (N, S, S, 3), uint8.
        folder: Holds the cached features.

    Returns:
        (N, A, E).
    """
    features = cached_features(system, pixels, folder)
    device = next(system.parameters()).device
    with torch.inference_mode():
        parts = [
            system(torch.from_numpy(features[start : start + BATCH].astype(np.float32)).to(device))
            for start in range(0, len(features), BATCH)
        ]
        return torch.cat(parts).float().cpu().numpy()


def _digest(system: RetrievalMethod, pixels: NDArray[np.uint8]) -> str:
    """Return a digest of the images and the backbone."""
    kind: str = system.name if system.feature_kind == "own" else system.feature_kind
    if kind in ("map", "both") and (stride := getattr(system.backbone, "map_stride", 0)):
        kind = f"{kind} {stride}"
    digest = blake2b(f"{FORMAT} {kind} {pixels.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    for name, tensor in system.backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
