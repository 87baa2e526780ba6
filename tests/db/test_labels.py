"""Labels set by hand, their history, undo and redo; verdicts on pairs of items."""

from pathlib import Path

import pytest

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.rows import NewItem, ProposedLabel
from datrnet.db.store import Store


def _items(colour: str | None = "black") -> list[NewItem]:
    return [
        NewItem(
            code=code,
            title=code,
            picture_path="none",
            split="",
            labels={"colour": value, "sleeve": "long"},
        )
        for code, value in (("A", colour), ("B", "navy"), ("C", None))
    ]


@pytest.fixture
def shop(store: Store) -> Store:
    store.upsert_items(_items())
    return store


def _label(store: Store, item_id: int, category: str = "colour") -> tuple[str | None, str | None]:
    """The value and its source as the tables have them."""
    with store.reading() as db:
        row = db.execute(
            "SELECT attribute_values.name, source FROM item_attributes"
            " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
            " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
            " WHERE item_id = ? AND super_categories.name = ?",
            [item_id, category],
        ).fetchone()
    return row or (None, None)


def test_a_change_is_recorded_with_the_label_before_it(shop: Store) -> None:
    change = shop.set_label(1, "COLOUR", "Navy", "person")
    assert change is not None
    assert (change.code, change.super_category) == ("A", "colour")
    assert (change.old_value, change.old_source) == ("black", "shop")
    assert (change.new_value, change.new_source) == ("navy", "person")
    assert change.undone_at is None
    assert shop.label_history() == [change]
    assert shop.labels_by_person() == {(1, "colour")}


def test_confirming_a_label_changes_its_source(shop: Store) -> None:
    assert shop.set_label(1, "colour", "black", "shop") is None
    change = shop.set_label(1, "colour", "black", "person")
    assert change is not None
    assert (change.old_source, change.new_source) == ("shop", "person")
    assert shop.set_label(1, "colour", "black", "person") is None
    assert len(shop.label_history()) == 1


@pytest.mark.parametrize(
    ("item_id", "value", "before"),
    [(1, "navy", ("black", "shop")), (1, None, ("black", "shop")), (3, "navy", (None, None))],
)
def test_undo_restores_value_and_source_and_redo_applies_them_again(
    shop: Store, item_id: int, value: str | None, before: tuple[str | None, str | None]
) -> None:
    shop.set_label(item_id, "colour", value, "person")
    (undone,) = shop.undo_label()
    assert undone.undone_at is not None
    assert _label(shop, item_id) == before
    assert shop.undo_label() == []
    (redone,) = shop.redo_label()
    assert redone.undone_at is None
    assert _label(shop, item_id) == (value, "person")
    assert shop.redo_label() == []


def test_undo_and_redo_go_step_by_step_and_a_new_change_ends_redo(shop: Store) -> None:
    for item_id, value in ((1, "navy"), (2, "black"), (1, "black")):
        shop.set_label(item_id, "colour", value, "person")
    undone = [*shop.undo_label(), *shop.undo_label()]
    assert [change.id for change in undone] == [3, 2]
    assert _label(shop, 1) == ("navy", "person")
    assert _label(shop, 2) == ("navy", "shop")
    (redone,) = shop.redo_label()
    assert redone.id == 2
    shop.set_label(3, "colour", "navy", "person")
    assert shop.redo_label() == []  # change 3 is left behind
    (last,) = shop.undo_label()
    assert last.id == 4


def test_a_change_left_behind_never_comes_back(shop: Store) -> None:
    shop.set_label(1, "colour", "navy", "person")
    shop.undo_label()
    shop.set_label(2, "colour", "black", "person")
    shop.undo_label()
    redone = [*shop.redo_label(), *shop.redo_label()]
    assert [change.code for change in redone] == ["B"]
    assert _label(shop, 1) == ("black", "shop")
    shop.undo_label()
    redone = [*shop.redo_label(), *shop.redo_label()]
    assert [change.code for change in redone] == ["B"]


def test_changes_undone_by_number_are_redone_in_reverse_order(shop: Store) -> None:
    shop.set_label(1, "colour", "navy", "person")
    shop.set_label(2, "colour", "black", "person")
    shop.undo_label(1)
    shop.undo_label(2)
    redone = [*shop.redo_label(), *shop.redo_label(), *shop.redo_label()]
    assert [change.code for change in redone] == ["B", "A"]


def test_a_change_followed_by_another_of_the_label_cannot_be_undone(shop: Store) -> None:
    shop.set_label(1, "colour", "navy", "person")
    shop.set_label(2, "colour", "black", "person")
    shop.set_label(1, "colour", "black", "person")
    with pytest.raises(ConfigError, match="Undo change 3 first"):
        shop.undo_label(1)
    assert shop.undo_label(2)  # of another item: nothing stands on it
    shop.undo_label(3)
    shop.undo_label(1)
    assert _label(shop, 1) == ("black", "shop")
    with pytest.raises(ConfigError, match="already undone"):
        shop.undo_label(1)
    with pytest.raises(UnknownNameError, match="No change is called '77'"):
        shop.undo_label(77)


