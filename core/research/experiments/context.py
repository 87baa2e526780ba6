"""What every experiment gets: an open workspace, its catalog and index, the items of a split."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.evaluation.protocol import gallery_rows
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.prototypes import aligned
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitItems:
    """The indexed items of a split, one array per column."""

    rows: NDArray[np.int64]
    """(n,) in the catalog."""
    places: NDArray[np.int64]
    """(n,) in the index."""
    labels: NDArray[np.int16]
    """(n, A) in the order and numbering of the index, -1 where unlabeled."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where an experiment runs; the index and its run are opened on first use."""

    workspace: Workspace
    store: Store
    catalog: Catalog
    folder: Path
    """The experiment's folder in the workspace."""
    split: str = "test"
    """Whose items are queries and gallery."""
    on_progress: Progress = no_progress
    on_whole: Callable[[float], None] = lambda share: None
    """Called with the share that is done of an experiment of several parts."""

    @cached_property
    def generation(self) -> Generation:
        """The current index, without items that the catalog no longer has.

        Raises:
            IndexStaleError: There is none, or it is damaged.
        """
        return aligned(Generation.current(self.workspace, self.store), self.catalog)

    @property
    def has_used_index(self) -> bool:
        """Whether the experiment has opened the index."""
        return "generation" in vars(self)

    @cached_property
    def run(self) -> RunFolder:
        """The run whose networks made the current index.

        Raises:
            CheckpointError: It is gone or damaged.
        """
        from datrnet.core.indexing.build import run_of

        return run_of(self.workspace, self.generation)

    def items(self) -> SplitItems:
        """Return the indexed items of the split, without those of a value new to the index.

        Raises:
            DataError: There are none.
            IndexStaleError: There is no index.
        """
        catalog, generation = self.catalog, self.generation
        rows = np.searchsorted(catalog.item_ids, generation.item_ids)
        labels = catalog.encode_labels(generation.super_categories)[rows]
        chosen = gallery_rows(catalog, generation, self.split)
        in_split = np.isin(rows, chosen)
        return SplitItems(rows=chosen, places=np.flatnonzero(in_split), labels=labels[in_split])

    def picture(self, row: int, size: int | None = None) -> Image.Image | None:
        """Return an item's picture at about a size; None if it cannot be read."""
        stored = self.catalog.picture_paths[row]
        try:
            return read_picture(self.workspace.picture(stored), size)
        except DataError:
            return None
