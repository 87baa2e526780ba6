"""Search, facets and order of the catalog, without an app."""

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.fact_facets import Facet, fact_facets
from datrnet.core.catalog.picture_states import MISSING, PICTURE_STATES
from datrnet.core.catalog.sort_order import TITLE, Order, ranks
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem, NewVariant, SuperCategory
from datrnet.db.store import Store
from datrnet.tui.catalog_state import CatalogState
from datrnet.tui.snapshot import RowMap, Snapshot
from datrnet.tui.text_search import TextSearch

GARMENT, COLOUR, SEASON = range(3)
DRESS = 0
BLACK, BLUE, GREEN, RED = range(4)


@pytest.fixture
def store(bare_workspace: Workspace) -> Iterator[Store]:
    with bare_workspace.open_store() as store:
        yield store


@pytest.fixture
def state(bare_workspace: Workspace, store: Store) -> CatalogState:
    return CatalogState(Snapshot.of(bare_workspace, store, Catalog.load(store)))


def labels(state: CatalogState, name: str) -> list[str | None]:
    return [state.snapshot.catalog.labels_of(row)[name] for row in state.rows]


def codes(state: CatalogState) -> list[str]:
    return [state.snapshot.catalog.codes[row] for row in state.rows]


def search(state: CatalogState, text: str) -> None:
    state.show_found(text, np.concatenate([*state.snapshot.title_pages(text)]))


def sort(state: CatalogState, order: Order) -> None:
    if not state.sort(order):
        state.add_ranks(order.key, ranks(state.snapshot.catalog, order.key))
        assert state.sort(order)


def test_it_begins_with_everything(state: CatalogState) -> None:
    assert len(state.rows) == 48
    assert (state.trail, state.facts, state.filters) == (("Catalog",), "48 items", [])


def test_values_of_one_mean_any_and_of_two_mean_both(state: CatalogState) -> None:
    state.toggle(COLOUR, RED)
    assert labels(state, "colour") == ["red"] * 12
    state.toggle(COLOUR, BLUE)
    assert set(labels(state, "colour")) == {"red", "blue"}
    state.toggle(GARMENT, DRESS)
    assert len(state.rows) == 8
    # what else could be chosen of the colors is counted among dresses
    assert (state.counts[COLOUR][BLACK], state.counts[COLOUR][RED]) == (4, 4)
    assert state.counts[GARMENT][1] == 8
    assert state.facts == "8 of 48 items"
    assert state.facet_words == "garment dress, colour blue or red"
    state.toggle(COLOUR, RED)
    assert set(labels(state, "colour")) == {"blue"}
    state.drop(state.facets[1])
    assert state.chosen == {GARMENT: {DRESS}}
    assert state.clear_facets()
    assert not state.clear_facets()
    assert len(state.rows) == 48


def test_excluded_values_are_left_out(state: CatalogState, store: Store) -> None:
    state.exclude(COLOUR, RED)
    state.exclude(COLOUR, BLUE)
    assert set(labels(state, "colour")) == {"black", "green"}
    assert [chip.words for chip in state.filters] == ["colour not blue or red"]
    state.exclude(SEASON, -1)
    state.toggle(GARMENT, DRESS)
    assert state.facet_words == "garment dress, colour not blue or red, season not no label"
    assert set(labels(state, "garment")) == {"dress"}
    assert None not in labels(state, "season")
    state.toggle(COLOUR, RED)  # one key turns a value's no into a yes, the other the reverse
    assert (state.chosen[COLOUR], state.excluded[COLOUR]) == ({RED}, {BLUE})
    state.exclude(COLOUR, RED)
    assert COLOUR not in state.chosen
    later = Snapshot.of(state.snapshot.workspace, store, Catalog.load(store))
    state.renew(later, RowMap(state.snapshot.catalog, later.catalog))
    assert state.facet_words == "garment dress, colour not blue or red, season not no label"
    state.drop(state.facets[1])
    assert set(labels(state, "colour")) == {"black", "blue", "green", "red"}
    assert state.clear_facets()
    assert (len(state.rows), state.facets) == (48, [])


