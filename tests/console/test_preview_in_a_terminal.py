"""The preview that a terminal shows before a first import."""

import codecs
import os
import pty
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datrnet.core.catalog.workspace import Workspace

TAKES_SCREEN = "\x1b[?1049h"
HANG_SECONDS = 240.0


def in_terminal(root: Path, *arguments: object, keys: bytes = b"") -> tuple[int, str]:
    """Import in a terminal; press keys once the preview is shown. Return the status and text."""
    import fcntl
    import termios

    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    words = ["import", *map(str, arguments), "--workspace", str(root)]
    program = subprocess.Popen(
        [sys.executable, "-c", "from datrnet.cli import main; main()", *words],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={"TERM": "xterm-256color", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    os.close(inside)
    written, is_pressed = "", False
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    deadline = time.monotonic() + HANG_SECONDS
    try:
        while time.monotonic() < deadline:
            if not select.select([outside], [], [], 0.5)[0]:
                if keys and not is_pressed and "for example" in written:
                    os.write(outside, keys)
                    is_pressed = True
                continue
            try:
                read = os.read(outside, 1 << 16)
            except OSError:
                break
            if not read:
                break
            written += decoder.decode(read)
        return program.wait(HANG_SECONDS), written
    finally:
        program.kill()
        program.wait()
        os.close(outside)


def test_a_first_import_is_shown_and_written_on_enter(tmp_path: Path, shop: Path) -> None:
    root = tmp_path / "workspace"
    status, written = in_terminal(root, shop, keys=b"q")
    assert status == 130
    assert TAKES_SCREEN in written
    assert "Nothing was imported." in written
    assert not root.exists()
    status, written = in_terminal(root, shop, keys=b"\r")
    assert status == 0
    assert "Next: datrnet train" in written
    with Workspace(root).open_store() as store:
        assert store.picture_stamps()
    status, written = in_terminal(root, shop)  # nothing is new in it
    assert status == 0
    assert TAKES_SCREEN not in written


@pytest.mark.parametrize("option", ["--yes", "--dry-run", "--json"])
def test_it_can_be_left_out(tmp_path: Path, shop: Path, option: str) -> None:
    status, written = in_terminal(tmp_path / "workspace", shop, option)
    assert status == 0
    assert TAKES_SCREEN not in written
