"""Each step of the catalog's history: what undo and redo bring back, after a kill too."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from datrnet.core.errors import ConfigError, DatabaseError, UnknownNameError
from datrnet.db.history import KEYS
from datrnet.db.rows import NewVariant
from datrnet.db.store import Store
from tests.db.conftest import MakeItem, contents, labels_by_person


def test_a_step_that_changes_nothing_leaves_no_trace(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red")], summary="shop.csv")
    store.upsert_items([make_item("a", colour="Red")], summary="shop.csv")
    store.remove_items([7], "")
    store.hide_items([], "")
    (step,) = store.history()
    assert (step.action, step.summary, step.undone_at) == ("import", "shop.csv: 1 added", None)


def test_the_history_says_what_an_import_did(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a"), make_item("b"), make_item("c")], summary="1.csv")
    store.upsert_items([make_item("a", "Shirt"), make_item("d")], summary="2.csv", absent="hide")
    store.upsert_items([make_item("a", "Shirt")], summary="3.csv", absent="remove")
    assert [step.summary for step in store.history()] == [
        "3.csv: 3 removed",
        "2.csv: 1 added, 1 updated, 2 hidden",
        "1.csv: 3 added",
    ]
    assert [step.id for step in store.history(1)] == [3]


def test_undo_goes_back_step_by_step(store: Store, make_item: MakeItem) -> None:
    assert store.undo_step() is None
    store.upsert_items([make_item("a", "old")])
    store.upsert_items([make_item("a", "new"), make_item("b")])
    with pytest.raises(ConfigError, match=r"followed by other steps\. Undo step 2 first"):
        store.undo_step(1)
    undone = store.undo_step()
    assert undone is not None
    assert undone.id == 2
    assert undone.undone_at is not None
    assert store.item_columns().titles == ["old"]
    with pytest.raises(ConfigError, match="Step 2 is already undone"):
        store.undo_step(2)
    with pytest.raises(UnknownNameError, match="datrnet history"):
        store.undo_step(9)
    store.undo_step(1)
    assert store.item_columns().codes == []
    assert store.undo_step() is None
    assert [step.undone_at is None for step in store.history()] == [False, False]


def test_no_item_gets_the_id_of_another(store: Store, make_item: MakeItem) -> None:
    # thumbnails and the index know items by their ids
    store.upsert_items([make_item("a"), make_item("b")])
    store.remove_items([2], "")
    store.upsert_items([make_item("c")])
    assert store.item_columns().ids.tolist() == [1, 3]
    store.undo_step()
    store.upsert_items([make_item("d")])
    assert store.item_columns().ids.tolist() == [1, 4]


def test_a_label_set_since_stays(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red"), make_item("b", colour="Blue")])
    store.upsert_items([make_item("a", colour="Blue"), make_item("b", colour="Red")])
    store.set_label(1, "colour", "Red", "person")
    store.undo_step()
    assert labels_by_person(store) == {(1, "colour"): "Red"}
    assert store.item_columns().carriers[("colour", "Blue")].tolist() == [2]


def test_a_label_set_since_keeps_a_value_that_the_step_brought(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="Red"), make_item("b", colour="Red")])
    store.upsert_items([make_item("a", colour="Teal", fit="slim")])
    store.set_label(2, "colour", "Teal", "person")
    store.set_label(2, "fit", "slim", "person")
    store.undo_step()
    assert labels_by_person(store) == {(2, "colour"): "Teal", (2, "fit"): "slim"}
    assert store.item_columns().carriers[("colour", "Red")].tolist() == [1]


def test_a_label_set_since_follows_the_name_back(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", color="grey"), make_item("b", color="red")])
    store.rename_super_category("color", "colour")
    store.rename_value("colour", "grey", "gray")
    store.set_label(2, "colour", "gray", "person")
    store.undo_step()
    store.undo_step()
    assert labels_by_person(store) == {(2, "color"): "grey"}
    (change,) = store.label_history()
    assert (change.super_category, change.old_value, change.new_value) == ("color", "red", "grey")
    assert store.undo_label()
    assert store.item_columns().carriers[("color", "red")].tolist() == [2]


def test_items_that_a_person_has_labeled_do_not_go_without_a_word(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="Red")])
    store.set_label(1, "colour", "Red", "person")
    with pytest.raises(ConfigError, match=r"labeled by hand since, such as 'a'\. .*--yes"):
        store.undo_step()
    assert store.item_columns().codes == ["a"]
    store.undo_step(loses_labels=True)
    assert store.item_columns().codes == []


def test_a_removed_item_comes_back_with_all_that_it_had(store: Store, make_item: MakeItem) -> None:
    sizes = (NewVariant(code="a-S"), NewVariant(code="a-M"))
    store.upsert_items([replace(make_item("a", colour=("Red", "Blue")), variants=sizes)])
    store.upsert_items([make_item("b", colour="Red")])
    store.set_label(1, "colour", "Blue", "person")
    store.judge_pair(1, 2, "distinct")
    before = contents(store)
    store.remove_items([1], "a")
    assert store.super_categories()[0].values == ("Red",)
    store.set_label(2, "colour", None, "person")
    store.undo_label()
    store.undo_step()
    after = contents(store)
    changed = {table for table in KEYS if after[table] != before[table]}
    assert changed - {"item_attributes"} == {"label_changes"}  # those of the other item
    assert before["label_changes"][0] in after["label_changes"]
    assert len({change[0] for change in after["label_changes"]}) == 2


def test_a_value_that_undo_of_a_label_brought_back_makes_way(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="Teal"), make_item("b", colour="Red")])
    store.set_label(1, "colour", "Red", "person")
    store.upsert_items([make_item("b", colour="Navy")])  # Teal goes
    assert store.super_categories()[0].values == ("Navy", "Red")
    store.undo_label()
    assert store.item_columns().carriers[("colour", "Teal")].tolist() == [1]
    store.undo_step()
    carriers = {names: ids.tolist() for names, ids in store.item_columns().carriers.items()}
    assert carriers == {("colour", "Teal"): [1], ("colour", "Red"): [2]}


# ── a full disk, a kill ──────────────────────────────────────────────────────


def test_a_full_disk_leaves_the_catalog_whole(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item(f"{n}", colour="Red") for n in range(50)])
    before = contents(store)
    with store.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    with closing(sqlite3.connect(store.path)) as plain:
        plain.execute("VACUUM")
    with store._locked():
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [make_item(f"{n}", "a long title " * 90, colour="Blue") for n in range(500)]
    for step in (
        lambda: store.upsert_items(many),
        lambda: [store.rename_value("colour", "Red", "x" * n * 1000) for n in range(1, 90)],
    ):
        with pytest.raises(DatabaseError, match="No space is left"):
            step()
        with store._locked():
            triggers = store._connection.execute("SELECT name FROM sqlite_temp_master").fetchall()
        assert not triggers
        while len(store.history()) > 1 and store.history()[0].undone_at is None:
            store.undo_step()
        assert contents(store) == before
    with store._locked():
        store._connection.execute("PRAGMA max_page_count = 1073741823")
    store.upsert_items(many)
    store.undo_step()
    assert contents(store) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from datrnet.db.rows import NewItem
from datrnet.db.store import Store
from datrnet.db import imports, restore, upkeep

def killed(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

def item(code, value):
    return NewItem(code=code, title="", picture_path="p", split="", labels={"color": value})

with Store.open(Path(sys.argv[1])) as store:
    match sys.argv[2]:
        case "import":
            imports.remove_unused_names = killed
            store.upsert_items([item(f"{n}", "blue") for n in range(3000)], absent="remove")
        case "merge":
            upkeep.rename_in_changes = killed
            store.merge_values("color", ["red", "blue"], "any")
        case "undo":
            restore._put_back = killed
            store.upsert_items([item("a", "black")])
            store.set_label(1, "color", "blue", "person")
            store.undo_step()
        case "redo":
            store.upsert_items([item("a", "black"), item("c", "black")])
            store.undo_step()
            restore._remove = killed
            store.redo_step()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@pytest.mark.parametrize("step", ["import", "merge", "undo", "redo"])
def test_a_kill_in_the_middle_leaves_the_catalog_whole(
    tmp_path: Path, make_item: MakeItem, step: str
) -> None:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        store.upsert_items([make_item("a", color="red"), make_item("b", color="blue")])
        before = contents(store)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), step], env={**os.environ}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with Store.open(path) as store:
        if step == "undo":
            assert [it.undone_at for it in store.history()] == [None, None]
            assert labels_by_person(store) == {(1, "color"): "blue"}
        else:
            assert contents(store) == before
        if step == "redo":
            assert store.redo_step() is not None  # what it takes is still there
            assert list(store.item_columns().codes) == ["a", "b", "c"]
        while store.undo_step(loses_labels=True):
            pass
        assert store.item_columns().codes == []


def test_redo_goes_forward_step_by_step_until_something_changes(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", color="red")], summary="first")
    store.upsert_items([make_item("a", color="blue"), make_item("b")], summary="second")
    store.rename_value("color", "blue", "navy")
    after = contents(store)
    assert store.redo_step() is None
    for _ in range(3):
        store.undo_step()
    assert [step.summary[:6] for step in iter(store.redo_step, None)] == [
        "first:",
        "second",
        "color=",
    ]
    assert contents(store) == after
    assert store.step_to_redo() is None
    store.undo_step()
    store.set_label(1, "color", "blue", "person")
    assert store.redo_step() is None  # the label is newer


@pytest.mark.parametrize("was", [{}, {"color": "blue"}])
def test_labels_by_a_person_that_an_import_brought_are_undone_with_it(
    store: Store, make_item: MakeItem, was: dict[str, str]
) -> None:
    store.upsert_items([make_item("a", **was)])
    before = contents(store)
    export = [replace(make_item(code, color="red"), sources={"color": "person"}) for code in "ab"]
    store.upsert_items(export, summary="export.csv")
    assert store.undo_step() is not None
    assert contents(store) == before
    store.redo_step()
    store.set_label(1, "color", None, "person")
    store.undo_step()
    assert labels_by_person(store) == {(1, "color"): None}  # set since


def test_a_label_set_since_a_merge_stays_with_a_value_of_its_own(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="navy"), make_item("b", color="red")])
    store.merge_super_category("colour", "color")
    store.set_label(2, "color", "navy", "person")
    store.undo_step()
    assert {(*label[:4],) for label in store.iter_labels()} == {
        (1, "colour", "navy", "shop"),
        (2, "color", "navy", "person"),
    }
    assert {it.name: it.values for it in store.super_categories()} == {
        "colour": ("navy",),
        "color": ("navy", "red"),
    }


def test_a_label_set_since_stays_where_its_super_category_comes_back(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", color="red"), make_item("b", color="blue")])
    store.drop_super_category("color")
    store.forget_synonym("color")
    store.upsert_items([make_item("a", color="green")])
    store.set_label(1, "color", "green", "person")
    for _ in range(3):
        store.undo_step()
    assert {label[:4] for label in store.iter_labels()} == {
        (1, "color", "green", "person"),
        (2, "color", "blue", "shop"),
    }
