"""A run's networks embed pictures; torch is loaded with them, and not before."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, PictureSource, picture_pixels
from datrnet.core.config import Precision, PrecisionChoice
from datrnet.core.errors import requirement
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.manipulation import EPS
from datrnet.core.retrieval.request import Query

if TYPE_CHECKING:
    from torch import nn

    from datrnet.core.models.datrnet import DAtRNet

Floats = NDArray[np.float32]

TRIAL_PIXELS = 8192 * 64**2
"""Pixels to embed from which a trial pays: 8,192 pictures of 64 px, 512 of 256 px."""


class Embedder:
    """A run's loaded weights: a network for each super-category, or a comparison system."""

    def __init__(self, run: RunFolder, asked: PrecisionChoice = "float32") -> None:
        """Load the networks.

        Args:
            run: The run.
            asked: The precision, where the device computes it; ``auto`` is float32 until a trial
                chooses. Comparison systems embed in float32.

        Raises:
            MissingPackageError: The extra ``train`` is not installed.
            CheckpointError: Weights are missing, damaged, or of another architecture.
        """
        with requirement("Embedding pictures needs"):
            from datrnet.core.models.embedding import compute_device, embed
            from datrnet.core.models.inference import FoldedNetworks, has_bfloat16

        self._run = run
        self._device = compute_device()
        self._networks: list[DAtRNet] = []
        self._embed: Callable[[NDArray[np.uint8]], Floats]
        precision: Precision = "float32"
        if run.config.system.is_datrnet:
            self._networks = [run.load_network(idx) for idx in range(len(run.super_categories))]
            self.num_parameters = sum(map(num_parameters, self._networks))
            if asked == "bfloat16" and has_bfloat16(self._device):
                precision = "bfloat16"
            self._embed = FoldedNetworks(self._networks, precision).to(self._device).embed
        else:
            system = comparison_systems().load_method(RunFolder.open(run.path)).to(self._device)
            self.num_parameters = num_parameters(system)
            self._embed = partial(embed, system)
        self._asked = asked
        self.precision, self.reason = precision, "by PyTorch"

    def choose(self, pixels: NDArray[np.uint8], num_pictures: int) -> None:
        """Switch to what embeds fastest, if there are enough pictures for a trial to pay.

        Args:
            pixels: (N, S, S, 3), uint8; some of the pictures.
            num_pictures: How many are to be embedded.
        """
        if not self._networks or num_pictures * pixels.shape[1] ** 2 < TRIAL_PIXELS:
            return
        from datrnet.core.models.inference import fastest

        way, self.reason = fastest(self._networks, pixels, self._asked, self._device)
        self._embed, self.precision = way.embed, way.precision

    def embed(self, pixels: NDArray[np.uint8]) -> Floats:
        """Embed pictures.

        Args:
            pixels: (N, S, S, 3), uint8.

        Returns:
            (N, A, E) embeddings, normalized as the run's config says.
        """
        embeddings = self._embed(pixels)
        if not self._run.config.system.is_datrnet:
            kept = self._run.kept
            return embeddings if kept is None else embeddings[:, list(kept)]
        if self._run.config.model.normalize == "whole":
            embeddings /= np.linalg.norm(embeddings, axis=(1, 2), keepdims=True)
        return embeddings


def num_parameters(network: "nn.Module") -> int:
    """Return the number of parameters of a network."""
    return sum(weight.numel() for weight in network.parameters())


def query_of_picture(
    run: RunFolder,
    picture: PictureSource,
    precision: Precision,
    embedder: Embedder | None = None,
) -> Query:
    """Return the query of a picture that is not in the catalog; it carries no labels.

    Args:
        run: The run of the index.
        picture: The picture.
        precision: Of the index.
        embedder: The run's networks, if they are loaded already.

    Raises:
        DataError: The picture cannot be read.
        MissingPackageError: The extra ``train`` is not installed.
        CheckpointError: The run's weights cannot be loaded.
    """
    pixels = picture_pixels(picture, run.config.model.image_size)
    blocks = (embedder or Embedder(run, precision)).embed(pixels[None])[0]
    labels = {category.name: None for category in run.super_categories}
    title = picture.name if isinstance(picture, Path | Picture) else "picture"
    return Query(blocks=blocks, labels=labels, title=title)


def mean_by_item(owners: NDArray[np.int64], embeddings: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the items (n,), and the mean of the embeddings of each (n, A, E).

    Args:
        owners: (N,) item of each embedding, ascending.
        embeddings: (N, A, E).
    """
    items, starts, counts = np.unique(owners, return_index=True, return_counts=True)
    if len(items) == len(owners):
        return items, embeddings  # which may be large
    means = embeddings[starts]
    for place in np.flatnonzero(counts > 1):
        views = embeddings[starts[place] : starts[place] + counts[place]]
        means[place] = mean_view(views)
    return items, means


def mean_view(views: Floats) -> Floats:
    """Return the mean (A, E) of the embeddings (V, A, E) of an item's pictures.

    It has length 1 by block, or as a whole, where the embeddings have.
    """
    mean: Floats = views.mean(axis=0)
    for axes in ((1,), (0, 1)):
        of_views = np.linalg.norm(views, axis=tuple(axis + 1 for axis in axes))
        if np.allclose(of_views, 1, atol=1e-3):
            mean /= np.maximum(np.linalg.norm(mean, axis=axes, keepdims=True), EPS)
            break
    return mean
