"""Match scores: items ranked by the probability that their values are the wanted ones.

The distances of a block x to the prototypes g_v of a super-category become the probabilities of its
values, p(v|x) = softmax over v of log π_v - ‖x - g_v‖² / T, where π_v is the value's share of the
labeled items: of two values that look alike, the frequent one is likelier. A query q and an item g
match in the super-category with the probability m = Σ_v p(v|q) p(v|g), or p(b|g) if the value b is
wanted. Items are ranked by Σ_t w_t log(ε + m_t), the highest first: a certain mismatch costs much
once and never more, and an uncertain query asks for what it is uncertain about.

The temperature T of each super-category is calibrated on the validation items. Only systems whose
prototypes are positions in the embedding space have such probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import carried_values
from datrnet.core.retrieval.manipulation import (
    BoolArray,
    Floats,
    Labels,
    Manipulation,
    Replacement,
    WeightedReplacement,
)

EPSILON = 0.003
"""ε of the score; a certain mismatch costs log(1 / ε), about 6."""

BINS = 15
"""Bins of equal width of the expected calibration error."""

NO_MATCH_SCORES = (
    "The system of this index has no match scores: its entries are not positions among the "
    "embeddings."
)

Ranking = Literal["distance", "match"]
"""What orders the items: the paper's weighted L2 distance, or the match score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the distances to the prototypes of a super-category become probabilities."""

    temperature: float
    """What squared distances are divided by."""
    shares: tuple[float, ...]
    """π of each value: its share of the items that prototypes are means of, one item added."""
    num_items: int
    """Validation items that it was chosen on; with none it is the geometric mean of the others."""
    error_before: float = 0.0
    """Expected calibration error on these items with a temperature of 1."""
    error_after: float = 0.0
    """Expected calibration error on these items with this temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchModel:
    """What match scores are computed with; chosen on the validation split."""

    calibrations: tuple[Calibration, ...] = ()
    """By super-category; empty if the index has no match scores."""
    weights: tuple[float, ...] = ()
    """w_t of each super-category."""
    changed_weight: float = 1.0
    """Further factor of a changed super-category."""

    def of(self, kept: Sequence[int]) -> "MatchModel":
        """Return the model of some of the super-categories."""
        if not self.calibrations:
            return self
        return replace(
            self,
            calibrations=tuple(self.calibrations[idx] for idx in kept),
            weights=tuple(self.weights[idx] for idx in kept),
        )


UNCALIBRATED = MatchModel()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchQuery:
    """What match scores compare items with."""

    wanted: tuple[Floats, ...]
    """Distribution (V,) of the wanted values, of each super-category."""
    weights: Floats
    """(T,)."""

    def matches(self, posteriors: Sequence[Floats]) -> Floats:
        """Return m (n, T) of items with these posteriors, (n, V) of each super-category."""
        pairs = zip(posteriors, self.wanted, strict=True)
        return np.stack([items @ wanted for items, wanted in pairs], axis=1)

    def scores(self, matches: Floats) -> Floats:
        """Return the match scores (n,) of probabilities (n, T)."""
        found: Floats = np.log(matches + EPSILON, dtype=np.float32) @ self.weights
        return found


def has_match_scores(manipulation: Manipulation) -> bool:
    """Tell whether prototypes are positions in the embedding space, so that probabilities exist."""
    return isinstance(manipulation, Replacement | WeightedReplacement)


def posteriors(embeddings: Floats, prototypes: Floats, calibration: Calibration) -> Floats:
    """Return the probabilities (N, V) of the values; 0 for a value without a prototype.

    Args:
        embeddings: (N, E) of one super-category.
        prototypes: (V, E); NaN where a value has none.
        calibration: That of the super-category.
    """
    logits = _logits(embeddings, prototypes) / calibration.temperature
    return _softmax(logits + np.log(calibration.shares, dtype=np.float32))


def wanted_values(posterior: Floats, targets: Labels, applied: BoolArray) -> Floats:
    """Return the distributions (Q, V) of the values that queries ask for.

    Args:
        posterior: (Q, V) of the queries' own blocks.
        targets: (Q,) values that changes ask for.
        applied: (Q,) where there is a change.
    """
    wanted = posterior.copy()
    wanted[applied] = 0
    wanted[applied, targets[applied]] = 1
    return wanted


def log_match(wanted: Floats, items: Floats) -> Floats:
    """Return log(ε + m) (Q, N) of what queries want (Q, V) and the items' posteriors (N, V)."""
    table: Floats = wanted @ items.T
    table += EPSILON
    return np.log(table, out=table)


