"""Writing imported items: what differs from the database is written, in one transaction."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from datrnet.core.text import fold
from datrnet.db.connection import Connection, insert, now
from datrnet.db.history import next_id, recording
from datrnet.db.restore import unused_id
from datrnet.db.rows import AbsentItems, FactKind, NewItem, UpsertCounts
from datrnet.db.synonyms import read_synonyms

if TYPE_CHECKING:
    from sqlite_utils import Database


class ImportTables(Connection):
    """The part of the store that takes imported items."""

    def upsert_items(
        self,
        items: Iterable[NewItem],
        fact_kinds: Mapping[str, FactKind] | None = None,
        summary: str = "items",
        *,
        absent: AbsentItems = "keep",
        named: Collection[str] = (),
    ) -> UpsertCounts:
        """Add new items and update known ones, by code, in one transaction and one step of history.

        A label set by hand is never overwritten, nor a field that an item leaves unstated, nor the
        currency of a price by a bare number; an attribute value that no item carries any more is
        removed. Of two items with the same code the later counts. A hidden item that the file has,
        and not as hidden, is shown again.

        Args:
            items: The items.
            fact_kinds: The kinds of their facts, by name.
            summary: What is done, for the history.
            absent: What becomes of items that are neither among these nor named. Variants that the
                items lack are kept or removed; they cannot be hidden.
            named: Codes of further items that the catalog has.

        Raises:
            DatabaseError: Nothing was written.
        """
        by_code = {item.code: item for item in items}
        money = {name for name, kind in (fact_kinds or {}).items() if kind == "money"}
        with self.writing() as db, recording(db, "import", summary) as step_id:
            known = {code for (code,) in db.execute("SELECT code FROM items")}
            for name, kind in (fact_kinds or {}).items():
                db.execute(_UPSERT_FACT, [name, kind])
            written = _upsert_rows(db, by_code, known, money)
            item_ids = dict(db.execute("SELECT code, id FROM items").fetchall())
            written |= _upsert_labels(db, by_code, item_ids, known)
            written |= _upsert_variants(db, by_code, item_ids, money, keeps_others=absent == "keep")
            moment = now()
            db.conn.executemany(
                "UPDATE items SET updated_at = :now WHERE code = :code AND updated_at != :now",
                [{"code": code, "now": moment} for code in written],
            )
            num_gone = 0
            if absent != "keep":
                sql = _HIDE_ITEM if absent == "hide" else "DELETE FROM items WHERE code = :code"
                num_gone = sum(
                    db.conn.execute(sql, {"code": code, "now": moment}).rowcount
                    for code in known.difference(by_code, named)
                )
            remove_unused_names(db)
            added = by_code.keys() - known
            counts = UpsertCounts(
                added=len(added),
                updated=len(written - added),
                unchanged=len(by_code.keys() - written),
            )
            done = {
                "added": counts.added,
                "updated": counts.updated,
                "hidden" if absent == "hide" else "removed": num_gone,
            }
            words = [f"{num:,} {verb}" for verb, num in done.items() if num]
            told = f"{summary}: {', '.join(words) or 'unchanged'}"
            db.table("history").update(step_id, {"summary": told})
        return counts


# ── Upserts ──────────────────────────────────────────────────────────────────
#
# A row that is as the catalog file says is not written, so that importing a file again changes
# nothing; ``rowcount`` tells.

_UPSERT_ITEM = """
INSERT INTO items (
    id, code, title, picture_path, split, picture_bytes, picture_modified_ns, group_code,
    views_json, facts_json, hidden_at, added_at, updated_at
)
VALUES (
    :id, :code, :title, :picture_path, :split, :picture_bytes, :picture_modified_ns, :group,
    :views, :facts, CASE WHEN :hidden THEN :now END, :now, :now
)
ON CONFLICT (code) DO UPDATE SET
    title = CASE WHEN :keeps_title THEN title ELSE excluded.title END,
    picture_path = CASE WHEN :keeps_picture THEN picture_path ELSE excluded.picture_path END,
    split = CASE WHEN :keeps_split THEN split ELSE excluded.split END,
    picture_bytes = CASE WHEN :keeps_picture THEN picture_bytes ELSE excluded.picture_bytes END,
    picture_modified_ns =
        CASE WHEN :keeps_picture THEN picture_modified_ns ELSE excluded.picture_modified_ns END,
    group_code = CASE WHEN :keeps_group THEN group_code ELSE excluded.group_code END,
    views_json = CASE WHEN :keeps_picture THEN views_json ELSE excluded.views_json END,
    facts_json = json_patch(facts_json, :patch),
    hidden_at = CASE WHEN :hidden THEN coalesce(hidden_at, excluded.hidden_at) END,
    updated_at = excluded.updated_at
