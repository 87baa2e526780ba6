"""How much faster queries are ranked together than one by one, and what a large gallery takes.

    make bench        or        python benchmarks/evaluation.py 941 20000

Ratios within one run, on made-up blocks of length 1, from no change to six, with at most 20,000
queries for each number of changes.
"""

import resource
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank
from datrnet.core.retrieval.manipulation import Replacement

COUNTS = (19, 17, 10, 11, 16, 9)
"""Values of six super-categories, as many as Shopping100k has in the paper's six."""

ONE_BY_ONE = 200
"""Queries that are also ranked in a loop."""


def main() -> None:
    """Measure every size named on the command line."""
    table = Table(
        "items",
        "queries",
        "valid queries",
        "evaluated in, s",
        "ranked together, times as fast",
        "peak memory, MB",
    )
    for size in [int(text) for text in sys.argv[1:]] or [941, 20_000]:
        table.add_row(f"{size:,}", *measure(made_up(size)))
    Console().print(table)


def made_up(size: int) -> Gallery:
    """Return a gallery whose label vectors are shared by a few items each, as a shop's are."""
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(-1, count, size) for count in COUNTS], axis=1)
    labels = labels[rng.integers(0, max(1, size // 6), size)]
    changed = rng.integers(0, len(COUNTS), size)
    labels[np.arange(size), changed] = labels[rng.integers(0, size, size), changed]
    embeddings = rng.normal(size=(size, len(COUNTS), 128)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
    prototypes = tuple(rng.normal(size=(count, 128)).astype(np.float32) for count in COUNTS)
    return Gallery(
        embeddings=embeddings,
        labels=labels.astype(np.int16),
        manipulation=Replacement(prototypes),
    )


def measure(gallery: Gallery) -> tuple[str, ...]:
    """Evaluate up to six changes, and rank some queries in both ways."""
    names = [str(number) for number in range(len(COUNTS))]
    weights = Weights.equal(len(COUNTS))
    begun = time.perf_counter()
    cases = evaluate(gallery, names, weights, Protocol(max_changes=len(COUNTS)))
    seconds = time.perf_counter() - begun
    (queries,) = draw_queries(gallery.labels, (1,), limit=ONE_BY_ONE)
    together = timed(gallery, [queries])
    apart = timed(gallery, [part_of(queries, place) for place in range(len(queries))])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{sum(case.overall.num_queries for case in cases):,}",
        f"{sum(case.num_valid for case in cases):,}",
        f"{seconds:.1f}",
        f"{apart / together:.1f}",
        f"{peak:,.0f}",
    )


def timed(gallery: Gallery, query_sets: list[QuerySet]) -> float:
    """Return the seconds that ranking takes."""
    begun = time.perf_counter()
    for queries in query_sets:
        for _ in rank(gallery, queries, Weights.equal(len(COUNTS)), 30, query_in_gallery=True):
            pass
    return time.perf_counter() - begun


def part_of(queries: QuerySet, place: int) -> QuerySet:
    """Return one query alone."""
    here = slice(place, place + 1)
    return QuerySet(
        num_changes=queries.num_changes,
        num_valid=1,
        items=queries.items[here],
        targets=queries.targets[here],
        changed=queries.changed[here],
    )


if __name__ == "__main__":
    main()
