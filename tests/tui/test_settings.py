"""What the settings change in the explorer: themes, the number of results, and a broken file."""

from collections.abc import Iterable

import numpy as np
import pytest
from rich.style import Style
from textual.command import CommandPalette
from textual.theme import BUILTIN_THEMES
from textual.widgets import OptionList

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.preferences import CustomTheme, Preferences
from datrnet.core.preferences_file import PreferencesFile
from datrnet.tui.app import ExplorerApp, explore
from datrnet.tui.launch import Opening
from tests.tui.conftest import Explorer, RunExplorer

OWN = {"mine": CustomTheme(primary="#123456", background="#fefefe", dark=False)}


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.mark.parametrize("theme", ["ansi-dark", "mine"])
async def test_the_explorer_begins_in_the_theme_of_the_settings(
    workspace: Workspace, run_explorer: RunExplorer, theme: str
) -> None:
    settings = Preferences(theme=theme, themes=OWN)
    async with run_explorer(workspace, preferences=settings) as explorer:
        assert explorer.app.theme == theme
        assert not explorer.notices()
        assert "Catalog" in explorer.text()
        background = explorer.screen.styles.background
        assert (background.hex == "#FEFEFE") == (theme == "mine")


async def test_an_unknown_theme_is_told_and_the_default_taken(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, preferences=Preferences(theme="nrd")) as explorer:
        assert explorer.app.theme == Preferences().theme
        assert "Did you mean nord?" in explorer.notices()


async def choose_theme(explorer: Explorer, name: str) -> None:
    """Open the palette of themes and go to one."""
    explorer.app.search_themes()
    await explorer.until(lambda: isinstance(explorer.screen, CommandPalette))
    await explorer.press(*name)
    await explorer.until(lambda: offered(explorer) == [name])
    await explorer.press("down")
    await explorer.until(lambda: explorer.app.theme == name)


def offered(explorer: Explorer) -> list[str]:
    """Return what the palette lists."""
    lists = explorer.screen.query(OptionList)
    return [str(getattr(option, "hit").text) for options in lists for option in options.options]  # noqa: B009


async def test_a_theme_is_tried_while_the_cursor_is_on_it_and_kept_when_chosen(
    workspace: Workspace, run_explorer: RunExplorer, settings_file: PreferencesFile
) -> None:
    settings_file.replace_text("# mine\nresults = 7\n")
    async with run_explorer(workspace) as explorer:
        await choose_theme(explorer, "dracula")
        assert isinstance(explorer.screen, CommandPalette)
        assert explorer.app.theme == "dracula"
        assert "theme" not in settings_file.text()
        await explorer.press("enter")
        await explorer.until(lambda: not isinstance(explorer.screen, CommandPalette))
        await explorer.rest()
        assert explorer.app.theme == "dracula"
    assert settings_file.read()[0] == Preferences(theme="dracula", results=7)
    assert settings_file.text().startswith("# mine\n")


async def test_leaving_the_palette_goes_back_to_the_theme_before(
    workspace: Workspace, run_explorer: RunExplorer, settings_file: PreferencesFile
) -> None:
    async with run_explorer(workspace, preferences=Preferences(theme="nord")) as explorer:
        await choose_theme(explorer, "dracula")
        await explorer.press("escape")
        assert explorer.app.theme == "nord"
        await explorer.press("colon", "down")
        await explorer.rest(0.2)
        assert explorer.app.theme == "nord"  # commands are no themes
    assert not settings_file.path.exists()


async def test_a_theme_that_cannot_be_kept_is_told(
    workspace: Workspace, run_explorer: RunExplorer, settings_file: PreferencesFile
) -> None:
    settings_file.path.mkdir()
    async with run_explorer(workspace) as explorer:
        await choose_theme(explorer, "dracula")
        await explorer.press("enter")
        await explorer.until(lambda: "The theme could not be saved." in explorer.notices())


async def test_as_many_substitutes_are_shown_as_the_settings_say(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, preferences=Preferences(results=5)) as explorer:
        await explorer.press("s")
        assert len(explorer.codes) == 5


async def test_a_broken_file_is_told_and_the_explorer_works(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    trouble = ConfigError("config.toml, line 1: [red]no[/] setting.")
    more = [ConfigError(f"config.toml, line {line}.") for line in range(2, 8)]
    async with run_explorer(workspace, problems=[trouble, *more]) as explorer:
        told = explorer.notices()
        assert "line 1: [red]no[/] setting." in told
        assert "line 5." in told
        assert "line 6." not in told
        assert "And 2 more: `datrnet config show` lists them all." in told
        assert "Defaults replace these" in told
        await explorer.press("right")
        assert explorer.code == "P-001"


@pytest.mark.parametrize("text", ["theme = 'nord'", "theme = ", ""])
def test_starting_reads_the_file_and_survives_a_broken_one(
    workspace: Workspace,
    settings_file: PreferencesFile,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    started: list[ExplorerApp] = []
    monkeypatch.setattr(ExplorerApp, "run", lambda self: started.append(self))
    settings_file.replace_text(text)
    with Opening(workspace) as opening:
        explore(opening)
    assert started[0].theme == ("nord" if "nord" in text else Preferences().theme)


def contrast(style: Style) -> float | None:
    """Return how much text stands out, from 1 to 21; None where the terminal chooses a colour."""
    if style.color is None or style.bgcolor is None:
        return None
    if style.color.triplet is None or style.bgcolor.triplet is None:
        return None
    lights = sorted(_luminance(color.triplet) for color in (style.color, style.bgcolor))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(triplet: Iterable[int]) -> float:
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in triplet)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


async def test_the_cursor_and_the_title_can_be_read_in_every_theme(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        for theme in BUILTIN_THEMES:
            explorer.app.theme = theme
            await explorer.rest(0.02)
            lines = explorer.screen._compositor.render_strips(explorer.app.size)
            segments = [segment for line in lines for segment in line if segment.style]
            for text in (" datrnet", "P-000 "):
                (style,) = {
                    segment.style
                    for segment in segments
                    if segment.text.strip(" ") and text in segment.text
                }
                assert style is not None
                found = contrast(style)
                assert found is None or found >= 3, (theme, text, found)
                assert style.color is not None
                assert style.color.is_default or style.color != style.bgcolor


async def test_every_theme_is_offered_by_name(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, preferences=Preferences(themes=OWN)) as explorer:
        explorer.app.search_themes()
        await explorer.until(lambda: isinstance(explorer.screen, CommandPalette))
        await explorer.until(lambda: {"mine", *BUILTIN_THEMES} <= {*offered(explorer)})
