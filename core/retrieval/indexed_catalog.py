"""A catalog together with its index: what both call things, and the queries of items."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.engines.engine import CHUNK, Places, best
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import RESTORE, unreadable_because
from datrnet.core.retrieval.manipulation import BoolArray, Floats, unlabeled_of
from datrnet.core.retrieval.match import MatchQuery
from datrnet.core.retrieval.missing_labels import joint_posteriors, of_values
from datrnet.core.retrieval.prototypes import (
    Prediction,
    Prototype,
    PrototypeSource,
    aligned,
    predict_values,
)
from datrnet.core.retrieval.relevance import BlockSpread
from datrnet.core.retrieval.request import Query
from datrnet.core.text import fold

MATCHED_EXACTLY = 100_000
"""Largest index whose items all get match scores; in a larger one the nearest of the engine do."""


class IndexedCatalog:
    """A catalog aligned with an index generation: names, queries, prototypes."""

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
        self._blocks = {fold(name): block for block, name in enumerate(self.names)}
        self._value_numbers = tuple(
            {fold(value): number for number, value in enumerate(category.values)}
            for category in generation.super_categories
        )
        self._prototypes = PrototypeSource(catalog, generation, rows)

    def posteriors_of(self, blocks: Floats) -> tuple[Floats, ...]:
        """Return the probabilities (n, V) or (n, V + 1) as of ``joint_posteriors``, of each block.

        Args:
            blocks: (n, A, E) as embedded, of a system with match scores.
        """
        calibrations = self.generation.manifest.match.calibrations
        return tuple(
            joint_posteriors(
                blocks[:, idx],
                self.generation.prototypes_of(idx),
                unlabeled_of(self.generation.manipulation, idx),
                calibration,
            )
            for idx, calibration in enumerate(calibrations)
        )

    @cached_property
    def posteriors(self) -> tuple[Floats, ...]:
        """The probabilities of all indexed items; computed on first use."""
        embeddings = self.generation.embeddings
        starts = range(0, len(embeddings), CHUNK)
        parts = [self.posteriors_of(embeddings[start : start + CHUNK]) for start in starts]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    def value_posteriors(self, block: int) -> Floats:
        """Return the probabilities (n, V) of the values of all indexed items, if they have one."""
        return of_values(self.posteriors[block], len(self._value_numbers[block]))

    def match_query(
        self, blocks: Floats, changes: Mapping[int, str], weights: Floats
    ) -> MatchQuery:
        """Return what match scores compare items with.

        Args:
            blocks: (A, E) of the query, as embedded.
            changes: Wanted value by super-category.
            weights: (A,).
        """
        wanted = [of_block[0] for of_block in self.posteriors_of(blocks[None])]
        for block, value in changes.items():
            wanted[block][:] = 0
            wanted[block][self._value_numbers[block][fold(value)]] = 1
        return MatchQuery(wanted=tuple(wanted), weights=weights)

    def best_matches(self, match: MatchQuery, k: int, places: Places) -> tuple[Places, Floats]:
        """Return the best k of some items by match score, best first and ties by place.

        Args:
            match: What is wanted.
            k: Number of results.
            places: (n,) of the items.

        Returns:
            Places (k,), and the probabilities (k, T) that their values are the wanted ones.
        """
        if len(self.generation.item_ids) <= MATCHED_EXACTLY:
            matches = match.matches([items[places] for items in self.posteriors])
        else:
            starts = range(0, max(1, len(places)), CHUNK)
            parts = [self.generation.embeddings[places[at : at + CHUNK]] for at in starts]
            matches = np.concatenate([match.matches(self.posteriors_of(part)) for part in parts])
        scores = match.scores(matches)
        near = best(scores, k)
        near = near[np.lexsort((places[near], -scores[near]))[:k]]
        return places[near], matches[near]

    def name_in_run(self, name: str) -> str:
        """Return what the run calls a super-category that may have been renamed since."""
        return self.generation.manifest.super_categories[self.names.index(name)].name

    @cached_property
    def is_shown(self) -> BoolArray:
        """(n,) which indexed items are not hidden."""
        shown: BoolArray = ~self.catalog.is_hidden[self.indexed_rows]
        return shown

    def places_of(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """Return the places of those of the items that are indexed."""
        places = self._place_of_row[np.array(rows, dtype=np.int64)]
        return places[places >= 0]

    def values_of(self, row: int) -> dict[str, tuple[str, ...]]:
        """Return all values of an item of the catalog; see ``Catalog.values_of``."""
        if self.catalog.more_labels:
            return self.catalog.values_of(row)
        numbers = self.catalog.labels[row].tolist()
        return {
            name: single[number]
            for (name, single), number in zip(self._single_values, numbers, strict=True)
        }

    @cached_property
    def _single_values(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        """The values as tuples of one, and of none at the end, by super-category."""
        return [
            (category.name, [*((value,) for value in category.values), ()])
            for category in self.catalog.super_categories
        ]

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

    def query_of_items(self, rows: Iterable[int]) -> Query:
        """Return the query of several items: the mean of each block, weighted by agreement.

        Ranking by the distance to the mean ranks by the mean squared distance to the items. The
        labels are those that all items carry; see ``BlockSpread.agreement`` for the weights.

        Raises:
            IndexStaleError: An item is not in the index.
        """
        first, *others = queries = [self.query_of_item(row) for row in dict.fromkeys(rows)]
        if not others:
            return first
        shared = {
            name: tuple(
                value for value in values if all(value in it.values_of(name) for it in others)
            )
            for name, values in first.values.items()
        }
        members = tuple(row for query in queries for row in query.rows)
        return Query(
            blocks=np.mean([query.blocks for query in queries], axis=0, dtype=np.float32),
            labels={name: values[0] if values else None for name, values in shared.items()},
            values=shared,
            members=members,
            agreement=self.spread.agreement(self.blocks_of(members)),
            title=f"{len(members)} items",
        )

    @cached_property
    def spread(self) -> BlockSpread:
        """How far apart the items are in each block."""
        return BlockSpread.of(self.generation.items)

    def blocks_of(self, rows: Sequence[int]) -> Floats:
        """Return the blocks (n, A, E) of some items in the metric space.

        Raises:
            IndexStaleError: An item is not in the index.
        """
        places = self._place_of_row[np.array(rows, dtype=np.int64)]
        for place, row in zip(places, rows, strict=True):
            if place < 0:
                raise self._not_indexed(row)
        return self.generation.items.blocks_at(places)

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
