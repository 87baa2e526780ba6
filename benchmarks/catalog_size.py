"""What grows with the catalog: search as you type, facets, opening it, a search as a command.

    python benchmarks/catalog_size.py [--items 10000 100000 1000000] [--folder DIR]

Makes a catalog of each size, in which every item has six labels and three variants with facts, and
a tenth of the titles is Japanese or Chinese. Prints processor and wall milliseconds, medians of
several runs. Pictures and networks have no part in it: the paths lead nowhere, and the embeddings
are noise.
"""

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.catalog_columns import FILE
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.fact_facets import fact_facets
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.request import Request
from datrnet.db.store import Store
from datrnet.tui.catalog_state import CatalogState
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.snapshot import Snapshot

LABELS = {
    "category": ("Dresses", "Jeans", "Shirts", "Shoes", "Skirts", "Sweaters"),
    "color": ("Black", "Blue", "Brown", "Green", "Grey", "Pink", "Red", "White"),
    "pattern": ("Checked", "Floral", "Plain", "Striped"),
    "sleeve": ("Long", "None", "Short"),
    "material": ("Cotton", "Denim", "Linen", "Silk", "Wool"),
    "season": ("Autumn", "Spring", "Summer", "Winter"),
}
BRANDS = tuple(
    f"{a}{b}" for a in ("Al", "Bo", "Ca", "Do", "El") for b in ("ba", "mira", "nor", "tes")
)
JAPANESE = (
    "赤いロングスカート",
    "黒いワンピース",
    "夏季红色连衣裙女",
    "綿のシャツ",
    "白色棉质衬衫男",
)
SIZES = ("S", "M", "L")
FACTS = {
    "price": "money",
    "brand": "text",
    "weight": "number",
    "size": "text",
    "in stock": "boolean",
}
EMBEDDING_SIZE = 8

SEARCHES = {
    "one letter": "s",
    "a word": "shirt",
    "the beginning of a word": "sweat",
    "two words": "red shirt",
    "a part of words": "tton",
    "a rare word": "1234",
    "three letters of CJK": "ロング",
    "two letters of CJK": "连衣",
    "one letter of CJK": "裙",
    "nothing": "xylophone",
}


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="keeps the catalogs for the next time")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="catalog-size-"))
    columns: dict[int, dict[str, str]] = {}
    try:
        for num_items in given.items:
            workspace = Workspace(folder / str(num_items))
            _make(workspace, num_items)
            columns[num_items] = {}
            for name, told in _measured(workspace):
                columns[num_items][name] = told
                print(f"{num_items:,}: {name}: {told}", file=sys.stderr)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, Python {platform.python_version()}")
    table = Table("milliseconds, processor / wall", *(f"{number:,}" for number in columns))
    for name in next(iter(columns.values())):
        table.add_row(name, *(column[name] for column in columns.values()))
    Console().print(table)


# ── a catalog ────────────────────────────────────────────────────────────────


def _make(workspace: Workspace, num_items: int) -> None:
    """Write a catalog and its index, unless an earlier call has."""
    if workspace.catalog_path.exists():
        return
    started = time.perf_counter()
    rng = random.Random(0)
    with workspace.create_store() as store:
        with store.writing() as db:
            _write_names(db.conn)
            numbers = range(1, num_items + 1)
            titles = [_title(rng, number) for number in numbers]
            db.conn.executemany(
                "INSERT INTO items (id, code, title, picture_path, split, facts_json, added_at,"
                " updated_at) VALUES (?, ?, ?, ?, ?, ?, '2026', '2026')",
                (_item(rng, number, titles[number - 1]) for number in numbers),
            )
            db.conn.executemany(
                "INSERT INTO item_attributes (item_id, super_category_id, position,"
                " attribute_value_id, source, set_at) VALUES (?, ?, ?, ?, 'shop', '2026')",
                _labels(rng, num_items),
            )
            db.conn.executemany(
                "INSERT INTO variants (item_id, code, facts_json) VALUES (?, ?, ?)",
                _variants(rng, num_items),
            )
        _write_index(workspace, store, num_items)
    took, size = time.perf_counter() - started, workspace.catalog_path.stat().st_size
    print(f"{num_items:,} items written in {took:.0f} s, {size / 1e6:,.0f} MB", file=sys.stderr)


def _write_names(db: Connection) -> None:
    execute = db.executemany
    execute(
        "INSERT INTO super_categories (id, name, position) VALUES (?, ?, ?)",
        [(idx, name, idx) for idx, name in enumerate(LABELS, start=1)],
    )
    execute(
        "INSERT INTO attribute_values (id, super_category_id, name) VALUES (?, ?, ?)",
        [
            (10 * idx + place, idx, value)
            for idx, values in enumerate(LABELS.values(), start=1)
            for place, value in enumerate(values)
        ],
    )
    execute("INSERT INTO facts (name, kind) VALUES (?, ?)", list(FACTS.items()))


def _title(rng: random.Random, number: int) -> str:
    if number % 10 == 0:
        return f"{rng.choice(JAPANESE)} {number}"
    words = (rng.choice(LABELS[name]) for name in ("color", "pattern", "material"))
    return f"{rng.choice(BRANDS)} {' '.join(words)} {rng.choice(LABELS['category'])[:-1]} {number}"


def _item(rng: random.Random, number: int, title: str) -> tuple[object, ...]:
    split = rng.choice(("train", "train", "validation", "test"))
    facts = {"brand": title.split()[0], "weight": str(rng.randrange(100, 900))}
    return number, f"L{number:07}", title, f"pictures/{number}.jpg", split, json.dumps(facts)


