"""Queries that a split folder in ADDE's format brings along, asked of an index."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import QuerySet
from datrnet.core.research.datasets.adde import read_counts, read_queries, read_split
from datrnet.core.research.datasets.adde_items import rows_of_lines

TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenQueries:
    """The queries of a folder that can be asked, by number of changes."""

    query_sets: tuple[QuerySet, ...]
    num_left_out: int
    """Of an item that is not in the gallery, or with a target that none of it carries."""


def given_queries(
    folder: Path,
    catalog: Catalog,
    gallery_rows: NDArray[np.int64],
    labels: NDArray[np.int16],
    num_changeable: int,
) -> GivenQueries:
    """Return a folder's queries as the index numbers items and values.

    Items are known by their line in ``imgs_test.txt``; see ``rows_of_lines``. What is wanted is
    known by an item that carries it: every target of the format is the label vector of a test item,
    so that neither the names nor the order of its columns matter.

    Args:
        folder: The split folder that the workspace's catalogue was imported from.
        catalog: All items.
        gallery_rows: (G,) rows of the gallery's items in it.
        labels: (G, M) their labels.
        num_changeable: The first so many columns of the labels have a network.

    Raises:
        DataError: The folder has no queries, or is another catalogue's.
    """
    split, queries = read_split(folder, TEST, read_counts(folder)), read_queries(folder)
    if queries is None:
        raise DataError(
            f"{folder} brings no queries along.", mend="Leave --queries away: they are enumerated."
        )
    place_of_row = np.full(catalog.num_items, -1)
    place_of_row[gallery_rows] = np.arange(len(gallery_rows))
    rows = rows_of_lines(split.paths, catalog)
    places = np.where(rows >= 0, place_of_row[rows], -1)
    if (places < 0).all():
        raise DataError(
            f"None of the test items of {folder} is in the index.",
            mend="Import this folder with --format adde, then train and index.",
        )
    carriers = {
        vector.tobytes(): place
        for vector, place in zip(split.labels, places, strict=True)
        if place >= 0
    }
    answers = np.array([carriers.get(target.tobytes(), -1) for target in queries.targets])
    items = places[queries.references]
    kept = (items >= 0) & (answers >= 0)
    items, targets = items[kept], labels[answers[kept]]
    changed = targets != labels[items]
    number = changed[:, :num_changeable].sum(axis=1)
    asked = (number > 0) & ~changed[:, num_changeable:].any(axis=1)
    return GivenQueries(
        query_sets=tuple(
            QuerySet(
                num_changes=int(changes),
                num_valid=int((asked & (number == changes)).sum()),
                items=items[asked & (number == changes)],
                targets=targets[asked & (number == changes)],
                changed=changed[asked & (number == changes)],
            )
            for changes in np.unique(number[asked])
        ),
        num_left_out=len(queries.references) - int(asked.sum()),
    )
