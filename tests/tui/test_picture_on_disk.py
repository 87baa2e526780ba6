"""Beginning with a picture that is in no catalog."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual import events
from textual.widgets import Input, Static

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.steps import replay, session_of, steps_of
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import PicturePrompt
from datrnet.tui.screens.substitutes import SubstitutesScreen

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "my photo.png"
    Image.new("RGB", (48, 64), "#cc2222").save(path)
    return path


async def drop(explorer: Any, text: str) -> None:
    explorer.app.post_message(events.Paste(text))
    await explorer.rest(0.05)
    await explorer.rest(0.05)


async def test_a_dropped_picture_becomes_the_query(
    taught: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await drop(explorer, f"'{photo}'")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert len(explorer.codes) == 48  # it is none of the catalog's own
        shown = explorer.text()
        assert "my photo.png" in shown
        guesses = explorer.snapshot.searcher.predict(explorer.screen.search.visit.query)
        assert all(f"~{guess.value}" in shown for guess in guesses.values())
        assert len(guesses) == 2
        assert "✓ all match" in shown  # nothing is known to be missing
        await explorer.press("2", "j")
        assert explorer.screen.search.visit.history.state.changes == {"colour": "black"}
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)


async def test_its_path_can_be_typed_and_completed(
    taught: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("i")
        assert isinstance(explorer.screen, PicturePrompt)
        field = explorer.screen.query_one(Input)
        (photo.parent / "my catalog.csv").touch()  # no picture, though it comes before
        field.value = f"{photo.parent}/my"
        await explorer.rest(0.1)
        await explorer.press("tab")
        assert field.value == str(photo)
        await explorer.press("enter")
        await explorer.rest(0.05)
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert explorer.screen.search.visit.picture == photo


async def test_enter_right_after_tab_takes_the_completed_path(
    taught: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("i")
        explorer.screen.query_one(Input).value = f"{photo.parent}/m"
        for key, character in (("y", "y"), ("tab", "\t"), ("enter", "\r")):
            explorer.app.post_message(events.Key(key, character))
        await explorer.until(lambda: isinstance(explorer.screen, SubstitutesScreen))
        assert explorer.screen.search.visit.picture == photo


async def test_ctrl_c_names_the_key_that_quits(taught: Workspace, run_explorer: Run) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("ctrl+c")
        assert explorer.notices() == "Press ctrl+q to quit."


async def test_a_path_without_a_file_is_told_and_the_line_stays(
    taught: Workspace, tmp_path: Path, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("i")
        text = tmp_path / "[b]text.png"
        text.write_text("no picture")
        os.mkfifo(tmp_path / "fifo.png")
        for path, word in (
            (tmp_path / "[red]none", "is not there"),
            (tmp_path, "is a folder"),
            (text, "not a picture"),
            (tmp_path / "fifo.png", "not a regular file"),
        ):
            explorer.screen.query_one(Input).value = str(path)
            await explorer.press("enter")
            await explorer.rest(0.05)
            note = str(explorer.screen.query_one(".dialog-hint", Static).content)
            assert word in note
            assert path.name in note
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)


async def test_what_is_no_picture_is_a_notice(
    taught: Workspace, tmp_path: Path, run_explorer: Run
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    async with run_explorer(taught) as explorer:
        await drop(explorer, str(text))
        assert "text.jpg" in explorer.notices()
        os.mkfifo(tmp_path / "fifo.jpg")
        await drop(explorer, str(tmp_path / "fifo.jpg"))
        assert "not a regular file" in explorer.notices()
        assert isinstance(explorer.screen, BrowseScreen)
        await drop(explorer, "just some words")
        assert "not the path of a picture" in explorer.notices()


async def test_without_the_networks_it_is_a_notice(
    workspace: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await drop(explorer, str(photo))
        assert "made-up" in explorer.notices()
        assert isinstance(explorer.screen, BrowseScreen)


async def test_without_an_index_it_says_how_to_get_one(
    bare_workspace: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("i")
        await drop(explorer, str(photo))
        assert "datrnet index" in explorer.notices()


async def test_it_is_asked_again_from_the_session(
    taught: Workspace, photo: Path, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await drop(explorer, str(photo))
        shown = explorer.codes
        await explorer.until(explorer.steps)
        assert json.loads(json.dumps(explorer.steps()[0][1]))["picture"] == str(photo)
    with taught.open_store() as store:
        steps = steps_of(store, session_of(store))
        searcher = Searcher(Catalog.load(store), Generation.current(taught, store))
    (answer,) = replay(taught, searcher, steps, 60)
    assert [substitute.code for substitute in answer.substitutes] == shown
    assert answer.step.subject == str(photo)
    photo.unlink()
    (answer,) = replay(taught, searcher, steps, 60)
    assert "my photo.png" in answer.problem
