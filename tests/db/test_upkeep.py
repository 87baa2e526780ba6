"""Removing and hiding items; renaming, merging and dropping super-categories and values."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.rows import NewItem, NewVariant, UpsertCounts
from datrnet.db.store import Store
from tests.db.conftest import ids_found

MakeItem = Callable[..., NewItem]


def labels(store: Store) -> dict[str, dict[str, tuple[str, ...]]]:
    """The values of every item that has any, by code and super-category."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    with store.reading() as db:
        for code, category, value in db.execute(
            "SELECT items.code, super_categories.name, attribute_values.name FROM item_attributes"
            " JOIN items ON items.id = item_id"
            " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
            " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
            " ORDER BY items.id, super_categories.position, item_attributes.position"
        ):
            own = found.setdefault(code, {})
            own[category] = (*own.get(category, ()), value)
    return found


def names(store: Store) -> dict[str, tuple[str, ...]]:
    return {category.name: category.values for category in store.super_categories()}


@pytest.fixture
def shop(store: Store, make_item: MakeItem) -> Store:
    store.upsert_items(
        [
            make_item("a", color="grey", fit="slim"),
            make_item("b", color=("gray", "red"), fit="wide"),
            make_item("c", color=("red", "grey", "gray")),
        ]
    )
    return store


# ── items ────────────────────────────────────────────────────────────────────


def test_hidden_items_are_kept(shop: Store) -> None:
    assert shop.hide_items([1, 2], "two") == 2
    assert shop.hide_items([2, 3], "two") == 1
    assert shop.item_columns().is_hidden.tolist() == [True, True, True]
    assert shop.unhide_items([1, 9], "one") == 1
    assert shop.item_columns().is_hidden.tolist() == [False, True, True]
    assert labels(shop)["b"] == {"color": ("gray", "red"), "fit": ("wide",)}
    assert [step.action for step in shop.history()] == ["unhide", "hide", "hide", "import"]


def test_removed_items_take_what_only_they_had(shop: Store) -> None:
    assert shop.remove_items([1, 2, 9], "a, b") == 2
    assert names(shop) == {"color": ("gray", "grey", "red")}
    assert ids_found(shop, "a") == []


@pytest.mark.parametrize(
    ("absent", "codes", "is_hidden"),
    [
        ("keep", ["a", "b", "c"], [False, False, False]),
        ("hide", ["a", "b", "c"], [False, True, True]),
        ("remove", ["a"], [False]),
    ],
)
def test_what_a_file_lacks_is_kept_hidden_or_removed(
    shop: Store, make_item: MakeItem, absent: str, codes: list[str], is_hidden: list[bool]
) -> None:
    again = make_item("a", color="grey", fit="slim")
    assert shop.upsert_items([again], absent=absent) == UpsertCounts(
        added=0, updated=0, unchanged=1
    )
    columns = shop.item_columns()
    assert list(columns.codes) == codes
    assert columns.is_hidden.tolist() == is_hidden
    assert len(shop.history()) == (1 if absent == "keep" else 2)


def test_an_item_that_a_file_names_but_that_cannot_be_read_does_not_go(
    shop: Store, make_item: MakeItem
) -> None:
    shop.upsert_items([make_item("a")], absent="remove", named={"a", "b"})
    assert list(shop.item_columns().codes) == ["a", "b"]


def test_a_hidden_item_that_comes_back_is_shown_again(shop: Store, make_item: MakeItem) -> None:
    shop.upsert_items([make_item("a", color="grey", fit="slim")], absent="hide")
    back = make_item("b", color=("gray", "red"), fit="wide")
    assert shop.upsert_items([back]).updated == 1
    assert shop.item_columns().is_hidden.tolist() == [False, False, True]


