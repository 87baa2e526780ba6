"""Changes of the catalog by hand, each a step of its history: items, super-categories and values.

What is renamed, merged or dropped is remembered as a synonym, so that the next import does not
bring the old name back.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import clean, fold
from datrnet.db.connection import Connection, now
from datrnet.db.history import recording
from datrnet.db.imports import remove_unused_names
from datrnet.db.labels import find_super_category, find_value
from datrnet.db.restore import rename_in_changes
from datrnet.db.synonyms import (
    DROPPED,
    Synonym,
    forget_synonym,
    set_synonym,
    synonym_rows,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

_RANKS = {"person": 0, "shop": 1, "model": 2}
"""Whose label counts if an item has one in each of two merged super-categories."""

_Label = tuple[int | None, str, str]
"""The id of a value, the source, and when it was set."""


class UpkeepTables(Connection):
    """The part of the store that changes the catalog by hand."""

    # ── items ────────────────────────────────────────────────────────────────

    def remove_items(
        self, item_ids: Collection[int], summary: str, variants: Collection[str] = ()
    ) -> int:
        """Remove items with all that belongs to them; return how many there were.

        Args:
            item_ids: Of the items.
            summary: What is done, for the history.
            variants: Codes of further variants to remove.
        """
        with self.writing() as db, recording(db, "remove", summary):
            num_removed = sum(
                db.conn.execute("DELETE FROM items WHERE id = ?", [item_id]).rowcount
                for item_id in item_ids
            )
            for code in variants:
                _remove_variant(db, code)
            remove_unused_names(db)
            return num_removed

    def hide_items(self, item_ids: Collection[int], summary: str) -> int:
        """Take items out of the gallery; return how many were in it."""
        return self._set_hidden("hide", item_ids, summary, now(), "hidden_at IS NULL")

    def unhide_items(self, item_ids: Collection[int], summary: str) -> int:
        """Put items back into the gallery; return how many were hidden."""
        return self._set_hidden("unhide", item_ids, summary, None, "hidden_at IS NOT NULL")

    def _set_hidden(
        self, action: str, item_ids: Collection[int], summary: str, at: str | None, where: str
    ) -> int:
        with self.writing() as db, recording(db, action, summary):
            return sum(
                db.conn.execute(
                    f"UPDATE items SET hidden_at = ?, updated_at = ? WHERE id = ? AND {where}",
                    [at, now(), item_id],
                ).rowcount
                for item_id in item_ids
            )

    # ── super-categories ─────────────────────────────────────────────────────

    def rename_super_category(self, name: str, new_name: str) -> str:
        """Give a super-category another name; return the old one as the catalog spelled it.

        Raises:
            UnknownNameError: There is no such super-category.
            ConfigError: There is one of the new name already, or the new name is empty.
        """
        new_name = _checked(new_name)
        with self.writing() as db:
            category_id, old = find_super_category(db, name)
            if fold(old) != fold(new_name) and _has_super_category(db, new_name):
                raise ConfigError(
                    f"There is a super-category {new_name!r} already.",
                    hint=f"To unite them: datrnet attribute merge {old} --into {new_name}",
                )
            with recording(db, "rename", f"{old} to {new_name}"):
                db.table("super_categories").update(category_id, {"name": new_name})
                _move_synonyms(db, old, new_name)
                rename_in_changes(db, old, None, new_name)
            return old

    def merge_super_category(self, name: str, into: str) -> str:
        """Unite a super-category with another; return its name as the catalog spelled it.

        Of an item with labels in both, those set by hand count more than the shop's, and the
        shop's more than a model's; else those in the other super-category.

        Raises:
            UnknownNameError: One of them does not exist.
            ConfigError: Both are the same.
        """
        with self.writing() as db:
            category_id, old = find_super_category(db, name)
            into_id, into = find_super_category(db, into)
            if category_id == into_id:
                raise ConfigError(f"{old} cannot be merged into itself.", hint="Name another one.")
            with recording(db, "merge", f"{old} into {into}"):
                _merge_labels(db, category_id, into_id)
                db.table("super_categories").delete(category_id)
                _move_synonyms(db, old, into)
                rename_in_changes(db, old, None, into)
                remove_unused_names(db)
            return old

    def drop_super_category(self, name: str) -> str:
        """Remove a super-category with its labels; return its name as the catalog spelled it.

        Raises:
            UnknownNameError: There is no such super-category.
        """
        with self.writing() as db:
            category_id, old = find_super_category(db, name)
            with recording(db, "drop", old):
                db.table("super_categories").delete(category_id)
                for synonym in synonym_rows(db.conn):
                    if synonym.spelled and fold(synonym.super_category) == fold(old):
                        forget_synonym(db, synonym)
                set_synonym(db, old, "", DROPPED)
            return old

    # ── values ───────────────────────────────────────────────────────────────

    def rename_value(self, super_category: str, value: str, new_name: str) -> str:
        """Give a value another name; return the old one as the catalog spelled it.

        Raises:
            UnknownNameError: There is no such super-category or value.
            ConfigError: There is a value of the new name already, or the new name is empty.
        """
        new_name = _checked(new_name)
        with self.writing() as db:
            category_id, category = find_super_category(db, super_category)
            value_id, old = find_value(db, category_id, value)
            if _value_id(db, category_id, new_name) not in (None, value_id):
                raise ConfigError(
                    f"{category} has a value {new_name!r} already.",
                    hint=f"To unite them: datrnet attribute merge {category} {old} "
                    f"--into {new_name}",
                )
            with recording(db, "rename", f"{category}={old} to {new_name}"):
                _rename_value(db, category, value_id, old, new_name)
            return old

    def merge_values(self, super_category: str, values: Sequence[str], into: str) -> int:
        """Make one value of several; return how many items have other labels now.

        Args:
            super_category: Its name.
            values: The values.
            into: One of them, another value, or a new name.

        Raises:
            UnknownNameError: There is no such super-category or value.
            ConfigError: The new name is empty, or there is nothing to merge.
        """
        into = _checked(into)
        with self.writing() as db:
            category_id, category = find_super_category(db, super_category)
            found = dict(find_value(db, category_id, value) for value in values)
            into_id = _value_id(db, category_id, into)
            others = {value_id: name for value_id, name in found.items() if value_id != into_id}
            if not others or (into_id is None and len(others) == 1):
                raise ConfigError(
                    f"There is only one value to merge into {into!r}.",
                    hint=f"To rename it: datrnet attribute rename {category}={values[0]} {into}",
                )
            names = ", ".join(found.values())
            with recording(db, "merge", f"{category} {names} into {into}"):
                if into_id is None:
                    into_id, first = next(iter(others.items()))
                    del others[into_id]
                    _rename_value(db, category, into_id, first, into)
                else:
                    _, into = find_value(db, category_id, into)
                num_items = _replace_values(db, category_id, dict.fromkeys(others, into_id))
                for value_id, name in others.items():
                    db.table("attribute_values").delete(value_id)
                    set_synonym(db, category, name, into)
                    rename_in_changes(db, category, name, into)
            return num_items

    def drop_value(self, super_category: str, value: str) -> str:
        """Remove a value from all items; return its name as the catalog spelled it.

        Raises:
            UnknownNameError: There is no such super-category or value.
        """
        with self.writing() as db:
            category_id, category = find_super_category(db, super_category)
            value_id, old = find_value(db, category_id, value)
            with recording(db, "drop", f"{category}={old}"):
                _replace_values(db, category_id, {value_id: None})
                db.table("attribute_values").delete(value_id)
                set_synonym(db, category, old, DROPPED)
                remove_unused_names(db)
            return old

    # ── synonyms ─────────────────────────────────────────────────────────────

    def synonyms(self) -> list[Synonym]:
        """Return how the catalog spells what files spell otherwise."""
        with self.reading() as db:
            return synonym_rows(db)

    def forget_synonym(self, super_category: str, value: str = "") -> Synonym:
        """Let the next import take a name as files spell it.

        Args:
            super_category: Its name; of a value, the one that it has in the catalog.
            value: The value as files spell it; empty for the super-category itself.

        Raises:
            UnknownNameError: Nothing was renamed, merged or dropped that was called so.
        """
        with self.writing() as db:
            synonyms = synonym_rows(db.conn)
            for synonym in synonyms:
                names = synonym.super_category, synonym.spelled
                if tuple(map(fold, names)) == (fold(super_category), fold(value)):
                    words = f"{names[0]}={names[1]}" if value else names[0]
                    with recording(db, "forget", words):
                        forget_synonym(db, synonym)
                    return synonym
        name = f"{super_category}={value}" if value else super_category
        raise UnknownNameError(
            "renamed, merged or dropped name",
            name,
            (),
            hint="`datrnet attribute list` lists them.",
        )


def _remove_variant(db: "Database", code: str) -> None:
    """Remove a variant; what only it had is no longer a fact of its item either."""
    for variant_id, item_id, text in db.execute(
        "SELECT id, item_id, facts_json FROM variants WHERE code = ?", [code]
    ).fetchall():
        db.table("variants").delete(variant_id)
        others = db.execute("SELECT facts_json FROM variants WHERE item_id = ?", [item_id])
        left = set().union(*(json.loads(facts) for (facts,) in others))
        gone = json.dumps(dict.fromkeys(json.loads(text).keys() - left))
        db.execute(
            "UPDATE items SET facts_json = json_patch(facts_json, ?) WHERE id = ?", [gone, item_id]
        )


def _checked(name: str) -> str:
    """Return a new name as it is stored.

    Raises:
        ConfigError: It is empty.
    """
    if not clean(name):
        raise ConfigError("The new name is empty.", hint="To remove a name: datrnet attribute drop")
    return clean(name)


def _has_super_category(db: "Database", name: str) -> bool:
    with suppress(UnknownNameError):
        find_super_category(db, name)
        return True
    return False


def _value_id(db: "Database", category_id: int, name: str) -> int | None:
    with suppress(UnknownNameError):
        return find_value(db, category_id, name)[0]
    return None


def _move_synonyms(db: "Database", old: str, new: str) -> None:
    """Let files call a super-category by its old name, and give the new one the old one's values.

    What is known of the values of the new one already stays.
    """
    synonyms = synonym_rows(db.conn)
    known = {
        fold(it.spelled) for it in synonyms if it.spelled and fold(it.super_category) == fold(new)
    }
    for synonym in synonyms:
        if synonym.spelled and fold(synonym.super_category) == fold(old):
            forget_synonym(db, synonym)
            if fold(old) == fold(new) or fold(synonym.spelled) not in known:
                row = {"spelled": synonym.spelled, "value": synonym.value}
                db.table("synonyms").insert({"super_category": new, **row})
    set_synonym(db, old, "", new)


def _rename_value(db: "Database", category: str, value_id: int, old: str, new: str) -> None:
    db.table("attribute_values").update(value_id, {"name": new})
    set_synonym(db, category, old, new)
    rename_in_changes(db, category, old, new)


def _replace_values(db: "Database", category_id: int, new_ids: Mapping[int, int | None]) -> int:
    """Give the items that carry some values others, or none; return how many items there are."""
    marks = ", ".join("?" * len(new_ids))
    rows = db.execute(
        "SELECT item_id, attribute_value_id, source, set_at FROM item_attributes"
        " WHERE super_category_id = ? AND item_id IN"
        f" (SELECT item_id FROM item_attributes WHERE attribute_value_id IN ({marks}))"
        " ORDER BY item_id, position",
        [category_id, *new_ids],
    ).fetchall()
    num_items = 0
    for item_id, labels in groupby(rows, key=itemgetter(0)):
        wanted: dict[int | None, _Label] = {}
        num_old = 0
        for _, value_id, source, set_at in labels:
            num_old += 1
            new_id = new_ids.get(value_id, value_id)
            if new_id is not None:
                wanted.setdefault(new_id, (new_id, source, set_at))
        _write_labels(db, (item_id, category_id), list(wanted.values()), num_old)
        num_items += 1
    return num_items


def _merge_labels(db: "Database", category_id: int, into_id: int) -> None:
    """Give the labels in a super-category, with its values, to another one."""
    into = {fold(name): value_id for value_id, name in _values(db, into_id)}
    new_ids: dict[int | None, int | None] = {}
    for value_id, name in _values(db, category_id):
        new_ids[value_id] = into.get(fold(name), value_id)
        if fold(name) not in into:
            db.table("attribute_values").update(value_id, {"super_category_id": into_id})
    rows = db.execute(
        "SELECT item_id, super_category_id, attribute_value_id, source, set_at"
        " FROM item_attributes WHERE super_category_id IN (?, ?) AND item_id IN"
        " (SELECT item_id FROM item_attributes WHERE super_category_id = ?)"
        " ORDER BY item_id, position",
        [category_id, into_id, category_id],
    ).fetchall()
    for item_id, labels in groupby(rows, key=itemgetter(0)):
        own: list[_Label] = []
        others: list[_Label] = []
        for _, owner_id, value_id, source, set_at in labels:
            if owner_id == into_id:
                others.append((value_id, source, set_at))
            else:
                own.append((new_ids.get(value_id), source, set_at))
        if not others or _RANKS[own[0][1]] < _RANKS[others[0][1]]:
            _write_labels(db, (item_id, into_id), own, len(others))


def _values(db: "Database", category_id: int) -> list[tuple[int, str]]:
    return db.execute(
        "SELECT id, name FROM attribute_values WHERE super_category_id = ?", [category_id]
    ).fetchall()


def _write_labels(
    db: "Database", pair: tuple[int, int], labels: Sequence[_Label], num_old: int
) -> None:
    """Write the labels of an item in a super-category over its old ones.

    Args:
        db: The database.
        pair: The ids of item and super-category.
        labels: The new labels.
        num_old: The number of old ones.
    """
    for position, label in enumerate(labels):
        db.execute(_WRITE_LABEL, [*pair, position, *label])
    for position in range(len(labels), num_old):
        db.execute(
            "DELETE FROM item_attributes WHERE item_id = ? AND super_category_id = ?"
            " AND position = ?",
            [*pair, position],
        )


_WRITE_LABEL = """
INSERT INTO item_attributes
    (item_id, super_category_id, position, attribute_value_id, source, set_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (item_id, super_category_id, position) DO UPDATE SET
    attribute_value_id = excluded.attribute_value_id,
    source = excluded.source,
    set_at = excluded.set_at
WHERE attribute_value_id IS NOT excluded.attribute_value_id OR source != excluded.source
"""
