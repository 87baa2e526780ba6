"""Search and its engines beside NumPy, hnswlib, faiss and usearch; weights move, filters differ.

    make bench        or        python benchmarks/engines.py --keep DIR --write 10000 100000 1000000

The queries are those of a search: items with one to three changes, weights and conditions. The
embeddings come from ``drawn_catalog.py``; ``rivals.py`` says how other libraries are installed, and
those that are not are left out. datrnet's engines have the effort that `datrnet index` chose, other
libraries in each column the least that reaches the recall. Everything runs on one thread.

``--keep`` is a folder for what takes long to build: the catalogs, their indexes, and those of other
libraries. ``--build`` only builds; a busy machine will do for that. ``--write`` renews
docs/results/performance.md from all sizes measured so far, which ``--results`` keeps.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from drawn_catalog import (
    DRAWN,
    MADE_UP,
    SHARE,
    BuiltTimes,
    Floats,
    Source,
    searcher_of,
)
from engines_page import show, write_page
from numpy.typing import NDArray
from rich.console import Console
from rivals import RIVALS, Answer, Mask, Rival

from datrnet.core.catalog.facts import Condition
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.protocol import weights_of
from datrnet.core.indexing.engine_choice import RecallQueries, build_engine, efforts_for
from datrnet.core.retrieval.engines.annoy_file import ANNOY, AnnoyEngine
from datrnet.core.retrieval.engines.block_codes import CODE_FILES, BlockCodes
from datrnet.core.retrieval.engines.engine import ExactEngine
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher, SearchPlan

K = 30
NUM_QUERIES, FEW_QUERIES = 40, 15
"""Of each column; few in an index above ``GRAPHS_UP_TO``."""

REPEATS = 4
TOGETHER = 256
"""Queries that are searched together."""

TARGET = 0.99
MOST_CHANGES, LARGEST_FACTOR = 3, 4.0
SHARES = (0.001, 0.01, 0.1, 0.5)
GRAPHS_UP_TO = 100_000
"""Items up to which Annoy and one product are measured in every column."""

CELL_SECONDS = 8
"""After so long a cell of the table is done with the queries it has had, if those are three."""


@dataclass
class Row:
    """A row of the table."""

    name: str
    built: float | None = None
    """Seconds."""
    megabytes: float = 0.0
    """Of its files, or of memory beside the embeddings."""
    cells: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Milliseconds and recall, by column."""


@dataclass(frozen=True)
class Asked:
    """A query of a column."""

    plan: SearchPlan
    mask: Mask
    """(N,) what the filter lets pass, the queried item included."""
    right: frozenset[int]
    """The places of the nearest."""


class Bench:
    """A catalog, and queries with what is right for each column."""

    def __init__(self, searcher: Searcher) -> None:
        """Draw queries and rank them exactly."""
        self.searcher, self.items = searcher, searcher.generation.items
        self.vectors = self.items.embeddings.reshape(len(self.items), -1)
        self.columns: dict[str, list[Asked]] = {}
        number = NUM_QUERIES if len(self.items) <= GRAPHS_UP_TO else FEW_QUERIES
        for column in ("equal", "index", "free"):
            self._add(column, list(self.plans(number, column)), None)
        for share in SHARES:
            condition = Condition.parse(f"{SHARE}<{share}")
            plans = list(self.plans(number, "index", (condition,)))
            mask = plans[0].allowed.copy()
            for plan in plans:
                mask |= plan.allowed  # each lacks its own item
            self._add(f"{share:.1%}", plans, mask)

    def _add(self, column: str, plans: Sequence[SearchPlan], mask: Mask) -> None:
        blocks = np.stack([plan.blocks for plan in plans])
        weights = np.stack([plan.weights for plan in plans])
        found = ExactEngine(self.items).candidates_of_many(blocks, weights, K, [mask] * len(plans))
        self.columns[column] = [
            Asked(plan, mask, self._right(plan, places))
            for plan, places in zip(plans, found, strict=True)
        ]

    def _right(self, plan: SearchPlan, places: NDArray[np.int64]) -> frozenset[int]:
        near, _ = self.items.nearest(plan.blocks, plan.weights, K, places)
        return frozenset(near.tolist())

    def plans(
        self, number: int, column: str, others: tuple[Condition, ...] = ()
    ) -> Iterator[SearchPlan]:
        """Yield searches as people make them, with the weights of a column."""
        searcher, rng = self.searcher, np.random.default_rng(0)
        learned = weights_of(searcher.generation)
        for row in rng.permutation(len(self.items))[:number].tolist():
            changed = rng.permutation(len(searcher.names))[: rng.integers(1, MOST_CHANGES + 1)]
            changes, factors = {}, {}
            for idx, category in enumerate(searcher.generation.super_categories):
                value = category.values[rng.integers(len(category.values))]
                spread = np.log(LARGEST_FACTOR)
                factor = float(np.exp(rng.uniform(-spread, spread)))
                if idx in changed:
                    changes[category.name] = value
                if column == "equal":
                    whole = learned.blocks[idx] * (learned.changed if idx in changed else 1)
                    factor = 1 / whole if whole else 1
                if column != "index":
                    factors[category.name] = factor
            request = Request(changes=changes, weights=factors, others=others, k=K)
            yield searcher.plan(searcher.query_of_item(row), request)

    def trial(self, answer: Answer, column: str, repeats: int) -> tuple[float, float]:
        """Return the mean of the best milliseconds of each query, and the recall."""
        best, hits, deadline = [], [], time.perf_counter() + CELL_SECONDS
        for asked in self.columns[column]:
            plan, seconds = asked.plan, []
            while len(seconds) < repeats and sum(seconds) < CELL_SECONDS / 20:
                started = time.perf_counter()
                found = answer(plan.blocks, plan.weights, asked.mask)
                seconds.append(time.perf_counter() - started)
            best.append(min(seconds))
            hits.append(len(asked.right & set(found[:K].tolist())) / max(1, len(asked.right)))
            if time.perf_counter() > deadline and len(best) >= 3:
                break
        return 1000 * float(np.mean(best)), float(np.mean(hits))

    def measure(self, row: Row, answer: Answer, columns: Sequence[str] | None = None) -> Row:
        """Fill a row."""
        repeats = REPEATS if len(self.items) <= GRAPHS_UP_TO else REPEATS // 2
        for column in columns or self.columns:
            row.cells[column] = self.trial(answer, column, repeats)
        return row

    def measure_rival(self, row: Row, rival: Rival) -> Row:
        """Fill a row, each column with the least effort that reaches the recall there."""
        for column in self.columns if rival.filters else ("equal", "index", "free"):
            for effort in rival.efforts:
                answer = rival.with_effort(effort)
                milliseconds, recall = self.trial(answer, column, 1)
                if recall >= TARGET or milliseconds > 1000 * CELL_SECONDS / 4:
                    break
            self.measure(row, answer, [column])
        return row

    def ranked(self, candidates: Callable[[Floats, Floats, Mask], Any]) -> Answer:
        """Return an answer that ranks candidates exactly."""

        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            return self.items.nearest(blocks, live, K, candidates(blocks, live, mask))[0]

        return answer


