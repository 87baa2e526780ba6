"""Make the workspace that an earlier revision would have left, as a fixture for the tests.

    python tools/make_old_workspace.py REVISION tests/fixtures/workspaces/NAME.tar.gz

The eight items are drawn here. The revision's own code imports them, trains a tiny network, builds
an index, and writes hand-set labels, sessions and a shortlist as far as it supports them. Needs the
repository's history.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

COLORS = {"Black": (20, 20, 20), "Red": (200, 30, 30)}
SLEEVES = {"long": 14, "short": 6}

CONFIG = """
[model]
image_size = 16
filters = 4
num_ase = 1
embedding_size = 4
[train]
triplets = 8
epochs = 1
batch_triplets = 4
[index]
trees = 1
"""

USE = """
import sys
from pathlib import Path
from datrnet.db.store import Store

with Store.open(Path(sys.argv[1]) / "catalog.db") as store:
    session = store.start_session("first look")
    store.add_step(session, "query", '{"item": "item-1"}')
    store.add_step(session, "change", '{"item": "item-1", "changes": {"color": "Red"}}')
    store.start_session("second look")
    store.set_label(2, "color", "Black", "person")
    store.set_label(3, "sleeve", None, "person")
    if hasattr(store, "undo_label"):
        store.set_label(4, "color", "Red", "person")
        store.undo_label()
        store.judge_pair(1, 2, "distinct")
    if hasattr(store, "set_shortlist"):
        store.set_shortlist(session, ["item-5", "item-3"])
    if hasattr(store, "delete_session"):
        store.delete_session(store.start_session("a mistake"))
"""


def main() -> None:
    """Make one fixture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("revision")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--without-models", action="store_true", help="a tenth of the size")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        code, workspace = Path(folder, "code"), Path(folder, "workspace")
        _check_out(given.revision, code / "datrnet")
        _draw_items(workspace / "items")
        config = Path(folder, "tiny.toml")
        config.write_text(CONFIG)

        def run(*arguments: object) -> None:
            environment = {**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
            command = [sys.executable, *map(str, arguments)]
            subprocess.run(command, check=True, env=environment, cwd=folder)

        where = ("--workspace", workspace)
        run("-m", "datrnet", "import", workspace / "items" / "catalog.csv", *where)
        run("-m", "datrnet", "train", "--config", config, *where)
        run("-m", "datrnet", "index", *where)
        run("-c", USE, workspace)
        given.archive.parent.mkdir(parents=True, exist_ok=True)
        given.archive.write_bytes(
            _packed(workspace, {"thumbnails", *(["models"] * given.without_models)})
        )
    print(f"{given.archive}: {given.archive.stat().st_size:,} bytes")


def _check_out(revision: str, folder: Path) -> None:
    archive = subprocess.run(["git", "archive", revision], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def _draw_items(folder: Path) -> None:
    """Draw eight shirts: two colors, two lengths of sleeve, two of each."""
    folder.mkdir(parents=True)
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "image", "title", "split", "color", "sleeve"])
        for number in range(8):
            color, sleeve = list(COLORS)[number % 2], list(SLEEVES)[number // 2 % 2]
            picture = Image.new("RGB", (16, 16), (240, 240, 240))
            picture.paste(COLORS[color], (5, 2, 11, 15))
            picture.paste(COLORS[color], (1, 2, 15, SLEEVES[sleeve] - 1))
            picture.putpixel((0, 0), (240 - number, 240, 240))  # the same photo is the same item
            picture.save(folder / f"{number}.png")
            title = f"{color} shirt, {sleeve} sleeves"
            split = "train" if number < 4 else ("validation", "test")[number % 4 // 2]
            writer.writerow([f"item-{number}", f"{number}.png", title, split, color, sleeve])


def _packed(folder: Path, excluded: set[str]) -> bytes:
    """Return a folder as an archive, without the excluded folders inside it."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and excluded.isdisjoint(path.parts):
                entry = tar.gettarinfo(path, str(path.relative_to(folder)))
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                with path.open("rb") as content:
                    tar.addfile(entry, content)
    return gzip.compress(stream.getvalue(), mtime=0)


if __name__ == "__main__":
    main()