def test_items_without_a_label_have_their_place(state: CatalogState) -> None:
    assert state.values[SEASON] == [1, 0, -1]  # winter, summer, no label
    state.toggle(SEASON, -1)
    assert labels(state, "season") == [None] * 10
    assert state.facet_words == "season no label"


def test_a_search_and_facets_narrow_down_together(state: CatalogState) -> None:
    search(state, "shirt")
    assert len(state.rows) == 16
    assert (state.counts[COLOUR][BLACK], state.counts[GARMENT][DRESS]) == (4, 0)
    assert state.facts == "16 of 48 items · best match first"
    state.toggle(COLOUR, BLACK)
    assert len(state.rows) == 4
    assert [chip.words for chip in state.filters] == ["“shirt” 16", "colour black"]
    assert state.filter_words == "the search “shirt” and the facets colour black"
    state.drop(state.facets[0])
    state.toggle(GARMENT, DRESS)
    assert state.empty_text.startswith("No result of the search is garment dress.")
    state.clear()
    assert len(state.rows) == 48


def test_a_search_that_has_not_found_all_says_so(state: CatalogState) -> None:
    first = next(state.snapshot.title_pages("shirt"))[:3]
    state.show_found("shirt", first, is_complete=False)
    assert state.facts == "3+ of 48 items · best match first"
    assert state.filters[0].words == "“shirt” 3+"
    state.toggle(GARMENT, DRESS)
    assert not len(state.rows)
    assert state.empty_text == "Searching on …"


def test_a_search_shows_its_best_match_first_unless_an_order_was_chosen(
    state: CatalogState,
) -> None:
    search(state, "red")
    assert "best match first" in state.facts
    sort(state, Order("id", is_reversed=True))
    assert codes(state) == sorted(codes(state), reverse=True)
    assert len(state.rows) == 12


def test_an_order_is_chosen_and_reversed(state: CatalogState) -> None:
    sort(state, Order(TITLE))
    assert codes(state)[:2] == ["P-000", "P-012"]
    assert state.facts == "48 items · by title ↑"
    state.reverse()
    assert codes(state)[0] == "P-047"
    assert state.facts == "48 items · by title ↓"
    state.sort(Order(is_reversed=True))
    assert codes(state) == [f"P-{number:03}" for number in range(47, -1, -1)]
    assert "newest first" in state.facts


def test_unlabeled_items_come_last_in_both_directions(state: CatalogState) -> None:
    for is_reversed, first in ((False, "summer"), (True, "winter")):
        sort(state, Order(":season", is_reversed=is_reversed))
        assert labels(state, "season")[0] == first
        assert labels(state, "season")[-1] is None


def test_pictures_that_are_gone_are_a_facet_until_the_next_catalog(state: CatalogState) -> None:
    states = np.zeros(48, dtype=np.int16)
    states[[7, 11]] = MISSING
    state.add_facets([Facet(category=PICTURE_STATES, labels=states)])
    state.toggle(3, MISSING)
    assert codes(state) == ["P-007", "P-011"]
    assert state.facet_words == "picture missing"
    catalog = state.snapshot.catalog
    state.renew(state.snapshot, RowMap(catalog, catalog))
    assert len(state.categories) == 3
    assert len(state.rows) == 48


