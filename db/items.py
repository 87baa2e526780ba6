"""Items and the labels of the shop: importing them, reading them as columns, searching titles."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from sqlite3 import Connection as Reader
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datrnet.db.connection import Connection, insert, now
from datrnet.db.history import recording
from datrnet.db.rows import (
    AbsentItems,
    FactColumn,
    FactKind,
    ItemColumns,
    ItemFacts,
    NewItem,
    NewVariant,
    PictureStamp,
    StringColumn,
    SuperCategory,
    UpsertCounts,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

MAX_SEARCH_WORDS = 32
"""More words than any title has; SQLite has a limit too, which a longer text would meet."""


class ItemTables(Connection):
    """The part of the store that holds items and labels."""

    def upsert_items(
        self,
        items: Iterable[NewItem],
        fact_kinds: Mapping[str, FactKind] | None = None,
        summary: str = "",
        *,
        absent: AbsentItems = "keep",
        named: Collection[str] = (),
    ) -> UpsertCounts:
        """Add new items and update known ones, by code, in one transaction and one step of history.

        A label set by hand is never overwritten, nor a field that an item leaves unstated; an
        attribute value that no item carries any more is removed. Of two items with the same code
        the later counts. A hidden item that the file has is shown again.

        Args:
            items: The items.
            fact_kinds: The kinds of their facts, by name.
            summary: What is done, for the history.
            absent: What becomes of items that are neither among these nor named.
            named: Codes of further items that the catalog has.

        Raises:
            DatabaseError: Nothing was written.
        """
        by_code = {item.code: item for item in items}
        with self.writing() as db, recording(db, "import", summary):
            known = {code for (code,) in db.execute("SELECT code FROM items")}
            for name, kind in (fact_kinds or {}).items():
                db.execute(_UPSERT_FACT, [name, kind])
            written = _upsert_rows(db, by_code)
            item_ids = dict(db.execute("SELECT code, id FROM items").fetchall())
            written |= _upsert_labels(db, by_code, item_ids, known)
            written |= _upsert_variants(db, by_code, item_ids)
            moment = now()
            db.conn.executemany(
                "UPDATE items SET updated_at = ? WHERE code = ?",
                [(moment, code) for code in written],
            )
            gone = [(code,) for code in known.difference(by_code, named)]
            if absent == "hide":
                db.conn.executemany(
                    "UPDATE items SET hidden_at = ?1, updated_at = ?1"
                    " WHERE code = ?2 AND hidden_at IS NULL",
                    [(moment, *code) for code in gone],
                )
            elif absent == "remove":
                db.conn.executemany("DELETE FROM items WHERE code = ?", gone)
            remove_unused_names(db)
        added = by_code.keys() - known
        return UpsertCounts(
            added=len(added),
            updated=len(written - added),
            unchanged=len(by_code.keys() - written),
        )

    def num_disagreements(self, items: Iterable[NewItem]) -> int:
        """Return how many labels that a person has set these items have otherwise."""
        by_person: dict[str, dict[str, set[str]]] = {}
        with self.reading() as db:
            for code, category, value in db.execute(
                "SELECT items.code, super_categories.name, attribute_values.name"
                " FROM item_attributes JOIN items ON items.id = item_id"
                " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
                " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
                " WHERE source = 'person'"
            ):
                values = by_person.setdefault(code, {}).setdefault(category.casefold(), set())
                values |= {value.casefold()} if value is not None else set()
        return sum(
            by_person[item.code][category.casefold()] != {v.casefold() for v in values}
            for item in items
            if item.code in by_person
            for category in item.labels
            if category.casefold() in by_person[item.code]
            if (values := item.values_of(category))
        )

    def codes_of_variants(self) -> dict[str, str]:
        """Return the code of the item by the code of each of its variants."""
        with self.reading() as db:
            return dict(
                db.execute(
                    "SELECT variants.code, items.code FROM variants"
                    " JOIN items ON items.id = variants.item_id"
                ).fetchall()
            )

    def fact_columns(self) -> list[FactColumn]:
        """Return the facts that items have, in the order in which they came."""
        return self._select(FactColumn, "facts ORDER BY id")

    def item_facts(self) -> ItemFacts:
        """Return the facts, groups, variants and further pictures of all items."""
        with self.reading() as db:
            pages = _pages(db, _PAGE_OF_FACTS)
            facts, fact_lengths, groups, group_lengths, views, view_lengths = (
                list(zip(*pages, strict=True)) or [()] * 6
            )
            variants: dict[int, tuple[NewVariant, ...]] = {}
            for item_id, code, text in db.execute(
                "SELECT item_id, code, facts_json FROM variants ORDER BY item_id, id"
            ):
                variant = NewVariant(code=code, facts=json.loads(text))
                variants[item_id] = (*variants.get(item_id, ()), variant)
            return ItemFacts(
                columns=tuple(self.fact_columns()),
                facts=StringColumn(facts, _parse(fact_lengths)),
                groups=StringColumn(groups, _parse(group_lengths)),
                views=StringColumn(views, _parse(view_lengths)),
                variants=variants,
            )

    def super_categories(self) -> list[SuperCategory]:
        """Return the super-categories by position, each with its values sorted."""
        values: dict[str, list[str]] = {}
        with self.reading() as db:
            for category, value in db.execute(
                "SELECT super_categories.name, attribute_values.name FROM super_categories"
                " LEFT JOIN attribute_values"
                " ON attribute_values.super_category_id = super_categories.id"
                " ORDER BY super_categories.position, super_categories.id"
            ):
                values.setdefault(category, []).extend([value] if value is not None else [])
        return [
            SuperCategory(name=name, values=tuple(sorted(names, key=_sorting_key)))
            for name, names in values.items()
        ]

    def item_columns(self) -> ItemColumns:
        """Return every item and label as columns, ordered by item id."""
        with self.reading() as db:
            return _read_columns(db)

    def catalog_stamp(self) -> tuple[object, ...]:
        """Return numbers and times that differ whenever items or labels have changed."""
        with self.reading() as db:
            items = db.execute("SELECT count(*), max(updated_at) FROM items").fetchone()
            # the sum tells two corrections within a second apart
            labels = db.execute(
                "SELECT count(*), max(set_at), sum(attribute_value_id) FROM item_attributes"
            ).fetchone()
        return (*items, *labels)

    def picture_stamps(self) -> dict[str, PictureStamp]:
        """Return the picture file of every item at the last import, by the item's code."""
        with self.reading() as db:
            return {
                code: PictureStamp(
                    item_id=item_id, path=path, num_bytes=num_bytes, modified_ns=modified_ns
                )
                for item_id, code, path, num_bytes, modified_ns in db.execute(
                    "SELECT id, code, picture_path, picture_bytes, picture_modified_ns FROM items"
                )
            }

    def search_titles(self, text: str, limit: int = 50) -> list[int]:
        """Return the ids of items with all words in title or code; words may be cut short.

        Any text is safe: quotes, asterisks and the words AND, OR, NOT have no special meaning. A
        text without words matches nothing.

        Args:
            text: As typed by the user.
            limit: The largest number of ids to return, the best first.
        """
        words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))[:MAX_SEARCH_WORDS]
        if not words:
            return []
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid FROM items_fts WHERE items_fts MATCH ? ORDER BY rank, rowid LIMIT ?",
                [" ".join(f'"{word}"*' for word in words), limit],
            )
            found = dict.fromkeys(item_id for (item_id,) in rows)
            if len(found) < limit:  # then words inside words, as in compounds, Chinese and Thai
                sql, parameters = _parts_query(words)
                rows = db.execute(f"{sql} ORDER BY id LIMIT ?", [*parameters, limit])
                found |= dict.fromkeys(item_id for (item_id,) in rows)
            return list(found)[:limit]


