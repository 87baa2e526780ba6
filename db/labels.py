"""Labels, who said so, and every change of one by hand, so that it can be taken back."""

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.connection import Connection, now
from datrnet.db.database import Database
from datrnet.db.rows import LabelChange, LabelSource

_CHANGES = (
    "SELECT label_changes.id, item_id, items.code, super_category, old_value, old_source,"
    " new_value, new_source, changed_at, undone_at"
    " FROM label_changes JOIN items ON items.id = item_id"
)

_Said = tuple[str | None, LabelSource | None]
"""A value and who says so. No value and a person: none of them holds. Neither: no label."""


class LabelTables(Connection):
    """The part of the store that holds labels and their changes."""

    def set_label(
        self, item_id: int, super_category: str, value: str | None, source: LabelSource
    ) -> LabelChange | None:
        """Set the value that an item carries in a super-category, and remember the one before.

        Args:
            item_id: The item's id in the database.
            super_category: Its name, in any case.
            value: One of its values, in any case; None for no value. A person's None is kept, so
                that the shop's label does not come back with the next import.
            source: Who says so. A person who sets the label that is there confirms it.

        Returns:
            The change; None where the same source has said the same before.

        Raises:
            UnknownNameError: There is no such item, super-category or value.
        """
        with self._writing() as db:
            if not db.execute("SELECT 1 FROM items WHERE id = ?", [item_id]).fetchone():
                raise UnknownNameError("item", str(item_id), [], mend="It is not in the catalogue.")
            category_id, name = _category(db, super_category)
            spelled = None if value is None else _value(db, category_id, value)[1]
            before = _said(db, item_id, category_id)
            after: _Said = (spelled, None if spelled is None and source != "person" else source)
            if before == after:
                return None
            _write(db, item_id, category_id, after)
            change_id = db.execute(
                "INSERT INTO label_changes (item_id, super_category, old_value, old_source,"
                " new_value, new_source, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [item_id, name, *before, *after, now()],
            ).lastrowid
            assert change_id is not None
            # what had been taken back before is left behind by a new change
            db.execute(
                "UPDATE label_changes SET redo_position = NULL WHERE redo_position IS NOT NULL"
            )
            return _change(db, change_id)

    def undo_label(self, change_id: int | None = None) -> LabelChange | None:
        """Give an item back the label it had before a change, with the source it had.

        Args:
            change_id: Which change; the newest that stands, if none is named.

        Returns:
            The change that was taken back; None where none stands.

        Raises:
            UnknownNameError: There is no such change, or its super-category is gone.
            ConfigError: It has been taken back already, or a later one of the same label stands.
        """
        with self._writing() as db:
            if change_id is None:
                (change_id,) = db.execute(
                    "SELECT max(id) FROM label_changes WHERE undone_at IS NULL"
                ).fetchone()
                if change_id is None:
                    return None
            change = _change(db, change_id)
            _refuse_tangled(db, change)
            self._put(db, change, (change.old_value, change.old_source))
            db.execute(
                "UPDATE label_changes SET undone_at = ?, redo_position ="
                " (SELECT coalesce(max(redo_position), 0) + 1 FROM label_changes) WHERE id = ?",
                [now(), change_id],
            )
            return _change(db, change_id)

    def redo_label(self) -> LabelChange | None:
        """Make the change again that was taken back last, unless another was made since.

        Returns:
            The change; None where there is none.

        Raises:
            UnknownNameError: Its super-category is gone.
        """
        with self._writing() as db:
            (change_id,) = db.execute(
                "SELECT id FROM label_changes WHERE redo_position IS NOT NULL"
                " ORDER BY redo_position DESC LIMIT 1"
            ).fetchone() or (None,)
            if change_id is None:
                return None
            change = _change(db, change_id)
            self._put(db, change, (change.new_value, change.new_source))
            db.execute(
                "UPDATE label_changes SET undone_at = NULL, redo_position = NULL WHERE id = ?",
                [change_id],
            )
            return _change(db, change_id)

    def label_history(
        self, item_id: int | None = None, limit: int | None = None
    ) -> list[LabelChange]:
        """Return the changes of labels, of one item or of all, the newest first."""
        where = "" if item_id is None else " WHERE item_id = :item"
        with self.reading() as db:
            rows = db.query(
                f"{_CHANGES}{where} ORDER BY label_changes.id DESC LIMIT :limit",
                {"item": item_id, "limit": -1 if limit is None else limit},
            )
            return [LabelChange(**row) for row in rows]

    def labels_by_person(self) -> set[tuple[int, str]]:
        """Return the labels that a person has set or confirmed, as item id and super-category."""
        with self.reading() as db:
            return set(
                db.execute(
                    "SELECT item_id, super_categories.name FROM item_attributes"
                    " JOIN super_categories ON super_categories.id = super_category_id"
                    " WHERE source = 'person'"
                ).fetchall()
            )

    def num_relabelled_since(self, moment: str) -> int:
        """Return how many labels have another value than at a moment (ISO 8601, UTC).

        Those that were only confirmed, or changed and given back, are not counted.
        """
        with self.reading() as db:
            rows = db.execute(
                "SELECT count(*) FROM (SELECT 1 FROM label_changes"
                " WHERE undone_at IS NULL AND changed_at >= ? AND old_value IS NOT new_value"
                " GROUP BY item_id, super_category)",
                [moment],
            )
            return int(rows.fetchone()[0])

    def _put(self, db: Database, change: LabelChange, said: _Said) -> None:
        category_id, _ = _category(db, change.super_category)
        if said[0] is not None:
            # an import removes a value that no item carries; it comes back with its label
            db.execute(
                "INSERT OR IGNORE INTO attribute_values (super_category_id, name) VALUES (?, ?)",
                [category_id, said[0]],
            )
        _write(db, change.item_id, category_id, said)


