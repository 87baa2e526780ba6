"""A short storm of random input; tools/storm.py raises a long one."""

import runpy
from pathlib import Path

import pytest
from textual import events

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.app import ExplorerApp

STORM = runpy.run_path(str(Path(__file__).parents[2] / "tools/storm.py"))


async def test_keys_that_arrive_after_the_end_are_dropped(workspace: Workspace) -> None:
    app = ExplorerApp(workspace)
    async with app.run_test() as pilot:
        await pilot.pause()
        screens, app._screen_stacks["_default"] = app.screen_stack, []
        await app.on_event(events.Key("x", "x"))
        await app.on_event(events.Resize(app.size, app.size))
        app._screen_stacks["_default"] = screens


async def test_nothing_that_is_typed_or_clicked_ends_the_explorer(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where exports go
    outcome = await STORM["storm"](lambda: ExplorerApp(workspace), num_events=250, seed=0)
    assert outcome.faults == []
    assert outcome.num_events >= 250
