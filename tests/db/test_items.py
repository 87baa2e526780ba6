"""Items and labels: upserts, who overwrites whom, columns and title search."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.db.rows import NewItem, UpsertCounts
from datrnet.db.store import Store
from tests.db.conftest import ids_found

MakeItem = Callable[..., NewItem]


def labels(store: Store) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for (category, value), item_ids in store.item_columns().carriers.items():
        for item_id in item_ids.tolist():
            found.setdefault(item_id, {})[category] = value
    return found


def written(store: Store) -> list[object]:
    """All that the tables of items hold."""
    columns = store.item_columns()
    texts = [list(column) for column in (columns.codes, columns.titles, columns.picture_paths)]
    arrays = [columns.ids.tolist(), columns.splits.tolist()]
    return [*texts, *arrays, labels(store), store.super_categories()]


def counts(added: int = 0, updated: int = 0, unchanged: int = 0) -> UpsertCounts:
    return UpsertCounts(added=added, updated=updated, unchanged=unchanged)


def test_items_come_back_as_columns(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("b", "Shirt", "test", colour="Red"), make_item("a", split="")])
    columns = store.item_columns()
    assert columns.ids.tolist() == [1, 2]
    assert columns.codes == ["b", "a"]
    assert columns.titles == ["Shirt", ""]
    assert columns.picture_paths == ["b.png", "a.png"]
    assert columns.splits.tolist() == ["test", ""]
    assert labels(store) == {1: {"colour": "Red"}}


def test_columns_are_the_same_however_many_items_are_read_at_a_time(
    store: Store, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["", "plain", "Grün, rot", "a\0b", "👗" * 3, "x" * 5000, "'\n,\"", "last"]
    splits = ["train", "", "validation", "test"]
    store.upsert_items(
        make_item(f"c{n}", title, splits[n % 4], **({"colour": "Red"} if n % 3 else {"fit": "a"}))
        for n, title in enumerate(titles)
    )
    at_once = written(store)
    assert at_once[:2] == [[f"c{n}" for n in range(8)], titles]
    assert at_once[4] == [splits[n % 4] for n in range(8)]
    for page in (1, 3, 8):
        monkeypatch.setattr("datrnet.db.items.PAGE", page)
        assert written(store) == at_once


def test_an_empty_store_has_empty_columns(store: Store) -> None:
    columns = store.item_columns()
    assert columns.codes == []
    assert not len(columns.ids)
    assert labels(store) == {}
    assert store.super_categories() == []


def test_upserting_again_changes_nothing(store: Store, make_item: MakeItem) -> None:
    items = [make_item(str(number), f"item {number}", colour="Red") for number in range(5)]
    assert store.upsert_items(items) == counts(added=5)
    before = written(store)
    assert store.upsert_items(items) == counts(unchanged=5)
    assert written(store) == before


def test_an_upsert_counts_added_updated_and_unchanged_items(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="Red"), make_item("b"), make_item("c")])
    again = [
        make_item("a", colour="Blue"),
        make_item("b", "a title now"),
        make_item("c"),
        make_item("d"),
    ]
    assert store.upsert_items(again) == counts(added=1, updated=2, unchanged=1)
    assert labels(store) == {1: {"colour": "Blue"}}


def test_an_unstated_field_is_for_new_items_only(store: Store) -> None:
    old = NewItem(code="a", title="Shirt", picture_path="p", split="test")
    store.upsert_items([old])
    bare = replace(old, title="", split="train", unstated=frozenset({"title", "split"}))
    assert store.upsert_items([bare, replace(bare, code="b")]) == counts(added=1, unchanged=1)
    moved = replace(bare, picture_path="q", unstated=frozenset({"split"}))
    assert store.upsert_items([moved]) == counts(updated=1)
    columns = store.item_columns()
    assert columns.titles == ["", ""]
    assert columns.splits.tolist() == ["test", "train"]
    assert columns.picture_paths == ["q", "p"]


def test_of_two_items_with_the_same_code_the_later_counts(
    store: Store, make_item: MakeItem
) -> None:
    assert store.upsert_items([make_item("a", "old"), make_item("a", "new")]) == counts(added=1)
    assert store.item_columns().titles == ["new"]


def test_values_that_differ_in_case_are_the_same_value(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Étain"), make_item("b", Colour="éTAIN")])
    store.upsert_items([make_item("c", COLOUR="ÉTAIN")])
    (category,) = store.super_categories()
    assert (category.name, category.values) == ("colour", ("Étain",))


def test_super_categories_keep_their_order_and_sort_their_values(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items(
        [make_item("a", sleeve=None, colour="red"), make_item("b", sleeve="long", colour="Blue")]
    )
    assert [(category.name, category.values) for category in store.super_categories()] == [
        ("sleeve", ("long",)),
        ("colour", ("Blue", "red")),
    ]


def test_none_removes_a_label_and_an_absent_super_category_keeps_it(
    store: Store, make_item: MakeItem
) -> None:
    store.upsert_items([make_item("a", colour="Red", sleeve="long")])
    store.upsert_items([make_item("a", colour=None)])
    assert labels(store) == {1: {"sleeve": "long"}}


def test_a_value_without_items_is_removed(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Rde"), make_item("b", colour="Blue")])
    store.upsert_items([make_item("a", colour="Red")])
    assert store.super_categories()[0].values == ("Blue", "Red")


def test_a_label_set_by_hand_survives_an_import(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red"), make_item("b", colour="Blue")])
    store.set_label(1, "Colour", "blue", "person")
    assert store.upsert_items([make_item("a", colour="Red")]) == counts(unchanged=1)
    assert labels(store)[1] == {"colour": "Blue"}


def test_a_label_removed_by_hand_stays_removed(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red"), make_item("b", colour="Red")])
    store.set_label(1, "colour", None, "person")
    store.upsert_items([make_item("a", colour="Red")])
    assert labels(store) == {2: {"colour": "Red"}}


def test_the_shop_overrules_a_model(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a"), make_item("b", colour="Red"), make_item("c", colour="Tan")])
    store.set_label(1, "colour", "Red", "model")
    store.upsert_items([make_item("a", colour=None)])
    assert labels(store)[1] == {"colour": "Red"}
    store.upsert_items([make_item("a", colour="Tan")])
    assert labels(store)[1] == {"colour": "Tan"}


def test_a_models_none_removes_the_label(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red")])
    store.set_label(1, "colour", None, "model")
    assert labels(store) == {}


def test_unknown_names_suggest_the_nearest(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", colour="Red")])
    with pytest.raises(UnknownNameError, match="Did you mean colour"):
        store.set_label(1, "color", "Red", "person")
    with pytest.raises(UnknownNameError, match="Did you mean Red"):
        store.set_label(1, "colour", "Redd", "person")
    with pytest.raises(UnknownNameError, match="No item"):
        store.set_label(9, "colour", "Red", "person")


def test_a_failing_upsert_leaves_nothing_behind(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", "before")])
    with pytest.raises(DatabaseError):
        store.upsert_items([make_item("a", "after"), make_item("b", split="nonsense")])
    assert store.item_columns().titles == ["before"]


def test_an_interrupt_leaves_nothing_behind(store: Store, make_item: MakeItem) -> None:
    def interrupted() -> Iterator[NewItem]:
        yield make_item("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.upsert_items(interrupted())
    assert store.item_columns().codes == []


def test_foreign_keys_hold(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as plain:
        plain.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            plain.execute("INSERT INTO item_attributes VALUES (1, 1, 0, 1, 'shop', '')")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("blue shirt", {1, 2}),
        ("shi blu", {1, 2}),
        ("BLUÉ", {1, 2}),
        ("t-shirt", {2}),
        ("sku-1", {1}),
        ("green", set()),
        ('"', set()),
        ("", set()),
        ('blue "', {1, 2}),
        ("AND (", set()),
    ],
)
def test_titles_are_found_by_the_beginnings_of_words(
    store: Store, make_item: MakeItem, text: str, found: set[int]
) -> None:
    store.upsert_items([make_item("sku-1", "Blue Shirt"), make_item("x", "Bleu? No, blué T-shirt")])
    assert set(ids_found(store, text)) == found


@pytest.mark.parametrize("text", ["ガウン", "ｶﾞｳﾝ", "パン", "ﾊﾟﾝ", "ロングガウン", "ﾛﾝｸﾞｶﾞｳﾝ"])
def test_katakana_is_found_in_either_width(store: Store, make_item: MakeItem, text: str) -> None:
    store.upsert_items([make_item("full", "パン ロングガウン"), make_item("half", "ﾊﾟﾝ ﾛﾝｸﾞｶﾞｳﾝ")])
    assert ids_found(store, text) == [1, 2]


def test_the_search_follows_changed_titles(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", "Blue")])
    store.upsert_items([make_item("a", "Green")])
    assert ids_found(store, "blue") == []
    assert ids_found(store, "green") == [1]
    with closing(sqlite3.connect(store.path)) as plain:
        plain.execute("INSERT INTO items_fts (items_fts) VALUES ('integrity-check')")


@pytest.mark.parametrize("page", [1, 2, 100])
def test_a_search_finds_each_item_once_however_many_come_at_a_time(
    store: Store, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr("datrnet.db.items.PAGE_OF_FOUND", page)
    titles = ["Redwood shirt", "Tired shirts", "red shirt", "A shirt, red", "blue", "shirts redder"]
    store.upsert_items(make_item(str(number), title) for number, title in enumerate(titles))
    assert ids_found(store, "red shirt") == [3, 4, 1, 6, 2]
    assert len(next(store.title_pages("red shirt"))) == min(page, 2)
    assert max(map(len, store.title_pages("s red"))) <= 8 * page
    assert ids_found(store, "s red") == [1, 3, 4, 6, 2]
    assert ids_found(store, "shirt") == [1, 3, 4, 2, 6]
    titles = ["赤いスカート XL", "スカート赤い", "赤い服 xs", "赤"]
    store.upsert_items(make_item(f"c{number}", title) for number, title in enumerate(titles))
    assert ids_found(store, "赤い") == [7, 9, 8]
    assert ids_found(store, "い スカート") == [7, 8]
    assert ids_found(store, "い x") == [7, 9]
    assert ids_found(store, "服 x") == [9]


def test_a_search_goes_on_while_others_write(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", "Jacke"), make_item("b", "Strickjacke")])
    pages = store.title_pages("jacke")
    assert next(pages).tolist() == [1]
    store.remove_items([1], "a")
    assert [page.tolist() for page in pages] == [[2]]


@pytest.fixture(scope="module")
def searchable() -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.create(Path(folder) / "catalog.db") as store,
    ):
        yield store


@given(
    text=st.text()
    | st.lists(
        st.sampled_from(["AND", "OR", "NOT", "NEAR(", ")", '"', "*", "^", "-", ":", "a"])
    ).map(" ".join)
    | st.just("word " * 5000)
)
def test_no_text_breaks_the_search(searchable: Store, text: str) -> None:
    assert ids_found(searchable, text) == []


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("赤いロングスカート", ("スカート", "ロング", "赤", "赤い", "ロング スカート")),
        ("ｸﾞﾚｰのＴシャツ", ("Tシャツ", "ｔシャツ", "シャツ")),
        ("夏季红色连衣裙女", ("连衣裙", "红色", "裙", "红色 连衣裙")),
        ("กางเกงยีนส์และเสื้อ", ("เสื้อ", "ยีนส์", "กางเกง", "เสื้อ ยีนส์")),
        ("Baumwollstrickjacke", ("strickjacke", "Baumwoll", "wolle"[:4], "jacke baum")),
        ("Red T-Shirt", ("shirt", "t-shirt", "hirt")),
        ("Robe d\u2019été", ("été", "e\u0301te\u0301", "ete", "ＲＯＢＥ")),
    ],
)
def test_titles_are_found_by_parts_of_words(
    store: Store, make_item: MakeItem, title: str, words: tuple[str, ...]
) -> None:
    store.upsert_items([make_item("a", title=title), make_item("b", title="Something else")])
    for text in words:
        assert ids_found(store, text) == [1], text


def test_a_whole_word_comes_before_a_part_of_one(store: Store, make_item: MakeItem) -> None:
    store.upsert_items([make_item("a", title="Strickjacke"), make_item("b", title="Jacke")])
    assert ids_found(store, "jacke") == [2, 1]
    assert ids_found(store, "rot") == []


@pytest.mark.parametrize("text", ["ลาย", "靴", "スーツ", "mütze"])
def test_what_is_in_no_title_is_not_found(store: Store, make_item: MakeItem, text: str) -> None:
    titles = ("赤いロングスカート", "夏季红色连衣裙女", "กางเกงยีนส์และเสื้อ", "Strickjacke")
    store.upsert_items(make_item(str(number), title=title) for number, title in enumerate(titles))
    assert ids_found(store, text) == []
