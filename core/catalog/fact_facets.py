"""Facets of facts: values to choose from, and ranges of numbers, prices and dates."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.facts import Condition, FactValues
from datrnet.db.rows import FactColumn, FactKind, SuperCategory

NUM_RANGES = 5
"""Ranges of about the same number of items; rounding their bounds may leave fewer."""
MAX_LISTED = 6
"""So many different numbers are listed, not put into ranges."""
MAX_PERIODS = 8
"""Dates are listed by day, month, quarter or year: the finest with at most so many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facet:
    """Values besides labels that N items are narrowed down by."""

    category: SuperCategory
    labels: NDArray[np.signedinteger[Any]]
    """(N,) index of an item's first value; -1 where it has none."""
    more_labels: Mapping[int, NDArray[np.intp]] = field(default_factory=dict)
    """Rows of the items that carry a value besides their first one, by the value's index."""
    is_ordered: bool = False
    """Whether the values are shown in their order, not the most frequent first."""


def fact_facets(catalog: Catalog) -> list[Facet]:
    """Return a facet for each fact that tells items apart; links and codes do not."""
    found = []
    for column in catalog.facts.columns:
        if column.kind == "link":
            continue
        rows, fact = catalog.facts.values(column.name)
        is_ordered = column.kind not in ("text", "tags")
        names, rows, values = _GROUPED[column.kind](rows, fact)
        pairs = _distinct(rows[values >= 0] * max(len(names), 1) + values[values >= 0])
        # a code, such as a barcode, has nearly as many values as there are items
        is_code = not is_ordered and 2 * len(names) > max(20, len(pairs))
        num_with = len(_distinct(pairs // max(len(names), 1)))
        if is_code or len(names) + (num_with < catalog.num_items) < 2:
            continue
        category = SuperCategory(name=column.name, values=tuple(names))
        found.append(_facet(category, pairs, catalog.num_items, is_ordered=is_ordered))
    return found


def conditions_on(
    column: FactColumn, values: Sequence[str], *, is_excluded: bool = False
) -> tuple[Condition, ...] | None:
    """Return the conditions that ask for any of a facet's values, or for none of them.

    Args:
        column: The fact.
        values: Values of its facet, in their order.
        is_excluded: Whether an item must have none of them.

    Returns:
        The conditions; None if no conditions say it, as of ranges with a gap.
    """
    ranges = [_range_of(column.kind, value) for value in values]
    known = [it for it in ranges if it is not None]
    if len(known) < len(ranges):
        return tuple(Condition(column.name, "!=" if is_excluded else "=", it) for it in values)
    if any(high != low for (_, high), (low, _) in pairwise(known)):
        return None
    low, high = known[0][0], known[-1][1]
    if is_excluded:
        if low and high:
            return None
        low, high = high, low
    bounds = (">=", low), ("<", high)
    return tuple(Condition(column.name, sign, bound) for sign, bound in bounds if bound)


_RANGE = re.compile(r"under (?P<below>.+)|(?P<above>.+) and up|(?P<low>[^–]+)–(?P<high>.+)")
_PERIOD = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)| Q(?P<quarter>[1-4]))?")


def _range_of(kind: FactKind, name: str) -> tuple[str, str] | None:
    """Return from where to below where a facet's value reaches; None if it is a single value."""
    if kind in ("number", "money") and (found := _RANGE.fullmatch(name)):
        return found["above"] or found["low"] or "", found["below"] or found["high"] or ""
    if kind == "date" and (found := _PERIOD.fullmatch(name)):
        quarter, year = found["quarter"], int(found["year"])
        first = int(found["month"] or (3 * int(quarter) - 2 if quarter else 1))
        length = 1 if found["month"] else 3 if quarter else 12
        after, month = divmod(first - 1 + length, 12)
        return f"{year:04}-{first:02}-01", f"{year + after:04}-{month + 1:02}-01"
    return None


