"""Milvus: a server, or a file, that holds the items' vectors and finds those near a query.

One field of inner products holds everything. An item is the vector [g_1 … g_A, ‖g_1‖² … ‖g_A‖²], a
query is [2 w_1 q_1 … 2 w_A q_A, -w_1 … -w_A], and their product is Σ_a w_a ‖q_a‖² - d². So one
collection answers all weights, whatever the lengths of the blocks are.

A filter is a mask of the indexed items, which the server cannot take. There are four ways around
that; the first that can answer is taken:

1. If few items are allowed, the engine declines, and they are ranked exactly.
2. The server is asked for so many more neighbors that enough of them are likely to be allowed.
3. If the filter contradicts the query, the server filters: by the scalar fields (the split, and the
   first value of each super-category), as far as all allowed items agree on them.
4. By the ids of the allowed items.

Where few items meet a condition, a graph may find only some of them; Milvus Lite's does. The engine
declines if the server returns less than half of what it should.

The conditions of step 3 are read from the mask and a copy of the scalar fields. A label that was
corrected since can make them wider, but never leaves out an item.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.engines.engine import EngineName, IndexedItems, Places
from datrnet.core.retrieval.engines.milvus_server import Collection, Scalars, Server, scalar_field
from datrnet.core.retrieval.manipulation import BoolArray, Floats

SCALARS = "scalars.npy"

CANDIDATES_PER_RESULT = 2
"""Candidates for every result: rounding moves few items farther than that."""

MOST_CANDIDATES = 16_384
"""Most results that Milvus gives to a query."""

FEW_ALLOWED = 10_000
"""Allowed items that are ranked exactly in the time of a few questions to a server."""

MOST_IDS = 100_000
"""Most ids in a condition, which is then a text of about a megabyte."""

MOST_STRAGGLERS = 1000
"""Allowed items with values that few of them have: ranked exactly, so that a condition can leave
their values out."""

RARE = 0.05
"""Share of a value's items below which those that are allowed are stragglers."""

WRITTEN_AT_ONCE = 2000
"""Items in one message, of about 6 MB."""


def item_vectors(blocks: Floats) -> Floats:
    """Return the vectors (n, A·E + A) of items with blocks (n, A, E)."""
    squares = np.einsum("nae,nae->na", blocks, blocks)
    return np.concatenate([blocks.reshape(len(blocks), -1), squares], axis=1, dtype=np.float32)


def query_vector(blocks: Floats, weights: Floats) -> Floats:
    """Return the vector (A·E + A,) of a query with blocks (A, E) and weights (A,)."""
    scaled = (2 * weights[:, None] * blocks).ravel()
    return np.concatenate([scaled, -weights], dtype=np.float32)


