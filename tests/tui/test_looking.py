"""Where the networks look: activation maps in the detail pane."""

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from textual.widgets import Static

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import ModelConfig
from datrnet.core.graphics.heatmap import Region
from datrnet.core.indexing.activations import Look
from datrnet.tui.graphics.pictures import Looker
from datrnet.tui.widgets.detail_pane import DetailPane

Run = Callable[..., Any]

TINY = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=16)


@pytest.fixture
def draws_frames() -> bool:
    return False


def shown(explorer: Any) -> list[str]:
    """Return the characters and colors of the detail picture, line by line."""
    view = explorer.screen.query_one(DetailPane).picture
    return [repr(view.render_line(y)) for y in range(view.size.height)]


def caption(explorer: Any) -> str:
    return str(explorer.screen.query_one("#detail-caption", Static).content)


def heated(
    monkeypatch: pytest.MonkeyPatch, heat: float = 1.0, region: Region | None = None
) -> list[tuple[str, str, Any]]:
    """Let every map be the same at once; return what is looked for as it happens."""
    calls = []

    def same(_self: Looker, _picture: Any, network: str, prototype: Any, _wanted: Any) -> Any:
        calls.append((network, prototype.value, prototype.embedding))
        warmth = np.full((4, 4), heat, dtype=np.float32)
        return Look(heat=warmth, value=prototype.value, region=region)

    monkeypatch.setattr(Looker, "look", same)
    return calls


async def test_a_key_goes_through_the_networks_and_back_to_the_picture(
    taught: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("l", "l")
        picture = shown(explorer)
        for name, value in (("garment", "dress"), ("colour", "green"), ("season", "summer")):
            await explorer.press("a")
            assert f"{name} network finds" in caption(explorer)
            assert value in caption(explorer)
            assert f"The {name} network" in explorer.text().replace("Where the", "The")
        await explorer.press("a")
        assert caption(explorer) == ""
        assert shown(explorer) == picture
        await explorer.press("A")
        assert "season network finds" in caption(explorer)


async def test_the_map_lies_over_the_picture_and_follows_the_cursor(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = heated(monkeypatch)
    async with run_explorer(workspace, size=(120, 60)) as explorer:
        picture = shown(explorer)
        await explorer.press("a")
        assert shown(explorer) != picture
        await explorer.press("a", "l")
        assert [(name, value) for name, value, _ in calls[-2:]] == [
            ("colour", "black"),
            ("colour", "blue"),
        ]
        assert caption(explorer) == "Where the colour network finds blue"


async def test_where_nothing_speaks_for_a_value_the_picture_stays(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    heated(monkeypatch, heat=0.0)
    async with run_explorer(workspace, size=(120, 60)) as explorer:
        picture = shown(explorer)
        await explorer.press("a")
        assert caption(explorer) == "The garment network finds no dress here"
        assert shown(explorer) == picture


async def test_a_region_is_framed_and_the_caption_says_what_is_seen_in_it(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    heated(monkeypatch)
    async with run_explorer(workspace, size=(120, 60)) as explorer:
        await explorer.press("a")
        whole = shown(explorer)
    heated(monkeypatch, heat=0.0, region=(0.2, 0.2, 0.7, 0.7))
    async with run_explorer(workspace, size=(120, 60)) as explorer:
        picture = shown(explorer)
        await explorer.press("a")
        # unlike a map of nothing, a region is always there: it is what is embedded
        assert shown(explorer) not in (whole, picture)
        assert caption(explorer) == "In the frame: garment dress"


async def test_an_item_without_the_label_has_nothing_to_look_for(
    taught: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(taught) as explorer:
        await explorer.press("A")
        assert caption(explorer) == "No season label to look for"


async def test_a_result_is_looked_at_for_the_wanted_values(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.core.retrieval.prototypes.MIN_SPECIFIC", 4)
    calls = heated(monkeypatch)
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "2", "j", "w", "tab", "G", "a")
        assert explorer.labels("garment", 99)[explorer.grid.cursor] != "dress"
        assert calls[-1][:2] == ("garment", "dress")
        await explorer.press("a")
        (prototype,) = explorer.screen.search.results.plan.prototypes.values()
        assert prototype.among == "dress"
        assert calls[-1][:2] == ("colour", "blue")
        np.testing.assert_array_equal(calls[-1][2], prototype.embedding)


async def test_while_the_networks_load_the_pane_says_so_and_keys_work(
    taught: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load, load = threading.Event(), Looker._open
    monkeypatch.setattr(Looker, "_open", lambda looker: (may_load.wait(), load(looker))[1])
    async with run_explorer(taught) as explorer:
        await explorer.pilot.press("a")
        for _ in range(12):  # more than there are threads for workers
            await explorer.pilot.press("l")
            await asyncio.sleep(0.01)
        assert "Loading the networks" in explorer.text()
        await explorer.pilot.press("g", "slash", *"red shirt")
        await explorer.until(lambda: len(explorer.codes) < 48)
        assert set(explorer.labels("colour", 99)) == {"red"}
        may_load.set()
        await explorer.rest()
        assert caption(explorer).endswith(("finds shirt", "finds no shirt here"))


async def test_a_map_that_is_no_longer_wanted_loads_nothing(taught: Workspace) -> None:
    looker = Looker(taught, "no such run")
    assert looker.look(None, "", None, lambda: False) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("run", "Run `datrnet train` first."),
        ("weights", "are missing"),
        ("captum", 'pip install "datrnet[experiments]"'),
        ("prototype", "No training item is labeled"),
    ],
)
async def test_what_is_missing_is_told_in_the_pane(
    taught: Workspace,
    run_explorer: Run,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    line: str,
) -> None:
    run = taught.models / "made-up"
    if missing == "run":
        (run / "run.json").unlink()
    elif missing == "weights":
        for path in run.glob("*.safetensors"):
            path.unlink()
    elif missing == "captum":
        monkeypatch.setitem(sys.modules, "captum.attr", None)
    async with run_explorer(taught) as explorer:
        if missing == "prototype":  # nobody taught it winter, which P-012 carries
            explorer.grid.move_to(12)
            await explorer.press("A")
        else:
            await explorer.press("a")
        pane = "\n".join(text[-36:] for text in explorer.text().splitlines())
        assert line in " ".join(pane.split())
        assert "Loading" not in pane
        assert explorer.app.is_running


async def test_without_an_index_the_notice_says_what_to_run(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("a")
        assert "datrnet index" in explorer.notices()


async def test_without_room_for_a_picture_that_is_said(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = heated(monkeypatch)
    async with run_explorer(workspace, size=(60, 20)) as explorer:
        await explorer.press("a")
        assert "no room" in explorer.notices()
        assert calls == []
