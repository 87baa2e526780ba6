"""How much faster candidates from Annoy are than ranking everything, and at what recall.

    make bench        or        python benchmarks/search.py 10000 100000

Ratios within one run, on made-up blocks of length 1 that lie in clusters as values do.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

NUM_QUERIES = 50
SUPER_CATEGORIES = {
    "category": 37,
    "colour": 23,
    "pattern": 4,
    "gender": 5,
    "usage": 4,
    "season": 4,
}


def main() -> None:
    """Measure every size named on the command line."""
    table = Table("items", "exact, ms", "Annoy + exact order, ms", "times as fast", "recall@30")
    for size in [int(text) for text in sys.argv[1:]] or [10_000, 50_000]:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(f"{size:,}", *measure(made_up(Workspace(Path(folder)), size)))
    Console().print(table)


def made_up(workspace: Workspace, size: int) -> Searcher:
    """Return a searcher over items with random labels and blocks around a center per value."""
    rng = np.random.default_rng(0)
    with workspace.create_store() as store:
        store.upsert_items(
            NewItem(
                code=str(number),
                title="",
                picture_path="none",
                split="train",
                labels={
                    name: f"{name} {rng.integers(count)}"
                    for name, count in SUPER_CATEGORIES.items()
                },
            )
            for number in range(size)
        )
        catalog = Catalog.load(store)
        embeddings = np.empty((size, len(SUPER_CATEGORIES), 128), dtype=np.float32)
        prototypes = []
        for block, category in enumerate(catalog.super_categories):
            centers = rng.normal(size=(len(category.values), 128))
            drawn = centers[catalog.labels[:, block]] + 0.8 * rng.normal(size=(size, 128))
            embeddings[:, block] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
            prototypes.append(
                mean_embeddings(
                    embeddings[:, block],
                    catalog.labels[:, block],
                    len(category.values),
                    unit_length=True,
                )
            )
        embedded = Embedded(
            run_name="made-up",
            super_categories=catalog.super_categories,
            item_ids=catalog.item_ids,
            embeddings=embeddings,
            manipulation=Replacement(tuple(prototypes)),
            weights=Weights(blocks=(1.0,) * len(SUPER_CATEGORIES), changed=2.0),
        )
        write_generation(workspace, store, embedded, IndexConfig())
        return Searcher(catalog, Generation.current(workspace, store))


def measure(searcher: Searcher) -> tuple[str, ...]:
    """Time the same changed queries through both ways."""
    exact, exact_seconds = timed(searcher, everything=True)
    quick, quick_seconds = timed(searcher, everything=False)
    recall = np.mean([len(a & b) / len(a) for a, b in zip(exact, quick, strict=True)])
    return (
        f"{1000 * exact_seconds:.1f}",
        f"{1000 * quick_seconds:.1f}",
        f"{exact_seconds / quick_seconds:.1f}",
        f"{recall:.4f}",
    )


def timed(searcher: Searcher, *, everything: bool) -> tuple[list[set[int]], float]:
    """Return the answers of every query and the median seconds of one."""
    rng = np.random.default_rng(1)
    search.EXACT_BELOW = searcher.catalog.num_items if everything else 0
    answers, seconds = [], []
    for row in rng.integers(searcher.catalog.num_items, size=NUM_QUERIES):
        colour = rng.choice(searcher.catalog.super_categories[1].values)
        request = Request(changes={searcher.names[1]: str(colour)})
        query = searcher.query_of_item(int(row))
        started = time.perf_counter()
        found = searcher.substitutes(query, request)
        seconds.append(time.perf_counter() - started)
        answers.append({result.row for result in found})
    return answers, float(np.median(seconds))


if __name__ == "__main__":
    main()