def test_labels_or_facts_alone_are_enough_for_known_items(shop: Store) -> None:
    def bare(code: str, **fields: object) -> NewItem:
        unstated = frozenset({"title", "split", "group", "variants", "picture"})
        item = NewItem(code=code, title="", picture_path="", split="test", unstated=unstated)
        return replace(item, **fields)  # type: ignore[arg-type]

    counts = shop.upsert_items(
        [bare("a", labels={"color": "red"}), bare("b", facts={"price": "1"})]
    )
    assert (counts.added, counts.updated) == (0, 2)
    assert labels(shop)["a"] == {"color": ("red",), "fit": ("slim",)}
    assert labels(shop)["b"] == {"color": ("gray", "red"), "fit": ("wide",)}
    columns = shop.item_columns()
    assert list(columns.picture_paths) == ["a.png", "b.png", "c.png"]
    assert columns.splits.tolist() == ["train"] * 3
    assert shop.item_facts().facts[1] == '{"price":"1"}'


def test_a_variant_may_become_another_items(store: Store, make_item: MakeItem) -> None:
    size = NewVariant(code="a-S")
    store.upsert_items([replace(make_item("a"), variants=(size,)), make_item("b")])
    store.upsert_items([replace(make_item("b"), variants=(size,))])
    assert store.codes_of_variants() == {"a-S": "b"}
    store.undo_step()
    assert store.codes_of_variants() == {"a-S": "a"}


# ── super-categories ─────────────────────────────────────────────────────────


def test_a_renamed_super_category_keeps_its_name_at_the_next_import(
    shop: Store, make_item: MakeItem
) -> None:
    assert shop.rename_super_category("COLOR", " shade ") == "color"
    assert list(names(shop)) == ["shade", "fit"]
    shop.upsert_items([make_item("d", Color="red")])
    assert labels(shop)["d"] == {"shade": ("red",)}
    shop.rename_super_category("shade", "Farbe")
    shop.upsert_items([make_item("e", color="red"), make_item("f", shade="red")])
    assert labels(shop)["e"] == labels(shop)["f"] == {"Farbe": ("red",)}
    shop.rename_super_category("Farbe", "color")  # and back
    assert list(names(shop)) == ["color", "fit"]
    spelled = {synonym.super_category: synonym.value for synonym in shop.synonyms()}
    assert spelled == {"shade": "color", "Farbe": "color"}


def test_only_the_case_of_a_name_may_change(shop: Store) -> None:
    shop.rename_super_category("color", "Color")
    shop.rename_value("color", "grey", "GREY")
    assert names(shop)["Color"] == ("gray", "GREY", "red")
    assert shop.synonyms() == []


def test_a_taken_name_is_refused_with_the_way_to_unite(shop: Store) -> None:
    with pytest.raises(ConfigError, match="datrnet attribute merge fit --into Color"):
        shop.rename_super_category("fit", "Color")
    with pytest.raises(ConfigError, match="datrnet attribute merge color grey --into Gray"):
        shop.rename_value("color", "grey", "Gray")
    with pytest.raises(ConfigError, match="attribute drop"):
        shop.rename_value("color", "grey", " ")
    with pytest.raises(UnknownNameError, match="Did you mean color"):
        shop.rename_super_category("colour", "shade")
    with pytest.raises(UnknownNameError, match="Did you mean gr"):
        shop.rename_value("color", "grry", "x")
    assert len(shop.history()) == 1


def test_two_super_categories_become_one(store: Store, make_item: MakeItem) -> None:
    store.upsert_items(
        [
            make_item("a", colour="Red", color="blue"),
            make_item("b", colour=("Teal", "red")),
            make_item("c", color="blue"),
            make_item("d", colour="red", color="blue"),
        ]
    )
    store.set_label(4, "colour", "Red", "person")
    assert store.merge_super_category("Colour", "COLOR") == "colour"
    assert labels(store) == {
        "a": {"color": ("blue",)},
        "b": {"color": ("Teal", "Red")},
        "c": {"color": ("blue",)},
        "d": {"color": ("Red",)},  # a person's word counts more
    }
    assert names(store) == {"color": ("blue", "Red", "Teal")}
    (change,) = store.label_history()
    assert change.super_category == "color"
    store.upsert_items([make_item("e", colour="red"), make_item("f", colour="red", color="teal")])
    assert labels(store)["e"] == {"color": ("Red",)}
    assert labels(store)["f"] == {"color": ("Red", "Teal")}
    with pytest.raises(ConfigError, match="into itself"):
        store.merge_super_category("color", "Color")


