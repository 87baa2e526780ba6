"""A generation of the index: folder layout, and reading.

    indexes/<generation>/
        embeddings.npy    (N, A, E) float32 as embedded, memory-mapped
        item_ids.npy      (N,) int64, ascending
        manipulation.npz  the arrays of the query manipulation named in the manifest
        stamps.npy        (N, 2) int64, what the picture files were when they were embedded
        manifest.json     describes the rest, with the size and checksum of every file

and the files of its engine, of which ``exact`` has none:

    annoy   index.ann         Annoy index over the concatenated blocks (M, A·E) in the metric space
            annoy_places.npy  (M,) int64, where each of Annoy's items is among the embeddings, -1
                              for those that were replaced or removed since Annoy was built
    blocks  codebook.npz      means, axes, cells, groups of ``engines.codebook.Codebook``
            codes.npy         (A / 2, N) uint16, memory-mapped, in the order of the groups
            sketches.npy      (N, A·S) int8, memory-mapped, in the same order
            code_places.npy   (N,) int32, where each of them is among the embeddings
            group_starts.npy  (G + 1,) int64, where each group starts
    milvus  milvus.json       the server's address and the name of the collection there
            scalars.npy       (N, S) int16, the scalar fields of the items in it

Older generations name no engine, which is Annoy. They lack the places, since Annoy has all of their
items in order, and the stamps. The oldest have prototypes.npy instead of manipulation.npz: (V, E)
float32, the prototypes of all super-categories concatenated.

A folder is renamed to its final name only when complete, and one database transaction then makes it
current: a reader sees the old generation or the new one, never a partial one. Annoy's file stores
neither its dimension nor its metric; the manifest does.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.engines.annoy_file import (
    ANNOY,
    ANNOY_PLACES,
    REBUILD,
    AnnoyEngine,
    annoy_imports,
)
from datrnet.core.retrieval.engines.block_codes import CODE_PLACES, NEIGHBOR_EFFORT, BlockCodes
from datrnet.core.retrieval.engines.engine import Engine, ExactEngine, IndexedItems, Places
from datrnet.core.retrieval.engines.milvus import MilvusEngine
from datrnet.core.retrieval.manifest import ENTANGLED, MANIFEST, FileFacts, Manifest
from datrnet.core.retrieval.manipulation import (
    BoolArray,
    Floats,
    Manipulation,
    Replacement,
    read_manipulation,
    restricted,
)
from datrnet.core.retrieval.match import NO_MATCH_SCORES, MatchModel, has_match_scores
from datrnet.db.store import Store

MANIPULATION = "manipulation.npz"
PROTOTYPES = "prototypes.npy"
"""File of generations made before other manipulations existed."""

EMBEDDINGS = "embeddings.npy"
ITEM_IDS = "item_ids.npy"
PICTURE_STAMPS = "stamps.npy"


def moved(places: NDArray[np.int64], new_place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where places (M,) are after a change; -1 where they were or are gone.

    Args:
        places: (M,) places among N.
        new_place: (N,), -1 where what was there is gone.
    """
    return np.where(places >= 0, np.append(new_place, -1)[places], -1)


