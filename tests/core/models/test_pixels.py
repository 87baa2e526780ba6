"""Decoding many pictures: the unreadable ones are left out, and a file may hold the pixels."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datrnet.core.catalog.pictures import Box, Picture
from datrnet.core.models import pixels as module
from datrnet.core.models.pixels import read_ahead, read_pixels


@pytest.mark.parametrize("largest", [0, 10**9])
def test_unreadable_pictures_leave_no_gap(
    tmp_path: Path, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_IN_MEMORY", largest)
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        Image.new("RGB", (9, 9), (40 * number, 0, 0)).save(path)
    paths[1].write_bytes(b"no picture")
    paths[3].unlink()
    told: list[tuple[int, int]] = []
    found, readable = read_pixels(paths, 4, lambda *done: told.append(done))
    assert readable == [0, 2, 4]
    assert found.shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(found[:, 0, 0, 0], [0, 80, 160])
    assert told[-1] == (5, 5)


def test_a_picture_with_a_box_is_cut_to_it(tmp_path: Path) -> None:
    picture = Image.new("RGB", (20, 10), (200, 0, 0))
    picture.paste((0, 0, 200), (10, 0, 20, 10))
    picture.save(tmp_path / "a.png")
    parts = [Picture(tmp_path / "a.png", Box(x, 0, 10, 10)) for x in (0, 10, 20)]
    found, readable = read_pixels(parts, 4)
    assert readable == [0, 1]
    np.testing.assert_array_equal(found[:, 0, 0], [(200, 0, 0), (0, 0, 200)])


def test_the_next_part_is_read_while_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def read(part: int) -> int:
        begun[part].set()
        return part

    for part in read_ahead(read, range(3)):
        assert begun[min(part + 1, 2)].wait(10)
    assert list(read_ahead(read, [])) == []
