"""Pictures from their files, and the system's viewer."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.errors import DataError
from datrnet.tui.graphics.pictures import named_path, open_in_viewer, picture_cells


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "-a picture.png"
    Image.new("RGB", (60, 30), "red").save(path)
    return path


def test_a_picture_keeps_its_proportions(picture: Path) -> None:
    cells = picture_cells(picture, 20, 40)
    assert cells.size == (10, 40)
    assert cells.background[0, 0].tolist() == [255, 0, 0]


def test_the_viewer_is_started_with_the_file(
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "viewer"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}.part"; mv "{seen}.part" "{seen}"\n')
    program.chmod(0o755)
    monkeypatch.setattr("datrnet.tui.graphics.pictures.VIEWERS", {sys.platform: (str(program),)})
    open_in_viewer(picture)
    eventually(seen.exists)
    assert seen.read_text() == str(picture)


def test_a_viewer_that_fails_is_told_with_the_path(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "viewer"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("datrnet.tui.graphics.pictures.VIEWERS", {sys.platform: (str(program),)})
    monkeypatch.setattr("datrnet.tui.graphics.pictures.FAILS_WITHIN", 300)
    with pytest.raises(DataError, match=f"exit code 3. The file is {picture}"):
        open_in_viewer(picture)


def test_without_a_viewer_the_path_is_told(picture: Path) -> None:
    with pytest.raises(DataError, match=str(picture)):
        open_in_viewer(picture)


def test_a_missing_picture_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        open_in_viewer(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["plain.jpg", "two words.jpg", "it's.jpg", 'a"b.jpg', "(1) ü.jpg"])
def test_a_dropped_file_is_found_however_the_terminal_writes_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    backslashed = re.sub(r"([^\w/.])", r"\\\1", str(path))
    for written in (str(path), shlex.quote(str(path)), backslashed, path.as_uri(), f" {path}\n"):
        assert named_path(written) == path


@pytest.mark.parametrize("text", ["", "it's", "two words", "'a' 'b'"])
def test_what_is_no_path_is_taken_as_it_is(text: str) -> None:
    assert not named_path(text).is_file()
