"""Match scores: items ranked by the probability that their values are the wanted ones.

With the calibrated probabilities p(v|x) of the values of a block x, a query q and an item g match
in a super-category with the probability m = Σ_v p(v|q) p(v|g), or p(b|g) if the value b is wanted.
Items are ranked by Σ_t w_t log(ε + m_t), the highest first: a certain mismatch costs much once and
never more, and an uncertain query asks for what it is uncertain about.

Only systems whose prototypes are positions in the embedding space have such probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from datrnet.core.retrieval.calibration import Calibration
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

NO_MATCH_SCORES = (
    "The system of this index has no match scores: its entries are not positions among the "
    "embeddings."
)


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
