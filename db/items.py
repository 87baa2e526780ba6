"""Items and the labels of the shop: importing them, reading them as columns, searching titles."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from sqlite3 import Connection as Reader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.text import fold
from datrnet.db.connection import Connection
from datrnet.db.rows import (
    FactColumn,
    ItemColumns,
    ItemFacts,
    NewItem,
    NewVariant,
    PictureStamp,
    StringColumn,
    SuperCategory,
)
from datrnet.db.synonyms import read_synonyms

MAX_SEARCH_WORDS = 32
"""More words than any title has; SQLite has a limit too, which a longer text would meet."""


class ItemTables(Connection):
    """The part of the store that holds items and labels."""

    def num_disagreements(self, items: Iterable[NewItem]) -> int:
        """Return how many labels that a person has set these items have otherwise."""
        by_person: dict[str, dict[str, set[str]]] = {}
        with self.reading() as db:
            synonyms = read_synonyms(db)
            for code, category, value in db.execute(
                "SELECT items.code, super_categories.name, attribute_values.name"
                " FROM item_attributes JOIN items ON items.id = item_id"
                " JOIN super_categories ON super_categories.id = item_attributes.super_category_id"
                " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
                " WHERE source = 'person'"
            ):
                own = by_person.setdefault(code, {}).setdefault(fold(category), set())
                own |= {fold(value)} if value is not None else set()
        return sum(
            by_person[item.code].get(fold(category), own) != own
            for item in items
            if item.code in by_person
            for category, values in synonyms.canonical(item).items()
            if (own := set(map(fold, values)))
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
            steps = db.execute("SELECT max(id), count(undone_at) FROM history").fetchone()
        return (*items, *labels, *steps)

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
        words = _words(text)[:MAX_SEARCH_WORDS]
        if not words:
            return []
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid FROM items_fts WHERE items_fts MATCH ? ORDER BY rank, rowid LIMIT ?",
                [" AND ".join(map(_beginning, words)), limit],
            )
            found = dict.fromkeys(item_id for (item_id,) in rows)
            if len(found) < limit:  # then words inside words, as in compounds, Chinese and Thai
                sql, parameters = _parts_query(words)
                rows = db.execute(f"{sql} ORDER BY id LIMIT ?", [*parameters, limit])
                found |= dict.fromkeys(item_id for (item_id,) in rows)
            return list(found)[:limit]


_TO_WIDE = 0xFEE0
"""From an ASCII letter to its wide form in Unicode."""

_UNCASED = ("Lo", "Lm", "Mn", "Mc")
"""Categories of the letters and signs of scripts that write no spaces."""

MIN_PART = 3
"""Letters of the shortest part of a word that the index of trigrams finds."""


def _words(text: str) -> list[str]:
    """Return the words of a text: letters, digits, and the vowel signs between them."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(
        letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in letters
    ).split()


_TO_HALF = str.maketrans(
    {unicodedata.normalize("NFKC", half): half for half in map(chr, range(0xFF66, 0xFFA0))}
)
"""From katakana, and their marks for voiced sounds, to half-width forms."""


def _widths(word: str) -> list[str]:
    """Return a word as typed, and in letters of other widths, which look alike."""
    plain = unicodedata.normalize("NFKC", word)
    wide = "".join(chr(ord(c) + _TO_WIDE) if "!" <= c <= "~" else c for c in plain)
    half = unicodedata.normalize("NFD", plain).translate(_TO_HALF)
    spelled = (word, plain, wide, unicodedata.normalize("NFC", half))
    return list(dict.fromkeys(spelled))


def _beginning(word: str) -> str:
    """Return the expression for words that begin with a word."""
    return "(" + " OR ".join(f'"{spelled}"*' for spelled in _widths(word)) + ")"


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
            parameters.append(" OR ".join(f'"{spelled}"' for spelled in _widths(word)))
        elif all(unicodedata.category(letter) in _UNCASED for letter in word):
            spellings = _widths(word)
            likes = ["title LIKE ? OR code LIKE ?"] * len(spellings)
            conditions.append(f"({' OR '.join(likes)})")
            parameters += [f"%{spelled}%" for spelled in spellings for _ in range(2)]
        else:
            conditions.append("id IN (SELECT rowid FROM items_fts WHERE items_fts MATCH ?)")
            parameters.append(_beginning(word))
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
