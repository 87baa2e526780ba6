"""Adding and updating items by code: what is new, what differs, and who may overwrite whose label.

Everything known is read first and compared in memory; only what differs is written. So a second
import of the same catalogue writes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from datrnet.db.connection import now
from datrnet.db.database import Database
from datrnet.db.rows import NewItem, UpsertCounts

_Fields = tuple[str, str, str, int, int]
"""Title, picture path, split, size and time of the picture file."""


class _Known(NamedTuple):
    id: int
    fields: _Fields

    def completed(self, item: NewItem) -> NewItem:
        """Return an item with this one's fields where the catalogue states none."""
        title, _, split, *_ = self.fields
        return replace(
            item,
            title=title if "title" in item.unstated else item.title,
            split=split if "split" in item.unstated else item.split,
        )


class _Label(NamedTuple):
    value_id: int | None
    source: str


class Upsert:
    """One pass over new items, inside a transaction that the caller has begun."""

    def __init__(self, db: Database) -> None:
        """Read what is known."""
        self._db = db
        self._now = now()
        self._items: dict[str, _Known] = {
            code: _Known(item_id, (title, path, split, num_bytes, modified_ns))
            for item_id, code, title, path, split, num_bytes, modified_ns in db.execute(
                "SELECT id, code, title, picture_path, split, picture_bytes, picture_modified_ns"
                " FROM items"
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

    def apply(self, items: Iterable[NewItem]) -> UpsertCounts:
        """Write what differs; of two items with one code the later counts."""
        by_code = {item.code: item for item in items}
        added = by_code.keys() - self._items.keys()
        changed = self._write_items(by_code)
        relabeled = self._write_labels(by_code)
        self._db.conn.executemany(
            "UPDATE items SET updated_at = ? WHERE code = ?",
            [(self._now, code) for code in relabeled - changed],
        )
        self._remove_unused_values()
        updated = (changed | relabeled) - added
        return UpsertCounts(
            added=len(added),
            updated=len(updated),
            unchanged=len(by_code) - len(added) - len(updated),
        )

    def _write_items(self, by_code: Mapping[str, NewItem]) -> set[str]:
        new: list[tuple[object, ...]] = []
        differing: list[tuple[object, ...]] = []
        for code, item in by_code.items():
            known = self._items.get(code)
            if known is None:
                new.append((*_fields(item), self._now, code, self._now))
            elif known.fields != (fields := _fields(known.completed(item))):
                differing.append((*fields, self._now, code))
        last_id = max((known.id for known in self._items.values()), default=0)
        self._db.conn.executemany(
            "INSERT INTO items (title, picture_path, split, picture_bytes, picture_modified_ns,"
            " updated_at, code, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            new,
        )
        self._db.conn.executemany(
            "UPDATE items SET title = ?, picture_path = ?, split = ?, picture_bytes = ?,"
            " picture_modified_ns = ?, updated_at = ? WHERE code = ?",
            differing,
        )
        for item_id, code in self._db.execute("SELECT id, code FROM items WHERE id > ?", [last_id]):
            self._items[code] = _Known(item_id, _fields(by_code[code]))
        return {str(row[-2]) for row in new} | {str(row[-1]) for row in differing}

    def _write_labels(self, by_code: Mapping[str, NewItem]) -> set[str]:
        relabeled: set[str] = set()
        carried: list[tuple[object, ...]] = []
        dropped: list[tuple[int, int]] = []
        for code, item in by_code.items():
            item_id = self._items[code].id
            for category, value in item.labels.items():
                category_id = self._category_id(category)
                known = self._labels.get((item_id, category_id))
                if known is not None and known.source == "person":
                    continue
                if value is None:
                    if known is not None and known.source == "shop":
                        dropped.append((item_id, category_id))
                        relabeled.add(code)
                    continue
                label = _Label(self._value_id(category_id, value), "shop")
                if known != label:
                    carried.append((item_id, category_id, *label, self._now))
                    relabeled.add(code)
        self._db.conn.executemany(
            "DELETE FROM item_attributes WHERE item_id = ? AND super_category_id = ?", dropped
        )
        self._db.conn.executemany(
            "REPLACE INTO item_attributes"
            " (item_id, super_category_id, attribute_value_id, source, set_at)"
            " VALUES (?, ?, ?, ?, ?)",
            carried,
        )
        return relabeled

    def _category_id(self, name: str) -> int:
        folded = name.casefold()
        if folded not in self._category_ids:
            self._category_ids[folded] = self._insert(
                "INSERT INTO super_categories (name, position)"
                " VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM super_categories))",
                name,
            )
        return self._category_ids[folded]

    def _value_id(self, category_id: int, name: str) -> int:
        key = (category_id, name.casefold())
        if key not in self._value_ids:
            self._value_ids[key] = self._insert(
                "INSERT INTO attribute_values (super_category_id, name) VALUES (?, ?)",
                category_id,
                name,
            )
        return self._value_ids[key]

    def _insert(self, sql: str, *values: object) -> int:
        row_id = self._db.execute(sql, values).lastrowid
        if row_id is None:
            raise RuntimeError(f"SQLite gave no id for: {sql}")
        return row_id

    def _remove_unused_values(self) -> None:
        self._db.execute(
            "DELETE FROM attribute_values WHERE NOT EXISTS (SELECT 1 FROM item_attributes"
            " WHERE item_attributes.attribute_value_id = attribute_values.id)"
        )
        self._db.execute(
            "DELETE FROM super_categories"
            " WHERE id NOT IN (SELECT super_category_id FROM attribute_values)"
        )


def _fields(item: NewItem) -> _Fields:
    return (item.title, item.picture_path, item.split, item.picture_bytes, item.picture_modified_ns)
