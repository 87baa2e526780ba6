"""Any of several values, how many items would match, and what the networks take an item for."""

from collections.abc import Callable
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.widgets.pickers import Pickers
from datrnet.tui.widgets.value_list import ValueList

Run = Callable[..., Any]

COLOUR, SEASON = "2", "3"


@pytest.fixture
def draws_frames() -> bool:
    return False


def prompts(explorer: Any) -> dict[str, str]:
    """The lines of the open picker: mark and rest, by value."""
    values = explorer.screen.query_one(Pickers).values
    lines = [option.prompt.plain for option in values.options]
    return {line[2:].split()[0]: line for line in lines}


async def test_ticked_values_are_all_that_is_shown(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "j", "j", "space")
        assert explorer.screen.search.visit.history.state.changes == {"colour": ("blue", "red")}
        assert set(explorer.labels("colour", 60)) == {"blue", "red"}
        assert prompts(explorer)["red"].startswith("✓ ")
        assert prompts(explorer)["blue"].startswith("✓ ")
        shown = explorer.text()
        assert "blue or red" in shown
        assert "✓ colour" in shown
        assert prompts(explorer)["green"].endswith(" 4 / 12")  # exact matches of all
        await explorer.press("enter", "u")
        assert "✓ " not in "".join(prompts(explorer).values())
        await explorer.press("r")
        assert prompts(explorer)["blue"].startswith("✓ ")


async def test_the_cursor_may_move_while_values_are_ticked(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "j")
        assert explorer.screen.search.visit.history.state.changes == {"colour": ("blue",)}
        await explorer.press("space", "k", "space", "j", "space")
        assert explorer.screen.search.visit.history.state.changes == {"colour": "green"}
        await explorer.press("j")
        assert explorer.screen.search.visit.history.state.changes == {"colour": "red"}


async def test_a_click_with_shift_ticks(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        values = explorer.screen.query_one(Pickers).values
        for line in (1, 3):
            await explorer.pilot.click(values, offset=(4, line), shift=True)
            await explorer.rest()
        assert explorer.screen.search.visit.history.state.changes == {"colour": ("blue", "red")}
        assert values.has_focus


async def test_a_tick_of_an_earlier_longer_list_is_ignored(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        pickers = explorer.screen.query_one(Pickers)
        pickers.values.post_message(ValueList.Ticked(99))
        await explorer.rest()
        assert explorer.screen.search.visit.history.state.changes == {}


async def test_something_must_be_left_to_count(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        for picker in ("1", "2", "3"):
            await explorer.press(picker, "j", "space")
        assert "At least one weight" in explorer.notices()
        assert explorer.screen.search.visit.history.state.changes["season"] == "summer"
        assert "✓ " not in "".join(prompts(explorer).values())


async def test_an_unlabeled_value_is_guessed_and_marked_as_a_guess(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        generation = explorer.snapshot.searcher.generation
        season = [category.name for category in generation.super_categories].index("season")
        prototypes = generation.prototypes_of(season)
        prototypes[1] = -prototypes[0]  # teach winter, far from everything summery
        await explorer.press("enter", SEASON)
        nearest = explorer.snapshot.searcher.predict(explorer.screen.search.visit.query)
        assert f"~{nearest['season'].value}" in explorer.text()


async def test_the_detail_pane_tells_the_nearest_values_and_their_margins(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(140, 50)) as explorer:
        shown = explorer.text()
        assert "What the model sees · confidence" in shown
        nearest = explorer.snapshot.query_of(0)
        margin = explorer.snapshot.searcher.predict(nearest)["colour"].margin
        assert f"{margin:.2f}" in shown
