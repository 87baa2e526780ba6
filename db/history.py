"""What was done to the catalog, so that it can be undone: imports, removals and renames.

While a step is recorded, triggers keep each row as it was before its changes. Rows of new items
are not kept one by one: undoing removes the items that came after the last one before the step,
and what belongs to them goes with them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.connection import Connection, insert, now
from datrnet.db.restore import Change, check_new_items, read_changes, restore, take_back
from datrnet.db.rows import HistoryStep

if TYPE_CHECKING:
    from sqlite_utils import Database

KEYS: Mapping[str, tuple[str, ...]] = {
    "items": ("id",),
    "variants": ("id",),
    "super_categories": ("id",),
    "attribute_values": ("id",),
    "item_attributes": ("item_id", "super_category_id", "position"),
    "facts": ("id",),
    "synonyms": ("id",),
    "label_changes": ("id",),
    "pair_verdicts": ("kept_id", "other_id"),
}
"""The tables whose rows are kept, with their keys."""

_OWNERS = {
    "items": "id",
    "variants": "item_id",
    "item_attributes": "item_id",
    "label_changes": "item_id",
}
"""The column with the id of the item that a row belongs to."""

NO_LIMIT = 2**62
"""Larger than any id."""

_LAST_IDS = {"items": "last_item_id", "label_changes": "last_change_id"}
"""Where a step has the largest id of a table."""


class HistoryTables(Connection):
    """The part of the store that holds the history of the catalog."""

    def history(self, limit: int | None = None) -> list[HistoryStep]:
        """Return the steps of the catalog's history, the newest first."""
        return self._select(
            HistoryStep,
            "history ORDER BY id DESC LIMIT :limit",
            {"limit": -1 if limit is None else limit},
        )

    def step_to_undo(self, step_id: int | None = None) -> HistoryStep | None:
        """Return the step that can be undone; None if there is none.

        Args:
            step_id: Which step it should be; by default the newest that is not undone.

        Raises:
            UnknownNameError: There is no such step.
            ConfigError: It is undone already, or a later one is not.
        """
        steps = {step.id: step for step in self.history()}
        last = next((step for step in steps.values() if step.undone_at is None), None)
        if step_id is None:
            return last
        if step_id not in steps:
            hint = "`datrnet history` lists them."
            raise UnknownNameError("step", str(step_id), [], hint=hint)
        if last is None or steps[step_id].undone_at is not None:
            raise ConfigError(
                f"Step {step_id} is already undone.", hint="`datrnet history` shows which are not."
            )
        if step_id != last.id:
            raise ConfigError(
                f"Step {step_id} was followed by other steps.", hint=f"Undo step {last.id} first."
            )
        return last

    def undo_step(
        self, step_id: int | None = None, *, loses_labels: bool = False
    ) -> HistoryStep | None:
        """Undo a step of the history: every row is again as it was before.

        Labels set by hand since then stay.

        Args:
            step_id: Which step; by default the newest that is not undone.
            loses_labels: Whether to remove items labeled by hand since the step added them.

        Returns:
            The undone step; None if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such step.
            ConfigError: It is undone already, a later one is not, or labels would be lost.
        """
        with self.writing() as db:
            step = self.step_to_undo(step_id)
            if step is None:
                return None
            if not loses_labels:
                check_new_items(db, step.id)
            before = "SELECT last_item_id, last_change_id FROM history WHERE id = ?"
            last_item_id, last_change_id = db.execute(before, [step.id]).fetchone()
            # before items go: the largest ids that there ever were
            db.table("history").update(step.id, {**_last_ids(db), "undone_at": now()})
            changes = _take_changes(db, step.id)
            with _triggers(db, step.id):  # what redo takes back, the new items too
                restore(db, changes, last_item_id, last_change_id)
            return self._select(HistoryStep, "history WHERE id = ?", [step.id])[0]

    def step_to_redo(self) -> HistoryStep | None:
        """Return the step that was undone last, unless the catalog was changed since; else None."""
        steps = self._select(
            HistoryStep,
            "history WHERE undone_at IS NOT NULL"
            " AND id > coalesce((SELECT max(id) FROM history WHERE undone_at IS NULL), 0)"
            " AND EXISTS (SELECT 1 FROM history_changes WHERE history_id = history.id)"
            " ORDER BY id LIMIT 1",
        )
        return steps[0] if steps else None

    def redo_step(self) -> HistoryStep | None:
        """Redo the step that was undone last, unless the catalog was changed since.

        Returns:
            The step; None if there is nothing to redo.
        """
        with self.writing() as db:
            step = self.step_to_redo()
            if step is None:
                return None
            last_ids = {
                column: db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
                for table, column in _LAST_IDS.items()
            }
            db.table("history").update(step.id, {**last_ids, "undone_at": None})
            changes = _take_changes(db, step.id)
            with _triggers(db, step.id, last_ids["last_item_id"]):
                take_back(db, changes)
            return self._select(HistoryStep, "history WHERE id = ?", [step.id])[0]

    def forgettable(self, before: str) -> tuple[int, int]:
        """Return the last step before a moment that may be forgotten, and the bytes it would free.

        The newest step stays, since it knows the largest ids that there ever were.

        Args:
            before: ISO 8601, UTC.

        Returns:
            0 and 0 if there is no such step.
        """
        with self.reading() as db:
            last, num_bytes = db.execute(_FORGETTABLE, [before]).fetchone()
            return last or 0, num_bytes or 0

    def forget_steps(self, last_step_id: int) -> None:
        """Forget the steps up to one: they can no longer be undone."""
        with self.writing() as db:
            db.table("history").delete_where(
                "id <= ? AND id < (SELECT max(id) FROM history)", [last_step_id]
            )

    def items_with_another_picture(self, step_id: int) -> list[int]:
        """Return the ids of the items whose picture undoing a step changes."""
        with self.reading() as db:
            return [item_id for (item_id,) in db.execute(_REPICTURED, [step_id])]


