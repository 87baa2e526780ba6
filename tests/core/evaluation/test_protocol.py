"""The fast evaluator equals a slow one that was written separately."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from datrnet.core.evaluation.protocol import Match, Protocol, QueryTakesRank, evaluate
from datrnet.core.evaluation.queries import enumerate_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, choose_weights, costs_of, rank
from datrnet.core.retrieval.manipulation import (
    Addition,
    Fusion,
    Manipulation,
    Replacement,
    SpecificPrototypes,
    WeightedReplacement,
)
from datrnet.core.retrieval.prototypes import (
    mean_embeddings,
    specific_mean_embeddings,
)

Plain = Callable[..., Any]

NAMES = ("colour", "pattern", "sleeve")
VALUES = (4, 3, 2)


def gallery(num_items: int = 60, noise: float = 0.6, seed: int = 0) -> Gallery:
    """Items whose blocks lie around a center per value."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(-1, count, num_items) for count in VALUES], axis=1).astype(
        np.int16
    )
    embeddings = np.zeros((num_items, 3, 5), dtype=np.float32)
    prototypes = []
    for block, num_values in enumerate(VALUES):
        centers = rng.normal(size=(num_values + 1, 5))
        drawn = centers[labels[:, block]] + noise * rng.normal(size=(num_items, 5))
        embeddings[:, block] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        prototypes.append(
            mean_embeddings(embeddings[:, block], labels[:, block], num_values, unit_length=True)
        )
    manipulation = Replacement(tuple(prototypes))
    return Gallery(embeddings=embeddings, labels=labels, manipulation=manipulation)


def manipulated(kind: str) -> Gallery:
    """Return the items with another way to change queries; one value of each is unknown to it."""
    items, rng = gallery(40), np.random.default_rng(3)
    (num_items, num_blocks, size), num_values = items.embeddings.shape, sum(VALUES)
    embeddings = items.embeddings * rng.uniform(0.5, 2, (num_items, 1, 1)).astype(np.float32)
    prototypes = tuple(items.manipulation.prototypes_of(idx).copy() for idx in range(3))
    prototypes[0][1] = np.nan
    memory = np.zeros((num_blocks * size, num_values), dtype=np.float32)
    columns = np.split(memory, np.cumsum(VALUES)[:-1], axis=1)
    for block, (column, means) in enumerate(zip(columns, prototypes, strict=True)):
        column[block * size : (block + 1) * size] = means.T
    memory += 0.05 * rng.normal(size=memory.shape).astype(np.float32)
    manipulation: Manipulation
    if kind == "weighted-replacement":
        weights = rng.uniform(0.2, 2, (3, 3)).astype(np.float32)
        manipulation = WeightedReplacement(prototypes, weights)
    elif kind == "addition":
        manipulation = Addition(memory, VALUES)
    elif kind == "fusion":
        whole = num_blocks * size
        weight = rng.normal(size=(whole, 2 * whole)).astype(np.float32)
        embeddings = embeddings.reshape(num_items, 1, whole)
        manipulation = Fusion(memory, VALUES, weight, np.ones(whole, dtype=np.float32))
    else:
        manipulation = Replacement(prototypes)
    return replace(items, embeddings=embeddings, manipulation=manipulation)


@pytest.fixture
def plain_distance(plain_query: Plain, plain_compared: Plain) -> Plain:
    """Return the distance of a query to an item by the definition, one number at a time."""

    def distance(items: Gallery, weights: Weights, item: int, target: Any, other: int) -> float:
        found, factors = weighted_query(items, weights, item, target)
        near = plain_compared(items.manipulation, items.embeddings[other].tolist())
        return sum(
            factor * sum((a - b) ** 2 for a, b in zip(block, near_block, strict=True))
            for factor, block, near_block in zip(factors, found, near, strict=True)
        )

    @lru_cache(maxsize=1)  # asked for one item of the gallery after the other
    def weighted_query(items: Gallery, weights: Weights, item: int, target: Any) -> Any:
        own = items.labels[item].tolist()
        changed = [wanted != has for wanted, has in zip(target, own, strict=True)]
        found, factors = plain_query(
            items.manipulation, items.embeddings[item].tolist(), own, target, changed
        )
        factors = [factor * weight for factor, weight in zip(factors, weights.blocks, strict=True)]
        for place, value in enumerate(target):
            if len(found) == 3 and changed[place] and is_known(items, place, value):
                factors[place] *= weights.changed
        return found, factors

    return distance


