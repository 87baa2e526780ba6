"""The file of thumbnails, and how they are made."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.catalog.thumbnails import SIZE, ThumbnailStore, letterboxed, make_thumbnail

RED, GRAY = (200, 10, 10), (240, 240, 230)


def test_a_thumbnail_comes_back(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails")
    assert store.get(3) is None
    assert 3 not in store
    assert store.item_ids() == frozenset()
    store.put([(3, b"three"), (7, b"seven")])
    assert store.get(3) == b"three"
    assert 3 in store
    assert store.get(2) is None
    assert store.item_ids() == {3, 7}


def test_only_what_is_missing_is_added_if_nothing_is_to_be_replaced(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.put([(1, b"old")])
    store.put([(1, b"new"), (2, b"new")], replace=False)
    assert (store.get(1), store.get(2)) == (b"old", b"new")
    store.put([(1, b"new")])
    assert store.get(1) == b"new"


def test_a_removed_thumbnail_is_gone_and_removing_makes_no_file(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.remove([1])
    assert not list(tmp_path.iterdir())
    store.put([(1, b"one"), (2, b"two")])
    store.remove([1, 5])
    assert (store.get(1), store.get(2)) == (None, b"two")


def test_a_reader_sees_what_another_store_writes_later(tmp_path: Path) -> None:
    reader, writer = ThumbnailStore(tmp_path), ThumbnailStore(tmp_path)
    writer.put([(1, b"1")])
    assert reader.get(1) == b"1"
    writer.put([(5000, b"2"), (1, b"3")])
    assert (reader.get(5000), reader.get(1)) == (b"2", b"3")


def test_a_store_can_be_closed_and_used_again(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.put([(1, b"1")])
    store.close()
    assert store.get(1) == b"1"
    store.close()


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_file_that_is_empty_or_damaged_holds_nothing_and_is_replaced(
    tmp_path: Path, content: bytes
) -> None:
    store = ThumbnailStore(tmp_path)
    store.path.write_bytes(content)
    assert store.get(1) is None
    store.put([(1, b"1")])
    assert store.get(1) == b"1"


def test_files_of_other_versions_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "32px.bin").write_bytes(b"old")
    store = ThumbnailStore(tmp_path)
    assert store.get(1) is None
    store.put([(1, b"1")])
    assert [path.name for path in tmp_path.iterdir()] == [store.path.name]


def test_threads_may_read_while_one_writes(tmp_path: Path) -> None:
    store, other = ThumbnailStore(tmp_path), ThumbnailStore(tmp_path)

    def read(item_id: int) -> bool:
        return other.get(item_id) in (None, b"%d" % item_id)

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, [item_id for _ in range(5) for item_id in range(1, 100)])
        for item_id in range(1, 100):
            store.put([(item_id, b"%d" % item_id)])
        assert all(reads)
    store.close()
    other.close()


def test_a_thumbnail_is_a_small_jpeg_of_the_trimmed_picture(tmp_path: Path) -> None:
    picture = Image.new("RGB", (800, 800), GRAY)
    picture.paste(RED, (300, 200, 500, 600))
    picture.save(tmp_path / "a.png")
    with Image.open(BytesIO(make_thumbnail(tmp_path / "a.png"))) as thumbnail:
        assert (thumbnail.format, thumbnail.height) == ("JPEG", SIZE)
        assert 0.5 < thumbnail.width / SIZE < 0.6  # 200 x 400, and a margin
        assert thumbnail.getpixel((thumbnail.width // 2, SIZE // 2)) == pytest.approx(RED, abs=6)


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60),
    st.sampled_from([0.5, 1.0, 2.0]),
)  # fmt: skip
def test_a_letterboxed_picture_fills_its_box_undistorted(
    width: int, height: int, across: int, down: int, pixel_height: float
) -> None:
    picture = Image.new("RGB", (width, height), RED)
    result = letterboxed(picture, across, down, pixel_height=pixel_height)
    assert result.size == (across, down)
    assert (np.asarray(result) == RED).all()  # the padding has the color of the border


def test_a_letterboxed_picture_is_centered() -> None:
    picture = Image.new("RGB", (40, 80), GRAY)
    picture.paste(RED, (10, 20, 30, 60))
    pixels = np.asarray(letterboxed(picture, 32, 32))
    red_columns = np.flatnonzero(pixels[16, :, 1] < 100)
    assert (red_columns[0], red_columns[-1]) == (12, 19)
    lower = np.asarray(letterboxed(picture, 32, 16, pixel_height=2.0))
    assert np.flatnonzero(lower[8, :, 1] < 100).tolist() == red_columns.tolist()
