"""The fast evaluator equals a slow one that was written separately."""

import math
from dataclasses import replace

import numpy as np
import pytest

from datrnet.core.evaluation.protocol import Match, Protocol, QueryTakesRank, evaluate
from datrnet.core.evaluation.ranking import Gallery, SpecificPrototypes, Weights
from datrnet.core.evaluation.weighting import choose_weights
from datrnet.core.retrieval.prototypes import mean_embeddings, specific_mean_embeddings

NAMES = ("colour", "pattern", "sleeve")
VALUES = (4, 3, 2)


def gallery(num_items: int = 60, noise: float = 0.6, seed: int = 0) -> Gallery:
    """Items whose blocks lie around a centre per value."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(-1, one, num_items) for one in VALUES], axis=1).astype(np.int16)
    embeddings = np.zeros((num_items, 3, 5), dtype=np.float32)
    prototypes = []
    for block, num_values in enumerate(VALUES):
        centres = rng.normal(size=(num_values + 1, 5))
        drawn = centres[labels[:, block]] + noise * rng.normal(size=(num_items, 5))
        embeddings[:, block] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        prototypes.append(
            mean_embeddings(embeddings[:, block], labels[:, block], num_values, unit_length=True)
        )
    return Gallery(embeddings=embeddings, labels=labels, prototypes=tuple(prototypes))


def plain_scores(
    items: Gallery, weights: Weights, protocol: Protocol, num_changes: int
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
                ranked.append((plain_distance(items, weights, item, target, other), other))
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
    means = {name: sum(one) / len(one) for name, one in figures.items()}
    return {"count": len(figures["hit"]), **means}


def plain_distance(
    items: Gallery, weights: Weights, item: int, target: tuple[int, ...], other: int
) -> float:
    own = items.labels[item]
    distance = 0.0
    for place in range(3):
        block, weight = items.embeddings[item, place], weights.blocks[place]
        if target[place] != own[place]:
            block = items.prototypes[place][target[place]]
            weight *= weights.changed
            if items.specific is not None and place != items.specific.column:
                shared = target[items.specific.column]
                known = items.specific.means[place][shared, target[place]]
                if shared >= 0 and not math.isnan(known[0]):
                    block = known
        distance += weight * float(((block - items.embeddings[other, place]) ** 2).sum())
    return distance


def plain_ndcg(near: list[tuple[int, ...]], target: tuple[int, ...], places: list[int]) -> float:
    dcg = ideal = 0.0
    for rank, labels in enumerate(near, start=1):
        share = sum(labels[p] == target[p] for p in places) / len(places) if places else 0.0
        dcg += (2**share - 1) / math.log(rank + 1)
        ideal += 1 / math.log(rank + 1)
    return dcg / ideal


@pytest.mark.parametrize("query_takes_rank", ["changed", "never", "always"])
@pytest.mark.parametrize("match", ["used", "known"])
@pytest.mark.parametrize("weights", [Weights.equal(3), Weights(blocks=(2, 0.5, 1), changed=3)])
def test_evaluation_equals_the_plain_one(
    query_takes_rank: QueryTakesRank, match: Match, weights: Weights
) -> None:
    items = gallery()
    protocol = Protocol(k=5, query_takes_rank=query_takes_rank, match=match, max_changes=2)
    for num_changes, case in enumerate(evaluate(items, NAMES, weights, protocol)):
        expected = plain_scores(items, weights, protocol, num_changes)
        score = case.overall
        assert score.num_queries == case.num_valid == expected["count"]
        assert score.top_k_accuracy.value == pytest.approx(expected["hit"])
        assert score.ndcg.value == pytest.approx(expected["ndcg"], rel=1e-5)
        if num_changes:
            assert score.ndcg_target is not None
            assert score.ndcg_others is not None
            assert score.ndcg_target.value == pytest.approx(expected["target"], rel=1e-5)
            assert score.ndcg_others.value == pytest.approx(expected["others"], rel=1e-5)


def test_specific_prototypes_are_used_where_they_are_known() -> None:
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
    specific = replace(items, specific=SpecificPrototypes(column=0, means=means))
    protocol, weights = Protocol(k=5, max_changes=2), Weights.equal(3)
    for num_changes, case in enumerate(evaluate(specific, NAMES, weights, protocol)):
        expected = plain_scores(specific, weights, protocol, num_changes)
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
            for one in (score.top_k_accuracy, score.ndcg, score.ndcg_target, score.ndcg_others):
                assert one is None or one.low - 1e-9 <= one.value <= one.high + 1e-9


def test_one_change_is_grouped_by_what_was_changed() -> None:
    case = evaluate(gallery(), NAMES, Weights.equal(3), Protocol(k=5))[1]
    groups = case.by_super_category
    assert set(groups) == set(NAMES)
    assert sum(one.num_queries for one in groups.values()) == case.overall.num_queries
    assert case.macro is not None
    macro = sum(one.top_k_accuracy.value for one in groups.values()) / 3
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


def test_chosen_weights_are_no_worse_and_favour_the_sure_block() -> None:
    items = gallery(200, noise=0.3)
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(200, 5))
    items.embeddings[:, 2] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    chosen = choose_weights(items, k=5)
    assert chosen.blocks[2] < min(chosen.blocks[:2])
    accuracy = [
        np.mean(
            [
                one.overall.top_k_accuracy.value
                for one in evaluate(items, NAMES, one_w, Protocol(k=5, max_changes=1))
            ]
        )
        for one_w in (Weights.equal(3), chosen)
    ]
    assert accuracy[1] > accuracy[0]


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_too_few_validation_queries_leave_equal_weights(num_items: int) -> None:
    assert choose_weights(gallery(num_items)) == Weights.equal(3)
