"""Calibrated probabilities: how the distances to prototypes become the probabilities of values.

The squared distances d² of a block x to the prototypes of a super-category become

    p(v|x) = softmax over v of log π_v - log(1 + κ d²_v) / (κ T)

with the value's share π of the labeled items: of two values that look alike, the frequent one is
likelier. The temperature T and the tail κ are chosen on the validation items by the negative
log-likelihood of their values. With a tail of 0 the last term is d² / T, a normal distribution
around each prototype; with a longer one it is Student's t distribution. Where many items lie far
from all prototypes, as after a short training, it fits them better: differences between large
distances count less.

A classifier's logits x have one-hot prototypes, so that without π and a tail p(v|x) is the softmax
of 2 x / T. The classifier has learned how frequent the values are.

All errors are cross-validated: of each half of the items, with what the other half chose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import carried_values
from datrnet.core.retrieval.manipulation import BoolArray, Floats

BINS = 15
"""Bins of equal width of the expected calibration error."""

TAILS = (0.1, 0.3, 1.0)
"""κ that are tried, as multiples of 1 over the items' mean squared distance to the nearest
prototype."""

FEWEST_ITEMS = 100
"""Of a super-category in which a tail is looked for: fewer do not tell one from chance."""

LEAST_GAIN = 0.004
"""Of log-likelihood per item, for which a tail is worth its parameter."""

STANDARD_ERRORS = 1.65
"""How many of them the gain has to exceed, which chance does in one of twenty cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the distances to the prototypes of a super-category become probabilities."""

    temperature: float
    """What squared distances are divided by."""
    shares: tuple[float, ...]
    """π of each value: its share of the items that prototypes are means of, one item added; all the
    same where prototypes are one-hot."""
    num_items: int
    """Validation items that it was chosen on; with none it is the geometric mean of the others."""
    error_before: float = 0.0
    """Expected calibration error on these items with a temperature of 1."""
    error_after: float = 0.0
    """The same with this calibration, cross-validated: chosen on one half, measured on the other.
    Older indexes have the error on the items that it was chosen on."""
    error_by_chance: float = 0.0
    """What so few items would show of probabilities that are right; 0 in older indexes."""
    tail: float = 0.0
    """κ; 0 for the squared distances themselves, as in older indexes."""
    unlabeled: tuple[float, ...] = ()
    """a and b of the probability of having no label, see ``missing_labels.py``; empty if there is
    none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reliability:
    """What validation items say of the probabilities of a super-category."""

    before: NDArray[np.float64]
    """(n, V) probabilities with a temperature of 1."""
    after: NDArray[np.float64]
    """(n, V) calibrated ones, each chosen without the half of the items that it is of."""
    carries: BoolArray
    """(n, V) the items' values."""


def posteriors(embeddings: Floats, prototypes: Floats, calibration: Calibration) -> Floats:
    """Return the probabilities (N, V) of the values; 0 for a value without a prototype.

    Args:
        embeddings: (N, E) of one super-category.
        prototypes: (V, E); NaN where a value has none.
        calibration: That of the super-category.
    """
    shares = np.log(calibration.shares, dtype=np.float32)
    return _softmax(density_logits(embeddings, prototypes, calibration) + shares)


def density_logits(embeddings: Floats, prototypes: Floats, calibration: Calibration) -> Floats:
    """Return the logarithms (N, V) of the densities around prototypes (V, E) at items (N, E).

    They are right but for a constant of each row; -inf without a prototype.
    """
    if calibration.tail:
        logits = _tailed(_squares(embeddings, prototypes), calibration.tail)
    else:
        logits = _logits(embeddings, prototypes)
    return np.asarray(logits / np.float32(calibration.temperature))


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
            _Items.of(embeddings[:, idx], value_sets[:, idx], entries, number),
            _shares(number, entries),
        )
        for idx, (entries, number) in enumerate(zip(prototypes, counts, strict=True))
    ]
    known = [each.temperature for each in found if each.num_items]
    if not known:
        return ()
    mean = float(np.exp(np.log(known).mean()))
    return tuple(each if each.num_items else replace(each, temperature=mean) for each in found)


