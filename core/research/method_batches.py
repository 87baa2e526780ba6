"""The batches of a compared system's training: pictures, or triplets of a change."""

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
from datrnet.core.research.systems.method import ImageBatch, Stage, TripletBatch
from datrnet.core.training.augmentation import augment
from datrnet.core.training.data import TrainingData


class MethodBatches:
    """Draws the batches of an epoch, and makes of their rows what a stage's loss takes.

    Attributes:
        kept: What a frozen backbone makes of all pictures; None where they are seen anew.
        given: The triplets of a folder; None where they are drawn.
    """

    def __init__(
        self,
        config: Config,
        data: TrainingData,
        device: torch.device,
        given: FolderTriplets | None = None,
    ) -> None:
        """Remember the data; nothing is drawn yet."""
        self._config, self._data, self._device = config, data, device
        self._train = np.flatnonzero(~data.is_validation)
        self._rng = np.random.default_rng(config.train.seed)
        self._generator = torch.Generator()
        self.kept: NDArray[np.float16] | None = None
        self.given = given

    def num_pictures(self, stage: Stage) -> int:
        """Return how many pictures an epoch of a stage sees."""
        if stage.batches == "images":
            return len(self._train)
        num_triplets = len(self._train if self.given is None else self.given.triplets.items)
        return 3 * num_triplets

    def begin_epoch(self, stage: Stage, *place: int) -> list[Any]:
        """Return the rows of an epoch's batches: (B,) of pictures, or (B, 3) with what changes.

        Each epoch has its own seeds, so that a resumed training equals an uninterrupted one.

        Args:
            stage: Says which kind.
            place: What tells this epoch from all others of the training.

        Raises:
            DataError: It trains on changes, and no change leads from one item to another.
        """
        sequence = np.random.SeedSequence((self._config.train.seed, *place))
        first, second = (int(one) for one in sequence.generate_state(2))
        self._rng = np.random.default_rng(sequence)
        self._generator.manual_seed(first)
        torch.manual_seed(second)  # of what the system itself draws
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
        return [(items[one], changed[one]) for one in places]

    def batch(self, stage: Stage, rows: Any) -> ImageBatch | TripletBatch:
        """Return what a stage's loss takes of the rows of a batch, augmented."""
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
        """Return what the backbone takes of some items, as it is."""
        if self.kept is not None:
            return torch.from_numpy(self.kept[rows]).to(self._device).float()
        return to_network_input(torch.from_numpy(self._data.pixels[rows]).to(self._device))

    def _triplets(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return an epoch's triplets (n, 3) and what they change (n, T): given ones, or drawn."""
        if self.given is not None:
            given = self.given.triplets
            order = self._rng.permutation(len(given.items))
            return given.items[order], given.changed[order]
        labels = self._data.labels[self._train]
        drawn = draw_adde_triplets(labels, len(self._train), self._rng)
        if drawn is None:
            raise DataError(
                "No change of one value leads from a training item to another.",
                mend="Label more training items, or train DAtRNet.",
            )
        return self._train[drawn.items], drawn.changed

    def _augmented(self, rows: NDArray[np.int64]) -> Tensor:
        if self.kept is not None:
            return self.images(rows)
        pixels = torch.from_numpy(self._data.pixels[rows]).to(self._device)
        return augment(to_network_input(pixels), self._config.train, self._generator)

    def _labels(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._data.labels[rows].astype(np.int64)).to(self._device)
