"""Near-duplicates: files, pixels, and items that are near in every block and in their looks."""

from collections.abc import Callable
from io import BytesIO
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review import duplicates
from datrnet.core.review.duplicates import MAX_DISTANCE, connected_components, duplicates_of
from datrnet.db.rows import NewItem, PairVerdict

Make = Callable[..., Any]
Pixels = NDArray[np.uint8]


def _put(workspace: Workspace, looks: dict[int, Pixels]) -> None:
    """Write thumbnails by row; ids count from 1."""
    store = ThumbnailStore(workspace.thumbnails)
    for row, pixels in looks.items():
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG")  # without loss
        store.put([(row + 1, file.getvalue())])
    store.close()


def _rows(groups: Any) -> list[tuple[int, ...]]:
    return sorted((group.keep, *(other.row for other in group.others)) for group in groups)


def _verdict(kept: int, other: int, verdict: Any) -> PairVerdict:
    return PairVerdict(kept_id=kept + 1, other_id=other + 1, verdict=verdict, judged_at="")


def test_near_pairs_are_those_of_a_plain_loop(make_shop: Make) -> None:
    searcher = make_shop(noise=0.08).searcher
    embeddings = np.array(searcher.generation.embeddings)
    limits = MAX_DISTANCE * duplicates._mean_distances(searcher)
    expected = set()
    for row, other in combinations(range(len(embeddings)), 2):
        parts = ((embeddings[row] - embeddings[other]) ** 2).sum(axis=1)
        if (parts <= limits).all():
            expected.add((row, other))
    found = duplicates._near_pairs(searcher, lambda done, total: None)
    assert len(expected) > 5
    assert found <= expected
    # of a crowd Annoy gives every item its nearest few
    assert {row for pair in found for row in pair} == {row for pair in expected for row in pair}


def test_alike_are_items_near_in_blocks_and_looks(make_shop: Make, look: Pixels) -> None:
    shop = make_shop(noise=0.08)
    near = sorted(duplicates._near_pairs(shop.searcher, lambda done, total: None))
    (row, other), *_ = near
    rng = np.random.default_rng(5)
    looks = {row: rng.integers(0, 255, size=look.shape, dtype=np.uint8) for row in range(120)} | {
        row: look,
        other: np.clip(look.astype(int) + 5, 0, 255).astype(np.uint8),
    }
    _put(shop.workspace, looks)
    (group,) = duplicates_of(shop.workspace, shop.searcher.catalog, shop.searcher, [])
    assert {group.keep, group.others[0].row} == {row, other}
    assert group.others[0].reason == "alike"
    assert 0 < (group.others[0].difference or 0) < 0.1


def test_without_an_index_files_and_pixels_are_compared(tmp_path: Any, look: Pixels) -> None:
    workspace = Workspace(tmp_path)
    paths = ("a.png", "b.png", "x/../a.png", "c.png", "a.png#xywh=0,0,5,5", "bad.png#xywh=1")
    with workspace.create_store() as store:
        store.upsert_items(
            NewItem(code=str(row), title="", picture_path=path, split="", labels={"a": "b"})
            for row, path in enumerate(paths)
        )
        catalog = Catalog.load(store)
    _put(workspace, {1: look, 3: look, 4: 255 - look})
    groups = duplicates_of(workspace, catalog, None, [])
    assert _rows(groups) == [(0, 2), (1, 3)]
    assert [group.others[0].reason for group in groups] == ["same file", "same pixels"]
    assert [group.others[0].difference for group in groups] == [None, 0.0]


