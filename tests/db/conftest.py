"""A fresh store, and items to put in it."""

import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datrnet.db.history import KEYS
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

Contents = dict[str, list[tuple[Any, ...]]]

MakeItem = Callable[..., NewItem]

SCHEMAS = (1, 2, 3, 4, 5, 6, 7)
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


def contents(store: Store) -> Contents:
    """Every row of the tables that the history covers."""
    with closing(sqlite3.connect(store.path)) as plain:
        found = {
            table: plain.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in KEYS
        }
        for index in ("items_fts", "items_trigrams"):
            plain.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
        assert not plain.execute("PRAGMA foreign_key_check").fetchall()
    return found


def labels_by_person(store: Store) -> dict[tuple[int, str], str | None]:
    with store.reading() as db:
        return {
            (item_id, category.casefold()): value
            for item_id, category, value in db.execute(
                "SELECT item_id, super_categories.name, attribute_values.name"
                " FROM item_attributes"
                " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
                " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
                " WHERE source = 'person'"
            )
        }