def _distinct(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the different numbers, ascending; on these, many times as fast as numpy.unique."""
    ascending = np.sort(numbers)
    is_new = np.ones(len(ascending), dtype=bool)
    is_new[1:] = ascending[1:] != ascending[:-1]
    return ascending[is_new]


def _facet(
    category: SuperCategory, pairs: NDArray[np.intp], num_items: int, *, is_ordered: bool
) -> Facet:
    """Return a facet of ascending pairs of an item and a value, each as row × V + value."""
    rows, values = np.divmod(pairs, max(len(category.values), 1))
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = rows[1:] != rows[:-1]
    labels = np.full(num_items, UNLABELED, dtype=np.int32)
    labels[rows[is_first]] = values[is_first]
    others, other_values = rows[~is_first], values[~is_first]
    more = {int(value): others[other_values == value] for value in np.unique(other_values)}
    return Facet(category=category, labels=labels, more_labels=more, is_ordered=is_ordered)


Grouped = tuple[Sequence[str], NDArray[np.intp], NDArray[np.int32]]
"""The names of V values; the rows (M,) that carry one, and its index (M,), -1 for none."""


def _by_text(rows: NDArray[np.intp], fact: FactValues) -> Grouped:
    return fact.texts, rows, fact.codes


def _by_tag(rows: NDArray[np.intp], fact: FactValues) -> Grouped:
    """Every tag of a text is a value."""
    numbers: dict[str, int] = {}
    tags = [
        [numbers.setdefault(tag, len(numbers)) for tag in text.split(", ")] for text in fact.texts
    ]
    has_tags = fact.codes >= 0
    carried = [tags[code] for code in fact.codes[has_tags].tolist()]
    every_row = np.repeat(rows[has_tags], [len(own) for own in carried])
    return list(numbers), every_row, np.array([*chain.from_iterable(carried)], dtype=np.int32)


def _by_answer(rows: NDArray[np.intp], fact: FactValues) -> Grouped:
    return _renamed(rows, fact, fact.texts, ["yes", "no"])


def _by_period(rows: NDArray[np.intp], fact: FactValues) -> Grouped:
    """Dates by the finest period of which there are few; by year if there are many of all."""
    is_date = ~np.isnan(fact.numbers)
    texts = [text if known else "" for text, known in zip(fact.texts, is_date, strict=True)]
    names: list[str] = []
    for period in (_day, _month, _quarter, _year):
        names = [period(text) if text else "" for text in texts]
        if len(set(names)) <= MAX_PERIODS:
            break
    return _renamed(rows, fact, names, sorted({*names} - {""}))


def _by_range(rows: NDArray[np.intp], fact: FactValues) -> Grouped:
    """Numbers and prices by ranges with about the same number of items."""
    numbers = fact.numbers
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) <= MAX_LISTED:
        names = [_short(number) for number in numbers.tolist()]
        return _renamed(rows, fact, names, [_short(number) for number in distinct.tolist()])
    of_versions = numbers[fact.codes[fact.codes >= 0]]
    bounds = _bounds(of_versions[~np.isnan(of_versions)])
    inner = [f"{_short(low)}–{_short(high)}" for low, high in pairwise(bounds)]
    ranges = [f"under {_short(bounds[0])}", *inner, f"{_short(bounds[-1])} and up"]
    places = np.searchsorted(bounds, numbers, side="right").astype(np.int32)
    places[np.isnan(numbers)] = UNLABELED
    return ranges, rows, np.append(places, np.int32(UNLABELED))[fact.codes]


def _bounds(numbers: NDArray[np.float64]) -> list[float]:
    """Return round numbers that divide numbers into about equal parts, ascending.

    Args:
        numbers: (n,), more than a few different ones.
    """
    shares = np.arange(1, NUM_RANGES) / NUM_RANGES
    exact = np.quantile(numbers, shares)
    spread = float(exact[-1] - exact[0]) or float(np.ptp(numbers))
    power = 10.0 ** math.floor(math.log10(spread / NUM_RANGES))
    step = next(s * power for s in (5, 2, 1) if s * power <= spread / NUM_RANGES or s == 1)
    rounded = {float(f"{round(bound / step) * step:.12g}") for bound in exact.tolist()}
    inside = sorted(bound for bound in rounded if numbers.min() < bound <= numbers.max())
    return inside or [float(exact[-1])]


def _renamed(
    rows: NDArray[np.intp], fact: FactValues, names: Sequence[str], ordered: Sequence[str]
) -> Grouped:
    """Return the values of a fact under other names, one for each of its texts, in an order.

    A text whose name is not among the ordered ones counts as none.
    """
    places = {name: place for place, name in enumerate(ordered)}
    codes = [*(places.get(name, UNLABELED) for name in names), UNLABELED]
    return ordered, rows, np.array(codes, dtype=np.int32)[fact.codes]


def _short(number: float) -> str:
    return f"{number:.10g}"


def _day(text: str) -> str:
    return text


def _month(text: str) -> str:
    return text[:7]


def _quarter(text: str) -> str:
    return f"{text[:4]} Q{(int(text[5:7]) + 2) // 3}"


def _year(text: str) -> str:
    return text[:4]


_GROUPED: Mapping[str, Callable[[NDArray[np.intp], FactValues], Grouped]] = {
    "number": _by_range,
    "money": _by_range,
    "date": _by_period,
    "boolean": _by_answer,
    "text": _by_text,
    "tags": _by_tag,
}
"""By kind of fact."""
