"""The file of thumbnails."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.errors import ShapeError


def filled(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((32, 32, 3), value, dtype=np.uint8)


def test_a_thumbnail_comes_back(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails")
    assert store.get(3) is None
    assert 3 not in store
    store.put(3, filled(7))
    np.testing.assert_array_equal(store.get(3), filled(7))
    assert 3 in store
    assert store.get(2) is None
    assert store.get(4) is None


def test_black_is_a_thumbnail_too(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.put(1, filled(0))
    np.testing.assert_array_equal(store.get(1), filled(0))


def test_a_reader_sees_what_another_store_writes_later(tmp_path: Path) -> None:
    reader, writer = ThumbnailStore(tmp_path), ThumbnailStore(tmp_path)
    writer.put(1, filled(1))
    assert reader.get(1) is not None
    writer.put(5000, filled(2))
    writer.put(1, filled(3))
    np.testing.assert_array_equal(reader.get(5000), filled(2))
    np.testing.assert_array_equal(reader.get(1), filled(3))


def test_a_store_can_be_closed_and_used_again(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.put(1, filled(1))
    store.close()
    np.testing.assert_array_equal(store.get(1), filled(1))
    store.close()


def test_a_record_cut_off_counts_as_absent(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.put(1, filled(1))
    store.put(2, filled(2))
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[:-5])
    assert store.get(2) is None
    assert store.get(1) is not None
    store.close()


def test_an_empty_file_holds_no_thumbnails(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)
    store.path.touch()
    assert store.get(1) is None


def test_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError):
        ThumbnailStore(tmp_path).put(1, np.zeros((16, 16, 3), dtype=np.uint8))


def test_threads_may_read_while_one_writes(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path)

    def read(item_id: int) -> bool:
        pixels = store.get(item_id)
        return pixels is None or bool((pixels == item_id).all())

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, [item_id for _ in range(5) for item_id in range(1, 100)])
        for item_id in range(1, 100):
            store.put(item_id, filled(item_id))
        assert all(reads)
    store.close()
