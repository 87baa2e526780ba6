"""What is written can be read again, and the triplets are what ADDE trains on."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.errors import DataError
from datrnet.core.research.adde_export import FIRST_LINE, refuse_foreign, write_adde
from datrnet.core.research.datasets.adde import (
    AddeFolder,
    AddeQueries,
    AddeSplit,
    draw_adde_triplets,
    read_adde,
)

Labels = NDArray[np.int16]

label_tables = st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
    lambda counts: st.tuples(
        st.just(tuple(counts)),
        st.lists(
            st.tuples(*(st.integers(-1, count - 1) for count in counts)), min_size=1, max_size=12
        ),
    )
)


def folder_of(counts: tuple[int, ...], labels: Labels, rng: np.random.Generator) -> AddeFolder:
    split = AddeSplit(paths=[f"img/{row}.jpg" for row in range(len(labels))], labels=labels)
    references, others = rng.integers(len(labels), size=(2, 5))
    return AddeFolder(
        counts=counts,
        splits={"train": split, "test": split},
        queries=AddeQueries(references=references, targets=labels[others]),
        triplets=draw_adde_triplets(labels, 20, rng),
    )


@settings(deadline=None, max_examples=50)
@given(table=label_tables, seed=st.integers(0, 99))
def test_what_is_written_is_read_again(
    table: tuple[tuple[int, ...], list[tuple[int, ...]]], seed: int
) -> None:
    counts, rows = table
    labels = np.array(rows, dtype=np.int16)
    written = folder_of(counts, labels, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as place:
        write_adde(Path(place), written, {}, "")
        found = read_adde(Path(place))
    assert found.counts == counts
    for split in ("train", "test"):
        assert found.splits[split].paths == written.splits[split].paths
        np.testing.assert_array_equal(found.splits[split].labels, labels)
    assert found.queries is not None
    assert written.queries is not None
    np.testing.assert_array_equal(found.queries.references, written.queries.references)
    np.testing.assert_array_equal(found.queries.targets, written.queries.targets)
    assert (found.triplets is None) == (written.triplets is None)
    if found.triplets is not None and written.triplets is not None:
        np.testing.assert_array_equal(found.triplets, written.triplets)


@settings(deadline=None)
@given(table=label_tables, seed=st.integers(0, 99))
def test_triplets_change_one_super_category_and_find_all_that_can_be_asked(
    table: tuple[tuple[int, ...], list[tuple[int, ...]]], seed: int
) -> None:
    labels = np.array(table[1], dtype=np.int16)
    triplets = draw_adde_triplets(labels, 300, np.random.default_rng(seed))
    possible = {
        (reference, tuple(target))
        for reference, own in enumerate(table[1])
        for target in table[1]
        for differing in [[a for a, b in enumerate(target) if b != own[a]]]
        if len(differing) == 1 and target[differing[0]] >= 0
    }
    if triplets is None:
        assert not possible
        return
    reference, positive, negative = triplets.T
    changed = labels[reference] != labels[positive]
    assert (changed.sum(axis=1) == 1).all()
    assert (labels[positive][changed] >= 0).all()
    assert (labels[negative] != labels[positive]).any(axis=1).all()
    drawn = {(int(first), tuple(map(int, labels[second]))) for first, second in triplets[:, :2]}
    assert drawn <= possible


def test_every_possible_change_and_positive_is_drawn_at_some_time() -> None:
    labels = np.array([[0, 0], [1, 0], [1, 0], [2, 0], [-1, 0], [1, 1]], dtype=np.int16)
    triplets = draw_adde_triplets(labels, 2000, np.random.default_rng(0))
    assert triplets is not None
    drawn = {(int(first), int(second)) for first, second in triplets[:, :2]}
    colour = {(0, 1), (0, 2), (0, 3), (1, 0), (1, 3), (2, 0), (2, 3), (3, 0), (3, 1), (3, 2)}
    added = {(4, 0), (4, 1), (4, 2), (4, 3)}
    sleeve = {(1, 5), (2, 5), (5, 1), (5, 2)}
    assert drawn == colour | added | sleeve
    assert set(triplets[:, 2].tolist()) == set(range(6))
    share = (labels[triplets[:, 0], 0] != labels[triplets[:, 1], 0]).mean()
    assert share == pytest.approx(0.5, abs=0.05)


def test_no_triplet_where_nothing_can_be_changed() -> None:
    labels = np.array([[0, 0], [1, 1]], dtype=np.int16)
    assert draw_adde_triplets(labels, 5, np.random.default_rng(0)) is None


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "new")
    refuse_foreign(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    for path, words in (
        (tmp_path, "that datrnet did not export"),
        (tmp_path / "notes.txt", "is a file"),
    ):
        with pytest.raises(DataError, match=words):
            refuse_foreign(path)
    (tmp_path / "README.md").write_text(f"{FIRST_LINE}\n")
    refuse_foreign(tmp_path)


def test_files_of_an_earlier_export_do_not_stay(tmp_path: Path) -> None:
    labels = np.array([[0, 0], [1, 0]], dtype=np.int16)
    full = folder_of((2, 1), labels, np.random.default_rng(0))
    write_adde(tmp_path, full, {}, "")
    assert (tmp_path / "triplet_train.txt").exists()
    bare = AddeFolder(counts=(2, 1), splits=full.splits, queries=None, triplets=None)
    write_adde(tmp_path, bare, {}, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("README.md", "attr_num.txt", "imgs_test.txt", "imgs_train.txt"),
        *("labels_test.txt", "labels_train.txt", "values.json"),
    ]