def reliability(
    embeddings: Floats,
    value_sets: NDArray[np.int16],
    prototypes: Floats,
    counts: NDArray[np.int64],
) -> Reliability | None:
    """Return what the validation items say of a super-category; None if they say nothing.

    Args:
        embeddings: (N, E) of the validation items.
        value_sets: (N, L) their values.
        prototypes: (V, E).
        counts: (V,) items that carry the values, among those of the prototypes.
    """
    items = _Items.of(embeddings, value_sets, prototypes, counts)
    if not items.can_calibrate:
        return None
    return Reliability(
        before=items.probabilities(1.0),
        after=_held_out(_with_tail(items)),
        carries=items.carries,
    )


# ── errors ───────────────────────────────────────────────────────────────────


def calibration_error(probabilities: NDArray[np.floating[Any]], carries: BoolArray) -> float:
    """Return the expected calibration error: the mean of |accuracy - confidence| over bins.

    The confidence is the probability of the likeliest value, which is right if the item carries it.

    Args:
        probabilities: (N, V).
        carries: (N, V) the items' values.
    """
    confidence, is_right = confidences(probabilities, carries)
    sums = np.bincount(bins_of(confidence), weights=is_right - confidence)
    return float(np.abs(sums).sum() / len(confidence))


def error_by_chance(probabilities: NDArray[np.floating[Any]]) -> float:
    """Return about which calibration error right probabilities (N, V) would show.

    Of n items with the confidence p, as many as a binomial distribution has are right; the mean
    absolute deviation of its normal approximation is the root of 2/π · n p (1 - p).
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    variances = np.bincount(bins_of(confidence), weights=confidence * (1 - confidence))
    return float(np.sqrt(2 / np.pi * variances).sum() / len(confidence))


def confidences(
    probabilities: NDArray[np.floating[Any]], carries: BoolArray
) -> tuple[NDArray[np.float64], BoolArray]:
    """Return the probability (N,) of the likeliest value, and whether the items carry it (N,)."""
    likeliest = probabilities.argmax(axis=1)
    each = np.arange(len(likeliest))
    return probabilities[each, likeliest].astype(np.float64), carries[each, likeliest]


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin (N,) of each confidence (N,)."""
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


# ── choosing ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True, eq=False)
class _Items:
    """The validation items of a super-category that carry a value with a prototype."""

    squares: NDArray[np.float64]
    """(n, V) d²."""
    carries: BoolArray
    """(n, V)."""
    log_shares: NDArray[np.float64]
    """(V,) of the values with a prototype."""
    may_have_tail: bool
    tail: float = 0.0

    @classmethod
    def of(
        cls,
        embeddings: Floats,
        sets: NDArray[np.int16],
        prototypes: Floats,
        counts: NDArray[np.int64],
    ) -> "_Items":
        has_prototype = _has_prototype(prototypes)
        items, values = carried_values(sets)
        is_known = has_prototype[values]
        kept, rows = np.unique(items[is_known], return_inverse=True)
        carries = np.zeros((len(kept), len(prototypes)), dtype=bool)
        carries[rows, values[is_known]] = True
        squares = _squares(embeddings[kept], prototypes)[:, has_prototype].astype(np.float64)
        return cls(
            squares=squares,
            carries=carries[:, has_prototype],
            log_shares=np.log(_shares(counts, prototypes)[has_prototype]),
            may_have_tail=not _are_one_hot(prototypes),
        )

    @property
    def can_calibrate(self) -> bool:
        return len(self.squares) > 0 and self.squares.shape[1] > 1

    @cached_property
    def logits(self) -> NDArray[np.float64]:
        """(n, V) of a temperature of 1 and equal shares."""
        return _tailed(self.squares, self.tail)

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """(n, V) the items' values, each in an equal share."""
        return np.asarray(self.carries / self.carries.sum(axis=1, keepdims=True))

    def some(self, places: BoolArray) -> "_Items":
        return replace(self, squares=self.squares[places], carries=self.carries[places])

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        return _softmax(self.logits / temperature + self.log_shares)


def _calibrated(items: _Items, shares: NDArray[np.float64]) -> Calibration:
    """Choose tail and temperature, and measure how well they predict held-out items."""
    if not items.can_calibrate:
        return Calibration(temperature=1.0, shares=tuple(shares.tolist()), num_items=0)
    chosen = _with_tail(items)
    after = _held_out(chosen)
    return Calibration(
        temperature=_temperature(chosen),
        tail=chosen.tail,
        shares=tuple(shares.tolist()),
        num_items=len(items.squares),
        error_before=calibration_error(items.probabilities(1.0), items.carries),
        error_after=calibration_error(after, items.carries),
        error_by_chance=error_by_chance(after),
    )