def test_search_and_facets_stay_with_a_later_catalog(
    state: CatalogState, bare_workspace: Workspace, store: Store
) -> None:
    search(state, "red")
    state.toggle(COLOUR, RED)
    state.toggle(GARMENT, DRESS)
    sort(state, Order(TITLE))
    before = codes(state)
    store.upsert_items(
        [
            NewItem(
                code="NEW",
                title="A red dress",
                picture_path="pictures/03.png",
                split="",
                labels={"colour": "red", "garment": "dress", "fabric": "aquamarine"},
            )
        ]
    )
    after = Snapshot.of(bare_workspace, store, Catalog.load(store))
    state.renew(after, RowMap(state.snapshot.catalog, after.catalog))
    assert sorted(codes(state)) == sorted(before)  # the search has to be repeated
    assert state.facet_words == "garment dress, colour red"
    assert state.order == Order()
    search(state, "red")
    assert sorted(codes(state)) == sorted([*before, "NEW"])
    assert "fabric" in [category.name for category in state.categories]


def test_changed_labels_are_counted_again(state: CatalogState) -> None:
    state.toggle(COLOUR, RED)
    state.relabel(state.snapshot.relabeled((0, "colour", "red")))
    assert len(state.rows) == 13
    assert state.counts[COLOUR][RED] == 13


def priced(state: CatalogState, workspace: Workspace, store: Store) -> None:
    """Give some items prices and sizes, and show the catalog with the facets of these."""
    sizes = ("S", "M")
    items = [
        NewItem(
            code=f"P-{number:03}",
            title=state.snapshot.catalog.titles[number],
            picture_path=state.snapshot.catalog.picture_paths[number],
            split="",
            facts={"price": f"{10 + number}.00 EUR"},
            variants=tuple(
                NewVariant(code=f"P-{number:03}-{size}", facts={"size": size})
                for size in sizes[: 1 + number % 2]
            ),
        )
        for number in range(40)
    ]
    store.upsert_items(items, {"price": "money", "size": "text"})
    later = Snapshot.of(workspace, store, Catalog.load(store))
    state.renew(later, RowMap(state.snapshot.catalog, later.catalog))
    state.add_facets(fact_facets(later.catalog))


def test_facts_are_facets_after_the_labels(
    state: CatalogState, bare_workspace: Workspace, store: Store
) -> None:
    priced(state, bare_workspace, store)
    price, size = range(3, 5)
    assert [it.name for it in state.categories[3:]] == ["price", "size"]
    prices = [state.value_name(price, value) for value in state.values[price]]
    assert prices == ["under 18", "18–26", "26–34", "34–42", "42 and up", "unknown"]
    assert state.counts[size].tolist() == [40, 20, 8]
    state.toggle(size, 1)
    state.toggle(price, 0)
    assert codes(state) == ["P-001", "P-003", "P-005", "P-007"]
    assert state.facet_words == "price under 18, size M"
    assert state.counts[size].tolist() == [8, 4, 0]
    state.toggle(GARMENT, DRESS)
    assert codes(state) == ["P-001", "P-003"]


def test_chosen_facts_are_chosen_again_once_they_are_found(
    state: CatalogState, bare_workspace: Workspace, store: Store
) -> None:
    priced(state, bare_workspace, store)
    state.toggle(4, 1)
    shown = codes(state)
    catalog = state.snapshot.catalog
    state.renew(state.snapshot, RowMap(catalog, catalog))
    assert len(state.rows) == 48
    state.add_facets(fact_facets(catalog))
    assert codes(state) == shown
    state.renew(state.snapshot, RowMap(catalog, catalog))
    state.clear_facets()  # before they are found
    state.add_facets(fact_facets(catalog))
    assert len(state.rows) == 48


def test_items_are_sorted_by_facts(
    state: CatalogState, bare_workspace: Workspace, store: Store
) -> None:
    priced(state, bare_workspace, store)
    sort(state, Order("=price", is_reversed=True))
    assert codes(state)[:2] == ["P-039", "P-038"]
    assert codes(state)[-1] == "P-047"  # without a price
    assert state.facts == "48 items · by price ↓"