MIN_PART = 3
"""Letters of the shortest part of a word that the index of trigrams finds."""


def _parts_query(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return a query for the items that contain all words anywhere, and its parameters.

    A short word is looked for inside titles only in scripts that write no spaces.
    """
    conditions, parameters = [], []
    for word in words:
        if len(word) >= MIN_PART:
            conditions.append(
                "id IN (SELECT rowid FROM items_trigrams WHERE items_trigrams MATCH ?)"
            )
            parameters.append(f'"{word}"')
        elif all(unicodedata.category(letter) == "Lo" for letter in word):
            conditions.append("(title LIKE ? OR code LIKE ?)")
            parameters += [f"%{word}%"] * 2
        else:
            conditions.append("id IN (SELECT rowid FROM items_fts WHERE items_fts MATCH ?)")
            parameters.append(f'"{word}"*')
    return f"SELECT id FROM items WHERE {' AND '.join(conditions)}", parameters


def _sorting_key(name: str) -> tuple[str, str]:
    return name.casefold(), name


# ── All items as columns ─────────────────────────────────────────────────────
#
# SQLite joins the strings and numbers of thousands of rows into one value each: 100,000 items with
# six labels each are read in a tenth of a second; a Python tuple for each row takes a whole second.

PAGE = 1 << 14
"""Items joined at a time, so that no value comes near the size that SQLite allows."""

_SPLITS = np.array(["", "train", "validation", "test"])

_PAGE_OF_ITEMS = """
SELECT
    group_concat(id),
    group_concat(hidden_at IS NOT NULL),
    group_concat(
        CASE split WHEN 'train' THEN 1 WHEN 'validation' THEN 2 WHEN 'test' THEN 3 ELSE 0 END
    ),
    CAST(group_concat(code, '') AS BLOB), group_concat(length(CAST(code AS BLOB))),
    CAST(group_concat(title, '') AS BLOB), group_concat(length(CAST(title AS BLOB))),
    CAST(group_concat(picture_path, '') AS BLOB), group_concat(length(CAST(picture_path AS BLOB)))
FROM items WHERE id > ? AND id <= ?
"""
"""A range of ids is read in order, and in half the time of a subquery with ORDER BY and LIMIT."""

_PAGE_OF_FACTS = """
SELECT
    CAST(group_concat(facts_json, '') AS BLOB), group_concat(length(CAST(facts_json AS BLOB))),
    CAST(group_concat(group_code, '') AS BLOB), group_concat(length(CAST(group_code AS BLOB))),
    CAST(group_concat(views_json, '') AS BLOB), group_concat(length(CAST(views_json AS BLOB)))
FROM items WHERE id > ? AND id <= ?
"""

_LAST_ID_OF_PAGE = """
SELECT max(id) FROM (SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?)
"""

_CARRIERS = """
SELECT super_categories.name, attribute_values.name, carriers.item_ids
FROM (
    SELECT attribute_value_id, group_concat(item_id) AS item_ids FROM item_attributes
    WHERE attribute_value_id IS NOT NULL AND (position = 0) = ? GROUP BY attribute_value_id
) AS carriers
JOIN attribute_values ON attribute_values.id = carriers.attribute_value_id
JOIN super_categories ON super_categories.id = attribute_values.super_category_id
"""
"""The subquery reads the index by value alone, in its order."""


def _read_columns(db: Reader) -> ItemColumns:
    columns = list(zip(*_pages(db, _PAGE_OF_ITEMS), strict=True)) or [()] * 9
    ids, hidden, splits, codes, code_lengths, titles, title_lengths, paths, path_lengths = columns
    return ItemColumns(
        ids=_parse(ids),
        codes=StringColumn(codes, _parse(code_lengths)),
        titles=StringColumn(titles, _parse(title_lengths)),
        picture_paths=StringColumn(paths, _parse(path_lengths)),
        splits=_SPLITS[_parse(splits)],
        is_hidden=_parse(hidden).astype(bool),
        carriers=_carriers(db, is_first=True),
        more_carriers=_carriers(db, is_first=False),
    )


def _carriers(db: Reader, *, is_first: bool) -> dict[tuple[str, str], NDArray[np.int64]]:
    return {
        (category, value): _parse([item_ids])
        for category, value, item_ids in db.execute(_CARRIERS, [is_first])
    }


def _pages(db: Reader, sql: str) -> Iterator[tuple[Any, ...]]:
    after = -1
    while (last := db.execute(_LAST_ID_OF_PAGE, [after, PAGE]).fetchone()[0]) is not None:
        yield db.execute(sql, [after, last]).fetchone()
        after = last


def _parse(numbers: Iterable[str]) -> NDArray[np.int64]:
    """Parse lists of numbers separated by commas into one array."""
    text = ",".join(numbers)
    return np.fromstring(text, dtype=np.int64, sep=",") if text else np.zeros(0, dtype=np.int64)


# ── Upserts ──────────────────────────────────────────────────────────────────
#
# A row that is as the catalog file says is not written, so that importing a file again changes
# nothing; ``rowcount`` tells.

_UPSERT_ITEM = """
INSERT INTO items (
    code, title, picture_path, split, picture_bytes, picture_modified_ns, group_code, views_json,
    facts_json, added_at, updated_at
)
VALUES (
    :code, :title, :picture_path, :split, :picture_bytes, :picture_modified_ns, :group, :views,
    :facts, :now, :now
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
    hidden_at = NULL,
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
    OR hidden_at IS NOT NULL
"""
"""A null in the patch removes a fact."""

_UPSERT_FACT = """
INSERT INTO facts (name, kind) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind WHERE kind != excluded.kind
"""

_UPSERT_LABEL = """
INSERT INTO item_attributes
    (item_id, super_category_id, position, attribute_value_id, source, set_at)
SELECT :item, :category, :position, :value, 'shop', :now
WHERE NOT EXISTS (
    SELECT 1 FROM item_attributes
    WHERE item_id = :item AND super_category_id = :category AND source = 'person'
)
ON CONFLICT (item_id, super_category_id, position) DO UPDATE SET
    attribute_value_id = excluded.attribute_value_id, source = 'shop', set_at = excluded.set_at
WHERE source = 'model'
    OR source = 'shop' AND attribute_value_id IS NOT excluded.attribute_value_id
"""

_REMOVE_LABELS = """
DELETE FROM item_attributes
WHERE item_id = ? AND super_category_id = ? AND position >= ? AND source != 'person'
    AND (source = 'shop' OR position > 0)
"""


def _upsert_rows(db: "Database", by_code: Mapping[str, NewItem]) -> set[str]:
    """Write new and differing items; return their codes."""
    moment = now()
    return {
        code
        for code, item in by_code.items()
        if db.conn.execute(
            _UPSERT_ITEM,
            {
                "code": code,
                "title": item.title,
                "picture_path": item.picture_path,
                "split": item.split,
                "picture_bytes": item.picture_bytes,
                "picture_modified_ns": item.picture_modified_ns,
                "group": item.group,
                "views": _json(item.views),
                "facts": _json({name: text for name, text in item.facts.items() if text}),
                "patch": _json({name: text or None for name, text in item.facts.items()}),
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
    names = NameIds(db)
    for code, item in by_code.items():
        for category in item.labels:
            category_id = names.category(category)
            values = names.canonical(category, item.values_of(category))
            num_written = 0
            for position, value in enumerate(values):
                num_written += db.conn.execute(
                    _UPSERT_LABEL,
                    {
                        "item": item_ids[code],
                        "category": category_id,
                        "position": position,
                        "value": names.value(category_id, value),
                        "now": moment,
                    },
                ).rowcount
            if code in known:
                removed = (item_ids[code], category_id, len(values))
                num_written += db.conn.execute(_REMOVE_LABELS, removed).rowcount
            if num_written:
                relabeled.add(code)
    return relabeled


def _upsert_variants(
    db: "Database", by_code: Mapping[str, NewItem], item_ids: Mapping[str, int]
) -> set[str]:
    """Write the variants of items that differ from those in the database; return their codes."""
    stored: dict[int, dict[str, str]] = {}
    for item_id, code, facts in db.execute("SELECT item_id, code, facts_json FROM variants"):
        stored.setdefault(item_id, {})[code] = facts
    changed: set[str] = set()
    for code, item in by_code.items():
        if "variants" in item.unstated:
            continue
        wanted = {variant.code: _json(variant.facts) for variant in item.variants}
        if stored.get(item_ids[code], {}) != wanted:
            changed.add(code)
            db.table("variants").delete_where("item_id = ?", [item_ids[code]])
            db.conn.executemany(
                "INSERT OR REPLACE INTO variants (item_id, code, facts_json) VALUES (?, ?, ?)",
                [(item_ids[code], variant, facts) for variant, facts in wanted.items()],
            )
    return changed


class NameIds:
    """The ids of super-categories and values by name; new names get rows."""

    def __init__(self, db: "Database") -> None:
        self._db = db
        self._categories = {
            name.casefold(): category_id
            for category_id, name in db.execute("SELECT id, name FROM super_categories")
        }
        self._values = {
            (category_id, name.casefold()): value_id
            for value_id, category_id, name in db.execute(
                "SELECT id, super_category_id, name FROM attribute_values"
            )
        }
        self._synonyms = {
            (category.casefold(), spelled.casefold()): value
            for category, spelled, value in db.execute(
                "SELECT super_category, spelled, value FROM synonyms"
            )
        }

    def canonical(self, category: str, values: Sequence[str]) -> tuple[str, ...]:
        """Return values as the catalog spells them, by its synonyms, each once."""
        if not self._synonyms:
            return tuple(values)
        name = self._synonyms.get((category.casefold(), ""), category).casefold()
        spelled = (self._synonyms.get((name, value.casefold()), value) for value in values)
        return tuple(dict.fromkeys(spelled))

    def category(self, name: str) -> int:
        """Return the id of a super-category."""
        folded = self._synonyms.get((name.casefold(), ""), name).casefold()
        if folded not in self._categories:
            last = "SELECT coalesce(max(position), 0) FROM super_categories"
            row = {"name": name, "position": self._db.execute(last).fetchone()[0] + 1}
            self._categories[folded] = insert(self._db, "super_categories", row)
        return self._categories[folded]

    def value(self, category_id: int, name: str) -> int:
        """Return the id of a value."""
        key = (category_id, name.casefold())
        if key not in self._values:
            row = {"super_category_id": category_id, "name": name}
            self._values[key] = insert(self._db, "attribute_values", row)
        return self._values[key]


def remove_unused_names(db: "Database") -> None:
    """Remove values that no item carries, and super-categories without values."""
    db.table("attribute_values").delete_where(
        "NOT EXISTS (SELECT 1 FROM item_attributes WHERE attribute_value_id = attribute_values.id)"
    )
    db.table("super_categories").delete_where(
        "id NOT IN (SELECT super_category_id FROM attribute_values)"
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
