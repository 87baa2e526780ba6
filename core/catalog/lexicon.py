"""What shoppers call the values of a catalog: other spellings, plurals, synonyms, typos."""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import ConfigError
from datrnet.core.text import fold

WORDS_FILE = "words.toml"
"""Synonyms: of all shops beside this module, and of one shop in its workspace."""

Value = tuple[int, int]
"""The indexes of a super-category and of one of its values."""

How = Literal["named", "synonym", "typo", "begun"]
"""How words name a value: by its name, by a synonym, misspelled, or by its first letters."""

FEWEST_LETTERS = {1: 4, 2: 8}
"""Of a word with so many typos."""

MOST_WORDS = 5
"""Words of a name that are read together."""

NONE_WORDS = ("none", "no", "without")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTables:
    """What the files of synonyms say."""

    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By what shoppers type, what catalogs may call it, best first."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    """By a word's spelling, another one that means the same."""

    @classmethod
    def load(cls, folder: Path | None = None) -> "WordTables":
        """Read the tables that everyone has, and those of a workspace, which come first.

        Raises:
            ConfigError: The file of the workspace is not of that form.
        """
        own = Path() if folder is None else folder / WORDS_FILE
        tables = _read(Path(__file__).with_name(WORDS_FILE))
        if folder is not None and own.is_file():
            more = _read(own)
            tables = cls(
                synonyms={**tables.synonyms, **more.synonyms},
                spelling={**tables.spelling, **more.spelling},
            )
        return tables


def _read(path: Path) -> WordTables:
    example = 'For example: [synonyms] and below it: tee = ["t-shirt"]'
    try:
        tables: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", hint=example) from error
    synonyms: dict[str, tuple[str, ...]] = {}
    spelling: dict[str, str] = {}
    for name, table in tables.items():
        if name not in ("synonyms", "spelling") or not isinstance(table, dict):
            raise ConfigError(f"{path} has {name!r}, which is no table of words.", hint=example)
        for word, meant in table.items():
            names = [meant] if isinstance(meant, str) else meant
            is_list = isinstance(names, list) and names and all(isinstance(it, str) for it in names)
            if not is_list or (name == "spelling" and len(names) > 1):
                raise ConfigError(f"{path}: {word!r} has no list of names.", hint=example)
            if name == "synonyms":
                synonyms[word] = tuple(names)
            else:
                spelling[plain(word)] = plain(names[0])
    return WordTables(synonyms=synonyms, spelling=spelling)


@cache
def plain(word: str) -> str:
    """Return the letters and digits of a word without case and accents; "V-Neck" is "vneck"."""
    word = re.sub(r"['’]s\b", "s", fold(word))
    if not word.isascii():
        parts = unicodedata.normalize("NFD", word)
        word = "".join(letter for letter in parts if not "\u0300" <= letter <= "\u036f")
        word = unicodedata.normalize("NFC", word)
    return "".join(letter for letter in word if unicodedata.category(letter)[0] in "LNM")


def _singular(word: str) -> str:
    """Return an English noun in the singular; other words may lose an s, which does no harm."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]


class Lexicon:
    """Finds the values that words name."""

    def __init__(self, catalog: Catalog, tables: WordTables) -> None:
        """Collect the names of all values.

        Args:
            catalog: The values and their former names.
            tables: Synonyms and spellings.
        """
        self._spelling = tables.spelling
        exact, stemmed, former = (defaultdict[str, dict[Value, None]](dict) for _ in range(3))
        names: list[str] = []
        for idx, category in enumerate(catalog.super_categories):
            for value_idx, value in enumerate(category.values):
                for name in _spoken(category.name, value):
                    exact[plain(name)][idx, value_idx] = None
                    stemmed[self._stem(name)][idx, value_idx] = None
                    names.append(name)
                for name in catalog.synonyms.former_names(category.name, value):
                    former[self._stem(name)][idx, value_idx] = None
                    names.append(name)
        self._levels: tuple[tuple[How, Mapping[str, Mapping[Value, None]]], ...] = (
            ("named", exact),
            ("named", stemmed),
            ("synonym", former),
        )
        meant: dict[str, dict[Value, None]] = {}
        for typed, targets in tables.synonyms.items():
            found = (self.find(target.split()) for target in targets)
            if (first := next(filter(None, found), None)) is not None:
                meant[self._stem(typed)] = dict.fromkeys(first[0])
                names.append(typed)
        self._levels = (*self._levels, ("synonym", meant))
        for table in (exact, stemmed, former, meant):
            table.pop("", None)
        self.most_words = min(MOST_WORDS, max((len(name.split()) for name in names), default=1))
        self._begun = [
            (plain(value), (idx, value_idx))
            for idx, category in enumerate(catalog.super_categories)
            for value_idx, value in enumerate(category.values)
        ]
        words = {plain(word) for name in names for word in name.split()}
        self._words = words | {self._stem(word) for word in words}

    def _stem(self, name: str) -> str:
        """Return a name for comparing it, whatever the spelling and number of its words."""
        return "".join(map(self._stem_of_word, map(plain, name.split())))

    def _stem_of_word(self, word: str) -> str:
        singular = _singular(word)
        return self._spelling.get(word) or self._spelling.get(singular, singular)

    def find(self, words: Sequence[str]) -> tuple[tuple[Value, ...], How] | None:
        """Return the values that words name together, and how; None if they name none."""
        keys = "".join(map(plain, words)), self._stem(" ".join(words))
        for (how, table), key in zip(self._levels, (keys[0], *(keys[1],) * 3), strict=False):
            if found := table.get(key):
                return tuple(found), how
        return None

    def completions(self, words: Sequence[str]) -> tuple[Value, ...]:
        """Return the values whose name begins with words, the last of which is unfinished."""
        begin = "".join(map(plain, words))
        return tuple(value for name, value in self._begun if begin and name.startswith(begin))

    def knows(self, word: str) -> bool:
        """Tell whether a word is part of a name or synonym."""
        return plain(word) in self._words or self._stem(word) in self._words

    def corrections(self, word: str) -> tuple[str, ...]:
        """Return the nearest words of names, if a word may be a misspelling; no code or number."""
        typed = plain(word)
        if not typed.isalpha() or any(letter.isdigit() for letter in word):
            return ()
        for limit, fewest in FEWEST_LETTERS.items():
            if len(typed) >= fewest:
                near = [it for it in self._words if is_within(typed, it, limit)]
                if near:
                    return tuple(sorted(near))
        return ()


def _spoken(category: str, value: str) -> Iterator[str]:
    """Yield what a value may be called: its name, "long sleeve", "sleeve long", "no collar"."""
    yield value
    if " > " in value:
        yield value.rpartition(" > ")[2]
    spoken = " ".join(re.split(r"[\s_-]+", category)).strip()
    for name in dict.fromkeys((spoken, spoken.partition(" ")[0])):
        if name:
            yield f"{value} {name}"
            yield f"{name} {value}"
            if fold(value) in NONE_WORDS:
                yield from (f"no {name}", f"without {name}", f"{name}less")


def is_within(word: str, other: str, limit: int) -> bool:
    """Tell whether at most so many letters differ, swaps of neighbors counting as one.

    It is the restricted Damerau-Levenshtein distance; lengths and letters tell most words apart
    without it.
    """
    if abs(len(word) - len(other)) > limit or len(set(word) ^ set(other)) > 2 * limit:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        last, before, row = before, row, [i]
        for j, (left, right) in enumerate(pairwise(("", *other)), start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != right))
            if j > 1 and i > 1 and letter == left and word[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1] <= limit
