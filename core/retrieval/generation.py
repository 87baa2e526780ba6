"""A generation of the index: folder layout, manifest, and reading.

    indexes/<generation>/
        embeddings.npy    (N, A, E) float32 as embedded, memory-mapped
        item_ids.npy      (N,) int64, ascending
        manipulation.npz  the arrays of the query manipulation named in the manifest
        index.ann         Annoy index over the concatenated blocks (M, A·E) in the metric space
        annoy_places.npy  (M,) int64, where each of Annoy's items is among the embeddings, -1 for
                          those that were replaced or removed since Annoy was built
        stamps.npy        (N,) int64, what the picture files were when they were embedded
        manifest.json     describes the rest, with the size and checksum of every file

The embedded items that Annoy does not have are the exact part: every search ranks all of them.

Older generations lack the places, since Annoy has all of their items in order, and the stamps. The
oldest have prototypes.npy instead of manipulation.npz: (V, E) float32, the prototypes of all
super-categories concatenated.

A folder is renamed to its final name only when complete, and one database transaction then makes it
current: a reader sees the old generation or the new one, never a partial one. Annoy's file stores
neither its dimension nor its metric; the manifest does.
"""

import copy
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import read_section
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.manipulation import Manipulation, Replacement, read_manipulation
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

MANIFEST = "manifest.json"
MANIPULATION = "manipulation.npz"
PROTOTYPES = "prototypes.npy"
"""File of generations made before other manipulations existed."""

EMBEDDINGS = "embeddings.npy"
ITEM_IDS = "item_ids.npy"
ANNOY = "index.ann"
ANNOY_PLACES = "annoy_places.npy"
PICTURE_STAMPS = "stamps.npy"

FORMAT = 1
"""Version of the files; increased when their meaning changes."""

ENTANGLED = "all"
"""Name of the block that all super-categories share."""

REBUILD = "Run `datrnet index` to rebuild it."

ANNOY_METRIC: Literal["euclidean"] = "euclidean"

CANDIDATES_PER_RESULT = 10
"""Candidates requested from Annoy for every result."""


def build_annoy(vectors: NDArray[np.float32], path: Path, *, trees: int, seed: int) -> None:
    """Build an Annoy index over vectors (N, D) and write it; item numbers are rows.

    Raises:
        IndexStaleError: The file cannot be written.
    """
    from annoy import AnnoyIndex

    index = AnnoyIndex(vectors.shape[1], ANNOY_METRIC)
    index.set_seed(seed)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(trees)
    if not index.save(str(path)):
        raise IndexStaleError(f"The index cannot be written to {path}.")


class CandidateIndex:
    """A memory-mapped Annoy file."""

    def __init__(self, path: Path, *, dimension: int, num_items: int) -> None:
        """Map the file into memory.

        Raises:
            IndexStaleError: The file is missing, truncated, or holds another number of items.
        """
        from annoy import AnnoyIndex

        self._index: Any = AnnoyIndex(dimension, ANNOY_METRIC)
        try:
            self._index.load(str(path))
        except OSError as error:
            raise IndexStaleError(f"Cannot read {path}: {error}.", hint=REBUILD) from error
        if self._index.get_n_items() != num_items:
            raise IndexStaleError(
                f"{path} holds {self._index.get_n_items()} items instead of {num_items}.",
                hint=REBUILD,
            )

    def candidates(self, vector: NDArray[np.float32], count: int, nodes: int) -> NDArray[np.int64]:
        """Return up to ``count`` of its items near a vector (D,); it inspects about ``nodes``."""
        return np.array(self._index.get_nns_by_vector(vector, count, nodes), dtype=np.int64)


