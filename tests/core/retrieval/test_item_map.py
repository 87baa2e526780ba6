"""The map of an index: near items stay near, places are kept, and what is missing is computed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval import item_map
from datrnet.core.retrieval.item_map import MAP, map_points, moved_points, read_points
from datrnet.core.retrieval.layout import (
    EPOCHS,
    NUM_ANCHORS,
    laid_out,
    placed,
    principal_plane,
)
from datrnet.core.retrieval.search import Searcher


def _groups(num_groups: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(num_groups, 32))
    groups = [number % num_groups for number in range(num_groups * size)]
    return (centers[groups] + 0.3 * rng.normal(size=(len(groups), 32))).astype(np.float32), groups


def test_near_vectors_are_near_on_the_map() -> None:
    vectors, groups = _groups(8, 30)
    points = laid_out(vectors)
    apart = ((points[:, None] - points) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(axis=1)
    assert np.mean([groups[near] == own for near, own in zip(nearest, groups, strict=True)]) == 1
    # which two axes of 32 cannot show
    plane = principal_plane(vectors)
    apart = ((plane[:, None] - plane) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert np.mean([groups[near] == own for near, own in enumerate(apart.argmin(axis=1))]) < 1


def test_the_same_vectors_have_the_same_map_and_it_fills_the_square() -> None:
    vectors, _ = _groups(3, 20)
    epochs: list[int] = []
    points = laid_out(vectors, 1, epochs.append)
    np.testing.assert_array_equal(points, laid_out(vectors, 1))
    assert not np.array_equal(points, laid_out(vectors, 2))
    assert np.abs(points).max() == pytest.approx(1, abs=1e-5)
    assert epochs == list(range(EPOCHS))


@pytest.mark.parametrize("num", [0, 1, 2, 3, 20])
@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("kind", ["random", "equal"])
def test_few_or_equal_items_have_places_too(num: int, size: int, kind: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(num, size)).astype(np.float32)
    points = laid_out(vectors if kind == "random" else np.ones_like(vectors))
    assert points.shape == (num, 2)
    assert np.isfinite(points).all()
    assert np.abs(points).max(initial=0) <= 1 + 1e-5


@given(st.integers(1, 12), st.integers(0, 1000))
def test_an_item_is_placed_amid_its_nearest_neighbors(num_anchors: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    anchors = rng.normal(size=(num_anchors, 4)).astype(np.float32)
    points = rng.normal(size=(num_anchors, 2)).astype(np.float32)
    vectors = rng.normal(size=(7, 4)).astype(np.float32)
    found = placed(vectors, anchors, points)
    for vector, point in zip(vectors, found, strict=True):
        by_distance = sorted(
            range(num_anchors),
            key=lambda number: float(((anchors[number] - vector) ** 2).sum()),
        )
        nearest = points[by_distance[:NUM_ANCHORS]]
        np.testing.assert_allclose(point, nearest.mean(axis=0), atol=1e-5)


def test_a_map_is_computed_once_and_kept(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation, steps = searcher.generation, []
    assert np.isnan(read_points(generation)).all()
    points = map_points(generation, 1, lambda *step: steps.append(step))
    assert points.shape == (120, 2)
    assert steps[0] == ("Laying out sleeve", 0, EPOCHS + 1)
    assert steps[-1] == ("Laying out sleeve", EPOCHS + 1, EPOCHS + 1)
    monkeypatch.setattr(item_map, "laid_out", None)
    np.testing.assert_array_equal(points, map_points(generation, 1))
    assert np.isnan(read_points(generation)[:, 0]).all()
    assert generation.damaged_files() == []
    assert [path.name for path in generation.folder.glob(f"*{MAP}*")] == [MAP]


def test_what_the_catalog_lacks_has_no_place_and_the_others_keep_theirs(
    searcher: Searcher, workspace: Workspace
) -> None:
    whole = searcher.generation
    points = map_points(whole, 1)
    rest = whole.restricted_to(whole.item_ids[::3]).of([1])
    np.testing.assert_array_equal(map_points(rest, 0), points[::3])


def test_points_of_a_part_are_kept_for_the_whole(searcher: Searcher) -> None:
    whole = searcher.generation
    rest = whole.restricted_to(whole.item_ids[1:]).of([1])
    points = map_points(rest, 0)
    np.testing.assert_array_equal(read_points(whole)[1:, 1], points)
    all_points = map_points(whole, 1)  # the first item is placed among the others
    np.testing.assert_array_equal(all_points[1:], points)
    assert np.isfinite(all_points).all()


def test_of_many_items_a_sample_is_laid_out(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = []
    monkeypatch.setattr(item_map, "MOST_LAID_OUT", 50)
    monkeypatch.setattr(
        item_map, "laid_out", lambda *args: numbers.append(len(args[0])) or laid_out(*args)
    )
    points = map_points(searcher.generation, 0)
    assert numbers == [50]
    assert np.isfinite(points).all()
    assert len(points) == 120


@pytest.mark.parametrize("content", [b"", b"?" * 500, None])
def test_a_damaged_file_is_computed_again(searcher: Searcher, content: bytes | None) -> None:
    generation = searcher.generation
    points = map_points(generation, 0)
    path: Path = generation.folder / MAP
    if content is None:
        np.save(path, np.zeros((3, 2, 2), dtype=np.float16))  # of another index
    else:
        path.write_bytes(content)
    np.testing.assert_array_equal(map_points(generation, 0), points)


def test_kept_items_keep_their_places_in_an_update(searcher: Searcher) -> None:
    generation = searcher.generation
    kept, now = np.array([3, 5, 9]), np.array([0, 2, 3])
    assert moved_points(generation, kept, now, 4) is None  # nobody has opened the map
    points = map_points(generation, 1)
    moved = moved_points(generation, kept, now, 4)
    assert moved is not None
    np.testing.assert_array_equal(moved[now, 1], points[kept])
    assert np.isnan(moved[1]).all()
    assert np.isnan(moved[:, 0]).all()
