"""Evaluate the paper's three use cases: query only, one change, several changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.config import at_least, check_choices
from datrnet.core.evaluation.metrics import Bootstrap, Estimate, hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank
from datrnet.core.progress import Progress, no_progress

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
        check_choices(self)
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


def evaluate(
    gallery: Gallery,
    names: Sequence[str],
    weights: Weights,
    protocol: Protocol,
    on_progress: Progress = no_progress,
) -> list[UseCase]:
    """Evaluate every number of changes from 0 to the protocol's maximum.

    Args:
        gallery: The items of a split, which are also the queries.
        names: (T,) names of the manipulation's super-categories.
        weights: Weights of the blocks.
        protocol: Evaluation settings.
        on_progress: Called with a step's name, the work done and the total.
    """
    most = min(protocol.max_changes, len(names))
    query_sets = draw_queries(
        gallery.labels,
        range(most + 1),
        num_changeable=len(names),
        limit=protocol.max_queries or None,
        on_progress=lambda done, total: on_progress("Finding queries", done, total),
    )
    return evaluate_queries(gallery, names, query_sets, weights, protocol, on_progress)


def evaluate_queries(
    gallery: Gallery,
    names: Sequence[str],
    query_sets: Sequence[QuerySet],
    weights: Weights,
    protocol: Protocol,
    on_progress: Progress = no_progress,
) -> list[UseCase]:
    """Evaluate given sets of queries; see ``evaluate``."""
    total = sum(len(queries) for queries in query_sets)
    cases: list[UseCase] = []
    for number, queries in enumerate(query_sets):
        before = sum(len(earlier) for earlier in query_sets[:number])
        report = partial(_report_ranking, on_progress, before, total)
        figures = query_figures(gallery, queries, weights, protocol, report)
        cases.append(_use_case(names, queries, figures))
    return cases


def _report_ranking(on_progress: Progress, before: int, total: int, done: int) -> None:
    on_progress("Ranking", before + done, total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """Metrics of each query, all (Q,)."""

    hit: NDArray[np.float64]
    """1 if the list contains a hit, else 0."""
    ndcg: NDArray[np.float64]
    ndcg_target: NDArray[np.float64]
    ndcg_others: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        found: NDArray[np.int16],
        targets: NDArray[np.int16],
        changed: NDArray[np.bool_],
        match: Match,
    ) -> "Figures":
        """Compare the labels of ranked items (Q, K, M) with targets (Q, M)."""
        counted = targets >= 0 if match == "known" else np.ones_like(changed)
        return cls(
            hit=np.asarray(hits(found, targets, counted).any(axis=1), dtype=np.float64),
            ndcg=ndcg(relevance(found, targets, counted)),
            ndcg_target=ndcg(relevance(found, targets, counted & changed)),
            ndcg_others=ndcg(relevance(found, targets, counted & ~changed)),
        )


def query_figures(
    gallery: Gallery,
    queries: QuerySet,
    weights: Weights,
    protocol: Protocol,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Figures:
    """Rank the gallery for every query and compute the metrics of each list."""
    names = ("hit", "ndcg", "ndcg_target", "ndcg_others")
    columns = {name: np.zeros(len(queries)) for name in names}
    in_gallery = protocol.query_takes_rank == "always" or (
        protocol.query_takes_rank == "changed" and queries.num_changes > 0
    )
    for part, near in rank(gallery, queries, weights, protocol.k, query_in_gallery=in_gallery):
        targets, changed = queries.targets[part], queries.changed[part]
        figures = Figures.of(gallery.labels[near], targets, changed, protocol.match)
        for name in names:
            columns[name][part] = getattr(figures, name)
        on_progress(part.stop)
    return Figures(**columns)


def _use_case(names: Sequence[str], queries: QuerySet, figures: Figures) -> UseCase:
    scores = _Scores(queries, figures)
    groups: dict[str, NDArray[np.bool_]] = {}
    if queries.num_changes == 1:
        found = {name: queries.changed[:, idx] for idx, name in enumerate(names)}
        groups = {name: group for name, group in found.items() if group.any()}
    return UseCase(
        num_changes=queries.num_changes,
        num_valid=queries.num_valid,
        overall=scores.micro(np.ones(len(queries), dtype=bool)),
        macro=scores.macro(list(groups.values())) if groups else None,
        by_super_category={name: scores.micro(group) for name, group in groups.items()},
    )


class _Scores:
    """Means over groups of queries, with intervals from the same bootstrap samples."""

    def __init__(self, queries: QuerySet, figures: Figures) -> None:
        self._figures = figures
        self._bootstrap = Bootstrap(queries.items)
        self._is_changed = queries.num_changes > 0
        self._has_others = self._is_changed and not queries.changed.all()

    def micro(self, group: NDArray[np.bool_]) -> Score:
        return self._score(int(group.sum()), lambda values: self._bootstrap.mean(values, group))

    def macro(self, groups: Sequence[NDArray[np.bool_]]) -> Score:
        number = sum(int(group.sum()) for group in groups)
        return self._score(number, lambda values: self._bootstrap.mean_of_means(values, groups))

    def _score(self, num_queries: int, mean: Callable[[NDArray[np.float64]], Estimate]) -> Score:
        figures = self._figures
        return Score(
            num_queries=num_queries,
            top_k_accuracy=mean(figures.hit),
            ndcg=mean(figures.ndcg),
            ndcg_target=mean(figures.ndcg_target) if self._is_changed else None,
            ndcg_others=mean(figures.ndcg_others) if self._has_others else None,
        )
