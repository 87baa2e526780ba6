"""Items and the labels of the shop: importing them, reading them as columns, searching titles."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
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
    PictureStamp,
    StringColumn,
    SuperCategory,
    VariantColumns,
)
from datrnet.db.synonyms import read_synonyms, synonym_rows

MAX_SEARCH_WORDS = 32
"""More words than any title has; SQLite has a limit too, which a longer text would meet."""


ItemTexts = tuple[NDArray[np.int64], Sequence[str], Sequence[str]]
"""The ids, titles and codes of all items, in the order of their ids."""


class ItemTables(Connection):
    """The part of the store that holds items and labels."""

    def num_disagreements(self, items: Iterable[NewItem]) -> int:
        """Return how many labels set by hand these items have otherwise."""
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
            pages = _pages(db, _PAGE_OF_VARIANTS)
            ids, codes, code_lengths, own, own_lengths = list(zip(*pages, strict=True)) or [()] * 5
            return ItemFacts(
                columns=tuple(self.fact_columns()),
                facts=StringColumn.joined(facts, _parse(fact_lengths)),
                groups=StringColumn.joined(groups, _parse(group_lengths)),
                views=StringColumn.joined(views, _parse(view_lengths)),
                variants=VariantColumns(
                    _parse(filter(None, ids)),
                    StringColumn.joined(filter(None, codes), _parse(filter(None, code_lengths))),
                    StringColumn.joined(filter(None, own), _parse(filter(None, own_lengths))),
                ),
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
        """Return what differs whenever the catalog has: items, labels, facts, or their names."""
        with self.reading() as db:
            (number,) = db.execute("SELECT number FROM catalog_version").fetchone()
            return number, *self.super_categories(), *self.fact_columns(), *synonym_rows(db)

    def picture_stamps(self) -> dict[str, PictureStamp]:
        """Return the picture file of every item at the last import, by the item's code."""
        with self.reading() as db:
            return {
                code: PictureStamp(
                    item_id=item_id,
                    path=path,
                    num_bytes=num_bytes,
                    modified_ns=modified_ns,
                    is_hidden=bool(is_hidden),
                )
                for item_id, code, path, num_bytes, modified_ns, is_hidden in db.execute(
                    "SELECT id, code, picture_path, picture_bytes, picture_modified_ns, "
                    "hidden_at IS NOT NULL FROM items"
                )
            }

    def set_picture_times(self, times: Mapping[str, int]) -> None:
        """Set when picture files were modified, by the item's code: of copies of the same pictures.

        It is no step of the history.
        """
        if times:
            rows = [(time, code) for code, time in times.items()]
            with self.writing() as db:
                db.conn.executemany("UPDATE items SET picture_modified_ns = ? WHERE code = ?", rows)

    def search_titles(self, text: str) -> list[int]:
        """Return the ids of all items that ``title_pages`` finds, best match first."""
        return [int(item_id) for page in self.title_pages(text) for item_id in page]

    def title_pages(self, text: str, texts: ItemTexts | None = None) -> Iterator[NDArray[np.int64]]:
        """Yield the ids of items with all words in title or code; words may be cut short.

        Whole words come first, then words that begin so, then those that contain it; within each,
        the items in the catalog's order. Any text is safe: quotes, asterisks and the words AND, OR,
        NOT have no special meaning. A text without words matches nothing.

        Args:
            text: As typed by the user.
            texts: The ids, titles and codes of all items, in which parts of words are looked for
                that are shorter than the index has; they are read if they are needed.

        Yields:
            (n,) up to a page of ids, none of them empty and each id once. A page takes some
            milliseconds and is a transaction of its own, so that another search need not wait for
            the end of this one.
        """
        words = _words(text)[:MAX_SEARCH_WORDS]
        if not words:
            return
        whole, begun = _all_of(words, '"{}"'), _all_of(words, '"{}"*')
        seen = [np.zeros(0, dtype=np.int64)]
        for ids in chain(
            self._matching("items_fts", whole),
            self._matching("items_fts", f"({begun}) NOT ({whole})"),
        ):
            seen.append(ids)
            if len(ids):
                yield ids
        found = np.concatenate(seen)
        for ids in self._with_parts(words, texts):
            new = ids[~np.isin(ids, found)]
            if len(new):
                yield new

    def num_titles(self, text: str, most: int) -> int:
        """Return how many titles and codes have a text as whole words, counting up to a limit."""
        if not (words := _words(text)[:MAX_SEARCH_WORDS]):
            return 0
        with self.reading() as db:
            found = "SELECT 1 FROM items_fts WHERE items_fts MATCH ? LIMIT ?"
            (number,) = db.execute(
                f"SELECT count(*) FROM ({found})", [_all_of(words, '"{}"'), most]
            ).fetchone()
        return int(number)

    def _with_parts(
        self, words: Sequence[str], texts: ItemTexts | None
    ) -> Iterator[NDArray[np.int64]]:
        """Yield pages of the ids of items that contain all words anywhere.

        A short word is looked for inside others only in scripts that write no spaces.
        """
        long = [word for word in words if min(map(len, _widths(word))) >= MIN_PART]
        short = [word for word in words if word not in long]
        inside = [word for word in short if _is_uncased(word)]
        begun = [word for word in short if not _is_uncased(word)]
        allowed = np.zeros(0, dtype=np.int64)
        if inside:
            texts = texts or self._item_texts()
            allowed = reduce(np.intersect1d, (_ids_with(word, texts) for word in inside))
        if long:
            pages = self._matching("items_trigrams", _all_of(long, '"{}"'))
        else:
            starts = range(0, len(allowed), PAGE_OF_FOUND)
            pages = (allowed[start : start + PAGE_OF_FOUND] for start in starts)
        for ids in pages:
            if long and inside:
                ids = ids[np.isin(ids, allowed)]
            yield self._only(ids, _all_of(begun, '"{}"*')) if begun else ids

    def _item_texts(self) -> ItemTexts:
        columns = self.item_columns()
        return columns.ids, columns.titles, columns.codes

    def _only(self, ids: NDArray[np.int64], match: str) -> NDArray[np.int64]:
        """Return those of some ids that match an expression."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT value FROM json_each(?) WHERE EXISTS"
                " (SELECT 1 FROM items_fts WHERE items_fts MATCH ? AND rowid = value)",
                [str(ids.tolist()), match],
            )
            return np.array([item_id for (item_id,) in rows], dtype=np.int64)

    def _matching(self, table: str, match: str) -> Iterator[NDArray[np.int64]]:
        """Yield pages of the ids that match an expression."""
        after, is_full, size = -1, True, PAGE_OF_FOUND
        while is_full:
            with self.reading() as db:
                rows = db.execute(
                    f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid > ?"
                    " ORDER BY rowid LIMIT ?",
                    [match, after, size],
                )
                ids = np.array([item_id for (item_id,) in rows], dtype=np.int64)
            is_full = len(ids) == size
            after = int(ids[-1]) if is_full else after
            size = min(2 * size, 8 * PAGE_OF_FOUND)  # where a later page begins is sought again
            yield ids


PAGE_OF_FOUND = 5000
"""Items found at first; later pages are longer."""

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


def _ids_with(word: str, texts: ItemTexts) -> NDArray[np.int64]:
    """Return the ids of the items with a word anywhere in title or code, ascending."""
    ids, *columns = texts
    has_word = np.zeros(len(ids), dtype=bool)
    for column in columns:
        own = column if isinstance(column, StringColumn) else StringColumn.of(column)
        for spelled in _widths(word):
            has_word[own.rows_with(spelled)] = True
    return ids[has_word]


def _all_of(words: Sequence[str], form: str) -> str:
    """Return the expression for all words, each in a form and any of its widths."""
    return " AND ".join(f"({' OR '.join(map(form.format, _widths(word)))})" for word in words)


def _is_uncased(word: str) -> bool:
    """Tell whether a word is of a script that writes no spaces."""
    return all(unicodedata.category(letter) in _UNCASED for letter in word)


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

_PAGE_OF_VARIANTS = """
SELECT
    group_concat(item_id),
    CAST(group_concat(code, '') AS BLOB), group_concat(length(CAST(code AS BLOB))),
    CAST(group_concat(facts_json, '') AS BLOB), group_concat(length(CAST(facts_json AS BLOB)))
FROM (SELECT * FROM variants WHERE item_id > ? AND item_id <= ? ORDER BY item_id, id)
"""
"""Of a range of items, which may have none."""

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
        codes=StringColumn.joined(codes, _parse(code_lengths)),
        titles=StringColumn.joined(titles, _parse(title_lengths)),
        picture_paths=StringColumn.joined(paths, _parse(path_lengths)),
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
