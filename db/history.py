"""What was done to the catalog, so that it can be undone: imports, removals and renames.

While a step is recorded, triggers keep each row as it was before its changes. Rows of new items
are not kept one by one: undoing removes the items that came after the last one before the step,
and what belongs to them goes with them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.connection import Connection, insert, now
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
}
"""The tables whose rows are kept, with their keys; a row refers to rows of earlier tables only."""

_OWNERS = {"items": "id", "variants": "item_id", "item_attributes": "item_id"}
"""The column with the id of the item that a row belongs to."""


class HistoryTables(Connection):
    """The part of the store that holds the history of the catalog."""

    def history(self, limit: int | None = None) -> list[HistoryStep]:
        """Return the steps of the catalog's history, the newest first."""
        return self._select(
            HistoryStep,
            "history ORDER BY id DESC LIMIT :limit",
            {"limit": -1 if limit is None else limit},
        )

    def undo_step(self, step_id: int | None = None) -> HistoryStep | None:
        """Undo a step of the history: every row is again as it was before.

        A label that a person has set since stays.

        Args:
            step_id: Which step; by default the newest that is not undone.

        Returns:
            The undone step; None if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such step.
            ConfigError: It is undone already, or a later one is not.
        """
        steps = self.history()
        last = next((step for step in steps if step.undone_at is None), None)
        step = last
        if step_id is not None:
            step = next((found for found in steps if found.id == step_id), None)
            if step is None:
                hint = "`datrnet history` lists them."
                raise UnknownNameError("step", str(step_id), [], hint=hint)
            if step.undone_at is not None:
                raise ConfigError(f"Step {step_id} is already undone.")
            assert last is not None
            if step != last:
                raise ConfigError(
                    f"Step {step_id} was followed by other steps.",
                    hint=f"Undo step {last.id} first.",
                )
        if step is None:
            return None
        with self.writing() as db:
            _restore(db, step.id)
            db.table("history").update(step.id, {"undone_at": now()})
        return self.history(1)[0] if step_id is None else step


@contextmanager
def recording(db: "Database", action: str, summary: str = "") -> Iterator[int]:
    """Record what the block does as a step of the history, in a transaction of the caller.

    A step that changes nothing leaves no trace.

    Args:
        db: The database.
        action: What kind of step it is.
        summary: What it does, in words.

    Yields:
        The step's id; its summary may be changed.
    """
    (last_item_id,) = db.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()
    row = {"action": action, "summary": summary, "made_at": now(), "last_item_id": last_item_id}
    step_id = insert(db, "history", row)
    for table, keys in KEYS.items():
        for event in ("INSERT", "UPDATE", "DELETE"):
            db.execute(_trigger(db, table, keys, event, step_id, last_item_id))
    try:
        yield step_id
    finally:
        for table in KEYS:
            for event in ("INSERT", "UPDATE", "DELETE"):
                db.execute(f"DROP TRIGGER IF EXISTS temp.history_{table}_{event}")
    changes = "SELECT 1 FROM history_changes WHERE history_id = ? LIMIT 1"
    has_new_items = db.execute("SELECT max(id) FROM items").fetchone()[0] or 0
    if has_new_items <= last_item_id and db.execute(changes, [step_id]).fetchone() is None:
        db.table("history").delete(step_id)


def _trigger(
    db: "Database",
    table: str,
    keys: Sequence[str],
    event: str,
    step_id: int,
    last_item_id: int,
) -> str:
    """Return the statement for a trigger that keeps the old row."""
    row = "NEW" if event == "INSERT" else "OLD"
    key = ", ".join(f"'{name}', {row}.{name}" for name in keys)
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    old = ", ".join(f"'{name}', OLD.{name}" for name in columns)
    owner = _OWNERS.get(table)
    when = f"WHEN {row}.{owner} <= {last_item_id}" if owner else ""
    return (
        f"CREATE TEMP TRIGGER history_{table}_{event} AFTER {event} ON main.{table} {when} BEGIN "
        "INSERT INTO history_changes (history_id, table_name, key_json, old_json) VALUES "
        f"({step_id}, '{table}', json_object({key}), "
        f"{'NULL' if event == 'INSERT' else f'json_object({old})'}); END"
    )


def _restore(db: "Database", step_id: int) -> None:
    """Put back the rows as they were before a step."""
    db.execute("PRAGMA defer_foreign_keys = ON")
    (last_item_id,) = db.execute(
        "SELECT last_item_id FROM history WHERE id = ?", [step_id]
    ).fetchone()
    (later,) = db.execute(
        "SELECT coalesce(min(last_item_id), 9223372036854775807) FROM history WHERE id > ?"
        " AND undone_at IS NULL",
        [step_id],
    ).fetchone()
    db.execute("DELETE FROM items WHERE id > ? AND id <= ?", [last_item_id, later])
    changes = db.execute(
        "SELECT table_name, key_json, old_json FROM history_changes WHERE history_id = ?"
        " ORDER BY id DESC",
        [step_id],
    ).fetchall()
    for table, key_json, old_json in changes:
        key: dict[str, Any] = json.loads(key_json)
        matches = " AND ".join(f"{name} = :{name}" for name in key)
        kept = " AND source != 'person'" if table == "item_attributes" else ""
        if old_json is None:
            db.execute(f"DELETE FROM {table} WHERE {matches}{kept}", key)
            continue
        old: dict[str, Any] = json.loads(old_json)
        names = ", ".join(old)
        values = ", ".join(f":{name}" for name in old)
        changed = ", ".join(f"{name} = excluded.{name}" for name in old if name not in key)
        where = "WHERE source != 'person'" if kept else ""
        db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({values})"
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed} {where}",
            old,
        )
