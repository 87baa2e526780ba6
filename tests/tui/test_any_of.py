"""Any of several values, how many items would match, and what the networks take an item for."""

from collections.abc import Callable
from typing import Any

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.state import AnyOf
from datrnet.tui.widgets.pickers import Pickers, ValueList

Run = Callable[..., Any]

COLOUR, SEASON = "2", "3"


def prompts(explorer: Any) -> dict[str, str]:
    """The lines of the open picker: mark and rest, by value."""
    values = explorer.screen.query_one(Pickers).values
    lines = [option.prompt.plain for option in values.options]
    return {line[2:].split()[0]: line for line in lines}


async def test_ticked_values_are_all_that_is_shown(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "j", "j", "space")
        assert explorer.screen.visit.history.state.changes == {"colour": AnyOf(("blue", "red"))}
        assert set(explorer.labels("colour", 60)) == {"blue", "red"}
        assert prompts(explorer)["red"].startswith("✓ ")
        assert prompts(explorer)["blue"].startswith("✓ ")
        shown = explorer.text()
        assert "blue or red" in shown
        assert "✓ colour" in shown


async def test_the_cursor_may_move_while_values_are_ticked(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "j")
        assert explorer.screen.visit.history.state.changes == {"colour": AnyOf(("blue",))}
        await explorer.press("space", "k", "space", "j", "space")
        assert explorer.screen.visit.history.state.changes == {"colour": "green"}
        await explorer.press("j")
        assert explorer.screen.visit.history.state.changes == {"colour": "red"}


async def test_ticks_are_undone_and_redone(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "j", "space", "enter", "u")
        assert explorer.screen.visit.history.state.changes == {}
        assert "✓ " not in "".join(prompts(explorer).values())
        await explorer.press("r")
        assert prompts(explorer)["green"].startswith("✓ ")
        assert set(explorer.labels("colour", 60)) == {"blue", "green"}


async def test_a_click_with_shift_ticks(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        values = explorer.screen.query_one(Pickers).values
        for line in (1, 3):
            await explorer.pilot.click(values, offset=(4, line), shift=True)
            await explorer.rest()
        assert explorer.screen.visit.history.state.changes == {"colour": AnyOf(("blue", "red"))}
        assert values.has_focus


async def test_a_tick_of_an_earlier_longer_list_is_ignored(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)
        pickers = explorer.screen.query_one(Pickers)
        pickers.values.post_message(ValueList.Ticked(99))
        await explorer.rest()
        assert explorer.screen.visit.history.state.changes == {}


async def test_something_must_be_left_to_count(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        for picker in ("1", "2", "3"):
            await explorer.press(picker, "j", "space")
        assert "At least one weight" in explorer.notices()
        assert explorer.screen.visit.history.state.changes["season"] == "summer"
        assert "✓ " not in "".join(prompts(explorer).values())


async def test_any_of_and_only_these_do_not_contradict(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "e", "j", "j", "space")
        assert set(explorer.labels("colour", 60)) == {"green"}


async def test_the_session_keeps_what_was_ticked(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR, "j", "space", "enter")
        await explorer.until(lambda: any(step.get("any_of") for _, step in explorer.steps()))
        assert explorer.steps()[-1][1]["any_of"] == {"colour": ["blue"]}


async def test_values_tell_how_many_items_would_be_as_wanted(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", COLOUR)  # a black dress without a season
        catalog = explorer.snapshot.catalog
        everything = [catalog.labels_of(row) for row in range(1, catalog.num_items)]

        def number(**wanted: str) -> int:
            return sum(wanted.items() <= one.items() for one in everything)

        lines = prompts(explorer)
        for colour in ("black", "blue", "green", "red"):
            total = sum(one == colour for one in (r["colour"] for r in everything))
            total += colour == "black"  # the query itself is one of all
            matching = number(garment="dress", colour=colour)
            assert lines[colour].endswith(f" {matching} / {total}")
        await explorer.press("1", "j")  # a shirt now
        await explorer.press(COLOUR)
        expected = number(garment="shirt", colour="blue")
        assert f" {expected} / " in prompts(explorer)["blue"]


async def test_an_unlabeled_value_is_guessed_and_marked_as_a_guess(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        generation = explorer.snapshot.searcher.generation
        season = [one.name for one in generation.super_categories].index("season")
        prototypes = generation.prototypes_of(season)
        prototypes[1] = -prototypes[0]  # teach winter, far from everything summery
        await explorer.press("enter", SEASON)
        nearest = explorer.snapshot.searcher.predict(explorer.screen.visit.query)
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
