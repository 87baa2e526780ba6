"""What the lists of an index are ranked with, chosen on the validation items.

The paper's distance has weights. Match scores have temperatures, which every update calibrates
again, and weights of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.ranking import Gallery, Weights, choose_weights
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.manifest import Manifest
from datrnet.core.retrieval.match import UNCALIBRATED, MatchModel, calibrate, has_match_scores

MOST_CALIBRATED = 5000
"""Most validation items that temperatures are chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedWith:
    """The weights of distances, and what match scores are computed with."""

    weights: Weights
    match: MatchModel = UNCALIBRATED

    @classmethod
    def of(cls, manifest: Manifest) -> "RankedWith":
        """Return what a generation is ranked with."""
        weights = Weights(blocks=manifest.weights, changed=manifest.changed_weight)
        return cls(weights=weights, match=manifest.match)


def choose_ranking(
    gallery: Gallery,
    counts: Sequence[NDArray[np.int64]],
    kept: RankedWith | None = None,
    *,
    weights: Weights | None = None,
    on_progress: Progress = no_progress,
) -> RankedWith:
    """Calibrate, and choose the weights that are not known.

    Args:
        gallery: The validation items.
        counts: (V,) of each super-category: items that carry its values, among those of the
            prototypes.
        kept: Whose weights to keep; None chooses them.
        weights: Those of distances, if they are given.
        on_progress: Called with the progress of each step.
    """
    if weights is None:
        weights = (
            choose_weights(gallery, on_progress=partial(on_progress, "Choosing weights"))
            if kept is None
            else kept.weights
        )
    if not has_match_scores(gallery.manipulation):
        return RankedWith(weights=weights)
    places = evenly_spaced(np.arange(len(gallery.labels)), MOST_CALIBRATED)
    prototypes = [gallery.manipulation.prototypes_of(idx) for idx in range(gallery.num_blocks)]
    calibrations = calibrate(
        gallery.embeddings[places], gallery.value_sets[places], prototypes, counts
    )
    if not calibrations:
        return RankedWith(weights=weights)
    match = MatchModel(calibrations=calibrations)
    if kept is not None and kept.match.calibrations:
        chosen = Weights(blocks=kept.match.weights, changed=kept.match.changed_weight)
    else:
        choosing = partial(on_progress, "Choosing weights of match scores")
        chosen = choose_weights(replace(gallery, match=match), on_progress=choosing)
    match = replace(match, weights=chosen.blocks, changed_weight=chosen.changed)
    return RankedWith(weights=weights, match=match)


def evenly_spaced(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return some places (m,), evenly spaced, if there are more than that."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.intp)]
