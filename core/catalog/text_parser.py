"""Understands what a shopper types: "red striped shirt, no hood, under 50".

Words become conditions on labels and facts; what the catalog has no name for is searched in titles.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.facts import IN_STOCK, Condition, name_key
from datrnet.core.catalog.lexicon import How, Lexicon, Value, WordTables
from datrnet.core.catalog.text_query import Term, TextQuery
from datrnet.core.errors import DatrnetError

NEGATIONS = frozenset(("not", "no", "without", "except", "non"))
CONNECTIVES = frozenset(
    ("a", "an", "and", "as", "but", "for", "in", "is", "it", "of", "on", "or", "the", "with")
)
"""Words between values that say nothing by themselves."""

BOUNDS = {
    **dict.fromkeys(("under", "below", "<"), "<"),
    **dict.fromkeys(("over", "above", ">"), ">"),
    **dict.fromkeys(("from", "min"), ">="),
    **dict.fromkeys(("max", "upto"), "<="),
}
"""Words before a number."""

FEWEST_BEGUN = 2
FEWEST_BEGUN_BEFORE = 3
"""Letters from which on a word is completed: the last one, and those before it."""

FEWEST_GLUED = 3
"""Letters of a value that another follows without a space."""

MANY_TITLES = 50
TITLES_WORTH = 10
"""An unfinished word that titles have completes a value of so many times as many items."""

MOST_SPELLINGS = 3
"""Corrections of a word that are tried."""

MOST_LETTERS = 1000
"""Text beyond it is searched as it is."""

_NUMBER = r"[$€£¥]?(\d+(?:[.,]\d+)?)[$€£¥]?"
_RANGE = re.compile(rf"{_NUMBER}(?:-|–|\.\.){_NUMBER}")
_ALONE = re.compile(_NUMBER)


@dataclass(slots=True)
class _Token:
    """A word, a quoted text or a condition, as typed."""

    typed: str
    word: str
    """Without sign and quotes."""
    is_negated: bool = False
    """Whether a minus stands before it."""
    is_text: bool = False
    """Whether it was quoted."""
    condition: Condition | None = None
    fewest_begun: int = 0
    """Letters from which on it may be unfinished; 0 if it is finished."""
    ends: bool = False
    """Whether a comma follows."""


@dataclass(slots=True)
class _Piece:
    """Tokens that were read together."""

    typed: str
    values: tuple[Value, ...] = ()
    """What they may mean."""
    conditions: tuple[Condition, ...] = ()
    """On facts, and what was asked for as a condition."""
    is_negated: bool = False
    how: How = "named"
    is_connective: bool = False
    text: str = ""

    @property
    def is_term(self) -> bool:
        return bool(self.values or self.conditions)


@dataclass(frozen=True, kw_only=True)
class TextParser:
    """Understands texts about a catalog."""

    catalog: Catalog
    tables: WordTables = field(default_factory=WordTables.load)
    num_titles: Callable[[str], int] = lambda _: 0
    """Returns how many titles and ids have a word, up to ``MANY_TITLES``; of one that they have, no
    misspelling is assumed."""

    @cached_property
    def lexicon(self) -> Lexicon:
        """The names of all values."""
        return Lexicon(self.catalog, self.tables)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """A token: a condition, a quoted text, a comma, a word."""
        facts = [column.name for column in self.catalog.facts.columns]
        facts += [IN_STOCK] * self.catalog.facts.has(IN_STOCK)
        names = [*(category.name for category in self.catalog.super_categories), *facts]
        spoken = {r"[\s_-]+".join(map(re.escape, re.split(r"[\s_-]+", name))) for name in names}
        any_name = "|".join(sorted(spoken, key=len, reverse=True)) or "(?!)"
        condition = (
            rf"(?P<minus>-?)(?P<name>{any_name})\s*(?P<sign><=|>=|!=|==?|<|>)\s*"
            r"""(?P<value>"[^"]+"|'[^']+'|[^\s,;"“”<>=!]+)"""
        )
        quoted = r"""(?P<before>-?)["“”](?P<quoted>[^"“”]*)(?:["“”]|$)"""
        word = r"""(?P<word>(?:[^\s,;"“”]|(?<=\d),(?=\d))+)"""
        return re.compile(rf"{condition}|{quoted}|(?P<comma>[,;]+)|{word}", re.IGNORECASE)

    def parse(self, text: str, *, is_unfinished: bool = False) -> TextQuery:
        """Understand a text; every word becomes part of a term, of the text, or is pending.

        Args:
            text: As typed.
            is_unfinished: Whether it is still being typed: the last word may be cut short.
        """
        if len(text) > MOST_LETTERS:
            return TextQuery(text=" ".join(text.split()))
        tokens = list(self._tokens(text))
        for token in tokens if is_unfinished else ():
            token.fewest_begun = FEWEST_BEGUN_BEFORE
        if tokens and is_unfinished:
            is_whole = text[-1].isspace() or text[-1] in ',;"”'
            tokens[-1].fewest_begun = FEWEST_BEGUN_BEFORE if is_whole else FEWEST_BEGUN
        pieces: list[_Piece] = []
        place = 0
        while place < len(tokens):
            number, found = self._read(tokens, place)
            pieces += found
            place += number
        return self._query(pieces, is_unfinished=is_unfinished)

    def _tokens(self, text: str) -> Iterator[_Token]:
        last: _Token | None = None
        for found in self._pattern.finditer(text):
            typed = found.group()
            if found["comma"]:
                if last is not None:
                    last.ends = True
                continue
            if last is not None:
                yield last
            if found["name"]:
                value = found["value"]
                if value[0] in "\"'" and value[-1] == value[0] and len(value) > 2:
                    value = value[1:-1]
                word = " ".join(typed.replace('"', "").split())
                last = _Token(typed, word, is_negated=bool(found["minus"]))
                name = " ".join(found["name"].split())
                last.condition = self._condition(name, found["sign"].replace("==", "="), value)
            elif found["quoted"] is not None:
                last = _Token(typed, found["quoted"], bool(found["before"]), is_text=True)
            else:
                is_negated = len(typed) > 1 and typed[0] in "-–" and typed[1].isalpha()
                last = _Token(typed, typed[is_negated:], is_negated)
        if last is not None:
            yield last

    def _condition(self, name: str, sign: str, value: str) -> Condition | None:
        """Return a condition as the catalog spells it; None if it has no such value."""
        try:
            idx = self.catalog.super_category_idx(re.sub(r"\s+", " ", name))
            category = self.catalog.super_categories[idx]
            known = category.values[self.catalog.value_idx(idx, value.strip())]
            found = Condition(category.name, sign, known)
        except DatrnetError:
            found = Condition(name, sign, value.strip())
        return found if self._holds(found) else None

    def _holds(self, condition: Condition) -> bool:
        """Tell whether the catalog can compare a condition."""
        try:
            Conditions.of(self.catalog, [condition])
        except DatrnetError:
            return False
        return True

    # ── reading ──────────────────────────────────────────────────────────────

    def _read(self, tokens: Sequence[_Token], place: int) -> tuple[int, list[_Piece]]:
        """Read the tokens from a place on; return how many were read, and as what."""
        token = tokens[place]
        if token.is_text and not token.is_negated:
            return 1, [_Piece(token.typed, text=" ".join(token.word.split()))]
        if token.condition is not None:
            condition = token.condition
            if token.is_negated and condition.sign in ("=", "!="):
                sign = "!=" if condition.sign == "=" else "="
                condition = Condition(condition.name, sign, condition.value)
            return 1, [_Piece(token.typed, conditions=(condition,))]
        if (fact := self._fact(tokens, place)) is not None:
            return fact
        is_last = place == len(tokens) - 1
        is_sign = token.word.casefold() in (*NEGATIONS, "-", "–") and not token.is_negated
        if not token.is_negated and (found := self._values(tokens, place)):
            return found  # "no collar" may be a value
        is_negation = token.is_negated or (is_sign and not is_last)
        if is_negation and (found := self._values(tokens, place + is_sign)):
            number, pieces = found
            for piece in pieces:
                piece.is_negated = True
            pieces[0].typed = " ".join([*([token.typed] * is_sign), pieces[0].typed])
            return number + is_sign, pieces
        is_silent = token.word.casefold() in CONNECTIVES or (is_last and is_sign)
        is_silent |= token.fewest_begun > 0 and is_last and self._begins_condition(token.word)
        text = "" if is_silent else token.word if '"' in token.typed else token.typed
        return 1, [_Piece(token.typed, is_connective=is_silent, text=text)]

    def _begins_condition(self, word: str) -> bool:
        """Tell whether a word is a name and a sign without a value: "price<"."""
        found = re.fullmatch(r"([^<>=!]+)(<=?|>=?|!=?|=)", word)
        return found is not None and self._pattern.fullmatch(f"{found[1]}=0") is not None

    def _fact(self, tokens: Sequence[_Token], place: int) -> tuple[int, list[_Piece]] | None:
        """Read a condition on a fact in words: "under 50", "price 20-50", "in stock"."""
        words = [token.word.casefold() for token in tokens[place : place + 3]]
        if tokens[place].is_negated:
            return None
        if words[:2] == ["in", "stock"] and self.catalog.facts.has(IN_STOCK):
            return self._fact_piece(tokens, place, 2, [Condition(IN_STOCK, "=", "yes")])
        name, start = self._fact_named(words[0]), 1
        if name is None:
            prices = (it.name for it in self.catalog.facts.columns if it.kind == "money")
            name, start = next(prices, None), 0
        if name is None:
            return None
        rest = words[start:]
        if start and rest and (found := _RANGE.fullmatch(rest[0])):
            low, high = (bound.replace(",", ".") for bound in found.groups())
            both = [Condition(name, ">=", low), Condition(name, "<=", high)]
            return self._fact_piece(tokens, place, 2, both)
        if len(rest) > 1 and rest[0] in BOUNDS and (found := _ALONE.fullmatch(rest[1])):
            bound = Condition(name, BOUNDS[rest[0]], found[1].replace(",", "."))
            return self._fact_piece(tokens, place, start + 2, [bound])
        return None

    def _fact_piece(
        self, tokens: Sequence[_Token], place: int, number: int, conditions: Sequence[Condition]
    ) -> tuple[int, list[_Piece]] | None:
        read = tokens[place : place + number]
        if any(token.is_text for token in read) or not all(map(self._holds, conditions)):
            return None
        return number, [_Piece(_typed(read), conditions=tuple(conditions))]

    def _fact_named(self, word: str) -> str | None:
        facts = self.catalog.facts.columns
        names = (it.name for it in facts if name_key(it.name) == name_key(word) and word)
        return next(names, None)

    def _values(self, tokens: Sequence[_Token], place: int) -> tuple[int, list[_Piece]] | None:
        """Read the longest name of a value from a place on."""
        words: list[str] = []
        for offset, token in enumerate(tokens[place : place + self.lexicon.most_words]):
            is_read = token.is_text or token.condition is not None
            if (is_read and not (offset == 0 and token.is_text)) or (offset and token.is_negated):
                break
            if token.is_text and token.is_negated:
                return None
            words.append(token.word)
            if token.ends:
                break
        for number in range(len(words), 0, -1):
            read = tokens[place : place + number]
            may_be_begun = read[-1] is tokens[-1] or number == 1
            fewest = read[-1].fewest_begun if may_be_begun else 0
            if found := self._named(words[:number], fewest):
                values, how = found
                return number, [_Piece(_typed(read), values, how=how)]
        is_last = tokens[place] is tokens[-1] and tokens[place].fewest_begun > 0
        if words and (glued := self._glued(tokens[place].word, is_last=is_last)):
            return 1, [_Piece(typed, values, how=how) for typed, values, how in glued]
        return None

    def _named(self, words: Sequence[str], fewest: int) -> tuple[tuple[Value, ...], How] | None:
        """Return the values that words name together, finished or not, misspelled or not.

        Args:
            words: Read together.
            fewest: Letters from which on the last may be unfinished; 0 for a finished one.
        """
        if len(words) == 1 and words[0].casefold() in (*CONNECTIVES, *NEGATIONS):
            return None
        if found := self.lexicon.find(words):
            return found
        is_begun = fewest and (len(words) > 1 or len(words[0]) >= fewest)
        values = self.lexicon.completions(words) if is_begun else ()
        if values and self._are_meant(values, words):
            return values, "begun"
        spellings = [self._spellings(word) for word in words]
        if all(spellings) and [*words] != [own[0] for own in spellings]:
            for spelled in product(*spellings):
                if found := self.lexicon.find(spelled):
                    return found[0], "typo"
        return None

    def _spellings(self, word: str) -> tuple[str, ...]:
        """Return what a word may be: itself if the catalog knows it, else its corrections."""
        if self.lexicon.knows(word) or word.casefold() in (*CONNECTIVES, *NEGATIONS):
            return (word,)
        if not (near := self.lexicon.corrections(word)) or self._is_text(word):
            return ()
        return near[:MOST_SPELLINGS]

    def _is_text(self, word: str) -> bool:
        """Tell whether titles or ids have a word."""
        return self.num_titles(word) > 0 or self.catalog.find_code(word) is not None

    def _are_meant(self, values: Sequence[Value], words: Sequence[str]) -> bool:
        """Tell whether unfinished words are rather values than a word of titles."""
        titles = self.num_titles(words[0]) if len(words) == 1 else 0
        if not titles:
            return True
        most = max(int(self.catalog.carries(*value).sum()) for value in values)
        return titles < MANY_TITLES and titles * TITLES_WORTH < most

    def _glued(
        self, word: str, *, is_last: bool
    ) -> list[tuple[str, tuple[Value, ...], How]] | None:
        """Return the values that a word names without spaces between: "redstriped"."""
        if not word.isalpha() or self._is_text(word):
            return None
        for end in range(FEWEST_GLUED, len(word) - FEWEST_BEGUN + 1):
            first, rest = word[:end], word[end:]
            if (found := self.lexicon.find([first])) is None or found[1] != "named":
                continue
            known = self.lexicon.find([rest]) if len(rest) >= FEWEST_GLUED else None
            if known is not None:
                return [(first, *found), (rest, *known)]
            if is_last and (begun := self.lexicon.completions([rest])):
                return [(first, *found), (rest, begun, "begun")]
            if more := self._glued(rest, is_last=is_last):
                return [(first, *found), *more]
        return None

    # ── understanding ────────────────────────────────────────────────────────

    def _query(self, pieces: Sequence[_Piece], *, is_unfinished: bool) -> TextQuery:
        """Return what pieces mean together."""
        is_negated = False
        for before, piece in zip((None, *pieces), pieces, strict=False):
            if piece.is_connective:
                is_negated = (
                    piece.typed.casefold() == "or" and before is not None and before.is_negated
                )
            else:
                piece.is_negated = piece.is_negated or (is_negated and piece.is_term)
                is_negated = False
        met = self._met_by_certain(pieces)
        terms: list[Term] = []
        text: list[str] = []
        silent: list[str] = []
        follows_term = False
        for piece in pieces:
            if piece.is_connective:
                silent.append(piece.typed)
            elif piece.is_term:
                term = self._term(piece, " ".join([*silent, piece.typed]), met)
                if follows_term and [word.casefold() for word in silent] == ["or"]:
                    terms[-1:] = terms[-1].joined_by_or(term)
                else:
                    terms.append(term)
                silent, follows_term = [], True
            else:
                text += [*silent, piece.text]
                silent, follows_term = [], False
        pending = ""
        if silent and is_unfinished:
            pending = " ".join(silent)
        elif silent and terms and not text:
            terms[-1] = replace(terms[-1], typed=" ".join([terms[-1].typed, *silent]))
        else:
            text += silent
        return TextQuery(terms=tuple(terms), text=" ".join(filter(None, text)), pending=pending)

    def _met_by_certain(self, pieces: Iterable[_Piece]) -> NDArray[np.bool_]:
        """Return the items (N,) with all the values about which there is no doubt."""
        met = ~self.catalog.is_hidden
        for piece in pieces:
            if len(piece.values) == 1:
                carried = self.catalog.carries(*piece.values[0])
                met = met & (~carried if piece.is_negated else carried)
        return met

    def _term(self, piece: _Piece, typed: str, met: NDArray[np.bool_]) -> Term:
        conditions, sign = piece.conditions, "!=" if piece.is_negated else "="
        values = piece.values
        if not piece.is_negated and len(values) > 1:
            values = self._supported(values, met, only_one=piece.how == "begun")
        conditions += tuple(self._equation(value, sign) for value in values)
        is_either = len(values) > 1 and not piece.is_negated
        return Term(typed=typed, conditions=conditions, is_either=is_either, how=piece.how)

    def _supported(
        self, values: Sequence[Value], met: NDArray[np.bool_], *, only_one: bool
    ) -> tuple[Value, ...]:
        """Return those of several values that fit the rest: the one of most items, if it has all.

        Args:
            values: What words may mean.
            met: (N,) items with all else that is asked for.
            only_one: Whether to choose the value of most items in any case.
        """
        masks = [self.catalog.carries(*value) & met for value in values]
        counts = [int(mask.sum()) for mask in masks]
        best = int(np.argmax(counts))
        if only_one or counts[best] == int(np.any(masks, axis=0).sum()) > 0:
            return (values[best],)
        found = [value for value, count in zip(values, counts, strict=True) if count]
        return tuple(found or values)

    def _equation(self, value: Value, sign: str) -> Condition:
        category = self.catalog.super_categories[value[0]]
        return Condition(category.name, sign, category.values[value[1]])


def _typed(tokens: Iterable[_Token]) -> str:
    return " ".join(token.typed for token in tokens)