def test_a_dropped_super_category_does_not_come_back(shop: Store, make_item: MakeItem) -> None:
    assert shop.drop_super_category("Fit") == "fit"
    again = make_item("a", color="grey", fit="slim")
    assert shop.upsert_items([again]).unchanged == 1
    assert list(names(shop)) == ["color"]
    with pytest.raises(UnknownNameError, match="attribute list"):
        shop.forget_synonym("color")
    shop.forget_synonym("FIT")
    shop.upsert_items([again])
    assert labels(shop)["a"] == {"color": ("grey",), "fit": ("slim",)}


# ── values ───────────────────────────────────────────────────────────────────


def test_a_renamed_value_keeps_its_name_at_the_next_import(
    shop: Store, make_item: MakeItem
) -> None:
    assert shop.rename_value("Color", "GREY", "ash") == "grey"
    assert labels(shop)["a"]["color"] == ("ash",)
    assert shop.upsert_items([make_item("a", color="Grey", fit="slim")]).unchanged == 1
    shop.rename_super_category("color", "colour")
    assert shop.upsert_items([make_item("a", color="grey", fit="slim")]).unchanged == 1
    shop.forget_synonym("colour", "grey")
    shop.upsert_items([make_item("a", color="grey")])
    assert labels(shop)["a"]["colour"] == ("grey",)


def test_values_become_one_of_them(shop: Store, make_item: MakeItem) -> None:
    assert shop.merge_values("color", ["grey", "Gray"], "GRAY") == 2
    assert labels(shop) == {
        "a": {"color": ("gray",), "fit": ("slim",)},
        "b": {"color": ("gray", "red"), "fit": ("wide",)},
        "c": {"color": ("red", "gray")},
    }
    again = [make_item("c", color=("red", "grey", "gray")), make_item("a", color="grey")]
    assert shop.upsert_items(again) == UpsertCounts(added=0, updated=0, unchanged=2)
    assert shop.num_disagreements(again) == 0


def test_values_become_a_new_one(shop: Store, make_item: MakeItem) -> None:
    shop.merge_values("color", ["grey", "gray"], "silver")
    assert names(shop)["color"] == ("red", "silver")
    shop.upsert_items([make_item("d", color=("gray", "grey"))])
    assert labels(shop)["d"] == {"color": ("silver",)}
    with pytest.raises(ConfigError, match="attribute rename color=red pink"):
        shop.merge_values("color", ["red"], "pink")
    with pytest.raises(ConfigError, match="only one value"):
        shop.merge_values("color", ["red"], "red")


def test_labels_by_hand_and_their_history_follow_the_names(shop: Store) -> None:
    shop.set_label(1, "color", "red", "person")
    shop.rename_super_category("color", "shade")
    shop.merge_values("shade", ["grey", "gray"], "gray")
    shop.rename_value("shade", "red", "crimson")
    (change,) = shop.label_history()
    assert (change.super_category, change.old_value, change.new_value) == (
        "shade",
        "gray",
        "crimson",
    )
    shop.undo_label()
    assert labels(shop)["a"]["shade"] == ("gray",)
    shop.redo_label()
    assert labels(shop)["a"]["shade"] == ("crimson",)


def test_a_dropped_value_does_not_come_back(shop: Store, make_item: MakeItem) -> None:
    assert shop.drop_value("color", "Red") == "red"
    assert labels(shop)["b"]["color"] == ("gray",)
    assert labels(shop)["c"]["color"] == ("grey", "gray")
    assert shop.upsert_items([make_item("b", color=("gray", "red"))]).unchanged == 1
    shop.drop_value("fit", "slim")
    shop.drop_value("fit", "wide")
    assert list(names(shop)) == ["color"]


def test_a_file_that_disagrees_with_a_person_by_an_old_name_does_not(
    shop: Store, make_item: MakeItem
) -> None:
    shop.set_label(1, "color", "grey", "person")
    shop.rename_super_category("color", "shade")
    shop.merge_values("shade", ["grey", "gray"], "gray")
    assert shop.num_disagreements([make_item("a", color="grey")]) == 0
    assert shop.num_disagreements([make_item("a", color="red")]) == 1
