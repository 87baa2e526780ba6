"""The facts of items: shown, sorted and filtered by, but never learned.

A fact of an item with variants is that of any of them: a shirt is in stock if one size is. Several
conditions must hold for the same variant: size M, in stock.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.code_index import CodeIndex
from datrnet.core.catalog.values import fact_number, fact_text
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import FactColumn, FactKind, ItemFacts, NewVariant

_OPERATORS: Mapping[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}

_CONDITION = re.compile(
    r"\s*(?P<name>[^<>=!\s][^<>=!]*)(?P<sign><=|>=|!=|<|>|=)=?(?P<value>.*)", re.DOTALL
)

_EXAMPLES: Mapping[FactKind, str] = {
    "number": "{}<50",
    "money": "{}<50",
    "date": "{}>=2026-01-31",
    "boolean": "{}=yes",
}
"""A condition on a fact of each kind; on others it is an equation."""

IN_STOCK = "in stock"
STOCKS = ("stock", "quantity", "availability")
"""Facts that tell it in other words."""

ABSENT, NO_TEXT = -2, -1
"""Instead of the number of a text: a variant does not say, or has none."""

PARSED_AT_ONCE = 2048
"""Items whose facts are parsed in one piece, in which no other thread can run."""

NUM_SAMPLED = 500
"""Items whose variants tell which facts vary."""

NUM_ON_CARD = 4
"""Facts that the card of an item has room for."""


def name_key(name: str) -> str:
    """Return a name for comparing: ``in_stock`` and ``In stock`` are the same."""
    return fold(re.sub(r"[_-]+", " ", name))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a fact or label, such as ``price<50``."""

    name: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition.

        Raises:
            ConfigError: It is none.
        """
        found = _CONDITION.fullmatch(text)
        if found is None or not found["value"].strip():
            raise ConfigError(
                f"{text!r} is not a condition.", hint='For example: "price<50" or color=black.'
            )
        return cls(found["name"].strip(), found["sign"], found["value"].strip())

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"


@dataclass(frozen=True, kw_only=True, eq=False)
class FactValues:
    """A fact of all M versions: the variants of items, and the items that have none."""

    column: FactColumn
    texts: tuple[str, ...]
    """The V different ones, as they came."""
    codes: NDArray[np.int32]
    """(M,) indexes of texts; -1 where a version does not have the fact."""

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The texts (V,) as numbers; NaN where they are none."""
        return np.array([fact_number(self.column.kind, text) for text in self.texts])

    def meets(self, condition: Condition) -> NDArray[np.bool_]:
        """Return which versions (M,) meet a condition.

        One without the fact meets only ``!=``.

        Raises:
            ConfigError: The fact cannot be compared that way.
        """
        column, sign = self.column, condition.sign
        is_ordered = column.kind in ("number", "money", "date")
        wanted = fact_text(column.kind, condition.value)
        if wanted is None or (not is_ordered and sign not in ("=", "!=")):
            example = _EXAMPLES.get(column.kind, "{}=VALUE").format(column.name)
            raise ConfigError(
                f"The fact {column.name!r} is of the kind {column.kind}: {condition} cannot be "
                "compared.",
                hint=f"For example: {example}",
            )
        if is_ordered:
            met = _OPERATORS[sign](self.numbers, fact_number(column.kind, wanted))
        else:
            is_several, wanted = column.kind == "tags", name_key(wanted)
            parts = (text.split(", ") if is_several else [text] for text in self.texts)
            is_there = [wanted in map(name_key, own) for own in parts]
            met = np.array(is_there, dtype=bool) == (sign == "=")
        found: NDArray[np.bool_] = np.append(met, sign == "!=")[self.codes]
        return found


