"""The metrics of a trained variant: measured, stored, and summarized over seeds."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Protocol, Score, evaluate_queries
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank
from datrnet.core.evaluation.weight_search import choose_weights
from datrnet.core.indexing.build import run_manipulation
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research.experiments.result import Cell, Spread
from datrnet.core.retrieval.manipulation import Manipulation, load_manipulation
from datrnet.core.training.data import TrainingData

RANKED_TIMES = 3
"""How often the same queries are ranked to measure the time."""

UNKNOWN = Estimate(nan, nan, nan)


# ── cells of tables ──────────────────────────────────────────────────────────


def score_cells(score: Score) -> tuple[Cell, ...]:
    """Return the number of queries and all figures: none of them is enough by itself."""
    return (
        score.num_queries,
        score.top_k_accuracy,
        score.ndcg,
        score.ndcg_target,
        score.ndcg_others,
    )


def figure_columns(k: int) -> tuple[str, ...]:
    """Return the headings of ``figures``."""
    return (
        f"query: top-{k}",
        f"query: NDCG@{k}",
        f"query + attribute: top-{k}",
        f"query + attribute: NDCG@{k}",
        "NDCG of the change",
        "NDCG of the rest",
    )


def table_3_columns(k: int) -> tuple[str, ...]:
    """Return the headings of table 3: ``figure_columns`` and the numbers of queries."""
    columns = figure_columns(k)
    return ("queries", *columns[:2], "queries + attribute", *columns[2:])


def figures(query: Score, one_change: Score) -> tuple[Estimate | None, ...]:
    """Return the figures of queries without a change and with one."""
    return (
        query.top_k_accuracy,
        query.ndcg,
        one_change.top_k_accuracy,
        one_change.ndcg,
        one_change.ndcg_target,
        one_change.ndcg_others,
    )


# ── metrics of a variant ─────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of one trained variant."""

    seconds: float
    """Training time of all its networks, whatever else the machine did."""
    query: Score
    one_change: Score
    by_super_category: dict[str, Score]
    """One change, by what is changed."""
    weighed: tuple[Score, Score] | None
    """Query and one change with weights of the blocks chosen on the validation items; None where
    there is a single block, or too few items to choose by."""
    num_parameters: int
    """Of all networks together."""
    milliseconds: float
    """To embed one picture, with the whole split at a time."""
    microseconds: float
    """To compute one query vector and rank the whole split by it, with many queries at a time."""

    @property
    def plain(self) -> tuple[Score, Score]:
        """Query and one change with the paper's plain distance."""
        return self.query, self.one_change

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Metrics":
        """Read metrics back from JSON."""
        by_super_category = {
            name: score_from(score) for name, score in facts["by_super_category"].items()
        }
        weighed = facts["weighed"] and tuple(map(score_from, facts["weighed"]))
        scores = {name: score_from(facts[name]) for name in ("query", "one_change")}
        return cls(
            **{**facts, **scores, "by_super_category": by_super_category, "weighed": weighed}
        )


def score_from(facts: Mapping[str, Any]) -> Score:
    """Read a score back from JSON."""
    values: dict[str, Any] = {
        name: Estimate(**value) if isinstance(value, dict) else value
        for name, value in facts.items()
    }
    return Score(**values)


