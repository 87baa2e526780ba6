"""Searching for substitutes: pickers, results, the way back."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Static

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.request import Request
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.bars import PrototypeLine
from datrnet.tui.widgets.pickers import Pickers

Run = Callable[..., Any]

COLOUR = "2"
"""The colour's picker: garment, colour, season."""


async def test_enter_shows_the_nearest_items(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert "P-001" not in explorer.codes
        assert explorer.labels("colour", 1) == ["blue"]
        assert explorer.labels("garment", 1) == ["dress"]
        shown = explorer.text()
        assert "✓ garment" in shown
        assert "Share of the distance" in shown
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


async def test_a_change_of_color_shows_other_results_at_once(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        before = explorer.codes
        await explorer.press(COLOUR, "j")
        assert explorer.codes != before
        assert explorer.labels("colour", 3) == ["blue"] * 3
        assert "black → blue" in explorer.text()
        await explorer.press("j", "j")
        assert explorer.labels("colour", 3) == ["red"] * 3


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
        assert explorer.screen.visit.history.state.changes == {}


async def test_an_item_without_a_label_can_be_given_a_wish(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "3")
        assert "no label, as it is" in explorer.text()
        await explorer.press("j")
        assert explorer.screen.visit.history.state.changes == {"season": "summer"}


async def test_pickers_are_reached_by_number_and_by_left_and_right(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        pickers = explorer.screen.query_one(Pickers)
        opened = []
        for key in ("3", "right", "l", "left", "h", "9"):
            await explorer.press(key)
            opened.append(pickers._open)
        assert opened == [2, 0, 1, 0, 2, 2]
        assert explorer.screen.visit.history.state.changes == {}


async def test_undo_and_redo_of_changes(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        as_it_is = explorer.codes
        await explorer.press(COLOUR, "j", "enter")
        blue = explorer.codes
        await explorer.press(COLOUR, "j")
        green = explorer.codes
        await explorer.press("u")
        assert explorer.codes == blue
        await explorer.press("u")
        assert explorer.codes == as_it_is
        await explorer.press("u")
        assert "Nothing to undo" in explorer.notices()
        await explorer.press("r", "ctrl+r")
        assert explorer.codes == green
        await explorer.press("c")
        assert explorer.codes == as_it_is
        await explorer.press("u")
        assert explorer.codes == green


async def test_a_value_that_was_only_passed_is_no_step(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        as_it_is = explorer.codes
        await explorer.pilot.press(COLOUR, "j", "j", "j")
        await explorer.press("u")
        assert explorer.codes == as_it_is


async def test_a_value_where_one_rests_is_a_step(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SubstitutesScreen, "settle_after", 0.001)
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j")
        await explorer.until(lambda: len(explorer.steps()) == 2)
        await explorer.press("j", "u")
        assert explorer.screen.visit.history.state.changes == {"colour": "blue"}


async def test_one_wish_can_be_taken_back(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "1", "j", COLOUR, "j")
        assert set(explorer.screen.visit.history.state.changes) == {"garment", "colour"}
        await explorer.press("x")
        assert set(explorer.screen.visit.history.state.changes) == {"garment"}


async def test_prototypes_stay_within_a_super_category(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.core.retrieval.prototypes.MIN_SPECIFIC", 4)  # the shop is small
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j")
        assert "generic" in explorer.text()
        assert "blue: 12 items" in explorer.text()
        generic = explorer.screen._results.substitutes
        await explorer.press("w")
        assert "within garment" in explorer.text()
        assert "1 change · within garment" in explorer.text()
        assert "blue: 4 items among dress" in explorer.text()
        searcher = explorer.snapshot.searcher
        request = Request(changes={"colour": "blue"}, within="garment", k=60)
        expected = searcher.substitutes(searcher.query_of_item(0), request)
        assert explorer.screen._results.substitutes == expected != generic


async def test_a_generic_prototype_within_a_super_category_says_why(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j")
        used = explorer.screen.query_one("#prototypes-used", Static)
        for reason in ("only 4 among dress", "colour itself changes", "the query has no season"):
            await explorer.press("w")
            assert str(used.content) == f"blue: 12 items ({reason})"
        await explorer.press("w")
        assert str(used.content) == "blue: 12 items"


async def test_the_prototypes_go_round_and_are_undone_and_remembered(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j")
        history = explorer.screen.visit.history
        seen = []
        for key in ("w", "w", "w", "w", "W", "u", "u", "r", "c"):
            await explorer.press(key)
            seen.append(history.state.within)
        ways = ["garment", "colour", "season", None, "season", None, "season", None, None]
        assert seen == ways
        assert history.state.changes == {}
        await explorer.press("u")
        assert (history.state.changes, history.state.within) == ({"colour": "blue"}, None)
        await explorer.press("w")
        await explorer.pilot.click(PrototypeLine)
        await explorer.rest()
        assert history.state.within == "colour"
        await explorer.press("tab", "enter")
        assert explorer.screen.visit.history.state.within == "colour"
        assert not explorer.screen.visit.history.can_undo
        await explorer.until(lambda: len(explorer.steps()) > 2)
        action, request = explorer.steps()[2]
        assert (action, request["within"]) == ("within", "garment")


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
        assert catalog.codes[explorer.screen.visit.query.row] == code
        assert explorer.codes != results
        assert "›" in explorer.text()
        await explorer.press("backspace")
        assert (explorer.codes, explorer.code) == (results, code)
        assert explorer.screen.visit.history.state.changes == {"colour": "blue"}
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == "P-000"


async def test_every_step_is_in_the_database(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "enter", "u", "r", "enter", "backspace")
        await explorer.press("c", "escape")
        await explorer.until(lambda: len(explorer.steps()) >= 7)
        steps = explorer.steps()
        actions = [action for action, _ in steps]
        assert actions == ["query", "change", "undo", "redo", "query", "back", "clear"]
        assert steps[0][1] == {
            "item": "P-000",
            "picture": None,
            "trail": [],
            "changes": {},
            "taken": {},
            "any_of": {},
            "within": None,
            "where": {},
            "weights": {},
            "k": 60,
        }
        assert steps[1][1]["changes"] == {"colour": "blue"}


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
        assert explorer.screen.visit.history.state.borrowed["colour"].code == "P-003"
        assert explorer.labels("colour", 3) == ["red"] * 3
        assert "P-003" in explorer.codes[:3]
        assert "→ as P-003" in explorer.text()
        assert "1 change" in explorer.text()
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
        taken = explorer.screen.visit.history.state.borrowed
        assert taken["colour"].code == marked
        # another mark leaves what is taken, and offers its own
        explorer.app.library.marked = None
        explorer.screen.marked_changed()
        await explorer.rest()
        assert explorer.screen.visit.history.state.borrowed == taken
        await explorer.press("j")
        assert explorer.screen.visit.history.state.borrowed == {}
        await explorer.press("k")
        assert explorer.screen.visit.history.state.borrowed == taken


async def test_the_query_itself_is_not_offered(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("m", "enter", COLOUR)
        assert "as P-000" not in explorer.text()
        await explorer.press("tab", "enter")  # the nearest result is the query now
        assert "as P-000" in explorer.text()


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


async def test_a_value_is_kept_exactly(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        as_it_is = explorer.codes
        await explorer.press("e")
        assert set(explorer.labels("colour", 99)) == {"black"}
        assert len(explorer.codes) == 11
        assert "colour      =" in explorer.text()
        await explorer.press("j")  # what is wanted now is what must be carried
        assert set(explorer.labels("colour", 99)) == {"blue"}
        await explorer.press("u", "u")
        assert explorer.codes == as_it_is
        await explorer.press("r", "e")
        assert explorer.codes == as_it_is
        await explorer.press("3", "e")
        assert "no season label" in explorer.notices()


async def test_a_super_category_counts_more_or_less(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        as_it_is = explorer.codes
        for _ in range(3):
            await explorer.press("less_than_sign")
        assert explorer.screen.visit.history.state.weights == {"colour": 0.0}
        assert "×0" in explorer.text()
        row = explorer.snapshot.catalog.row_of_code("P-000")
        searcher = explorer.snapshot.searcher
        found = searcher.substitutes(
            searcher.query_of_item(row), Request(weights={"colour": 0.0}, k=60)
        )
        assert explorer.codes == [one.code for one in found] != as_it_is
        await explorer.press("less_than_sign")
        assert "Minimum is ×0" in explorer.notices()
        await explorer.press(*["greater_than_sign"] * 3)
        assert explorer.codes == as_it_is
        await explorer.press("greater_than_sign")
        assert "×2" in explorer.text()
        await explorer.press("u")
        assert explorer.codes == as_it_is
        await explorer.press("r", "tab", "enter")  # a taste that holds for the next query too
        assert explorer.screen.visit.history.state.weights == {"colour": 2.0}


async def test_changes_in_two_pickers_are_two_steps_however_quick(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "1", "j", "j", "2", "j")
        assert len(explorer.screen.visit.history.state.changes) == 2
        await explorer.press("u")
        assert list(explorer.screen.visit.history.state.changes) == ["garment"]
        await explorer.press("u")
        assert explorer.screen.visit.history.state.changes == {}
        assert [action for action, _ in explorer.steps()] == [
            "query",
            "change",
            "change",
            *2 * ["undo"],
        ]
