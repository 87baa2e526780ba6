"""Match scores against numbers computed by hand and one at a time."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.value_sets import count_values
from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.evaluation.ranking import (
    Gallery,
    Weights,
    choose_weights,
    list_quality,
    rank,
    weights_of_match,
)
from datrnet.core.indexing.ranking_choice import choose_ranking
from datrnet.core.retrieval.calibration import (
    Calibration,
    calibrate,
    calibration_error,
    posteriors,
)
from datrnet.core.retrieval.manipulation import Addition, Replacement
from datrnet.core.retrieval.match import EPSILON, MatchModel, log_match, wanted_values

COUNTS = (4, 3, 1)
"""Values of three super-categories; the last has one."""

PROTOTYPES = tuple(
    np.random.default_rng(number).normal(size=(number, 5)).astype(np.float32) for number in COUNTS
)


def gallery(num_items: int = 60, noise: float = 0.8, seed: int = 0) -> Gallery:
    """Items around the prototypes of their values, some without a label."""
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.integers(0, number, num_items) for number in COUNTS], axis=1)
    embeddings = np.stack(
        [entries[drawn[:, idx]] for idx, entries in enumerate(PROTOTYPES)], axis=1
    )
    embeddings += noise * rng.normal(size=embeddings.shape)
    labels = np.where(rng.random(drawn.shape) < 0.1, -1, drawn).astype(np.int16)
    return Gallery(
        embeddings=embeddings.astype(np.float32),
        labels=labels,
        manipulation=Replacement(PROTOTYPES),
    )


def counts_of(items: Gallery) -> list[np.ndarray]:
    return [count_values(items.labels[:, idx], number) for idx, number in enumerate(COUNTS)]


def plain_posterior(x: np.ndarray, prototypes: np.ndarray, each: Calibration) -> list[float]:
    shares = [
        share * math.exp(-float(((x - entry) ** 2).sum()) / each.temperature)
        if not np.isnan(entry).any()
        else 0.0
        for share, entry in zip(each.shares, prototypes.astype(float), strict=True)
    ]
    return [share / sum(shares) for share in shares]


def test_probabilities_are_those_computed_by_hand() -> None:
    prototypes = np.array([[0.0], [1.0], [np.nan]], dtype=np.float32)
    calibration = Calibration(temperature=0.5, shares=(0.6, 0.2, 0.2), num_items=9)
    items = posteriors(np.array([[0.0], [0.75]], dtype=np.float32), prototypes, calibration)
    second = (
        0.2
        * math.exp(-0.0625 / 0.5)
        / (0.2 * math.exp(-0.0625 / 0.5) + 0.6 * math.exp(-0.5625 / 0.5))
    )
    first = 0.6 / (0.6 + 0.2 * math.exp(-2))
    np.testing.assert_allclose(items, [[first, 1 - first, 0], [1 - second, second, 0]], rtol=1e-5)
    wanted = wanted_values(items, np.array([-1, 1]), np.array([False, True]))
    match = [
        [first**2 + (1 - first) ** 2, first * (1 - second) + (1 - first) * second],
        [1 - first, second],
    ]
    np.testing.assert_allclose(
        log_match(wanted, items), np.log(np.array(match) + EPSILON), rtol=1e-5
    )


def test_probabilities_of_logits_are_their_softmax() -> None:
    rng = np.random.default_rng(2)
    labels = np.stack([rng.integers(0, 3, 200), rng.integers(0, 2, 200)], axis=1).astype(np.int16)
    logits = rng.normal(size=(200, 2, 3)).astype(np.float32)
    logits[:, 1, 2] = 0  # what two values do not fill
    for idx in range(2):
        logits[np.arange(200), idx, labels[:, idx]] += 2
    prototypes = tuple(np.eye(number, 3, dtype=np.float32) for number in (3, 2))
    items = Gallery(
        embeddings=logits, labels=labels, manipulation=Replacement(prototypes, are_means=False)
    )
    # the first value is a hundred times as frequent, which the classifier has learned
    found = choose_ranking(items, [np.array([100, 1, 1]), np.array([100, 1])], asked="match").match
    for idx, number in enumerate((3, 2)):
        calibration = found.calibrations[idx]
        scaled = 2 * logits[:, idx, :number].astype(float) / calibration.temperature
        expected = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        posterior = posteriors(logits[:, idx], prototypes[idx], calibration)
        np.testing.assert_allclose(posterior, expected, rtol=1e-4)
        wanted = np.eye(number, dtype=np.float32)[1:2]
        np.testing.assert_allclose(
            log_match(wanted, posterior)[0], np.log(EPSILON + expected[:, 1]), atol=1e-4
        )


@pytest.mark.parametrize("with_groups", [False, True])
@given(seed=st.integers(0, 1000))
def test_lists_are_those_of_plain_loops(with_groups: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = gallery(16, seed=seed)
    prototypes = (PROTOTYPES[0].copy(), *PROTOTYPES[1:])
    prototypes[0][1] = np.nan  # a change to it has no effect
    match = MatchModel(
        calibrations=tuple(
            Calibration(
                temperature=rng.uniform(0.2, 3), shares=tuple(rng.uniform(0.1, 1, n)), num_items=1
            )
            for n in COUNTS
        )
    )
    groups = np.arange(16) // 2 if with_groups else None
    items = replace(items, manipulation=Replacement(prototypes), match=match, groups=groups)
    weights = Weights(blocks=(2, 0.5, 1), changed=3)
    own = [
        [plain_posterior(items.embeddings[item, idx], prototypes[idx], match.calibrations[idx])
         for idx in range(3)]
        for item in range(16)
    ]  # fmt: skip
    for queries in draw_queries(items.labels, (0, 1), limit=6, groups=groups):
        for part, near in rank(items, queries, weights, 5, query_in_gallery=True):
            for row, found in zip(range(part.start, part.stop), near, strict=True):
                scores = []
                for other in range(16):
                    score = 0.0
                    for idx in range(3):
                        value, weight = queries.targets[row, idx], weights.blocks[idx]
                        asks = queries.changed[row, idx] and not np.isnan(prototypes[idx][value, 0])
                        pairs = zip(own[queries.items[row]][idx], own[other][idx], strict=True)
                        m = own[other][idx][value] if asks else sum(a * b for a, b in pairs)
                        score += weight * (3 if asks else 1) * math.log(EPSILON + m)
                    scores.append(score)
                best: dict[int, float] = {}
                for other, score in enumerate(scores):
                    group = other // 2 if with_groups else other
                    best[group] = max(best.get(group, -math.inf), score)
                expected = sorted(best.values(), reverse=True)[:5]
                assert [scores[item] for item in found] == pytest.approx(expected, abs=1e-4)


def likelihood(items: Gallery, idx: int, each: Calibration) -> float:
    """Return the mean log-likelihood of the labels, one number at a time."""
    return float(
        np.mean(
            [
                math.log(plain_posterior(x, PROTOTYPES[idx], each)[value])
                for x, value in zip(items.embeddings[:, idx], items.labels[:, idx], strict=True)
                if value >= 0
            ]
        )
    )


def test_no_other_temperature_makes_the_labels_likelier() -> None:
    items = gallery(300)
    found = calibrate(items.embeddings, items.value_sets, PROTOTYPES, counts_of(items))
    for idx in (0, 1):
        assert found[idx].num_items == int((items.labels[:, idx] >= 0).sum())
        best = likelihood(items, idx, found[idx])
        for factor in (0.6, 1.7):
            other = replace(found[idx], temperature=found[idx].temperature * factor)
            assert likelihood(items, idx, other) < best
        # the noise has a variance of 0.64 in each direction: T = 2 · 0.64
        assert found[idx].temperature == pytest.approx(1.28, rel=0.5)
    overconfident = gallery(300, noise=2)
    found = calibrate(
        overconfident.embeddings, overconfident.value_sets, PROTOTYPES, counts_of(overconfident)
    )
    assert all(each.error_after < 0.1 < each.error_before for each in found[:2])


def test_labels_that_no_distance_contradicts_leave_a_temperature_above_zero() -> None:
    items = gallery(2, noise=0, seed=5)
    labels = np.array([[0, 0, 0], [1, 1, 0]], dtype=np.int16)
    for idx, entries in enumerate(PROTOTYPES[:2]):
        items.embeddings[:, idx] = entries[:2]
    found = calibrate(items.embeddings, labels[:, :, None], PROTOTYPES, counts_of(items))
    assert all(each.temperature > 0.1 for each in found)


def test_several_values_share_the_likelihood_of_an_item() -> None:
    items = gallery(100)
    labeled = np.maximum(items.value_sets, 0)
    twice = np.concatenate([labeled, (labeled + 1) % np.array(COUNTS)[:, None]], axis=2)
    single = calibrate(items.embeddings, labeled, PROTOTYPES, counts_of(items))
    several = calibrate(items.embeddings, twice.astype(np.int16), PROTOTYPES, counts_of(items))
    assert several[0].num_items == single[0].num_items == 100
    assert several[0].temperature > single[0].temperature  # the second value is as likely


def test_a_super_category_without_validation_items_takes_the_mean_of_the_others() -> None:
    items = gallery(100)
    full = calibrate(items.embeddings, items.value_sets, PROTOTYPES, counts_of(items))
    assert full[2].num_items == 0  # it has one value, which all items match
    items.labels[:, 1] = -1
    found = calibrate(items.embeddings, items.value_sets, PROTOTYPES, counts_of(items))
    assert found[0] == full[0]
    assert (found[1].num_items, found[1].temperature) == (0, pytest.approx(full[0].temperature))
    items.labels[:] = -1
    assert calibrate(items.embeddings, items.value_sets, PROTOTYPES, counts_of(items)) == ()


def test_one_value_ranks_nothing() -> None:
    items = gallery(30)
    calibration = Calibration(temperature=1, shares=(1.0,), num_items=0)
    own = posteriors(items.embeddings[:, 2], PROTOTYPES[2], calibration)
    assert len(np.unique(log_match(own, own))) == 1


def test_the_calibration_error_is_the_mean_surplus_of_confidence_over_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    carries = np.array([[True, False], [False, True], [False, True], [True, True]])
    # bins around 0.9, 0.7 and 0.5: |1 - 1.8|, |1 - 0.7|, |1 - 0.5|
    assert calibration_error(probabilities, carries) == pytest.approx((0.8 + 0.3 + 0.5) / 4)


def test_the_weights_of_match_scores_rank_the_validation_items_no_worse() -> None:
    items = gallery(80)
    chosen = choose_ranking(items, counts_of(items))
    assert (chosen.ranking, chosen.reason) == ("distance", "set by the run's config")
    ranked = replace(items, match=chosen.match)
    weights = Weights(blocks=chosen.match.weights, changed=chosen.match.changed_weight)
    assert list_quality(ranked, weights) >= list_quality(ranked, items.equal_weights)
    assert choose_weights(ranked) == weights  # deterministic
    kept = choose_ranking(items, counts_of(items), chosen)
    assert kept == chosen


def test_auto_takes_what_ranks_the_validation_items_better() -> None:
    taken = set()
    for noise in (0.3, 0.8, 2.0):
        items = gallery(noise=noise)
        chosen = choose_ranking(items, counts_of(items), asked="auto")
        by_match = list_quality(replace(items, match=chosen.match), weights_of_match(chosen.match))
        is_better = by_match > list_quality(items, chosen.weights)
        assert chosen.ranking == ("match" if is_better else "distance")
        assert f"{by_match:.4f} by match" in chosen.reason
        taken.add(chosen.ranking)
    assert "match" in taken


def test_a_system_that_adds_to_blocks_has_no_match_scores() -> None:
    items = gallery(40)
    memory = np.zeros((15, sum(COUNTS)), dtype=np.float32)
    items = replace(items, manipulation=Addition(memory, COUNTS))
    with pytest.raises(ConfigError, match="cannot be ranked by match: the system has no match"):
        choose_ranking(items, counts_of(items), default="match")
    chosen = choose_ranking(items, counts_of(items), asked="distance", default="match")
    assert chosen.match == MatchModel()


def test_without_a_labeled_validation_item_a_config_of_match_scores_ranks_by_distance() -> None:
    items = gallery(40)
    unlabeled = replace(items, labels=np.full_like(items.labels, -1), all_values=None)
    chosen = choose_ranking(unlabeled, counts_of(items), default="match")
    assert chosen.ranking == "distance"
    assert chosen.reason == "no validation item is labeled"
    with pytest.raises(ConfigError, match="no validation item is labeled"):
        choose_ranking(unlabeled, counts_of(items), asked="match")