WHERE NOT (:keeps_title OR title = excluded.title)
    OR NOT (:keeps_split OR split = excluded.split)
    OR NOT (:keeps_group OR group_code = excluded.group_code)
    OR NOT (
        :keeps_picture
        OR picture_path = excluded.picture_path
            AND picture_bytes = excluded.picture_bytes
            AND picture_modified_ns = excluded.picture_modified_ns
            AND views_json = excluded.views_json
    )
    OR facts_json != json_patch(facts_json, :patch)
    OR (hidden_at IS NOT NULL) != :hidden
"""
"""A null in the patch removes a fact."""

_HIDE_ITEM = """
UPDATE items SET hidden_at = :now, updated_at = :now WHERE code = :code AND hidden_at IS NULL
"""

_UPSERT_FACT = """
INSERT INTO facts (name, kind) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind WHERE kind != excluded.kind
"""

_UPSERT_LABEL = """
INSERT INTO item_attributes
    (item_id, super_category_id, position, attribute_value_id, source, set_at)
VALUES (:item, :category, :position, :value, :source, :now)
ON CONFLICT (item_id, super_category_id, position) DO UPDATE SET
    attribute_value_id = excluded.attribute_value_id, source = excluded.source,
    set_at = excluded.set_at
WHERE (source = 'model' OR excluded.source != 'model')
    AND (source != excluded.source OR attribute_value_id IS NOT excluded.attribute_value_id)
"""

_REMOVE_LABELS = """
DELETE FROM item_attributes
WHERE item_id = :item AND super_category_id = :category AND position >= :position
    AND CASE source WHEN 'shop' THEN :source != 'model' ELSE position > 0 END