class Generation:
    """An index generation, open for reading; embeddings are memory-mapped."""

    def __init__(self, folder: Path) -> None:
        """Open a generation's folder.

        Raises:
            IndexStaleError: A file is missing or does not have the size in the manifest.
        """
        self.folder = folder
        self._whole: tuple[Generation, Places] | None = None
        """What this is a part of, and the blocks of it that this has."""
        try:
            text = (folder / MANIFEST).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise IndexStaleError(
                f"The index {folder.name} has no readable manifest.", hint=REBUILD
            ) from error
        self.manifest = Manifest.from_json(text)
        self.super_categories = self.manifest.super_categories
        """The indexed super-categories, in the order of the blocks, as they are called now."""
        for name, facts in self.manifest.files.items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != facts.num_bytes:
                found = "is missing" if size is None else f"has {size:,} bytes"
                raise IndexStaleError(
                    f"The index is damaged: {path} {found}; it should have {facts.num_bytes:,}.",
                    hint=REBUILD,
                )
        try:
            self.embeddings: NDArray[np.float32] = np.load(folder / EMBEDDINGS, mmap_mode="r").view(
                np.ndarray
            )  # whose indexing is faster
            self.item_ids: NDArray[np.int64] = np.load(folder / ITEM_IDS)
            self.manipulation = self._read_manipulation()
            places = self._read_array(CODE_PLACES if self.has_codes else ANNOY_PLACES)
            self.engine_places: Places = np.arange(len(self.item_ids)) if places is None else places
            """(M,) place of each of the engine's items, -1 for those that are gone."""
            self.picture_stamps: NDArray[np.int64] | None = self._read_array(PICTURE_STAMPS)
            """(N, 2) what the pictures were, (N,) or None in an older index; see ``index_lag``."""
        except (OSError, ValueError, BadZipFile) as error:
            raise IndexStaleError(f"The index is damaged: {error}.", hint=REBUILD) from error

    def _read_array(self, name: str) -> NDArray[np.int64] | None:
        return np.load(self.folder / name) if name in self.manifest.files else None

    def _read_manipulation(self) -> Manipulation:
        if MANIPULATION in self.manifest.files:
            # opened here because NumPy leaves the file of a damaged archive open
            with (self.folder / MANIPULATION).open("rb") as stream, np.load(stream) as arrays:
                return read_manipulation(self.manifest.manipulation, dict(arrays))
        ends = np.cumsum([len(category.values) for category in self.super_categories])[:-1]
        return Replacement(tuple(np.split(np.load(self.folder / PROTOTYPES), ends)))

    @classmethod
    def current(cls, workspace: Workspace, store: Store) -> "Generation":
        """Open the generation that the database names as current.

        Raises:
            IndexStaleError: There is no generation, or it is damaged.
        """
        row = store.current_generation()
        if row is None:
            raise IndexStaleError(
                "This catalog has no index yet.",
                hint="Run `datrnet train` and `datrnet index`.",
            )
        return cls(workspace.indexes / row.name)

    def aligned_with(self, catalog: Catalog) -> "Generation":
        """Return the generation without what the catalog lacks, with the names that it has now.

        Raises:
            IndexStaleError: The catalog lacks all of its super-categories, or one of those that
                share a block.
        """
        rest = self.restricted_to(catalog.item_ids)
        aligned = copy.copy(rest.of(catalog.kept_of(self.manifest.super_categories)))
        aligned.super_categories = catalog.renamed(aligned.manifest.super_categories)
        return aligned

    def of(self, kept: Sequence[int]) -> "Generation":
        """Return the generation of some of its super-categories.

        Its embeddings are then a copy in memory; it is the same object if none is left out. The
        engine goes on with all blocks, those left out without weight.

        Args:
            kept: Their indexes, ascending.

        Raises:
            IndexStaleError: All super-categories share a block.
        """
        manifest = self.manifest
        if len(kept) == len(manifest.super_categories):
            return self
        rest = copy.copy(self)
        for computed in ("items", "exact"):
            vars(rest).pop(computed, None)
        rest.manipulation = restricted(self.manipulation, kept)
        rest.embeddings = self.embeddings[:, kept]
        blocks = np.array(kept)
        rest._whole = self, blocks
        rest.manifest = manifest.of(kept)
        rest.super_categories = rest.manifest.super_categories
        return rest

    @property
    def is_whole(self) -> bool:
        """Whether it has all blocks that its engine has."""
        return self._whole is None

    def restricted_to(self, item_ids: NDArray[np.int64]) -> "Generation":
        """Return the generation without the items that are not among these.

        Its embeddings are then a copy in memory; it is the same object if no item is left out.
        """
        kept = np.isin(self.item_ids, item_ids)
        if kept.all():
            return self
        rest = copy.copy(self)
        for computed in ("items", "engine", "exact"):
            vars(rest).pop(computed, None)
        rest.embeddings, rest.item_ids = self.embeddings[kept], self.item_ids[kept]
        if self.picture_stamps is not None:
            rest.picture_stamps = self.picture_stamps[kept]
        if self._whole is not None:
            rest._whole = self._whole[0].restricted_to(item_ids), self._whole[1]
        rest.engine_places = moved(self.engine_places, np.where(kept, kept.cumsum() - 1, -1))
        return rest

    @property
    def num_beside(self) -> int:
        """Number of items beside Annoy, which every search ranks."""
        if self.manifest.engine != "annoy":
            return 0
        return len(np.setdiff1d(np.arange(len(self.item_ids)), self.engine_places))

    @property
    def has_codes(self) -> bool:
        """Whether the engine is block codes."""
        return self.manifest.engine == "blocks"

    @cached_property
    def items(self) -> IndexedItems:
        """The items as they are compared."""
        return IndexedItems(self.embeddings, self.manipulation, self.manifest.unit_blocks)

    @cached_property
    def exact(self) -> ExactEngine:
        """The engine that looks at every item."""
        return ExactEngine(self.items)

    @cached_property
    def engine(self) -> Engine:
        """The engine of the manifest; the exact one in place of an Annoy that does not import.

        Raises:
            IndexStaleError: Its files are damaged, or Milvus does not answer.
            MissingPackageError: Milvus' client is not installed.
        """
        try:
            if self.has_codes:
                codes = BlockCodes.open(self.folder, self.engine_places)
                codes.effort = self.manifest.effort
                return codes
            if self.manifest.engine == "milvus":
                ids, places = np.load(self.folder / ITEM_IDS), self.engine_places
                return MilvusEngine.open(self.folder, self.items, ids, places, self.manifest.nodes)
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise IndexStaleError(f"The index is damaged: {error}.", hint=REBUILD) from error
        if self.manifest.engine == "annoy" and annoy_imports():
            path, nodes = self.folder / ANNOY, self.manifest.nodes
            return AnnoyEngine(self.items, path, self.engine_places, nodes)
        return self.exact

    @property
    def engine_problem(self) -> str:
        """What keeps the engine of the manifest from being used; empty if nothing does."""
        if self.manifest.engine != "annoy" or annoy_imports():
            return ""
        return (
            "Annoy cannot be imported, so every search ranks all items. Install it with "
            "`pip install annoy`, or run `datrnet index --engine blocks`."
        )

    def candidates(
        self, blocks: Floats, weights: Floats, k: int, allowed: BoolArray | None
    ) -> Places:
        """Return the engine's places; the exact engine's if it declines; see ``Engine``."""
        if self._whole is None:
            found = self.engine.candidates(blocks, weights, k, allowed)
        elif not self.manifest.unit_blocks:  # what is left out may count in lengths
            found = None
        else:
            whole, kept = self._whole
            all_blocks = np.zeros(whole.embeddings.shape[1:], dtype=np.float32)
            all_weights = np.zeros(len(all_blocks), dtype=np.float32)
            all_blocks[kept], all_weights[kept] = blocks, weights
            found = whole.candidates(all_blocks, all_weights, k, allowed)
        return self.exact.candidates(blocks, weights, k, allowed) if found is None else found

    def neighbors(self, places: Places, count: int, nodes: int) -> list[Places]:
        """Return about ``count`` places near each of some items, themselves included.

        Args:
            places: (n,) of the items.
            count: Number of neighbors.
            nodes: What Annoy inspects for each.
        """
        if self._whole is not None:
            return self._whole[0].neighbors(places, count, nodes)
        engine, blocks = self.engine, self.items.blocks_at(places)
        if isinstance(engine, AnnoyEngine):
            return engine.neighbors(places, count, nodes)
        if isinstance(engine, MilvusEngine):
            return engine.neighbors(blocks, count)
        equal = np.ones(blocks.shape[:2], dtype=np.float32)
        if isinstance(engine, BlockCodes):
            effort = replace(NEIGHBOR_EFFORT, num_ranked=2 * count)
            return [engine.candidates(item, equal[0], 1, None, effort) for item in blocks]
        return self.exact.candidates_of_many(blocks, equal, count, [None] * len(blocks))

    @property
    def block_names(self) -> tuple[str, ...]:
        """The super-categories' names, or a single name if they share an entangled block."""
        names = tuple(category.name for category in self.super_categories)
        return names if len(self.manifest.weights) == len(names) else (ENTANGLED,)

    def block_of(self, super_category_idx: int) -> int:
        """Return the block of a super-category: its own, or the shared one."""
        return super_category_idx if self.embeddings.shape[1] > 1 else 0

    def prototypes_of(self, super_category_idx: int) -> NDArray[np.float32]:
        """Return the prototypes (V, E) of a super-category; NaN where a value has none."""
        return self.manipulation.prototypes_of(super_category_idx)

    def match_model(self) -> MatchModel:
        """Return what match scores are computed with.

        Raises:
            ConfigError: The index's system has no match scores.
            IndexStaleError: The index is not calibrated.
        """
        if not has_match_scores(self.manipulation):
            raise ConfigError(NO_MATCH_SCORES, hint="Rank by distance.")
        if not self.manifest.match.calibrations:
            raise IndexStaleError(
                "This index has no match scores, because it is not calibrated.",
                hint="Run `datrnet index`, with labeled validation items, or rank by distance.",
            )
        return self.manifest.match

    def damaged_files(self) -> list[str]:
        """Return the names of files whose checksum differs from the manifest's."""
        return [
            name
            for name, facts in self.manifest.files.items()
            if FileFacts.of(self.folder / name) != facts
        ]