def is_known(items: Gallery, place: int, value: int) -> bool:
    return not math.isnan(items.manipulation.prototypes_of(place)[value, 0])


def plain_scores(
    items: Gallery, weights: Weights, protocol: Protocol, num_changes: int, distance: Plain
) -> dict[str, float]:
    """Return the means of all figures, one query and one item at a time, from the definitions."""
    rows = [tuple(row) for row in items.labels.tolist()]
    figures: dict[str, list[float]] = {"hit": [], "ndcg": [], "target": [], "others": []}
    for item, own in enumerate(rows):
        for target in sorted(set(rows)):
            changed = [place for place in range(3) if target[place] != own[place]]
            if len(changed) != num_changes or any(target[place] < 0 for place in changed):
                continue
            if num_changes == 0 and rows.count(own) < 2:
                continue
            ranked = []
            for other in range(len(rows)):
                takes_rank = protocol.query_takes_rank == "always" or (
                    protocol.query_takes_rank == "changed" and num_changes
                )
                if other == item and not takes_rank:
                    continue
                ranked.append((distance(items, weights, item, target, other), other))
            near = [rows[other] for _, other in sorted(ranked)[: protocol.k]]
            counted = [p for p in range(3) if protocol.match != "known" or target[p] >= 0]
            figures["hit"].append(
                any(all(found[p] == target[p] for p in counted) for found in near)
            )
            for name, places in (
                ("ndcg", counted),
                ("target", [p for p in counted if p in changed]),
                ("others", [p for p in counted if p not in changed]),
            ):
                figures[name].append(plain_ndcg(near, target, places))
    means = {name: sum(values) / len(values) for name, values in figures.items()}
    return {"count": len(figures["hit"]), **means}


def plain_ndcg(near: list[tuple[int, ...]], target: tuple[int, ...], places: list[int]) -> float:
    dcg = ideal = 0.0
    for position, labels in enumerate(near, start=1):
        share = sum(labels[p] == target[p] for p in places) / len(places) if places else 0.0
        dcg += (2**share - 1) / math.log(position + 1)
        ideal += 1 / math.log(position + 1)
    return dcg / ideal


@pytest.mark.parametrize("query_takes_rank", ["changed", "never", "always"])
@pytest.mark.parametrize("match", ["used", "known"])
@pytest.mark.parametrize("weights", [Weights.equal(3), Weights(blocks=(2, 0.5, 1), changed=3)])
def test_evaluation_equals_the_plain_one(
    query_takes_rank: QueryTakesRank, match: Match, weights: Weights, plain_distance: Plain
) -> None:
    items = gallery(40)
    protocol = Protocol(k=5, query_takes_rank=query_takes_rank, match=match, max_changes=2)
    for num_changes, case in enumerate(evaluate(items, NAMES, weights, protocol)):
        expected = plain_scores(items, weights, protocol, num_changes, plain_distance)
        score = case.overall
        assert score.num_queries == case.num_valid == expected["count"]
        assert score.top_k_accuracy.value == pytest.approx(expected["hit"])
        assert score.ndcg.value == pytest.approx(expected["ndcg"], rel=1e-5)
        if num_changes:
            assert score.ndcg_target is not None
            assert score.ndcg_others is not None
            assert score.ndcg_target.value == pytest.approx(expected["target"], rel=1e-5)
            assert score.ndcg_others.value == pytest.approx(expected["others"], rel=1e-5)


