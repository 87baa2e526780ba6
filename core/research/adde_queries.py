"""Read the queries of a split folder in ADDE's format for an index."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import DataError
from datrnet.core.evaluation.assess import gallery_of, gallery_rows
from datrnet.core.evaluation.protocol import Match
from datrnet.core.evaluation.queries import GivenQueries, QuerySet
from datrnet.core.research.datasets.adde import read_counts, read_queries, read_split, rows_of_lines
from datrnet.core.retrieval.generation import Generation

TEST = "test"


def read_index_queries(
    folder: Path, catalog: Catalog, generation: Generation, *, match: Match = "used"
) -> GivenQueries:
    """Return a folder's queries for the test gallery of an index.

    Args:
        folder: The split folder from which the catalog was imported.
        catalog: All items.
        generation: The index.
        match: Which labels the gallery has; see ``gallery_of``.

    Raises:
        DataError: The folder has no queries or belongs to another catalog, or the index has no
            test item.
    """
    gallery = gallery_of(catalog, generation, TEST, match=match)
    rows = gallery_rows(catalog, generation, TEST)
    return given_queries(folder, catalog, rows, gallery.labels, len(generation.super_categories))


def given_queries(
    folder: Path,
    catalog: Catalog,
    gallery_rows: NDArray[np.int64],
    labels: NDArray[np.int16],
    num_changeable: int,
) -> GivenQueries:
    """Return a folder's queries in the numbering of a gallery.

    Items are identified by their line in ``imgs_test.txt``; see ``rows_of_lines``. Targets are
    identified by an item that carries them: every target of the format is the label vector of a
    test item, so neither the names nor the order of its columns matter.

    Args:
        folder: The split folder from which the catalog was imported.
        catalog: All items.
        gallery_rows: (G,) catalog rows of the gallery.
        labels: (G, M) labels of the gallery.
        num_changeable: Number of leading label columns that may be changed.

    Raises:
        DataError: The folder has no queries or belongs to another catalog.
    """
    split, queries = read_split(folder, TEST, read_counts(folder)), read_queries(folder)
    if queries is None:
        raise DataError(
            f"{folder} has no queries.", hint="Omit --queries to evaluate all valid queries."
        )
    place_of_row = np.full(catalog.num_items, -1)
    place_of_row[gallery_rows] = np.arange(len(gallery_rows))
    rows = rows_of_lines(split.paths, catalog)
    places = np.where(rows >= 0, place_of_row[rows], -1)
    if (places < 0).all():
        raise DataError(
            f"The index has no test item of {folder}.",
            hint="Import this folder with --format adde, then train and index.",
        )
    carriers = {
        vector.tobytes(): place
        for vector, place in zip(split.labels, places, strict=True)
        if place >= 0
    }
    answers = np.array([carriers.get(target.tobytes(), -1) for target in queries.targets])
    items = places[queries.references]
    valid = (items >= 0) & (answers >= 0)
    items, targets = items[valid], labels[answers[valid]]
    changed = targets != labels[items]
    num_changes = changed[:, :num_changeable].sum(axis=1)
    is_query = (num_changes > 0) & ~changed[:, num_changeable:].any(axis=1)
    return GivenQueries(
        query_sets=tuple(
            QuerySet(
                num_changes=int(changes),
                num_valid=int((is_query & (num_changes == changes)).sum()),
                items=items[is_query & (num_changes == changes)],
                targets=targets[is_query & (num_changes == changes)],
                changed=changed[is_query & (num_changes == changes)],
            )
            for changes in np.unique(num_changes[is_query])
        ),
        num_left_out=len(queries.references) - int(is_query.sum()),
        source=folder.name,
    )
