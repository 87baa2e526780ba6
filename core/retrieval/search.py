"""Search for substitutes, shared by the command line and the explorer. No torch, UI or SQL.

A query is the blocks of an item: in DAtRNet one 128-d embedding per super-category. A block may be
taken from another item, which requires disentangled embeddings. The generation's manipulation
applies the changes; in DAtRNet a change replaces one block by the prototype of the wanted value.
The gallery is ranked by weighted L2 (section 3.3): d² = Σ_a w_a ‖q_a - g_a‖².

``Searcher.plan`` resolves a request once; results, prototypes, weights and counts are read from
the plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog, facets_of, split_rows
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.engines.engine import Places
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import RESTORE, unreadable_because
from datrnet.core.retrieval.manipulation import BoolArray, Floats
from datrnet.core.retrieval.prototypes import (
    Prediction,
    Prototype,
    PrototypeSource,
    aligned,
    predict_values,
)
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.core.text import fold

EXACT_BELOW = 4096
"""Largest gallery that is ranked exactly, which is then as fast as any engine."""

T = TypeVar("T")
ByBlock = Mapping[int, object]


class Searcher:
    """Plans searches over a catalog and an index generation."""

    def __init__(self, catalog: Catalog, generation: Generation) -> None:
        """Align the index with the catalog; what the catalog lacks is left out.

        Raises:
            IndexStaleError: The catalog lacks super-categories that the index cannot do without.
        """
        generation = aligned(generation, catalog)
        self.catalog = catalog
        self.generation = generation
        self.names = tuple(category.name for category in generation.super_categories)
        self.block_names = generation.block_names
        """Names of the parts of a distance."""
        self.is_entangled = self.block_names != self.names
        """Whether all super-categories share a block, so that none has its own part or weight."""
        rows = np.searchsorted(catalog.item_ids, generation.item_ids)
        self.indexed_rows: NDArray[np.int64] = rows
        """(n,) catalog row of each indexed item, in the order of the index."""
        self._place_of_row = np.full(catalog.num_items, -1, dtype=np.int64)
        self._place_of_row[rows] = np.arange(len(rows))
        self._weights = np.array(generation.manifest.weights, dtype=np.float32)
        self._blocks = {fold(name): block for block, name in enumerate(self.names)}
        self._value_numbers = tuple(
            {fold(value): number for number, value in enumerate(category.values)}
            for category in generation.super_categories
        )
        self._prototypes = PrototypeSource(catalog, generation, rows)

    def name_in_run(self, name: str) -> str:
        """Return what the run calls a super-category that may have been renamed since."""
        return self.generation.manifest.super_categories[self.names.index(name)].name

    def is_indexed(self, row: int) -> bool:
        """Tell whether an item of the catalog is in the index."""
        return bool(self._place_of_row[row] >= 0)

    def query_of_item(self, row: int) -> Query:
        """Return the query of an item of the catalog.

        Raises:
            IndexStaleError: The item is not in the index.
        """
        place = self._place_of_row[row]
        if place < 0:
            raise self._not_indexed(row)
        return Query(
            blocks=np.array(self.generation.embeddings[place]),
            labels=self.catalog.labels_of(row),
            values=self.catalog.values_of(row),
            row=row,
            title=self.catalog.titles[row],
        )

    def _not_indexed(self, row: int) -> IndexStaleError:
        """Return why an item is not in the index."""
        item_id, code = int(self.catalog.item_ids[row]), self.catalog.codes[row]
        workspace = Workspace(self.generation.folder.parents[1])
        if any(item.item_id == item_id for item in self.generation.manifest.unreadable):
            reason = unreadable_because(workspace, self.catalog, row)
            if reason:
                return IndexStaleError(f"Item {code} is not in the index: {reason}", hint=RESTORE)
        return IndexStaleError(f"Item {code} is not in the index yet.", hint="Run `datrnet index`.")

    def block_index(self, name: str) -> int:
        """Return the index of a super-category in the generation, by what it is or was called.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: The index does not cover it.
        """
        block = self._blocks.get(fold(name))
        if block is None:
            idx = self.catalog.super_category_idx(name)  # raises with suggestions if unknown
            name = self.catalog.super_categories[idx].name
            block = self._blocks.get(name.casefold())
        if block is None:
            raise IndexStaleError(
                f"The index does not cover {name}: its run was trained without it.",
                hint="Run `datrnet train` and `datrnet index`.",
            )
        return block

    def prototype(self, super_category: str, value: str) -> Prototype:
        """Return the generic prototype of a value.

        Raises:
            UnknownNameError: There is no such super-category or value.
            IndexStaleError: The index does not cover it.
        """
        return self._prototypes.generic(self.block_index(super_category), value)

    def predict(self, query: Query) -> Mapping[str, Prediction]:
        """Return the predicted values of a query, by super-category, where there are any."""
        return predict_values(self.generation, query.blocks)

    def substitutes(self, query: Query, request: Request) -> list[Substitute]:
        """Return the closest items to a changed query, closest first; see ``plan``."""
        return self.plan(query, request).substitutes()

    def plan(self, query: Query, request: Request) -> "SearchPlan":
        """Resolve a request: names, changes, weights and filters.

        Raises:
            UnknownNameError: The request names a super-category, value or fact that does not exist.
            IndexStaleError: The index does not cover a wanted value.
            ConfigError: The request asks for a super-category in two ways, needs a block that an
                entangled index does not have, or leaves no weight above 0.
        """
        changes, taken = self._by_block(request.changes), self._by_block(request.taken)
        any_of, factors = self._by_block(request.any_of), self._by_block(request.weights)
        self._check_disjoint(changes, taken, any_of)
        self._check_blocks(taken, factors)
        query = self._take_blocks(query, taken)
        prototypes = self._resolve_prototypes(query, changes, request.within)
        blocks, learned = self._apply_changes(query, prototypes)
        wanted = {name: query.values_of(name) for name in self.names}
        filters: list[tuple[int, list[int]]] = []
        for given in (request.where, request.any_of):
            for name, values in given.items():
                idx = self.catalog.super_category_idx(name)
                numbers = [self.catalog.value_idx(idx, value) for value in values]
                category = self.catalog.super_categories[idx]
                wanted[category.name] = tuple(category.values[number] for number in numbers)
                is_split = request.match == "all" and given is request.where
                filters += [(idx, [n]) for n in numbers] if is_split else [(idx, numbers)]
        for prototype in prototypes.values():
            wanted[prototype.super_category] = (prototype.value,)
        return SearchPlan(
            searcher=self,
            query=query,
            request=request,
            prototypes={proto.super_category: proto for proto in prototypes.values()},
            taken=self._by_name(taken),
            any_of=self._by_name(any_of),
            blocks=blocks,
            weights=self._effective_weights(learned, (*changes, *taken), factors, any_of),
            wanted={name: frozenset(map(fold, wanted[name])) for name in self.names},
            filters=tuple(filters),
        )

    def _by_block(self, values: Mapping[str, T]) -> dict[int, T]:
        by_block: dict[int, T] = {}
        for name, value in values.items():
            block = self.block_index(name)
            if block in by_block:
                raise ConfigError(
                    f"The request names {self.names[block]} twice.", hint="Keep one of the two."
                )
            by_block[block] = value
        return by_block

    def _by_name(self, values: Mapping[int, T]) -> dict[str, T]:
        return {self.names[block]: values[block] for block in sorted(values)}

    def _check_disjoint(self, changes: ByBlock, taken: ByBlock, any_of: ByBlock) -> None:
        ways = dict.fromkeys(changes, "changed to a value")
        for way, blocks in (("taken from another item", taken), ("open to several values", any_of)):
            if twice := [block for block in blocks if block in ways]:
                raise ConfigError(
                    f"{self.names[twice[0]]} is {ways[twice[0]]} and {way}.",
                    hint="Keep one of the two.",
                )
            ways |= dict.fromkeys(blocks, way)

    def _check_blocks(self, taken: ByBlock, factors: ByBlock) -> None:
        """Refuse what needs a block per super-category if the index has a single one."""
        if not self.is_entangled or not (taken or factors):
            return
        if taken:
            refused = f"{self.names[next(iter(taken))]} cannot be taken from another item"
            hint = "Set a value instead, or index a run of another system."
        else:
            refused = f"{self.names[next(iter(factors))]} cannot have its own weight"
            hint = "Omit its weight."
        raise ConfigError(
            f"{refused}: the system of this index compares all super-categories as a whole.",
            hint=hint,
        )

    def _take_blocks(self, query: Query, taken: Mapping[int, Query]) -> Query:
        """Return the query with blocks and labels taken from other items."""
        if not taken:
            return query
        blocks, labels, all_values = query.blocks.copy(), dict(query.labels), dict(query.values)
        for block, other in taken.items():
            name = self.names[block]
            blocks[block] = other.blocks[block]
            labels[name], all_values[name] = other.labels.get(name), other.values_of(name)
        return replace(query, blocks=blocks, labels=labels, values=all_values)

    def _resolve_prototypes(
        self, query: Query, changes: Mapping[int, str], within: str | None
    ) -> dict[int, Prototype]:
        """Return the prototype of each wanted value, by block."""
        generic = {
            block: self._prototypes.generic(block, value) for block, value in changes.items()
        }
        if within is None:
            return generic
        within = self.catalog.super_categories[self.catalog.super_category_idx(within)].name
        changed = {prototype.super_category: prototype.value for prototype in generic.values()}
        shared = changed.get(within) or query.labels.get(within)
        return {
            block: self._prototypes.specific(block, prototype, within, shared)
            for block, prototype in generic.items()
        }

    def _apply_changes(
        self, query: Query, prototypes: Mapping[int, Prototype]
    ) -> tuple[Floats, Floats]:
        """Return the changed blocks (A, E) and the manipulation's factors (A,)."""
        labels = np.array(
            [
                numbers.get(fold(query.labels.get(name) or ""), UNLABELED)
                for name, numbers in zip(self.names, self._value_numbers, strict=True)
            ],
            dtype=np.int16,
        )
        targets, changed = labels.copy(), np.zeros(labels.shape, dtype=bool)
        for block, prototype in prototypes.items():
            targets[block] = self._value_numbers[block][fold(prototype.value)]
            changed[block] = True
        blocks, factors = self.generation.manipulation.apply(
            query.blocks[None], labels[None], targets[None], changed[None]
        )
        for block, prototype in prototypes.items():
            if prototype.among is not None:  # specific, so the manipulation is a replacement
                blocks[0, block] = prototype.embedding
        return blocks[0], factors[0]

    def _effective_weights(
        self,
        learned: Floats,
        changed: tuple[int, ...],
        factors: Mapping[int, float],
        any_of: ByBlock,
    ) -> Floats:
        """Return the weights (A,): learned, chosen at indexing, of changes, and requested."""
        weights: Floats = learned * self._weights
        if not self.is_entangled:
            for block in changed:
                weights[block] *= self.generation.manifest.changed_weight
            for block, factor in factors.items():
                weights[block] *= factor
            weights[list(any_of)] = 0
        if not weights.any():
            raise ConfigError(
                "Every super-category has weight 0, so all items are equally close.",
                hint="Give at least one super-category a weight above 0.",
            )
        return weights


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchPlan:
    """A request resolved against an index: everything shown about a search comes from here."""

    searcher: Searcher
    query: Query
    """With the blocks and labels taken from other items."""
    request: Request
    prototypes: Mapping[str, Prototype]
    """Prototype of each wanted value, by super-category."""
    taken: Mapping[str, Query]
    """What super-categories are taken from."""
    any_of: Mapping[str, tuple[str, ...]]
    """Equivalent values, by super-category."""
    blocks: Floats
    """(A, E) after the changes."""
    weights: Floats
    """(A,) weights in force."""
    wanted: Mapping[str, frozenset[str]]
    """Wanted values as ``fold`` returns them, by super-category; empty where unknown."""
    filters: tuple[tuple[int, list[int]], ...]
    """Catalog index of a super-category, and of the values of which a result must carry one."""

    @property
    def changes(self) -> dict[str, str]:
        """Wanted values, by super-category, in the order and spelling of the index."""
        names = self.searcher.names
        return {name: self.prototypes[name].value for name in names if name in self.prototypes}

    def needs_all(self, name: str) -> bool:
        """Tell whether an item must carry all wanted values of a super-category to match."""
        return self.request.match == "all" and name not in self.any_of

    def substitutes(self) -> list[Substitute]:
        """Return the k closest items, closest first."""
        generation, allowed = self.searcher.generation, self.allowed
        is_small = len(generation.item_ids) <= EXACT_BELOW
        candidates = generation.exact.candidates if is_small else generation.candidates
        return self.ranked(candidates(self.blocks, self.weights, self.request.k, allowed))

    def ranked(self, places: Places) -> list[Substitute]:
        """Return the k closest of some indexed items, closest first and ties in their order."""
        items = self.searcher.generation.items
        near, parts = items.nearest(self.blocks, self.weights, self.request.k, places)
        return [
            self._substitute(rank, place, of_blocks)
            for rank, (place, of_blocks) in enumerate(zip(near.tolist(), parts, strict=True), 1)
        ]

    def exact_match_counts(self) -> dict[str, dict[str, int]]:
        """Count the items whose labels match the request, by super-category and value.

        An item counts for a value it carries if it carries a wanted value in every other
        super-category where one is known. The query itself and hidden items are not counted.
        """
        catalog, row = self.searcher.catalog, self.query.row
        chosen = {
            idx: frozenset(
                number
                for number, value in enumerate(category.values)
                if fold(value) in self.wanted[category.name]
            )
            for idx, category in enumerate(catalog.super_categories)
            if self.wanted.get(category.name)
        }
        rows = catalog.shown_rows
        rows = rows if row is None else rows[rows != row]
        num_values = [len(category.values) for category in catalog.super_categories]
        facets = facets_of(
            catalog.labels,
            rows,
            num_values,
            chosen,
            catalog.more_labels,
            {idx for idx in chosen if self.needs_all(catalog.super_categories[idx].name)},
        )
        return {
            category.name: dict(zip(category.values, counts.tolist(), strict=False))  # none is last
            for category, counts in zip(catalog.super_categories, facets.counts, strict=True)
        }

    @cached_property
    def allowed(self) -> BoolArray:
        """Which indexed items (n,) pass the filters; never the query itself or hidden ones."""
        catalog, row = self.searcher.catalog, self.query.row
        allowed = ~catalog.is_hidden
        if row is not None:
            allowed[row] = False
        if self.request.split is not None:
            in_split = split_rows(catalog, self.request.split)
            allowed &= np.isin(np.arange(catalog.num_items), in_split)
        for idx, numbers in self.filters:
            allowed &= catalog.carries_any(idx, numbers)
        if self.request.others:
            allowed &= Conditions(others=self.request.others).matching(catalog)
        return allowed[self.searcher.indexed_rows]

    def _substitute(self, rank: int, place: int, parts: NDArray[np.float64]) -> Substitute:
        searcher = self.searcher
        row = int(searcher.indexed_rows[place])
        values = searcher.catalog.values_of(row)
        return Substitute(
            rank=rank,
            row=row,
            code=searcher.catalog.codes[row],
            title=searcher.catalog.titles[row],
            distance=float(np.sqrt(parts.sum())),
            parts=dict(zip(searcher.block_names, parts.tolist(), strict=True)),
            values=values,
            agreement={name: self._agrees(name, values[name]) for name in self.wanted},
        )

    def _agrees(self, name: str, values: tuple[str, ...]) -> bool | None:
        """Return whether an item's values match the wanted ones; None if either is unknown."""
        wanted, carried = self.wanted[name], set(map(fold, values))
        if not (wanted and carried):
            return None
        return wanted <= carried if self.needs_all(name) else not wanted.isdisjoint(carried)