@pytest.mark.parametrize("kind", ["replacement", "weighted-replacement", "addition", "fusion"])
@pytest.mark.parametrize("equal", [True, False])
def test_every_manipulation_is_ranked_as_the_plain_loops_say(
    kind: str, equal: bool, plain_distance: Plain
) -> None:
    items = manipulated(kind)
    weights = Weights(blocks=(2, 0.5, 1)[: items.num_blocks], changed=3)
    weights = items.equal_weights if equal else weights
    protocol = Protocol(k=5, max_changes=2)
    cases = evaluate(items, NAMES, weights, protocol)
    for num_changes, case in enumerate(cases):
        expected = plain_scores(items, weights, protocol, num_changes, plain_distance)
        score = case.overall
        assert score.num_queries == expected["count"] > 0
        assert score.top_k_accuracy.value == pytest.approx(expected["hit"])
        assert score.ndcg.value == pytest.approx(expected["ndcg"], rel=1e-5)
    assert set(cases[1].by_super_category) == set(NAMES)


def test_a_single_block_is_not_weighed() -> None:
    assert choose_weights(manipulated("fusion")) == Weights(blocks=(1.0,))


def test_further_labels_mean_nothing_to_a_manipulation() -> None:
    items = manipulated("addition")
    further = np.zeros((len(items.labels), 2), dtype=np.int16)
    wider = replace(items, labels=np.concatenate([items.labels, further], axis=1))
    protocol = Protocol(k=5, max_changes=2)
    for case, other in zip(
        evaluate(items, NAMES, items.equal_weights, protocol),
        evaluate(wider, NAMES, items.equal_weights, replace(protocol, match="all")),
        strict=True,
    ):
        assert case.overall.top_k_accuracy == other.overall.top_k_accuracy


def test_specific_prototypes_are_used_where_they_are_known(plain_distance: Plain) -> None:
    items = gallery()
    means = tuple(
        specific_mean_embeddings(
            items.embeddings[:, block],
            items.labels[:, block],
            num_values,
            items.labels[:, 0],
            VALUES[0],
            unit_length=True,
        )
        for block, num_values in enumerate(VALUES)
    )
    means[1][2] = np.nan
    generic_ones = tuple(items.manipulation.prototypes_of(idx) for idx in range(3))
    manipulation = Replacement(generic_ones, SpecificPrototypes(column=0, means=means))
    specific = replace(items, manipulation=manipulation)
    protocol, weights = Protocol(k=5, max_changes=2), Weights.equal(3)
    for num_changes, case in enumerate(evaluate(specific, NAMES, weights, protocol)):
        expected = plain_scores(specific, weights, protocol, num_changes, plain_distance)
        assert case.overall.ndcg.value == pytest.approx(expected["ndcg"], rel=1e-5)
    generic = evaluate(items, NAMES, weights, protocol)[1].overall
    assert evaluate(specific, NAMES, weights, protocol)[1].overall != generic


def test_further_labels_must_match_and_are_never_changed() -> None:
    items = gallery()
    further = np.random.default_rng(1).integers(0, 2, (len(items.labels), 1)).astype(np.int16)
    wider = replace(items, labels=np.concatenate([items.labels, further], axis=1))
    used = evaluate(items, NAMES, Weights.equal(3), Protocol(k=5, max_changes=1))
    both = evaluate(wider, NAMES, Weights.equal(3), Protocol(k=5, max_changes=1, match="all"))
    assert set(both[1].by_super_category) == set(NAMES)
    for narrow, wide in zip(used, both, strict=True):
        assert 0 < wide.num_valid < narrow.num_valid
    alone = np.arange(len(items.labels), dtype=np.int16)[:, None]
    wider = replace(items, labels=np.concatenate([items.labels, alone], axis=1))
    cases = evaluate(wider, NAMES, Weights.equal(3), Protocol(k=5, match="all"))
    assert [case.num_valid for case in cases] == [0, 0, 0, 0]


def test_intervals_enclose_every_figure() -> None:
    for case in evaluate(gallery(), NAMES, Weights.equal(3), Protocol(k=5, max_changes=3)):
        for score in filter(None, (case.overall, case.macro, *case.by_super_category.values())):
            for estimate in (
                score.top_k_accuracy,
                score.ndcg,
                score.ndcg_target,
                score.ndcg_others,
            ):
                assert (
                    estimate is None
                    or estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9
                )


