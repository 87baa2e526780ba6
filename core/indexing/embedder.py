"""The trained networks of a run: pictures to embeddings."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.models.embedding import compute_device, embed
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.request import Query


class Embedder:
    """The networks of a run: one per super-category, or a comparison system."""

    def __init__(self, run: RunFolder) -> None:
        """Load the networks.

        Raises:
            CheckpointError: Weights are absent, damaged, or of another architecture.
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
        return sum(tensor.numel() for network in networks for tensor in network.parameters())

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed pictures.

        Args:
            pixels: (N, S, S, 3), uint8.

        Returns:
            (N, A, E) embeddings; the config says whether each or the whole has length 1.
        """
        if self._system is not None:
            return embed(self._system, pixels)
        blocks = [embed(network, pixels) for network in self._networks]
        embeddings = np.stack(blocks, axis=1)
        if self._run.config.model.normalize == "whole":
            embeddings /= np.linalg.norm(embeddings, axis=(1, 2), keepdims=True)
        return embeddings


def query_of_picture(run: RunFolder, picture: Path | Picture) -> Query:
    """Return the query of a picture outside the catalog, without labels.

    Raises:
        DataError: The picture cannot be read.
        CheckpointError: The run's weights cannot be loaded.
    """
    pixels = picture_pixels(picture, run.config.model.image_size)
    blocks = Embedder(run).embed(pixels[None])[0]
    labels = {category.name: None for category in run.super_categories}
    return Query(blocks=blocks, labels=labels, title=picture.name)