def test_the_surest_comes_first_within_a_group_too(make_shop: Make, look: Pixels) -> None:
    shop = make_shop(noise=0.08)
    near = duplicates._near_pairs(shop.searcher, lambda done, total: None)
    triples = combinations(sorted({row for pair in near for row in pair}), 3)
    rows = next(rows for rows in triples if set(combinations(rows, 2)) <= near)
    rng = np.random.default_rng(5)
    looks = {row: rng.integers(0, 255, size=look.shape, dtype=np.uint8) for row in range(120)}
    shifts = dict(zip(rows, (0, 9, 3), strict=True))
    looks |= {
        row: np.clip(look.astype(int) + shift, 0, 255).astype(np.uint8)
        for row, shift in shifts.items()
    }
    _put(shop.workspace, looks)
    (group,) = duplicates_of(shop.workspace, shop.searcher.catalog, shop.searcher, [])
    shown = [other.difference for other in group.others]
    assert len(shown) == 2
    assert shown == sorted(shown)


def test_the_item_with_the_most_labels_is_kept(tmp_path: Any) -> None:
    workspace = Workspace(tmp_path)
    labels = ({"a": "b", "c": None}, {"a": "b", "c": "d"}, {"a": "b", "c": "d"})
    with workspace.create_store() as store:
        store.upsert_items(
            NewItem(code=str(row), title="", picture_path="one.png", split="", labels=carried)
            for row, carried in enumerate(labels)
        )
        catalog = Catalog.load(store)
    (group,) = duplicates_of(workspace, catalog, None, [])
    assert _rows([group]) == [(1, 0, 2)]
    for verdicts, left in (
        ([_verdict(1, 0, "distinct")], [(1, 2)]),
        ([_verdict(0, 1, "distinct"), _verdict(1, 2, "distinct")], []),
        ([_verdict(1, 0, "duplicate")], [(1, 2)]),
        ([_verdict(1, 2, "duplicate")], [(1, 0)]),
        ([_verdict(1, 0, "duplicate"), _verdict(1, 2, "duplicate")], []),
    ):
        assert _rows(duplicates_of(workspace, catalog, None, verdicts)) == left


def test_a_catalog_that_is_indexed_in_part_is_compared_by_its_own_rows(
    make_shop: Make, look: Pixels
) -> None:
    shop = make_shop()
    with shop.workspace.open_store() as store:
        store.upsert_items(
            [NewItem(code="new", title="", picture_path="3.jpg", split="", labels={})]
        )
        catalog = Catalog.load(store)
        searcher = Searcher(catalog, Generation.current(shop.workspace, store))
    rng = np.random.default_rng(5)
    _put(
        shop.workspace,
        {row: rng.integers(0, 255, size=look.shape, dtype=np.uint8) for row in range(121)},
    )
    groups = duplicates_of(shop.workspace, catalog, searcher, [])
    assert _rows(groups) == [(3, 120)]
    assert groups[0].others[0].reason == "same file"


def test_progress_reaches_the_end(make_shop: Make) -> None:
    shop = make_shop()
    told: list[tuple[int, int]] = []
    duplicates_of(
        shop.workspace,
        shop.searcher.catalog,
        shop.searcher,
        [],
        lambda done, total: told.append((done, total)),
    )
    assert told[0] == (0, 120)
    assert told[-1] == (120, 120)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_groups_are_what_pairs_connect(pairs: list[tuple[int, int]]) -> None:
    groups = connected_components(pairs)
    members = [row for group in groups for row in group]
    assert sorted(members) == sorted({row for pair in pairs for row in pair})
    reached = {row: {row} for row in members}
    for _ in members:  # as often as a chain can be long
        for row, other in pairs:
            together = reached[row] | reached[other]
            for each in together:
                reached[each] = together
    for group in groups:
        assert group == sorted(reached[group[0]])


@pytest.mark.parametrize("value", [0, 255])
def test_pictures_of_one_color_do_not_divide_by_nothing(tmp_path: Any, value: int) -> None:
    plain = np.full((32, 32, 3), value, dtype=np.uint8)
    workspace = Workspace(tmp_path)
    with workspace.create_store() as store:
        store.upsert_items(
            NewItem(code=str(row), title="", picture_path=f"{row}", split="", labels={"a": "b"})
            for row in range(2)
        )
        catalog = Catalog.load(store)
    _put(workspace, {0: plain, 1: plain})
    assert _rows(duplicates_of(workspace, catalog, None, [])) == [(0, 1)]
