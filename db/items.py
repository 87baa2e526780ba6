"""Items and the labels of the shop: importing them, reading them as columns, searching titles."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from sqlite3 import Connection as Reader
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datrnet.db.connection import Connection, insert, now
from datrnet.db.rows import (
    ItemColumns,
    NewItem,
    PictureStamp,
    StringColumn,
    SuperCategory,
    UpsertCounts,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

MAX_SEARCH_WORDS = 32
"""More words than any title has; SQLite has a limit too, which a longer text would meet."""


class ItemTables(Connection):
    """The part of the store that holds items and labels."""

    def upsert_items(self, items: Iterable[NewItem]) -> UpsertCounts:
        """Add new items and update known ones, by code, in one transaction.

        A label set by hand is never overwritten, nor a field that an item leaves unstated; an
        attribute value that no item carries any more is removed. Of two items with the same code
        the later counts.

        Raises:
            DatabaseError: Nothing was written.
        """
        by_code = {item.code: item for item in items}
        with self.writing() as db:
            known = {code for (code,) in db.execute("SELECT code FROM items")}
            written = _upsert_rows(db, by_code) | _upsert_labels(db, by_code)
            db.table("attribute_values").delete_where(
                "NOT EXISTS (SELECT 1 FROM item_attributes"
                " WHERE attribute_value_id = attribute_values.id)"
            )
            db.table("super_categories").delete_where(
                "id NOT IN (SELECT super_category_id FROM attribute_values)"
            )
        added = by_code.keys() - known
        return UpsertCounts(
            added=len(added),
            updated=len(written - added),
            unchanged=len(by_code.keys() - written),
        )

    def super_categories(self) -> list[SuperCategory]:
        """Return the super-categories by position, each with its values sorted."""
        values: dict[str, list[str]] = {}
        with self.reading() as db:
            for category, value in db.execute(
                "SELECT super_categories.name, attribute_values.name FROM super_categories"
                " LEFT JOIN attribute_values"
                " ON attribute_values.super_category_id = super_categories.id"
                " ORDER BY super_categories.position, super_categories.id"
            ):
                values.setdefault(category, []).extend([value] if value is not None else [])
        return [
            SuperCategory(name=name, values=tuple(sorted(names, key=_sorting_key)))
            for name, names in values.items()
        ]

    def item_columns(self) -> ItemColumns:
        """Return every item and label as columns, ordered by item id."""
        with self.reading() as db:
            return _read_columns(db)

    def catalog_stamp(self) -> tuple[object, ...]:
        """Return numbers and times that differ whenever items or labels have changed."""
        with self.reading() as db:
            items = db.execute("SELECT count(*), max(updated_at) FROM items").fetchone()
            # the sum tells two corrections within a second apart
            labels = db.execute(
                "SELECT count(*), max(set_at), sum(attribute_value_id) FROM item_attributes"
            ).fetchone()
        return (*items, *labels)

    def picture_stamps(self) -> dict[str, PictureStamp]:
        """Return the picture file of every item at the last import, by the item's code."""
        with self.reading() as db:
            return {
                code: PictureStamp(
                    item_id=item_id, path=path, num_bytes=num_bytes, modified_ns=modified_ns
                )
                for item_id, code, path, num_bytes, modified_ns in db.execute(
                    "SELECT id, code, picture_path, picture_bytes, picture_modified_ns FROM items"
                )
            }

    def search_titles(self, text: str, limit: int = 50) -> list[int]:
        """Return the ids of items with all words in title or code; words may be cut short.

        Any text is safe: quotes, asterisks and the words AND, OR, NOT have no special meaning. A
        text without words matches nothing.

        Args:
            text: As typed by the user.
            limit: The largest number of ids to return, the best first.
        """
        words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))[:MAX_SEARCH_WORDS]
        if not words:
            return []
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid FROM items_fts WHERE items_fts MATCH ? ORDER BY rank, rowid LIMIT ?",
                [" ".join(f'"{word}"*' for word in words), limit],
            )
            return [item_id for (item_id,) in rows]


def _sorting_key(name: str) -> tuple[str, str]:
    return name.casefold(), name


# ── All items as columns ─────────────────────────────────────────────────────
#
# SQLite joins the strings and numbers of thousands of rows into one value each: 100,000 items with
# six labels each are read in a tenth of a second; a Python tuple for each row takes a whole second.

PAGE = 1 << 14
"""Items joined at a time, so that no value comes near the size that SQLite allows."""

_SPLITS = np.array(["", "train", "validation", "test"])

