"""What starting the explorer loads, and what it refuses."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.tui.app import ExplorerApp, explore
from datrnet.tui.launch import Opening

HEAVY = ("torch", "torchvision", "pytorch_metric_learning")

SEARCH = """
import asyncio, sys
from pathlib import Path
from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.app import ExplorerApp

async def search():
    app = ExplorerApp(Workspace(Path(sys.argv[1])))
    async with app.run_test() as pilot:
        while not app.screen.query("ThumbGrid") or not app.screen.grid.listing.rows.size:
            await pilot.pause(0.01)
        await pilot.press("enter", "2", "j")
        while list(app.workers) or len(app.screen.grid.listing.rows) != 47:
            await pilot.pause(0.01)
        await pilot.pause()
        print(len(app.screen.grid.listing.rows))

asyncio.run(search())
"""


def _run(code: str, *arguments: str, **environment: str) -> list[str]:
    probe = (
        f"{code}\nimport sys\nprint(*[one for one in {(*HEAVY, 'annoy')!r} if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout.split()


def test_importing_the_app_loads_nothing_heavy() -> None:
    assert _run("import datrnet.tui.app") == []


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_a_whole_search_never_loads_torch(
    workspace: Workspace, environment: dict[str, str]
) -> None:
    printed = _run(SEARCH, str(workspace.root), **environment)
    assert printed[0] == "47"
    assert not set(printed) & set(HEAVY)


def test_a_workspace_without_a_catalog_is_refused_before_the_screen_is_taken(
    tmp_path: Path,
) -> None:
    with pytest.raises(DatabaseError, match="datrnet import"):
        Opening(Workspace(tmp_path))


def test_a_workspace_of_a_newer_version_is_refused(workspace: Workspace) -> None:
    with sqlite3.connect(workspace.catalog_path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(DatabaseError, match="Update datrnet"):
        ExplorerApp(workspace)


def test_a_fault_is_told_to_the_shell_as_well(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ExplorerApp) -> None:
        raise RuntimeError("as a defect would")

    monkeypatch.setattr(ExplorerApp, "on_mount", fail)
    run = ExplorerApp.run
    monkeypatch.setattr(ExplorerApp, "run", lambda self: run(self, headless=True))
    with Opening(workspace) as opening, pytest.raises(SystemExit) as left:
        explore(opening, tour=False)
    assert left.value.code == 1
