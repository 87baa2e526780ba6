"""How well a result matches, in words: its match in percent, and its mismatches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len

from datrnet.core.retrieval.request import Substitute
from datrnet.core.text import fold
from datrnet.tui.graphics.page_layout import CardSize
from datrnet.tui.request_words import is_none
from datrnet.tui.widgets.text import fitted

SHORT = 8
"""Cells of a wanted value that a card has room for."""

ALL_MATCH = "✓ all match"
"""On the card of a result without a mismatch, if its match is unknown."""

FEWEST_CELLS = 7
"""Of a name that is cut, besides the number of further ones."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A super-category in which a result lacks the wanted value."""

    words: str
    """In full, such as "not black"."""
    short: str
    """With its name, such as "✗ color"."""


def match_of(substitute: Substitute) -> float | None:
    """Return the probability that all values are the wanted ones; None if it is unknown."""
    return math.prod(substitute.matches.values()) if substitute.matches else None


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.0f} %"


def costs(substitute: Substitute) -> dict[str, float]:
    """Return what each super-category costs a result, from 0 to 1, the largest first.

    It is what the match lacks; where that is unknown, the share of the distance.
    """
    if substitute.matches:
        found = {name: 1 - match for name, match in substitute.matches.items()}
    else:
        total = sum(substitute.parts.values()) or 1.0
        found = {name: part / total for name, part in substitute.parts.items()}
    return dict(sorted(found.items(), key=lambda it: -it[1]))


def mismatches(substitute: Substitute) -> list[Mismatch]:
    """Return the mismatches, the worst first, of the super-categories that count."""
    found = dict(_mismatches(substitute))
    counted = substitute.matches or {name: it for name, it in substitute.parts.items() if it}
    if found.keys().isdisjoint(substitute.parts):
        return list(found.values())  # the distance has no parts
    return [found[name] for name in costs(substitute) if name in found and name in counted]


def _mismatches(substitute: Substitute) -> Iterator[tuple[str, Mismatch]]:
    wanted, values = substitute.explainer.wanted, substitute.values
    for name, agrees in substitute.agreement.items():
        if agrees or not wanted[name]:
            continue
        short = f"✗ {name}" if values[name] else f"? {name}"
        words = short
        if values[name] and all(map(is_none, values[name])):
            words = f"no {name}"
        elif values[name] and len(wanted[name]) == 1:
            value = _spelled(substitute, name)
            is_short = cell_len(value) <= SHORT and not is_none(value)
            words = f"not {value}" if is_short else short
        yield name, Mismatch(words, short)


def _spelled(substitute: Substitute, name: str) -> str:
    """Return the wanted value as the catalog spells it."""
    catalog, (wanted,) = substitute.explainer.catalog, substitute.explainer.wanted[name]
    values = catalog.super_categories[catalog.super_category_idx(name)].values
    return next((value for value in values if fold(value) == wanted), wanted)


def card_words(substitute: Substitute, size: CardSize) -> str:
    """Return what a card says of a result: "92 % · no hood", "64 % · ✗ neckline +2", "98 %".

    Args:
        substitute: The result.
        size: Of the card.
    """
    room = size.columns
    match, missing = match_of(substitute), mismatches(substitute)
    head = "" if match is None else percent(match)
    if not missing:
        return head or ALL_MATCH
    before = f"{head} · " if head else ""
    for number in range(len(missing), 0, -1):
        rest = f" +{len(missing) - number}" if number < len(missing) else ""
        shown = missing[:number]
        for names in ([it.words for it in shown], [it.short for it in shown]):
            if cell_len(text := f"{before}{', '.join(names)}{rest}") <= room:
                return text
    return _cut(head, missing, room)


def _cut(head: str, missing: list[Mismatch], room: int) -> str:
    """Return as much of the worst as there is room for, and the number of the others."""
    before = f"{head} " if head else ""
    rest = f" +{len(missing) - 1}" if len(missing) > 1 else ""
    cells = room - cell_len(before) - cell_len(rest)
    if cells < min(FEWEST_CELLS, cell_len(missing[0].short)):
        cells, rest = room - cell_len(before), ""
    return f"{before}{fitted(missing[0].short, max(cells, 1)).rstrip()}{rest}"
