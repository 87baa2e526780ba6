"""Labels set by hand, with a history that can be undone, and verdicts on pairs of items."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.connection import Connection, insert, now
from datrnet.db.history import end_redo, next_id
from datrnet.db.restore import add_value
from datrnet.db.rows import (
    LabelChange,
    LabelSource,
    PairVerdict,
    StoredLabel,
    Verdict,
    joined,
    split_values,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

_CHANGES = (
    "(SELECT label_changes.*, items.code"
    " FROM label_changes JOIN items ON items.id = label_changes.item_id)"
)

_Label = tuple[str | None, LabelSource | None]
"""Values as text, see ``split_values``, and their source. A source without a value: none applies.
Neither: there is no label."""


class LabelTables(Connection):
    """The part of the store that holds what users say of labels and of pairs of items."""

    def set_label(
        self, item_id: int, super_category: str, value: str | None, source: LabelSource
    ) -> LabelChange | None:
        """Set what an item carries in a super-category, and record the change.

        Args:
            item_id: The item's id in the database.
            super_category: Its name, in any case.
            value: A value of the super-category, or several, separated by bars, in any case; None
                for no value. A None set by hand is stored, so that the next import does not bring
                the shop's label back.
            source: Where the label comes from. Setting the present label by hand confirms it.

        Returns:
            The change; None if the label had this value and source before.

        Raises:
            UnknownNameError: There is no such item, super-category or value.
        """
        with self.writing() as db:
            _check_item(db, item_id)
            category_id, category = find_super_category(db, super_category)
            found = _find_values(db, category_id, value)
            spelled = joined(name for _, name in found)
            old = _current_label(db, item_id, category_id)
            new: _Label = (spelled, None if spelled is None and source != "person" else source)
            if old == new:
                return None
            _write_label(db, item_id, category_id, new)
            end_redo(db)
            # a new change ends redo of labels too
            db.execute(
                "UPDATE label_changes SET redo_position = NULL WHERE redo_position IS NOT NULL"
            )
            change = {
                "id": next_id(db, "label_changes"),
                "item_id": item_id,
                "super_category": category,
                "old_value": old[0],
                "old_source": old[1],
                "new_value": new[0],
                "new_source": new[1],
                "changed_at": now(),
            }
            return self._change(insert(db, "label_changes", change))

    def undo_label(self, change_id: int | None = None) -> LabelChange | None:
        """Undo a change of a label; the label gets back its source too.

        Args:
            change_id: Which change; by default the newest that is not undone.

        Returns:
            The undone change; None if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such change, or its super-category is gone.
            ConfigError: It is undone already, or the label was changed again since.
        """
        with self.writing() as db:
            if change_id is None:
                change_id = _number(db, "SELECT max(id) FROM label_changes WHERE undone_at IS NULL")
            if change_id is None:
                return None
            change = self._change(change_id)
            _check_can_undo(db, change)
            last = _number(db, "SELECT max(redo_position) FROM label_changes")
            position = (last or 0) + 1
            old = change.old_value, change.old_source
            return self._restore(db, change, old, undone_at=now(), redo_position=position)

    def redo_label(self) -> LabelChange | None:
        """Redo the last undone change, unless another change was made since.

        Returns:
            The change; None if there is nothing to redo.

        Raises:
            UnknownNameError: Its super-category is gone.
        """
        with self.writing() as db:
            undone = self._select(
                LabelChange,
                f"{_CHANGES} WHERE redo_position IS NOT NULL ORDER BY redo_position DESC LIMIT 1",
            )
            if not undone:
                return None
            new = undone[0].new_value, undone[0].new_source
            return self._restore(db, undone[0], new, undone_at=None, redo_position=None)

    def label_history(
        self, item_id: int | None = None, limit: int | None = None
    ) -> list[LabelChange]:
        """Return the changes of the labels of an item, or of all items, the newest first."""
        where = "" if item_id is None else "WHERE item_id = :item"
        return self._select(
            LabelChange,
            f"{_CHANGES} {where} ORDER BY id DESC LIMIT :limit",
            {"item": item_id, "limit": -1 if limit is None else limit},
        )

    def iter_labels(self) -> Generator[StoredLabel, None, None]:
        """Yield every label, by item, super-category and position; to be closed if left early."""
        with self.reading() as db:
            yield from db.execute(
                "SELECT item_id, super_categories.name, attribute_values.name, source"
                " FROM item_attributes"
                " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
                " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
                " ORDER BY item_id, item_attributes.super_category_id, item_attributes.position"
            )

    def labels_by_person(self) -> set[tuple[int, str]]:
        """Return the item ids and super-categories of the labels set or confirmed by hand."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT item_id, super_categories.name FROM item_attributes"
                " JOIN super_categories ON super_categories.id = super_category_id"
                " WHERE source = 'person'"
            )
            return set(rows)

    def num_relabeled_since(self, moment: str) -> int:
        """Return how many labels have another value than at a moment (ISO 8601, UTC).

        Labels that were only confirmed, or changed and undone, are not counted.
        """
        with self.reading() as db:
            changed = db.execute(
                "SELECT DISTINCT item_id, super_category FROM label_changes"
                " WHERE undone_at IS NULL AND changed_at >= ? AND old_value IS NOT new_value",
                [moment],
            )
            return len(changed.fetchall())

    def judge_pair(self, kept_id: int, other_id: int, verdict: Verdict | None) -> Verdict | None:
        """Record a verdict on a pair of items in place of an earlier one.

        Args:
            kept_id: Of duplicates, the item to keep; of distinct items, either.
            other_id: The other item.
            verdict: None removes the earlier verdict.

        Returns:
            The earlier verdict, if any.

        Raises:
            UnknownNameError: There is no such item.
            ConfigError: Both are the same item.
        """
        if kept_id == other_id:
            raise ConfigError("An item cannot be compared with itself.", hint="Name two items.")
        pair, ids = "kept_id IN (?, ?) AND other_id IN (?, ?)", [kept_id, other_id] * 2
        with self.writing() as db:
            _check_item(db, kept_id)
            _check_item(db, other_id)
            earlier = self._select(PairVerdict, f"pair_verdicts WHERE {pair}", ids)
            verdicts = db.table("pair_verdicts")
            verdicts.delete_where(pair, ids)
            end_redo(db)
            if verdict is not None:
                row = {"kept_id": kept_id, "other_id": other_id, "verdict": verdict}
                verdicts.insert({**row, "judged_at": now()})
            return earlier[0].verdict if earlier else None

    def pair_verdicts(self) -> list[PairVerdict]:
        """Return all verdicts, the oldest first."""
        return self._select(PairVerdict, "pair_verdicts ORDER BY judged_at, kept_id, other_id")

    def _change(self, change_id: int) -> LabelChange:
        changes = self._select(LabelChange, f"{_CHANGES} WHERE id = ?", [change_id])
        if not changes:
            raise UnknownNameError(
                "change", str(change_id), [], hint="`datrnet label history` lists them."
            )
        return changes[0]

    def _restore(
        self, db: "Database", change: LabelChange, label: _Label, **marks: object
    ) -> LabelChange:
        """Give the item of a change a label again, and mark the change."""
        end_redo(db)
        category_id, _ = find_super_category(db, change.super_category)
        # an import removes values that no item carries; they come back with their labels
        for name in split_values(label[0], _names(_values(db, category_id))):
            add_value(db, category_id, name)
        _write_label(db, change.item_id, category_id, label)
        db.table("label_changes").update(change.id, marks)
        return self._change(change.id)


