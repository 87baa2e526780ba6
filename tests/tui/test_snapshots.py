"""What whole screens look like, as text: a change of any of them is seen in review.

    DATRNET_RENEW_SNAPSHOTS=1 pytest tests/tui/test_snapshots.py

writes them anew. The pictures are left out: their blocks are a matter of other tests.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Any]

SNAPSHOTS = Path(__file__).parent / "snapshots"
RENEW = "DATRNET_RENEW_SNAPSHOTS"

BLOCKS = str.maketrans(dict.fromkeys("▀▄▌▐▖▗▘▝▚▞▙▛▜▟█", " "))

SCREENS: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "catalog": ((120, 36), ("l", "l")),
    "catalog-narrow": ((60, 20), ("j",)),
    "search-and-facets": ((120, 36), ("f", "j", "j", "space", "f", "slash", *"red", "enter")),
    "substitutes": ((120, 36), ("l", "enter", "2", "j", "j")),
    "substitutes-narrow": ((60, 20), ("l", "enter", "2", "j", "tab", "l")),
    "help": ((120, 45), ("question_mark",)),
    "too-small": ((39, 5), ()),
}


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_looks_as_it_did(workspace: Workspace, run_explorer: Run, name: str) -> None:
    size, keys = SCREENS[name]
    async with run_explorer(workspace, size=size) as explorer:
        for key in keys:
            await explorer.press(key)
        await explorer.rest(0.1)
        lines = explorer.text().translate(BLOCKS).split("\n")
    shown = "\n".join(line.rstrip() for line in lines) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get(RENEW):
        path.write_text(shown, "utf-8")
    assert path.exists(), f"There is none yet: {RENEW}=1 writes it."
    assert shown == path.read_text("utf-8"), f"If that is meant, {RENEW}=1 writes it anew."


def test_no_snapshot_is_left_of_a_screen_that_is_gone() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(SCREENS)
