"""The search engines beside NumPy, hnswlib, faiss and usearch, with weights that move and filters.

    make bench        or        python benchmarks/engines.py --workspace DIR 10000 100000 1000000

Vectors are drawn from the embeddings of a workspace's index: an item is mixed with one of its
nearest, each block in its own proportion. Without a workspace they are made up: six blocks of 128
around prototypes. Other libraries are measured where they are installed; each gets the least effort
that reaches the recall, like datrnet's engines. Everything runs on one thread. ``--write`` renews
docs/results/performance.md from all sizes measured so far, which ``--results`` keeps.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.engine_choice import RecallQueries, build_engine
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.engines.annoy_file import ANNOY, AnnoyEngine
from datrnet.core.retrieval.engines.block_codes import (
    CODE_FILES,
    CODE_PLACES,
    EFFORTS,
    BlockCodes,
    Effort,
)
from datrnet.core.retrieval.engines.engine import ExactEngine, IndexedItems
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

DOCS = Path(__file__).resolve().parents[1] / "docs" / "results"
K = 30
NUM_QUERIES, FEW_QUERIES = 40, 12
"""Of each column; few in an index above ``GRAPHS_UP_TO``."""

REPEATS = 4
TOGETHER = 256
"""Queries that are searched together."""

TARGET = 0.99
NEAREST = 8
SHARES = (0.001, 0.01, 0.1, 0.5)
GRAPHS_UP_TO = 100_000
"""Items up to which a graph or forest is built in minutes on one thread."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_] | None
Answer = Callable[[Floats, Floats, Mask], NDArray[np.int64]]
"""From blocks (A, E), weights (A,) and a mask to the places of the k nearest."""