def test_of_many_values_the_frequent_ones_come_first() -> None:
    values = tuple(f"v{number:02}" for number in range(20))
    numbers = np.repeat(np.arange(20), np.arange(1, 21)).astype(np.int16)[:, None]
    catalog = SimpleNamespace(
        super_categories=(SuperCategory(name="brand", values=values),),
        labels=numbers,
        value_sets=numbers[:, :, None],
        more_labels={},
        shown_rows=np.arange(len(numbers)),
        num_items=len(numbers),
    )
    snapshot: Any = SimpleNamespace(catalog=catalog, rows=np.arange(len(numbers)), subset=None)
    assert CatalogState(cast(Snapshot, snapshot)).values == [list(range(19, -1, -1))]


def test_an_item_counts_for_each_of_its_values_and_hidden_ones_for_none(
    bare_workspace: Workspace, store: Store
) -> None:
    store.set_label(1, "colour", "blue | red", "person")
    with store.writing() as db:
        db.execute("UPDATE items SET hidden_at = 'now' WHERE id IN (2, 4)")  # blue and red
    state = CatalogState(Snapshot.of(bare_workspace, store, Catalog.load(store)))
    assert state.facts == "46 items"
    assert state.counts[COLOUR].tolist() == [11, 12, 12, 12, 0]
    state.toggle(COLOUR, RED)
    assert len(state.rows) == 12
    assert codes(state)[0] == "P-000"
    assert state.snapshot.value_counts["colour"] == {
        "black": 11,
        "blue": 12,
        "green": 12,
        "red": 12,
    }
    state.toggle(COLOUR, RED)
    search(state, "red dress")
    assert "P-003" not in codes(state)
    search(state, "dress")
    everything = len(state.rows)
    with store.writing() as db:
        db.execute("UPDATE items SET hidden_at = 'now' WHERE id = 1")
    later = Snapshot.of(bare_workspace, store, Catalog.load(store))
    state.renew(later, RowMap(state.snapshot.catalog, later.catalog))
    assert len(state.rows) == everything - 1


def searched(state: CatalogState, text: str) -> None:
    found = TextSearch.of(state.snapshot, text)
    is_complete = found.find(math.inf, lambda: False)
    state.show_found(text, found.rows, found.understood, is_complete=is_complete)


def test_values_that_no_item_has_together_stay_chips(state: CatalogState) -> None:
    searched(state, "red not red")
    assert codes(state) == []
    assert [it.words for it in state.filters] == ["colour red", "colour not red 0"]
    assert state.empty_text.startswith("No item matches colour red · colour not red.")
    searched(state, state.filters[1].rest)
    assert set(labels(state, "colour")) == {"red"}


def test_words_for_values_become_chips_that_can_be_removed_one_by_one(state: CatalogState) -> None:
    searched(state, "red dresses")
    assert set(labels(state, "colour")) == {"red"}
    assert set(labels(state, "garment")) == {"dress"}
    red, dress = state.filters
    assert red.words == "colour red"
    assert dress.words == f"garment dress {len(state.rows)}"
    assert (red.rest, dress.rest) == ("dresses", "red")
    searched(state, dress.rest)
    assert len(state.rows) == state.snapshot.catalog.num_items // 4
    assert {*labels(state, "garment")} > {"dress"}


def test_unfinished_and_negated_words_are_understood_as_well(state: CatalogState) -> None:
    searched(state, "gre")
    assert set(labels(state, "colour")) == {"green"}
    searched(state, "dress -green not red")
    assert set(labels(state, "colour")) == {"black", "blue"}
    assert set(labels(state, "garment")) == {"dress"}


def test_what_no_item_meets_and_what_is_no_value_is_searched_in_titles(
    state: CatalogState, store: Store
) -> None:
    labels = {"garment": "dress", "colour": "black"}
    store.upsert_items(
        [NewItem(code="X-1", title="Greene & Sons", picture_path="a.png", split="", labels=labels)]
    )
    state = CatalogState(Snapshot.of(state.snapshot.workspace, store, Catalog.load(store)))
    searched(state, "sons")
    assert codes(state) == ["X-1"]
    searched(state, "black sons")
    assert codes(state) == ["X-1"]
    assert [chip.words for chip in state.filters] == ["colour black", "“sons” 1"]
    searched(state, "red sons")  # no red item has that title, and no title has both words
    assert codes(state) == []
    assert [chip.words for chip in state.filters] == ["colour red", "“sons” 0"]


