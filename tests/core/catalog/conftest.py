"""A workspace, small catalogs with real pictures, and labels corrected by hand."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace

WriteTable = Callable[..., Path]
Correct = Callable[[str, str, str | None], None]

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


@pytest.fixture
def photos(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        Image.new("RGB", (9, 9), (60 * number, 0, 0)).save(tmp_path / f"{name}.png")


@pytest.fixture
def correct(workspace: Workspace) -> Correct:
    """Set a label of an item by hand; a new value is carried by another item first."""

    def correct_label(code: str, name: str, value: str | None) -> None:
        with workspace.open_store() as store:
            ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
            if value is not None:
                with store.writing() as db:
                    db.execute(
                        "INSERT OR IGNORE INTO attribute_values (super_category_id, name)"
                        " SELECT id, ? FROM super_categories WHERE name = ?",
                        [value, name],
                    )
            store.set_label(ids[code], name, value, "person")

    return correct_label


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def labels(workspace: Workspace) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    return {code: catalog.values_of(row) for row, code in enumerate(catalog.codes)}