@dataclass
class Engine:
    """A row of the table."""

    size: int
    name: str
    built: float = 0.0
    """Seconds."""
    opened: float | None = None
    """Milliseconds."""
    megabytes: float = 0.0
    """Of its files, or of memory beside the embeddings."""
    cells: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Milliseconds and recall, by column."""


class Bench:
    """Vectors of one size, and queries with what is right for each column."""

    def __init__(self, items: IndexedItems, weights: Weights) -> None:
        """Draw queries and rank them exactly."""
        self.items, self.vectors = items, items.embeddings.reshape(len(items), -1)
        self.calibration = RecallQueries.draw(
            items.embeddings, items.manipulation, weights, move_weights=True
        )
        rng = np.random.default_rng(7)
        exact = ExactEngine(items)
        plain = Weights.equal(items.embeddings.shape[1])
        draw = partial(RecallQueries.draw, items.embeddings, items.manipulation)
        sets = {
            "equal": draw(plain, move_weights=False),
            "index": draw(weights, move_weights=False),
            "free": self.calibration,
        }
        masks: dict[str, Mask] = {
            f"{share:.1%}": rng.random(len(items)) < share for share in SHARES
        }
        self.columns: dict[str, list[tuple[Floats, Floats, Mask, set[int]]]] = {}
        number = NUM_QUERIES if len(items) <= GRAPHS_UP_TO else FEW_QUERIES
        for name, queries, mask in [
            *((name, queries, None) for name, queries in sets.items()),
            *((name, sets["index"], mask) for name, mask in masks.items()),
        ]:
            blocks, live = queries.blocks[:number], queries.weights[:number]
            found = exact.candidates_of_many(blocks, live, K, [mask] * len(blocks))
            self.columns[name] = [
                (one, own, mask, set(items.nearest(one, own, K, places)[0].tolist()))
                for one, own, places in zip(blocks, live, found, strict=True)
            ]

    def recall(self, answer: Answer, column: str) -> float:
        """Return the share of right answers."""
        found = [
            len(right & set(answer(blocks, live, mask)[:K].tolist())) / max(1, len(right))
            for blocks, live, mask, right in self.columns[column]
        ]
        return float(np.mean(found))

    def measure(self, engine: Engine, answer: Answer, columns: list[str] | None = None) -> Engine:
        """Fill a row: the mean over queries of the best of some calls."""
        repeats = REPEATS if len(self.items) <= GRAPHS_UP_TO else REPEATS // 2
        for column in columns or list(self.columns):
            best = []
            for blocks, live, mask, _ in self.columns[column]:
                seconds = []
                for _ in range(repeats):
                    started = time.perf_counter()
                    answer(blocks, live, mask)
                    seconds.append(time.perf_counter() - started)
                best.append(min(seconds))
            engine.cells[column] = 1000 * float(np.mean(best)), self.recall(answer, column)
        return engine

    def least(self, answers: Iterator[Answer] | list[Answer]) -> Answer:
        """Return the first answer that reaches the recall on free weights, else the last."""
        for answer in answers:
            if self.recall(answer, "free") >= TARGET:
                break
        return answer

    def ranked(self, candidates: Callable[[Floats, Floats, Mask], Any]) -> Answer:
        """Return an answer that ranks candidates exactly."""

        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            return self.items.nearest(blocks, live, K, candidates(blocks, live, mask))[0]

        return answer


def rows(bench: Bench, folder: Path) -> Iterator[Engine]:
    """Measure every engine that there is, one after the other."""
    items, size = bench.items, len(bench.items)
    row = partial(Engine, size)

    def product(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
        scores = bench.vectors @ (live[:, None] * blocks).ravel()
        if mask is not None:
            scores[~mask] = -np.inf
        near = np.argpartition(-scores, K)[:K]
        return near[scores[near] > -np.inf]

    few = ["index", "free"] if size > GRAPHS_UP_TO else None
    yield bench.measure(row("NumPy, one product"), product, few)
    exact = ExactEngine(items)
    yield bench.measure(
        row("datrnet, exact"),
        bench.ranked(lambda blocks, live, mask: exact.candidates(blocks, live, K, mask)),
        few and [*few, "0.1%", "1.0%", "10.0%"],
    )
    config, nothing = IndexConfig(recall_target=TARGET), lambda _: None
    started = time.perf_counter()
    facts = build_engine(folder, items, "blocks", bench.calibration, config, nothing)
    built = time.perf_counter() - started
    started = time.perf_counter()
    codes = BlockCodes.open(folder, np.load(folder / CODE_PLACES))
    codes.effort = facts.effort
    opened = 1000 * (time.perf_counter() - started)
    megabytes = sum((folder / name).stat().st_size for name in CODE_FILES) / 1e6
    yield bench.measure(
        row("datrnet, block codes", built, opened, megabytes),
        bench.ranked(lambda blocks, live, mask: codes.candidates(blocks, live, K, mask)),
    )
    for others in (faiss_rows, annoy_rows, hnswlib_rows, usearch_rows):
        try:
            yield from others(bench, folder, row)
        except ImportError as error:
            print(f"{others.__name__}: {error}; left out")


def annoy_rows(bench: Bench, folder: Path, row: Callable[..., Engine]) -> Iterator[Engine]:
    """Measure datrnet's other engine."""
    items = bench.items
    if len(items) > GRAPHS_UP_TO:
        return
    started = time.perf_counter()
    config = IndexConfig(recall_target=TARGET)
    facts = build_engine(folder, items, "annoy", bench.calibration, config, lambda _: None)
    built, path = time.perf_counter() - started, folder / ANNOY
    annoy, exact = (
        AnnoyEngine(items, path, np.arange(len(items)), facts.nodes),
        ExactEngine(items),
    )

    def candidates(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
        found = annoy.candidates(blocks, live, K, mask)
        return exact.candidates(blocks, live, K, mask) if found is None else found

    engine = row("datrnet, Annoy", built, None, path.stat().st_size / 1e6)
    yield bench.measure(engine, bench.ranked(candidates))


def weighted(blocks: Floats, live: Floats) -> Floats:
    """Return the vector (1, D) whose inner products rank as weighted distances of unit blocks."""
    return (live[:, None] * blocks).reshape(1, -1).astype(np.float32)


def faiss_rows(bench: Bench, folder: Path, row: Callable[..., Engine]) -> Iterator[Engine]:
    """Measure an inverted file, and a 4-bit product quantizer ranked again."""
    import faiss

    faiss.omp_set_num_threads(1)
    vectors, size = bench.vectors, len(bench.vectors)
    dim, lists = vectors.shape[1], int(2 * np.sqrt(size))
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    started = time.perf_counter()
    inverted.train(np.ascontiguousarray(vectors[:: max(1, size // (40 * lists))]))
    inverted.add(np.ascontiguousarray(vectors))
    built = time.perf_counter() - started

    def of(probes: int) -> Answer:
        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            chosen = faiss.SearchParametersIVF(nprobe=probes)
            if mask is not None:
                chosen.sel = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            found = inverted.search(weighted(blocks, live), K, params=chosen)[1][0]
            return found[found >= 0]

        return answer

    answer = bench.least([of(n) for n in (16, 32, 64, 128, 256, 512, lists) if n <= lists])
    yield bench.measure(row("faiss, IVF", built, None, vectors.nbytes / 1e6), answer)
    if size > GRAPHS_UP_TO:
        return
    started = time.perf_counter()
    fast = faiss.IndexPQFastScan(dim, 96, 4, faiss.METRIC_INNER_PRODUCT)
    fast.train(np.ascontiguousarray(vectors[:50_000]))
    fast.add(np.ascontiguousarray(vectors))
    built = time.perf_counter() - started

    def again(count: int) -> Answer:
        return bench.ranked(
            lambda blocks, live, mask: fast.search(weighted(blocks, live), count)[1][0]
        )

    answer = bench.least([again(n) for n in (300, 1000, 3000)])
    engine = row("faiss, 4-bit codes", built, None, size * 48 / 1e6)
    yield bench.measure(engine, answer, ["equal", "index", "free"])


def hnswlib_rows(bench: Bench, folder: Path, row: Callable[..., Engine]) -> Iterator[Engine]:
    """Measure a graph."""
    import hnswlib

    vectors, size = bench.vectors, len(bench.vectors)
    if size > GRAPHS_UP_TO:
        return
    started = time.perf_counter()
    graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
    graph.init_index(max_elements=size, ef_construction=100, M=16)
    graph.add_items(vectors, num_threads=1)
    built = time.perf_counter() - started

    def of(effort: int) -> Answer:
        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            graph.set_ef(effort)
            passes = None if mask is None else mask.__getitem__
            count = K if mask is None else min(K, int(mask.sum()))
            try:
                found = graph.knn_query(weighted(blocks, live), count, 1, passes)[0][0]
            except RuntimeError:  # it found fewer than that
                found = np.empty(0)
            return found.astype(np.int64)

        return answer

    answer = bench.least([of(n) for n in (100, 200, 400, 800, 1600, 3000) if n <= size])
    yield bench.measure(
        row("hnswlib", built, None, size * (vectors.shape[1] * 4 + 144) / 1e6), answer
    )


def usearch_rows(bench: Bench, folder: Path, row: Callable[..., Engine]) -> Iterator[Engine]:
    """Measure another graph; its Python client takes no filter."""
    from usearch.index import Index

    vectors, size = bench.vectors, len(bench.vectors)
    if size > GRAPHS_UP_TO:
        return
    started = time.perf_counter()
    graph = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
    graph.add(np.arange(size), np.ascontiguousarray(vectors), threads=1)
    built = time.perf_counter() - started

    def of(effort: int) -> Answer:
        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            graph.expansion_search = effort
            keys = graph.search(weighted(blocks, live)[0], K, threads=1).keys
            return np.asarray(keys).astype(np.int64)

        return answer

    answer = bench.least([of(n) for n in (100, 200, 400, 800, 1600, 3000) if n <= size])
    engine = row("usearch", built, None, graph.memory_usage / 1e6)
    yield bench.measure(engine, answer, ["equal", "index", "free"])


def drawn(size: int, source: Generation | None) -> tuple[Floats, Replacement, Weights]:
    """Return unit blocks (N, A, E), prototypes, and the weights of the index."""
    rng = np.random.default_rng(0)
    if source is None:
        counts = (37, 23, 4, 5, 4, 4)
        centers = [rng.normal(size=(count, 128)).astype(np.float32) for count in counts]
        labels = np.stack([rng.integers(count, size=8000) for count in counts], axis=1)
        base = np.stack([one[labels[:, a]] for a, one in enumerate(centers)], axis=1)
        base += 0.4 * rng.normal(size=base.shape).astype(np.float32)
        base /= np.linalg.norm(base, axis=2, keepdims=True)
        prototypes = Replacement(
            tuple(block / np.linalg.norm(block, axis=1, keepdims=True) for block in centers)
        )
        weights = Weights(blocks=(1.8, 1.3, 0.5, 1.3, 0.5, 0.6), changed=2.8)
    else:
        base, manifest = np.array(source.embeddings), source.manifest
        assert isinstance(source.manipulation, Replacement)
        prototypes = source.manipulation
        weights = Weights(blocks=manifest.weights, changed=manifest.changed_weight)
    flat = base.reshape(len(base), -1)
    products = flat @ flat.T
    near = np.argpartition(-products, NEAREST + 1, axis=1)[:, : NEAREST + 1]
    found = np.empty((size, *base.shape[1:]), dtype=np.float32)
    for start in range(0, size, 20_000):
        part = found[start : start + 20_000]
        one = rng.integers(len(base), size=len(part))
        other = near[one, rng.integers(NEAREST + 1, size=len(part))]
        mix = rng.normal(0.5, 0.5, size=(len(part), base.shape[1], 1)).astype(np.float32)
        part[:] = base[one] + mix * (base[other] - base[one])
        part += rng.normal(0, 0.05 / np.sqrt(base.shape[2]), size=part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=2, keepdims=True)
    return found, prototypes, weights


def whole_search(bench: Bench, weights: Weights) -> dict[str, float]:
    """Return processor milliseconds of a query, alone and searched together with others."""
    embeddings, manipulation = bench.items.embeddings, bench.items.manipulation
    rng = np.random.default_rng(3)
    counts = manipulation.counts
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name))
        with workspace.create_store() as store:
            store.upsert_items(
                NewItem(
                    code=f"{number:07}",
                    title=f"Item {number}",
                    picture_path="none",
                    split="train",
                    labels={
                        f"name {a}": f"{rng.integers(count):02}" for a, count in enumerate(counts)
                    },
                )
                for number in range(len(embeddings))
            )
            catalog = Catalog.load(store)
            embedded = Embedded(
                run_name="drawn",
                super_categories=catalog.super_categories,
                item_ids=catalog.item_ids,
                embeddings=np.array(embeddings),
                manipulation=manipulation,
                weights=weights,
                engine="blocks",
            )
            write_generation(workspace, store, embedded, IndexConfig())
            searcher = Searcher(catalog, Generation.current(workspace, store))
        queries = [searcher.query_of_item(row) for row in range(TOGETHER)]
        value = catalog.super_categories[1].values[0]
        request = Request(changes={"name 1": value}, weights={"name 0": 0.5})
        alone, together = [], []
        for _ in range(REPEATS):
            started = time.process_time()
            for query in queries:
                searcher.substitutes(query, request)
            alone.append(time.process_time() - started)
            started = time.process_time()
            for _ in searcher.search_many(queries, request):
                pass
            together.append(time.process_time() - started)
        each = 1000 / len(queries)
        return {"alone": each * min(alone), "together": each * min(together)}


def after_additions(bench: Bench) -> dict[str, float]:
    """Return the recall of codes whose codebook saw some share of the items, with one effort."""
    items, queries = bench.items, bench.calibration
    exact = queries.exact(items)
    found = {}
    effort = EFFORTS[0]
    for share in (1.0, 0.9, 0.5):
        before = items.embeddings[: int(share * len(items))]
        codes = BlockCodes.build(replace(items, embeddings=before)).updated(items)
        if share == 1:
            efforts = iter(EFFORTS)
            while (queries.recall(with_effort(codes, effort), items, exact) or 0) < TARGET:
                effort = next(efforts)
        found[f"{share:.0%}"] = queries.recall(with_effort(codes, effort), items, exact) or 0.0
    return found


def with_effort(codes: BlockCodes, effort: Effort) -> BlockCodes:
    """Set how much a query looks at."""
    codes.effort = effort
    return codes


def _cell(measured: list[float] | None) -> str:
    """Return milliseconds and recall as text."""
    if measured is None:
        return "–"
    milliseconds, recall = measured
    return f"{milliseconds:.{0 if milliseconds > 99 else 2}f} / {recall:.3f}"


def show(engines: list[dict[str, Any]]) -> Table:
    """Return the table of one size."""
    columns = ["equal", "index", "free", *(f"{share:.1%}" for share in SHARES)]
    table = Table("engine", *columns, "built, s", "MB", box=box.SIMPLE)
    for engine in engines:
        cells = [_cell(engine["cells"].get(name)) for name in columns]
        table.add_row(
            engine["name"], *cells, f"{engine['built']:.0f}", f"{engine['megabytes']:,.0f}"
        )
    return table


MADE_UP = "The vectors are made up: six unit blocks of 128 around prototypes."
DRAWN = (
    "The vectors are drawn from DAtRNet's\nembeddings of `fashion-products` (six networks, trained "
    "for six epochs): an item is mixed with one of its eight\nnearest, block by block, and with a "
    "little noise."
)

PAGE = Path(__file__).with_name("engines.md")
"""The page around the tables, written by hand; what it says changes with them."""


def write_page(kept: dict[str, Any], source: str) -> None:
    """Write the page and its picture."""
    tables = []
    for size, measured in sorted(kept.items(), key=lambda one: int(one[0])):
        out = Console(width=170, file=io.StringIO())
        out.print(show(measured["engines"]))
        notes = []
        for engine in measured["engines"]:
            if engine["opened"] is not None:
                notes.append(f"Block codes are opened in {engine['opened']:.0f} ms.")
        if "search" in measured:
            search = measured["search"]
            notes.append(
                f"`Searcher.substitutes` takes {search['alone']:.2f} ms of processor time with "
                f"explanations, `search_many` of {TOGETHER} {search['together']:.2f} ms each."
            )
        if "additions" in measured:
            shares = ", ".join(f"{k} {v:.4f}" for k, v in measured["additions"].items())
            notes.append(f"Recall by the share of items that the codebook has seen: {shares}.")
        tables += [f"## {int(size):,} items", "", "```text"]
        tables += [line.rstrip() for line in out.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]
        tables += ["```", "", *(f"- {note}" for note in notes), ""]
    text = PAGE.read_text("utf-8").format(
        source=source, repeats=REPEATS, target=TARGET, tables="\n".join(tables)
    )
    (DOCS / "performance.md").write_text(text, "utf-8")
    draw_picture(kept, DOCS / "performance.png")


def draw_picture(kept: dict[str, Any], path: Path) -> None:
    """Draw the time of each engine against the filter, a panel for each size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sizes = sorted(kept, key=int)
    figure, panels = plt.subplots(1, len(sizes), figsize=(4.2 * len(sizes), 4), sharey=True)
    columns = ["equal", "index", "free", *(f"{share:.1%}" for share in SHARES[::-1])]
    for size, panel in zip(sizes, np.atleast_1d(panels), strict=True):
        for number, engine in enumerate(kept[size]["engines"]):
            cells = [engine["cells"].get(column) for column in columns]
            good = [cell[0] if cell and cell[1] >= TARGET - 0.0005 else np.nan for cell in cells]
            is_ours = engine["name"].startswith("datrnet")
            panel.plot(
                columns,
                good,
                marker="o" if is_ours else ".",
                linestyle="-" if is_ours else ":",
                color=f"C{number}",
                label=engine["name"],
            )
        panel.set_yscale("log")
        panel.set_title(f"{int(size):,} items")
        panel.tick_params(axis="x", rotation=60)
        panel.grid(alpha=0.3)
    np.atleast_1d(panels)[0].set_ylabel("ms a query, where recall@30 is 0.99")
    handles = {}
    for panel in np.atleast_1d(panels):
        lines, names = panel.get_legend_handles_labels()
        handles |= dict(zip(names, lines, strict=True))
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=4, fontsize=8)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure every size named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000])
    parser.add_argument("--workspace", type=Path, help="draw from the embeddings of its index")
    parser.add_argument("--results", type=Path, default=Path("build/engines.json"))
    parser.add_argument("--write", action="store_true", help="renew docs/results/performance.md")
    given = parser.parse_args()
    source = None
    if given.workspace is not None:
        workspace = Workspace(given.workspace)
        with workspace.open_store() as store:
            source = Generation.current(workspace, store)
    kept: dict[str, Any] = {}
    if given.results.exists():
        kept = json.loads(given.results.read_text("utf-8"))
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="datrnet-engines-") as name:
            embeddings, manipulation, weights = drawn(size, source)
            np.save(Path(name) / "embeddings.npy", embeddings)
            del embeddings
            mapped = np.load(Path(name) / "embeddings.npy", mmap_mode="r").view(np.ndarray)
            bench = Bench(IndexedItems(mapped, manipulation, True), weights)
            measured: dict[str, Any] = {"engines": []}
            for engine in rows(bench, Path(name)):
                measured["engines"].append(asdict(engine))
                print(engine, flush=True)
            if size <= GRAPHS_UP_TO:
                measured["search"] = whole_search(bench, weights)
                measured["additions"] = after_additions(bench)
        kept[str(size)] = measured
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(kept, indent=1), "utf-8")
        Console(width=160).print(show(measured["engines"]), measured.get("search"))
    if given.write:
        write_page(kept, MADE_UP if source is None else DRAWN)


if __name__ == "__main__":
    main()
