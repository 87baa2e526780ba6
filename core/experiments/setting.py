"""What every experiment is given: a workspace opened, its catalogue, its index, its split."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.generation import Generation
from datrnet.db.store import Store

Progress = Callable[[str, int, int], None]
"""Told the step's name, what is done of it and its total."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where an experiment takes place; the index and its run are opened when they are asked for."""

    workspace: Workspace
    store: Store
    catalog: Catalog
    folder: Path
    """The experiment's own, in the workspace."""
    split: str = "test"
    """Whose items are queries and gallery."""
    on_progress: Progress = lambda step, done, total: None
    on_whole: Callable[[float], None] = lambda share: None
    """Told what share of an experiment of several parts is done."""

    @cached_property
    def generation(self) -> Generation:
        """The current index.

        Raises:
            IndexStaleError: There is none, or it is damaged.
        """
        return Generation.current(self.workspace, self.store)

    @cached_property
    def run(self) -> RunFolder:
        """The run whose networks made the current index.

        Raises:
            CheckpointError: It is gone or damaged.
        """
        return RunFolder.open(self.workspace.models / self.generation.manifest.run_name)
