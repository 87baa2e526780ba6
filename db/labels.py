"""Labels set by hand, with a history that can be undone, and verdicts on pairs of items."""

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.connection import Connection, insert, now
from datrnet.db.history import end_redo, next_id
from datrnet.db.restore import add_value
from datrnet.db.rows import (
    LabelChange,
    LabelSource,
    PairVerdict,
    ProposedLabel,
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
            _end_redo_of_labels(db)
            return self._change(_record(db, item_id, category, old, new))

    def accept_labels(
        self, proposals: Iterable[ProposedLabel], source: Literal["person", "model"]
    ) -> list[LabelChange]:
        """Set proposed labels as one step of the history.

        A label that was set by hand stays; with the source ``model``, so does one of the shop.

        Args:
            proposals: What is proposed.
            source: ``person`` if the user answers for the labels, ``model`` if nobody does.

        Returns:
            The changes; none for a label that stays, or that was there already.

        Raises:
            UnknownNameError: There is no such item, super-category or value; nothing is changed.
        """
        kept = ("person",) if source == "person" else ("person", "shop")
        step: int | None = None
        made = []
        with self.writing() as db:
            for proposal in proposals:
                _check_item(db, proposal.item_id)
                category_id, category = find_super_category(db, proposal.super_category)
                _, value = find_value(db, category_id, proposal.value)
                old = _current_label(db, proposal.item_id, category_id)
                new: _Label = (value, source)
                if old == new or old[1] in kept:
                    continue
                _write_label(db, proposal.item_id, category_id, new)
                marks = {"step_id": step, "confidence": proposal.confidence}
                made.append(_record(db, proposal.item_id, category, old, new, **marks))
                step = step or made[0]
            if made:
                _end_redo_of_labels(db)
                db.table("label_changes").update(made[0], {"step_id": step})
            return [self._change(change_id) for change_id in made]

    def undo_label(self, change_id: int | None = None) -> list[LabelChange]:
        """Undo changes of labels; each label gets back its source too.

        Args:
            change_id: Only this change; by default the newest step that is not undone, which is a
                change or several.

        Returns:
            The undone changes, the newest first; none if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such change, or its super-category is gone.
            ConfigError: It is undone already, or the label was changed again since.
        """
        with self.writing() as db:
            ids = _newest_step(db) if change_id is None else [change_id]
            last = _number(db, "SELECT max(redo_position) FROM label_changes")
            marks = {"undone_at": now(), "redo_position": (last or 0) + 1}
            changes = list(map(self._change, ids))
            for change in changes:
                _check_can_undo(db, change)
            return [
                self._restore(db, change, (change.old_value, change.old_source), **marks)
                for change in changes
            ]

    def redo_label(self) -> list[LabelChange]:
        """Redo the changes that were undone last, unless another change was made since.

        Returns:
            The changes; none if there is nothing to redo.

        Raises:
            UnknownNameError: A super-category is gone.
        """
        with self.writing() as db:
            undone = self._select(
                LabelChange,
                f"{_CHANGES} WHERE redo_position ="
                " (SELECT max(redo_position) FROM label_changes) ORDER BY id",
            )
            marks = {"undone_at": None, "redo_position": None}
            return [
                self._restore(db, change, (change.new_value, change.new_source), **marks)
                for change in undone
            ]

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
        return self.labels_by("person")

    def labels_by(self, source: LabelSource) -> set[tuple[int, str]]:
        """Return the item ids and super-categories of the labels that have a source."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT item_id, super_categories.name FROM item_attributes"
                " JOIN super_categories ON super_categories.id = super_category_id"
                " WHERE source = ?",
                [source],
            )
            return set(rows)

    def num_relabeled_since(self, moment: str) -> int:
        """Return how many labels have another value than at a moment (ISO 8601, UTC).

        Labels that were only confirmed, or changed and undone, are not counted; nor are those of a
        model, of which an index does not know.
        """
        with self.reading() as db:
            changed = db.execute(
                "SELECT DISTINCT item_id, super_category FROM label_changes"
                " WHERE undone_at IS NULL AND changed_at >= ?"
                " AND CASE WHEN old_source != 'model' THEN old_value END"
                " IS NOT CASE WHEN new_source != 'model' THEN new_value END",
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


def _end_redo_of_labels(db: "Database") -> None:
    """Let nothing that was undone be redone, as before every new change of a label."""
    end_redo(db)
    db.execute("UPDATE label_changes SET redo_position = NULL WHERE redo_position IS NOT NULL")


def _record(
    db: "Database", item_id: int, category: str, old: _Label, new: _Label, **marks: object
) -> int:
    """Add a change to the history, and return its number."""
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
    return insert(db, "label_changes", change | marks)


def _newest_step(db: "Database") -> list[int]:
    """Return the numbers of the changes of the newest step that is not undone, newest first."""
    rows = db.execute(
        "WITH newest AS (SELECT id, step_id FROM label_changes WHERE undone_at IS NULL"
        " ORDER BY id DESC LIMIT 1)"
        " SELECT label_changes.id FROM label_changes, newest WHERE undone_at IS NULL"
        " AND (label_changes.id = newest.id OR label_changes.step_id = newest.step_id)"
        " ORDER BY label_changes.id DESC"
    )
    return [change_id for (change_id,) in rows]


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
