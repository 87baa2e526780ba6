"""Putting the rows of the catalog back as they were before a step of its history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from datrnet.core.errors import ConfigError
from datrnet.db.connection import insert
from datrnet.db.rows import joined, split_values

if TYPE_CHECKING:
    from sqlite_utils import Database

_Row = dict[str, Any]
_Pair = tuple[int, int]
"""The ids of an item and of a super-category."""


def check_new_items(db: "Database", step_id: int) -> None:
    """Refuse to undo a step if items that it added were labeled by hand.

    Raises:
        ConfigError: There is such an item.
    """
    codes = [
        code
        for (code,) in db.execute(
            "SELECT code FROM items"
            " WHERE items.id > (SELECT last_item_id FROM history WHERE id = ?)"
            " AND EXISTS (SELECT 1 FROM item_attributes"
            " WHERE item_id = items.id AND source = 'person')"
            # labels that an import brought, as one of an export does, go with it
            " AND EXISTS (SELECT 1 FROM label_changes"
            " WHERE item_id = items.id AND new_source = 'person' AND undone_at IS NULL)",
            [step_id],
        )
    ]
    if codes:
        items = "an item" if len(codes) == 1 else f"{len(codes):,} items"
        raise ConfigError(
            f"Step {step_id} added {items} labeled by hand since, such as {codes[0]!r}.",
            hint="To lose these labels with them, add --yes.",
        )


def read_changes(db: "Database", step_id: int) -> "list[Change]":
    """Return the changes that a step, or undoing it, has made, in their order."""
    return [
        Change(table, json.loads(key), old and json.loads(old), new and json.loads(new))
        for table, key, old, new in db.execute(
            "SELECT table_name, key_json, old_json, new_json FROM history_changes"
            " WHERE history_id = ? ORDER BY id",
            [step_id],
        )
    ]


def restore(
    db: "Database", changes: "Sequence[Change]", last_item_id: int, last_change_id: int
) -> None:
    """Put back the rows as they were before a step, then the labels that were set since."""
    names = _Names.of(db)
    since = _labels_since(db, changes, last_item_id)
    db.execute("DELETE FROM items WHERE id > ?", [last_item_id])
    take_back(db, changes)
    names.follow(db, last_change_id)
    for pair, labels in since.items():
        _put_back(db, pair, labels, names)


_PARENTS = ("items", "super_categories", "attribute_values")
"""Tables whose rows have others that go with them, in the order in which these need them."""

_EXCHANGED = ("variants", "synonyms", "facts")
"""Tables of which a step may give one row what another had, so that all must go first."""


def take_back(db: "Database", changes: "Sequence[Change]") -> None:
    """Put back the rows as they were before some changes, after which there were no others.

    What came and went in the meantime never was.
    """
    db.execute("PRAGMA defer_foreign_keys = ON")
    first: dict[tuple[object, ...], Change] = {}
    for change in changes:
        first.setdefault((change.table, *change.key.values()), change)
    children = [change for change in first.values() if change.table not in _PARENTS]
    children.sort(key=attrgetter("table"))
    parents = [change for change in first.values() if change.table in _PARENTS]
    parents.sort(key=lambda change: _PARENTS.index(change.table))
    _remove(db, [it for it in children if it.old is None or it.table in _EXCHANGED])
    for table, changed in groupby([*parents, *children], key=attrgetter("table")):
        _write(db, table, [change for change in changed if change.old is not None])
    _remove(db, [change for change in parents if change.old is None])


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after a change."""

    table: str
    key: _Row
    old: _Row | None
    """None for a row that was inserted."""
    new: _Row | None
    """Kept of labels only; None for a row that was deleted."""

    @property
    def pair(self) -> _Pair:
        """The item and super-category of a label."""
        return self.key["item_id"], self.key["super_category_id"]


def _remove(db: "Database", changes: "Sequence[Change]") -> None:
    """Remove the rows of changes, which come by table."""
    for table, changed in groupby(changes, key=attrgetter("table")):
        keys = [change.key for change in changed]
        matches = " AND ".join(f"{name} = :{name}" for name in keys[0])
        db.conn.executemany(f"DELETE FROM {table} WHERE {matches}", keys)