def _with_tail(items: _Items) -> _Items:
    """Return the items with the tail that makes held-out items likeliest.

    A tail has to be better than none by more than chance explains, and by not too little.
    """
    unit = max(float(items.squares.min(axis=1).mean()), float(np.finfo(np.float32).tiny))
    best, most, own = items, 0.0, _log_likelihoods(items)
    for tail in TAILS if items.may_have_tail and len(own) >= FEWEST_ITEMS else ():
        other = replace(items, tail=tail / unit)
        gains = _log_likelihoods(other) - own
        gain = float(gains.mean())
        surplus = gain - STANDARD_ERRORS * float(gains.std()) / np.sqrt(len(gains))
        if gain > LEAST_GAIN and surplus > most:
            best, most = other, surplus
    return best


def _log_likelihoods(items: _Items) -> NDArray[np.float64]:
    """Return the log-likelihood (n,) of each item, as the other half of the items predicts it."""
    likely = np.maximum(_held_out(items), np.finfo(np.float64).tiny)
    return np.asarray((items.own * np.log(likely)).sum(axis=1))


def _held_out(items: _Items) -> NDArray[np.float64]:
    """Return the probabilities (n, V) of each half of the items with the other's temperature.

    The halves are every other item; a single item has only itself.
    """
    found = np.zeros_like(items.squares)
    is_even = np.arange(len(found)) % 2 == 0
    for half in (is_even, ~is_even) if len(found) > 1 else ():
        found[half] = items.some(half).probabilities(_temperature(items.some(~half)))
    return found if len(found) > 1 else items.probabilities(_temperature(items))


def _temperature(items: _Items) -> float:
    """Return the temperature with the greatest likelihood.

    The likelihood of an item is that of a uniform distribution over its values, of which, as in
    Platt scaling, 1 / (n + 2) goes to all values: the temperature of few or perfectly classified
    items is not 0. The likelihood is concave in 1 / T, so its derivative has one zero.
    """
    smoothing = 1 / (len(items.own) + 2)
    targets = (1 - smoothing) * items.own + smoothing / items.own.shape[1]
    low, high = -20.0, 20.0  # log T
    for _ in range(50):
        middle = (low + high) / 2
        # the derivative of the log-likelihood by 1 / T
        excess = targets - items.probabilities(np.exp(middle))
        low, high = (low, middle) if (excess * items.logits).sum() > 0 else (middle, high)
    return float(np.exp((low + high) / 2))


# ── distances ────────────────────────────────────────────────────────────────


def _shares(counts: NDArray[np.int64], prototypes: Floats) -> NDArray[np.float64]:
    """Return the share (V,) of the items that carry each value, one item added.

    One-hot prototypes are of a classifier's output, which has the shares in it: all are equal.
    """
    numbers = np.ones(len(counts)) if _are_one_hot(prototypes) else counts + 1
    return np.asarray(numbers / numbers.sum())


def _are_one_hot(prototypes: Floats) -> bool:
    """Tell whether prototypes (V, E) are the first V unit vectors."""
    return np.array_equal(prototypes, np.eye(*prototypes.shape))


def _has_prototype(prototypes: Floats) -> BoolArray:
    """Return which values (V,) have a prototype (V, E)."""
    is_known: BoolArray = np.isfinite(prototypes[:, 0])
    return is_known


def _squares(embeddings: Floats, prototypes: Floats) -> Floats:
    """Return d² (N, V); infinite without a prototype."""
    known = prototypes[_has_prototype(prototypes)]
    from_center = embeddings - (known.mean(axis=0) if len(known) else np.float32(0))
    lengths = np.einsum("ne,ne->n", from_center, from_center)[:, None]
    return np.asarray(np.maximum(lengths - _logits(embeddings, prototypes), 0))


def _tailed(squares: NDArray[Any], tail: float) -> NDArray[Any]:
    """Return -log(1 + κ d²) / κ, or -d² for a tail κ of 0."""
    if not tail:
        return -squares
    return np.asarray(-np.log1p(squares * squares.dtype.type(tail)) / squares.dtype.type(tail))


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
