"""A workspace, and small catalogs with real pictures."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.workspace import Workspace

WriteTable = Callable[..., Path]

COLORS = {"Red": (200, 20, 20), "Blue": (20, 20, 200), "Green": (20, 160, 20)}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write rows as CSV beside a folder ``images``."""

    def write(rows: Sequence[Mapping[str, str]], name: str = "catalog.csv") -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    """Twelve good rows, their pictures drawn."""
    (tmp_path / "images").mkdir()
    made = []
    for number in range(12):
        colour = list(COLORS)[number % 3]
        path = f"images/{number}.jpg"
        picture = Image.new("RGB", (48, 64), COLORS[colour])
        picture.paste("black", (0, 0, number + 1, 4))
        picture.save(tmp_path / path)
        made.append(
            {
                "sku": f"item-{number}",
                "image": path,
                "productDisplayName": f"{colour} shirt number {number}",
                "split": ("train", "val", "test")[number // 3 % 3],
                "colour": colour,
                "sleeve": ("long", "", "short", "long")[number % 4],
                "price": str(10 + number % 3),
            }
        )
    return made