def read_metrics(path: Path) -> Metrics | None:
    """Return the stored metrics of a variant; None where there are none that can be read."""
    try:
        return Metrics.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def measure(
    run: RunFolder, data: TrainingData, pixels: NDArray[np.uint8], labels: NDArray[np.int16], k: int
) -> Metrics:
    """Return the metrics of a finished run.

    Those of ``query`` and ``one_change`` are with the paper's plain distance, so that nothing is
    chosen.

    Args:
        run: The run.
        data: What it was trained on; its validation items choose weights.
        pixels: (N, S, S, 3) of a split, which is queries and gallery.
        labels: (N, A) of it, in the numbering of the run.
        k: Length of the lists.

    Raises:
        CheckpointError: The run's weights are absent or damaged.
    """
    embedder = Embedder(run)
    manipulation = _manipulation(run, data, embedder)
    started = time.monotonic()
    embeddings = embedder.embed(pixels)
    seconds = time.monotonic() - started
    gallery = Gallery(embeddings=embeddings, labels=labels, manipulation=manipulation)
    names = [category.name for category in run.super_categories]
    protocol = Protocol(k=k, max_changes=1)
    query_sets = draw_queries(labels, (0, 1), num_changeable=len(names))
    equal = gallery.equal_weights
    query, one_change = evaluate_queries(gallery, names, query_sets, equal, protocol)
    weights = _chosen_weights(data, embedder, manipulation, equal)
    weighed = None
    if weights != equal:
        cases = evaluate_queries(gallery, names, query_sets, weights, protocol)
        weighed = (cases[0].overall, cases[1].overall)
    log = run.log_path.read_text("utf-8").splitlines()
    return Metrics(
        seconds=float(sum(json.loads(line)["seconds"] for line in log)),
        query=query.overall,
        one_change=one_change.overall,
        by_super_category=one_change.by_super_category,
        weighed=weighed,
        num_parameters=embedder.num_parameters,
        milliseconds=1e3 * seconds / len(pixels),
        microseconds=1e6 * _ranking_seconds(gallery, query_sets[1], k),
    )


def _manipulation(run: RunFolder, data: TrainingData, embedder: Embedder) -> Manipulation:
    if not run.config.system.is_datrnet:
        return load_manipulation(run.manipulation_path)
    train = np.flatnonzero(~data.is_validation)
    splits = np.full(len(train), "train")
    return run_manipulation(run, embedder.embed(data.pixels[train]), data.labels[train], splits)


def _chosen_weights(
    data: TrainingData, embedder: Embedder, manipulation: Manipulation, equal: Weights
) -> Weights:
    """Return the weights that an index would have; equal ones with too little to choose by."""
    validation = np.flatnonzero(data.is_validation)
    if len(validation) == 0:
        return equal
    gallery = Gallery(
        embeddings=embedder.embed(data.pixels[validation]),
        labels=data.labels[validation],
        manipulation=manipulation,
    )
    return choose_weights(gallery)


def _ranking_seconds(gallery: Gallery, queries: QuerySet, k: int) -> float:
    """Return how long one of many queries takes, the fastest of a few times."""
    times = []
    for _ in range(RANKED_TIMES):
        started = time.perf_counter()
        for _part in rank(gallery, queries, gallery.equal_weights, k, query_in_gallery=True):
            pass
        times.append(time.perf_counter() - started)
    return min(times) / max(1, len(queries))


# ── over seeds ───────────────────────────────────────────────────────────────


def pooled(estimates: Iterable[Estimate | None]) -> Estimate:
    """Return the mean of a figure over seeds, and what the intervals of all seeds span."""
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return UNKNOWN
    return Estimate(
        float(np.mean([estimate.value for estimate in known])),
        min(estimate.low for estimate in known),
        max(estimate.high for estimate in known),
    )


def spread(estimates: Iterable[Estimate | None]) -> Cell:
    """Return a figure over seeds: its interval for a single seed, else mean and deviation."""
    known = [estimate for estimate in estimates if estimate is not None]
    if len(known) < 2:
        return known[0] if known else None
    return over_seeds([estimate.value for estimate in known])


def over_seeds(values: Sequence[float]) -> Cell:
    """Return plain numbers over seeds: a single one as it is, else mean and deviation."""
    if len(values) < 2:
        return values[0] if values else None
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def top_k_over_seeds(results: Iterable[Sequence[Metrics]]) -> dict[str, list[Estimate]]:
    """Return the accuracies of several variants without a change and with one, for a chart."""
    listed = list(results)
    return {
        "query": [pooled(seed.query.top_k_accuracy for seed in seeds) for seeds in listed],
        "query + attribute": [
            pooled(seed.one_change.top_k_accuracy for seed in seeds) for seeds in listed
        ],
    }


def table_3_cells(results: Sequence[Metrics]) -> tuple[Cell, ...]:
    """Return the cells of ``table_3_columns``, over seeds."""
    first = results[0]
    columns = zip(*(figures(*seed.plain) for seed in results), strict=True)
    cells = tuple(map(pooled, columns))
    return (first.query.num_queries, *cells[:2], first.one_change.num_queries, *cells[2:])
