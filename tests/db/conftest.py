"""A fresh store, and items to put in it."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datrnet.db.rows import NewItem
from datrnet.db.store import Store

MakeItem = Callable[..., NewItem]

SCHEMAS = (1, 2, 3, 4, 5, 6)
"""Of the workspaces in tests/fixtures, made by tools/make_old_workspace.py."""


def unpack(schema: int, folder: Path) -> Path:
    """Unpack the workspace of a schema version into a folder, and return the folder."""
    archive = Path(__file__).parents[1] / "fixtures" / "workspaces" / f"schema-{schema}.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def ids_found(store: Store, text: str) -> list[int]:
    """Return the ids of all items that a text search finds."""
    return store.search_titles(text)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "catalog.db") as fresh:
        yield fresh


@pytest.fixture
def make_item() -> MakeItem:
    def make(code: str, title: str = "", split: str = "train", **labels: str | None) -> NewItem:
        return NewItem(
            code=code, title=title, picture_path=f"{code}.png", split=split, labels=labels
        )

    return make
