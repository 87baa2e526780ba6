"""Measures an import of many rows apart from reading pictures: time, rows a second, peak memory.

    python benchmarks/import.py [--rows 100000]

All rows name one of a few pictures that the workspace knows already, so none is decoded. The first
import adds the items, the second finds them unchanged.
"""

import argparse
import csv
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, parse_catalog
from datrnet.core.catalog.workspace import Workspace

COLORS = ("Red", "Blue", "Green", "Black", "White", "Navy", "Olive", "Pink")
KINDS = ("Shirts", "Dresses", "Trousers", "Jackets", "Skirts")
MATERIALS = ("Cotton", "Cotton, Elastane", "Wool", "Linen", "Polyester, Linen")
SIZES = ("S", "M", "L")
NUM_PICTURES = 50


def write_catalog(path: Path, num_rows: int) -> None:
    """Write rows: products in several colors, each in three sizes."""
    rng = random.Random(0)
    for number in range(NUM_PICTURES):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(path.parent / f"{number}.png")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        header = ("sku", "group", "image", "name", "color", "category", "material", "size")
        writer.writerow((*header, "price", "stock", "link", "added"))
        for number in range(num_rows):
            card, size = divmod(number, len(SIZES))
            product, shade = divmod(card, len(COLORS))
            writer.writerow(
                (
                    f"P{product:05}-{shade}-{SIZES[size]}",
                    f"P{product:05}",
                    f"{product % NUM_PICTURES}.png",
                    f"{KINDS[product % 5]} No. {product}",
                    COLORS[shade],
                    KINDS[product % 5],
                    MATERIALS[product % 5],
                    SIZES[size],
                    f"{19 + product % 40}.90 EUR",
                    rng.randint(0, 20),
                    f"https://shop.example/p/{product}",
                    f"2026-0{1 + product % 9}-11",
                )
            )


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the catalog")
    num_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path, workspace = Path(folder) / "catalog.csv", Workspace(Path(folder) / "workspace")
        write_catalog(path, num_rows)
        for times in ("first", "second"):
            start, used = time.perf_counter(), time.process_time()
            parsed = parse_catalog(workspace, path, ImportOptions())
            read = time.perf_counter()
            with workspace.create_store() as store:
                counts = store.upsert_items([row.item for row in parsed.rows], parsed.fact_kinds)
            end = time.perf_counter()
            print(
                f"{times} import: {num_rows:,} rows, {len(parsed.rows):,} items; read in "
                f"{read - start:.1f} s, written in {end - read:.1f} s, "
                f"{time.process_time() - used:.1f} s of the processor, "
                f"{num_rows / (end - start):,.0f} rows a second, peak memory so far "
                f"{peak_memory():,.0f} MB; {counts}"
            )
            del parsed  # each import is by itself
        with workspace.open_store() as store:
            start = time.perf_counter()
            catalog = Catalog.load(store)
            print(f"loaded {catalog.num_items:,} items in {time.perf_counter() - start:.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
