"""What 10^5 to 10^9 items need, from what one core of this machine does.

    python benchmarks/scale.py

It measures how many pictures a second are read and embedded, with six untrained networks of the
configs `small` and `paper`, and a search by block codes in 100,000 items whose embeddings are made
up. What it prints for other numbers of items is computed from these, in proportion.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from drawn_catalog import Source
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from datrnet.core.config import Config, IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.indexing.engine_choice import RecallQueries, build_engine
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.retrieval.engines.block_codes import CODE_FILES, BlockCodes
from datrnet.core.retrieval.engines.engine import IndexedItems
from datrnet.core.retrieval.engines.milvus_server import GRAPH
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.db.rows import SuperCategory

BLOCKS, SIZE = 6, 128
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9)
MEASURED = 10**5
NUM_PICTURES = {"small": 1024, "paper": 64}
PICTURE = (600, 800)
DAY = 24 * 3600


def main() -> None:
    """Measure, and print what follows."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        rates = {config: pictures_per_second(Path(name), config) for config in NUM_PICTURES}
        code_bytes, seconds = block_codes(Path(name))
    for config, rate in rates.items():
        print(f"{config}: {rate:.1f} pictures a second, read and embedded by one core")
    print(
        f"block codes: {code_bytes:.0f} bytes an item, {1000 * seconds:.2f} ms a query at 100,000"
    )
    table = Table(
        "items",
        "embedding, small",
        "paper",
        "embeddings",
        "block codes",
        "a query by them",
        "Milvus",
        box=box.SIMPLE,
    )
    vector_bytes = 4 * BLOCKS * (SIZE + 1) + 2 * 4 * GRAPH["M"]
    for size in SIZES:
        table.add_row(
            f"{size:,}",
            *(duration(size / rate) for rate in rates.values()),
            amount(4 * BLOCKS * SIZE * size),
            amount(code_bytes * size),
            duration(seconds * size / MEASURED),
            amount(vector_bytes * size),
        )
    Console(width=110).print(table)


def pictures_per_second(folder: Path, name: str) -> float:
    """Return how many pictures one core reads and embeds in a second."""
    config, rng = Config.load(name), np.random.default_rng(0)
    run = RunFolder(
        path=folder / name,
        config=config,
        super_categories=tuple(
            SuperCategory(name=f"category {number}", values=("a", "b")) for number in range(BLOCKS)
        ),
    )
    run.create()
    for idx in range(BLOCKS):
        save_weights(DAtRNet(config.model), run.weights_path(idx))
    paths = []
    for number in range(16):
        pixels = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(pixels).resize(PICTURE, Image.Resampling.BICUBIC).save(paths[-1])
    paths = [paths[number % 16] for number in range(NUM_PICTURES[name])]
    embedder = Embedder(run)
    started = time.perf_counter()
    for start in range(0, len(paths), 256):
        embedder.embed(read_pixels(paths[start : start + 256], config.model.image_size)[0])
    return len(paths) / (time.perf_counter() - started)


def block_codes(folder: Path) -> tuple[float, float]:
    """Return the bytes of an item in block codes, and the seconds of a query that finds .99."""
    embeddings = Source.made_up().drawn(MEASURED)
    manipulation = Replacement(tuple(embeddings[:20, block] for block in range(BLOCKS)))
    items = IndexedItems(embeddings, manipulation, unit_blocks=True)
    weights = Weights(blocks=(1.0,) * BLOCKS, changed=1.0)
    queries = RecallQueries.draw(embeddings, manipulation, weights, move_weights=True)
    facts = build_engine(folder, items, "blocks", queries, IndexConfig(), lambda _: None)
    codes = BlockCodes.open(folder, np.load(folder / "code_places.npy"))
    codes.effort = facts.effort
    times = []
    for blocks, weight in zip(queries.blocks, queries.weights, strict=True):
        started = time.perf_counter()
        codes.candidates(blocks, weight, 30)
        times.append(time.perf_counter() - started)
    num_bytes = sum((folder / name).stat().st_size for name in CODE_FILES)
    return num_bytes / MEASURED, float(np.median(times))


def duration(seconds: float) -> str:
    """Return a time in its unit."""
    for unit, size in (("years", 365 * DAY), ("days", DAY), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{1000 * seconds:.1f} ms"


def amount(num_bytes: float) -> str:
    """Return a number of bytes in its unit."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.1f} kB"


if __name__ == "__main__":
    main()
