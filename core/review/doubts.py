"""Labels that the model doubts, and what it would say of items that have none.

A label is doubted where the item's block is nearer what stands for another value than what stands
for its own. How sure the doubt is, its margin tells:

    margin = (d²(own) - d²(other)) / (d²(own) + d²(other) + spread)

with d² from the block to what stands for its label and for the nearest other value, and the spread
of the super-category, the mean over all labelled items of d²(own). So it lies between 0, as near
one as the other, and 1, where the block lies at the other value and far from its own; far by the
measure of the super-category, so that loose ones, where blocks lie far from their values anyway,
need more to raise a doubt than tight ones. (Plain differences, differences over the spread and a
spread for each value brought fewer wrong labels to the top; docs/results/review.md has what came of
this one.) For an item without a label the guess is the nearest value, and its margin is measured
against the second nearest.

What stands for a value is told in ``nearness.standards``; entangled systems have nothing to tell.
Labels that a person has set or confirmed are not doubted again.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.nearness import (
    index_labels,
    refuse_entangled,
    squared_distances,
    standards,
)

TINY = 1e-12
"""A margin is divided by this at least: all distances can be 0."""

Settled = Set[tuple[int, str]]
"""Labels that a person has set or confirmed: item id and super-category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One label to look at."""

    row: int
    """Of the item in the catalogue."""
    super_category: str
    label: str | None
    """What it carries; None where it has no label."""
    guess: str
    """The value that the model would give it."""
    margin: float
    """How sure the model is; see above."""
    distance: float
    """From the block to what stands for the label; without one, for the second nearest value."""
    guess_distance: float
    """From the block to what stands for the guess."""


def doubts_of(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str] = ()
) -> list[Doubt]:
    """Return the labels that are doubted, the surest doubt first.

    A label whose value the index does not know is not doubted: nothing is known of it.

    Args:
        searcher: The catalogue and its index.
        settled: Labels that are left alone.
        super_categories: Only of these, in any case; all by default.

    Raises:
        ConfigError: The index has one block for all super-categories.
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index was built without it.
    """
    return _all(searcher, settled, super_categories, labelled=True)


def guesses_of(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str] = ()
) -> list[Doubt]:
    """Return what the model would say of items without a label, the surest guess first.

    Args:
        searcher: The catalogue and its index.
        settled: Items of which a person has said that no value holds.
        super_categories: Only of these, in any case; all by default.

    Raises:
        ConfigError: The index has one block for all super-categories.
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index was built without it.
    """
    return _all(searcher, settled, super_categories, labelled=False)


def _all(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str], *, labelled: bool
) -> list[Doubt]:
    refuse_entangled(searcher)
    asked = [searcher.block_index(name) for name in super_categories] or range(len(searcher.names))
    found = [
        doubt
        for idx in dict.fromkeys(asked)
        for doubt in _of(searcher, idx, settled, labelled=labelled)
    ]
    return sorted(found, key=lambda one: (-one.margin, one.row))


def _of(searcher: Searcher, idx: int, settled: Settled, *, labelled: bool) -> list[Doubt]:
    """Return the doubts, or the guesses, of one super-category."""
    catalog, category = searcher.catalog, searcher.generation.super_categories[idx]
    measured = measure(
        searcher.generation.embeddings[:, idx],
        index_labels(searcher, idx),
        standards(searcher, idx),
    )
    rows = searcher.indexed_rows
    column = catalog.super_category_idx(category.name)
    is_labelled = catalog.labels[rows, column] != UNLABELED
    margins = measured.margins
    # a value that came after the index is a label, but has no distance
    is_open = (
        (measured.labels != UNLABELED) & (margins > 0) if labelled else ~is_labelled & (margins > 0)
    )
    names = category.values
    return [
        Doubt(
            row=int(rows[place]),
            super_category=category.name,
            label=names[measured.labels[place]] if labelled else None,
            guess=names[measured.guesses[place]],
            margin=float(margins[place]),
            distance=float(np.sqrt(measured.own[place])),
            guess_distance=float(np.sqrt(measured.nearest[place])),
        )
        for place in np.flatnonzero(is_open)
        if (int(catalog.item_ids[rows[place]]), category.name) not in settled
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """The items of one super-category against what stands for its values."""

    labels: NDArray[np.int16]
    """(n,), -1 where unlabelled."""
    guesses: NDArray[np.intp]
    """(n,) the nearest value, of those that are not the label."""
    own: NDArray[np.float32]
    """(n,) d² to the label's; of an unlabelled item to the second nearest."""
    nearest: NDArray[np.float32]
    """(n,) d² to the guess's."""
    margins: NDArray[np.float32]
    """(n,) -1 to 1; NaN where a distance is not known or there is nothing to compare with."""


def measure(
    blocks: NDArray[np.float32], labels: NDArray[np.int16], points: NDArray[np.float32]
) -> Measured:
    """Measure the margins of one super-category.

    Args:
        blocks: (n, E).
        labels: (n,), -1 where unlabelled.
        points: (V, E) what stands for each value; NaN where nothing does.
    """
    distances = squared_distances(blocks, points)
    places, is_labelled = np.arange(len(labels)), labels != UNLABELED
    first = np.where(is_labelled, labels, 0)
    own = np.where(is_labelled, distances[places, first], np.inf)
    distances[places[is_labelled], labels[is_labelled]] = np.inf
    guesses = distances.argmin(axis=1)
    nearest = distances[places, guesses]
    distances[places, guesses] = np.inf
    own = np.where(is_labelled, own, distances.min(axis=1))
    known = is_labelled & np.isfinite(own)
    spread = float(own[known].mean()) if known.any() else 0.0
    with np.errstate(invalid="ignore"):
        margins = (own - nearest) / np.maximum(own + nearest + spread, TINY)
    return Measured(labels=labels, guesses=guesses, own=own, nearest=nearest, margins=margins)
