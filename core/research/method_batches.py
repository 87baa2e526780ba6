"""The batches of a comparison system: images, or triplets of a change."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.config import Config
from datrnet.core.errors import DataError
from datrnet.core.models.datrnet import to_network_input
from datrnet.core.research.datasets.adde_triplets import draw_adde_triplets
from datrnet.core.research.split_folder_triplets import FolderTriplets
from datrnet.core.research.systems.method import ImageBatch, MethodStage, TripletBatch
from datrnet.core.training.augmentation import augment
from datrnet.core.training.data import TrainingData


class MethodBatches:
    """Draws the batches of an epoch, and loads a batch for a stage's loss.

    Attributes:
        features: Cached features of all images; None without a frozen backbone.
        triplets: The triplets of a folder; None where they are drawn.
    """

    def __init__(
        self,
        config: Config,
        data: TrainingData,
        device: torch.device,
        triplets: FolderTriplets | None = None,
    ) -> None:
        """Keep the data; nothing is drawn yet."""
        self._config, self._data, self._device = config, data, device
        self._train = np.flatnonzero(~data.is_validation)
        self._rng = np.random.default_rng(config.train.seed)
        self._generator = torch.Generator()
        self.features: NDArray[np.float16] | None = None
        self.triplets = triplets

    def num_images(self, stage: MethodStage) -> int:
        """Return how many images an epoch of a stage embeds."""
        if stage.batches == "images":
            return len(self._train)
        num_triplets = len(self._train if self.triplets is None else self.triplets.triplets.items)
        return 3 * num_triplets

    def start_epoch(self, stage: MethodStage, *place: int) -> list[Any]:
        """Return the rows of an epoch's batches: (B,) of images, or (B, 3) and changes (B, T).

        Each epoch has its own seeds, so that a resumed run equals an uninterrupted one.

        Args:
            stage: Chooses the kind.
            place: Numbers that identify the epoch within the training.

        Raises:
            DataError: It trains on changes, and no change leads from one item to another.
        """
        sequence = np.random.SeedSequence((self._config.train.seed, *place))
        first, second = map(int, sequence.generate_state(2))
        self._rng = np.random.default_rng(sequence)
        self._generator.manual_seed(first)
        torch.manual_seed(second)  # for what the system draws
        choice = self._config.system
        if stage.batches == "images":
            order = self._rng.permutation(self._train)
            return list(np.array_split(order, max(1, len(order) // choice.batch)))
        items, changed = self._triplets()
        num_batches = (
            len(items) // choice.triplet_batch
            if choice.triplet_batch
            else (3 * len(items) // choice.batch)
        )
        places = np.array_split(np.arange(len(items)), max(1, num_batches))
        return [(items[part], changed[part]) for part in places]

    def batch(self, stage: MethodStage, rows: Any) -> ImageBatch | TripletBatch:
        """Return the augmented batch of rows for a stage's loss."""
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

    def images(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the backbone's input for rows, not augmented."""
        if self.features is not None:
            return torch.from_numpy(self.features[rows]).to(self._device).float()
        return to_network_input(torch.from_numpy(self._data.pixels[rows]).to(self._device))

    def _triplets(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return an epoch's triplets (n, 3) and what they change (n, T): the folder's, or drawn."""
        if self.triplets is not None:
            triplets = self.triplets.triplets
            order = self._rng.permutation(len(triplets.items))
            return triplets.items[order], triplets.changed[order]
        labels = self._data.labels[self._train]
        drawn = draw_adde_triplets(labels, len(self._train), self._rng)
        if drawn is None:
            raise DataError(
                "No change of one value leads from a training item to another.",
                hint="Label more training items, or train DAtRNet.",
            )
        return self._train[drawn.items], drawn.changed

    def _augmented(self, rows: NDArray[np.int64]) -> Tensor:
        if self.features is not None:
            return self.images(rows)
        pixels = torch.from_numpy(self._data.pixels[rows]).to(self._device)
        return augment(to_network_input(pixels), self._config.train, self._generator)

    def _labels(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._data.labels[rows].astype(np.int64)).to(self._device)
