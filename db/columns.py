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
FROM items WHERE id > ? AND id <= ?
"""
"""A range of ids is read in their order, and in half the time of a question within the question."""

_LAST_ID_OF_PAGE = """
SELECT max(id) FROM (SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?)
"""

_CARRIERS = """
SELECT super_categories.name, attribute_values.name, carriers.item_ids
FROM (
    SELECT attribute_value_id, group_concat(item_id) AS item_ids FROM item_attributes
    WHERE attribute_value_id IS NOT NULL GROUP BY attribute_value_id
) AS carriers
JOIN attribute_values ON attribute_values.id = carriers.attribute_value_id
JOIN super_categories ON super_categories.id = attribute_values.super_category_id
"""
"""The inner question is answered from the index by value alone, in its order."""

Numbers = NDArray[np.int64]


class _Page(NamedTuple):
    """Some items one after the other."""

    ids: Numbers
    splits: Numbers
    codes: tuple[bytes, Numbers]
    titles: tuple[bytes, Numbers]
    picture_paths: tuple[bytes, Numbers]


def read_columns(db: Database) -> ItemColumns:
    """Return every item and label, within a transaction that the caller has begun."""
    pages = list(_pages(db))
    return ItemColumns(
        ids=_joined(page.ids for page in pages),
        codes=Texts(page.codes for page in pages),
        titles=Texts(page.titles for page in pages),
        picture_paths=Texts(page.picture_paths for page in pages),
        splits=SPLITS[_joined(page.splits for page in pages)],
        carriers={
            (category, value): _numbers(item_ids)
            for category, value, item_ids in db.execute(_CARRIERS)
        },
    )


def _pages(db: Database) -> Iterator[_Page]:
    before = -1
    while (last := db.execute(_LAST_ID_OF_PAGE, [before, PAGE]).fetchone()[0]) is not None:
        row = db.execute(_ITEMS, [before, last]).fetchone()
        ids, splits, codes, code_lengths, titles, title_lengths, paths, path_lengths = row
        before = last
        yield _Page(
            ids=_numbers(ids),
            splits=_numbers(splits),
            codes=(codes, _numbers(code_lengths)),
            titles=(titles, _numbers(title_lengths)),
            picture_paths=(paths, _numbers(path_lengths)),
        )


def _numbers(joined: str) -> Numbers:
    return np.fromstring(joined, dtype=np.int64, sep=",")


def _joined(parts: Iterable[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
