"""Queries that a split folder in ADDE's format brings along, asked of an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import Catalog
from datrnet.core.data.formats.adde import read_counts, read_queries, read_split
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import QuerySet

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

    Items are known by their line in ``imgs_test.txt``: an import takes it as their code, and where
    they came from elsewhere the path of their picture ends with it. What is wanted is known by an
    item that carries it: every target of the format is the label vector of a test item, so that
    neither the names nor the order of its columns matter.

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
    rows = _rows_of(split.paths, catalog)
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


def _rows_of(lines: Sequence[str], catalog: Catalog) -> NDArray[np.int64]:
    """Return the row of the item that each line means, -1 where there is none."""
    row_of_code = {code: row for row, code in enumerate(catalog.codes)}
    rows = [row_of_code.get(line, -1) for line in lines]
    by_end: dict[int, dict[str, int]] = {}
    for place, line in enumerate(lines):
        if rows[place] < 0:
            depth = line.count("/") + 1
            if depth not in by_end:
                by_end[depth] = _rows_by_end_of_path(catalog, depth)
            rows[place] = by_end[depth].get(line, -1)
    return np.array(rows, dtype=np.int64)


def _rows_by_end_of_path(catalog: Catalog, depth: int) -> dict[str, int]:
    """Return the rows by the last parts of their pictures' paths; what several end with is none."""
    found: dict[str, int] = {}
    for row, stored in enumerate(catalog.picture_paths):
        path, _, _ = stored.partition("#xywh=")
        end = "/".join(Path(path).parts[-depth:])
        found[end] = -1 if end in found else row
    return found
