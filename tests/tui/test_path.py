"""How far a key goes: the modules of the explorer between a picker's key and the results."""

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import datrnet.tui
from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.widgets.thumb_grid import ThumbGrid

Run = Callable[..., Any]

EXPLORER = f"{datrnet.tui.__path__[0]}/"
MOST_FILES = 12


def is_drawing(frame: FrameType | None) -> bool:
    """Whether Textual lays out or draws other widgets meanwhile."""
    while frame is not None:
        is_layout = frame.f_code.co_name in ("_refresh_layout", "render_update")
        if is_layout or frame.f_code.co_filename.endswith("textual/_compositor.py"):
            return True
        frame = frame.f_back
    return False


async def test_a_picker_key_reaches_the_results_through_few_files(
    workspace: Workspace, run_explorer: Run
) -> None:
    files: list[str] = []
    recording = False

    def record(frame: FrameType, event: str, _: object) -> None:
        nonlocal recording
        if not recording or event != "call":
            return
        path = frame.f_code.co_filename
        if path.startswith(EXPLORER) and path not in files and not is_drawing(frame):
            files.append(path)
        recording = frame.f_code is not ThumbGrid.show.__code__

    threading.setprofile(record)  # of the thread that searches, which starts later
    try:
        async with run_explorer(workspace) as explorer:
            await explorer.press("enter", "2")
            before = explorer.codes
            # thumbnails that arrive meanwhile would be drawn by the grid
            await explorer.until(lambda: not explorer.grid._painter.waiting)
            sys.setprofile(record)
            recording = True
            await explorer.press("j")
            assert not recording
            assert explorer.codes != before
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert files[:2] == [f"{EXPLORER}app.py", f"{EXPLORER}key_queue.py"]  # keys in order
    assert files[2] == f"{EXPLORER}widgets/pickers.py"
    assert files[-1] == f"{EXPLORER}widgets/thumb_grid.py"
    assert len(files) <= MOST_FILES, files
