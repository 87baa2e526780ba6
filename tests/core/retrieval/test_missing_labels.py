"""The probability of having no label."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datrnet.core.retrieval.calibration import Calibration, calibrate
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.missing_labels import joint_posteriors, of_values, with_unlabeled


def calibrated(
    embeddings: NDArray[np.float32], sets: NDArray[np.int16], manipulation: Replacement
) -> Calibration:
    counts = np.bincount(sets[sets >= 0], minlength=2)
    blocks = embeddings[:, None]
    found = calibrate(blocks, sets, manipulation.prototypes, [counts])
    return with_unlabeled(found, blocks, sets, manipulation)[0]


def test_it_is_the_logistic_function_of_the_ratio_of_densities() -> None:
    prototypes = np.array([[0, 0], [2, 0]], dtype=np.float32)
    unlabeled = np.array([0, 2], dtype=np.float32)
    calibration = Calibration(
        temperature=2.0, shares=(0.75, 0.25), num_items=9, unlabeled=(0.5, -1.0)
    )
    item = np.array([[1, 1]], dtype=np.float32)  # as far from all three: d² = 2
    found = joint_posteriors(item, prototypes, unlabeled, calibration)
    # r = log(exp(-1) / (.75 exp(-1) + .25 exp(-1))) = 0, so that u = 1 / (1 + e)
    without = 1 / (1 + np.e)
    expected = [[0.75 * (1 - without), 0.25 * (1 - without), without]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(of_values(found, 2), [[0.75, 0.25]], rtol=1e-5)
    assert joint_posteriors(item, prototypes, None, calibration).shape == (1, 2)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_calibration_learns_which_items_have_no_label(scale: float) -> None:
    rng, num = np.random.default_rng(3), 400
    kinds = rng.integers(0, 3, num)  # two values, and none
    centers = scale * np.array([[0, 0], [3, 0], [0, 3]], dtype=np.float32)
    embeddings = (centers[kinds] + scale * rng.normal(0, 0.6, (num, 2))).astype(np.float32)
    sets = np.where(kinds == 2, -1, kinds).astype(np.int16)[:, None, None]
    found = calibrated(embeddings, sets, Replacement((centers[:2],), unlabeled=centers[2:]))
    joint = joint_posteriors(embeddings, centers[:2], centers[2], found)
    assert (joint.argmax(axis=1) == kinds).mean() > 0.97
    assert joint[:, 2].sum() == pytest.approx((kinds == 2).sum(), rel=0.02)


def test_labels_that_are_missing_at_random_say_nothing_of_an_item() -> None:
    rng = np.random.default_rng(5)
    embeddings = rng.normal(size=(300, 2)).astype(np.float32)
    sets = np.where(rng.random(300) < 0.5, -1, embeddings[:, 0] > 0).astype(np.int16)
    prototypes = np.array([[-1, 0], [1, 0]], dtype=np.float32)
    elsewhere = np.array([[0, 3]], dtype=np.float32)
    found = calibrated(
        embeddings, sets[:, None, None], Replacement((prototypes,), unlabeled=elsewhere)
    )
    joint = joint_posteriors(embeddings, prototypes, elsewhere[0], found)
    if joint.shape[1] == 3:
        np.testing.assert_allclose(joint[:, 2], 0.5, atol=0.2)


def test_a_system_without_a_prototype_of_it_has_no_such_probability() -> None:
    embeddings = np.array([[0, 0], [2, 0]] * 9, dtype=np.float32)
    sets = np.array([0, 1, -1] * 6, dtype=np.int16)[:, None, None]
    prototypes = embeddings[:2]
    assert calibrated(embeddings, sets, Replacement((prototypes,))).unlabeled == ()
    none_learned = np.full((1, 2), np.nan, dtype=np.float32)  # no training item lacks a label
    found = calibrated(embeddings, sets, Replacement((prototypes,), unlabeled=none_learned))
    assert found.unlabeled == ()
    assert joint_posteriors(embeddings, prototypes, none_learned[0], found).shape == (18, 2)
