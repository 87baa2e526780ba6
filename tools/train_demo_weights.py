"""Train the weights that ship for the demo catalog, and measure them on a shop they never saw.

    make demo-weights

Draws garments with evenly drawn attributes, so that rare values are learned as well as common
ones, and a shop like the demo's but of another seed; trains the config ``demo`` on both; writes the
weights in half precision to ``core/demo/weights``; then draws a third shop and evaluates on it.
"""

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config
from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import write_demo_catalog
from datrnet.core.demo.garments import draw_garment
from datrnet.core.evaluation.protocol import Protocol, assess
from datrnet.core.indexing.build import build_index
from datrnet.core.models.run_folder import RUN_FILE, RunFolder
from datrnet.core.progress import EpochDone, TrainEvent
from datrnet.core.retrieval.generation import Generation
from datrnet.core.training.run import start_run, train

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "core" / "demo" / "weights"
SCRATCH = Path(os.environ.get("DEMO_WEIGHTS_SCRATCH", ROOT / "demo-weights"))

NUM_EVEN = 7000
"""Garments with evenly drawn attributes."""
TRAINED_SHOP, UNSEEN_SHOP = 101, 202
"""Seeds; the demo's own is 0."""
NUM_ITEMS = 2000
LARGEST = 8_000_000
"""Bytes that all weights together may have."""


def main() -> None:
    """Train, export, evaluate."""
    workspace = Workspace(SCRATCH / "training")
    drawn = workspace.root / "drawn"
    if not drawn.exists():
        draw_training_catalog(workspace)
        drawn.touch()
    run = trained_run(workspace)
    export(run)
    evaluate_on(UNSEEN_SHOP, run)


def draw_training_catalog(workspace: Workspace) -> None:
    """Draw the even garments and the shop, and import both."""
    write_demo_catalog(workspace.demo, num_items=NUM_ITEMS, seed=TRAINED_SHOP)
    even = workspace.root / "even"
    (even / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(TRAINED_SHOP)
    with (even / "catalog.csv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, ("id", "image", "split", *SUPER_CATEGORIES))
        writer.writeheader()
        for number in range(NUM_EVEN):
            attributes = {
                name: str(rng.choice(values)) for name, values in SUPER_CATEGORIES.items()
            }
            image = f"images/E{number:05d}.jpg"
            draw_garment(attributes, rng).save(even / image, quality=88)
            split = "validation" if number % 10 == 0 else "train"
            writer.writerow({"id": f"E{number:05d}", "image": image, "split": split, **attributes})
    options = ImportOptions(attributes=tuple(SUPER_CATEGORIES))
    for folder in (workspace.demo, even):
        import_catalog(workspace, folder / "catalog.csv", options)


def trained_run(workspace: Workspace) -> RunFolder:
    """Return a finished run of the config as it is now, training what is missing."""
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        config = Config.load("demo")
        for row in reversed(store.runs()):
            run = RunFolder.open(workspace.models / row.name)
            if run.config == config:
                break
        else:
            run = start_run(workspace, store, catalog, config, ())
        train(workspace, store, catalog, run, say)  # does nothing where all is trained
        return run


def say(event: TrainEvent) -> None:
    """Print a line an epoch."""
    if isinstance(event, EpochDone):
        report = event.report
        print(
            f"{event.super_category}: epoch {report.epoch} of {event.num_epochs}, loss "
            f"{report.loss:.4f}, validation accuracy {report.accuracy:.4f}, {report.seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )


def export(run: RunFolder) -> None:
    """Write a run's weights in half precision into the package."""
    from safetensors.torch import load_file, save_file

    for path in WEIGHTS.iterdir():
        if path.suffix in {".json", ".safetensors"}:
            path.unlink()
    for idx in range(len(run.super_categories)):
        source = run.weights_path(idx)
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in load_file(source).items()
        }
        save_file(tensors, WEIGHTS / source.name)
        shutil.copyfile(run.result_path(idx), WEIGHTS / run.result_path(idx).name)
    shutil.copyfile(run.path / RUN_FILE, WEIGHTS / RUN_FILE)
    size = sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors"))
    print(f"weights: {size:,} bytes in {WEIGHTS}")
    if size > LARGEST:
        raise SystemExit(f"That is more than the {LARGEST:,} bytes the package may carry.")


def evaluate_on(seed: int, run: RunFolder) -> None:
    """Index a shop of another seed with the exported weights and print the figures."""
    workspace = Workspace(SCRATCH / f"shop-{seed}")
    shutil.rmtree(workspace.root, ignore_errors=True)
    table = write_demo_catalog(workspace.demo, num_items=NUM_ITEMS, seed=seed)
    import_catalog(workspace, table, ImportOptions(attributes=tuple(SUPER_CATEGORIES)))
    shipped = RunFolder.open(WEIGHTS)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        report = build_index(workspace, store, catalog, shipped)
        generation = Generation.current(workspace, store)
    print(f"recall@30 {report.manifest.recall_at_30:.4f}, weights {report.manifest.weights}")
    for split in ("all", "test"):
        assessment = assess(catalog, generation, split, Protocol(max_changes=2))
        for case in assessment.use_cases:
            print(
                json.dumps(
                    {
                        "split": split,
                        "changes": case.num_changes,
                        "queries": case.overall.num_queries,
                        "top-30": round(case.overall.top_k_accuracy, 4),
                        "by super-category": {
                            name: round(score.top_k_accuracy, 4)
                            for name, score in case.by_super_category.items()
                        },
                    }
                )
            )


if __name__ == "__main__":
    main()
