"""Calibration against numbers computed by hand: tails, held-out errors, and what is too little."""

import math
from dataclasses import replace

import numpy as np
import pytest

from datrnet.core.retrieval import calibration
from datrnet.core.retrieval.calibration import (
    Calibration,
    calibrate,
    calibration_error,
    confidences,
    error_by_chance,
    posteriors,
    reliability,
)

PROTOTYPES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)


def drawn(
    num_items: int, shares: tuple[float, ...], noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return blocks (N, E) around the prototypes of values (N,) that occur with these shares."""
    rng = np.random.default_rng(seed)
    values = rng.choice(len(shares), num_items, p=shares)
    blocks = PROTOTYPES[values] + noise * rng.normal(size=(num_items, 2))
    return blocks.astype(np.float32), values.astype(np.int16)


def calibrated(blocks: np.ndarray, values: np.ndarray, counts: tuple[int, ...]) -> Calibration:
    (found,) = calibrate(blocks[:, None], values[:, None, None], [PROTOTYPES], [np.array(counts)])
    return found


def test_each_half_is_judged_by_what_the_other_half_chose() -> None:
    blocks, values = drawn(81, (0.5, 0.3, 0.2))
    counts = (50, 30, 20)
    found = reliability(blocks, values[:, None], PROTOTYPES, np.array(counts))
    assert found is not None
    expected = np.zeros((81, 3))
    for own, other in (
        (slice(0, None, 2), slice(1, None, 2)),
        (slice(1, None, 2), slice(0, None, 2)),
    ):
        chosen = calibrated(blocks[other], values[other], counts)
        expected[own] = posteriors(blocks[own], PROTOTYPES, chosen)
    np.testing.assert_allclose(found.after, expected, atol=1e-5)
    assert (found.carries.argmax(axis=1) == values).all()
    whole = calibrated(blocks, values, counts)
    assert whole.error_after == pytest.approx(calibration_error(expected, found.carries), abs=1e-4)
    assert whole.error_before == pytest.approx(calibration_error(found.before, found.carries))


def test_the_tail_is_that_of_students_t_distribution() -> None:
    blocks, _ = drawn(5, (0.5, 0.3, 0.2))
    shares = (0.6, 0.3, 0.1)
    found = posteriors(
        blocks,
        PROTOTYPES,
        Calibration(temperature=0.5, shares=shares, num_items=9, tail=2.0),
    )
    for block, likely in zip(blocks, found, strict=True):
        squares = [float(((block - entry) ** 2).sum()) for entry in PROTOTYPES]
        # (1 + κ d²) to the power of -1 / (κ T)
        chances = [
            share * (1 + 2 * square) ** -(1 / (2 * 0.5))
            for share, square in zip(shares, squares, strict=True)
        ]
        np.testing.assert_allclose(likely, np.array(chances) / sum(chances), rtol=1e-4)


def test_a_tail_is_chosen_for_items_of_students_t_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    values = rng.choice(3, 1500, p=(0.4, 0.3, 0.3)).astype(np.int16)
    spread = 0.2 / np.sqrt(rng.chisquare(2, 1500) / 2)
    blocks = PROTOTYPES[values] + spread[:, None] * rng.normal(size=(1500, 2))
    blocks = blocks.astype(np.float32)
    found = calibrated(blocks, values, (40, 30, 30))
    assert found.tail > 0
    assert found.error_after < 0.05
    monkeypatch.setattr(calibration, "TAILS", ())
    assert calibrated(blocks, values, (40, 30, 30)).error_after > 2 * found.error_after


def test_normal_distributions_have_no_tail() -> None:
    blocks, values = drawn(400, (0.5, 0.3, 0.2))
    found = calibrated(blocks, values, (499, 299, 199))
    assert found.tail == 0
    assert found.shares == pytest.approx((0.5, 0.3, 0.2))
    assert found.error_after < 0.05
    assert found.temperature == pytest.approx(2 * 0.5**2, rel=0.3)


def test_what_chance_shows_of_right_probabilities() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]])
    # the bins around 0.9 and 0.7 have variances of 2 · 0.09 and 0.21
    expected = (math.sqrt(2 / math.pi * 0.18) + math.sqrt(2 / math.pi * 0.21)) / 3
    assert error_by_chance(probabilities) == pytest.approx(expected)
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 300)
    both = np.stack([sure, 1 - sure], axis=1)
    errors = []
    for _ in range(200):
        is_first = rng.random(300) < sure
        errors.append(calibration_error(both, np.stack([is_first, ~is_first], axis=1)))
    assert error_by_chance(both) == pytest.approx(np.mean(errors), rel=0.1)


def test_the_confidence_is_that_of_the_likeliest_value() -> None:
    carries = np.array([[True, False], [True, False]])
    confidence, is_right = confidences(np.array([[0.9, 0.1], [0.4, 0.6]]), carries)
    assert confidence.tolist() == [0.9, 0.6]
    assert is_right.tolist() == [True, False]


@pytest.mark.parametrize("num_items", [1, 2, 3])
def test_a_few_items_calibrate_without_certainty(num_items: int) -> None:
    blocks, values = PROTOTYPES[:num_items], np.arange(num_items, dtype=np.int16)
    found = calibrated(blocks, values, (3, 3, 3))
    assert found.num_items == num_items
    assert 0 < found.temperature < math.inf
    assert 0 <= found.error_after <= 1
    assert posteriors(blocks, PROTOTYPES, found).max() < 0.95


def test_nothing_is_calibrated_without_items_or_with_one_value() -> None:
    blocks, values = drawn(20, (0.5, 0.3, 0.2))
    unlabeled = np.full_like(values, -1)
    one = PROTOTYPES.copy()
    one[1:] = np.nan
    for own, labels, prototypes in (
        (blocks, unlabeled, PROTOTYPES),
        (blocks[:0], values[:0], PROTOTYPES),
        (blocks, np.zeros_like(values), one),
    ):
        counts = np.array([1, 1, 1])
        assert reliability(own, labels[:, None], prototypes, counts) is None
        assert calibrate(own[:, None], labels[:, None, None], [prototypes], [counts]) == ()


@pytest.mark.parametrize("tail", [0.0, 2.0])
def test_a_value_without_a_prototype_is_never_likely(tail: float) -> None:
    prototypes = PROTOTYPES.copy()
    prototypes[0] = np.nan
    blocks, values = drawn(300, (0.2, 0.1, 0.7))
    (found,) = calibrate(
        blocks[:, None], values[:, None, None], [prototypes], [np.array([20, 100, 700])]
    )
    assert found.num_items == int((values > 0).sum())
    likely = posteriors(blocks, prototypes, replace(found, tail=tail))
    assert (likely[:, 0] == 0).all()
    np.testing.assert_allclose(likely.sum(axis=1), 1, rtol=1e-5)
