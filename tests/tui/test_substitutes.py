"""Searching for substitutes: pickers, results, the way back."""

from collections.abc import Callable
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.sessions.saved_search import saved_search
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.pickers import Pickers, PrototypeLine

Run = Callable[..., Any]

COLOUR = "2"
"""The colour's picker: garment, colour, season."""


@pytest.fixture
def draws_frames() -> bool:
    return False


async def test_enter_shows_the_nearest_items(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert "P-001" not in explorer.codes
        assert explorer.labels("colour", 1) == ["blue"]
        assert explorer.labels("garment", 1) == ["dress"]
        shown = explorer.text()
        assert "✓ garment" in shown
        assert "Why · share of the distance" in shown
        assert "garment: dress" in shown
        assert "no change" in shown
        assert "1 garment" in shown


async def test_the_values_stand_below_their_own_picker(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        for number in ("", "2", "1"):
            if number:
                await explorer.press(number)
            children = list(explorer.screen.query_one(Pickers).children)
            values = explorer.screen.query_one(Pickers).values
            assert children[children.index(values) - 1].has_class("-open")


async def test_values_show_counts_and_the_untaught_cannot_be_chosen(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "enter", "3")
        values = explorer.screen.query_one(Pickers).values
        disabled = [option.prompt.plain.split()[0] for option in values.options if option.disabled]
        assert disabled == ["winter"]
        assert "as it is" in explorer.text()
        await explorer.press("j", "j", "j")
        assert explorer.screen.search.visit.history.state.changes == {}


async def test_pickers_are_reached_by_number_and_by_left_and_right(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        pickers = explorer.screen.query_one(Pickers)
        opened = []
        for key in ("3", "right", "l", "left", "h", "9"):
            await explorer.press(key)
            opened.append(pickers.number)
        assert opened == [2, 0, 1, 0, 2, 2]
        assert explorer.screen.search.visit.history.state.changes == {}


async def test_a_value_where_one_rests_is_a_step(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SubstitutesScreen, "settle_after", 0.001)
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j")
        await explorer.until(lambda: len(explorer.steps()) == 2)
        await explorer.press("j", "u")
        assert explorer.screen.search.visit.history.state.changes == {"colour": "blue"}


async def test_a_result_becomes_the_query_and_back_again(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "enter")
        assert explorer.grid.has_focus
        await explorer.press("l", "l")
        results, code = explorer.codes, explorer.code
        await explorer.press("enter")
        catalog = explorer.snapshot.catalog
        assert catalog.codes[explorer.screen.search.visit.query.row] == code
        assert explorer.codes != results
        assert "›" in explorer.text()
        await explorer.press("backspace")
        assert (explorer.codes, explorer.code) == (results, code)
        assert explorer.screen.search.visit.history.state.changes == {"colour": "blue"}
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-000"


async def test_a_change_is_kept_when_the_explorer_is_closed_at_once(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        await explorer.pilot.press(COLOUR, "j", "q")
    with workspace.open_store() as store:
        (session,) = store.sessions()
        assert [step.action for step in store.steps(session.id)] == ["query", "change"]


async def test_looking_around_begins_no_session(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "j", "G")
        assert explorer.app.library.store.sessions() == []


async def test_a_result_tells_what_matches_in_words(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "tab", "G")
        shown = explorer.text()
        assert ", not blue" in shown
        assert "no. 47" in shown


async def test_an_index_damaged_while_running_is_a_notice(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        searcher = explorer.snapshot.searcher
        searcher._place_of_row[1] = -1  # an item that came after the index
        await explorer.press("l", "enter")
        assert "datrnet index" in explorer.notices()
        assert explorer.app.is_running


async def test_an_enter_before_the_results_is_harmless(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.pilot.press("enter", "enter", "enter", "tab", "enter", "tab", "escape")
        await explorer.rest()
        assert explorer.app.is_running


async def test_a_value_is_taken_from_the_marked_item(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "l", "l", "m")  # P-003, a red dress
        assert "Marked P-003" in explorer.notices()
        await explorer.press("g", "enter", COLOUR)
        assert "as P-003  red" in explorer.text()
        as_it_is = explorer.codes
        await explorer.press("g")
        assert explorer.screen.search.visit.history.state.borrowed["colour"].code == "P-003"
        assert explorer.labels("colour", 3) == ["red"] * 3
        assert "P-003" in explorer.codes[:3]
        assert "→ as P-003" in explorer.text()
        assert "colour as P-003 ✕" in explorer.text()
        assert "no change" not in explorer.text()
        assert "✓ colour" in explorer.text()
        await explorer.press("u")
        assert explorer.codes == as_it_is
        await explorer.press("r")
        assert explorer.labels("colour", 3) == ["red"] * 3
        await explorer.until(lambda: [name for name, _ in explorer.steps()][-1:] == ["redo"])
        (*_, (action, request)) = explorer.steps()
    assert action == "redo"
    assert request["taken"] == {"colour": "P-003"}
    assert request["changes"] == {}


async def test_the_mark_may_be_set_on_a_result_and_taken_away(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "tab", "G", "m")
        marked = explorer.code
        assert f"as {marked}" in explorer.text()
        await explorer.press("m")
        assert f"as {marked}" not in explorer.text()
        await explorer.press("m", "tab", "g")
        taken = explorer.screen.search.visit.history.state.borrowed
        assert taken["colour"].code == marked
        # another mark leaves what is taken, and offers its own
        explorer.app.library.marked = None
        explorer.screen.marked_changed()
        await explorer.rest()
        assert explorer.screen.search.visit.history.state.borrowed == taken
        await explorer.press("j")
        assert explorer.screen.search.visit.history.state.borrowed == {}
        await explorer.press("k")
        assert explorer.screen.search.visit.history.state.borrowed == taken


async def test_nothing_can_be_marked_without_an_index(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("m")
        assert explorer.app.library.marked is None
        assert "datrnet index" in explorer.notices()


async def test_an_activation_map_looks_for_what_is_taken(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "l", "l", "m", "g", "enter", COLOUR, "g", "tab")
        wanted = explorer.screen.value_to_map(explorer.grid.row, "colour")
        assert wanted.value == "red"


async def test_a_change_shows_other_results_at_once_and_the_keys_refine_it(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        search, as_it_is = explorer.screen.search, explorer.codes
        await explorer.press("3")
        assert "no label, as it is" in explorer.text()
        await explorer.press("j", COLOUR, "j")
        assert search.state.changes == {"season": "summer", "colour": "blue"}
        assert explorer.codes != as_it_is
        assert explorer.labels("colour", 3) == ["blue"] * 3
        assert "black → blue" in explorer.text()
        await explorer.press("e", "less_than_sign", "w", "W", "w")
        assert (search.state.exact, search.state.within) == ({"colour"}, "garment")
        shown = explorer.text()
        chips = "summer ✕   colour = blue ✕   colour ×0.5 ✕   within dress ✕"
        for words in ("=×0.5", "within garment", chips, "blue: 12 items"):
            assert words in shown
        await explorer.press("greater_than_sign", "greater_than_sign")
        assert search.state.weights == {"colour": 2.0}
        await explorer.pilot.click(PrototypeLine)
        await explorer.press("x")
        assert (search.state.changes, search.state.within) == ({"season": "summer"}, "colour")
        await explorer.press("u", "u", "r", "c", "c")
        assert explorer.codes == as_it_is
        await explorer.press("c", "3", "e")
        assert "Nothing to clear" in explorer.notices()
        assert "no season label" in explorer.notices()


async def test_a_change_is_saved_with_its_steps(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "enter", "u", "escape")
        await explorer.until(lambda: len(explorer.steps()) == 3)
        assert [action for action, _ in explorer.steps()] == ["query", "change", "undo"]


async def test_keys_leave_out_mark_limit_and_save(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "enter", COLOUR, "exclamation_mark")
        assert "blue" not in explorer.labels("colour", 60)
        assert "not blue" in explorer.text()
        await explorer.press("tab", "f")
        assert "▲ more" in explorer.text()
        assert " marks " in explorer.text()
        await explorer.press("u")
        assert " marks " not in explorer.text()
        await explorer.press("X", "0", "full_stop", "0", "1", "enter")
        assert "No item is at most 0.01 away." in explorer.text()
        await explorer.press("u", "K", *"mine", "enter")
        with workspace.open_store() as store:
            await explorer.until(lambda: "mine" in [it.name for it in store.sessions()])
            assert saved_search(store, "mine").step.excluded == {"colour": ("blue",)}