def _labels(rng: random.Random, num_items: int) -> Iterator[tuple[int, ...]]:
    sizes = [len(values) for values in LABELS.values()]
    for number in range(1, num_items + 1):
        for idx, size in enumerate(sizes, start=1):
            yield number, idx, 0, 10 * idx + int(rng.random() * size)
            if idx == 2 and number % 10 == 0:
                yield number, idx, 1, 10 * idx


def _variants(rng: random.Random, num_items: int) -> Iterator[tuple[int, str, str]]:
    for number in range(1, num_items + 1):
        price = f"{rng.randrange(1000, 9000) / 100:.2f} EUR"
        for size in SIZES:
            stock = "yes" if rng.random() < 0.8 else "no"
            facts = {"price": price, "size": size, "in stock": stock}
            yield number, f"L{number:07}-{size}", json.dumps(facts)


def _write_index(workspace: Workspace, store: Store, num_items: int) -> None:
    rng, categories = np.random.default_rng(0), tuple(store.super_categories())

    def blocks(*shape: int) -> NDArray[np.float32]:
        noise = rng.standard_normal((*shape, EMBEDDING_SIZE), dtype=np.float32)
        return noise / np.linalg.norm(noise, axis=-1, keepdims=True)

    embedded = Embedded(
        run_name="noise",
        super_categories=categories,
        item_ids=np.arange(1, num_items + 1),
        embeddings=blocks(num_items, len(categories)),
        manipulation=Replacement(tuple(blocks(len(own.values)) for own in categories)),
        weights=Weights.equal(len(categories)),
        engine="exact",  # the others have benchmarks of their own
    )
    write_generation(workspace, store, embedded, IndexConfig(), lambda _: None)


# ── measuring ────────────────────────────────────────────────────────────────


def _measured(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield what was measured, and how long it took."""
    kept = workspace.root / FILE
    kept.unlink(missing_ok=True)
    with workspace.open_store() as store:
        yield "catalog read from tables", _time(lambda: Catalog.load(store), 1)
        yield "catalog read again", _time(lambda: Catalog.load(store))
        yield "catalog_stamp", _time(store.catalog_stamp)
        yield "first row_of_code", _time(lambda: Catalog.load(store).row_of_code("L0000001"))
        yield (
            "first row_of_code, a variant",
            _time(lambda: Catalog.load(store).row_of_code("l0000001-s")),
        )
        yield "facets of facts", _time(lambda: fact_facets(Catalog.load(store)), 1)
        catalog = Catalog.load(store)
        yield from _of_conditions(catalog)
        snapshot = Snapshot.of(workspace, store, catalog)
        yield from _of_explorer(snapshot)
        searcher = snapshot.searcher
        assert searcher is not None
        query = searcher.query_of_item(0)
        nothing = Request(where={"color": ("Red",)}, others=(Condition.parse("price<1"),))
        yield "substitutes() of no candidates", _time(lambda: searcher.substitutes(query, nothing))
        plan = searcher.plan(query, Request(changes={"color": "Red"}))
        yield "exact_match_counts()", _time(plan.exact_match_counts)
    yield "datrnet --help", _command("--help")
    where = ("--workspace", str(workspace.root))
    yield "datrnet search ITEM", _command("search", "L0000001", *where)
    kept.unlink(missing_ok=True)
    yield "the same after a change", _command("search", "L0000001", *where, runs=1)


def _of_conditions(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for text in ("color=red", "color!=red", "price<50", "in stock=yes"):
        conditions = Conditions.parse(catalog, [text])
        yield f"matching() {text}", _time(lambda own=conditions: own.matching(catalog))


def _of_explorer(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    state, nothing = CatalogState(snapshot), np.zeros(0, dtype=np.intp)

    def begin(text: str) -> None:
        """Show what is found first, as the explorer does."""
        end, found = time.monotonic() + BrowseScreen.shown_after, []
        for page in snapshot.title_pages(text):
            found.append(page)
            if time.monotonic() >= end:
                break
        state.show_found(text, np.concatenate([nothing, *found]))

    def finish(text: str) -> None:
        state.show_found(text, np.concatenate([nothing, *snapshot.title_pages(text)]))

    for name, text in SEARCHES.items():
        first = _time(lambda own=text: [*islice(snapshot.title_pages(own), 1)])
        shown, whole = _time(lambda own=text: begin(own)), _time(lambda own=text: finish(own), 1)
        yield f"search as you type, {name}: first page", first
        yield f"… shown, {name}", shown
        yield f"… all, {name}", whole
    state.clear()
    yield "a facet of labels chosen", _time(lambda: state.toggle(1, 6))
    state.add_facets(fact_facets(snapshot.catalog))
    yield "a facet chosen beside those of facts", _time(lambda: state.toggle(6, 0))


def _time(call: Callable[[], object], runs: int = 7) -> str:
    processor, wall = [], []
    for _ in range(runs):
        before = time.process_time(), time.perf_counter()
        call()
        processor.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return _told(processor, wall)


def _command(*arguments: str, runs: int = 5) -> str:
    """Run a command of datrnet; return its times."""
    processor, wall = [], []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "datrnet", *arguments],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # as of installed modules
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = after.ru_utime + after.ru_stime, before[0].ru_utime + before[0].ru_stime
        processor.append(times[0] - times[1])
        wall.append(time.perf_counter() - before[1])
    return _told(processor, wall)


def _told(processor: list[float], wall: list[float]) -> str:
    return f"{1000 * statistics.median(processor):,.1f} / {1000 * statistics.median(wall):,.1f}"


if __name__ == "__main__":
    main()
