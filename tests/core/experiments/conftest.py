"""A shop of a few dozen pictures, trained and indexed, and the setting of an experiment in it."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from datrnet.cli import app
from datrnet.core.data.catalog import Catalog
from datrnet.core.data.workspace import Workspace
from datrnet.core.experiments.setting import Setting

COLOURS = {"Black": (20, 20, 20), "Red": (200, 30, 30), "Blue": (30, 30, 200)}
PATTERNS = ("plain", "striped")
SPLITS = ("train", "train", "validation", "test")

TINY = """
[model]
image_size = 16
filters = 4
num_ase = 1
embedding_size = 8
[train]
triplets = 32
epochs = 2
batch_triplets = 8
[index]
trees = 4
"""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # two threads that wait for each other on a busy machine are far slower than one
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after import, train and index; do not change it."""
    folder, root = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("ready")
    rows = [_draw(folder, number) for number in range(48)]
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "tiny.toml").write_text(TINY)
    for command in (
        ("import", folder / "catalog.csv"),
        ("train", "--config", folder / "tiny.toml"),
        ("index",),
    ):
        words = [*map(str, command), "--workspace", str(root)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def setting(ready: Path, tmp_path: Path) -> Iterator[Setting]:
    """The ready workspace and its test split: 12 items, each of 6 label vectors twice."""
    workspace = Workspace(ready)
    with workspace.open_store() as store:
        yield Setting(
            workspace=workspace, store=store, catalog=Catalog.load(store), folder=tmp_path
        )


def _draw(folder: Path, number: int) -> dict[str, str]:
    colour, pattern = list(COLOURS)[number % 3], PATTERNS[number // 3 % 2]
    picture = Image.new("RGB", (24, 32), (240, 240, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((4, 4, 20, 28), fill=COLOURS[colour])
    if pattern == "striped":
        for top in range(5, 28, 6):
            draw.rectangle((4, top, 20, top + 2), fill=(250, 250, 200))
    path = f"images/{number}.png"
    (folder / "images").mkdir(exist_ok=True)
    picture.save(folder / path)
    return {
        "id": f"item-{number}",
        "image": path,
        "title": f"{colour} {pattern} shirt number {number}",
        "split": SPLITS[number // 6 % 4],
        "colour": "" if number == 11 else colour,
        "pattern": pattern,
    }
