"""The search for substitutes that both front ends ask: no torch, no screen, no SQL.

A query is an item's blocks: one 128-d embedding per super-category in DAtRNet. A block may be taken
from another item, which only disentangled embeddings allow. The generation's manipulation makes of
them the blocks of what is wanted; in DAtRNet a change replaces one block by the prototype of the
wanted value. The gallery is ranked by L2 (section 3.3). Blocks may weigh more or less:
d² = Σ_a w_a ‖q_a - g_a‖².
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import UNLABELED, Catalog
from datrnet.core.data.splits import split_rows
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.facets import facets_of
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import replaces_by_means
from datrnet.core.retrieval.nearest import Nearest, nearest_values
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
    """(A, E), as the system embeds it, in the order of the generation's blocks."""
    labels: Mapping[str, str | None]
    row: int | None = None
    """The item's row in the catalogue, which is not among its own substitutes."""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Changes, conditions and weights of one search."""

    changes: Mapping[str, str] = field(default_factory=dict)
    """Wanted value by super-category."""
    taken: Mapping[str, Query] = field(default_factory=dict)
    """By super-category an item or picture that a substitute shall be like in it: this, in the
    colour of that one."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of which a substitute must carry one, by super-category (by label, not distance)."""
    any_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of which each is as good as the other: a substitute must carry one of them, and the
    super-category adds nothing to the distance, where it has a block of its own."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factor by super-category: 2 counts twice, 0 not at all."""
    k: int = 30
    split: str | None = None
    """Restrict the gallery to one split."""
    within: str | None = None
    """A super-category: what stands for a wanted value is then its mean among the items that share
    the query's value of this one, or the value of it that is wanted. None: among all items."""

    @property
    def conditions(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The labels of which a substitute must carry one, by super-category."""
        return (*self.where.items(), *self.any_of.items())


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
    """Weighted squared distance by super-category; they sum to ``distance`` squared. Where all
    share an entangled block, nobody knows their shares: one part, named ``all``."""
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

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], ...]:
        """The number of each value, in lower case, of each super-category of the index."""
        return tuple(
            {value.casefold(): number for number, value in enumerate(one.values)}
            for one in self.generation.super_categories
        )

    @property
    def block_names(self) -> tuple[str, ...]:
        """What the parts of a distance are called: the super-categories, or one for all."""
        return self.generation.block_names

    @property
    def is_entangled(self) -> bool:
        """Whether all super-categories share a block, so that none has a part or weight alone."""
        return self.block_names != self.names

    @property
    def indexed_rows(self) -> NDArray[np.int64]:
        """The catalogue's row (n,) of each item of the index, in the index's order."""
        return self._row_of_index

    @property
    def num_unindexed(self) -> int:
        """How many items of the catalogue the index does not know yet."""
        return self.catalog.num_items - len(self._row_of_index)

    def is_indexed(self, row: int) -> bool:
        """Tell whether the index knows an item of the catalogue."""
        return bool(self._index_of_row[row] >= 0)

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
            ConfigError: The request weighs or takes a super-category that has no block of its own,
                or changes one that it takes.
        """
        query = self.combined(query, request)
        blocks, factors = self._manipulated(query, request)
        weights = self._weighed(factors, request)
        places = self._candidates(blocks, weights, query, request)
        parts = self._parts(places, blocks, weights)
        distances = parts.sum(axis=1)
        order = np.lexsort((places, distances))[: request.k]
        wanted = self._wanted(query, request)
        return [
            self._substitute(rank, int(places[near]), parts[near], wanted)
            for rank, near in enumerate(order, start=1)
        ]

    def combined(self, query: Query, request: Request) -> Query:
        """Return a query with the blocks, and the labels, that a request takes from others.

        Raises:
            UnknownNameError: The request names a super-category that does not exist.
            IndexStaleError: The index was built without it.
            ConfigError: It has no block of its own, or the request asks for it in two ways.
        """
        self._check_once(request)
        if not request.taken:
            return query
        blocks, labels = query.blocks.copy(), dict(query.labels)
        for name, other in request.taken.items():
            idx = self.place_of(name)
            if self.is_entangled:
                raise ConfigError(
                    f"{self.names[idx]} cannot be taken from another item: the system of this "
                    "index compares all super-categories as one.",
                    mend="Ask for a value of it, or index a run of another system.",
                )
            blocks[idx] = other.blocks[idx]
            labels[self.names[idx]] = other.labels.get(self.names[idx])
        return replace(query, blocks=blocks, labels=labels)

    def _check_once(self, request: Request) -> None:
        """Raise ConfigError where a request asks for a super-category in two ways."""
        ways = {
            "changed to a value": request.changes,
            "taken from another item": request.taken,
            "open to several values": request.any_of,
        }
        asked: dict[int, str] = {}
        for way, names in ways.items():
            for idx in map(self.place_of, names):
                if idx in asked:
                    raise ConfigError(
                        f"{self.names[idx]} is {asked[idx]} and {way}.", mend="Keep one of the two."
                    )
                asked[idx] = way

    def weights_of(self, query: Query, request: Request) -> NDArray[np.float32]:
        """Return the weights (A,) in force.

        The manipulation's factors, times the index's, a change's and the request's.

        Raises:
            UnknownNameError: The request names a super-category or value that does not exist.
            IndexStaleError: The index was built without it.
            ConfigError: The request weighs or takes a super-category that has no block of its own,
                or changes one that it takes.
        """
        combined = self.combined(query, request)
        _, factors = self._manipulated(combined, replace(request, within=None))
        return self._weighed(factors, request)

    def _weighed(self, factors: NDArray[np.float32], request: Request) -> NDArray[np.float32]:
        weights = factors * self._weights
        if not self.is_entangled:
            for name in (*request.changes, *request.taken):
                weights[self.place_of(name)] *= self.generation.manifest.changed_weight
        for name, factor in request.weights.items():
            idx = self.place_of(name)
            if self.is_entangled:
                raise ConfigError(
                    f"{self.names[idx]} cannot weigh more or less than others: the system of this "
                    "index compares all super-categories as one.",
                    mend="Leave its weight away.",
                )
            weights[idx] *= factor
        for name in request.any_of if not self.is_entangled else ():
            weights[self.place_of(name)] = 0
        return weights

    def prototypes(self, query: Query, request: Request) -> dict[str, Prototype]:
        """Return what stands for each wanted value, by super-category as the index spells it.

        Raises:
            UnknownNameError: The request names a super-category or value that does not exist.
            IndexStaleError: A wanted value was not there when the index was built.
            ConfigError: It takes a super-category that it changes, or that has no block of its own.
        """
        query = self.combined(query, request)
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
        return self._prototypes.generic(self.place_of(super_category), value)

    def place_of(self, name: str) -> int:
        """Return the place of a super-category in the index, by its name in any case.

        Raises:
            UnknownNameError: There is none of that name.
            IndexStaleError: The index was built without it.
        """
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

    def _manipulated(
        self, query: Query, request: Request
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the blocks (A, E) of what is wanted and the manipulation's factors (A,)."""
        manipulation = self.generation.manipulation
        labels = np.array([[self._number(name, query.labels.get(name)) for name in self.names]])
        targets, changed = labels.copy(), np.zeros(labels.shape, dtype=bool)
        for name, prototype in self.prototypes(query, request).items():
            idx, value = self.place_of(name), self._number(name, prototype.value)
            targets[0, idx], changed[0, idx] = value, True
            if prototype.among is not None and replaces_by_means(manipulation):
                manipulation = manipulation.with_prototype(idx, value, prototype.embedding)
        blocks, factors = manipulation.queries(
            query.blocks[None], labels.astype(np.int16), targets.astype(np.int16), changed
        )
        return blocks[0], factors[0]

    def _number(self, name: str, value: str | None) -> int:
        """Return how the index numbers a value; -1 without one, or of one that it does not know."""
        return self._numbers[self.place_of(name)].get(_folded(value) or "", UNLABELED)

    def _wanted(self, query: Query, request: Request) -> dict[str, frozenset[str]]:
        """Return the values, in lower case, that are as wanted; none where nobody knows."""
        conditions = {name.casefold(): values for name, values in request.conditions}
        changes = {name.casefold(): (value,) for name, value in request.changes.items()}
        asked = conditions | changes
        return {
            name: frozenset(
                value.casefold()
                for value in asked.get(name.casefold(), (query.labels.get(name),))
                if value is not None
            )
            for name in self.names
        }

    def matching(self, query: Query, request: Request) -> dict[str, dict[str, int]]:
        """Return how many items would be as wanted, by super-category and value of the catalogue.

        Those that carry the value and, in every other super-category, one that is wanted: an item
        is a whole answer by its labels alone. The query is none of them; its unlabelled
        super-categories, of which nobody knows what is wanted, are no condition.

        Raises:
            UnknownNameError: The request names a super-category that does not exist.
            ConfigError: It asks for one in two ways.
        """
        categories = self.catalog.super_categories
        wanted = self._wanted(self.combined(query, request), request)
        chosen = {
            idx: frozenset(
                number
                for number, value in enumerate(category.values)
                if value.casefold() in wanted[category.name]
            )
            for idx, category in enumerate(categories)
            if wanted.get(category.name)
        }
        rows = np.arange(self.catalog.num_items)
        rows = rows if query.row is None else rows[rows != query.row]
        num_values = [len(category.values) for category in categories]
        facets = facets_of(self.catalog.labels, rows, num_values, chosen)
        return {
            category.name: dict(zip(category.values, counts.tolist(), strict=False))  # none is last
            for category, counts in zip(categories, facets.counts, strict=True)
        }

    def nearest_values(self, query: Query) -> Mapping[str, Nearest]:
        """Return what the networks take a query for, by super-category, where they can tell."""
        return nearest_values(self.generation, query.blocks)

    def _allowed(self, query: Query, request: Request) -> NDArray[np.bool_]:
        """Return which places of the index (n,) may be answers: never the query itself."""
        allowed = np.ones(self.catalog.num_items, dtype=bool)
        if query.row is not None:
            allowed[query.row] = False
        if request.split is not None:
            there = np.zeros_like(allowed)
            there[split_rows(self.catalog, request.split)] = True
            allowed &= there
        for name, values in request.conditions:
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

        All that may be answers, unless the whole of a large gallery may and Annoy can be asked:
        then what it finds. A condition can contradict the query, so that no neighbor of the query
        meets it.
        """
        allowed = self._allowed(query, request)
        is_conditioned = bool(request.conditions) or request.split is not None
        manifest = self.generation.manifest
        vector = candidate_vector(blocks, weights, unit_blocks=manifest.unit_blocks)
        if len(allowed) <= EXACT_BELOW or is_conditioned or manifest.nodes == 0 or vector is None:
            return np.flatnonzero(allowed)
        count = CANDIDATES_PER_ANSWER * request.k
        near = self.generation.candidate_index.candidates(vector, count, max(manifest.nodes, count))
        return near[allowed[near]]

    def _parts(
        self, places: NDArray[np.int64], blocks: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the weighted squared distances (n, A) of places to a query's blocks (A, E)."""
        compared = self.generation.manipulation.compared
        parts = np.empty((len(places), len(blocks)), dtype=np.float32)
        for start in range(0, len(places), CHUNK):
            part = slice(start, start + CHUNK)
            differences = compared(self.generation.embeddings[places[part]]) - blocks  # (n, A, E)
            parts[part] = np.einsum("nae,nae->na", differences, differences)
        return parts * weights

    def _substitute(
        self,
        rank: int,
        place: int,
        parts: NDArray[np.float32],
        wanted: Mapping[str, frozenset[str]],
    ) -> Substitute:
        row = int(self._row_of_index[place])
        labels = self.catalog.labels_of(row)
        return Substitute(
            rank=rank,
            row=row,
            code=self.catalog.codes[row],
            title=self.catalog.titles[row],
            distance=float(np.sqrt(parts.sum())),
            parts={name: float(part) for name, part in zip(self.block_names, parts, strict=True)},
            labels=labels,
            agreement={
                name: None
                if not wanted[name] or labels[name] is None
                else _folded(labels[name]) in wanted[name]
                for name in self.names
            },
        )


def candidate_vector(
    blocks: NDArray[np.float32], weights: NDArray[np.float32], *, unit_blocks: bool
) -> NDArray[np.float32] | None:
    """Return the vector (A·E,) whose Euclidean neighbors are a query's weighted neighbors, if any.

    With gallery blocks of length 1, Σ_a w_a ‖q_a - g_a‖² = const - 2 Σ_a w_a q_a·g_a, and every
    gallery vector has the same length, so the neighbors of (w_a q_a) are the weighted neighbors of
    q: one index serves all weights. It is made as long as a gallery vector, where the index's
    splits are. With other blocks, whole vectors of length 1 too, the lengths ‖g_a‖ matter unless
    all weights are equal; then the neighbors are those of q itself.

    Args:
        blocks: (A, E) of the query.
        weights: (A,).
        unit_blocks: Whether all blocks of the gallery have length 1.

    Returns:
        None where no vector has these neighbors.
    """
    if not unit_blocks:
        return blocks.ravel() if weights[0] > 0 and (weights == weights[0]).all() else None
    vector = (weights[:, None] * blocks).ravel()
    length = np.linalg.norm(vector)
    scaled: NDArray[np.float32] = vector * (np.sqrt(len(blocks)) / length if length > 0 else 1)
    return scaled.astype(np.float32)


def _folded(value: str | None) -> str | None:
    return None if value is None else value.casefold()