_FORGETTABLE = """
SELECT max(history.id), sum(
    coalesce(length(key_json), 0) + coalesce(length(old_json), 0) + coalesce(length(new_json), 0)
)
FROM history LEFT JOIN history_changes ON history_id = history.id
WHERE made_at < ? AND history.id < (SELECT max(id) FROM history)
"""

_REPICTURED = """
SELECT DISTINCT items.id FROM history_changes
JOIN items ON items.id = json_extract(key_json, '$.id')
WHERE history_id = ? AND table_name = 'items' AND old_json IS NOT NULL
    AND (picture_path, picture_bytes, picture_modified_ns) IS NOT (
        json_extract(old_json, '$.picture_path'),
        json_extract(old_json, '$.picture_bytes'),
        json_extract(old_json, '$.picture_modified_ns')
    )
"""


def _take_changes(db: "Database", step_id: int) -> list[Change]:
    """Return the changes of a step, or of undoing it, and forget them."""
    changes = read_changes(db, step_id)
    db.table("history_changes").delete_where("history_id = ?", [step_id])
    return changes


def end_redo(db: "Database") -> None:
    """Let no undone step be redone, as before every change of another kind."""
    db.execute(
        "DELETE FROM history_changes"
        " WHERE history_id IN (SELECT id FROM history WHERE undone_at IS NOT NULL)"
    )


def next_id(db: "Database", table: str) -> int:
    """Return an id that no item, or no change of a label, has ever had."""
    return _last_ids(db)[_LAST_IDS[table]] + 1


def _last_ids(db: "Database") -> dict[str, int]:
    """Return the largest ids that there ever were, as columns of a step."""
    return {
        column: db.execute(
            f"SELECT max(coalesce((SELECT max(id) FROM {table}), 0),"
            f" coalesce((SELECT max({column}) FROM history), 0))"
        ).fetchone()[0]
        for table, column in _LAST_IDS.items()
    }


# ── recording ────────────────────────────────────────────────────────────────


@contextmanager
def recording(db: "Database", action: str, summary: str = "") -> Iterator[int]:
    """Record what the block does as a step of the history, in a transaction of the caller.

    A step that changes nothing leaves no trace. Rows must not be replaced by ``INSERT OR REPLACE``:
    SQLite does not tell of those.

    Args:
        db: The database.
        action: What kind of step it is.
        summary: What it does, in words.

    Yields:
        The step's id; its summary may be changed.
    """
    last_ids = _last_ids(db)
    last_item_id = last_ids["last_item_id"]
    row = {"action": action, "summary": summary, "made_at": now(), **last_ids}
    step_id = insert(db, "history", row)
    with _triggers(db, step_id, last_item_id):
        yield step_id
    changes = "SELECT 1 FROM history_changes WHERE history_id = ? LIMIT 1"
    has_new_items = _last_ids(db)["last_item_id"] > last_item_id
    if not has_new_items and db.execute(changes, [step_id]).fetchone() is None:
        db.table("history").delete(step_id)
    else:
        end_redo(db)


@contextmanager
def _triggers(db: "Database", step_id: int, last_item_id: int = NO_LIMIT) -> Iterator[None]:
    """Keep the changes that the block makes, but those of items after one."""
    for table, keys in KEYS.items():
        for event in ("INSERT", "UPDATE", "DELETE"):
            db.execute(_trigger(db, table, keys, event, step_id, last_item_id))
    try:
        yield
    finally:
        for table in KEYS:
            for event in ("INSERT", "UPDATE", "DELETE"):
                db.execute(f"DROP TRIGGER IF EXISTS temp.history_{table}_{event}")


def _trigger(
    db: "Database",
    table: str,
    keys: Sequence[str],
    event: str,
    step_id: int,
    last_item_id: int,
) -> str:
    """Return the statement for a trigger that keeps the old row, and of labels the new one."""
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    row = "NEW" if event == "INSERT" else "OLD"
    key = _json_of(row, keys)
    old = "NULL" if event == "INSERT" else _json_of("OLD", columns)
    is_label = table == "item_attributes" and event != "DELETE"
    new = _json_of("NEW", columns) if is_label else "NULL"
    owner = _OWNERS.get(table)
    when = f"WHEN {row}.{owner} <= {last_item_id}" if owner else ""
    return (
        f"CREATE TEMP TRIGGER history_{table}_{event} AFTER {event} ON main.{table} {when} BEGIN "
        "INSERT INTO history_changes (history_id, table_name, key_json, old_json, new_json) "
        f"VALUES ({step_id}, '{table}', {key}, {old}, {new}); END"
    )


def _json_of(row: str, columns: Sequence[str]) -> str:
    fields = ", ".join(f"'{name}', {row}.{name}" for name in columns)
    return f"json_object({fields})"
