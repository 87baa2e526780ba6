"""Where the networks look, for the screen: torch is loaded when it is first asked for."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.prototypes import Prototype

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import ActivationMaps, Look

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
        """Tell whether what looks for a super-category is loaded."""
        return self._maps is not None and self._maps.is_loaded(super_category)

    def look(
        self,
        picture: Picture,
        super_category: str,
        prototype: Prototype | None,
        is_wanted: Callable[[], bool],
    ) -> "Look | None":
        """Return where a super-category is looked for; None where there is nothing to look for.

        None too where the map is no longer wanted. Called from threads. One that waits must not
        outlive its purpose: the searches need it.

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
            return self._maps.look(picture, super_category, prototype)
        finally:
            self._busy.release()

    def _open(self) -> "ActivationMaps":
        from datrnet.core.indexing.activations import activation_maps_of
        from datrnet.core.models.run_folder import RunFolder

        return activation_maps_of(RunFolder.open(self._folder))
