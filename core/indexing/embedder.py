"""Embed pictures with everything that a run has trained."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.models.embedding import compute_device, embed
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.request import Query


class Embedder:
    """A run's loaded weights: a network for each super-category, or a comparison system."""

    def __init__(self, run: RunFolder) -> None:
        """Load the networks.

        Raises:
            CheckpointError: Weights are missing, damaged, or of another architecture.
        """
        self._run = run
        self.image_size = run.config.model.image_size
        device = compute_device()
        numbers = range(len(run.super_categories))
        self._system = (
            None
            if run.config.system.is_datrnet
            else comparison_systems().load_method(run).to(device)
        )
        self._networks = (
            [run.load_network(idx).to(device) for idx in numbers] if self._system is None else []
        )

    @property
    def num_parameters(self) -> int:
        """Number of parameters of all networks."""
        networks = self._networks if self._system is None else [self._system]
        return sum(weight.numel() for network in networks for weight in network.parameters())

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed pictures.

        Args:
            pixels: (N, S, S, 3), uint8.

        Returns:
            (N, A, E) embeddings, normalized as the run's config says.
        """
        if self._system is not None:
            return embed(self._system, pixels)
        blocks = [embed(network, pixels) for network in self._networks]
        embeddings = np.stack(blocks, axis=1)
        if self._run.config.model.normalize == "whole":
            embeddings /= np.linalg.norm(embeddings, axis=(1, 2), keepdims=True)
        return embeddings


def query_of_picture(run: RunFolder, picture: Path | Picture) -> Query:
    """Return the query of a picture that is not in the catalog; it carries no labels.

    Raises:
        DataError: The picture cannot be read.
        CheckpointError: The run's weights cannot be loaded.
    """
    pixels = picture_pixels(picture, run.config.model.image_size)
    blocks = Embedder(run).embed(pixels[None])[0]
    labels = {category.name: None for category in run.super_categories}
    return Query(blocks=blocks, labels=labels, title=picture.name)
