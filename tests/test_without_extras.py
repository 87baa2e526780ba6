"""A plain installation, without torch: what works there, and what names the extra that it needs."""

import json
import subprocess
import sys
from pathlib import Path

from datrnet.core.catalog.workspace import Workspace

PROBE = """
import asyncio, json, sys
for name in ("torch", "pytorch_metric_learning", "safetensors", "captum", "annoy", "pymilvus"):
    sys.modules[name] = None  # every import of it fails
from pathlib import Path
from typer.testing import CliRunner
from datrnet.cli import app
from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.app import ExplorerApp

async def explore():
    explorer = ExplorerApp(Workspace(Path(sys.argv[1])))
    async with explorer.run_test() as pilot:
        while not explorer.screen.query("ThumbGrid") or not explorer.screen.grid.listing.rows.size:
            await pilot.pause(0.01)

done = []
for words in json.loads(sys.argv[2]):
    result = CliRunner().invoke(app, ["--workspace", sys.argv[1], *words])
    done.append([result.exit_code, result.stderr, repr(result.exception)])
asyncio.run(explore())
print(json.dumps(done))
"""

INSTALL = 'Install it with: pip install "datrnet[train]"; without a GPU, `uv pip install'


def test_without_torch_all_but_training_and_embedding_works(
    copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    picture = shop.parent / "images" / "3.png"
    works = [
        ["import", shop],
        ["info"],
        ["search", "item-1", "--set", "colour=Black"],
        ["evaluate"],
        ["label", "set", "item-11", "colour=Red"],
        ["index"],  # moves a prototype, and embeds nothing
        ["review", "doubts"],
        ["review", "duplicates"],
        ["session", "list"],
        ["export", tmp_path / "out.csv"],
        ["doctor"],
    ]
    names_the_extra = [
        ["train"],
        ["index", "--rebuild"],
        ["search", picture],
        ["experiment", "ablation"],
        ["compare"],
        ["demo", "--workspace", tmp_path / "demo"],
    ]
    words = json.dumps([list(map(str, words)) for words in works + names_the_extra])
    command = [sys.executable, "-c", PROBE, str(copied.root), words]
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for said, (code, told, fault) in zip(works, done, strict=False):
        assert code == 0, (said, told, fault)
    for said, (code, told, fault) in zip(names_the_extra, done[len(works) :], strict=True):
        assert (code, "which is not installed." in told, INSTALL in told) == (1, True, True), (
            said,
            told,
            fault,
        )
    assert not (tmp_path / "demo").exists()
