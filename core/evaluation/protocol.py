"""Evaluate the paper's use cases (query only, one change, several changes), also of an index."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, group_numbers, split_rows
from datrnet.core.config import at_least, check_types
from datrnet.core.errors import ConfigError, DataError, UnknownNameError
from datrnet.core.evaluation.metrics import Bootstrap, Estimate, hits, ndcg, relevance
from datrnet.core.evaluation.queries import GivenQueries, QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank, weights_of_match
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement, SpecificPrototypes, replaces_by_means
from datrnet.core.retrieval.prototypes import (
    MIN_SPECIFIC,
    prototype_items,
    specific_mean_embeddings,
)
from datrnet.core.retrieval.request import Ranking
from datrnet.core.text import fold
from datrnet.db.store import Store

Match = Literal["used", "all", "known"]

QueryTakesRank = Literal["changed", "never", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Settings that the paper leaves open, with the defaults of docs/evaluation.md."""

    k: int = 30
    query_takes_rank: QueryTakesRank = "changed"
    """Whether the query item is ranked itself: only if something is ``changed`` (otherwise every
    query is its own answer), ``never``, or ``always``."""
    match: Match = "used"
    """Where a hit must match the target: in every indexed super-category (``used``), in those of
    them where a value is wanted (``known``), or in every super-category of the catalog (``all``).
    """
    within: str | None = None
    """Super-category for specific prototypes; None uses generic prototypes."""
    max_changes: int = 3
    """Largest number of changes evaluated."""
    max_queries: int = 20_000
    """Maximum number of queries per number of changes, sampled with a fixed seed; 0 for all."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_types(self)
        at_least(self, k=1, max_changes=0, max_queries=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Metrics of a set of queries."""

    num_queries: int
    top_k_accuracy: Estimate
    ndcg: Estimate
    ndcg_target: Estimate | None
    """None without changes."""
    ndcg_others: Estimate | None
    """None without changes, or if everything is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """Metrics of a number of changes."""

    num_changes: int
    num_valid: int
    """Number of valid queries before sampling."""
    overall: Score
    """Mean over queries (micro)."""
    macro: Score | None
    """Mean over changed super-categories; None unless there is exactly one change."""
    by_super_category: dict[str, Score]
    """By changed super-category; empty unless there is exactly one change."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Metrics of each query, all (Q,)."""

    hit: NDArray[np.float64]
    """1 if the list contains a hit, else 0."""
    ndcg: NDArray[np.float64]
    ndcg_target: NDArray[np.float64]
    ndcg_others: NDArray[np.float64]


def evaluate(
    gallery: Gallery,
    names: Sequence[str],
    weights: Weights,
    protocol: Protocol,
    on_progress: Progress = no_progress,
    *,
    query_sets: Sequence[QuerySet] | None = None,
) -> list[UseCase]:
    """Evaluate sets of queries, by default every number of changes up to the protocol's maximum.

    Args:
        gallery: The items of a split, which are also the queries.
        names: (T,) names of the manipulation's super-categories.
        weights: Weights of the blocks.
        protocol: Evaluation settings.
        on_progress: Called with a step's name, the work done and the total.
        query_sets: Evaluated instead of all valid queries.
    """
    if query_sets is None:
        query_sets = draw_queries(
            gallery.value_sets,
            range(min(protocol.max_changes, len(names)) + 1),
            num_changeable=len(names),
            limit=protocol.max_queries or None,
            groups=gallery.groups,
            on_progress=partial(on_progress, "Finding queries"),
        )
    total, before = sum(map(len, query_sets)), 0
    cases = []
    for queries in query_sets:

        def report(done: int, before: int = before) -> None:
            on_progress("Ranking", before + done, total)

        figures = query_figures(gallery, queries, weights, protocol, report)
        cases.append(use_case(gallery, names, queries, figures))
        before += len(queries)
    return cases


