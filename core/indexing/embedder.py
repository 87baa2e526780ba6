"""A run's networks embed pictures; torch is loaded with them, and not before."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, PictureSource, picture_pixels
from datrnet.core.errors import requirement
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.request import Query


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

        self._run = run
        self._embed = embed
        device = compute_device()
        self._networks = (
            [run.load_network(idx).to(device) for idx in range(len(run.super_categories))]
            if run.config.system.is_datrnet
            else [comparison_systems().load_method(RunFolder.open(run.path)).to(device)]
        )

    @property
    def num_parameters(self) -> int:
        """Number of parameters of all networks."""
        return sum(weight.numel() for network in self._networks for weight in network.parameters())

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed pictures.

        Args:
            pixels: (N, S, S, 3), uint8.

        Returns:
            (N, A, E) embeddings, normalized as the run's config says.
        """
        blocks = [self._embed(network, pixels) for network in self._networks]
        if not self._run.config.system.is_datrnet:
            kept = self._run.kept
            return blocks[0] if kept is None else blocks[0][:, list(kept)]
        embeddings = np.stack(blocks, axis=1)
        if self._run.config.model.normalize == "whole":
            embeddings /= np.linalg.norm(embeddings, axis=(1, 2), keepdims=True)
        return embeddings


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
