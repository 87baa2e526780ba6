"""Queries of a split folder are asked as the index numbers items and values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import GivenQueries
from datrnet.core.research.split_folder import given_queries
from datrnet.db.rows import NewItem

FILES = {
    "attr_num.txt": "3 2",
    "imgs_test.txt": "a.jpg\nb.jpg\nc.jpg\nd.jpg",
    "labels_test.txt": "1 0 0 1 0\n0 1 0 1 0\n0 1 0 0 1\n0 0 0 0 1",
    "ref_test.txt": "0\n1\n1\n2\n3\n1",
    "indfull_test.txt": ("-1 1 0 0 0\n1 -1 0 0 0\n0 0 0 -1 1\n0 0 0 1 -1\n0 1 0 0 0\n1 -1 0 -1 1"),
    "gt_test.txt": "0 1 0 1 0\n1 0 0 1 0\n0 1 0 0 1\n0 1 0 1 0\n0 1 0 0 1\n1 0 0 0 1",
}
LABELS = {
    "a.jpg": {"colour": "red", "sleeve": "short"},
    "b.jpg": {"colour": "blue", "sleeve": "short"},
    "c.jpg": {"colour": "blue", "sleeve": "long"},
    "d.jpg": {"colour": None, "sleeve": "long"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "splits"
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    return place


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """The same items in another order, among others; values in the order of the alphabet."""
    items = [
        NewItem(code=code, title="", picture_path=code, split="test", labels=labels)
        for code, labels in reversed(LABELS.items())
    ]
    other = NewItem(code="x", title="", picture_path="x", split="train", labels={"colour": "black"})
    with Workspace(tmp_path / "workspace").create_store() as store:
        store.upsert_items([other, *items])
        return Catalog.load(store)


def asked(catalog: Catalog, rows: list[int], given: GivenQueries) -> list[tuple[object, ...]]:
    """Return every query in words: item, wanted values."""
    found: list[tuple[object, ...]] = []
    for queries in given.query_sets:
        assert (queries.changed.sum(axis=1) == queries.num_changes).all()
        for item, target in zip(queries.items, queries.targets, strict=True):
            wanted = [
                category.values[value] if value >= 0 else None
                for category, value in zip(catalog.super_categories, target, strict=True)
            ]
            found.append((catalog.codes[rows[item]], *wanted))
    return found


def test_items_are_known_by_their_line_and_values_by_who_carries_them(
    folder: Path, catalog: Catalog
) -> None:
    rows = catalog.rows_in("test")
    given = given_queries(folder, catalog, rows, catalog.labels[rows], 2)
    assert asked(catalog, rows.tolist(), given) == [
        ("a.jpg", "blue", "short"),
        ("b.jpg", "red", "short"),
        ("b.jpg", "blue", "long"),
        ("c.jpg", "blue", "short"),
        ("d.jpg", "blue", "long"),
    ]
    assert given.num_left_out == 1  # no item is red and long


def test_items_from_elsewhere_are_known_by_their_pictures(folder: Path, catalog: Catalog) -> None:
    catalog = replace(
        catalog,
        codes=[f"shop-{code}" for code in catalog.codes],
        picture_paths=[f"/photos/all/{code}" for code in catalog.codes],
    )
    (folder / "imgs_test.txt").write_text("all/a.jpg\nb.jpg\nc.jpg\nd.jpg")
    rows = catalog.rows_in("test")
    given = given_queries(folder, catalog, rows, catalog.labels[rows], 2)
    assert [query[0] for query in asked(catalog, rows.tolist(), given)] == [
        f"shop-{name}.jpg" for name in "abbcd"
    ]


def test_what_cannot_be_asked_is_counted(folder: Path, catalog: Catalog) -> None:
    rows = catalog.rows_in("test")
    rows = rows[[catalog.codes[row] != "b.jpg" for row in rows]]
    given = given_queries(folder, catalog, rows, catalog.labels[rows], 2)
    assert asked(catalog, rows.tolist(), given) == [("d.jpg", "blue", "long")]
    assert given.num_left_out == 5


def test_a_column_without_a_network_is_not_changed(folder: Path, catalog: Catalog) -> None:
    rows = catalog.rows_in("test")
    colour = [category.name for category in catalog.super_categories].index("colour")
    labels = catalog.labels[rows][:, [colour, 1 - colour]]
    given = given_queries(folder, catalog, rows, labels, 1)
    assert sum(len(queries) for queries in given.query_sets) == 3


def test_another_catalogs_folder_is_refused(folder: Path, catalog: Catalog) -> None:
    (folder / "imgs_test.txt").write_text("1\n2\n3\n4")
    rows = catalog.rows_in("test")
    with pytest.raises(DataError, match="has no test item"):
        given_queries(folder, catalog, rows, catalog.labels[rows], 2)


def test_a_folder_without_queries_says_so(folder: Path, catalog: Catalog) -> None:
    for name in ("ref_test.txt", "indfull_test.txt", "gt_test.txt"):
        (folder / name).unlink()
    rows = catalog.rows_in("test")
    with pytest.raises(DataError, match="no queries"):
        given_queries(folder, catalog, np.asarray(rows), catalog.labels[rows], 2)
