"""Which items of a catalogue the lines of a split folder mean."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog


def rows_of_lines(lines: Sequence[str], catalog: Catalog) -> NDArray[np.int64]:
    """Return the row of the item that each line means, -1 where there is none.

    An import takes the line as the item's code; of an item that came from elsewhere the path of the
    picture ends with it.

    Args:
        lines: (n,) of ``imgs_train.txt`` or ``imgs_test.txt``.
        catalog: All items.
    """
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