class MilvusEngine:
    """The neighbors that a server returns."""

    name: ClassVar[EngineName] = "milvus"

    def __init__(
        self, server: Server, ids: Places, scalars: Scalars, places: Places, nodes: int
    ) -> None:
        """Search a collection.

        Args:
            server: The server of the collection.
            ids: (M,) id of each of its items, ascending.
            scalars: (M, S) their scalar fields.
            places: (M,) where each is in the index, -1 for those that are gone.
            nodes: How much of the server's graph a query visits (``ef``).
        """
        self._server, self._ids, self._places, self.nodes = server, ids, places, nodes
        is_left = places >= 0
        self._scalars = np.empty((int(is_left.sum()), scalars.shape[1]), dtype=np.int16)
        self._scalars[places[is_left]] = scalars[is_left]

    @classmethod
    def open(
        cls, folder: Path, items: IndexedItems, ids: Places, places: Places, nodes: int
    ) -> Self:
        """Open the collection of a generation; see ``__init__``.

        Raises:
            IndexStaleError: The server does not answer, or its collection is gone or another.
            MissingPackageError: The extra ``scale`` is not installed.
            OSError, ValueError, TypeError: The generation's files are damaged.
        """
        collection = Collection.of(folder)
        scalars: Scalars = np.load(folder / SCALARS)
        server = Server.at(collection, folder.parent)
        _, num_blocks, size = items.embeddings.shape
        found, expected = server.dimension(), num_blocks * (size + 1)
        if found != expected:
            what = (
                "is gone"
                if found is None
                else f"has vectors of {found:,} numbers, not {expected:,}"
            )
            raise IndexStaleError(
                f"The collection {collection.name} at {server.uri} {what}.",
                hint="Run `datrnet index --rebuild`.",
            )
        return cls(server, ids, scalars, places, nodes)

    @classmethod
    def build(
        cls, folder: Path, items: IndexedItems, ids: Places, scalars: Scalars, uri: str
    ) -> Self:
        """Make a collection of all items, and write into a folder where it is.

        Args:
            folder: Of the generation.
            items: The indexed items.
            ids: (N,) their ids, ascending.
            scalars: (N, S) their scalar fields.
            uri: Of the server or file.

        Raises:
            ConfigError: The address is malformed.
            IndexStaleError: The server does not answer.
            MissingPackageError: The extra ``scale`` is not installed.
        """
        collection = Collection.new(uri, folder.parent)
        server = Server.at(collection, folder.parent)
        collection.note(folder)
        np.save(folder / SCALARS, scalars)
        _, num_blocks, size = items.embeddings.shape
        server.create(num_blocks * (size + 1), scalars.shape[1])
        every = np.arange(len(ids))
        engine = cls(server, ids, scalars, every, nodes=0)
        engine._write(items, every)
        return engine

    @classmethod
    def update(
        cls,
        folder: Path,
        before: Path,
        items: IndexedItems,
        ids: Places,
        scalars: Scalars,
        places: Places,
    ) -> Self:
        """Bring the collection of an earlier generation up to date; see ``build``.

        Items that are gone stay, since the earlier generation is still in use; ``delete_items``
        takes them out when it is not. Until then it finds what was changed, too, and ranks it by
        its own embeddings.

        Args:
            folder: Of the generation.
            before: That of the earlier one.
            items: The indexed items.
            ids: (N,) their ids, ascending.
            scalars: (N, S) their scalar fields.
            places: (M,) where the items of the earlier generation are, -1 for those that are gone
                or were embedded again.
        """
        collection = Collection.of(before)
        server = Server.at(collection, folder.parent)
        collection.note(folder)
        np.save(folder / SCALARS, scalars)
        is_left = places >= 0
        is_same = np.zeros(len(ids), dtype=bool)
        written = np.load(before / SCALARS)[is_left]
        is_same[places[is_left]] = (written == scalars[places[is_left]]).all(axis=1)
        engine = cls(server, ids, scalars, np.arange(len(ids)), nodes=0)
        engine._write(items, np.flatnonzero(~is_same))
        return engine

    @staticmethod
    def can_update(folder: Path, uri: str, num_scalars: int) -> bool:
        """Tell whether the collection of a generation can be brought up to date.

        It must be at this address, made by this workspace, and have that many scalar fields.
        """
        try:
            collection = Collection.of(folder)
            if collection.uri != uri or not collection.is_owned_by(folder.parent):
                return False
            is_there = Server.at(collection, folder.parent).dimension() is not None
            return is_there and np.load(folder / SCALARS).shape[1] == num_scalars
        except (OSError, ValueError, TypeError):
            return False

    def _write(self, items: IndexedItems, places: Places) -> None:
        """Send some items to the server, in place of what it has with their ids."""
        for start in range(0, len(places), WRITTEN_AT_ONCE):
            some = places[start : start + WRITTEN_AT_ONCE]
            vectors = item_vectors(items.blocks_at(some))
            self._server.write(self._ids[some], vectors, self._scalars[some])
        self._server.flush()

    def candidates(
        self, blocks: Floats, weights: Floats, k: int, allowed: BoolArray | None = None
    ) -> Places | None:
        """Return neighbors that are allowed; None if it is better to rank the allowed ones."""
        total = len(self._scalars)
        num = total if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(CANDIDATES_PER_RESULT * k, num)
        if (allowed is not None and num <= FEW_ALLOWED) or wanted > MOST_CANDIDATES:
            return None
        vector = query_vector(blocks, weights)
        if allowed is None:
            return self._near([vector], wanted)[0]
        if (limit := -(-wanted * total // num)) <= MOST_CANDIDATES:
            near = self._near([vector], limit)[0]
            near = near[allowed[near]]
            if len(near) > k:  # all that are nearer than the last of these
                return near
        condition, passed, stragglers = self._condition(allowed)
        if condition:
            num_passed = int(np.count_nonzero(passed))
            limit = -(-wanted * num_passed // max(1, int(np.count_nonzero(allowed & passed))))
            limit = min(limit, num_passed, MOST_CANDIDATES)
            found = self._near([vector], limit, condition)[0]
            near = found[allowed[found]]
            if len(near) > k and 2 * len(found) > limit:
                return np.union1d(near, stragglers)
        if num > MOST_IDS:
            return None
        ids = ",".join(map(str, self._ids_of_places[allowed].tolist()))
        found = self._near([vector], wanted, f"id in [{ids}]")[0]
        return found if 2 * len(found) > wanted else None

    def neighbors(self, blocks: Floats, count: int) -> list[Places]:
        """Return about ``count`` places near each of some items with blocks (n, A, E)."""
        equal = np.ones(blocks.shape[1], dtype=np.float32)
        return self._near([query_vector(item, equal) for item in blocks], count)

    def _near(self, vectors: Sequence[Floats], limit: int, condition: str = "") -> list[Places]:
        """Return the places of the server's answers, without items that the index lacks."""
        found = []
        for ids in self._server.search(vectors, limit, self.nodes, condition):
            numbers = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            places = self._places[numbers[self._ids[numbers] == ids]]
            found.append(places[places >= 0])
        return found

    @cached_property
    def _ids_of_places(self) -> Places:
        """The id of each place (N,)."""
        is_left = self._places >= 0
        ids = np.empty(len(self._scalars), dtype=np.int64)
        ids[self._places[is_left]] = self._ids[is_left]
        return ids

    def _condition(self, allowed: BoolArray) -> tuple[str, BoolArray, Places]:
        """Return what the allowed items agree on.

        Returns:
            A condition on scalar fields, which items (N,) meet it, and the allowed places that do
            not. The condition is empty if there is nothing to agree on.
        """
        conditions, passed = [], np.ones(len(allowed), dtype=bool)
        num_left = MOST_STRAGGLERS
        for column, (lowest, totals) in enumerate(self._value_counts):
            values = self._scalars[:, column].astype(np.int64) - lowest
            counts = np.bincount(values[allowed], minlength=len(totals))
            is_kept = counts > 0
            for value in np.argsort(counts):
                if 0 < counts[value] <= min(num_left, RARE * totals[value]):
                    is_kept[value] = False
                    num_left -= int(counts[value])
            if is_kept.any() and totals[is_kept].sum() < len(allowed):
                listed = ",".join(map(str, (np.flatnonzero(is_kept) + lowest).tolist()))
                conditions.append(f"{scalar_field(column)} in [{listed}]")
                passed &= is_kept[values]
        return " and ".join(conditions), passed, np.flatnonzero(allowed & ~passed)

    @cached_property
    def _value_counts(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The lowest value of each scalar field, and how many items have it and the next ones."""
        lowest = self._scalars.min(axis=0, initial=0).astype(np.int64)
        return [
            (int(low), np.bincount(column.astype(np.int64) - low))
            for low, column in zip(lowest, self._scalars.T, strict=True)
        ]
