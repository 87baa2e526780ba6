"""The three use cases of the paper, evaluated: query only, one change, several changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.metrics import bootstrap_interval, hits, ndcg, relevance
from datrnet.core.evaluation.queries import QuerySet, enumerate_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What the sources leave open, with the defaults of docs/evaluation.md."""

    k: int = 30
    query_in_gallery: bool = True
    """Whether the query item takes a rank when something is changed; with no change it is always
    removed, or every query would be its own answer."""
    max_changes: int = 3
    """Largest number of changes evaluated."""
    max_queries: int = 20_000
    """Queries per number of changes; more are sampled down, with a fixed seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one set of queries."""

    num_queries: int
    top_k_accuracy: float
    interval: tuple[float, float]
    """95 % bootstrap interval of the accuracy, over query items."""
    ndcg: float
    ndcg_target: float | None
    """None where nothing is changed."""
    ndcg_others: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """The figures of one number of changes."""

    num_changes: int
    num_valid: int
    """Valid queries, before sampling."""
    overall: Score
    """Mean over queries (micro)."""
    macro_accuracy: float | None
    """Mean over changed super-categories; None unless exactly one is changed."""
    by_super_category: dict[str, Score]
    """Queries grouped by the changed super-category; empty unless exactly one is changed."""


def evaluate(
    gallery: Gallery,
    names: Sequence[str],
    weights: Weights,
    protocol: Protocol,
    on_progress: Progress = lambda done, total: None,
) -> list[UseCase]:
    """Evaluate every number of changes from none to the protocol's most.

    Args:
        gallery: The items of one split; each is a query too.
        names: (A,) super-categories in the order of the blocks.
        weights: Weights of the blocks.
        protocol: What the sources leave open.
        on_progress: Told the queries done and their total, over all numbers of changes.
    """
    most = min(protocol.max_changes, len(names))
    valid = [enumerate_queries(gallery.labels, changes) for changes in range(most + 1)]
    rng = np.random.default_rng(0)
    sampled = [queries.sample(protocol.max_queries, rng) for queries in valid]
    total = sum(len(queries) for queries in sampled)
    done = 0
    cases = []
    for before, queries in zip(valid, sampled, strict=True):
        told = partial(_shifted, on_progress, done, total)
        figures = query_figures(gallery, queries, weights, protocol, told)
        done += len(queries)
        cases.append(_use_case(names, queries, len(before), figures))
    return cases


def _shifted(on_progress: Progress, offset: int, total: int, done: int) -> None:
    on_progress(offset + done, total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """The figures of each single query, all (Q,)."""

    hit: NDArray[np.bool_]
    ndcg: NDArray[np.float64]
    ndcg_target: NDArray[np.float64]
    ndcg_others: NDArray[np.float64]


def query_figures(
    gallery: Gallery,
    queries: QuerySet,
    weights: Weights,
    protocol: Protocol,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Figures:
    """Rank the gallery for every query and measure each list."""
    figures = Figures(
        hit=np.zeros(len(queries), dtype=bool),
        ndcg=np.zeros(len(queries)),
        ndcg_target=np.zeros(len(queries)),
        ndcg_others=np.zeros(len(queries)),
    )
    in_gallery = protocol.query_in_gallery and queries.num_changes > 0
    for part, near in rank(gallery, queries, weights, protocol.k, query_in_gallery=in_gallery):
        found, targets, changed = gallery.labels[near], queries.targets[part], queries.changed[part]
        figures.hit[part] = hits(found, targets)
        figures.ndcg[part] = ndcg(relevance(found, targets, np.ones_like(changed)))
        figures.ndcg_target[part] = ndcg(relevance(found, targets, changed))
        figures.ndcg_others[part] = ndcg(relevance(found, targets, ~changed))
        on_progress(part.stop)
    return figures


def _use_case(names: Sequence[str], queries: QuerySet, num_valid: int, figures: Figures) -> UseCase:
    is_changed = queries.num_changes > 0
    by_name: dict[str, Score] = {}
    if queries.num_changes == 1:
        for idx, name in enumerate(names):
            group = queries.changed[:, idx]
            if group.any():
                by_name[name] = _score(figures, queries.items, group, is_changed=True)
    return UseCase(
        num_changes=queries.num_changes,
        num_valid=num_valid,
        overall=_score(
            figures, queries.items, np.ones(len(queries), dtype=bool), is_changed=is_changed
        ),
        macro_accuracy=float(np.mean([one.top_k_accuracy for one in by_name.values()]))
        if by_name
        else None,
        by_super_category=by_name,
    )


def _score(
    figures: Figures, items: NDArray[np.int64], group: NDArray[np.bool_], *, is_changed: bool
) -> Score:
    def mean(values: NDArray[np.float64]) -> float:
        return float(values[group].mean()) if group.any() else float("nan")

    hit = figures.hit.astype(np.float64)
    return Score(
        num_queries=int(group.sum()),
        top_k_accuracy=mean(hit),
        interval=bootstrap_interval(hit[group], items[group]),
        ndcg=mean(figures.ndcg),
        ndcg_target=mean(figures.ndcg_target) if is_changed else None,
        ndcg_others=mean(figures.ndcg_others) if is_changed else None,
    )
