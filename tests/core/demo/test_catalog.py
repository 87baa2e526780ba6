"""The demo catalog on disk."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import (
    COLUMNS,
    MAX_ITEMS,
    read_wrong_labels,
    write_demo_catalog,
)
from datrnet.core.errors import ConfigError, DataError


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def bytes_by_name(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_catalog(tmp_path_factory.mktemp("shop"), num_items=100, seed=3)


def test_every_row_names_a_picture_that_can_be_read(shop: Path) -> None:
    rows = read_rows(shop)
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == [f"D{number:05d}" for number in range(1, 101)]
    for row in rows:
        with Image.open(shop.parent / row["image"]) as picture:
            assert picture.size == (192, 256)
            assert picture.mode == "RGB"


def test_splits_have_their_exact_shares(shop: Path) -> None:
    splits = Counter(row["split"] for row in read_rows(shop))
    assert splits == {"train": 80, "validation": 10, "test": 10}


def test_a_few_labels_are_unknown_and_the_rest_are_values(shop: Path) -> None:
    labels = [(name, row[name]) for row in read_rows(shop) for name in SUPER_CATEGORIES]
    unknown = sum(value == "" for _, value in labels)
    assert 0.01 < unknown / len(labels) < 0.06
    assert all(value in ("", *SUPER_CATEGORIES[name]) for name, value in labels)


def test_some_labels_of_training_items_are_wrong_and_listed(shop: Path) -> None:
    rows = {row["id"]: row for row in read_rows(shop)}
    wrong = read_wrong_labels(shop.parent)
    assert len({entry["id"] for entry in wrong}) == len(wrong) == 4  # a twentieth of 80
    for entry in wrong:
        row, values = rows[entry["id"]], SUPER_CATEGORIES[entry["super_category"]]
        assert row["split"] == "train"
        assert row[entry["super_category"]] == entry["label"] != entry["right"]
        assert {entry["label"], entry["right"]} <= set(values)
    assert read_wrong_labels(shop.parent / "images") == []


def test_titles_are_a_few_words(shop: Path) -> None:
    titles = [row["title"] for row in read_rows(shop)]
    assert all(3 <= len(title.split()) <= 12 for title in titles)
    assert len(set(titles)) > 60


def test_the_same_arguments_give_the_same_bytes_and_no_leftovers(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    calls: list[tuple[int, int]] = []
    write_demo_catalog(first, num_items=12, seed=5)
    write_demo_catalog(
        again, num_items=12, seed=5, on_progress=lambda done, total: calls.append((done, total))
    )
    write_demo_catalog(other, num_items=12, seed=6)
    assert bytes_by_name(first) == bytes_by_name(again)
    assert bytes_by_name(first) != bytes_by_name(other)
    assert set(bytes_by_name(first)) == {
        "catalog.csv",
        "wrong-labels.csv",
        *(f"images/D{number:05d}.jpg" for number in range(1, 13)),
    }
    assert calls == [(number, 12) for number in range(1, 13)]


def test_an_interrupted_run_leaves_no_table(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    write_demo_catalog(tmp_path, num_items=2)
    with pytest.raises(KeyboardInterrupt):
        write_demo_catalog(tmp_path, num_items=6, on_progress=stop)
    assert not (tmp_path / "catalog.csv").exists()


@pytest.mark.parametrize("num_items", [0, -1, MAX_ITEMS + 1])
def test_a_number_of_items_out_of_range_is_refused(tmp_path: Path, num_items: int) -> None:
    with pytest.raises(ConfigError, match="Choose 1 to"):
        write_demo_catalog(tmp_path / "none", num_items=num_items)
    assert not (tmp_path / "none").exists()


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="negative"):
        write_demo_catalog(tmp_path, num_items=1, seed=-1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="taken"):
        write_demo_catalog(tmp_path / "taken", num_items=1)


def test_one_item_is_a_catalog(tmp_path: Path) -> None:
    assert len(read_rows(write_demo_catalog(tmp_path, num_items=1))) == 1
