"""How the catalog spells super-categories and values that files spell otherwise."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sqlite3 import Connection as Reader
from typing import TYPE_CHECKING

from datrnet.core.text import fold
from datrnet.db.rows import NewItem, SuperCategory

if TYPE_CHECKING:
    from sqlite_utils import Database

DROPPED = ""
"""The spelling of what files are not asked for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synonym:
    """A name that files may have, and the catalog's own name for it."""

    super_category: str
    """Of a value, as the catalog spells it; else the name itself."""
    spelled: str
    """A value; empty for a super-category."""
    value: str
    """The catalog's own name; empty if it was dropped."""


class Synonyms:
    """The synonyms of a catalog."""

    def __init__(self, synonyms: Iterable[Synonym] = ()) -> None:
        self._spelled: Mapping[tuple[str, str], str] = {
            (fold(synonym.super_category), fold(synonym.spelled)): synonym.value
            for synonym in synonyms
        }
        self._names: dict[str, str] = {}
        self._values: dict[tuple[str, str], str] = {}
        """What was looked up, in the spelling that came first."""

    def category(self, name: str) -> str:
        """Return how the catalog calls a super-category; empty if it was dropped."""
        if name not in self._names:
            folded = fold(name)
            found = self._spelled.get((folded, ""), name)
            self._names[name] = self._names.setdefault(folded, found)
        return self._names[name]

    def value(self, super_category: str, name: str) -> str:
        """Return how the catalog calls a value; empty if it was dropped.

        Args:
            super_category: As the catalog calls it.
            name: Of the value.
        """
        if (super_category, name) not in self._values:
            key = (fold(super_category), fold(name))
            found = self._values.setdefault(key, self._spelled.get(key, name))
            self._values[super_category, name] = found
        return self._values[super_category, name]

    def former_names(self, super_category: str, value: str) -> list[str]:
        """Return the names that became a value of a super-category, as ``fold`` returns them."""
        category = fold(super_category)
        return [
            spelled
            for (of, spelled), now in self._spelled.items()
            if spelled and of == category and fold(now) == fold(value)
        ]

    def canonical(self, item: NewItem) -> dict[str, tuple[str, ...]]:
        """Return an item's values by super-category as the catalog calls both, each once.

        What was dropped is left out; columns of one super-category are united.
        """
        labels: dict[str, tuple[str, ...]] = {}
        for spelled in item.labels:
            if category := self.category(spelled):
                values = (self.value(category, value) for value in item.values_of(spelled))
                labels[category] = (*labels.get(category, ()), *filter(None, values))
        return {category: tuple(dict.fromkeys(values)) for category, values in labels.items()}

    def renamed(self, category: SuperCategory) -> SuperCategory:
        """Return a super-category of a run or index, with the names that the catalog has now.

        Of values that have become one, the one that was called so has the name, or else the first;
        the others keep their own.
        """
        name = self.category(category.name) or category.name
        taken = {fold(value) for value in category.values}
        values = []
        for old in category.values:
            new = self.value(name, old)
            values.append(old if not new or fold(new) in taken else new)
            taken.add(fold(values[-1]))
        return SuperCategory(name=name, values=tuple(values))


def read_synonyms(db: Reader) -> Synonyms:
    """Read the synonyms of a catalog."""
    return Synonyms(synonym_rows(db))


def synonym_rows(db: Reader) -> list[Synonym]:
    """Read the synonyms of a catalog as a list, by super-category."""
    return [
        Synonym(super_category=category, spelled=spelled, value=value)
        for category, spelled, value in db.execute(
            "SELECT super_category, spelled, value FROM synonyms ORDER BY super_category, spelled"
        )
    ]


def set_synonym(db: "Database", category: str, spelled: str, value: str) -> None:
    """Let files spell a name otherwise from now on, and what was spelled like the old name too.

    Args:
        db: The database.
        category: The super-category, or its old name.
        spelled: The old name of a value; empty for the super-category itself.
        value: The new name, or ``DROPPED``.
    """
    old, new = fold(spelled or category), fold(value)
    for synonym in synonym_rows(db.conn):
        is_value = bool(synonym.spelled)
        if is_value != bool(spelled) or (
            is_value and fold(synonym.super_category) != fold(category)
        ):
            continue
        if fold(synonym.spelled or synonym.super_category) in (old, new):
            forget_synonym(db, synonym)  # the new name stands for itself
        elif fold(synonym.value) == old:
            matches = "super_category = ? AND spelled = ?"
            keys = [synonym.super_category, synonym.spelled]
            db.execute(f"UPDATE synonyms SET value = ? WHERE {matches}", [value, *keys])
    if old != new:
        row = {"super_category": category, "spelled": spelled, "value": value}
        db.table("synonyms").insert(row)


def forget_synonym(db: "Database", synonym: Synonym) -> None:
    """Let files have a name again as they spell it."""
    db.table("synonyms").delete_where(
        "super_category = ? AND spelled = ?", [synonym.super_category, synonym.spelled]
    )
