"""The tour: on the first start, once; its cards, at any size; and the search in the help."""

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen

from datrnet import tui
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences import Preferences
from datrnet.core.preferences_file import PreferencesFile, is_first_start, remember_start
from datrnet.tui.app import ExplorerApp, explore
from datrnet.tui.keymap import default_entries
from datrnet.tui.launch import Opening
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.help import (
    HelpScreen,
    KeyGroup,
    KeyHelp,
    KeyTable,
    TourScreen,
    found_in,
    tour_cards,
)
from datrnet.tui.widgets.bars import HEIGHTS, WIDTHS
from tests.tui.conftest import RunExplorer


def begins_with_tour(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tour: bool | None = None
) -> bool:
    """Tell whether starting the explorer would show the tour."""
    started: list[ExplorerApp] = []
    monkeypatch.setattr(ExplorerApp, "run", lambda self: started.append(self))
    with Opening(workspace) as opening:
        explore(opening, tour=tour)
    return started[0]._has_tour


def test_only_the_first_start_has_the_tour(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert begins_with_tour(workspace, monkeypatch)
    assert not begins_with_tour(workspace, monkeypatch, tour=False)
    remember_start()
    assert not begins_with_tour(workspace, monkeypatch)
    assert begins_with_tour(workspace, monkeypatch, tour=True)


def test_the_settings_can_do_without_the_tour(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, settings_file: PreferencesFile
) -> None:
    settings_file.set(("tour",), False)
    assert not begins_with_tour(workspace, monkeypatch)


async def test_the_tour_goes_on_and_back_and_ends_after_the_last_card(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, tour=True) as explorer:
        for number, card in enumerate(tour_cards(), 1):
            assert card.title in explorer.text()
            assert f"{number} of {len(tour_cards())}" in explorer.text()
            if number == 3:
                await explorer.press("left")
                assert tour_cards()[1].title in explorer.text()
                await explorer.press("space")
            assert is_first_start()
            await explorer.press("enter")
        assert isinstance(explorer.screen, BrowseScreen)
        assert not is_first_start()
        assert explorer.code == "P-000"


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_a_tour_that_is_left_does_not_come_again(
    workspace: Workspace, run_explorer: RunExplorer, key: str
) -> None:
    async with run_explorer(workspace, tour=True) as explorer:
        await explorer.press("left", key)
        assert isinstance(explorer.screen, BrowseScreen)
    assert not is_first_start()


async def test_without_being_asked_for_there_is_no_tour_but_the_palette_has_it(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace) as explorer:
        assert isinstance(explorer.screen, BrowseScreen)
        await explorer.press("colon", *"tour")
        await explorer.rest(0.3)
        await explorer.press("enter")
        await explorer.rest(0.3)
        assert isinstance(explorer.screen, TourScreen)


class Tour(App[None]):
    CSS_PATH = Path(str(tui.__file__)).parent / "styles.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def on_mount(self) -> None:
        self.push_screen(TourScreen(lambda name: {"tour.leave": "esc"}.get(name, "pgdn")))


@pytest.mark.parametrize("size", [(60, 20), (140, 45), (300, 80)])
async def test_every_card_is_seen_whole(size: tuple[int, int]) -> None:
    app = Tour()
    async with app.run_test(size=size) as pilot:
        for card in tour_cards():
            await pilot.pause()
            left, top, width, height = app.screen.query_one("#tour").region
            strips = app.screen._compositor.render_strips(app.size)[top : top + height]
            lines = [strip.text[left : left + width] for strip in strips]
            shown = re.sub(r"[\s│]+", " ", " ".join(lines))
            words = re.split(r"\{[a-z0-9_.]+\}", card.text)
            for part in words:
                assert part.strip() in shown
            assert app.screen.query_one("#tour-words").max_scroll_y == 0
            assert "esc close" in shown or "esc done" in shown
            await pilot.press("enter")


async def test_the_tour_survives_any_size_and_can_be_clicked(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(60, 20), tour=True) as explorer:
        for size in ((40, 12), (10, 3), (1, 1), (200, 60)):
            await explorer.pilot.resize_terminal(*size)
            await explorer.rest()
        await explorer.pilot.click("#tour-end", offset=(2, 0))
        assert tour_cards()[1].title in explorer.text()
        await explorer.pilot.click("#tour-end", offset=(24, 0))
        assert isinstance(explorer.screen, BrowseScreen)


async def test_the_cards_name_the_keys_in_force(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    settings = Preferences(keys={"catalog.search": "ctrl+f", "tour.next": "z"})
    async with run_explorer(workspace, tour=True, preferences=settings) as explorer:
        await explorer.press("z")
        assert "^f searches titles" in explorer.text()
        assert "z next" in explorer.text()


def test_every_key_that_a_card_names_exists() -> None:
    named = {name for card in tour_cards() for name in re.findall(r"\{([^}]+)\}", card.text)}
    assert named <= {entry.id for entry in default_entries()}


# ── help ─────────────────────────────────────────────────────────────────────


def test_keys_are_found_by_words_and_by_themselves() -> None:
    groups = [
        KeyGroup("Pictures", (KeyHelp(("pgdn", "space"), "Page down"), KeyHelp(("g",), "First"))),
        KeyGroup("Item", (KeyHelp(("y",), "Copy id"),)),
    ]

    def found(text: str) -> list[str]:
        return [line.description for group in found_in(groups, text) for line in group.lines]

    assert found("") == ["Page down", "First", "Copy id"]
    assert found("PAGE") == ["Page down"]
    assert found("item cop") == ["Copy id"]
    assert found("g") == ["Page down", "First"]
    assert found("y") == ["Copy id"]
    assert found("nothing like it") == []


class Keys(App[None]):
    def compose(self) -> ComposeResult:
        yield KeyTable(
            [
                KeyGroup(
                    "Item",
                    (
                        KeyHelp(("o",), "Open picture in viewer"),
                        KeyHelp(("pgdn", "^d", "space", "d"), "Page down"),
                    ),
                )
            ]
        )


@pytest.mark.parametrize("width", [31, 57])
async def test_in_the_help_a_description_that_wraps_keeps_to_its_column(width: int) -> None:
    app = Keys()
    async with app.run_test(size=(width, 8)) as pilot:
        await pilot.pause()
        lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips(app.size)]
    if width == 31:
        keys = "pgdn  ^d  space  d"
        item = ["Item", f"{'o':15}  Open picture", f"{'':15}  in viewer", f"{keys}  Page down"]
        assert lines[:4] == item
    else:
        assert lines[1] == f"{'o':18}  Open picture in viewer"


async def test_the_help_is_searched_by_typing_and_always_says_how_to_leave(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        await explorer.press("question_mark")
        assert isinstance(explorer.screen, HelpScreen)
        assert "esc closes   / searches" in explorer.text()
        await explorer.press("slash", *"copy q")
        assert "No matching keys." in explorer.text()
        await explorer.press("backspace", "backspace", "enter")
        assert "Copy id" in explorer.text()
        assert "Page down" not in explorer.text()
        await explorer.press("escape")
        assert "Page down" in explorer.text()
        await explorer.press("escape")
        assert not isinstance(explorer.screen, HelpScreen)


async def test_the_help_has_no_keys_of_the_library_beneath(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(120, 60)) as explorer:
        await explorer.press("s")
        screen: Screen[object] = explorer.screen
        await explorer.press("question_mark")
        text = explorer.text()
        assert "Scroll" not in text
        assert re.search(r"→ +l +} +Next picker", text)
        assert screen is not explorer.screen
