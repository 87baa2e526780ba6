"""The command palette offers every key of the screen, found by any of its words."""

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.commands import PaletteCommand, commands_of
from datrnet.tui.widgets.facet_rail import FacetRail
from tests.tui.conftest import RunExplorer


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("larger", True),
        ("pictures larger", True),
        ("LARG pict", True),
        ("pickers", False),
        ("larger pictures now", False),
    ],
)
def test_a_command_is_found_by_any_of_its_words(text: str, is_found: bool) -> None:
    command = PaletteCommand("Larger pictures", "Key + · Pictures", lambda: None)
    assert command.has(text.casefold().split()) == is_found


async def test_the_focused_panes_commands_come_first_and_other_panes_have_theirs(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        commands = list(commands_of(explorer.screen))
        titles = [command.title for command in commands]
        assert titles.index("Larger pictures") < titles.index("Sort") < titles.index("Quit")
        assert "Clear all facets" in titles
        assert len(commands) == len({(command.title, command.help) for command in commands})
        await explorer.press("f")
        titles = [command.title for command in commands_of(explorer.screen)]
        assert titles.index("Clear all facets") < titles.index("Sort")


async def test_a_command_of_another_pane_focuses_it_and_works(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        await explorer.press("colon", *"leave out a val")
        await explorer.rest(0.3)
        assert "Leave out a value, or no longer" in explorer.text()
        await explorer.press("enter")
        await explorer.until(lambda: isinstance(explorer.app.focused, FacetRail))


async def test_the_palette_finds_larger_pictures(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    async with run_explorer(workspace, size=(120, 36)) as explorer:
        width = explorer.screen.grid.num_columns  # type: ignore[attr-defined]
        await explorer.press("colon", *"larger", "space", *"pictures")
        await explorer.rest(0.3)
        assert "Larger pictures" in explorer.text()
        await explorer.press("enter")
        await explorer.until(
            lambda: explorer.screen.grid.num_columns <= width  # type: ignore[attr-defined]
        )