def _refuse_tangled(db: Database, change: LabelChange) -> None:
    """Refuse to take back what has been taken back, or what another change was built on."""
    if change.undone_at is not None:
        raise ConfigError(
            f"Change {change.id} has been taken back already.",
            mend="`datrnet label history` shows which ones stand.",
        )
    (later,) = db.execute(
        "SELECT max(id) FROM label_changes"
        " WHERE item_id = ? AND super_category = ? AND id > ? AND undone_at IS NULL",
        [change.item_id, change.super_category, change.id],
    ).fetchone()
    if later is not None:
        raise ConfigError(
            f"Change {change.id} was followed by another of the same label.",
            mend=f"Take change {later} back first.",
        )


def _change(db: Database, change_id: int) -> LabelChange:
    rows = list(db.query(f"{_CHANGES} WHERE label_changes.id = ?", [change_id]))
    if not rows:
        raise UnknownNameError(
            "change", str(change_id), [], mend="`datrnet label history` lists them."
        )
    return LabelChange(**rows[0])


def _said(db: Database, item_id: int, category_id: int) -> _Said:
    found = db.execute(
        "SELECT attribute_values.name, source FROM item_attributes"
        " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
        " WHERE item_id = ? AND item_attributes.super_category_id = ?",
        [item_id, category_id],
    ).fetchone()
    return found or (None, None)


def _write(db: Database, item_id: int, category_id: int, said: _Said) -> None:
    value, source = said
    if source is None:
        db.execute(
            "DELETE FROM item_attributes WHERE item_id = ? AND super_category_id = ?",
            [item_id, category_id],
        )
        return
    value_id = None if value is None else _value(db, category_id, value)[0]
    db.execute(
        "REPLACE INTO item_attributes"
        " (item_id, super_category_id, attribute_value_id, source, set_at)"
        " VALUES (?, ?, ?, ?, ?)",
        [item_id, category_id, value_id, source, now()],
    )


def _category(db: Database, name: str) -> tuple[int, str]:
    rows = db.execute("SELECT id, name FROM super_categories").fetchall()
    return _named("super-category", name, rows)


def _value(db: Database, category_id: int, value: str) -> tuple[int, str]:
    rows = db.execute(
        "SELECT id, name FROM attribute_values WHERE super_category_id = ?", [category_id]
    ).fetchall()
    return _named("value", value, rows)


def _named(kind: str, name: str, rows: list[tuple[int, str]]) -> tuple[int, str]:
    """Return the id of a name in any case, and the name as the catalogue spells it."""
    for found, known in rows:
        if known.casefold() == name.casefold():
            return found, known
    raise UnknownNameError(kind, name, [known for _, known in rows])
