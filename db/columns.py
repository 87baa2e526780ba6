"""All items at once, by columns.

SQLite joins the texts and numbers of thousands of rows into one value each. Six labels of each of
100,000 items are then read in a tenth of a second, where a Python tuple for each takes a whole one.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datrnet.db.database import Database
from datrnet.db.rows import ItemColumns
from datrnet.db.texts import Texts

PAGE = 1 << 14
"""Items that are joined at a time: no catalogue comes near the largest value SQLite allows."""

SPLITS = np.array(["", "train", "validation", "test"])

_ITEMS = """
SELECT
    group_concat(id),
    group_concat(
        CASE split WHEN 'train' THEN 1 WHEN 'validation' THEN 2 WHEN 'test' THEN 3 ELSE 0 END
    ),
    CAST(group_concat(code, '') AS BLOB), group_concat(length(CAST(code AS BLOB))),
    CAST(group_concat(title, '') AS BLOB), group_concat(length(CAST(title AS BLOB))),
    CAST(group_concat(picture_path, '') AS BLOB), group_concat(length(CAST(picture_path AS BLOB)))
FROM (SELECT id, code, title, picture_path, split FROM items WHERE id > ? ORDER BY id LIMIT ?)
"""

_LABELS = """
SELECT group_concat(item_id), group_concat(attribute_value_id) FROM item_attributes
WHERE item_id BETWEEN ? AND ? AND attribute_value_id IS NOT NULL
"""

_VALUES = """
SELECT attribute_values.id, super_categories.name, attribute_values.name FROM attribute_values
JOIN super_categories ON super_categories.id = attribute_values.super_category_id
"""

Numbers = NDArray[np.int64]


class _Page(NamedTuple):
    """Some items one after the other, and their labels."""

    ids: Numbers
    splits: Numbers
    codes: tuple[bytes, Numbers]
    titles: tuple[bytes, Numbers]
    picture_paths: tuple[bytes, Numbers]
    labelled: Numbers
    label_values: Numbers


def read_columns(db: Database) -> ItemColumns:
    """Return every item and label, within a transaction that the caller has begun."""
    pages = list(_pages(db))
    return ItemColumns(
        ids=_joined(page.ids for page in pages),
        codes=Texts(page.codes for page in pages),
        titles=Texts(page.titles for page in pages),
        picture_paths=Texts(page.picture_paths for page in pages),
        splits=SPLITS[_joined(page.splits for page in pages)],
        labelled=_joined(page.labelled for page in pages),
        label_values=_joined(page.label_values for page in pages),
        values={number: (category, value) for number, category, value in db.execute(_VALUES)},
    )


def _pages(db: Database) -> Iterator[_Page]:
    last_id = -1
    while (row := db.execute(_ITEMS, [last_id, PAGE]).fetchone())[0] is not None:
        ids, splits, codes, code_lengths, titles, title_lengths, paths, path_lengths = row
        first_id, last_id = int(ids.partition(",")[0]), int(ids.rpartition(",")[2])
        labelled, label_values = db.execute(_LABELS, [first_id, last_id]).fetchone()
        yield _Page(
            ids=_numbers(ids),
            splits=_numbers(splits),
            codes=(codes, _numbers(code_lengths)),
            titles=(titles, _numbers(title_lengths)),
            picture_paths=(paths, _numbers(path_lengths)),
            labelled=_numbers(labelled),
            label_values=_numbers(label_values),
        )


def _numbers(joined: str | None) -> Numbers:
    return np.fromstring(joined or "", dtype=np.int64, sep=",")


def _joined(parts: Iterable[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