def test_one_change_is_grouped_by_what_was_changed() -> None:
    case = evaluate(gallery(), NAMES, Weights.equal(3), Protocol(k=5))[1]
    groups = case.by_super_category
    assert set(groups) == set(NAMES)
    assert sum(score.num_queries for score in groups.values()) == case.overall.num_queries
    assert case.macro is not None
    macro = sum(score.top_k_accuracy.value for score in groups.values()) / 3
    assert case.macro.top_k_accuracy.value == pytest.approx(macro)


def test_progress_reaches_the_number_of_queries() -> None:
    told: list[tuple[str, int, int]] = []
    cases = evaluate(
        gallery(), NAMES, Weights.equal(3), Protocol(), lambda *done: told.append(done)
    )
    total = sum(case.overall.num_queries for case in cases)
    assert told[-1] == ("Ranking", total, total)
    assert ("Finding queries", 120, 120) in told


def test_too_many_queries_are_sampled_and_said() -> None:
    case = evaluate(gallery(), NAMES, Weights.equal(3), Protocol(max_queries=10))[1]
    assert case.overall.num_queries == 10 < case.num_valid


def test_chosen_weights_are_no_worse_and_favor_the_sure_block() -> None:
    items = gallery(200, noise=0.3)
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(200, 5))
    items.embeddings[:, 2] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    chosen = choose_weights(items, k=5)
    assert chosen.blocks[2] < min(chosen.blocks[:2])
    accuracy = [
        np.mean(
            [
                case.overall.top_k_accuracy.value
                for case in evaluate(items, NAMES, one_w, Protocol(k=5, max_changes=1))
            ]
        )
        for one_w in (Weights.equal(3), chosen)
    ]
    assert accuracy[1] > accuracy[0]


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_too_few_validation_queries_leave_equal_weights(num_items: int) -> None:
    assert choose_weights(gallery(num_items)) == Weights.equal(3)


def test_nearly_equal_embeddings_are_ranked_as_in_double_precision() -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(size=(1, 2, 64))
    blocks = base + 2e-4 * rng.normal(size=(400, 2, 64))
    blocks = (blocks / np.linalg.norm(blocks, axis=2, keepdims=True)).astype(np.float32)
    collapsed = Gallery(
        embeddings=blocks,
        labels=np.zeros((400, 2), dtype=np.int16),
        manipulation=Replacement((blocks[0, :1], blocks[0, 1:])),
    )
    queries = enumerate_queries(collapsed.labels, 0)
    ((_, near),) = rank(collapsed, queries, Weights.equal(2), 5, query_in_gallery=False)
    exact = blocks.astype(np.float64).reshape(400, -1)
    distances = ((exact[:, None] - exact) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert near.tolist() == np.argsort(distances, axis=1)[:, :5].tolist()


def test_items_at_almost_the_same_distance_are_ranked_as_in_double_precision() -> None:
    rng = np.random.default_rng(6)
    base, directions = rng.normal(size=128), rng.normal(size=(400, 128))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    far = np.tile(base + 0.5 / 128**0.5, (len(directions), 1))  # moves the mean away
    vectors = np.concatenate([base[None], base + 1e-3 * directions, far]).astype(np.float32)
    sphere = Gallery(
        embeddings=vectors.reshape(-1, 2, 64),
        labels=np.zeros((len(vectors), 2), dtype=np.int16),
        manipulation=Replacement((vectors[:1, :64], vectors[:1, 64:])),
    )
    queries, weights = enumerate_queries(sphere.labels, 0), sphere.equal_weights
    exact = vectors.astype(np.float64)
    expected = np.argsort(((exact[1:] - exact[0]) ** 2).sum(axis=1), kind="stable")[:30] + 1
    ((_, near),) = rank(sphere, queries, weights, 30, query_in_gallery=False)
    assert near[0].tolist() == expected.tolist()
    single = costs_of(sphere, repeated=True)
    ((_, near),) = rank(sphere, queries, weights, 30, query_in_gallery=False, costs=single)
    assert near[0].tolist() != expected.tolist(), "an order that float32 finds shows nothing"
