"""A generation of the index: its folder, its manifest and how it is read.

    indexes/<generation>/
        embeddings.npy    (N, A, E) float32 as the system gives them, mapped into memory
        item_ids.npy      (N,) int64, ascending
        manipulation.npz  how a query is changed: the arrays of the manifest's kind of manipulation
        index.ann         Annoy over the concatenation (N, A·E) of the blocks as they are compared
        manifest.json     what all of it means, with the size and checksum of every file

Older ones have in place of manipulation.npz the prototypes that replace a changed block:
prototypes.npy, (V, E) float32, the values of all super-categories one after the other.

A folder appears under its final name only when it is whole, and the database then names it as
current in one transaction: a reader sees the old generation or the new one, never half of one.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.annoy_index import CandidateIndex
from datrnet.core.retrieval.manipulation import Manipulation, Replacement, read_manipulation
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

MANIFEST = "manifest.json"
MANIPULATION = "manipulation.npz"
PROTOTYPES = "prototypes.npy"
"""Of generations made before there were other manipulations."""

FORMAT = 1
"""Raised when the files change their meaning."""

ENTANGLED = "all"
"""Name of the block that all super-categories share."""

REBUILD = "Run `datrnet index` to build it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Size and checksum of a file, as written."""

    num_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileFacts":
        """Read a file and return its facts."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(num_bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a generation holds and how to search it."""

    format: int
    name: str
    run_name: str
    created_at: str
    super_categories: tuple[SuperCategory, ...]
    """Those that the system knows, in the order of the blocks; values in that of prototypes."""
    num_items: int
    embedding_size: int
    unit_blocks: bool
    """Whether every block has length 1, as blocks are compared."""
    weights: tuple[float, ...]
    """Weight of each block in the distance, chosen on the validation split."""
    changed_weight: float
    """Further factor for a changed super-category's block, chosen on the validation split."""
    nodes: int
    """Annoy's search_k that reached the recall; 0 where every ranking is exact."""
    recall_at_30: float
    """Of Annoy against exact search, measured when the index was built."""
    files: dict[str, FileFacts]
    prototypes_from: Literal["train", "all"] = "train"
    """Which items the prototypes are means of; older manifests leave it to the config's default."""
    unit_prototypes: bool = True
    """Whether each was brought to length 1, where the blocks have it."""
    manipulation: str = Replacement.kind
    """How a query is changed."""

    @property
    def block_names(self) -> tuple[str, ...]:
        """The super-categories, or one name where they share an entangled block."""
        names = tuple(one.name for one in self.super_categories)
        return names if len(self.weights) == len(names) else (ENTANGLED,)

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest back.

        Raises:
            IndexStaleError: It is damaged or of another format.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if data["format"] != FORMAT:
                raise IndexStaleError(
                    f"The index is of format {data['format']}; this datrnet reads {FORMAT}.",
                    mend=REBUILD,
                )
            data["super_categories"] = tuple(
                SuperCategory(name=one["name"], values=tuple(one["values"]))
                for one in data["super_categories"]
            )
            data["weights"] = tuple(data["weights"])
            data["files"] = {name: FileFacts(**facts) for name, facts in data["files"].items()}
            return cls(**data)
        except (ValueError, KeyError, TypeError) as error:
            raise IndexStaleError("The index's manifest is damaged.", mend=REBUILD) from error


class Generation:
    """An index generation, open for reading; arrays are mapped, not loaded."""

    def __init__(self, folder: Path) -> None:
        """Open a generation's folder.

        Raises:
            IndexStaleError: A file is absent or not of the size the manifest states.
        """
        self.folder = folder
        try:
            text = (folder / MANIFEST).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise IndexStaleError(
                f"The index {folder.name} has no readable manifest.", mend=REBUILD
            ) from error
        self.manifest = Manifest.from_json(text)
        for name, facts in self.manifest.files.items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != facts.num_bytes:
                found = "is absent" if size is None else f"has {size:,} bytes"
                raise IndexStaleError(
                    f"The index is damaged: {path} {found}; it should have {facts.num_bytes:,}.",
                    mend=REBUILD,
                )
        try:
            self.embeddings: NDArray[np.float32] = np.load(folder / "embeddings.npy", mmap_mode="r")
            self.item_ids: NDArray[np.int64] = np.load(folder / "item_ids.npy")
            self.manipulation = self._read_manipulation()
        except (OSError, ValueError, BadZipFile) as error:
            raise IndexStaleError(f"The index is damaged: {error}.", mend=REBUILD) from error

    def _read_manipulation(self) -> Manipulation:
        if MANIPULATION in self.manifest.files:
            # opened here: numpy leaves the file of a damaged archive open
            with (self.folder / MANIPULATION).open("rb") as stream, np.load(stream) as arrays:
                return read_manipulation(self.manifest.manipulation, dict(arrays))
        ends = np.cumsum([len(one.values) for one in self.super_categories])[:-1]
        return Replacement(tuple(np.split(np.load(self.folder / PROTOTYPES), ends)))

    @classmethod
    def current(cls, workspace: Workspace, store: Store) -> "Generation":
        """Open the generation that the database names as current.

        Raises:
            IndexStaleError: There is none, or it is damaged.
        """
        row = store.current_generation()
        if row is None:
            raise IndexStaleError(
                "This catalogue has no index yet.",
                mend="Run `datrnet train` and `datrnet index`.",
            )
        return cls(workspace.indexes / row.name)

    @property
    def super_categories(self) -> tuple[SuperCategory, ...]:
        """The super-categories that the system knows, in the blocks' order."""
        return self.manifest.super_categories

    @cached_property
    def candidate_index(self) -> CandidateIndex:
        """The Annoy index, opened on first use."""
        _, num_blocks, size = self.embeddings.shape
        return CandidateIndex(
            self.folder / "index.ann",
            dimension=num_blocks * size,
            num_items=self.manifest.num_items,
        )

    @property
    def block_names(self) -> tuple[str, ...]:
        """The super-categories, or one name where they share an entangled block."""
        return self.manifest.block_names

    def block_of(self, super_category_idx: int) -> int:
        """Return the block that tells about a super-category: its own, or the one they share."""
        return super_category_idx if self.embeddings.shape[1] > 1 else 0

    def prototypes_of(self, super_category_idx: int) -> NDArray[np.float32]:
        """Return what stands for each value (V, E) of a super-category; NaN where nothing does."""
        return self.manipulation.prototypes_of(super_category_idx)

    def damaged_files(self) -> list[str]:
        """Return the names of files whose contents no longer have the manifest's checksum."""
        return [
            name
            for name, facts in self.manifest.files.items()
            if FileFacts.of(self.folder / name) != facts
        ]