_PAGE_OF_ITEMS = """
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
"""A range of ids is read in order, and in half the time of a subquery with ORDER BY and LIMIT."""

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
"""The subquery reads the index by value alone, in its order."""


def _read_columns(db: Reader) -> ItemColumns:
    columns = list(zip(*_read_pages(db), strict=True)) or [()] * 8
    ids, splits, codes, code_lengths, titles, title_lengths, paths, path_lengths = columns
    return ItemColumns(
        ids=_parse(ids),
        codes=StringColumn(codes, _parse(code_lengths)),
        titles=StringColumn(titles, _parse(title_lengths)),
        picture_paths=StringColumn(paths, _parse(path_lengths)),
        splits=_SPLITS[_parse(splits)],
        carriers={
            (category, value): _parse([item_ids])
            for category, value, item_ids in db.execute(_CARRIERS)
        },
    )


def _read_pages(db: Reader) -> Iterator[tuple[Any, ...]]:
    after = -1
    while (last := db.execute(_LAST_ID_OF_PAGE, [after, PAGE]).fetchone()[0]) is not None:
        yield db.execute(_PAGE_OF_ITEMS, [after, last]).fetchone()
        after = last


def _parse(numbers: Iterable[str]) -> NDArray[np.int64]:
    """Parse lists of numbers separated by commas into one array."""
    text = ",".join(numbers)
    return np.fromstring(text, dtype=np.int64, sep=",") if text else np.zeros(0, dtype=np.int64)


# ── Upserts ──────────────────────────────────────────────────────────────────
#
# A row that is as the catalog file says is not written, so that importing a file again changes
# nothing; ``rowcount`` tells.

_UPSERT_ITEM = """
INSERT INTO items
    (code, title, picture_path, split, picture_bytes, picture_modified_ns, added_at, updated_at)
VALUES (:code, :title, :picture_path, :split, :picture_bytes, :picture_modified_ns, :now, :now)
ON CONFLICT (code) DO UPDATE SET
    title = CASE WHEN :keeps_title THEN title ELSE excluded.title END,
    picture_path = excluded.picture_path,
    split = CASE WHEN :keeps_split THEN split ELSE excluded.split END,
    picture_bytes = excluded.picture_bytes,
    picture_modified_ns = excluded.picture_modified_ns,
    updated_at = excluded.updated_at
WHERE NOT (:keeps_title OR title = excluded.title)
    OR NOT (:keeps_split OR split = excluded.split)
    OR picture_path != excluded.picture_path
    OR picture_bytes != excluded.picture_bytes
    OR picture_modified_ns != excluded.picture_modified_ns
"""

_UPSERT_LABEL = """
INSERT INTO item_attributes (item_id, super_category_id, attribute_value_id, source, set_at)
VALUES (?, ?, ?, 'shop', ?)
ON CONFLICT (item_id, super_category_id) DO UPDATE SET
    attribute_value_id = excluded.attribute_value_id, source = 'shop', set_at = excluded.set_at
WHERE source = 'model'
    OR source = 'shop' AND attribute_value_id IS NOT excluded.attribute_value_id
"""

_REMOVE_LABEL = """
DELETE FROM item_attributes WHERE item_id = ? AND super_category_id = ? AND source = 'shop'
"""


def _upsert_rows(db: "Database", by_code: Mapping[str, NewItem]) -> set[str]:
    """Write new and differing items; return their codes."""
    moment = now()
    return {
        code
        for code, item in by_code.items()
        if db.conn.execute(
            _UPSERT_ITEM,
            {
                "code": code,
                "title": item.title,
                "picture_path": item.picture_path,
                "split": item.split,
                "picture_bytes": item.picture_bytes,
                "picture_modified_ns": item.picture_modified_ns,
                "keeps_title": "title" in item.unstated,
                "keeps_split": "split" in item.unstated,
                "now": moment,
            },
        ).rowcount
    }


def _upsert_labels(db: "Database", by_code: Mapping[str, NewItem]) -> set[str]:
    """Write new, differing and removed labels; return the codes of their items."""
    moment = now()
    relabeled: set[str] = set()
    item_ids: dict[str, int] = dict(db.execute("SELECT code, id FROM items").fetchall())
    category_ids = {
        name.casefold(): category_id
        for category_id, name in db.execute("SELECT id, name FROM super_categories")
    }
    value_ids = {
        (category_id, name.casefold()): value_id
        for value_id, category_id, name in db.execute(
            "SELECT id, super_category_id, name FROM attribute_values"
        )
    }
    for code, item in by_code.items():
        for category, value in item.labels.items():
            folded = category.casefold()
            if folded not in category_ids:
                last = "SELECT coalesce(max(position), 0) FROM super_categories"
                row = {"name": category, "position": db.execute(last).fetchone()[0] + 1}
                category_ids[folded] = insert(db, "super_categories", row)
            label = (item_ids[code], category_ids[folded])
            if value is None:
                written = db.conn.execute(_REMOVE_LABEL, label)
            else:
                key = (category_ids[folded], value.casefold())
                if key not in value_ids:
                    row = {"super_category_id": key[0], "name": value}
                    value_ids[key] = insert(db, "attribute_values", row)
                written = db.conn.execute(_UPSERT_LABEL, (*label, value_ids[key], moment))
            if written.rowcount:
                relabeled.add(code)
    db.conn.executemany(
        "UPDATE items SET updated_at = ? WHERE code = ?", [(moment, code) for code in relabeled]
    )
    return relabeled
