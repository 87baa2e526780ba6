"""The search for substitutes that both front ends ask: no torch, no screen, no SQL.

A query is an item's blocks, one 128-d embedding per super-category. A change replaces one block by
the prototype of the wanted value; the gallery is ranked by L2 (section 3.3). Blocks may weigh more
or less: d² = Σ_t w_t ‖q_t - g_t‖².
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import Catalog
from datrnet.core.data.splits import split_rows
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.wanted import Prototype, PrototypeSource

EXACT_BELOW = 4096
"""Galleries up to this size are ranked exactly: faster than asking the index."""

CANDIDATES_PER_ANSWER = 10
"""Candidates asked of Annoy for every substitute wanted."""

CHUNK = 8192
"""Items whose exact distance is computed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What one searches with: an item of the catalogue or a picture."""

    blocks: NDArray[np.float32]
    """(A, E), in the order of the generation's super-categories."""
    labels: Mapping[str, str | None]
    row: int | None = None
    """The item's row in the catalogue, which is not among its own substitutes."""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Changes, conditions and weights of one search."""

    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted value by super-category."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of which a substitute must carry one, by super-category (by label, not distance)."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factor by super-category: 2 counts twice, 0 not at all."""
    k: int = 30
    split: str | None = None
    """Restrict the gallery to one split."""
    within: str | None = None
    """A super-category: what stands for a wanted value is then its mean among the items that share
    the query's value of this one, or the value of it that is wanted. None: among all items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute:
    """One result."""

    rank: int
    """From 1."""
    row: int
    """Row in the catalogue."""
    code: str
    title: str
    distance: float
    parts: Mapping[str, float]
    """Weighted squared distance by super-category; they sum to ``distance`` squared."""
    labels: Mapping[str, str | None]
    agreement: Mapping[str, bool | None]
    """By super-category: whether the label is the wanted one; None where either is unknown."""


class Searcher:
    """A catalogue and an index generation, joined."""

    def __init__(self, catalog: Catalog, generation: Generation) -> None:
        """Join the two.

        Raises:
            IndexStaleError: The catalogue lacks a super-category or items that the index has.
        """
        self.catalog = catalog
        self.generation = generation
        self.names = tuple(one.name for one in generation.super_categories)
        known = {one.name for one in catalog.super_categories}
        missing = [name for name in self.names if name not in known]
        if missing:
            raise IndexStaleError(
                f"The index has a super-category {missing[0]!r} that the catalogue lacks.",
                mend="Run `datrnet train` and `datrnet index`.",
            )
        place = np.searchsorted(catalog.item_ids, generation.item_ids)
        place = np.minimum(place, max(catalog.num_items - 1, 0))
        if not np.array_equal(catalog.item_ids[place], generation.item_ids):
            raise IndexStaleError(
                "The index has items that the catalogue lacks.", mend="Run `datrnet index`."
            )
        self._row_of_index: NDArray[np.int64] = place
        self._index_of_row = np.full(catalog.num_items, -1, dtype=np.int64)
        self._index_of_row[place] = np.arange(len(place))
        self._prototypes = PrototypeSource(catalog, generation, place)

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        return np.array(self.generation.manifest.weights, dtype=np.float32)

    @property
    def num_unindexed(self) -> int:
        """How many items of the catalogue the index does not know yet."""
        return self.catalog.num_items - len(self._row_of_index)

    def query_of_item(self, row: int) -> Query:
        """Return the query of an item of the catalogue.

        Raises:
            IndexStaleError: The item came after the index.
        """
        place = self._index_of_row[row]
        if place < 0:
            raise IndexStaleError(
                f"Item {self.catalog.codes[row]} is not in the index yet.",
                mend="Run `datrnet index`.",
            )
        return Query(
            blocks=np.array(self.generation.embeddings[place]),
            labels=self.catalog.labels_of(row),
            row=row,
            title=self.catalog.titles[row],
        )

    def substitutes(self, query: Query, request: Request) -> list[Substitute]:
        """Return the nearest items to a changed query, nearest first.

        Raises:
            UnknownNameError: The request names a super-category or value that does not exist.
            IndexStaleError: A wanted value was not there when the index was built.
        """
        blocks = self._changed_blocks(query, request)
        weights = self.weights_of(request)
        places = self._candidates(blocks, weights, query, request)
        parts = self._parts(places, blocks, weights)
        distances = parts.sum(axis=1)
        order = np.lexsort((places, distances))[: request.k]
        wanted = self._wanted(query, request)
        return [
            self._substitute(rank, int(places[near]), parts[near], wanted)
            for rank, near in enumerate(order, start=1)
        ]

    def weights_of(self, request: Request) -> NDArray[np.float32]:
        """Return the weights (A,) in force: the index's, times a change's and the request's factor.

        Raises:
            UnknownNameError: The request names a super-category that does not exist.
            IndexStaleError: The index was built without it.
        """
        weights = self._weights.copy()
        for name in request.changes:
            weights[self._block(name)] *= self.generation.manifest.changed_weight
        for name, factor in request.weights.items():
            weights[self._block(name)] *= factor
        return weights

    def prototypes(self, query: Query, request: Request) -> dict[str, Prototype]:
        """Return what stands for each wanted value, by super-category as the index spells it.

        Raises:
            UnknownNameError: The request names a super-category or value that does not exist.
            IndexStaleError: A wanted value was not there when the index was built.
        """
        generic = [self.prototype(name, value) for name, value in request.changes.items()]
        if request.within is None:
            return {one.super_category: one for one in generic}
        categories = self.catalog.super_categories
        within = categories[self.catalog.super_category_idx(request.within)].name
        wanted = {one.super_category: one.value for one in generic}
        shared = wanted.get(within) or query.labels.get(within)
        return {
            one.super_category: self._prototypes.specific(one, within, shared) for one in generic
        }

    def prototype(self, super_category: str, value: str) -> Prototype:
        """Return the generic prototype of a value.

        Raises:
            UnknownNameError: There is no such super-category or value.
            IndexStaleError: It was not there when the index was built.
        """
        return self._prototypes.generic(self._block(super_category), value)

    def _block(self, name: str) -> int:
        folded = [one.casefold() for one in self.names]
        if name.casefold() not in folded:
            # the catalogue knows better which names there are
            idx = self.catalog.super_category_idx(name)
            raise IndexStaleError(
                f"The index knows nothing of {self.catalog.super_categories[idx].name}: its run "
                "was trained without it.",
                mend="Run `datrnet train` and `datrnet index`.",
            )
        return folded.index(name.casefold())

    def _changed_blocks(self, query: Query, request: Request) -> NDArray[np.float32]:
        blocks = query.blocks.copy()
        for name, prototype in self.prototypes(query, request).items():
            blocks[self._block(name)] = prototype.embedding
        return blocks

    def _wanted(self, query: Query, request: Request) -> dict[str, str | None]:
        changes = {name.casefold(): value.casefold() for name, value in request.changes.items()}
        return {
            name: changes.get(name.casefold()) or _folded(query.labels.get(name))
            for name in self.names
        }

    def _allowed(self, query: Query, request: Request) -> NDArray[np.bool_]:
        """Return which places of the index (n,) may be answers: never the query itself."""
        allowed = np.ones(self.catalog.num_items, dtype=bool)
        if query.row is not None:
            allowed[query.row] = False
        if request.split is not None:
            there = np.zeros_like(allowed)
            there[split_rows(self.catalog, request.split)] = True
            allowed &= there
        for name, values in request.where.items():
            idx = self.catalog.super_category_idx(name)
            wanted = [self.catalog.value_idx(idx, value) for value in values]
            allowed &= np.isin(self.catalog.labels[:, idx], wanted)
        return allowed[self._row_of_index]

    def _candidates(
        self,
        blocks: NDArray[np.float32],
        weights: NDArray[np.float32],
        query: Query,
        request: Request,
    ) -> NDArray[np.int64]:
        """Return the places of the index to rank exactly.

        All that may be answers, unless the whole of a large gallery may: then what Annoy finds.
        A condition can contradict the query, so that no neighbor of the query meets it; and
        ``candidate_vector`` holds for blocks of length 1 only.
        """
        allowed = self._allowed(query, request)
        is_conditioned = bool(request.where) or request.split is not None
        small = len(allowed) <= EXACT_BELOW
        if small or is_conditioned or not self.generation.manifest.unit_blocks:
            return np.flatnonzero(allowed)
        near = self.generation.candidate_index.candidates(
            candidate_vector(blocks, weights),
            CANDIDATES_PER_ANSWER * request.k,
            max(self.generation.manifest.nodes, CANDIDATES_PER_ANSWER * request.k),
        )
        return near[allowed[near]]

    def _parts(
        self, places: NDArray[np.int64], blocks: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the weighted squared distances (n, A) of places to a query's blocks (A, E)."""
        parts = np.empty((len(places), len(blocks)), dtype=np.float32)
        for start in range(0, len(places), CHUNK):
            part = slice(start, start + CHUNK)
            differences = self.generation.embeddings[places[part]] - blocks  # (n, A, E)
            parts[part] = np.einsum("nae,nae->na", differences, differences)
        return parts * weights

    def _substitute(
        self,
        rank: int,
        place: int,
        parts: NDArray[np.float32],
        wanted: Mapping[str, str | None],
    ) -> Substitute:
        row = int(self._row_of_index[place])
        labels = self.catalog.labels_of(row)
        return Substitute(
            rank=rank,
            row=row,
            code=self.catalog.codes[row],
            title=self.catalog.titles[row],
            distance=float(np.sqrt(parts.sum())),
            parts={name: float(part) for name, part in zip(self.names, parts, strict=True)},
            labels=labels,
            agreement={
                name: None
                if wanted[name] is None or labels[name] is None
                else _folded(labels[name]) == wanted[name]
                for name in self.names
            },
        )


def candidate_vector(
    blocks: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the vector (A·E,) whose Euclidean neighbors are a query's weighted neighbors.

    With blocks of length 1, Σ_t w_t ‖q_t - g_t‖² = const - 2 Σ_t w_t q_t·g_t, and every gallery
    vector has the same length, so the neighbors of (w_t q_t) are the weighted neighbors of q: one
    index serves all weights. It is made as long as a gallery vector, where the index's splits are.

    Args:
        blocks: (A, E), each of length 1.
        weights: (A,).
    """
    vector = (weights[:, None] * blocks).ravel()
    length = np.linalg.norm(vector)
    scaled: NDArray[np.float32] = vector * (np.sqrt(len(blocks)) / length if length > 0 else 1)
    return scaled.astype(np.float32)


def _folded(value: str | None) -> str | None:
    return None if value is None else value.casefold()