def candidate_vector(
    blocks: NDArray[np.float32], weights: NDArray[np.float32], *, unit_blocks: bool
) -> NDArray[np.float32] | None:
    """Return the vector (A·E,) whose Euclidean neighbors are a query's weighted neighbors.

    With gallery blocks of length 1, Σ_a w_a ‖q_a - g_a‖² = const - 2 Σ_a w_a q_a·g_a, and every
    gallery vector has the same length, so the neighbors of (w_a q_a) are the weighted neighbors of
    q: one index serves all weights. The vector is scaled to the length of a gallery vector, where
    the index's splits are. With other blocks, including whole vectors of length 1, the lengths
    ‖g_a‖ matter unless all weights are equal; then the neighbors are those of q itself.

    Args:
        blocks: (A, E) of the query.
        weights: (A,).
        unit_blocks: Whether all blocks of the gallery have length 1.

    Returns:
        None if no vector has these neighbors.
    """
    if not unit_blocks:
        return blocks.ravel() if weights[0] > 0 and (weights == weights[0]).all() else None
    vector = (weights[:, None] * blocks).ravel()
    length = np.linalg.norm(vector)
    scaled: NDArray[np.float32] = vector * (np.sqrt(len(blocks)) / length if length > 0 else 1)
    return scaled.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Size and checksum of a file when it was written."""

    num_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileFacts":
        """Compute them for a file."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(num_bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableItem:
    """An item that is not in the index because none of its pictures could be read."""

    item_id: int
    stamp: int
    """What its picture files were then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a generation contains and how to search it."""

    format: int
    name: str
    run_name: str
    created_at: str
    super_categories: tuple[SuperCategory, ...]
    """In the order of the blocks, their values in the order of the prototypes."""
    num_items: int
    embedding_size: int
    unit_blocks: bool
    """Whether every block has length 1 in the metric space."""
    weights: tuple[float, ...]
    """Weight of each block in the distance, chosen on the validation split."""
    changed_weight: float
    """Further factor for a changed super-category's block, chosen on the validation split."""
    nodes: int
    """Annoy's ``search_k`` that reached the recall; 0 if every ranking is exact."""
    recall_at_30: float
    """Annoy's recall against exact search, measured when the index was built."""
    files: dict[str, FileFacts]
    prototypes_from: Literal["train", "all"] = "train"
    """Which items the prototypes are means of; older manifests omit the default."""
    unit_prototypes: bool = True
    """Whether each prototype was L2-normalized, if the blocks are."""
    manipulation: str = Replacement.kind
    """Kind of the query manipulation."""
    unreadable: tuple[UnreadableItem, ...] = ()

    @property
    def block_names(self) -> tuple[str, ...]:
        """The super-categories' names, or a single name if they share an entangled block."""
        names = tuple(category.name for category in self.super_categories)
        return names if len(self.weights) == len(names) else (ENTANGLED,)

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest.

        Raises:
            IndexStaleError: The manifest is damaged or has another format.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if data["format"] != FORMAT:
                raise IndexStaleError(
                    f"The index has format {data['format']}; this datrnet reads {FORMAT}.",
                    hint=REBUILD,
                )
            return read_section(cls, data, MANIFEST)
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise IndexStaleError("The index's manifest is damaged.", hint=REBUILD) from error


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
            self.embeddings: NDArray[np.float32] = np.load(folder / EMBEDDINGS, mmap_mode="r")
            self.item_ids: NDArray[np.int64] = np.load(folder / ITEM_IDS)
            self.manipulation = self._read_manipulation()
            places = self._read_array(ANNOY_PLACES)
            self.annoy_places: NDArray[np.int64] = (
                np.arange(len(self.item_ids)) if places is None else places
            )
            """(M,) place of each of Annoy's items, -1 for those that are gone."""
            self.picture_stamps: NDArray[np.int64] | None = self._read_array(PICTURE_STAMPS)
            """(N,) what the picture files of each item were; None in an older index."""
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
            IndexStaleError: The catalog lacks a super-category.
        """
        aligned = copy.copy(self.restricted_to(catalog.item_ids))
        aligned.super_categories = catalog.renamed(self.manifest.super_categories)
        return aligned

    def restricted_to(self, item_ids: NDArray[np.int64]) -> "Generation":
        """Return the generation without the items that are not among these.

        Its embeddings are then a copy in memory; it is the same object if no item is left out.
        """
        kept = np.isin(self.item_ids, item_ids)
        if kept.all():
            return self
        rest = copy.copy(self)
        for computed in ("exact_places", "_exact_vectors"):
            vars(rest).pop(computed, None)
        rest.embeddings, rest.item_ids = self.embeddings[kept], self.item_ids[kept]
        if self.picture_stamps is not None:
            rest.picture_stamps = self.picture_stamps[kept]
        rest.annoy_places = moved(self.annoy_places, np.where(kept, kept.cumsum() - 1, -1))
        return rest

    @cached_property
    def exact_places(self) -> NDArray[np.int64]:
        """The items that Annoy does not have, ascending."""
        return np.setdiff1d(np.arange(len(self.item_ids)), self.annoy_places)

    @cached_property
    def candidate_index(self) -> CandidateIndex:
        """The Annoy index, opened on first use."""
        _, num_blocks, size = self.embeddings.shape
        return CandidateIndex(
            self.folder / ANNOY, dimension=num_blocks * size, num_items=len(self.annoy_places)
        )

    def candidates(self, vector: NDArray[np.float32], count: int, nodes: int) -> NDArray[np.int64]:
        """Return the places near a vector (D,) that Annoy knows of, about ``count`` of them.

        There are fewer where neighbors are gone; the exact part is not among them.
        """
        places = self.annoy_places[self.candidate_index.candidates(vector, count, nodes)]
        return places[places >= 0]

    def neighbors(
        self, places: NDArray[np.int64], count: int, nodes: int
    ) -> list[NDArray[np.int64]]:
        """Return the places near each of some items, themselves included.

        About ``count`` that Annoy has, and near an item of the exact part as many of that. What is
        near an item of Annoy in the exact part is found from there.
        """
        found = []
        is_exact = np.isin(places, self.exact_places)
        for vector, annoy_lacks_it in zip(self._vectors(places), is_exact, strict=True):
            near = self.candidates(vector, count, nodes)
            if annoy_lacks_it:
                distances = np.linalg.norm(self._exact_vectors - vector, axis=1)
                near = np.append(near, self.exact_places[np.argsort(distances)[:count]])
            found.append(near)
        return found

    @cached_property
    def _exact_vectors(self) -> NDArray[np.float32]:
        return self._vectors(self.exact_places)

    def _vectors(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors (n, D) of items in the metric space, as Annoy has them."""
        compared = self.manipulation.to_metric_space(self.embeddings[places])
        return compared.reshape(len(places), -1)

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

    def damaged_files(self) -> list[str]:
        """Return the names of files whose checksum differs from the manifest's."""
        return [
            name
            for name, facts in self.manifest.files.items()
            if FileFacts.of(self.folder / name) != facts
        ]
