"""Calibrated probabilities: how the distances to prototypes become the probabilities of values.

The distances of a block x to the prototypes g_v of a super-category become

    p(v|x) = softmax over v of log π_v - ‖x - g_v‖² / T

with the temperature T and the prior π. Both are chosen on the validation items by the negative
log-likelihood of their values. The prior is the value's share of the labeled items: of two values
that look alike, the frequent one is likelier. Where that predicts held-out items clearly better,
the shares are raised to a power and multiplied by a factor for each value, which is pulled to 1.

All errors are cross-validated: of each half of the items, with what the other half chose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.value_sets import carried_values
from datrnet.core.retrieval.manipulation import BoolArray, Floats

BINS = 15
"""Bins of equal width of the expected calibration error."""

PULLS = (np.inf, 10.0, 3.0)
"""How hard the factors of values are pulled to 1, from fixed factors on: the more, the fewer items
of a value can move its own."""

MOST_STEPS = 50
"""Of the search for the likeliest prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the distances to the prototypes of a super-category become probabilities."""

    temperature: float
    """What squared distances are divided by."""
    shares: tuple[float, ...]
    """π of each value: its share of the items that prototypes are means of, one item added; or what
    the validation items made of it."""
    num_items: int
    """Validation items that it was chosen on; with none it is the geometric mean of the others."""
    error_before: float = 0.0
    """Expected calibration error on these items with a temperature of 1."""
    error_after: float = 0.0
    """The same with this calibration, cross-validated: chosen on one half, measured on the other.
    Older indexes have the error on the items that it was chosen on."""
    error_by_chance: float = 0.0
    """What so few items would show of probabilities that are right; 0 in older indexes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reliability:
    """What validation items say of the probabilities of a super-category."""

    before: Floats
    """(n, V) probabilities with a temperature of 1."""
    after: Floats
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
    logits = _logits(embeddings, prototypes) / calibration.temperature
    return _softmax(logits + np.log(calibration.shares, dtype=np.float32))


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
        _calibrated(_Items.of(embeddings[:, idx], value_sets[:, idx], entries, number), number)
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
        before=_Prior(temperature=1.0, logs=items.log_shares).probabilities(items.logits),
        after=_held_out(items, _pull(items)),
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Items:
    """The validation items of a super-category that carry a value with a prototype."""

    logits: NDArray[np.float64]
    """(n, V) -‖x - g_v‖², but for a constant of each row."""
    carries: BoolArray
    """(n, V)."""
    log_shares: NDArray[np.float64]
    """(V,) of the values with a prototype."""
    has_prototype: BoolArray
    """(V',) of all values."""

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
        logits = _logits(embeddings[kept], prototypes)[:, has_prototype].astype(np.float64)
        return cls(
            logits=logits,
            carries=carries[:, has_prototype],
            log_shares=np.log(_shares(counts)[has_prototype]),
            has_prototype=has_prototype,
        )

    @property
    def can_calibrate(self) -> bool:
        return len(self.logits) > 0 and self.logits.shape[1] > 1

    @property
    def targets(self) -> NDArray[np.float64]:
        """(n, V) what the likelihood is of: an item has each of its values in equal shares.

        As in Platt scaling, 1 / (n + 2) goes to all values: the temperature of few or perfectly
        classified items is not 0.
        """
        smoothing = 1 / (len(self.carries) + 2)
        own = self.carries / self.carries.sum(axis=1, keepdims=True)
        return np.asarray((1 - smoothing) * own + smoothing / self.carries.shape[1])

    def some(self, places: BoolArray) -> "_Items":
        return replace(self, logits=self.logits[places], carries=self.carries[places])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prior:
    """A temperature, and the logarithm of the prior (V,)."""

    temperature: float
    logs: NDArray[np.float64]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_softmax(logits / self.temperature + self.logs))


def _calibrated(items: _Items, counts: NDArray[np.int64]) -> Calibration:
    """Choose temperature and prior, and measure how well they predict held-out items."""
    shares = _shares(counts)
    found = Calibration(temperature=1.0, shares=tuple(shares.tolist()), num_items=0)
    if not items.can_calibrate:
        return found
    pull = _pull(items)
    chosen = _chosen(items, pull)
    if pull is not None:
        prior = np.exp(chosen.logs - chosen.logs.max())
        shares[items.has_prototype] *= prior / shares[items.has_prototype]
        shares /= shares.sum()
    before = _Prior(temperature=1.0, logs=items.log_shares).probabilities(items.logits)
    after = _held_out(items, pull)
    return Calibration(
        temperature=chosen.temperature,
        shares=tuple(shares.tolist()),
        num_items=len(items.logits),
        error_before=calibration_error(before, items.carries),
        error_after=calibration_error(after, items.carries),
        error_by_chance=error_by_chance(after),
    )