def query_figures(
    gallery: Gallery,
    queries: QuerySet,
    weights: Weights,
    protocol: Protocol,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Figures:
    """Rank the gallery for every query and compute the metrics of each list."""
    figures = Figures(*np.zeros((4, len(queries))))
    in_gallery = protocol.query_takes_rank == "always" or (
        protocol.query_takes_rank == "changed" and queries.num_changes > 0
    )
    for part, near in rank(gallery, queries, weights, protocol.k, query_in_gallery=in_gallery):
        found, changed = gallery.value_sets[near], queries.changed[part]
        targets = queries.wanted(gallery.value_sets, part)
        counted = targets[:, :, 0] >= 0 if protocol.match == "known" else np.ones_like(changed)
        figures.hit[part] = hits(found, targets, counted).any(axis=1)
        figures.ndcg[part] = ndcg(relevance(found, targets, counted))
        figures.ndcg_target[part] = ndcg(relevance(found, targets, counted & changed))
        figures.ndcg_others[part] = ndcg(relevance(found, targets, counted & ~changed))
        on_progress(part.stop)
    return figures


def clusters_of(gallery: Gallery, queries: QuerySet) -> NDArray[np.int64]:
    """Return what a bootstrap draws (Q,): the query items, or their groups.

    The items of a group are no more independent than the queries of an item.
    """
    return queries.items if gallery.groups is None else gallery.groups[queries.items]


def use_case(
    gallery: Gallery, names: Sequence[str], queries: QuerySet, figures: Figures
) -> UseCase:
    """Return the means of the metrics of each query, with their intervals."""
    bootstrap, is_changed = Bootstrap(clusters_of(gallery, queries)), queries.num_changes > 0
    has_others = is_changed and not queries.changed.all()

    def score(*groups: NDArray[np.bool_]) -> Score:
        return Score(
            num_queries=sum(int(group.sum()) for group in groups),
            top_k_accuracy=bootstrap.mean(figures.hit, *groups),
            ndcg=bootstrap.mean(figures.ndcg, *groups),
            ndcg_target=bootstrap.mean(figures.ndcg_target, *groups) if is_changed else None,
            ndcg_others=bootstrap.mean(figures.ndcg_others, *groups) if has_others else None,
        )

    groups: dict[str, NDArray[np.bool_]] = {}
    if queries.num_changes == 1:
        columns = dict(zip(names, queries.changed.T, strict=False))  # others cannot be changed
        groups = {name: group for name, group in columns.items() if group.any()}
    return UseCase(
        num_changes=queries.num_changes,
        num_valid=queries.num_valid,
        overall=score(np.ones(len(queries), dtype=bool)),
        macro=score(*groups.values()) if groups else None,
        by_super_category={name: score(group) for name, group in groups.items()},
    )


# ── an index ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The figures of an index on a split."""

    run_name: str
    generation: str
    split: str
    num_items: int
    super_categories: tuple[str, ...]
    blocks: tuple[str, ...]
    """Names of the blocks that the weights refer to."""
    weights: Weights
    protocol: Protocol
    use_cases: tuple[UseCase, ...]
    queries: str | None = None
    """Where given queries came from; None for all valid queries of the split."""
    num_left_out: int = 0
    """Given queries that could not be evaluated."""
    ranking: Ranking = "distance"
    """What ordered the items; older evaluations omit it."""

    def __repr__(self) -> str:
        """Return the accuracy by number of changes."""
        cases = ", ".join(
            f"{case.num_changes} changes {case.overall.top_k_accuracy.value:.3f}"
            for case in self.use_cases
        )
        return f"<Assessment of {self.split}, top-{self.protocol.k} accuracy: {cases}>"

    def keep(self, store: Store) -> None:
        """Store the figures with their run and index."""
        settings = {
            "protocol": asdict(self.protocol),
            "weights": asdict(self.weights),
            "ranking": self.ranking,
            "queries": self.queries,
        }
        store.add_evaluation(
            self.run_name,
            self.generation,
            self.split,
            json.dumps(settings, sort_keys=True),
            json.dumps(asdict(self)),
        )


def assess(
    catalog: Catalog,
    generation: Generation,
    split: str,
    protocol: Protocol,
    *,
    ranking: Ranking | None = None,
    weights: Weights | None = None,
    queries: GivenQueries | None = None,
    on_progress: Progress = no_progress,
) -> Assessment:
    """Evaluate an index by exact ranking, without Annoy.

    Args:
        catalog: Items and labels.
        generation: The index.
        split: The gallery, whose items are also the queries; ``all`` for the whole catalog.
        protocol: Evaluation settings.
        ranking: What orders the items; by default what does in the index, or the distance with
            prototypes within a super-category.
        weights: Weights of the blocks; those of the index by default.
        queries: Evaluated instead of all valid queries.
        on_progress: Called with a step's name, the work done and the total.

    Raises:
        DataError: The split has no indexed item.
        UnknownNameError: The protocol names a super-category that does not exist.
        ConfigError: The protocol requires prototypes, or the ranking match scores, that the
            index's system lacks.
        IndexStaleError: The ranking requires match scores, and the index is not calibrated.
    """
    gallery = gallery_of(catalog, generation, split, match=protocol.match, within=protocol.within)
    if ranking is None:
        ranking = "distance" if protocol.within is not None else generation.manifest.ranking
    if ranking == "match":
        if protocol.within is not None:
            raise ConfigError(
                f"Match scores do not use prototypes within {protocol.within}.",
                hint="Omit it, or rank by distance.",
            )
        gallery = replace(gallery, match=generation.match_model())
    manifest = generation.manifest
    weights = weights or weights_of(generation, ranking)
    names = tuple(category.name for category in generation.super_categories)
    protocol = replace(protocol, max_changes=min(protocol.max_changes, len(names)))
    query_sets = None if queries is None else queries.query_sets
    use_cases = evaluate(gallery, names, weights, protocol, on_progress, query_sets=query_sets)
    return Assessment(
        run_name=manifest.run_name,
        generation=manifest.name,
        split=split,
        num_items=len(gallery.labels),
        super_categories=names,
        blocks=generation.block_names,
        weights=weights,
        protocol=protocol,
        use_cases=tuple(use_cases),
        queries=queries.source if queries else None,
        num_left_out=queries.num_left_out if queries else 0,
        ranking=ranking,
    )


def weights_of(generation: Generation, ranking: Ranking = "distance") -> Weights:
    """Return the weights chosen when the index was built."""
    manifest = generation.manifest
    if ranking == "match":
        return weights_of_match(manifest.match)
    return Weights(blocks=manifest.weights, changed=manifest.changed_weight)


def equal_weights_of(generation: Generation) -> Weights:
    """Return weights of 1 for all blocks of an index."""
    return Weights.equal(len(generation.block_names))


def gallery_of(
    catalog: Catalog,
    generation: Generation,
    split: str,
    *,
    match: Match = "used",
    within: str | None = None,
) -> Gallery:
    """Return the indexed items of a split with their current labels.

    Items with a value that the index does not know are omitted.

    Args:
        catalog: Items and labels.
        generation: The index.
        split: A split, or ``all``.
        match: ``all`` adds the labels of super-categories that are not indexed.
        within: Super-category for specific prototypes.

    Raises:
        DataError: The gallery is empty.
        UnknownNameError: The index has no such super-category.
        ConfigError: The index's system does not replace blocks by means.
    """
    rows, sets, in_gallery = _indexed(catalog, generation, split)
    manipulation = generation.manipulation
    if within is not None:
        manipulation = _manipulation_within(catalog, generation, sets, rows, within)
    if match == "all":
        others = np.setdiff1d(np.arange(catalog.labels.shape[1]), _columns(catalog, generation))
        sets = np.concatenate([sets, catalog.value_sets[rows][:, others]], axis=1)
    return Gallery(
        embeddings=np.asarray(generation.embeddings[in_gallery]),
        labels=sets[in_gallery, :, 0],
        all_values=sets[in_gallery],
        manipulation=manipulation,
        groups=group_numbers(catalog, rows[in_gallery]),
    )


def gallery_rows(catalog: Catalog, generation: Generation, split: str) -> NDArray[np.int64]:
    """Return the catalog rows of the items of ``gallery_of``, in order.

    Raises:
        DataError: The gallery is empty.
    """
    rows, _, in_gallery = _indexed(catalog, generation, split)
    return rows[in_gallery]


def _indexed(
    catalog: Catalog, generation: Generation, split: str
) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.bool_]]:
    """Return catalog rows (n,) and values (n, A, L) of the indexed items, and the gallery (n,).

    An item is in the gallery if it is in the split and carries only values that the index knows.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    sets = catalog.encode_value_sets(generation.super_categories)[rows]
    # of a value added after indexing nothing is left, but its item is not unlabeled
    current = catalog.value_sets[rows][:, _columns(catalog, generation)]
    unknown = _num_values(sets) != _num_values(current)
    in_gallery = np.isin(rows, split_rows(catalog, split)) & ~unknown.any(axis=1)
    if not in_gallery.any():
        raise DataError(
            f"The index has no item of the split {split!r}.",
            hint="Choose --split train, validation, test or all.",
        )
    return rows, sets, in_gallery


def _num_values(sets: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return how many values sets (..., L) have."""
    further: NDArray[np.int64] = (sets[..., 1:] != sets[..., :1]).sum(axis=-1)
    return further + (sets[..., 0] >= 0)