"""


def _upsert_rows(
    db: "Database", by_code: Mapping[str, NewItem], known: Collection[str], money: Collection[str]
) -> set[str]:
    """Write new and differing items; return their codes."""
    moment = now()
    stored = "SELECT facts_json FROM items WHERE code = ?"
    facts_of = {
        code: _with_currency(item.facts, json.loads(db.execute(stored, [code]).fetchone()[0]), bare)
        for code, item in by_code.items()
        if code in known and (bare := _without_currency(item.facts, money))
    }
    new_ids = count(next_id(db, "items"))
    return {
        code
        for code, item in by_code.items()
        if db.conn.execute(
            _UPSERT_ITEM,
            {
                "id": None if code in known else next(new_ids),
                "code": code,
                "title": item.title,
                "picture_path": item.picture_path,
                "split": item.split,
                "picture_bytes": item.picture_bytes,
                "picture_modified_ns": item.picture_modified_ns,
                "group": item.group,
                "views": _json(item.views),
                "facts": _json({name: text for name, text in item.facts.items() if text}),
                "hidden": item.is_hidden,
                "patch": _json(
                    {name: text or None for name, text in facts_of.get(code, item.facts).items()}
                ),
                "keeps_title": "title" in item.unstated,
                "keeps_split": "split" in item.unstated,
                "keeps_group": "group" in item.unstated,
                "keeps_picture": "picture" in item.unstated,
                "now": moment,
            },
        ).rowcount
    }


def _upsert_labels(
    db: "Database",
    by_code: Mapping[str, NewItem],
    item_ids: Mapping[str, int],
    known: Collection[str],
) -> set[str]:
    """Write new, differing and removed labels; return the codes of their items."""
    moment = now()
    relabeled: set[str] = set()
    names, synonyms = NameIds(db), read_synonyms(db.conn)
    by_person = set(
        db.execute(
            "SELECT item_id, super_category_id FROM item_attributes WHERE source = 'person'"
        ).fetchall()
    )
    for code, item in by_code.items():
        sources = {synonyms.category(name): source for name, source in item.sources.items()}
        for category, values in synonyms.canonical(item).items():
            category_id = names.category(category)
            if (item_ids[code], category_id) in by_person:
                continue
            source = sources.get(category, "shop")
            value_ids = list(dict.fromkeys(names.value(category_id, value) for value in values))
            is_long = source == "shop" and len(value_ids) > 2
            if is_long and _is_same_set(db, item_ids[code], category_id, value_ids):
                continue
            label = {
                "item": item_ids[code],
                "category": category_id,
                "source": source,
                "now": moment,
            }
            num_written = 0
            # by hand it may have been said that no value applies
            for position, value_id in enumerate(value_ids or [None] * (source == "person")):
                row = {**label, "position": position, "value": value_id}
                num_written += db.conn.execute(_UPSERT_LABEL, row).rowcount
            if code in known:
                rest = {**label, "position": max(len(value_ids), source == "person")}
                num_written += db.conn.execute(_REMOVE_LABELS, rest).rowcount
            if num_written:
                relabeled.add(code)
    return relabeled


def _is_same_set(db: "Database", item_id: int, category_id: int, value_ids: Sequence[int]) -> bool:
    """Tell whether an item carries these values, the same one first; the others have no order."""
    first, *others = [
        value_id
        for (value_id,) in db.execute(
            "SELECT attribute_value_id FROM item_attributes"
            " WHERE item_id = ? AND super_category_id = ? ORDER BY position",
            [item_id, category_id],
        )
    ] or [None]
    return [first, sorted(others)] == [value_ids[0], sorted(value_ids[1:])]


def _without_currency(facts: Mapping[str, str], money: Collection[str]) -> list[str]:
    """Return the names of the prices that are bare numbers."""
    return [name for name in money if (text := facts.get(name)) and " " not in text]


def _with_currency(
    facts: Mapping[str, str], before: Mapping[str, str], bare: Iterable[str]
) -> dict[str, str]:
    """Return facts whose bare prices are in the currency that they had before."""
    units = {name: before.get(name, "").partition(" ")[2] for name in bare}
    return {**facts, **{name: f"{facts[name]} {unit}" for name, unit in units.items() if unit}}


def _upsert_variants(
    db: "Database",
    by_code: Mapping[str, NewItem],
    item_ids: Mapping[str, int],
    money: Collection[str],
    *,
    keeps_others: bool,
) -> set[str]:
    """Write the variants of items that differ from those in the database; return their codes.

    A known variant keeps the facts that the file lacks, as an item does.

    Args:
        db: The database.
        by_code: The items.
        item_ids: Of all items.
        money: The facts that are prices.
        keeps_others: Whether the variants stay that the file lacks.
    """
    stored: dict[int, dict[str, str]] = {}
    known: dict[str, str] = {}
    for item_id, code, text in db.execute("SELECT item_id, code, facts_json FROM variants"):
        stored.setdefault(item_id, {})[code] = known[code] = text

    def facts_after(code: str, facts: Mapping[str, str]) -> str:
        before: dict[str, str] = json.loads(known.get(code, "{}"))
        news = _with_currency(facts, before, _without_currency(facts, money))
        return _json({name: text for name, text in {**before, **news}.items() if text})

    changed: set[str] = set()
    for code, item in by_code.items():
        old = stored.get(item_ids[code], {})
        wanted = {
            variant.code: facts_after(variant.code, variant.facts) for variant in item.variants
        }
        if "variants" in item.unstated:  # a file of some facts adds none
            wanted = {variant: facts for variant, facts in wanted.items() if variant in old}
        if keeps_others or "variants" in item.unstated:
            wanted = {**old, **wanted}
        if old != wanted and _parsed(old) != _parsed(wanted):  # in another order they are the same
            changed.add(code)
            db.table("variants").delete_where("item_id = ?", [item_ids[code]])
            # a variant may have been another item's
            db.conn.executemany(
                "DELETE FROM variants WHERE code = ?", [(variant,) for variant in wanted]
            )
            db.conn.executemany(
                "INSERT INTO variants (item_id, code, facts_json) VALUES (?, ?, ?)",
                [(item_ids[code], variant, facts) for variant, facts in wanted.items()],
            )
    return changed


class NameIds:
    """The ids of super-categories and values by name; new names get rows."""

    def __init__(self, db: "Database") -> None:
        self._db = db
        self._new_ids: dict[str, Iterator[int]] = {}
        self._categories: dict[str, int] = {
            fold(name): category_id
            for category_id, name in db.execute("SELECT id, name FROM super_categories")
        }
        self._values: dict[tuple[int, str], int] = {
            (category_id, fold(name)): value_id
            for value_id, category_id, name in db.execute(
                "SELECT id, super_category_id, name FROM attribute_values"
            )
        }

    def category(self, name: str) -> int:
        """Return the id of a super-category."""
        folded = fold(name)
        if folded not in self._categories:
            last = "SELECT coalesce(max(position), 0) FROM super_categories"
            row = {
                "id": self._new_id("super_categories"),
                "name": name,
                "position": self._db.execute(last).fetchone()[0] + 1,
            }
            self._categories[folded] = insert(self._db, "super_categories", row)
        return self._categories[folded]

    def value(self, category_id: int, name: str) -> int:
        """Return the id of a value."""
        key = (category_id, fold(name))
        if key not in self._values:
            row = {
                "id": self._new_id("attribute_values"),
                "super_category_id": category_id,
                "name": name,
            }
            self._values[key] = insert(self._db, "attribute_values", row)
        return self._values[key]

    def _new_id(self, table: str) -> int:
        """Return an id for a new name; those of the history are looked up once."""
        if table not in self._new_ids:
            self._new_ids[table] = count(unused_id(self._db, table))
        return next(self._new_ids[table])


def remove_unused_names(db: "Database") -> None:
    """Remove values that no item carries, and super-categories without values."""
    db.table("attribute_values").delete_where(
        "NOT EXISTS (SELECT 1 FROM item_attributes WHERE attribute_value_id = attribute_values.id)"
    )
    db.table("super_categories").delete_where(
        "id NOT IN (SELECT super_category_id FROM attribute_values)"
    )


def _parsed(facts: Mapping[str, str]) -> dict[str, object]:
    return {code: json.loads(text) for code, text in facts.items()}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