def our_rows(bench: Bench, folder: Path) -> Iterator[Row]:
    """Measure a plain product, datrnet's search, and its engines."""
    items, generation = bench.items, bench.searcher.generation

    def product(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
        scores = bench.vectors @ (live[:, None] * blocks).ravel()
        if mask is not None:
            scores[~mask] = -np.inf
        near = np.argpartition(-scores, K)[:K]
        return near[scores[near] > -np.inf]

    few = ["index", "free"] if len(items) > GRAPHS_UP_TO else None
    yield bench.measure(Row("NumPy, one product"), product, few)
    yield whole_search(bench)
    megabytes = sum((generation.folder / name).stat().st_size for name in CODE_FILES) / 1e6
    codes = generation.engine
    yield bench.measure(
        Row("datrnet, block codes", BuiltTimes(folder).seconds.get("datrnet"), megabytes),
        bench.ranked(lambda blocks, live, mask: codes.candidates(blocks, live, K, mask)),
    )
    exact = ExactEngine(items)
    yield bench.measure(
        Row("datrnet, exact"),
        bench.ranked(lambda blocks, live, mask: exact.candidates(blocks, live, K, mask)),
        few and [*few, "0.1%", "1.0%", "10.0%"],
    )
    with contextlib.suppress(ImportError):
        if not few:
            yield annoy_row(bench, folder)


def annoy_row(bench: Bench, folder: Path) -> Row:
    """Measure datrnet's engine for small catalogs."""
    items, path, exact = bench.items, folder / ANNOY, ExactEngine(bench.items)
    kept = folder / "annoy.json"
    if not kept.exists():
        started, weights = time.perf_counter(), weights_of(bench.searcher.generation)
        queries = RecallQueries.draw(
            items.embeddings, items.manipulation, weights, move_weights=True
        )
        config = IndexConfig(recall_target=TARGET)
        facts = build_engine(folder, items, "annoy", queries, config, lambda _: None)
        BuiltTimes(folder).add("annoy", started)
        kept.write_text(json.dumps(facts.nodes), "utf-8")
    annoy = AnnoyEngine(items, path, np.arange(len(items)), json.loads(kept.read_text("utf-8")))

    def candidates(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
        found = annoy.candidates(blocks, live, K, mask)
        return exact.candidates(blocks, live, K, mask) if found is None else found

    built = BuiltTimes(folder).seconds.get("annoy")
    row = Row("datrnet, Annoy", built, path.stat().st_size / 1e6)
    return bench.measure(row, bench.ranked(candidates))


def whole_search(bench: Bench) -> Row:
    """Measure what a user calls: from the request to results with their explanations, all read."""
    searcher, row = bench.searcher, Row("datrnet, whole search")
    for column, queries in bench.columns.items():
        best, hits = [], []
        for asked in queries:
            plan, seconds = asked.plan, []
            for _ in range(REPEATS):
                started = time.perf_counter()
                results = searcher.substitutes(plan.query, plan.request)
                for result in results:
                    _ = result.code, result.distance, result.parts, result.values, result.agreement
                seconds.append(time.perf_counter() - started)
            best.append(min(seconds))
            own = set(searcher.places_of(plan.query.rows).tolist())
            right, found = asked.right - own, {result.row for result in results}
            places = set(searcher.places_of(sorted(found)).tolist())
            hits.append(len(right & places) / max(1, len(right)))
        row.cells[column] = 1000 * float(np.mean(best)), float(np.mean(hits))
    return row


def together(bench: Bench) -> dict[str, float]:
    """Return processor milliseconds of a query, alone and with others, all results read."""
    plans = list(bench.plans(TOGETHER, "index"))
    queries, requests = [plan.query for plan in plans], [plan.request for plan in plans]
    searcher, found = bench.searcher, {"alone": np.inf, "together": np.inf, "one request": np.inf}
    for _ in range(REPEATS):
        for name, answers in {
            "alone": (
                searcher.substitutes(query, request)
                for query, request in zip(queries, requests, strict=True)
            ),
            "together": (results for _, results in searcher.search_many(queries, requests)),
            "one request": (results for _, results in searcher.search_many(queries, requests[0])),
        }.items():
            started = time.process_time()
            for results in answers:
                _ = [(result.code, result.distance) for result in results]
            each = 1000 * (time.process_time() - started) / len(queries)
            found[name] = min(found[name], each)
    return found


def after_additions(bench: Bench) -> dict[str, float]:
    """Return the recall of codes whose codebook saw some share of the items, with one effort."""
    items, weights = bench.items, weights_of(bench.searcher.generation)
    queries = RecallQueries.draw(items.embeddings, items.manipulation, weights, move_weights=True)
    exact, found = queries.exact(items), {}
    efforts = efforts_for(len(items))
    for share in (1.0, 0.9, 0.5):
        before = items.embeddings[: int(share * len(items))]
        codes = BlockCodes.build(replace(items, embeddings=before)).updated(items)
        for effort in efforts:
            codes.effort = effort
            recall = queries.recall(codes, items, exact) or 0.0
            if recall >= TARGET:
                break
        efforts, found[f"{share:.0%}"] = [effort], recall
    return found


def measured(size: int, folder: Path, searcher: Searcher) -> dict[str, Any]:
    """Measure everything with one catalog."""
    generation = searcher.generation
    started = time.perf_counter()
    _ = Generation(generation.folder).engine
    opened = 1000 * (time.perf_counter() - started)
    bench = Bench(searcher)
    found: dict[str, Any] = {"opened": opened, "effort": asdict(generation.manifest.effort)}
    rows: list[Row] = []
    for row in our_rows(bench, folder):
        print(row, flush=True)
        rows.append(row)
    for kind in RIVALS:
        rival = kind(bench.vectors, K)
        try:
            path = rival.kept(folder)
            rival.open(path)
        except ImportError as error:
            print(f"{rival.name}: {error}; left out")
            continue
        seconds = BuiltTimes(folder).seconds.get(rival.name)
        rows.append(bench.measure_rival(Row(rival.name, seconds, path.stat().st_size / 1e6), rival))
        print(rows[-1], flush=True)
    found |= {"engines": [asdict(row) for row in rows], "search": together(bench)}
    if size <= GRAPHS_UP_TO:
        found["additions"] = after_additions(bench)
    return found


def main() -> None:
    """Measure every size named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000])
    parser.add_argument("--workspace", type=Path, help="draw from the embeddings of its index")
    parser.add_argument("--keep", type=Path, help="folder for what takes long to build")
    parser.add_argument("--build", action="store_true", help="build what is missing there, and end")
    parser.add_argument("--only", action="append", help="library to build; all by default")
    parser.add_argument("--results", type=Path, default=Path("build/engines.json"))
    parser.add_argument("--write", action="store_true", help="renew docs/results/performance.md")
    given = parser.parse_args()
    source = None if given.workspace is None else Source.of_index(given.workspace)
    kept: dict[str, Any] = {}
    if given.results.exists():
        kept = json.loads(given.results.read_text("utf-8"))
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="datrnet-engines-") as name:
            folder = (given.keep or Path(name)) / str(size)
            searcher = searcher_of(folder, size, source)
            if given.build:
                build(folder, searcher, given.only)
                continue
            started = time.perf_counter()
            kept[str(size)] = measured(size, folder, searcher)
            print(f"{size:,} items took {time.perf_counter() - started:.0f} s")
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(kept, indent=1), "utf-8")
        Console(width=170).print(show(kept[str(size)]["engines"]))
    if given.write:
        write_page(kept, MADE_UP if source is None else DRAWN)


def build(folder: Path, searcher: Searcher, only: Sequence[str] | None) -> None:
    """Build the indexes of other libraries that are not there yet."""
    items = searcher.generation.items
    for kind in RIVALS:
        if only is None or kind.name in only:
            with contextlib.suppress(ImportError):
                rival = kind(items.embeddings.reshape(len(items), -1), K)
                print(folder, rival.name, rival.kept(folder), flush=True)


if __name__ == "__main__":
    main()