def _number(db: "Database", sql: str, parameters: Sequence[object] = ()) -> int | None:
    """Return the only number that a query finds; None for NULL."""
    number: int | None = db.execute(sql, parameters).fetchone()[0]
    return number


def _check_item(db: "Database", item_id: int) -> None:
    if not db.table("items").count_where("id = ?", [item_id]):
        raise UnknownNameError("item", str(item_id), [], hint="It is not in the catalog.")


def _check_can_undo(db: "Database", change: LabelChange) -> None:
    if change.undone_at is not None:
        raise ConfigError(
            f"Change {change.id} is already undone.",
            hint="`datrnet label history` shows which changes are not.",
        )
    later = _number(
        db,
        "SELECT max(id) FROM label_changes"
        " WHERE item_id = ? AND super_category = ? AND id > ? AND undone_at IS NULL",
        [change.item_id, change.super_category, change.id],
    )
    if later is not None:
        raise ConfigError(
            f"Change {change.id} was followed by another change of the same label.",
            hint=f"Undo change {later} first.",
        )


def _current_label(db: "Database", item_id: int, category_id: int) -> _Label:
    found = db.execute(
        "SELECT attribute_values.name, source FROM item_attributes"
        " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
        " WHERE item_id = ? AND item_attributes.super_category_id = ? ORDER BY position",
        [item_id, category_id],
    ).fetchall()
    if not found:
        return None, None
    return joined(name for name, _ in found if name is not None), found[0][1]


def _write_label(db: "Database", item_id: int, category_id: int, label: _Label) -> None:
    text, source = label
    labels = db.table("item_attributes")
    labels.delete_where("item_id = ? AND super_category_id = ?", [item_id, category_id])
    if source is None:
        return
    value_ids = [value_id for value_id, _ in _find_values(db, category_id, text)]
    labels.insert_all(
        {
            "item_id": item_id,
            "super_category_id": category_id,
            "position": position,
            "attribute_value_id": value_id,
            "source": source,
            "set_at": now(),
        }
        for position, value_id in enumerate(value_ids or [None])
    )


def find_super_category(db: "Database", name: str) -> tuple[int, str]:
    """Return the id of a super-category, and its name as the catalog spells it.

    Raises:
        UnknownNameError: There is none of that name.
    """
    rows = db.execute("SELECT id, name FROM super_categories ORDER BY position").fetchall()
    return _find("super-category", name, rows)


def find_value(db: "Database", category_id: int, value: str) -> tuple[int, str]:
    """Return the id of a value, and its name as the catalog spells it.

    Raises:
        UnknownNameError: There is none of that name.
    """
    return _find("value", value, _values(db, category_id))


def _values(db: "Database", category_id: int) -> list[tuple[int, str]]:
    return list(
        db.execute(
            "SELECT id, name FROM attribute_values WHERE super_category_id = ?", [category_id]
        )
    )


def _find_values(db: "Database", category_id: int, text: str | None) -> list[tuple[int, str]]:
    """Return the ids and names of the values that a text names."""
    known = _values(db, category_id)
    return [_find("value", name, known) for name in split_values(text, _names(known))]


def _names(rows: Sequence[tuple[int, str]]) -> list[str]:
    return [name for _, name in rows]


def _find(kind: str, name: str, rows: Sequence[tuple[int, str]]) -> tuple[int, str]:
    """Return the id of a name, however it is typed, and the name as the catalog spells it."""
    for row_id, known in rows:
        if fold(known) == fold(name):
            return row_id, known
    raise UnknownNameError(kind, name, _names(rows))
