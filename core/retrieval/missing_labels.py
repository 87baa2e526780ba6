"""The probability of having no label, of a system that learns a prototype of "no label".

A watch has no pattern, so the shop leaves the cell empty: that an item lacks a label is a property
of it like any other. With the logarithm r(x) of the ratio between the density of "no label" at a
block x and that of all values together, an item has no label with the probability

    u(x) = 1 / (1 + exp(-(a · r(x) + b)))

where a and b are the likeliest for the validation items (Platt scaling). A system without such a
prototype, and a super-category where a and b say nothing, has no such probability.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.calibration import Calibration, density_logits, posteriors
from datrnet.core.retrieval.manipulation import BoolArray, Floats, Manipulation, unlabeled_of

FEWEST = 5
"""Validation items with and without a label, of each the fewest that a and b are chosen on."""

MOST_STEPS = 50
"""Of Newton's method."""


def joint_posteriors(
    embeddings: Floats, prototypes: Floats, unlabeled: Floats | None, calibration: Calibration
) -> Floats:
    """Return the probabilities (N, V + 1) of the values, and last of having no label.

    Args:
        embeddings: (N, E) of one super-category.
        prototypes: (V, E); NaN where a value has none.
        unlabeled: (E,) the prototype of "no label". Without one, the result is (N, V).
        calibration: That of the super-category.
    """
    values = posteriors(embeddings, prototypes, calibration)
    if unlabeled is None or not calibration.unlabeled:
        return values
    slope, intercept = calibration.unlabeled
    ratios = unlabeled_ratios(embeddings, prototypes, unlabeled, calibration)
    without = _logistic(slope * ratios + intercept)[:, None].astype(np.float32)
    joint: Floats = np.concatenate([values * (1 - without), without], axis=1)
    return joint


def of_values(joint: Floats, num_values: int) -> Floats:
    """Return the probabilities (N, V) of the values, given that there is a label.

    Args:
        joint: (N, V) or (N, V + 1) as of ``joint_posteriors``.
        num_values: V.
    """
    values = joint[:, :num_values]
    if values.shape == joint.shape:
        return joint
    sums = np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    found: Floats = values / sums
    return found


def with_unlabeled(
    calibrations: Sequence[Calibration],
    embeddings: Floats,
    value_sets: NDArray[np.int16],
    manipulation: Manipulation,
) -> tuple[Calibration, ...]:
    """Return the calibrations with a and b where the system has a prototype of "no label".

    Args:
        calibrations: Of each of the T super-categories.
        embeddings: (N, T, E) of the validation items.
        value_sets: (N, T, L) their values.
        manipulation: Has the prototypes.
    """
    found = []
    for idx, calibration in enumerate(calibrations):
        unlabeled = unlabeled_of(manipulation, idx)
        line: tuple[float, ...] = ()
        if unlabeled is not None and calibration.num_items:
            prototypes = manipulation.prototypes_of(idx)
            ratios = unlabeled_ratios(embeddings[:, idx], prototypes, unlabeled, calibration)
            line = logistic_line(ratios, value_sets[:, idx, 0] < 0)
        found.append(replace(calibration, unlabeled=line))
    return tuple(found)


def unlabeled_ratios(
    embeddings: Floats, prototypes: Floats, unlabeled: Floats, calibration: Calibration
) -> NDArray[np.float64]:
    """Return r (N,); the arguments are those of ``joint_posteriors``."""
    entries = np.concatenate([prototypes, unlabeled[None]])
    logits = density_logits(embeddings, entries, calibration).astype(np.float64)
    values = logits[:, :-1] + np.log(calibration.shares)
    highest = values.max(axis=1)
    sums = highest + np.log(np.exp(values - highest[:, None]).sum(axis=1))
    return np.asarray(logits[:, -1] - sums)


def logistic_line(ratios: NDArray[np.float64], is_unlabeled: BoolArray) -> tuple[float, ...]:
    """Return a and b; nothing with too few items, or where a larger r does not make it likelier.

    Newton's method with Platt's targets, which are not quite 0 and 1.

    Args:
        ratios: (N,) r of the validation items.
        is_unlabeled: (N,) which of them have no label.
    """
    num_with, num_without = int((~is_unlabeled).sum()), int(is_unlabeled.sum())
    if min(num_with, num_without) < FEWEST or not np.isfinite(ratios).all():
        return ()
    targets = np.where(is_unlabeled, (num_without + 1) / (num_without + 2), 1 / (num_with + 2))
    columns = np.stack([ratios, np.ones_like(ratios)])
    line = np.array([0.0, np.log(num_without / num_with)])
    for _ in range(MOST_STEPS):
        chances = _logistic(line @ columns)
        gradient = columns @ (chances - targets)
        curvature = (columns * (chances * (1 - chances))) @ columns.T + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        line -= np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    return (float(line[0]), float(line[1])) if line[0] > 0 else ()


def _logistic(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))
