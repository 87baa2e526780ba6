"""What ranks the results of an index, chosen on the validation items.

The paper's distance has weights. Match scores have temperatures, which every update calibrates
again, and weights of their own. The better of the two ranks searches, unless one is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datrnet.core.config import RankingChoice
from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.ranking import (
    Gallery,
    Weights,
    choose_weights,
    list_quality,
    weights_of_match,
)
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.calibration import calibrate
from datrnet.core.retrieval.manifest import Manifest
from datrnet.core.retrieval.match import (
    UNCALIBRATED,
    MatchModel,
    has_match_scores,
)
from datrnet.core.retrieval.missing_labels import with_unlabeled
from datrnet.core.retrieval.request import Ranking

MOST_CALIBRATED = 5000
"""Most validation items that temperatures are chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedWith:
    """The weights of distances, what match scores are computed with, and which of them ranks."""

    weights: Weights
    match: MatchModel = UNCALIBRATED
    ranking: Ranking = "distance"
    reason: str = ""
    """Why this ranking."""

    @classmethod
    def of(cls, manifest: Manifest) -> "RankedWith":
        """Return what a generation is ranked with."""
        weights = Weights(blocks=manifest.weights, changed=manifest.changed_weight)
        return cls(
            weights=weights,
            match=manifest.match,
            ranking=manifest.ranking,
            reason=manifest.ranking_reason,
        )


def choose_ranking(
    gallery: Gallery,
    counts: Sequence[NDArray[np.int64]],
    kept: RankedWith | None = None,
    *,
    weights: Weights | None = None,
    asked: RankingChoice | None = None,
    default: RankingChoice = "distance",
    on_progress: Progress = no_progress,
) -> RankedWith:
    """Calibrate, choose the weights that are not known, and then what ranks.

    Args:
        gallery: The validation items.
        counts: (V,) of each super-category: items that carry its values, among those of the
            prototypes.
        kept: What ranked before; None chooses again.
        weights: Those of distances, if they are given.
        asked: What is to rank.
        default: What ranks where nothing is asked for or kept.
        on_progress: Called with the progress of each step.

    Raises:
        ConfigError: Match scores are asked for, and the system has none, or no validation item is
            labeled; or they are the default of a system that has none.
    """
    if weights is None:
        weights = (
            choose_weights(gallery, on_progress=partial(on_progress, "Choosing weights"))
            if kept is None
            else kept.weights
        )
    match, lacking = _match_model(gallery, counts, kept, on_progress)
    found = RankedWith(weights=weights, match=match, reason=lacking)
    if lacking:
        # a catalog may have no labeled validation item, which its config does not know
        is_impossible = kept is None and not has_match_scores(gallery.manipulation)
        if asked == "match" or (asked is None and default == "match" and is_impossible):
            raise ConfigError(
                f"Items cannot be ranked by match: {lacking}.", hint="Rank by distance."
            )
        return found
    if asked is None and kept is not None:
        return replace(found, ranking=kept.ranking, reason=kept.reason)
    ranking = asked or default
    if ranking != "auto":
        reason = "asked for" if asked else "set by the run's config"
        return replace(found, ranking=ranking, reason=reason)
    by_distance = list_quality(gallery, weights)
    by_match = list_quality(replace(gallery, match=match), weights_of_match(match))
    if np.isnan(by_match):
        return replace(found, reason="too few queries among the validation items")
    return replace(
        found,
        ranking="match" if by_match > by_distance else "distance",
        reason=f"validation lists score {by_distance:.4f} by distance, {by_match:.4f} by match",
    )


def _match_model(
    gallery: Gallery,
    counts: Sequence[NDArray[np.int64]],
    kept: RankedWith | None,
    on_progress: Progress,
) -> tuple[MatchModel, str]:
    """Return what match scores are computed with, or what is lacking."""
    if not has_match_scores(gallery.manipulation):
        return UNCALIBRATED, "the system has no match scores"
    places = evenly_spaced(np.arange(len(gallery.labels)), MOST_CALIBRATED)
    prototypes = [gallery.manipulation.prototypes_of(idx) for idx in range(gallery.num_blocks)]
    embeddings, sets = gallery.embeddings[places], gallery.value_sets[places]
    calibrations = calibrate(embeddings, sets, prototypes, counts)
    if not calibrations:
        return UNCALIBRATED, "no validation item is labeled"
    calibrations = with_unlabeled(calibrations, embeddings, sets, gallery.manipulation)
    match = MatchModel(calibrations=calibrations)
    if kept is not None and kept.match.calibrations:
        chosen = weights_of_match(kept.match)
    else:
        choosing = partial(on_progress, "Choosing weights of match scores")
        chosen = choose_weights(replace(gallery, match=match), on_progress=choosing)
    return replace(match, weights=chosen.blocks, changed_weight=chosen.changed), ""


def evenly_spaced(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return some places (m,), evenly spaced, if there are more than that."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.intp)]
