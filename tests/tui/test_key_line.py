"""The keys at the foot of a screen."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets._footer import FooterKey

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.widgets.bars import DROPPED_FIRST, KeyLine, fitting
from tests.tui.conftest import loop_is_idle

Run = Callable[..., Any]

ACTIONS = (*DROPPED_FIRST, "quit", "help", "back")


def keys(actions: list[str]) -> list[FooterKey]:
    return [FooterKey("x", "x", action.title(), action) for action in actions]


@given(st.lists(st.sampled_from(ACTIONS), unique=True), st.integers(1, 200))
def test_keys_stay_in_order_and_the_needed_ones_stay(actions: list[str], width: int) -> None:
    given_keys = keys(actions)
    left = fitting(given_keys, width)
    assert left == [key for key in given_keys if key in left]
    gone = [key.action for key in given_keys if key not in left]
    assert sorted(gone, key=DROPPED_FIRST.index) == [
        action for action in DROPPED_FIRST if action in gone
    ]
    kept = [DROPPED_FIRST.index(key.action) for key in left if key.action in DROPPED_FIRST]
    assert all(DROPPED_FIRST.index(action) < place for action in gone for place in kept)


def test_with_room_all_are_there() -> None:
    given_keys = keys(list(ACTIONS))
    assert fitting(given_keys, 300) == given_keys


@pytest.mark.parametrize(
    ("width", "left"),
    [
        (60, ["accept", "keep", "back", "help", "quit"]),
        (38, ["accept", "keep", "back", "help", "quit"]),
        (37, ["accept", "back", "help", "quit"]),
        (10, ["back", "help", "quit"]),
    ],
)
def test_of_a_screens_own_keys_the_last_make_room_first(width: int, left: list[str]) -> None:
    given_keys = keys(["accept", "keep", "back", "help", "quit"])
    assert [key.action for key in fitting(given_keys, width)] == left


@pytest.mark.parametrize(("width", "has_sessions"), [(60, False), (80, False), (200, True)])
async def test_help_and_leaving_are_there_at_any_width(
    workspace: Workspace, run_explorer: Run, width: int, has_sessions: bool
) -> None:
    async with run_explorer(workspace, size=(width, 24)) as explorer:
        for key in ("", "enter"):
            if key:
                await explorer.press(key)
            line = explorer.text().split("\n")[-1]
            assert "? Help" in line
            assert "q Quit" in line
            assert ("S Sessions" in line) == has_sessions


async def test_another_width_shows_other_keys(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, size=(180, 24)) as explorer:
        await explorer.pilot.resize_terminal(60, 24)
        await explorer.rest(0.05)
        assert "S Sessions" not in explorer.text().split("\n")[-1]
        await explorer.pilot.resize_terminal(180, 24)
        await explorer.rest(0.05)
        assert "S Sessions" in explorer.text().split("\n")[-1]


async def test_the_keys_of_the_focused_pane_come_first_and_can_be_clicked(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        assert explorer.text().split("\n")[-1].startswith(" enter Open + Larger")
        await explorer.press("f")
        await explorer.rest(0.05)
        assert explorer.text().split("\n")[-1].startswith(" enter Choose ! Leave out x Clear")
        await explorer.press("escape", "enter")
        await explorer.rest(0.05)
        line = explorer.text().split("\n")[-1]
        assert line.startswith(" space Or this / Find e Exact")
        await explorer.pilot.click(offset=(line.index("> More"), 35))
        await explorer.rest()
        assert explorer.screen.search.state.weights == {"garment": 2.0}


async def test_a_field_shows_no_key_that_it_takes_as_text(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        await explorer.press("slash")
        await explorer.rest(0.05)
        assert explorer.text().split("\n")[-1].strip() == "enter Pictures esc Leave"
        await explorer.press("escape")
        await explorer.rest(0.05)
        assert "/ Search" in explorer.text().split("\n")[-1]


async def test_without_colors_keys_differ_from_words(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        key = explorer.screen.query(FooterKey).first()
        assert key.get_component_rich_style("footer-key--key").reverse
        assert not key.get_component_rich_style("footer-key--description").reverse


class Sleeve(Widget, can_focus=True):
    BINDINGS = [("s", "app.bell", "Sleeve")]  # noqa: RUF012


class Collar(Widget, can_focus=True):
    BINDINGS = [("c", "app.bell", "Collar")]  # noqa: RUF012


class Garment(App[None]):
    def compose(self) -> ComposeResult:
        yield Sleeve()
        yield Collar()
        yield KeyLine()


async def test_keys_follow_the_focus_and_stay_where_nothing_changes() -> None:
    app = Garment()
    async with app.run_test(size=(60, 9)):
        await loop_is_idle()
        sleeve = list(app.query(FooterKey))
        assert [key.description for key in sleeve] == ["Sleeve"]
        app.screen.refresh_bindings()
        await loop_is_idle()
        assert list(app.query(FooterKey)) == sleeve
        app.query_one(Collar).focus()
        await loop_is_idle()
        assert [key.description for key in app.query(FooterKey)] == ["Collar"]