def _pull(items: _Items) -> float | None:
    """Return how hard factors are pulled to 1; None if the shares themselves are the prior.

    Another prior has to make held-out items likelier by more than the standard error.
    """
    own, best = _log_likelihoods(items, _held_out(items, None)), None
    least = 0.0
    for pull in PULLS:
        gains = _log_likelihoods(items, _held_out(items, pull)) - own
        surplus = gains.mean() - gains.std() / np.sqrt(len(gains))
        if surplus > least:
            best, least = pull, surplus
    return best


def _log_likelihoods(items: _Items, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-likelihood of each item (n,)."""
    own = items.carries / items.carries.sum(axis=1, keepdims=True)
    tiny = np.finfo(np.float64).tiny
    return np.asarray((own * np.log(np.maximum(probabilities, tiny))).sum(axis=1))


def _held_out(items: _Items, pull: float | None) -> NDArray[np.float64]:
    """Return the probabilities (n, V) of each half of the items, as the other half chooses them."""
    found = np.zeros_like(items.logits)
    for half in _halves(len(found)):
        chosen = _chosen(items.some(~half), pull) if not half.all() else _chosen(items, pull)
        found[half] = chosen.probabilities(items.logits[half])
    return found


def _halves(count: int) -> Iterator[BoolArray]:
    """Yield every other item, and then the others; of a single item only that one."""
    is_even = np.arange(count) % 2 == 0
    yield is_even
    if count > 1:
        yield ~is_even


def _chosen(items: _Items, pull: float | None) -> _Prior:
    """Return the temperature and the prior with the greatest likelihood.

    Args:
        items: The validation items.
        pull: How hard factors are pulled to 1; None for the shares themselves as the prior.
    """
    found = _Prior(temperature=_temperature(items), logs=items.log_shares)
    return found if pull is None else _with_prior(items, found, pull)


def _temperature(items: _Items) -> float:
    """Return the likeliest temperature; the likelihood is concave in 1 / T: one zero."""
    targets, low, high = items.targets, -20.0, 20.0  # log T
    for _ in range(50):
        middle = (low + high) / 2
        probabilities = _softmax(items.logits / np.exp(middle) + items.log_shares)
        # the derivative of the log-likelihood by 1 / T
        rises = ((targets - probabilities) * items.logits).sum() > 0
        low, high = (low, middle) if rises else (middle, high)
    return float(np.exp((low + high) / 2))


def _with_prior(items: _Items, start: _Prior, pull: float) -> _Prior:
    """Return the likeliest temperature, power of the shares and factors, by Newton's method.

    The logits are a · (-‖x - g_v‖² / T) + b · log π_v + c_v. The likelihood less the penalty
    pull / 2 · Σ c_v² + (b - 1)² / 2 is concave in (a, b, c).
    """
    targets, num_values = items.targets, items.logits.shape[1]
    is_free = np.isfinite(pull)
    columns = np.stack(
        [items.logits / start.temperature, np.broadcast_to(items.log_shares, targets.shape)]
    )
    at = np.zeros(2 + num_values)
    at[:2] = 1
    pulls = np.concatenate([[0.0, 1.0], np.full(num_values, pull if is_free else 1.0)])
    goal = np.concatenate([[0.0, 1.0], np.zeros(num_values)])

    def cost(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = np.tensordot(point[:2], columns, axes=1) + point[2:]
        logits -= logits.max(axis=1, keepdims=True)
        sums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        penalty = float((pulls * (point - goal) ** 2).sum() / 2)
        return penalty - float((targets * (logits - sums)).sum()), np.exp(logits - sums)

    now, probabilities = cost(at)
    size = len(at) if is_free else 2
    for _ in range(MOST_STEPS):
        excess = probabilities - targets
        slope = np.concatenate([(excess * columns).sum(axis=(1, 2)), excess.sum(axis=0)])
        slope += pulls * (at - goal)
        step = np.linalg.solve(
            _curvature(columns, probabilities, pulls)[:size, :size], slope[:size]
        )
        for halvings in range(30):
            moved = at.copy()
            moved[:size] -= step / 2**halvings
            then, likely = cost(moved)
            if moved[0] > 0 and then <= now:
                break
        else:
            break
        is_done = now - then < 1e-9 * max(1.0, now)
        at, now, probabilities = moved, then, likely
        if is_done:
            break
    return _Prior(
        temperature=start.temperature / float(at[0]), logs=at[1] * items.log_shares + at[2:]
    )


def _curvature(
    columns: NDArray[np.float64], probabilities: NDArray[np.float64], pulls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the second derivatives (2 + V, 2 + V) of the cost."""
    centered = columns - (probabilities * columns).sum(axis=2, keepdims=True)
    weighted = probabilities * centered
    found = np.diag(pulls + 1e-9)
    found[:2, :2] += np.einsum("anv,bnv->ab", weighted, centered)
    found[:2, 2:] += weighted.sum(axis=1)
    found[2:, :2] += weighted.sum(axis=1).T
    found[2:, 2:] += np.diag(probabilities.sum(axis=0)) - probabilities.T @ probabilities
    return found


# ── distances ────────────────────────────────────────────────────────────────


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share (V,) of the items that carry each value, one item added."""
    return np.asarray((counts + 1) / (counts + 1).sum())


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
