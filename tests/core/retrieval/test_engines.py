"""Engines against a plain loop: what they find, what they may show, and their files."""

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.config import IndexConfig
from datrnet.core.indexing.engine_choice import RecallQueries, build_engine, engine_for
from datrnet.core.retrieval.engines.block_codes import BlockCodes, Effort, efforts_for
from datrnet.core.retrieval.engines.engine import EngineName, ExactEngine, IndexedItems
from datrnet.core.retrieval.manipulation import Floats, Replacement

TIGHT = Effort(share=0.2, num_sketched=300, num_ranked=100)


def made_items(num_items: int, num_blocks: int, *, unit: bool, seed: int = 0) -> IndexedItems:
    """Return items around a few prototypes in each block, some of them equal."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(num_blocks, 6, 12))
    values = rng.integers(6, size=(num_items, num_blocks))
    blocks = centers[np.arange(num_blocks), values] + 0.5 * rng.normal(
        size=(num_items, num_blocks, 12)
    )
    blocks /= np.linalg.norm(blocks, axis=2, keepdims=True)
    if not unit:
        blocks *= rng.uniform(0.2, 5, size=(num_items, num_blocks, 1))
    blocks[num_items // 2] = blocks[0]
    embeddings = blocks.astype(np.float32)
    return IndexedItems(embeddings, Replacement(tuple(embeddings[:2, 0])), unit)


def plain_nearest(
    items: IndexedItems, blocks: Floats, weights: Floats, k: int, allowed: NDArray[np.bool_] | None
) -> list[int]:
    """Rank by the definition."""
    differences = items.embeddings.astype(np.float64) - blocks
    distances = ((differences**2).sum(axis=2) * weights).sum(axis=1)
    order = np.lexsort((np.arange(len(items)), distances))
    return [place for place in order.tolist() if allowed is None or allowed[place]][:k]


WEIGHTS = st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.5]), min_size=5, max_size=5)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 3),
    num_blocks=st.integers(1, 5),
    unit=st.booleans(),
    weights=WEIGHTS,
    share=st.sampled_from([None, 0.0, 0.02, 0.2, 0.9]),
    k=st.sampled_from([1, 7, 400]),
)
def test_the_exact_engine_misses_nothing(
    seed: int, num_blocks: int, unit: bool, weights: list[float], share: float | None, k: int
) -> None:
    items = made_items(300, num_blocks, unit=unit, seed=seed)
    given_weights = np.array([*weights[1:num_blocks], 0.5], dtype=np.float32)
    allowed = None if share is None else np.random.default_rng(seed).random(300) < share
    engine, query = ExactEngine(items), items.embeddings[seed]
    found = engine.candidates(query, given_weights, k, allowed)
    near, parts = items.nearest(query, given_weights, k, found)
    assert near.tolist() == plain_nearest(items, query, given_weights, k, allowed)
    other = np.stack([query, items.embeddings[7]])
    (again, _) = engine.candidates_of_many(other, np.stack([given_weights] * 2), k, [allowed] * 2)
    assert set(near.tolist()) <= set(again.tolist())
    assert allowed is None or allowed[again].all()
    assert parts.shape == (len(near), num_blocks)


CODED = [(6, True, 3000), (5, True, 1500), (4, False, 1500), (3, False, 3000), (2, False, 1500)]
"""Number of blocks, whether they have length 1, and how many items the codebook has seen."""


@pytest.fixture(scope="module", params=CODED)
def coded(request: pytest.FixtureRequest) -> tuple[IndexedItems, BlockCodes]:
    num_blocks, unit, num_seen = request.param
    items = made_items(3000, num_blocks, unit=unit)
    seen = IndexedItems(items.embeddings[:num_seen], items.manipulation, unit)
    codes = BlockCodes.build(seen).updated(items)
    codes.effort = TIGHT
    return items, codes


@pytest.mark.parametrize("share", [None, 0.01, 0.3])
def test_block_codes_find_the_nearest_for_any_weights_new_items_too(
    coded: tuple[IndexedItems, BlockCodes], share: float | None
) -> None:
    items, codes = coded
    rng = np.random.default_rng(1)
    allowed = None if share is None else rng.random(len(items)) < share
    hits = total = 0
    for _ in range(25):
        blocks = items.embeddings[rng.integers(len(items))].copy()
        changed = rng.integers(blocks.shape[0])
        blocks[changed] = items.embeddings[rng.integers(len(items)), changed]
        weights = np.exp(rng.uniform(-1.4, 1.4, blocks.shape[0])).astype(np.float32)
        found = codes.candidates(blocks, weights, 30, allowed)
        assert len(found) == len(set(found.tolist())) >= (30 if share != 0.01 else 1)
        assert allowed is None or allowed[found].all()
        expected = plain_nearest(items, blocks, weights, 30, allowed)
        near, _ = items.nearest(blocks, weights, 30, found)
        hits, total = hits + len(set(near.tolist()) & set(expected)), total + len(expected)
    assert hits / total >= 0.99


def test_fewer_groups_are_visited_in_a_large_index(
    coded: tuple[IndexedItems, BlockCodes], monkeypatch: pytest.MonkeyPatch
) -> None:
    items, codes = coded
    monkeypatch.setattr("datrnet.core.retrieval.engines.block_codes.FEW", 600)
    query, weights = items.embeddings[5], np.ones(items.embeddings.shape[1], dtype=np.float32)
    scored = []
    plain = codes._code_scores

    def told(projected: Floats, chosen: NDArray[np.int64] | None) -> Floats:
        scored.append(len(items) if chosen is None else len(chosen))
        return plain(projected, chosen)

    monkeypatch.setattr(codes, "_code_scores", told)
    third = np.arange(len(items)) % 3 == 2
    for allowed in (None, third):
        assert 5 in codes.candidates(query, weights, 5, allowed)
    assert len(scored) == 2
    assert all(300 < number < 1200 for number in scored)


@pytest.mark.parametrize(("every", "wanted"), [(1, 300), (6, 120)])
def test_filters_that_leave_the_far_items_give_enough_of_them(
    coded: tuple[IndexedItems, BlockCodes], every: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, codes = coded
    monkeypatch.setattr("datrnet.core.retrieval.engines.block_codes.FEW", wanted)
    monkeypatch.setattr(codes, "effort", Effort(share=0.01, num_sketched=wanted, num_ranked=60))
    query, weights = items.embeddings[9], np.ones(items.embeddings.shape[1], dtype=np.float32)
    order = plain_nearest(items, query, weights, len(items), None)
    allowed = np.zeros(len(items), dtype=bool)
    allowed[order[1500::every]] = True  # the farther half, or a few of it
    found = codes.candidates(query, weights, 5, allowed)
    assert len(found) >= 30
    assert allowed[found].all()


def test_codes_take_in_items_and_lose_others(tmp_path: Path) -> None:
    items = made_items(900, 5, unit=True)
    before = IndexedItems(items.embeddings[:800], items.manipulation, True)
    codes = BlockCodes.build(before)
    codes.write(tmp_path)
    # the first 100 are gone, and 100 are new
    after = IndexedItems(items.embeddings[100:], items.manipulation, True)
    places = np.where(codes.places >= 100, codes.places - 100, -1)
    opened = BlockCodes.open(tmp_path, places)
    query, weights = items.embeddings[850], np.ones(5, dtype=np.float32)
    opened.effort = TIGHT
    assert opened.candidates(query, weights, 30).min() >= 0
    updated = opened.updated(after)
    encoded = BlockCodes._encoded(codes.codebook, after, np.arange(800))
    order, expected = np.argsort(updated.places), np.argsort(encoded.places)
    np.testing.assert_array_equal(updated._codes[:, order], encoded._codes[:, expected])
    np.testing.assert_array_equal(updated._sketches[order], encoded._sketches[expected])
    np.testing.assert_array_equal(updated._starts, encoded._starts)
    updated.effort = efforts_for(800)[0]
    assert updated.candidates(query, weights, 1)[:1].tolist() != []
    near, _ = after.nearest(query, weights, 1, updated.candidates(query, weights, 1))
    assert near.tolist() == [750]


def test_annoy_is_chosen_where_it_imports_and_the_catalog_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datrnet.core.errors import ConfigError

    assert engine_for("auto", 4096)[0] == "annoy"
    assert engine_for("auto", 4097)[0] == "blocks"
    assert engine_for("exact", 10**6) == ("exact", "asked for")
    monkeypatch.setitem(sys.modules, "annoy", None)
    assert engine_for("auto", 100) == (
        "exact",
        "at most 4,096 items, and Annoy cannot be imported",
    )
    with pytest.raises(ConfigError, match="cannot be imported"):
        engine_for("annoy", 100)


class Given:
    """An engine whose candidates are known."""

    name: ClassVar[EngineName] = "exact"

    def __init__(self, places: list[int]) -> None:
        self.places = places

    def candidates(self, *_: object) -> NDArray[np.int64]:
        return np.array(self.places)


def test_any_of_equal_items_counts_as_found() -> None:
    embeddings = np.array([[[1, 0]]] * 3 + [[[0, 1]]], dtype=np.float32)
    items = IndexedItems(embeddings, Replacement((embeddings[:1, 0],)), unit_blocks=True)
    queries = RecallQueries(blocks=embeddings[:1], weights=np.ones((1, 1), np.float32), k=2)
    exact = queries.exact(items)
    assert queries.recall(Given([1, 2]), items, exact) == 1
    assert queries.recall(Given([0, 3]), items, exact) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (0.995, 0.98, ["Encoding blocks"]),  # fifty queries cannot tell these apart
        (0.995, 0.9, ["Encoding blocks", "Learning block codes", "Measuring recall"]),
        (0.5, 0.49, ["Encoding blocks"]),  # another codebook would be as short
    ],
)
def test_an_update_learns_a_codebook_only_where_recall_fell(
    before: float, after: float, steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = made_items(300, 2, unit=True)
    queries = RecallQueries(
        blocks=items.embeddings[:200], weights=np.ones((200, 2), np.float32), k=30
    )
    recalls: list[int] = []
    efforts, now = efforts_for(len(items)), before

    def measured(self: RecallQueries, engine: BlockCodes, *_: object) -> float:
        recalls.append(len(self.blocks))
        return now if efforts.index(engine.effort) > 1 else 0.0

    monkeypatch.setattr(RecallQueries, "recall", measured)
    config, told = IndexConfig(), list[str]()
    facts = build_engine(tmp_path, items, "blocks", queries, config, told.append)
    assert facts.recall_at_30 == before
    assert set(recalls) == {200}
    codes = BlockCodes.open(tmp_path, np.load(tmp_path / "code_places.npy"))
    codes.effort, now = facts.effort, after
    told.clear()
    recalls.clear()
    facts = build_engine(tmp_path, items, "blocks", queries, config, told.append, codes)
    assert (facts.recall_at_30, told) == (after, steps)
    # what fell short before is not tried again, and fewer queries are asked
    assert recalls.count(50) == len(efforts) - efforts.index(codes.effort)
