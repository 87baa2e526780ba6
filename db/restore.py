"""Putting the rows of the catalog back as they were before a step of its history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datrnet.core.errors import ConfigError
from datrnet.db.rows import joined, split_values

if TYPE_CHECKING:
    from sqlite_utils import Database

_Row = dict[str, Any]
_Pair = tuple[int, int]
"""The ids of an item and of a super-category."""


def check_new_items(db: "Database", step_id: int) -> None:
    """Refuse to undo a step if a person has labeled the items that it added.

    Raises:
        ConfigError: There is such an item.
    """
    codes = [
        code
        for (code,) in db.execute(
            "SELECT DISTINCT code FROM items JOIN item_attributes ON item_id = items.id"
            " WHERE source = 'person'"
            " AND items.id > (SELECT last_item_id FROM history WHERE id = ?)",
            [step_id],
        )
    ]
    if codes:
        items = "an item" if len(codes) == 1 else f"{len(codes):,} items"
        raise ConfigError(
            f"Step {step_id} added {items} that a person has labeled since, such as {codes[0]!r}.",
            hint="To lose these labels with them, add --yes.",
        )


def restore(db: "Database", step_id: int, last_item_id: int, last_change_id: int) -> None:
    """Put back the rows as they were before a step, then the labels that were set since."""
    db.execute("PRAGMA defer_foreign_keys = ON")
    changes = [
        _Change(table, json.loads(key), old and json.loads(old), new and json.loads(new))
        for table, key, old, new in db.execute(
            "SELECT table_name, key_json, old_json, new_json FROM history_changes"
            " WHERE history_id = ? ORDER BY id",
            [step_id],
        )
    ]
    names = _Names.of(db)
    since = _labels_since(db, changes, last_item_id)
    db.execute("DELETE FROM items WHERE id > ?", [last_item_id])
    for change in reversed(changes):
        change.undo(db)
    names.follow(db, last_change_id)
    for pair, labels in since.items():
        _put_back(db, pair, labels, names)


@dataclass(frozen=True, slots=True)
class _Change:
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

    def undo(self, db: "Database") -> None:
        """Put the row back as it was before."""
        if self.old is None:
            matches = " AND ".join(f"{name} = :{name}" for name in self.key)
            db.execute(f"DELETE FROM {self.table} WHERE {matches}", self.key)
            return
        if self.table == "attribute_values":
            _make_way(db, self.old)
        names = ", ".join(self.old)
        values = ", ".join(f":{name}" for name in self.old)
        changed = ", ".join(f"{name} = excluded.{name}" for name in self.old)
        db.execute(
            f"INSERT INTO {self.table} ({names}) VALUES ({values})"
            f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changed}",
            self.old,
        )


def _make_way(db: "Database", value: _Row) -> None:
    """Give a value its old id, if undoing a change of a label has brought it back under another."""
    same = db.execute(
        "SELECT id FROM attribute_values WHERE super_category_id = :super_category_id"
        " AND name = :name AND id != :id"
        " AND NOT EXISTS (SELECT 1 FROM attribute_values WHERE id = :id)",
        value,
    ).fetchone()
    if same:
        ids = [value["id"], same[0]]
        db.execute("UPDATE attribute_values SET id = ? WHERE id = ?", ids)
        db.execute(
            "UPDATE item_attributes SET attribute_value_id = ? WHERE attribute_value_id = ?", ids
        )


def _labels_since(
    db: "Database", changes: Sequence[_Change], last_item_id: int
) -> dict[_Pair, list[_Row]]:
    """Return the labels that were set after a step, and would not survive that it is undone.

    These are the labels that are not as the step left them, and those with a name that it made.

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
            if change.old is not None and change.old["source"] == "person":
                were_by_person.add(change.pair)
        elif change.old is None and change.table in made:
            made[change.table].append(change.key["id"])
    since: dict[_Pair, list[_Row]] = {}
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
            for pair in db.execute(
                f"SELECT item_id, super_category_id FROM item_attributes WHERE {column} = ?"
                " AND item_id <= ?",
                [name_id, last_item_id],
            ).fetchall():
                if pair not in left:
                    since[pair] = _labels_of(db, pair)
    return since


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
    table = db.table("item_attributes")
    table.delete_where("item_id = ? AND super_category_id = ?", pair)
    category = names.categories[category_id]
    db.table("super_categories").insert(category, ignore=True)
    for label in labels:
        if label["attribute_value_id"] is not None:
            value = names.values[label["attribute_value_id"]]
            db.table("attribute_values").insert(value, ignore=True)
        table.insert(label)


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
