"""What it costs to index 100 new items of a large catalog, as a share of a rebuild.

    make bench        or        python benchmarks/index_update.py 10000 100000

Both embed with the untrained networks of the config `small`, which takes as long as with trained
ones. The items share a few hundred pictures; each is read and embedded for itself.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config
from datrnet.core.indexing.build import IndexReport, build_index
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

NUM_PICTURES = 400
NUM_NEW = 100
VALUES = {"category": 37, "color": 23, "pattern": 4}


def main() -> None:
    """Measure every size named on the command line."""
    table = Table("items", "rebuild, s", f"{NUM_NEW} more, s", "share", "without a change, s")
    for size in [int(text) for text in sys.argv[1:]] or [10_000]:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(f"{size:,}", *measure(Workspace(Path(folder)), size))
    Console().print(table)


def measure(workspace: Workspace, size: int) -> tuple[str, ...]:
    """Time a whole index, an update by a few items, and one by none."""
    rng = np.random.default_rng(0)
    for number in range(NUM_PICTURES):
        pixels = rng.integers(0, 255, (96, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(workspace.root / f"{number}.jpg")
    with workspace.create_store() as store:
        store.upsert_items(map(made_up, range(size)))
        run = untrained(workspace, store)
        _, whole = timed(workspace, store, run)
        store.upsert_items(map(made_up, range(size, size + NUM_NEW)))
        report, update = timed(workspace, store, run)
        assert (report.num_embedded, report.num_copied) == (NUM_NEW, size)
        report, nothing = timed(workspace, store, run)
        assert not report.is_new
    return f"{whole:.1f}", f"{update:.2f}", f"{update / whole:.1%}", f"{nothing:.2f}"


def made_up(number: int) -> NewItem:
    """Return an item with one of the pictures and labels that follow its number."""
    return NewItem(
        code=str(number),
        title="",
        picture_path=f"{number % NUM_PICTURES}.jpg",
        split=("train", "train", "train", "validation")[number % 4],
        labels={name: f"{name} {number % count}" for name, count in VALUES.items()},
    )


def untrained(workspace: Workspace, store: Store) -> RunFolder:
    """Return a run of networks with random weights."""
    config = Config.load("small")
    torch.manual_seed(0)
    run = RunFolder(
        path=workspace.models / "untrained",
        config=config,
        super_categories=Catalog.load(store).super_categories,
    )
    run.create()
    for idx in range(len(run.super_categories)):
        save_weights(DAtRNet(config.model), run.weights_path(idx))
    store.add_run(run.name, "datrnet", json.dumps(config.to_dict()))
    store.update_run(run.name, status="finished")
    return run


def timed(workspace: Workspace, store: Store, run: RunFolder) -> tuple[IndexReport, float]:
    """Return what `datrnet index` did, and its seconds."""
    started = time.perf_counter()
    report = build_index(workspace, store, Catalog.load(store), run)
    return report, time.perf_counter() - started


if __name__ == "__main__":
    main()
