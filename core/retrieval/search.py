"""Search for substitutes, shared by the command line and the explorer. No torch, UI or SQL.

A query is the blocks of an item: in DAtRNet one 128-d embedding per super-category. A block may be
taken from another item, which requires disentangled embeddings. The generation's manipulation
applies the changes; in DAtRNet a change replaces one block by the prototype of the wanted value.
The gallery is ranked by weighted L2 (section 3.3): d² = Σ_a w_a ‖q_a - g_a‖², or by match scores
(``core.retrieval.match``).

``Searcher.plan`` resolves a request once; results, prototypes, weights and counts are read from
the plan.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, repeat
from typing import TypeVar

import numpy as np

from datrnet.core.catalog.catalog import UNLABELED, facets_of, split_rows
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.engines.engine import QUERIES_AT_ONCE, Places
from datrnet.core.retrieval.indexed_catalog import MATCHED_EXACTLY, IndexedCatalog
from datrnet.core.retrieval.manipulation import BoolArray, Floats
from datrnet.core.retrieval.match import MatchQuery
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.relevance import agreement_apart_from, moved_away
from datrnet.core.retrieval.request import (
    Explainer,
    Query,
    Request,
    Substitute,
    check_blocks,
    check_disjoint,
    ranking_of,
)
from datrnet.core.text import fold

EXACT_BELOW = 4096
"""Largest gallery that is ranked exactly, which is then as fast as any engine."""

EXACT_MANY_BELOW = 20_000
"""Largest gallery that is ranked exactly for many queries, whose products are computed together."""

MATCH_CANDIDATES = 1000
"""Fewest of the nearest that get a match score."""

MANY = 4
"""Fewest queries whose products are computed together."""

T = TypeVar("T")
ByBlock = Mapping[int, object]


class Searcher(IndexedCatalog):
    """Plans searches over a catalog and an index generation."""

    def substitutes(self, query: Query, request: Request) -> list[Substitute]:
        """Return the closest items to a changed query, closest first; see ``plan``."""
        return self.plan(query, request).substitutes()

    def search_many(
        self, queries: Iterable[Query], requests: Request | Iterable[Request]
    ) -> Iterator[tuple["SearchPlan", list[Substitute]]]:
        """Yield the plan and the substitutes of each query, for less than one by one.

        Args:
            queries: Any number of queries; a batch is read ahead of its answers.
            requests: A request for each, or one for all.

        Raises:
            DatrnetError: As ``plan`` does, when the query is reached.
        """
        each = repeat(requests) if isinstance(requests, Request) else requests
        plans = (self.plan(query, request) for query, request in zip(queries, each, strict=False))
        is_exact = len(self.generation.item_ids) <= EXACT_MANY_BELOW
        while some := tuple(islice(plans, QUERIES_AT_ONCE)):
            if not is_exact or len(some) < MANY or some[0].match is not None:
                yield from ((plan, plan.substitutes()) for plan in some)
                continue
            found = self.generation.exact.candidates_of_many(
                np.stack([plan.ranked_by[0] for plan in some]),
                np.stack([plan.ranked_by[1] for plan in some]),
                max(plan.last for plan in some),
                [plan.allowed for plan in some],
            )
            for plan, places in zip(some, found, strict=True):
                yield plan, plan.ranked(places)

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
        unlike, marked = self._by_block(request.unlike), (*request.liked, *request.disliked)
        several: dict[str, ByBlock] = {"open to several values": any_of}
        ways: dict[str, ByBlock] = {"changed to a value": changes, "taken from another item": taken}
        check_disjoint(self.names, {**ways, **several})
        check_disjoint(self.names, {**several, "unlike an item": unlike})
        if self.is_entangled:
            weighed = (*factors, *(range(1) if marked else ()))
            check_blocks(self.names, "cannot be taken from another item", taken)
            check_blocks(self.names, "cannot be unlike an item", unlike)
            check_blocks(self.names, "cannot have its own weight", weighed)
        query = self._take_blocks(query, taken)
        prototypes = self._resolve_prototypes(query, changes, request.within)
        blocks, learned = self._apply_changes(query, prototypes)
        unwanted = Conditions(others=request.others).excluded(self.catalog)
        for block, others in unlike.items():
            carried = {fold(value) for it in others for value in it.values_of(self.names[block])}
            unwanted[self.names[block]] = unwanted.get(self.names[block], frozenset()) | carried
        wanted = {
            name: tuple(v for v in query.values_of(name) if fold(v) not in unwanted.get(name, ()))
            for name in self.names
        }
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
        agreement = agreement_apart_from((*changes, *taken, *any_of), query.agreement, len(blocks))
        feedback = np.ones(len(blocks), dtype=np.float32)
        if marked:
            known = (self.blocks_of(rows) for rows in (request.liked, request.disliked))
            feedback = self.spread.feedback(blocks, *known)
        learned = learned * agreement * feedback
        requested = self._requested_weights(learned, factors, any_of)
        manifest, changed = self.generation.manifest, (*changes, *taken)
        weights = requested * self._chosen_weights(
            manifest.weights, manifest.changed_weight, changed
        )
        match = None
        if ranking_of(request, manifest.ranking) == "match":
            model = self.generation.match_model()
            chosen = self._chosen_weights(model.weights, model.changed_weight, changed)
            by_block = {block: prototype.value for block, prototype in prototypes.items()}
            match = self.match_query(query.blocks, by_block, requested * chosen)
        to_metric_space = self.generation.manipulation.to_metric_space
        repelling = {
            block: [to_metric_space(other.blocks[None])[0, block] for other in others]
            for block, others in unlike.items()
        }
        return SearchPlan(
            searcher=self,
            query=query,
            request=request,
            prototypes={proto.super_category: proto for proto in prototypes.values()},
            taken=self._by_name(taken),
            any_of=self._by_name(any_of),
            blocks=blocks,
            weights=weights,
            ranked_by=moved_away(blocks, weights, repelling),
            match=match,
            agreement=self._by_name(dict(enumerate(agreement.tolist()))) if query.members else {},
            feedback=self._by_name(dict(enumerate(feedback.tolist()))) if marked else {},
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

    def _chosen_weights(
        self, blocks: Sequence[float], of_change: float, changed: Sequence[int]
    ) -> Floats:
        """Return the weights (A,) that were chosen at indexing, with that of a change."""
        weights: Floats = np.array(blocks, dtype=np.float32)
        if not self.is_entangled:
            weights[list(changed)] *= of_change
        return weights

    def _requested_weights(
        self, learned: Floats, factors: Mapping[int, float], any_of: ByBlock
    ) -> Floats:
        """Return the factors (A,) of the chosen weights: learned, and requested."""
        weights: Floats = learned.copy()
        if not self.is_entangled:
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
    ranked_by: tuple[Floats, Floats]
    """Blocks and weights that order the items. They differ from ``blocks`` and ``weights``, which
    give the distances, if the request keeps away from items."""
    match: MatchQuery | None
    """What match scores compare items with; None if distances order the items."""
    agreement: Mapping[str, float]
    """How much several items agree, as a factor of the weights; empty for a single one."""
    feedback: Mapping[str, float]
    """What marks are worth, as a factor of the weights; empty without marks."""
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
        number, is_paged = len(generation.item_ids), self.request.offset is not None
        if self.match is not None:
            if number <= MATCHED_EXACTLY or is_paged:
                return self.ranked(np.flatnonzero(allowed))
            count = max(MATCH_CANDIDATES, 10 * self.last)
            return self.ranked(generation.candidates(*self.ranked_by, count, allowed))
        is_exact = is_paged or number <= EXACT_BELOW
        candidates = generation.exact.candidates if is_exact else generation.candidates
        return self.ranked(candidates(*self.ranked_by, self.last, allowed))

    @property
    def last(self) -> int:
        """The rank of the last result."""
        return self.request.k + (self.request.offset or 0)

    def ranked(self, places: Places) -> list[Substitute]:
        """Return the k closest of some indexed items, closest first and ties in their order."""
        items, start = self.searcher.generation.items, self.request.offset or 0
        if self.match is not None:
            near, matches = self.searcher.best_matches(self.match, self.last, places)
            parts, scores = items.parts(self.blocks, self.weights, near), self.match.scores(matches)
            return [
                Substitute(
                    rank=place + 1,
                    row=int(self.searcher.indexed_rows[near[place]]),
                    distance=float(np.sqrt(parts[place].sum())),
                    squares=parts[place],
                    explainer=self.explainer,
                    matches=dict(zip(self.searcher.names, matches[place].tolist(), strict=True)),
                    score=float(scores[place]),
                )
                for place in range(start, len(near))
            ]
        near, parts = items.nearest(*self.ranked_by, self.last, places)
        if self.request.unlike:
            parts = items.parts(self.blocks, self.weights, near)
        if self.request.max_distance is not None:
            is_near = np.sqrt(parts.sum(axis=1)) <= self.request.max_distance
            near, parts = near[is_near], parts[is_near]
        rows = self.searcher.indexed_rows[near]
        found = zip(rows.tolist(), np.sqrt(parts.sum(axis=1)).tolist(), parts, strict=True)
        return [
            Substitute(
                rank=rank, row=row, distance=distance, squares=squares, explainer=self.explainer
            )
            for rank, (row, distance, squares) in islice(
                enumerate(found, 1), min(start, len(near)), None
            )
        ]

    def with_matches(self, found: Sequence[Substitute]) -> list[Substitute]:
        """Return results with the match of each super-category that counts, whatever ranks them.

        An index that is not calibrated has no matches.
        """
        searcher, generation = self.searcher, self.searcher.generation
        if not (found and generation.manifest.match.calibrations):
            return list(found)
        changes = {searcher.block_index(name): it.value for name, it in self.prototypes.items()}
        match = self.match or searcher.match_query(self.query.blocks, changes, self.weights)
        places = searcher.places_of([it.row for it in found])
        matches = match.matches(searcher.posteriors_of(generation.embeddings[places]))
        counted = np.flatnonzero(match.weights)
        names = [searcher.names[block] for block in counted]
        return [
            replace(it, matches=dict(zip(names, own, strict=True)))
            for it, own in zip(found, matches[:, counted].tolist(), strict=True)
        ]

    @cached_property
    def explainer(self) -> Explainer:
        """Explains its results."""
        return Explainer(
            catalog=self.searcher.catalog,
            block_names=self.searcher.block_names,
            values_of=self.searcher.values_of,
            wanted=self.wanted,
            all_of=frozenset(filter(self.needs_all, self.wanted)),
        )

    def exact_match_counts(self) -> dict[str, dict[str, int]]:
        """Count the items whose labels match the request, by super-category and value.

        An item counts for a value it carries if it carries a wanted value in every other
        super-category where one is known. The query itself and hidden items are not counted.
        """
        catalog = self.searcher.catalog
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
        rows = rows[~np.isin(rows, self.query.rows)]
        if self.request.others:
            rows = rows[Conditions(others=self.request.others).matching(catalog)[rows]]
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
        searcher, catalog = self.searcher, self.searcher.catalog
        passes = [catalog.carries_any(idx, values) for idx, values in self.filters]
        if self.request.split is not None:
            in_split = np.zeros(catalog.num_items, dtype=bool)
            in_split[split_rows(catalog, self.request.split)] = True
            passes.append(in_split)
        if self.request.others:
            passes.append(Conditions(others=self.request.others).matching(catalog))
        allowed = searcher.is_shown.copy()
        if passes:
            allowed &= np.logical_and.reduce(passes)[searcher.indexed_rows]
        allowed[searcher.places_of(self.query.rows)] = False
        if self.request.unlike and self.request.max_distance is not None:
            places = np.flatnonzero(allowed)  # the nearest are not the first
            parts = searcher.generation.items.parts(self.blocks, self.weights, places)
            allowed[places] = np.sqrt(parts.sum(axis=1)) <= self.request.max_distance
        return allowed