def test_history_and_undo_survive_a_restart_and_an_import(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Store.create(path) as store:
        store.upsert_items(_items())
        store.set_label(1, "colour", "navy", "person")
    with Store.open(path) as store:
        store.upsert_items(_items())  # nobody carries black any more: the value goes
        assert _label(store, 1) == ("navy", "person")
        assert "black" not in store.super_categories()[0].values
        store.undo_label()
        assert _label(store, 1) == ("black", "shop")
        assert "black" in store.super_categories()[0].values


def test_history_of_one_item_and_its_length(shop: Store) -> None:
    for item_id, value in ((1, "navy"), (2, "black"), (1, None)):
        shop.set_label(item_id, "colour", value, "person")
    assert [change.id for change in shop.label_history()] == [3, 2, 1]
    assert [change.id for change in shop.label_history(1)] == [3, 1]
    assert [change.id for change in shop.label_history(limit=2)] == [3, 2]


def test_relabeled_since_counts_labels_not_changes(shop: Store) -> None:
    long_ago, never = "2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"
    shop.set_label(2, "colour", "navy", "person")  # confirmed
    assert shop.num_relabeled_since(long_ago) == 0
    shop.set_label(1, "colour", "navy", "person")
    shop.set_label(1, "colour", None, "person")
    shop.set_label(3, "colour", "navy", "person")
    assert shop.num_relabeled_since(long_ago) == 2
    assert shop.num_relabeled_since(never) == 0
    shop.undo_label()
    assert shop.num_relabeled_since(long_ago) == 1


def _proposed(item_id: int, value: str = "navy", confidence: float = 0.9) -> ProposedLabel:
    return ProposedLabel(
        item_id=item_id, super_category="COLOUR", value=value, confidence=confidence
    )


def test_accepted_proposals_fill_gaps_only_and_are_one_step(shop: Store) -> None:
    gap = NewItem(code="D", title="D", picture_path="none", split="", labels={"sleeve": "long"})
    shop.upsert_items([gap])
    shop.set_label(1, "colour", None, "person")  # none applies
    shop.set_label(3, "colour", "black", "model")
    before = [_label(shop, item_id) for item_id in (1, 2, 3, 4)]
    made = shop.accept_labels([_proposed(n, "navy", n / 10) for n in (1, 3, 4)], "model")
    made += shop.accept_labels([_proposed(2, "black")], "model")
    assert [change.item_id for change in made] == [3, 4]
    assert {change.step_id for change in made} == {made[0].id}
    assert [change.confidence for change in made] == [0.3, 0.4]
    now = [_label(shop, item_id) for item_id in (1, 2, 3, 4)]
    assert now == [*before[:2], ("navy", "model"), ("navy", "model")]
    assert shop.accept_labels([_proposed(3), _proposed(4)], "model") == []
    assert shop.labels_by("model") == {(3, "colour"), (4, "colour")}
    assert [change.item_id for change in shop.undo_label()] == [4, 3]
    assert [_label(shop, item_id) for item_id in (1, 2, 3, 4)] == before
    assert [change.item_id for change in shop.redo_label()] == [3, 4]
    assert [_label(shop, item_id) for item_id in (1, 2, 3, 4)] == now
    shop.upsert_items(_items())  # the shop still says nothing about item 3
    assert _label(shop, 3) == ("navy", "model")


def test_a_user_may_accept_proposals_over_the_shops_labels(shop: Store) -> None:
    shop.set_label(2, "colour", "black", "person")
    made = shop.accept_labels([_proposed(1), _proposed(2)], "person")
    assert [change.item_id for change in made] == [1]
    assert _label(shop, 1) == ("navy", "person")
    assert _label(shop, 2) == ("black", "person")


def test_one_change_of_a_step_is_undone_by_its_number(shop: Store) -> None:
    for item_id in (1, 2):
        shop.set_label(item_id, "colour", None, "shop")  # no label
    first, second = shop.accept_labels([_proposed(1), _proposed(2)], "model")
    assert [change.id for change in shop.undo_label(second.id)] == [second.id]
    assert _label(shop, 1) == ("navy", "model")
    assert [change.id for change in shop.undo_label()] == [first.id]


def test_a_step_with_an_unknown_value_changes_nothing(shop: Store) -> None:
    for item_id in (1, 2):
        shop.set_label(item_id, "colour", None, "shop")
    before = shop.label_history()
    with pytest.raises(UnknownNameError, match="mauve"):
        shop.accept_labels([_proposed(1), _proposed(2, "mauve")], "model")
    assert shop.label_history() == before
    assert _label(shop, 1) == (None, None)


def test_a_verdict_on_a_pair_holds_in_either_order(shop: Store) -> None:
    assert shop.judge_pair(1, 2, "distinct") is None
    assert shop.judge_pair(2, 1, "duplicate") == "distinct"
    (verdict,) = shop.pair_verdicts()
    assert (verdict.kept_id, verdict.other_id, verdict.verdict) == (2, 1, "duplicate")
    assert shop.judge_pair(1, 2, None) == "duplicate"
    assert shop.pair_verdicts() == []
    with pytest.raises(ConfigError):
        shop.judge_pair(1, 1, "distinct")
    with pytest.raises(UnknownNameError):
        shop.judge_pair(1, 99, "distinct")


def _values(store: Store, item_id: int, category: str = "colour") -> list[tuple[str | None, str]]:
    """All values and their sources, as the tables have them."""
    with store.reading() as db:
        return list(
            db.execute(
                "SELECT attribute_values.name, source FROM item_attributes"
                " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
                " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
                " WHERE item_id = ? AND super_categories.name = ?"
                " ORDER BY item_attributes.position",
                [item_id, category],
            )
        )


def test_several_values_are_set_undone_and_redone_as_a_whole(shop: Store) -> None:
    change = shop.set_label(1, "colour", "NAVY| black |navy", "person")
    assert change is not None
    assert (change.old_value, change.new_value) == ("black", "navy | black")
    assert _values(shop, 1) == [("navy", "person"), ("black", "person")]
    assert shop.labels_by_person() == {(1, "colour")}
    assert shop.set_label(1, "colour", "navy | black", "person") is None
    shop.set_label(1, "colour", None, "person")
    assert _values(shop, 1) == [(None, "person")]
    (undone,) = shop.undo_label()
    assert undone.old_value == "navy | black"
    assert _values(shop, 1) == [("navy", "person"), ("black", "person")]
    shop.undo_label()
    assert _values(shop, 1) == [("black", "shop")]
    shop.redo_label()
    assert _values(shop, 1) == [("navy", "person"), ("black", "person")]


def test_undo_brings_back_values_that_no_item_carries_any_more(store: Store) -> None:
    item = NewItem(
        code="A", title="", picture_path="", split="", labels={"material": ("wool", "silk")}
    )
    other = NewItem(code="B", title="", picture_path="", split="", labels={"material": "linen"})
    store.upsert_items([item, other])
    store.set_label(1, "material", "linen", "person")
    store.upsert_items([other])
    assert store.super_categories()[0].values == ("linen",)
    store.undo_label()
    assert _values(store, 1, "material") == [("wool", "shop"), ("silk", "shop")]


def test_a_value_with_a_bar_is_one_value(store: Store) -> None:
    labels = {"size": "S | M"}
    store.upsert_items([NewItem(code="A", title="", picture_path="", split="", labels=labels)])
    change = store.set_label(1, "size", "s | m", "person")
    assert change is not None
    assert _values(store, 1, "size") == [("S | M", "person")]


def test_an_unknown_value_among_several_changes_nothing(shop: Store) -> None:
    with pytest.raises(UnknownNameError, match="nawy"):
        shop.set_label(1, "colour", "black | nawy", "person")
    assert _values(shop, 1) == [("black", "shop")]


@pytest.mark.parametrize("typed", ["Rosé", "Rose\u0301", "  ＲＯＳÉ", "rosé"])
def test_values_are_found_however_they_are_typed(store: Store, typed: str) -> None:
    labels = {"Größe": "Rosé"}
    store.upsert_items([NewItem(code="A", title="", picture_path="", split="", labels=labels)])
    change = store.set_label(1, "GRO\u0308SSE", typed, "person")
    assert change is not None
    assert (change.super_category, change.new_value) == ("Größe", "Rosé")


def test_values_spelled_alike_are_one_value(store: Store) -> None:
    store.upsert_items(
        NewItem(code=code, title="", picture_path="", split="", labels={"Côlor": value})
        for code, value in (("A", "Rosé"), ("B", "Rose\u0301"), ("C", "ＲＯＳÉ"))
    )
    assert [category.values for category in store.super_categories()] == [("Rosé",)]


def test_the_order_of_further_values_does_not_count_as_a_change(store: Store) -> None:
    def item(*values: str) -> NewItem:
        return NewItem(code="A", title="", picture_path="", split="", labels={"material": values})

    store.upsert_items([item("wool", "silk", "cotton")])
    assert store.upsert_items([item("wool", "cotton", "silk")]).unchanged == 1
    assert store.upsert_items([item("cotton", "wool", "silk")]).updated == 1
    assert [name for name, _ in _values(store, 1, "material")] == ["cotton", "wool", "silk"]
    assert store.upsert_items([item("cotton", "wool")]).updated == 1
    assert [name for name, _ in _values(store, 1, "material")] == ["cotton", "wool"]