def _write(db: "Database", table: str, changes: "Sequence[Change]") -> None:
    """Write rows of a table as they were before changes."""
    rows = [change.old for change in changes if change.old is not None]
    if not rows:
        return
    names = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    changed = ", ".join(f"{name} = excluded.{name}" for name in rows[0])
    sql = (
        f"INSERT INTO {table} ({names}) VALUES ({values})"
        f" ON CONFLICT ({', '.join(changes[0].key)}) DO UPDATE SET {changed}"
    )
    make_way = {
        "super_categories": _make_way_for_category,
        "attribute_values": _make_way_for_value,
    }.get(table)
    if make_way is None:
        db.conn.executemany(sql, rows)
        return
    for row in rows:
        make_way(db, row)
        db.execute(sql, row)


# A label that was set since may have brought a name back under another id. The row with the old id
# takes its place, by changes of rows that can themselves be undone: no id of a row changes.


def _make_way_for_category(db: "Database", category: _Row) -> None:
    if (same := _same_category(db, category)) is not None:
        db.table("super_categories").delete(same)  # ``restore`` puts its labels back


def _same_category(db: "Database", category: _Row) -> int | None:
    """Return the id of the super-category that took the name of one that is gone."""
    found = db.execute(
        "SELECT id FROM super_categories WHERE name = :name AND id != :id"
        " AND NOT EXISTS (SELECT 1 FROM super_categories WHERE id = :id)",
        category,
    ).fetchone()
    return None if found is None else int(found[0])


def _make_way_for_value(db: "Database", value: _Row) -> None:
    values = db.table("attribute_values")
    same = db.execute(
        "SELECT id FROM attribute_values WHERE super_category_id = :super_category_id"
        " AND name = :name AND id != :id"
        " AND NOT EXISTS (SELECT 1 FROM attribute_values WHERE id = :id)",
        value,
    ).fetchone()
    if same:
        values.update(same[0], {"name": f"{value['name']}\0"})
        values.insert(value)
        db.execute(
            "UPDATE item_attributes SET attribute_value_id = ? WHERE attribute_value_id = ?",
            [value["id"], same[0]],
        )
        values.delete(same[0])


def _labels_since(
    db: "Database", changes: Sequence[Change], last_item_id: int
) -> dict[_Pair, list[_Row]]:
    """Return the labels that were set after a step, and would not survive that it is undone.

    These are the labels that are not as the step left them, and those with a name that it made or
    moved.

    Args:
        db: The database.
        changes: What the step changed.
        last_item_id: Of the items before the step; the others go with all that they have.
    """
    left: dict[_Pair, dict[int, tuple[object, object] | None]] = {}
    were_by_person: set[_Pair] = set()
    made: dict[str, list[int]] = {"attribute_values": [], "super_categories": []}
    for change in changes:
        if change.table == "item_attributes":
            label = None if change.new is None else _value_and_source(change.new)
            left.setdefault(change.pair, {})[change.key["position"]] = label
            if any(row and row["source"] == "person" for row in (change.old, change.new)):
                were_by_person.add(change.pair)
        elif change.table in made and (change.old is None or "super_category_id" in change.old):
            made[change.table].append(change.key["id"])  # or moved to another super-category
    since: dict[_Pair, list[_Row]] = {}
    gone = [change.old for change in changes if change.table == "super_categories" and change.old]
    for same in filter(None, (_same_category(db, category) for category in gone)):
        for pair in _pairs(db, "super_category_id", same, last_item_id):
            since[pair] = _labels_of(db, pair)
    for pair, by_position in left.items():
        rows = _labels_of(db, pair)
        labels = {row["position"]: _value_and_source(row) for row in rows}
        is_by_person = any(row["source"] == "person" for row in rows)
        was_set = is_by_person and pair not in were_by_person
        if was_set or any(labels.get(place) != label for place, label in by_position.items()):
            since[pair] = rows
    for column, ids in (
        ("attribute_value_id", made["attribute_values"]),
        ("super_category_id", made["super_categories"]),
    ):
        for name_id in ids:
            for pair in _pairs(db, column, name_id, last_item_id):
                if pair not in left:
                    since[pair] = _labels_of(db, pair)
    return since


def _pairs(db: "Database", column: str, name_id: int, last_item_id: int) -> list[_Pair]:
    """Return the items and super-categories of the labels with a name, up to an item."""
    return db.execute(
        f"SELECT DISTINCT item_id, super_category_id FROM item_attributes WHERE {column} = ?"
        " AND item_id <= ?",
        [name_id, last_item_id],
    ).fetchall()


def _value_and_source(label: _Row) -> tuple[object, object]:
    return label["attribute_value_id"], label["source"]


def _labels_of(db: "Database", pair: _Pair) -> list[_Row]:
    return list(
        db.query(
            "SELECT * FROM item_attributes WHERE item_id = ? AND super_category_id = ?"
            " ORDER BY position",
            pair,
        )
    )