def test_quoted_text_stays_quoted_when_a_chip_is_removed(state: CatalogState, store: Store) -> None:
    labels = {"garment": "dress", "colour": "black"}
    store.upsert_items(
        [NewItem(code="X-2", title="Red Tape", picture_path="a.png", split="", labels=labels)]
    )
    state = CatalogState(Snapshot.of(state.snapshot.workspace, store, Catalog.load(store)))
    searched(state, 'black "red tape"')
    assert codes(state) == ["X-2"]
    black, text = state.filters
    assert (black.words, text.words) == ("colour black", "“red tape” 1")
    searched(state, black.rest)
    assert codes(state) == ["X-2"]


def test_typed_values_are_chosen_facets(state: CatalogState) -> None:
    searched(state, "red dresses not winter")
    assert (state.chosen, state.excluded) == ({COLOUR: {RED}, GARMENT: {DRESS}}, {SEASON: {1}})
    assert state.facets == []  # as chips, they are the search's
    # what else could be chosen is counted, as if it had been ticked
    assert state.counts[COLOUR][BLUE] > 0
    state.toggle(COLOUR, BLUE)
    assert set(labels(state, "colour")) == {"red", "blue"}
    state.toggle(COLOUR, RED)  # its word leaves the text
    assert state.query.text == state.text == "dresses not winter"
    assert set(labels(state, "colour")) == {"blue"}
    state.toggle(SEASON, 1)  # from left out to chosen
    assert state.text == "dresses"
    assert set(labels(state, "season")) == {"winter"}
    assert state.clear_facets()
    assert (state.text, len(state.rows)) == ("", 48)


def test_what_is_searched_in_titles_stays_when_a_typed_value_goes(state: CatalogState) -> None:
    searched(state, "red number")
    assert [chip.words for chip in state.filters] == ["colour red", "“number” 12"]
    assert state.counts[COLOUR][BLUE] == 12
    state.toggle(COLOUR, RED)
    assert (state.text, len(state.rows)) == ("number", 48)
    assert [chip.words for chip in state.filters] == ["“number” 48"]


def test_facets_and_text_are_undone_step_by_step(state: CatalogState) -> None:
    for text in ("r", "re", "red"):
        searched(state, text)
    state.settle()
    state.toggle(GARMENT, DRESS)
    state.exclude(SEASON, -1)
    few = codes(state)
    assert state.undo()
    assert state.facet_words == "garment dress"
    assert state.undo()
    assert (state.facet_words, len(state.rows)) == ("", 12)
    assert state.undo()
    assert (state.query.text, len(state.rows)) == ("", 48)
    assert not state.undo()
    for _ in range(3):
        assert state.redo()
    assert not state.redo()
    assert state.query.text == "red"
    searched(state, state.query.text)  # as the screen does; it is no step of its own
    assert codes(state) == few
    assert not state.redo()
    state.clear()
    assert state.undo()
    assert state.facet_words == "garment dress, season not no label"


def test_a_typed_value_that_was_unticked_comes_back_with_undo(state: CatalogState) -> None:
    searched(state, "red dresses")
    state.toggle(COLOUR, RED)
    assert state.undo()
    assert state.query.text == "red dresses"
    searched(state, state.query.text)
    assert state.chosen == {COLOUR: {RED}, GARMENT: {DRESS}}


def test_while_a_text_is_searched_for_a_facet_leaves_it_alone(state: CatalogState) -> None:
    searched(state, "red")
    state.settle()
    searched(state, "red dresses")
    state.undo()  # "red" is to be searched for; what is shown is of "red dresses"
    state.toggle(GARMENT, DRESS)
    assert state.query.text == "red"
