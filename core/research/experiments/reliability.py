"""Reliability diagrams: how often values with a confidence are right, by super-category."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from datrnet.core.catalog.catalog import Catalog, validation_rows
from datrnet.core.catalog.value_sets import count_values
from datrnet.core.research.experiments.charts import PALETTE, new_figure, plain, rendered
from datrnet.core.retrieval.calibration import (
    Reliability,
    bins_of,
    calibration_error,
    confidences,
    error_by_chance,
    reliability,
)
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.match import has_match_scores
from datrnet.core.retrieval.prototypes import prototype_items

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
"""Diagrams side by side."""

SIDE = 2.9
"""Inches of a diagram."""

LARGEST = 220.0
"""Area of the dot of all items, in points²."""


def index_reliability(catalog: Catalog, generation: Generation) -> dict[str, Reliability]:
    """Return what the validation items say of an index's probabilities, by super-category.

    Args:
        catalog: All items, without labels that nobody looked at.
        generation: The index, as the catalog is now.

    Returns:
        Nothing of super-categories that cannot be calibrated.
    """
    if not has_match_scores(generation.manipulation):
        return {}
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    sets = catalog.encode_value_sets(generation.super_categories)[rows]
    is_source = prototype_items(catalog, generation, rows)
    validates = np.isin(rows, validation_rows(catalog))
    found = {
        category.name: reliability(
            np.asarray(generation.embeddings[validates, idx]),
            sets[validates, idx],
            generation.prototypes_of(idx),
            count_values(sets[is_source, idx], len(category.values)),
        )
        for idx, category in enumerate(generation.super_categories)
    }
    return {name: of_name for name, of_name in found.items() if of_name is not None}


def reliability_chart(found: Mapping[str, Reliability]) -> Image.Image:
    """Draw a diagram per super-category: the accuracy in bins of the confidence.

    Args:
        found: At least one, by super-category.

    Raises:
        ConfigError: The extra that draws charts is not installed.
    """
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = new_figure(SIDE * columns, (SIDE + 0.5) * rows + 0.4, rows=rows, columns=columns)
    for axes, (name, of_name) in zip(figure.axes, found.items(), strict=False):
        _draw(axes, name, of_name)
    for axes in figure.axes[len(found) :]:
        axes.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    figure.supxlabel("confidence", fontsize=9)
    figure.supylabel("share that is right", fontsize=9)
    return rendered(figure)


def _draw(axes: "Axes", name: str, found: Reliability) -> None:
    """Draw the diagram of a super-category; the area of a dot grows with its items."""
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, marker="", label="as it should be")
    errors = []
    series = (("temperature 1", found.before, 1), ("calibrated, held out", found.after, 0))
    for number, (words, probabilities, color) in enumerate(series):
        confidence, is_right = confidences(probabilities, found.carries)
        bins, counts = np.unique(bins_of(confidence), return_counts=True)
        places = [bins_of(confidence) == place for place in bins]
        xs = [float(confidence[of_bin].mean()) for of_bin in places]
        ys = [float(is_right[of_bin].mean()) for of_bin in places]
        axes.plot(xs, ys, color=PALETTE[color], linewidth=1.0, marker="", zorder=2 + number)
        axes.scatter(
            xs,
            ys,
            s=8 + LARGEST * counts / len(confidence),
            color=PALETTE[color],
            marker="so"[number],
            alpha=0.75,
            label=words,
            zorder=2 + number,
        )
        errors.append(calibration_error(probabilities, found.carries))
    chance = error_by_chance(found.after)
    axes.set_title(
        f"{plain(name)}: {len(found.carries):,} items\n"
        f"error {errors[0]:.1%} → {errors[1]:.1%}, by chance {chance:.1%}",
        fontsize=8,
    )
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.2)
