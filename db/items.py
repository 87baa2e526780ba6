"""Items as catalogues state them, read back as columns, and the search over titles."""

import re
import unicodedata
from collections.abc import Iterable

from datrnet.db.columns import read_columns
from datrnet.db.connection import Connection
from datrnet.db.rows import (
    CatalogueStamp,
    ItemColumns,
    NewItem,
    PictureStamp,
    SuperCategory,
    UpsertCounts,
)
from datrnet.db.upsert import Upsert

MAX_SEARCH_WORDS = 32
"""More words than any title has; a longer text is cut, so that SQLite's own limit is never met."""


class ItemTables(Connection):
    """The part of the store that holds items and labels."""

    def upsert_items(self, items: Iterable[NewItem]) -> UpsertCounts:
        """Add new items and update known ones, by code, in one transaction.

        A label that a person has set is never overwritten, nor a field that an item leaves
        unstated; an attribute value that no item carries any more is removed.

        Raises:
            DatabaseError: Nothing was written.
        """
        items = list(items)
        with self._writing() as db:
            return Upsert(db).apply(items)

    def super_categories(self) -> list[SuperCategory]:
        """Return the super-categories by position, each with its values sorted."""
        with self.reading() as db:
            values: dict[str, list[str]] = {}
            for category, value in db.execute(
                "SELECT super_categories.name, attribute_values.name FROM super_categories"
                " LEFT JOIN attribute_values"
                " ON attribute_values.super_category_id = super_categories.id"
                " ORDER BY super_categories.position, super_categories.id"
            ):
                values.setdefault(category, []).extend([value] if value is not None else [])
        return [
            SuperCategory(name=name, values=tuple(sorted(some, key=_sorting_key)))
            for name, some in values.items()
        ]

    def item_columns(self) -> ItemColumns:
        """Return every item and label by columns, ordered by item id."""
        with self.reading() as db:
            return read_columns(db)

    def catalogue_stamp(self) -> CatalogueStamp:
        """Return what tells whether items or labels have changed since another time."""
        with self.reading() as db:
            num_items, last_updated_at = db.execute(
                "SELECT count(*), max(updated_at) FROM items"
            ).fetchone()
            num_labels, last_set_at, sum_of_values = db.execute(
                "SELECT count(*), max(set_at), coalesce(sum(attribute_value_id), 0)"
                " FROM item_attributes"
            ).fetchone()
        return CatalogueStamp(
            num_items=num_items,
            last_updated_at=last_updated_at,
            num_labels=num_labels,
            last_set_at=last_set_at,
            sum_of_values=sum_of_values,
        )

    def picture_stamps(self) -> dict[str, PictureStamp]:
        """Return what is known of every item's picture file, by the item's code."""
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
        """Return the ids of items whose title or code has words beginning as every given word.

        Any text is safe: quotes, stars and the words AND, OR, NOT have no meaning of their own.
        A text without a word finds nothing.

        Args:
            text: What a person typed.
            limit: The most ids to return, best first.
        """
        words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))[:MAX_SEARCH_WORDS]
        if not words:
            return []
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid FROM items_fts WHERE items_fts MATCH ? ORDER BY rank, rowid LIMIT ?",
                [" ".join(f'"{word}"*' for word in words), limit],
            )
            return [row[0] for row in rows]


def _sorting_key(name: str) -> tuple[str, str]:
    return name.casefold(), name
