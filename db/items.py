"""Items and the labels of the shop: importing them, reading them as columns, searching titles."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from sqlite3 import Connection as Reader
from typing import TYPE_CHECKING, Any, NamedTuple

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
            return _Upsert(db, by_code).apply()

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

_FIELDS = ("title", "picture_path", "split", "picture_bytes", "picture_modified_ns")

_Fields = tuple[str, str, str, int, int]


class _Known(NamedTuple):
    """An item in the database."""

    id: int
    fields: _Fields

    def complete(self, item: NewItem) -> NewItem:
        """Return a new item with this one's fields where it leaves them unstated."""
        title, _, split, *_ = self.fields
        return replace(
            item,
            title=title if "title" in item.unstated else item.title,
            split=split if "split" in item.unstated else item.split,
        )


class _Label(NamedTuple):
    value_id: int | None
    source: str


class _Upsert:
    """Writes what differs between new items and the database, in a transaction of the caller.

    All known items and labels are read first and compared in memory, so that importing the same
    catalog again writes nothing.
    """

    def __init__(self, db: "Database", by_code: Mapping[str, NewItem]) -> None:
        self._db = db
        self._by_code = by_code
        self._now = now()
        self._items: dict[str, _Known] = {
            code: _Known(item_id, tuple(fields))
            for item_id, code, *fields in db.execute(
                f"SELECT id, code, {', '.join(_FIELDS)} FROM items"
            )
        }
        self._category_ids: dict[str, int] = {
            name.casefold(): category_id
            for category_id, name in db.execute("SELECT id, name FROM super_categories")
        }
        self._value_ids: dict[tuple[int, str], int] = {
            (category_id, name.casefold()): value_id
            for value_id, category_id, name in db.execute(
                "SELECT id, super_category_id, name FROM attribute_values"
            )
        }
        self._labels: dict[tuple[int, int], _Label] = {
            (item_id, category_id): _Label(value_id, source)
            for item_id, category_id, value_id, source in db.execute(
                "SELECT item_id, super_category_id, attribute_value_id, source FROM item_attributes"
            )
        }

    def apply(self) -> UpsertCounts:
        added = self._by_code.keys() - self._items.keys()
        changed = self._write_items()
        relabeled = self._write_labels()
        self._db.conn.executemany(
            "UPDATE items SET updated_at = ? WHERE code = ?",
            [(self._now, code) for code in relabeled - changed],
        )
        self._remove_unused_values()
        updated = (changed | relabeled) - added
        return UpsertCounts(
            added=len(added),
            updated=len(updated),
            unchanged=len(self._by_code) - len(added) - len(updated),
        )

    def _write_items(self) -> set[str]:
        """Write new and differing items; return their codes."""
        new: dict[str, _Fields] = {}
        differing: dict[str, _Fields] = {}
        for code, item in self._by_code.items():
            known = self._items.get(code)
            if known is None:
                new[code] = _fields(item)
            elif known.fields != (fields := _fields(known.complete(item))):
                differing[code] = fields
        last_id = max((known.id for known in self._items.values()), default=0)
        times = {"added_at": self._now, "updated_at": self._now}
        self._db.table("items").insert_all(
            {"code": code, **dict(zip(_FIELDS, fields, strict=True)), **times}
            for code, fields in new.items()
        )
        self._db.conn.executemany(
            f"UPDATE items SET {', '.join(f'{field} = ?' for field in _FIELDS)}, updated_at = ?"
            " WHERE code = ?",
            [(*fields, self._now, code) for code, fields in differing.items()],
        )
        for item_id, code in self._db.execute("SELECT id, code FROM items WHERE id > ?", [last_id]):
            self._items[code] = _Known(item_id, new[code])
        return new.keys() | differing.keys()

    def _write_labels(self) -> set[str]:
        """Write new, differing and removed labels; return the codes of their items."""
        relabeled: set[str] = set()
        written: list[dict[str, object]] = []
        removed: list[tuple[int, int]] = []
        for code, item in self._by_code.items():
            item_id = self._items[code].id
            for category, value in item.labels.items():
                category_id = self._category_id(category)
                known = self._labels.get((item_id, category_id))
                if known is not None and known.source == "person":
                    continue
                if value is None:
                    if known is not None and known.source == "shop":
                        removed.append((item_id, category_id))
                        relabeled.add(code)
                    continue
                label = _Label(self._value_id(category_id, value), "shop")
                if known != label:
                    written.append(
                        {
                            "item_id": item_id,
                            "super_category_id": category_id,
                            "attribute_value_id": label.value_id,
                            "source": label.source,
                            "set_at": self._now,
                        }
                    )
                    relabeled.add(code)
        self._db.conn.executemany(
            "DELETE FROM item_attributes WHERE item_id = ? AND super_category_id = ?", removed
        )
        self._db.table("item_attributes").insert_all(written, replace=True)
        return relabeled

    def _category_id(self, name: str) -> int:
        folded = name.casefold()
        if folded not in self._category_ids:
            (position,) = self._db.execute(
                "SELECT coalesce(max(position), 0) + 1 FROM super_categories"
            ).fetchone()
            row = {"name": name, "position": position}
            self._category_ids[folded] = insert(self._db, "super_categories", row)
        return self._category_ids[folded]

    def _value_id(self, category_id: int, name: str) -> int:
        key = (category_id, name.casefold())
        if key not in self._value_ids:
            row = {"super_category_id": category_id, "name": name}
            self._value_ids[key] = insert(self._db, "attribute_values", row)
        return self._value_ids[key]

    def _remove_unused_values(self) -> None:
        self._db.table("attribute_values").delete_where(
            "NOT EXISTS (SELECT 1 FROM item_attributes"
            " WHERE item_attributes.attribute_value_id = attribute_values.id)"
        )
        self._db.table("super_categories").delete_where(
            "id NOT IN (SELECT super_category_id FROM attribute_values)"
        )


def _fields(item: NewItem) -> _Fields:
    return (item.title, item.picture_path, item.split, item.picture_bytes, item.picture_modified_ns)
