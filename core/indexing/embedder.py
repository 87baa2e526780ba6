"""A run's networks embed pictures; torch is loaded with them, and not before."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, PictureSource, picture_pixels
from datrnet.core.errors import requirement
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.request import Query

if TYPE_CHECKING:
    from torch import nn


class Embedder:
    """A run's loaded weights: a network for each super-category, or a comparison system."""

    def __init__(self, run: RunFolder) -> None:
        """Load the networks.

        Raises:
            MissingPackageError: The extra ``train`` is not installed.
            CheckpointError: Weights are missing, damaged, or of another architecture.
        """
        with requirement("Embedding pictures needs"):
            from datrnet.core.models.embedding import compute_device, embed
            from datrnet.core.models.inference import FoldedNetworks

        self._run = run
        device = compute_device()
        self._embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
        if run.config.system.is_datrnet:
            networks = [run.load_network(idx) for idx in range(len(run.super_categories))]
            self.num_parameters = sum(map(num_parameters, networks))
            self._embed = FoldedNetworks(networks).to(device).embed
        else:
            system = comparison_systems().load_method(RunFolder.open(run.path)).to(device)
            self.num_parameters = num_parameters(system)
            self._embed = partial(embed, system)

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
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
    run: RunFolder, picture: PictureSource, embedder: Embedder | None = None
) -> Query:
    """Return the query of a picture that is not in the catalog; it carries no labels.

    Args:
        run: The run of the index.
        picture: The picture.
        embedder: The run's networks, if they are loaded already.

    Raises:
        DataError: The picture cannot be read.
        MissingPackageError: The extra ``train`` is not installed.
        CheckpointError: The run's weights cannot be loaded.
    """
    pixels = picture_pixels(picture, run.config.model.image_size)
    blocks = (embedder or Embedder(run)).embed(pixels[None])[0]
    labels = {category.name: None for category in run.super_categories}
    title = picture.name if isinstance(picture, Path | Picture) else "picture"
    return Query(blocks=blocks, labels=labels, title=title)
