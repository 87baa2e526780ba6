"""Label issues: labels that the model contradicts, and suggestions for missing labels.

A label is an issue if the item's block is closer to the prototype of another value than to its own.
The margin says how confident the model is:

    margin = (d²(own) - d²(other)) / (d²(own) + d²(other) + spread)

with the squared distances from the block to the prototypes of its label and of the closest other
value, and the super-category's spread, the mean of d²(own) over all labeled items. The margin is 0
for a tie and approaches 1 if the block is at the other prototype and far from its own. The spread
normalizes "far": super-categories whose blocks are far from their prototypes anyway need a larger
difference than tight ones. (Plain differences, differences over the spread, and a spread per value
ranked fewer wrong labels at the top; see docs/results/review.md.) For an item without a label the
suggestion is the closest value, and the margin compares it with the second closest.

See ``prototype_distance.reference_points`` for what counts as a prototype. Labels that the user has
set or confirmed are never issues. Indexes with an entangled block are refused.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.prototype_distance import (
    index_labels,
    reference_points,
    refuse_entangled,
    squared_distances,
)

EPS = 1e-12
"""Lower bound of the margin's denominator: all distances can be 0."""

Settled = Set[tuple[int, str]]
"""Labels that the user has set or confirmed: item id and super-category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssue:
    """A label to check."""

    row: int
    """Catalog row of the item."""
    super_category: str
    label: str | None
    """The current label; None if there is none."""
    guess: str
    """The value predicted by the model."""
    margin: float
    """The model's confidence, in (0, 1]; see above."""
    distance: float
    """To the prototype of the label; without a label, of the second closest value."""
    guess_distance: float
    """To the prototype of the guess."""


def label_issues(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str] = ()
) -> list[LabelIssue]:
    """Return the labels that the model contradicts, the most confident first.

    Labels with a value that the index does not know are skipped.

    Args:
        searcher: The catalog and its index.
        settled: Labels to skip.
        super_categories: Restrict the search to these, in any case.

    Raises:
        ConfigError: The index has an entangled block.
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index does not cover it.
    """
    return _find(searcher, settled, super_categories, labeled=True)


def missing_labels(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str] = ()
) -> list[LabelIssue]:
    """Return suggestions for items without a label, the most confident first.

    Args:
        searcher: The catalog and its index.
        settled: Items for which the user has said that no value applies.
        super_categories: Restrict the search to these, in any case.

    Raises:
        ConfigError: The index has an entangled block.
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index does not cover it.
    """
    return _find(searcher, settled, super_categories, labeled=False)


def _find(
    searcher: Searcher, settled: Settled, super_categories: Sequence[str], *, labeled: bool
) -> list[LabelIssue]:
    refuse_entangled(searcher)
    blocks = [searcher.block_index(name) for name in super_categories] or range(len(searcher.names))
    issues = [
        issue
        for block in dict.fromkeys(blocks)
        for issue in _issues_of_block(searcher, block, settled, labeled=labeled)
    ]
    return sorted(issues, key=lambda issue: (-issue.margin, issue.row))


def _issues_of_block(
    searcher: Searcher, block: int, settled: Settled, *, labeled: bool
) -> list[LabelIssue]:
    catalog, category = searcher.catalog, searcher.generation.super_categories[block]
    margins = compute_margins(
        searcher.generation.embeddings[:, block],
        index_labels(searcher, block),
        reference_points(searcher, block),
    )
    rows = searcher.indexed_rows
    column = catalog.super_category_idx(category.name)
    is_positive = margins.margins > 0
    if labeled:
        is_issue = is_positive & (margins.labels != UNLABELED)
    else:  # a value added after indexing is a label, although the index does not know it
        is_issue = is_positive & (catalog.labels[rows, column] == UNLABELED)
    return [
        LabelIssue(
            row=int(rows[place]),
            super_category=category.name,
            label=category.values[margins.labels[place]] if labeled else None,
            guess=category.values[margins.guesses[place]],
            margin=float(margins.margins[place]),
            distance=float(np.sqrt(margins.own[place])),
            guess_distance=float(np.sqrt(margins.other[place])),
        )
        for place in np.flatnonzero(is_issue)
        if (int(catalog.item_ids[rows[place]]), category.name) not in settled
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Margins:
    """Margins of the items of a super-category."""

    labels: NDArray[np.int16]
    """(n,), -1 where unlabeled."""
    guesses: NDArray[np.intp]
    """(n,) closest value other than the label."""
    own: NDArray[np.float32]
    """(n,) d² to the label's prototype; without a label, to the second closest."""
    other: NDArray[np.float32]
    """(n,) d² to the guess's prototype."""
    margins: NDArray[np.float32]
    """(n,) in [-1, 1]; NaN where a distance is unknown or there is no other value."""


def compute_margins(
    blocks: NDArray[np.float32], labels: NDArray[np.int16], points: NDArray[np.float32]
) -> Margins:
    """Compute the margins of a super-category.

    Args:
        blocks: (n, E).
        labels: (n,), -1 where unlabeled.
        points: (V, E) prototypes; NaN where a value has none.
    """
    distances = squared_distances(blocks, points)
    places, is_labeled = np.arange(len(labels)), labels != UNLABELED
    own = np.where(is_labeled, distances[places, np.where(is_labeled, labels, 0)], np.inf)
    distances[places[is_labeled], labels[is_labeled]] = np.inf
    guesses = distances.argmin(axis=1)
    other = distances[places, guesses]
    distances[places, guesses] = np.inf
    own = np.where(is_labeled, own, distances.min(axis=1))
    known = is_labeled & np.isfinite(own)
    spread = float(own[known].mean()) if known.any() else 0.0
    with np.errstate(invalid="ignore"):
        margins = (own - other) / np.maximum(own + other + spread, EPS)
    return Margins(labels=labels, guesses=guesses, own=own, other=other, margins=margins)
