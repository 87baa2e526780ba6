"""Where the networks look, for the screen: torch is loaded when it is first asked for."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.pictures import Picture
from datrnet.core.data.workspace import Workspace
from datrnet.core.retrieval.wanted import Prototype

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import ActivationMaps

PATIENCE = 0.05
"""Seconds between two looks at whether a map in the queue is still wanted."""


class Looker:
    """Makes activation maps, one after the other."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        """Remember where the run lies."""
        self._folder = workspace.models / run_name
        self._maps: ActivationMaps | None = None
        self._busy = threading.Lock()

    def is_ready(self, super_category: str) -> bool:
        """Tell whether the network of a super-category is loaded."""
        return self._maps is not None and self._maps.is_loaded(super_category)

    def heat(
        self, picture: Picture, prototype: Prototype, is_wanted: Callable[[], bool]
    ) -> NDArray[np.float32] | None:
        """Return where a network finds a value, None where the map is no longer wanted.

        Called from threads. One that waits must not outlive its purpose: the searches need it.

        Raises:
            DatrnetError: The run, its weights, captum or the picture are not there.
        """
        while not self._busy.acquire(timeout=PATIENCE):
            if not is_wanted():
                return None
        try:
            if not is_wanted():
                return None
            if self._maps is None:
                self._maps = self._open()
            return self._maps.heat(picture, prototype.super_category, prototype.embedding)
        finally:
            self._busy.release()

    def _open(self) -> "ActivationMaps":
        from datrnet.core.indexing.activations import ActivationMaps
        from datrnet.core.models.run_folder import RunFolder

        return ActivationMaps(RunFolder.open(self._folder))
