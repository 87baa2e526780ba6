"""The columns of a large catalog are kept in a file, as long as the database stays as it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.catalog_columns import FILE
from datrnet.db.rows import NewItem, NewVariant
from datrnet.db.store import Store

Facts = list[object]


@pytest.fixture(autouse=True)
def keeps_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datrnet.core.catalog.catalog_columns.KEPT_FROM", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        store.upsert_items(
            [item(number) for number in range(6)], {"size": "text", "price": "money"}
        )
        store.hide_items([3], "one")
    return path


def item(number: int, title: str = "Étui") -> NewItem:
    return NewItem(
        code=f"P-{number}",
        title=f"{title} {number}",
        picture_path=f"{number}.png",
        split=("train", "", "validation")[number % 3],
        labels={"color": ("Red", "Blue")[: 1 + number % 2], "sleeve": None if number else "long"},
        group="g" * (number % 2),
        views=("v.png",) * (number % 2),
        facts={"price": f"{number}.00 EUR"},
        variants=tuple(
            NewVariant(code=f"P-{number}-{size}", facts={"size": size})
            for size in "SM"[: number % 3]
        ),
    )


def load(path: Path) -> Catalog:
    with Store.open(path) as store:
        return Catalog.load(store)


def told(catalog: Catalog) -> Facts:
    """All that a catalog says."""
    rows, facts = range(catalog.num_items), catalog.facts
    texts = (catalog.codes, catalog.titles, catalog.picture_paths)
    return [
        *(list(column) for column in texts),
        *(array.tolist() for array in (catalog.item_ids, catalog.splits, catalog.is_hidden)),
        [catalog.values_of(row) for row in rows],
        [(facts.of(row), facts.variants(row), facts.group(row), facts.views(row)) for row in rows],
        [catalog.find_code(code) for code in ("P-2", "p-5", "P-4-s", "P-9")],
        facts.numbers("price").tolist(),
        facts.values("size")[1].texts,
    ]


def test_a_catalog_from_the_file_is_the_one_in_the_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = told(load(path))
    assert (path.parent / FILE).is_file()
    monkeypatch.setattr(Store, "item_columns", None)  # nothing is read from the tables again
    catalog = load(path)
    assert told(catalog) == read
    assert catalog.labels.T.flags.c_contiguous
    again = catalog.relabeled(0, "color", "Blue")
    assert again.values_of(0)["color"] == ("Blue",)
    assert catalog.values_of(0)["color"] == ("Red",)


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.upsert_items([item(2, "New")]),
        lambda store: store.upsert_items([item(9)]),
        lambda store: store.remove_items([1], "one"),
        lambda store: store.unhide_items([3], "one"),
        lambda store: store.set_label(1, "color", "Blue", "person"),
        lambda store: store.rename_value("color", "Red", "Crimson"),
        lambda store: store.undo_step(),
        lambda store: store._connection.execute("UPDATE variants SET facts_json = '{}'"),
    ],
)
def test_the_file_is_written_again_after_a_change(
    path: Path, change: Callable[[Store], object]
) -> None:
    before = told(load(path))
    with Store.open(path) as store:
        stamp = store.catalog_stamp()
        change(store)
        assert store.catalog_stamp() != stamp
    after = load(path)
    assert told(after) != before
    (path.parent / FILE).unlink()
    assert told(load(path)) == told(after)


def test_sessions_and_runs_leave_the_file_as_it_is(path: Path) -> None:
    load(path)
    written = (path.parent / FILE).stat().st_mtime_ns
    with Store.open(path) as store:
        store.add_step(store.start_session("one"), "query", "{}")
    load(path)
    assert (path.parent / FILE).stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"abc", bytes(200), None])
def test_a_damaged_file_is_not_read(path: Path, damage: bytes | None) -> None:
    before = told(load(path))
    file = path.parent / FILE
    file.write_bytes(file.read_bytes()[:-64] if damage is None else damage)
    assert told(load(path)) == before
    assert np.array_equal(load(path).item_ids, load(path).item_ids)


def test_a_workspace_that_cannot_be_written_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert load(path).num_items == 6
    assert not (path.parent / FILE).exists()
