"""Sentences as queries: "like D00001 but black, no hood", and "red striped shirt"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from datrnet.core.api.items import Item, Items
from datrnet.core.api.sentence_facts import FoundFacts, UnderstoodFacts
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.lexicon import WordTables
from datrnet.core.catalog.text_parser import MANY_TITLES, TextParser
from datrnet.core.catalog.text_query import TextQuery
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatrnetError, UnknownNameError, nearest
from datrnet.core.retrieval.request import resolve_query

_LIKE = re.compile(r"\s*(?:like|similar to)\s+(.+)", re.IGNORECASE | re.DOTALL)
_BUT = re.compile(r"^[\s,;]*(?:but\b|with\b|only\b)?[\s,;]*", re.IGNORECASE)

MOST_WORDS = 4
"""Words that an id or a path may have, unless it is quoted."""


def text_parser(workspace: Workspace, catalog: Catalog) -> TextParser:
    """Return what understands texts about a workspace's catalog.

    Raises:
        ConfigError: The workspace's file of synonyms is malformed.
    """

    def num_titles(word: str) -> int:
        with workspace.open_store() as store:
            return store.num_titles(word, MANY_TITLES)

    tables = WordTables.load(workspace.root)
    return TextParser(catalog=catalog, tables=tables, num_titles=num_titles)


def is_sentence(text: str) -> bool:
    """Tell whether a text is of the form "like ITEM but …"."""
    return _LIKE.fullmatch(text) is not None


def like_sentence(catalog: Catalog, text: str) -> tuple[str, str] | None:
    """Return the item or picture of "like ITEM but …", and the rest; None of another text.

    Raises:
        UnknownNameError: There is no such item or picture.
    """
    found = _LIKE.fullmatch(text)
    if found is None or catalog.find_code(text) is not None:
        return None
    rest = found[1].strip()
    if quoted := re.match(r"""(["'])(.+?)\1""", rest):
        resolve_query(catalog, quoted[2])
        return quoted[2], _BUT.sub("", rest[quoted.end() :])
    ends = [match.end() for match in re.finditer(r"[^\s,;]+", rest)]
    for end in reversed(ends[:MOST_WORDS]):
        try:
            resolve_query(catalog, rest[:end])
        except DatrnetError:
            continue
        return rest[:end], _BUT.sub("", rest[end:])
    first = rest[: ends[0]] if ends else rest
    resolve_query(catalog, first)
    return first, ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a text asks of substitutes."""

    changes: Mapping[str, str]
    """Wanted values, by super-category."""
    any_of: Mapping[str, tuple[str, ...]]
    """Several of them, each of which will do."""
    conditions: tuple[str, ...]
    """On facts, and values to leave out."""


def wishes_of(parser: TextParser, query: TextQuery) -> Wishes:
    """Return what an understood text asks of substitutes; of alternatives, it is the first.

    Raises:
        ConfigError: Some of its words name nothing in the catalog.
    """
    if query.text or query.pending:
        words = query.text or query.pending
        known = [value for it in parser.catalog.super_categories for value in it.values]
        hint = nearest(words.split()[-1], known)
        raise ConfigError(f"{words!r} is no value of the catalog.", hint=hint)
    wanted: dict[str, tuple[str, ...]] = {}
    conditions: list[str] = []
    names = {category.name for category in parser.catalog.super_categories}
    for term in query.terms:
        if term.has_or:
            raise ConfigError(
                f"A change cannot be one of two super-categories: {term.words}.",
                hint="Name one of them.",
            )
        for condition in term.conditions[:1] if term.is_either else term.conditions:
            if condition.sign == "=" and condition.name in names:
                before = wanted.get(condition.name, ())
                wanted[condition.name] = tuple(dict.fromkeys((*before, condition.value)))
            else:
                conditions.append(str(condition))
    return Wishes(
        changes={name: values[0] for name, values in wanted.items() if len(values) == 1},
        any_of={name: values for name, values in wanted.items() if len(values) > 1},
        conditions=tuple(conditions),
    )


class FoundItems(Items):
    """The items that a text describes, best match first, and what was understood of it."""

    def __init__(
        self,
        workspace: Workspace,
        catalog: Catalog,
        rows: NDArray[np.intp],
        understood: TextQuery,
    ) -> None:
        """Take the items of some rows."""
        super().__init__(workspace, catalog, rows)
        self.understood = understood

    @overload
    def __getitem__(self, place: str) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: str | slice) -> Item | list[Item]:
        """Return an item by its id, or some by their places."""
        if isinstance(place, slice):
            return list(map(self.at, self._rows[place].tolist()))
        return super().__getitem__(place)

    def __repr__(self) -> str:
        """Return how many there are, and what was understood."""
        return f"<{len(self):,} items: {self.understood.words}>"

    def to_facts(self, k: int | None = None, offset: int = 0) -> FoundFacts:
        """Return them as plain values, for JSON.

        Args:
            k: How many at most.
            offset: Items to skip.
        """
        items = self[offset : None if k is None else offset + k]
        return {
            "understood": understood_facts(self.understood),
            "total": len(self),
            "items": [
                {
                    "id": item.id,
                    "title": item.title,
                    "picture": str(item.picture_file),
                    "labels": item.labels,
                    "facts": item.facts,
                }
                for item in items
            ],
        }


def understood_facts(query: TextQuery) -> UnderstoodFacts:
    """Return what was understood as plain values, for JSON."""
    return {
        "words": query.words,
        "terms": [
            {
                "typed": term.typed,
                "conditions": list(map(str, term.conditions)),
                "is_either": term.is_either,
                "how": term.how,
            }
            for term in query.terms
        ],
        "text": query.text,
    }


def find_items(
    parser: TextParser, workspace: Workspace, text: str, rows: NDArray[np.bool_]
) -> FoundItems:
    """Return the items that a text describes.

    Args:
        parser: Of the catalog.
        workspace: Where titles are searched.
        text: As typed.
        rows: (N,) which items may be found.

    Raises:
        DatabaseError: The database cannot be read.
    """
    catalog, query = parser.catalog, parser.parse(text)
    met = query.matching(catalog) & ~catalog.is_hidden & rows
    found = np.flatnonzero(met)
    if query.text:
        texts = catalog.item_ids, catalog.titles, catalog.codes
        with workspace.open_store() as store:
            pages = [np.zeros(0, dtype=np.int64), *store.title_pages(query.text, texts)]
        ids = np.concatenate(pages)
        ids = ids[np.isin(ids, catalog.item_ids)]
        found = np.searchsorted(catalog.item_ids, ids)
        found = found[met[found]]
    return FoundItems(workspace, catalog, found, query)


def is_description(catalog: Catalog, texts: Sequence[str]) -> bool:
    """Tell whether texts describe items: none is an item or a file, or looks like a wrong one."""
    is_like_code = [re.fullmatch(r"\S*\d\S*", text) is not None for text in texts]
    is_like_file = [re.fullmatch(r"\S*[/\\]\S*|\S*\.\w+|\s*", text) is not None for text in texts]
    if all(is_like_code) or any(is_like_file):
        return False
    for text in texts:
        try:
            resolve_query(catalog, text)
        except UnknownNameError:
            continue
        return False
    return True
