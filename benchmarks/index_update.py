"""What it costs to index 100 new items of a large catalog, as a share of a rebuild.

    make bench        or        python benchmarks/index_update.py 3000 10000 100000

Both embed with the demo's trained networks, one for each of its six super-categories. A few hundred
garments of the demo are drawn; every item has a picture of its own, one of them in another light
and moved. ``--folder`` keeps the pictures for the next time. ``--embed N`` computes N embeddings of
a rebuild; the others repeat these with noise, and the mean time is added for each. Times are
processor seconds, which other programs on the machine change least.
"""

import argparse
import csv
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps
from rich.console import Console
from rich.table import Table

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import write_demo_catalog
from datrnet.core.demo.prepare import RUN_NAME, shipped_run
from datrnet.core.indexing import build
from datrnet.core.indexing.build import IndexReport
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.models.run_folder import RunFolder
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

NUM_DRAWN = 500
NUM_NEW = 100
LARGEST_SHIFT = 6
"""Pixels."""

DARKEST, BRIGHTEST = 0.85, 1.15
"""Factors of each channel."""

NOISE = 0.2
"""Length of what is added to a repeated block of length 1."""

COLUMNS = (
    "items",
    "embedded",
    "engine",
    "rebuild, s",
    f"{NUM_NEW} more, s",
    "share",
    "no change, s",
    "recall",
)


def main() -> None:
    """Measure every size named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000])
    parser.add_argument("--embed", type=int, metavar="N", help="networks embed N pictures, not all")
    parser.add_argument("--folder", type=Path, help="keeps the pictures for the next time")
    given = parser.parse_args()
    table = Table(*COLUMNS, box=None)
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(build, "Embedder", PartEmbedder),
    ):
        for size in given.sizes:
            workspace = Workspace((given.folder or Path(folder)) / f"{size}")
            PartEmbedder.begin(given.embed or size)
            table.add_row(f"{size:,}", *measure(workspace, size))
    Console(width=100).print(table)


def measure(workspace: Workspace, size: int) -> tuple[str, ...]:
    """Time a whole index, an update by a few items, and one by none."""
    garments = drawn(workspace.root.parent / "drawn")
    (workspace.root / "pictures").mkdir(parents=True, exist_ok=True)
    for part in (workspace.catalog_path, workspace.indexes, workspace.models):
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
    with workspace.create_store() as store:
        items = made_up(workspace, garments)
        store.upsert_items(next(items) for _ in range(size))
        run = installed(workspace, store)
        whole, built = timed(workspace, store, run)
        built, embedded = built + PartEmbedder.seconds_spared(), PartEmbedder.num_embedded
        PartEmbedder.begin(NUM_NEW)
        store.upsert_items(next(items) for _ in range(NUM_NEW))
        report, update = timed(workspace, store, run)
        assert (report.num_embedded, report.num_copied) == (NUM_NEW, size)
        assert not report.is_engine_new
        nothing, looked = timed(workspace, store, run)
        assert not nothing.is_new
    return (
        f"{embedded:,}",
        report.manifest.engine,
        f"{built:.1f}",
        f"{update:.2f}",
        f"{update / built:.2%}",
        f"{looked:.2f}",
        " then ".join(f"{index.manifest.recall_at_30:.3f}" for index in (whole, report)),
    )


class PartEmbedder(Embedder):
    """Embeds the first pictures, and makes up the embeddings of the rest."""

    left: ClassVar[int]
    """Pictures to embed."""
    num_embedded: ClassVar[int]
    num_made_up: ClassVar[int]
    seconds: ClassVar[float]
    known: ClassVar[list[NDArray[np.float32]]]
    rng = np.random.default_rng(0)

    @classmethod
    def begin(cls, count: int) -> None:
        """Embed so many pictures from now on."""
        cls.left, cls.num_embedded, cls.num_made_up, cls.seconds, cls.known = count, 0, 0, 0.0, []

    @classmethod
    def seconds_spared(cls) -> float:
        """Return what the made-up embeddings would have taken."""
        return cls.seconds / max(1, cls.num_embedded) * cls.num_made_up

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return embeddings (N, A, E)."""
        own = type(self)
        if own.left <= 0:
            own.num_made_up += len(pixels)
            return self.repeated(len(pixels))
        started = time.thread_time()  # other threads read pictures meanwhile
        found = super().embed(pixels)
        own.seconds += time.thread_time() - started
        own.num_embedded += len(pixels)
        own.left -= len(pixels)
        own.known.append(found)
        return found

    def repeated(self, count: int) -> NDArray[np.float32]:
        """Return known embeddings with noise."""
        known = self.known[self.rng.integers(len(self.known))]
        found = known[self.rng.integers(len(known), size=count)]
        size = found.shape[2]
        found += self.rng.standard_normal(found.shape, dtype=np.float32) * NOISE / np.sqrt(size)
        found /= np.linalg.norm(found, axis=2, keepdims=True)
        return found


def drawn(folder: Path) -> list[tuple[Image.Image, dict[str, str]]]:
    """Return the demo's garments with their labels, drawn unless an earlier call has."""
    table = folder / "catalog.csv"
    if not table.exists():
        write_demo_catalog(folder, num_items=NUM_DRAWN)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        (
            Image.open(folder / row["image"]).convert("RGB"),
            {name: row[name] for name in SUPER_CATEGORIES if row[name]},
        )
        for row in rows
    ]


def made_up(
    workspace: Workspace, garments: list[tuple[Image.Image, dict[str, str]]]
) -> Iterator[NewItem]:
    """Yield items without end, each with its own picture of one of the garments."""
    rng = np.random.default_rng(0)
    number = 0
    while True:
        picture, labels = garments[rng.integers(len(garments))]
        across, down = rng.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, size=2).tolist()
        light = rng.uniform(DARKEST, BRIGHTEST, size=3)
        path = workspace.root / "pictures" / f"{number}.jpg"
        if not path.exists():
            moved = ImageChops.offset(picture, across, down)
            channels = [
                channel.point([min(255, int(factor * level)) for level in range(256)])
                for channel, factor in zip(moved.split(), light, strict=True)
            ]
            merged = Image.merge("RGB", channels)
            unfinished = path.with_suffix(".part")
            (ImageOps.mirror(merged) if number % 2 else merged).save(unfinished, "JPEG")
            unfinished.replace(path)
        yield NewItem(
            code=f"{number:06}",
            title="",
            picture_path=f"pictures/{number}.jpg",
            split=("train", "train", "train", "validation")[number % 4],
            labels=labels,
        )
        number += 1


def installed(workspace: Workspace, store: Store) -> RunFolder:
    """Return the run that ships with the demo."""
    path = workspace.models / RUN_NAME
    path.mkdir(parents=True)
    for source in shipped_run().glob("*.*"):
        if source.suffix in {".json", ".safetensors"}:
            shutil.copyfile(source, path / source.name)
    run = RunFolder.open(path)
    store.add_run(run.name, "datrnet", json.dumps(run.config.to_dict()))
    store.update_run(run.name, status="finished")
    return run


def timed(workspace: Workspace, store: Store, run: RunFolder) -> tuple[IndexReport, float]:
    """Return what `datrnet index` did, and its processor seconds."""
    started = time.process_time()
    report = build.build_index(workspace, store, Catalog.load(store), run)
    return report, time.process_time() - started


if __name__ == "__main__":
    main()
