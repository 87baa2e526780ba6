"""A catalog and its index of any size, whose embeddings are drawn from those of another index.

An item is mixed with one of its nearest, each block in its own proportion, and with a little noise.
Without an index to draw from, six unit blocks of 128 around prototypes are made up.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import IndexStaleError
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

Floats = NDArray[np.float32]

NUM_MADE_UP = 8000
NEAREST = 8
NOISE = 0.05
"""Length of what is added to a block."""

SHARE = "share"
"""A fact of every item, a random number below 1: ``share<0.01`` lets one in a hundred pass."""

DRAWN_AT_ONCE = 20_000
MADE_UP = "The vectors are made up: six unit blocks of 128 around prototypes."
DRAWN = (
    "The vectors are drawn from DAtRNet's\nembeddings of `fashion-products` (six networks, "
    "trained for three epochs): an item is mixed with one of its eight nearest,\nblock by block, "
    "and with a little noise."
)
BUILT = "built.json"


@dataclass(frozen=True)
class Source:
    """What embeddings are drawn from."""

    embeddings: Floats
    """(N, A, E), blocks of length 1."""
    prototypes: Replacement
    weights: Weights

    @classmethod
    def of_index(cls, folder: Path) -> Self:
        """Return the embeddings, prototypes and weights of a workspace's index."""
        workspace = Workspace(folder)
        with workspace.open_store() as store:
            index = Generation.current(workspace, store)
        assert isinstance(index.manipulation, Replacement)
        weights = Weights(blocks=index.manifest.weights, changed=index.manifest.changed_weight)
        return cls(np.array(index.embeddings), index.manipulation, weights)

    @classmethod
    def made_up(cls) -> Self:
        """Return items around prototypes, with weights like those chosen for real ones."""
        rng = np.random.default_rng(0)
        centers = [rng.normal(size=(count, 128)) for count in (37, 23, 4, 5, 4, 4)]
        labels = [rng.integers(len(block), size=NUM_MADE_UP) for block in centers]
        base = np.stack([block[own] for block, own in zip(centers, labels, strict=True)], axis=1)
        base += 0.4 * rng.normal(size=base.shape)
        base /= np.linalg.norm(base, axis=2, keepdims=True)
        units = (block / np.linalg.norm(block, axis=1, keepdims=True) for block in centers)
        return cls(
            base.astype(np.float32),
            Replacement(tuple(block.astype(np.float32) for block in units)),
            Weights(blocks=(1.8, 1.3, 0.5, 1.3, 0.5, 0.6), changed=2.8),
        )

    def drawn(self, size: int) -> Floats:
        """Return blocks (size, A, E) of length 1 like those of the source."""
        rng, base = np.random.default_rng(0), self.embeddings
        flat = base.reshape(len(base), -1)
        near = np.argpartition(-(flat @ flat.T), NEAREST + 1, axis=1)[:, : NEAREST + 1]
        found = np.empty((size, *base.shape[1:]), dtype=np.float32)
        for start in range(0, size, DRAWN_AT_ONCE):
            part = found[start : start + DRAWN_AT_ONCE]
            item = rng.integers(len(base), size=len(part))
            other = near[item, rng.integers(NEAREST + 1, size=len(part))]
            mix = rng.normal(0.5, 0.5, size=(len(part), base.shape[1], 1)).astype(np.float32)
            part[:] = base[item] + mix * (base[other] - base[item])
            part += rng.normal(0, NOISE / np.sqrt(base.shape[2]), size=part.shape)
            part /= np.linalg.norm(part, axis=2, keepdims=True)
        return found


class BuiltTimes:
    """How long the kept indexes of a folder took to build, in seconds."""

    def __init__(self, folder: Path) -> None:
        """Read them, if there are any."""
        self._path = folder / BUILT
        self.seconds: dict[str, float] = {}
        if self._path.exists():
            self.seconds = json.loads(self._path.read_text("utf-8"))

    def add(self, name: str, started: float) -> None:
        """Note what has just been built, since a time of ``time.perf_counter``."""
        taken = time.perf_counter() - started
        again = BuiltTimes(self._path.parent)  # another process may have added its own
        self.seconds = {**again.seconds, name: taken}
        self._path.write_text(json.dumps(self.seconds, indent=1), "utf-8")


def searcher_of(folder: Path, size: int, source: Source | None) -> Searcher:
    """Return the search of a workspace of so many items, which is made unless it is there.

    Args:
        folder: Holds the workspace and the build time of its index.
        size: Number of items.
        source: What to draw from, if it must be made; None makes embeddings up.
    """
    workspace = Workspace(folder / "workspace")
    folder.mkdir(parents=True, exist_ok=True)
    with workspace.create_store() as store:
        catalog = Catalog.load(store)
        try:
            return Searcher(catalog, Generation.current(workspace, store))
        except IndexStaleError:
            source = source or Source.made_up()
        if catalog.num_items != size:
            _fill(store, source.prototypes.counts, size)
            catalog = Catalog.load(store)
        embedded = Embedded(
            run_name="drawn",
            super_categories=catalog.super_categories,
            item_ids=catalog.item_ids,
            embeddings=source.drawn(size),
            manipulation=source.prototypes,
            weights=source.weights,
            engine="blocks",
        )
        started = time.perf_counter()
        write_generation(workspace, store, embedded, IndexConfig())
        BuiltTimes(folder).add("datrnet", started)
        return Searcher(catalog, Generation.current(workspace, store))


def _fill(store: Store, counts: tuple[int, ...], size: int) -> None:
    """Import items with random labels, so many values each, and a random share."""
    rng = np.random.default_rng(1)
    values = np.stack([rng.integers(count, size=size) for count in counts], axis=1)
    shares = rng.random(size)
    items = (
        NewItem(
            code=f"{number:07}",
            title=f"Item {number}",
            picture_path="none",
            split="train",
            labels={f"name {a}": f"{value:02}" for a, value in enumerate(values[number])},
            facts={SHARE: f"{shares[number]:.6f}"},
        )
        for number in range(size)
    )
    store.upsert_items(items, {SHARE: "number"})