def _put_back(db: "Database", pair: _Pair, labels: Sequence[_Row], names: "_Names") -> None:
    """Give an item, if it is still there, the labels that were set since."""
    item_id, category_id = pair
    if not db.table("items").count_where("id = ?", [item_id]):
        return
    category = names.categories[category_id]
    category_id = _category_id(db, category)
    table = db.table("item_attributes")
    table.delete_where("item_id = ? AND super_category_id = ?", [item_id, category_id])
    for label in labels:
        value_id = label["attribute_value_id"]
        if value_id is not None:
            value_id = _value_id(db, category_id, names.values[value_id])
        table.insert({**label, "super_category_id": category_id, "attribute_value_id": value_id})


def _category_id(db: "Database", category: _Row) -> int:
    """Return the id of a super-category that there was, or of the one that took its name."""
    found = db.execute(
        "SELECT id FROM super_categories WHERE id = :id OR name = :name ORDER BY id = :id DESC",
        category,
    ).fetchone()
    if found is None:
        db.table("super_categories").insert(category)
    return int(category["id"] if found is None else found[0])


def _value_id(db: "Database", category_id: int, value: _Row) -> int:
    """Return the id of a value that there was, or of one of its name; it is there afterwards."""
    ids = db.execute(
        "SELECT id FROM attribute_values WHERE super_category_id = ? AND (id = ? OR name = ?)"
        " ORDER BY id = ? DESC",
        [category_id, value["id"], value["name"], value["id"]],
    ).fetchone()
    if ids is not None:
        return int(ids[0])
    if not db.table("attribute_values").count_where("id = ?", [value["id"]]):
        return insert(db, "attribute_values", {**value, "super_category_id": category_id})
    add_value(db, category_id, value["name"])
    return _value_id(db, category_id, value)


def add_value(db: "Database", category_id: int, name: str) -> None:
    """Add a value to a super-category, if it does not have it."""
    row = {"super_category_id": category_id, "name": name}
    db.table("attribute_values").insert(
        {"id": unused_id(db, "attribute_values"), **row}, ignore=True
    )


def unused_id(db: "Database", table: str) -> int:
    """Return an id that undoing no step gives back to another row.

    Args:
        db: The database.
        table: ``super_categories`` or ``attribute_values``.
    """
    found = db.execute(
        "SELECT 1 + max("
        f" coalesce((SELECT max(id) FROM {table}), 0),"
        " coalesce(max(json_extract(key_json, '$.id')), 0)"
        ") FROM history_changes WHERE table_name = ?",
        [table],
    ).fetchone()
    return int(found[0])


@dataclass(frozen=True, slots=True)
class _Names:
    """Super-categories and values by id, before a step is undone."""

    categories: Mapping[int, _Row]
    values: Mapping[int, _Row]

    @classmethod
    def of(cls, db: "Database") -> "_Names":
        """Read those of a database."""
        tables = ("super_categories", "attribute_values")
        return cls(*({row["id"]: row for row in db.table(table).rows} for table in tables))

    def follow(self, db: "Database", last_change_id: int) -> None:
        """Give the changes of labels after one the names that are there again."""
        now_there = _Names.of(db)
        for value_id, value in self.values.items():
            name = now_there.values.get(value_id, value)["name"]
            category = self.categories[value["super_category_id"]]["name"]
            if name != value["name"]:
                rename_in_changes(db, category, value["name"], name, last_change_id)
        for category_id, row in self.categories.items():
            name = now_there.categories.get(category_id, row)["name"]
            if name != row["name"]:
                rename_in_changes(db, row["name"], None, name, last_change_id)


def rename_in_changes(
    db: "Database", category: str, value: str | None, name: str, after: int = 0
) -> None:
    """Let the changes of labels name a super-category or value as it is called now.

    Args:
        db: The database.
        category: The super-category, as they name it.
        value: The value; None for the super-category itself.
        name: What it is called now.
        after: The last change that keeps its names.
    """
    if value is None:
        db.execute(
            "UPDATE label_changes SET super_category = ? WHERE super_category = ? AND id > ?",
            [name, category, after],
        )
        return
    for column in ("old_value", "new_value"):
        rows = db.execute(
            f"SELECT id, {column} FROM label_changes"
            f" WHERE super_category = ? AND instr({column}, ?) AND id > ?",
            [category, value, after],
        ).fetchall()
        for change_id, text in rows:
            # the text may be one value, or several
            values = [name if it == value else it for it in split_values(text, [value])]
            db.table("label_changes").update(change_id, {column: joined(dict.fromkeys(values))})
