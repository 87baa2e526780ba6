"""Where the networks of a run look: activation maps of items, for front ends that know no torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.pictures import Picture, picture_pixels
from datrnet.core.errors import ConfigError
from datrnet.core.models.activation import activation_map
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.embedding import compute_device
from datrnet.core.models.run_folder import RunFolder


class ActivationMaps:
    """A run's networks, each loaded when it is first asked; one thread at a time may ask."""

    def __init__(self, run: RunFolder) -> None:
        """Remember the run; nothing is loaded yet."""
        self._run = run
        self._networks: dict[str, DAtRNet] = {}

    def is_loaded(self, super_category: str) -> bool:
        """Tell whether a map of this super-category comes at once."""
        return super_category in self._networks

    def heat(
        self, picture: Path | Picture, super_category: str, wanted: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return where a network finds what a prototype stands for.

        Args:
            picture: The item's picture.
            super_category: Whose network, as the run spells it.
            wanted: (E,), the prototype.

        Returns:
            (S, S) in [0, 1], squeezed to a square as the network's input is; all zero where nothing
            speaks for the value.

        Raises:
            CheckpointError: The run has no such network, or its weights cannot be loaded.
            ConfigError: captum is not installed, or the run is of another system.
            DataError: The picture cannot be read.
        """
        if not self._run.config.system.is_datrnet:
            raise ConfigError(
                "Activation maps are of DAtRNet's networks, and this index is of "
                f"{self._run.config.system.name}.",
                mend="Train and index DAtRNet.",
            )
        pixels = picture_pixels(picture, self._run.config.model.image_size)
        if super_category not in self._networks:
            network = self._run.load_network(self._run.idx_of(super_category))
            self._networks[super_category] = network.to(compute_device())
        return activation_map(self._networks[super_category], pixels, wanted)