def calibrate(
    embeddings: Floats,
    value_sets: NDArray[np.int16],
    prototypes: Sequence[Floats],
    counts: Sequence[NDArray[np.int64]],
) -> tuple[Calibration, ...]:
    """Return the calibration of each super-category; none if no item carries a value.

    Args:
        embeddings: (N, T, E) of the validation items.
        value_sets: (N, T, L) their values.
        prototypes: (V, E) of each of the T super-categories.
        counts: (V,) of each: items that carry the values, among those of the prototypes.
    """
    found = [
        _calibrated(
            embeddings[:, idx], value_sets[:, idx], entries, (number + 1) / (number + 1).sum()
        )
        for idx, (entries, number) in enumerate(zip(prototypes, counts, strict=True))
    ]
    known = [each.temperature for each in found if each.num_items]
    if not known:
        return ()
    mean = float(np.exp(np.log(known).mean()))
    return tuple(each if each.num_items else replace(each, temperature=mean) for each in found)


def _calibrated(
    embeddings: Floats,
    sets: NDArray[np.int16],
    prototypes: Floats,
    shares: NDArray[np.float64],
) -> Calibration:
    """Choose the temperature with the least negative log-likelihood of the items' values.

    The likelihood of an item is that of a uniform distribution over its values, of which, as in
    Platt scaling, 1 / (N + 2) goes to all values: the temperature of few or perfectly classified
    items is not 0. The likelihood is concave in 1 / T, so its derivative has one zero.
    """
    has_prototype = _has_prototype(prototypes)
    items, values = carried_values(sets)
    is_known = has_prototype[values]
    kept, rows, counts = np.unique(items[is_known], return_inverse=True, return_counts=True)
    found = Calibration(temperature=1.0, shares=tuple(shares.tolist()), num_items=0)
    if not len(kept) or has_prototype.sum() < 2:
        return found
    carries = np.zeros((len(kept), len(prototypes)), dtype=bool)
    carries[rows, values[is_known]] = True
    carries = carries[:, has_prototype]
    logits = _logits(embeddings[kept], prototypes[has_prototype]).astype(np.float64)
    log_shares = np.log(shares[has_prototype])
    smoothing = 1 / (len(kept) + 2)
    targets = (1 - smoothing) * carries / counts[:, None] + smoothing / carries.shape[1]
    low, high = -20.0, 20.0  # log T
    for _ in range(50):
        middle = (low + high) / 2
        probabilities = _softmax(logits / np.exp(middle) + log_shares)
        # the derivative of the log-likelihood by 1 / T
        low, high = (
            (low, middle) if ((targets - probabilities) * logits).sum() > 0 else (middle, high)
        )
    temperature = float(np.exp((low + high) / 2))
    before, after = (
        calibration_error(_softmax(logits / t + log_shares), carries) for t in (1.0, temperature)
    )
    return replace(
        found,
        temperature=temperature,
        num_items=len(kept),
        error_before=before,
        error_after=after,
    )


def calibration_error(probabilities: NDArray[np.floating[Any]], carries: BoolArray) -> float:
    """Return the expected calibration error: the mean of |accuracy - confidence| over bins.

    The confidence is the probability of the likeliest value, which is right if the item carries it.

    Args:
        probabilities: (N, V).
        carries: (N, V) the items' values.
    """
    likeliest = probabilities.argmax(axis=1)
    each = np.arange(len(likeliest))
    confidence = probabilities[each, likeliest].astype(np.float64)
    surplus = carries[each, likeliest] - confidence
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    return float(np.abs(np.bincount(bins, weights=surplus)).sum() / len(surplus))


def _has_prototype(prototypes: Floats) -> BoolArray:
    """Return which values (V,) have a prototype (V, E)."""
    is_known: BoolArray = np.isfinite(prototypes[:, 0])
    return is_known


def _logits(embeddings: Floats, prototypes: Floats) -> Floats:
    """Return -‖x - g_v‖² (N, V) but for a constant of each row; -inf without a prototype.

    Both are centered, which keeps float32 accurate where embeddings have nearly collapsed.
    """
    has_prototype = _has_prototype(prototypes)
    logits = np.full((len(embeddings), len(prototypes)), -np.inf, dtype=np.float32)
    if has_prototype.any():
        entries = prototypes[has_prototype]
        center = entries.mean(axis=0)
        entries = entries - center
        lengths = np.einsum("ve,ve->v", entries, entries)
        logits[:, has_prototype] = 2 * (embeddings - center) @ entries.T - lengths
    return logits


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the softmax of each row (N, V); 0 where all are -inf."""
    highest = logits.max(axis=1, keepdims=True, initial=-np.inf)
    shares = np.exp(logits - np.where(np.isfinite(highest), highest, 0))
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(shares)
