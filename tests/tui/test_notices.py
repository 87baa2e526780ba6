"""Notices: one is seen, the others are counted and listed; what is copied and exported."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.widgets import Input
from textual.widgets._toast import Toast

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.screens.menus import NoticeList
from datrnet.tui.widgets.bars import TitleBar

Run = Callable[..., Any]


def shown(explorer: Any) -> list[str]:
    """The messages of the notices that can be seen."""
    toasts = explorer.screen.query(Toast)
    return [toast._notification.message for toast in toasts if toast.parent.display]


async def test_one_notice_is_seen_and_the_others_are_counted(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, notices=True) as explorer:
        explorer.app.clear_notifications()
        await explorer.rest()
        for text in ("one", "two", "three"):
            explorer.app.notify(text)
        await explorer.until(lambda: shown(explorer) == ["three"])
        assert explorer.screen.query_one(TitleBar).num_waiting == 2
        assert "+2" in explorer.text().split("\n")[0]
        explorer.screen.query(Toast).last()._expire()
        await explorer.until(lambda: shown(explorer) == ["two"])
        assert explorer.screen.query_one(TitleBar).num_waiting == 1


async def test_an_error_stays_until_it_is_dismissed(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, notices=True) as explorer:
        explorer.app.clear_notifications()
        explorer.app.notify("It failed.", severity="error", timeout=1)
        explorer.app.notify("Copied", timeout=1)
        await explorer.until(lambda: len(explorer.app._notifications) == 2)
        error, other = explorer.app._notifications
        assert error.timeout > 3600 > other.timeout
        await explorer.press("H")
        assert isinstance(explorer.screen, NoticeList)
        lines = explorer.text()
        assert lines.index("Copied") < lines.index("It failed.")  # the newest first
        assert not len(explorer.app._notifications)
        await explorer.press("j", "enter")
        assert explorer.app.clipboard == "It failed."


async def test_one_key_copies_on_every_screen(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "C")
        assert explorer.app.clipboard == "P-001"
        await explorer.press("z", "l", "C")
        assert explorer.app.clipboard == "P-002"
        await explorer.press("escape", "enter", "tab", "l", "C")
        assert explorer.app.clipboard == explorer.code
        assert "C" not in explorer.screen.search.state.changes
        await explorer.press("v", "escape", "v")
        await explorer.press("C")
        if explorer.screen.row is not None:
            assert explorer.app.clipboard == explorer.snapshot.catalog.codes[explorer.screen.row]


async def test_results_are_exported_from_their_screen(
    workspace: Workspace, tmp_path: Path, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter", "2", "j")
        codes = explorer.codes
        for suffix in ("csv", "json", "html"):
            path = tmp_path / f"found.{suffix}"
            await explorer.press("E")
            explorer.screen.query_one(Input).value = str(path)
            await explorer.press("enter")
            await explorer.until(path.exists)
            await explorer.rest()
        assert explorer.notices().count("Saved") == 3
    rows = list(csv.DictReader((tmp_path / "found.csv").read_text("utf-8").splitlines()))
    assert [row["id"] for row in rows] == codes
    assert {row["item"] for row in rows} == {"P-000"}
    (step,) = json.loads((tmp_path / "found.json").read_text("utf-8"))["steps"]
    assert [found["id"] for found in step["substitutes"]] == codes
    assert step["changes"] == {"colour": "blue"}
    assert "Substitutes of P-000" in (tmp_path / "found.html").read_text("utf-8")
