"""The fast evaluator equals a slow one that was written separately."""

import math

import numpy as np
import pytest

from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.evaluation.weighting import choose_weights
from datrnet.core.retrieval.prototypes import mean_embeddings

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


def plain_accuracy(
    items: Gallery, weights: Weights, k: int, num_changes: int, *, query_in_gallery: bool
) -> tuple[int, float, float]:
    """Return queries, top-k accuracy and NDCG@k, one query and one item at a time."""
    rows = [tuple(row) for row in items.labels.tolist()]
    hit, gain, count = 0, 0.0, 0
    for item, own in enumerate(rows):
        for target in sorted(set(rows)):
            changed = [place for place in range(3) if target[place] != own[place]]
            if len(changed) != num_changes or any(target[place] < 0 for place in changed):
                continue
            if num_changes == 0 and rows.count(own) < 2:
                continue
            count += 1
            ranked = []
            for other in range(len(rows)):
                if other == item and not (query_in_gallery and num_changes):
                    continue
                distance = 0.0
                for place in range(3):
                    block, weight = items.embeddings[item, place], weights.blocks[place]
                    if place in changed:
                        block = items.prototypes[place][target[place]]
                        weight *= weights.changed
                    distance += weight * float(
                        ((block - items.embeddings[other, place]) ** 2).sum()
                    )
                ranked.append((distance, other))
            near = [rows[other] for _, other in sorted(ranked)[:k]]
            hit += target in near
            dcg = ideal = 0.0
            for rank, labels in enumerate(near, start=1):
                share = sum(a == b for a, b in zip(labels, target, strict=True)) / 3
                dcg += (2**share - 1) / math.log(rank + 1)
                ideal += 1 / math.log(rank + 1)
            gain += dcg / ideal
    return count, hit / count, gain / count


@pytest.mark.parametrize("query_in_gallery", [True, False])
@pytest.mark.parametrize("weights", [Weights.equal(3), Weights(blocks=(2, 0.5, 1), changed=3)])
def test_evaluation_equals_the_plain_one(query_in_gallery: bool, weights: Weights) -> None:
    items = gallery()
    protocol = Protocol(k=5, query_in_gallery=query_in_gallery, max_changes=2)
    cases = evaluate(items, NAMES, weights, protocol)
    for num_changes, case in enumerate(cases):
        count, accuracy, gain = plain_accuracy(
            items, weights, 5, num_changes, query_in_gallery=query_in_gallery
        )
        assert case.overall.num_queries == case.num_valid == count
        assert case.overall.top_k_accuracy == pytest.approx(accuracy)
        assert case.overall.ndcg == pytest.approx(gain, rel=1e-5)


def test_one_change_is_grouped_by_what_was_changed() -> None:
    case = evaluate(gallery(), NAMES, Weights.equal(3), Protocol(k=5))[1]
    groups = case.by_super_category
    assert set(groups) == set(NAMES)
    assert sum(one.num_queries for one in groups.values()) == case.overall.num_queries
    macro = sum(one.top_k_accuracy for one in groups.values()) / 3
    assert case.macro_accuracy == pytest.approx(macro)


def test_progress_reaches_the_number_of_queries() -> None:
    told: list[tuple[int, int]] = []
    cases = evaluate(
        gallery(), NAMES, Weights.equal(3), Protocol(), lambda *done: told.append(done)
    )
    total = sum(case.overall.num_queries for case in cases)
    assert told[-1] == (total, total)


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
                one.overall.top_k_accuracy
                for one in evaluate(items, NAMES, one_w, Protocol(k=5, max_changes=1))
            ]
        )
        for one_w in (Weights.equal(3), chosen)
    ]
    assert accuracy[1] > accuracy[0]


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_too_few_validation_queries_leave_equal_weights(num_items: int) -> None:
    assert choose_weights(gallery(num_items)) == Weights.equal(3)
