"""The catalog as columns."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import UnknownNameError
from datrnet.db.rows import NewItem
from datrnet.db.store import Store


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    items = [
        ("A-1", "train", {"colour": "Red", "sleeve": "long"}),
        ("B-2", "test", {"colour": "blue", "sleeve": None}),
        ("C-3", "train", {"colour": None, "sleeve": "short"}),
    ]
    with Store.create(tmp_path / "catalog.db") as store:
        store.upsert_items(
            NewItem(
                code=code, title=f"the {code}", picture_path="p.png", split=split, labels=labels
            )
            for code, split, labels in items
        )
        return Catalog.load(store)


def test_labels_are_indices_of_sorted_values(catalog: Catalog) -> None:
    assert [(category.name, category.values) for category in catalog.super_categories] == [
        ("colour", ("blue", "Red")),
        ("sleeve", ("long", "short")),
    ]
    assert catalog.labels.dtype == np.int16
    assert catalog.labels.tolist() == [[1, 0], [0, -1], [-1, 1]]
    assert catalog.item_ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize("gone", [["A-1"], ["C-3"], ["B-2", "C-3"], ["A-1", "B-2", "C-3"]])
def test_labels_that_another_program_left_of_items_it_took_away(
    tmp_path: Path, catalog: Catalog, gone: list[str]
) -> None:
    database = sqlite3.connect(tmp_path / "catalog.db")  # does not heed foreign keys
    with database:
        database.executemany("DELETE FROM items WHERE code = ?", [(code,) for code in gone])
    database.close()
    left = [row for row, code in enumerate(catalog.codes) if code not in gone]
    with Store.open(tmp_path / "catalog.db") as store:
        again = Catalog.load(store)
    assert list(again.codes) == [catalog.codes[row] for row in left]
    assert again.labels.tolist() == [catalog.labels[row].tolist() for row in left]


def test_labels_of_an_item_have_every_super_category(catalog: Catalog) -> None:
    assert catalog.labels_of(1) == {"colour": "blue", "sleeve": None}


def test_rows_of_a_split(catalog: Catalog) -> None:
    assert catalog.rows_in("train").tolist() == [0, 2]
    assert catalog.rows_in("validation").tolist() == []


def test_names_are_found_in_any_case(catalog: Catalog) -> None:
    assert catalog.row_of_code("B-2") == 1
    assert catalog.row_of_code(" b-2") == 1
    assert catalog.super_category_idx("Colour") == 0
    assert catalog.value_idx(0, "RED") == 1


def test_wrong_names_name_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(UnknownNameError, match=r"No item is called 'B-22'. Did you mean B-2"):
        catalog.row_of_code("B-22")
    with pytest.raises(UnknownNameError, match="Did you mean colour"):
        catalog.super_category_idx("color")
    with pytest.raises(
        UnknownNameError, match=r"No colour value is called 'rad'. Did you mean Red"
    ):
        catalog.value_idx(0, "rad")


def test_an_empty_store_gives_an_empty_catalog(tmp_path: Path) -> None:
    with Store.create(tmp_path / "catalog.db") as store:
        empty = Catalog.load(store)
    assert empty.num_items == 0
    assert empty.labels.shape == (0, 0)
    assert empty.rows_in("train").tolist() == []
    with pytest.raises(UnknownNameError, match="There are none yet"):
        empty.row_of_code("a")