def _columns(catalog: Catalog, generation: Generation) -> list[int]:
    """Return the catalog's index of each indexed super-category."""
    return [catalog.super_category_idx(category.name) for category in generation.super_categories]


def _manipulation_within(
    catalog: Catalog,
    generation: Generation,
    sets: NDArray[np.int16],
    rows: NDArray[np.int64],
    within: str,
) -> Replacement:
    """Return the index's manipulation, extended by specific prototypes.

    They are means of the same items as the generic prototypes.
    """
    manipulation = generation.manipulation
    if not replaces_by_means(manipulation):
        raise ConfigError(
            f"The system of this index has no prototypes within {within}: it does not replace "
            "blocks by means.",
            hint="Omit --within to use generic prototypes.",
        )
    categories = generation.super_categories
    names = [category.name for category in categories]
    folded = [fold(name) for name in names]
    if fold(within) not in folded:
        raise UnknownNameError("indexed super-category", within, names)
    column, manifest = folded.index(fold(within)), generation.manifest
    is_source = prototype_items(catalog, generation, rows)
    shared, num_shared = sets[is_source, column], len(categories[column].values)
    means = tuple(
        specific_mean_embeddings(
            generation.embeddings[is_source, block],
            sets[is_source, block],
            len(category.values),
            shared,
            num_shared,
            unit_length=manifest.unit_blocks and manifest.unit_prototypes,
            min_items=MIN_SPECIFIC,
        )
        for block, category in enumerate(categories)
    )
    return Replacement(manipulation.prototypes, SpecificPrototypes(column=column, means=means))
