"""Long work: a line that says what runs and cancels it, and results that wait for their page."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.controllers import jobs
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import JumpPrompt
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.bars import JobLine

Run = Callable[..., Any]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (48, 64), "#cc2222").save(path)
    return path


@pytest.fixture
def may_embed(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Reading a picture waits for this."""
    event, embed = threading.Event(), Snapshot.query_of_picture

    def wait(snapshot: Snapshot, path: Path) -> Any:
        event.wait(10.0)  # a test that has failed sets nothing
        return embed(snapshot, path)

    monkeypatch.setattr(Snapshot, "query_of_picture", wait)
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)
    return event


def line(explorer: Any) -> str:
    """What the line of the screen says; empty while it is hidden."""
    shown = explorer.app.screen_stack[-1].query(JobLine)
    return shown.first().words if shown and shown.first().display else ""


async def test_work_is_shown_and_its_result_opens(
    taught: Workspace, photo: Path, may_embed: threading.Event, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        explorer.screen.open_picture(photo)
        await explorer.until(lambda: "Searching with photo.png" in line(explorer))
        await explorer.until(lambda: "photo.png …   esc cancels" in explorer.text())
        await explorer.pilot.press("l")  # meanwhile, keys work
        assert explorer.code == "P-001"
        may_embed.set()
        await explorer.rest()
        assert isinstance(explorer.screen, SubstitutesScreen)
        await explorer.until(lambda: not line(explorer))


async def test_escape_cancels_it_and_nothing_opens(
    taught: Workspace, photo: Path, may_embed: threading.Event, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("slash", *"red", "enter")
        explorer.screen.open_picture(photo)
        await explorer.until(lambda: line(explorer))
        await explorer.pilot.press("escape")
        await explorer.until(lambda: not line(explorer))
        assert len(explorer.codes) == 12  # this escape did not clear the search
        may_embed.set()
        await explorer.rest()
        assert isinstance(explorer.screen, BrowseScreen)
        await explorer.press("escape")
        await explorer.until(lambda: len(explorer.codes) == 48)


async def test_a_result_waits_until_a_prompt_is_closed(
    taught: Workspace, photo: Path, may_embed: threading.Event, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        catalog = explorer.screen
        catalog.open_picture(photo)
        await explorer.pilot.press("number_sign", "P")
        may_embed.set()
        await explorer.rest()
        assert isinstance(explorer.screen, JumpPrompt)
        assert "photo.png is ready" in catalog.query_one(JobLine).words
        await explorer.press("escape")
        await explorer.until(lambda: isinstance(explorer.screen, SubstitutesScreen))
        assert explorer.screen.search.visit.picture == photo


async def test_work_of_a_moment_is_not_shown(
    taught: Workspace,
    photo: Path,
    may_embed: threading.Event,
    run_explorer: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 600.0)
    async with run_explorer(taught) as explorer:
        explorer.screen.open_picture(photo)
        await asyncio.sleep(2 * jobs.TICK_SECONDS)
        assert not line(explorer)
        may_embed.set()
        await explorer.rest()
        assert isinstance(explorer.screen, SubstitutesScreen)


class Waiting:
    """A worker as far as a job asks it."""

    is_cancelled = False


def test_a_job_says_how_far_it_is() -> None:
    worker: Any = Waiting()
    job = jobs.Job("Checking labels", worker)
    assert job.words(0.0) == "⠋ Checking labels …"
    job.report(1, 2)
    assert job.words(0.0) == f"Checking labels {'━' * 6}{'─' * 6} 50%"
    worker.is_cancelled = True
    with pytest.raises(jobs.JobCanceledError):
        job.report(2, 2)
