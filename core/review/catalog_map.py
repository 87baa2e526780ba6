"""The catalog as a map of one super-category: where its items are, their labels, and doubts."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from datrnet.core.graphics.point_map import class_of_values
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.item_map import map_points
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.label_issues import label_issues

MOST_SIGNS = 200
"""Doubts that get a sign, the surest of those in view: many more would hide the map."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CatalogMap:
    """The indexed items that are not hidden, as points; near items look alike to the model."""

    super_category: str
    """As the catalog spells it."""
    values: tuple[str, ...]
    rows: NDArray[np.intp]
    """(n,) catalog rows, ascending."""
    points: NDArray[np.float32]
    """(n, 2) within the square from -1 to 1."""
    labels: NDArray[np.int16]
    """(n,) the first value of each item, -1 without one."""
    doubts: Mapping[int, str]
    """The predicted value, by the row of each item whose label the model doubts, the surest doubt
    first."""

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(V,) items with each value."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.values))

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """(n,) the class of each point's value: the most frequent are named."""
        return class_of_values(self.counts)[self.labels]

    @cached_property
    def value_classes(self) -> dict[int, int]:
        """The class of each value that items have, the most frequent value first."""
        classes, order = class_of_values(self.counts), np.argsort(-self.counts, kind="stable")
        return {int(value): int(classes[value]) for value in order if self.counts[value]}

    @cached_property
    def doubtful(self) -> NDArray[np.intp]:
        """(d,) the points whose labels the model doubts, the surest doubt first."""
        return np.searchsorted(self.rows, np.fromiter(self.doubts, dtype=np.intp))

    def place_of(self, row: int) -> int | None:
        """Return which point is a catalog row's; None if it is not on the map."""
        place = int(np.searchsorted(self.rows, row))
        return place if place < len(self.rows) and self.rows[place] == row else None

    def value_at(self, place: int) -> str | None:
        """Return the value of a point's item, None without a label."""
        label = int(self.labels[place])
        return None if label < 0 else self.values[label]

    def relabeled(self, searcher: Searcher, settled: Set[tuple[int, str]]) -> "CatalogMap":
        """Return the map of the same items with the labels, and doubts, that they have now."""
        return replace(self, **_labels(searcher, self.super_category, self.rows, settled))


def catalog_map(
    searcher: Searcher,
    super_category: str,
    settled: Set[tuple[int, str]] = frozenset(),
    on_progress: Progress = no_progress,
) -> CatalogMap:
    """Return the map of a super-category; lays it out if that has not been done yet.

    Args:
        searcher: The catalog and its index.
        super_category: Its name, in any case.
        settled: Labels that are not doubted, which the user has set or confirmed: item id and
            super-category.
        on_progress: Called with the progress.

    Raises:
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index does not cover it.
    """
    idx, catalog = searcher.block_index(super_category), searcher.catalog
    generation = searcher.generation
    points = map_points(generation, generation.block_of(idx), on_progress)
    rows = searcher.indexed_rows[searcher.is_shown]
    name = generation.super_categories[idx].name
    category = catalog.super_categories[catalog.super_category_idx(name)]
    return CatalogMap(
        super_category=category.name,
        values=category.values,
        rows=rows,
        points=points[searcher.is_shown],
        **_labels(searcher, category.name, rows, settled),
    )


class _Labels(TypedDict):
    labels: NDArray[np.int16]
    doubts: Mapping[int, str]


def _labels(
    searcher: Searcher,
    super_category: str,
    rows: NDArray[np.intp],
    settled: Set[tuple[int, str]],
) -> _Labels:
    """Return what a map shows of the labels of some rows."""
    catalog, doubts = searcher.catalog, {}
    if not searcher.is_entangled:  # else no single label can be judged
        doubts = {
            issue.row: issue.guess for issue in label_issues(searcher, settled, (super_category,))
        }
    labels = catalog.labels[rows, catalog.super_category_idx(super_category)]
    return _Labels(labels=labels, doubts=doubts)
