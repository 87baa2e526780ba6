"""Conditions of the catalog go along into the substitutes: as chips, undoable, and kept."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.catalog_state import CatalogState, conditions_of
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.controllers.sessions import CURRENT, read_session
from datrnet.tui.query_state import Filters, History, QueryState
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.snapshot import Library
from datrnet.tui.state import Search, Visit
from datrnet.tui.widgets.chips import Chips
from tests.tui.test_facets import choose

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture
def library(workspace: Workspace) -> Iterator[Library]:
    with workspace.open_store() as store:
        library = Library(workspace, store, Catalog.load(store), 60)
        yield library
        library.thumbnails.close()


@pytest.fixture
def log(library: Library) -> Iterator[SessionLog]:
    log = SessionLog(library.store, lambda error: None)
    yield log
    log.close()


def typed(library: Library, text: str) -> CatalogState:
    """Return the catalog searched for a text."""
    state = CatalogState(library.snapshot)
    understood = library.snapshot.text_parser.parse(text)
    state.show_found(text, library.snapshot.rows, understood)
    return state


def pick(state: CatalogState, name: str, *values: str, is_excluded: bool = False) -> None:
    idx = [category.name for category in state.categories].index(name)
    for value in values:
        number = next(n for n in state.values[idx] if state.value_name(idx, n) == value)
        (state.exclude if is_excluded else state.toggle)(idx, number)


def test_facets_and_typed_words_become_filters_and_titles_stay_behind(library: Library) -> None:
    state = typed(library, "not green shirt number")
    assert state.understood.text == "number"
    pick(state, "colour", "red", "blue")
    pick(state, "season", "winter", is_excluded=True)
    assert conditions_of(state) == (
        QueryState(
            excluded={"colour": ("green",), "season": ("winter",)},
            filters=Filters({"garment": ("shirt",), "colour": ("blue", "red")}),
        ),
        (),
    )


def test_of_what_was_typed_and_what_was_chosen_in_one_super_category_either_will_do(
    library: Library,
) -> None:
    state = typed(library, "colour=red")
    pick(state, "colour", "black")
    asked, _ = conditions_of(state)
    assert asked.filters == Filters({"colour": ("black", "red")})


def test_without_what_was_picked_the_typed_values_are_left(library: Library) -> None:
    state = typed(library, "colour=red")
    pick(state, "garment", "dress")
    assert state.clear_picks()
    assert not state.clear_picks()
    asked, _ = conditions_of(state)
    assert asked.filters == Filters({"colour": ("red",)})


def test_what_no_search_can_ask_for_is_told(library: Library) -> None:
    state = typed(library, "")
    pick(state, "season", "no label")
    pick(state, "garment", "skirt", is_excluded=True)
    assert conditions_of(state) == (
        QueryState(excluded={"garment": ("skirt",)}),
        ("season no label",),
    )
    assert conditions_of(CatalogState(library.snapshot)) == (QueryState(), ())


def test_they_hold_for_the_next_query_and_come_back_with_the_session(
    library: Library, log: SessionLog
) -> None:
    asked = QueryState(
        excluded={"season": ("winter",)}, filters=Filters({"colour": ("red", "blue")})
    )
    query_of = library.snapshot.query_of
    search = Search(library, log, [Visit(query_of(3), History([asked]))])
    search.log("query")
    request = search.request()
    assert (request.where, request.others) == (
        {"colour": ("red", "blue")},
        (Condition("season", "!=", "winter"),),
    )
    search.propose("colour", "black")
    assert search.state.filters == Filters()  # no black item is red or blue
    search.propose("colour", "blue")
    assert search.state.filters == asked.filters
    search.propose("colour", None)
    search.settle()
    assert search.state == asked
    search.drop(QueryState(filters=asked.filters))
    search.follow(query_of(7))
    assert search.state == QueryState(filters=asked.filters)
    assert not search.visit.history.can_undo
    search.back()
    assert log.wait_until_written(60)
    (visit,) = read_session(library.snapshot, log, CURRENT).trail
    assert visit.history.state == QueryState(filters=asked.filters)
    assert visit.history.undo()
    assert visit.history.state == asked


async def test_chips_of_conditions_go_by_key_and_by_click_and_come_back(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("slash", *"red dress", "enter")
        await explorer.press("f")
        await choose(explorer, "summer")
        await explorer.press("f", "enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        search, chips = explorer.screen.search, explorer.screen.query_one(Chips)
        assert " only red ✕   only dress ✕   only summer ✕ " in explorer.text()
        assert set(explorer.labels("season")) == {"summer"}
        await explorer.press("comma", "x")
        assert search.state.filters == Filters({"colour": ("red",), "garment": ("dress",)})
        assert chips.has_focus
        await explorer.press("u")
        assert " only dress ✕   only summer ✕ " in explorer.text()
        await explorer.pilot.click(Chips, offset=(4, 0))
        await explorer.rest()
        left = Filters({"garment": ("dress",), "season": ("summer",)})
        assert search.state.filters == left
        await explorer.press("escape", "2", "j")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert search.state.filters == left
        await explorer.press("comma", "h", "h", "x")
        assert search.state.changes == {}
        await explorer.press("x", "x")
        assert "no change" in explorer.text()
        assert explorer.grid.has_focus
        assert search.state == QueryState()


async def test_a_chip_without_room_is_reached_by_key_and_by_click(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        await explorer.press("l", "enter")
        for number in ("1", "2", "3"):
            await explorer.press(number, "greater_than_sign", "e")
        line = explorer.screen.query_one(Chips)
        words = [chip.words for chip in explorer.screen._chips]
        assert len(words) == 6
        assert words[-1] not in explorer.text()
        await explorer.press("comma")
        assert words[-1] in explorer.text()
        assert words[0] not in explorer.text()
        await explorer.press(*["left"] * 5)
        assert words[0] in explorer.text()
        await explorer.pilot.click(line, offset=(3, 0))
        await explorer.rest()
        assert [chip.words for chip in explorer.screen._chips] == words[1:]