class CatalogFacts:
    """Facts, variants, groups and further pictures of the N items of a catalog."""

    def __init__(
        self,
        item_ids: NDArray[np.int64],
        stored: ItemFacts,
        variant_index: CodeIndex | None = None,
    ) -> None:
        """Take over what the database has.

        Args:
            item_ids: (N,), ascending.
            stored: Of the same items.
            variant_index: Of the codes of variants; made when it is first needed.
        """
        self._item_ids = item_ids
        self._stored = stored
        self._given_index = variant_index

    # ── of an item ───────────────────────────────────────────────────────────

    def of(self, row: int) -> dict[str, str]:
        """Return the facts of an item as text, by name."""
        facts: dict[str, str] = json.loads(self._stored.facts[row])
        return facts

    def variants(self, row: int) -> tuple[NewVariant, ...]:
        """Return the variants of an item; none if it is a single one."""
        return self._stored.variants.get(int(self._item_ids[row]), ())

    def group(self, row: int) -> str:
        """Return the code of the product that an item is a version of, or an empty text."""
        return self._stored.groups[row]

    def views(self, row: int) -> tuple[str, ...]:
        """Return the stored paths of an item's further pictures."""
        return tuple(json.loads(self._stored.views[row]))

    def versions(self, row: int) -> list[dict[str, str]]:
        """Return the facts of each variant of an item; its own if it has no variants."""
        return _versions(self.of(row), self.variants(row))

    def texts(self, row: int, name: str) -> tuple[str, ...]:
        """Return the different texts of a fact over the variants of an item."""
        versions = self.versions(row)
        return tuple(dict.fromkeys(facts[name] for facts in versions if facts.get(name)))

    def words(self, row: int) -> dict[str, str]:
        """Return the facts of an item and its variants in words, by name: "19.00–24.00 EUR"."""
        versions = self.versions(row)
        texts = {
            column: [facts[column.name] for facts in versions if facts.get(column.name)]
            for column in self.columns
        }
        return {column.name: _in_words(column.kind, own) for column, own in texts.items() if own}

    def on_card(self, row: int) -> dict[str, str]:
        """Return what a customer asks for first: prices, sizes, stock, and what else varies."""
        words = self.words(row)
        names = [name for name in self._names_on_card if name in words]
        return {name: words[name] for name in names[:NUM_ON_CARD]}

    @cached_property
    def _names_on_card(self) -> list[str]:
        """The names of facts, those that matter most first; no links and no codes."""
        texts: dict[str, list[str]] = {}
        varying: set[str] = set()
        every = self._stored.variants.item_ids
        for item_id in np.unique(every[:: max(1, len(every) // NUM_SAMPLED)]).tolist():
            variants = self._stored.variants[item_id]
            first = variants[0].facts
            for variant in variants:
                for name, text in variant.facts.items():
                    texts.setdefault(name, []).append(text)
                    if text != first.get(name):
                        varying.add(name)
        codes = {name for name, own in texts.items() if 2 * len(set(own)) > max(20, len(own))}

        def rank(column: FactColumn) -> int:
            if column.kind == "money":
                return 0
            if column.name in varying:
                return 1 if column.kind in ("text", "tags") else 2
            return {"boolean": 2, "number": 3}.get(column.kind, 4)

        shown = [column for column in self.columns if column.kind != "link"]
        shown = [column for column in shown if column.kind != "text" or column.name not in codes]
        return [column.name for column in sorted(shown, key=rank)]

    # ── of all items ─────────────────────────────────────────────────────────

    @property
    def columns(self) -> tuple[FactColumn, ...]:
        """The facts that items have."""
        return self._stored.columns

    def column(self, name: str) -> FactColumn:
        """Return a fact by its name in any case, with spaces or underscores.

        Raises:
            UnknownNameError: There is none.
        """
        if (found := self._by_name.get(name_key(name))) is None:
            raise UnknownNameError("fact", name, [column.name for column in self.columns])
        return found

    def has(self, name: str) -> bool:
        """Tell whether there is a fact of that name, or one that tells what is in stock."""
        return name_key(name) in self._by_name or (
            name_key(name) == IN_STOCK and self._stock is not None
        )

    @cached_property
    def _by_name(self) -> dict[str, FactColumn]:
        return {name_key(column.name): column for column in self.columns}

    @property
    def _stock(self) -> FactColumn | None:
        """The fact that tells what is in stock, if none is called so."""
        return next((self._by_name[name] for name in STOCKS if name in self._by_name), None)

    def row_of_variant(self, code: str) -> int | None:
        """Return the row of the item with a variant of that code, as ``CodeIndex`` finds it."""
        if (found := self._variant_index.find(code)) is None:
            return None
        item_id = self._stored.variants.item_ids[found]
        row = int(np.searchsorted(self._item_ids, item_id))
        return row if row < len(self._item_ids) and self._item_ids[row] == item_id else None

    @cached_property
    def _variant_index(self) -> CodeIndex:
        return self._given_index or CodeIndex.of(self._stored.variants.codes)

    @cached_property
    def _all_versions(self) -> tuple[NDArray[np.intp], dict[str, FactValues]]:
        """The row (M,) of each version, and every fact of them."""
        variants = self._stored.variants
        names = [column.name for column in self.columns]
        numbers = [_Numbers() for _ in names]
        codes: list[list[NDArray[np.int32]]] = [[np.zeros(0, dtype=np.int32)] for _ in names]
        rows: list[NDArray[np.intp]] = [np.zeros(0, dtype=np.intp)]
        for start in range(0, len(self._item_ids), PARSED_AT_ONCE):
            ids = self._item_ids[start : start + PARSED_AT_ONCE]
            first, last = np.searchsorted(variants.item_ids, [ids[0], ids[-1] + 1]).tolist()
            own = _parsed(self._stored.facts[start : start + PARSED_AT_ONCE])
            versions = _parsed(variants.facts[first:last])
            places = np.searchsorted(ids, variants.item_ids[first:last])
            is_single = np.ones(len(ids), dtype=bool)
            is_single[places] = False
            rows += [start + np.flatnonzero(is_single), start + places]
            for name, own_numbers, own_codes in zip(names, numbers, codes, strict=True):
                of_items, of_variants = own_numbers.of(own, name), own_numbers.of(versions, name)
                has_own = np.zeros(len(ids), dtype=bool)
                has_own[places[of_variants != ABSENT]] = True
                inherits = ~has_own[places]  # see _versions
                of_variants = np.where(inherits, of_items[places], of_variants)
                own_codes += [of_items[is_single], of_variants]
        values = {
            column.name: FactValues(
                column=column,
                texts=tuple(filter(None, known)),
                codes=np.maximum(np.concatenate(found), NO_TEXT),
            )
            for column, known, found in zip(self.columns, numbers, codes, strict=True)
        }
        return np.concatenate(rows), values

    def values(self, name: str) -> tuple[NDArray[np.intp], FactValues]:
        """Return the row (M,) of each version, and a fact of them.

        Raises:
            UnknownNameError: There is no such fact.
        """
        rows, values = self._all_versions
        if name_key(name) == IN_STOCK and IN_STOCK not in self._by_name and self._stock is not None:
            return rows, _in_stock(values[self._stock.name])
        return rows, values[self.column(name).name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a fact of every item (N,) as a number, the smallest of its variants.

        NaN where it has none.
        """
        rows, values = self.values(name)
        found = np.full(len(self._item_ids), math.nan)
        np.fmin.at(found, rows, np.append(values.numbers, math.nan)[values.codes])
        return found

    def matching(self, *conditions: Condition, every: bool = False) -> NDArray[np.bool_]:
        """Return which items (N,) have a variant that meets all conditions at once.

        Several values of one fact mean any of them: ``size=M`` and ``size=L``.

        Args:
            conditions: The conditions.
            every: Whether all variants of an item must meet them.

        Raises:
            UnknownNameError: There is no such fact.
            ConfigError: Its values cannot be compared that way.
        """
        rows, _ = self._all_versions
        met = np.ones(len(rows), dtype=bool)
        either: dict[str, NDArray[np.bool_]] = {}
        for condition in conditions:
            values = self.values(condition.name)[1]
            own = values.meets(condition)
            if condition.sign == "=":
                name = values.column.name
                either[name] = either[name] | own if name in either else own
            else:
                met &= own
        for own in either.values():
            met &= own
        found = np.zeros(len(self._item_ids), dtype=bool)
        found[rows[met]] = True
        if every:
            found[rows[~met]] = False
        return found


def _versions(own: dict[str, str], variants: Sequence[NewVariant]) -> list[dict[str, str]]:
    """Return the facts of each variant of an item; its own if it has no variants.

    A variant has the item's own facts too, but none of which only its sisters have one: a sale
    price of another size.
    """
    if not variants:
        return [own]
    of_some = set().union(*(variant.facts for variant in variants))
    of_all = {name: text for name, text in own.items() if name not in of_some}
    return [{**of_all, **variant.facts} for variant in variants]


class _Numbers(dict[str | None, int]):
    """Numbers the different texts of a fact as they come."""

    def __init__(self) -> None:
        super().__init__({None: ABSENT, "": NO_TEXT})

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self) - 2
        return number

    def of(self, versions: Sequence[Mapping[str, str]], name: str) -> NDArray[np.int32]:
        """Return the number (n,) of a fact of each version."""
        found = [self[facts.get(name)] for facts in versions]
        return np.array(found, dtype=np.int32)


def _parsed(texts: Sequence[str]) -> list[dict[str, str]]:
    """Parse JSON objects, all at once."""
    parsed: list[dict[str, str]] = json.loads(f"[{','.join(texts)}]")
    return parsed


def _in_stock(stock: FactValues) -> FactValues:
    """Return which versions are in stock by a number, or by words such as "out of stock"."""
    answers = ("yes", "no")
    if stock.column.kind in ("number", "boolean"):
        said = ["yes" if number > 0 else "no" for number in stock.numbers.tolist()]
    else:
        said = [fact_text("boolean", text) or "no" for text in stock.texts]
    codes = np.array([*map(answers.index, said), -1], dtype=np.int32)
    column = FactColumn(name=IN_STOCK, kind="boolean")
    return FactValues(column=column, texts=answers, codes=codes[stock.codes])


def _in_words(kind: FactKind, texts: Sequence[str]) -> str:
    """Return the texts that a fact has in the versions of an item as one."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return distinct[0]
    if kind == "boolean":
        return f"yes ({texts.count('yes')} of {len(texts)})"
    units = {text.partition(" ")[2] for text in distinct}
    if kind in ("number", "money", "date") and len(units) == 1:
        ordered = sorted(distinct, key=lambda text: fact_number(kind, text))
        return f"{ordered[0].partition(' ')[0]}–{ordered[-1]}"
    return ", ".join(distinct)
