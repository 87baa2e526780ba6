"""What is asked of a query's substitutes in words: a sentence of chips, each of which can go."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from datrnet.core.catalog.lexicon import NONE_WORDS
from datrnet.core.text import fold
from datrnet.db.rows import SuperCategory
from datrnet.tui.query_state import Borrowed, QueryState

if TYPE_CHECKING:
    from datrnet.core.retrieval.search import SearchPlan

Part = tuple[str, QueryState]
"""A part of a sentence, and the state without it."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of what is asked for."""

    words: str
    without: QueryState
    """Asks for everything else."""


class ValueWords:
    """Values in words: by themselves where no other super-category has one of that name."""

    def __init__(self, categories: Sequence[SuperCategory]) -> None:
        counts = Counter(fold(value) for it in categories for value in it.values)
        self._shared = {name for name, count in counts.items() if count > 1}

    def of(self, name: str, values: Sequence[str], sign: str = "or") -> str:
        """Return values in words: "black", "black or navy", "sleeve long", "no hood"."""
        if all(map(is_none, values)):
            return f"no {name}"
        words = f" {sign} ".join(values)
        return words if all(map(self._is_clear, values)) else f"{name} {words}"

    def _is_clear(self, value: str) -> bool:
        return value[:1].isalpha() and not is_none(value) and fold(value) not in self._shared


def is_none(value: str) -> bool:
    """Tell whether a value says that an item has nothing of the kind."""
    return fold(value) in NONE_WORDS


def chips_of(
    state: QueryState,
    words: ValueWords,
    codes: Sequence[str],
    wanted: Mapping[str, str | None],
) -> list[Chip]:
    """Return all that a state asks for.

    Args:
        state: The state.
        words: The values of the catalog in words.
        codes: The codes of its items.
        wanted: The wanted value of every super-category, in words; None where it is unknown.
    """
    parts = [
        *_changes(state, words),
        *_demands(state, words, wanted),
        *_examples(state, codes),
        *_limits(state, words, wanted),
        *_filters(state, words),
    ]
    return [Chip(shown, without) for shown, without in parts]


def _changes(state: QueryState, words: ValueWords) -> Iterator[Part]:
    for name, change in state.changes.items():
        if isinstance(change, Borrowed):
            shown = f"{name}{' exactly' * (name in state.exact)} as {change.code}"
        else:
            values = [change] if isinstance(change, str) else change
            shown = words.of(name, values)
            if name in state.exact:
                shown = f"{name} = {' or '.join(values)}"
        yield shown, replace(state.changed(name, None), exact=state.exact - {name})


def _demands(
    state: QueryState, words: ValueWords, wanted: Mapping[str, str | None]
) -> Iterator[Part]:
    for name in sorted(state.exact - state.changes.keys()):
        yield f"{name} = {wanted.get(name) or '?'}", replace(state, exact=state.exact - {name})
    for name, weight in state.weights.items():
        yield f"{name} ×{weight:g}", state.weighted(name, 1)
    for name, values in state.excluded.items():
        for value in values:
            shown = f"with {name}" if is_none(value) else f"without {words.of(name, [value])}"
            yield shown, state.without(name, value)


def _examples(state: QueryState, codes: Sequence[str]) -> Iterator[Part]:
    for name, item in state.unlike.items():
        yield f"{name} unlike {item.code}", state.away_from(name, item)
    for row in state.liked:
        yield f"more like {codes[row]}", state.rated(row, is_liked=True)
    for row in state.disliked:
        yield f"less like {codes[row]}", state.rated(row, is_liked=False)


def _limits(
    state: QueryState, words: ValueWords, wanted: Mapping[str, str | None]
) -> Iterator[Part]:
    if (within := state.within) is not None:
        value = wanted.get(within)
        shown = within if value is None else words.of(within, [value])
        yield f"within {shown}", replace(state, within=None)
    if state.max_distance is not None:
        yield f"at most {state.max_distance:g} away", replace(state, max_distance=None)
    if state.ranking is not None:
        yield f"ranked by {state.ranking}", replace(state, ranking=None)


def _filters(state: QueryState, words: ValueWords) -> Iterator[Part]:
    filters = state.filters
    is_all = filters.match == "all"
    for name, values in filters.where.items():
        shown = words.of(name, values, "and" if is_all else "or")
        shown = f"without {name}" if all(map(is_none, values)) else f"only {shown}"
        yield shown, replace(state, filters=filters.of(name, ()))
    for condition in dict.fromkeys(filters.others):
        others = tuple(it for it in filters.others if it != condition)
        yield f"only {condition}", replace(state, filters=replace(filters, others=others))
    if is_all:
        yield "all values", replace(state, filters=replace(filters, match="any"))
    if filters.split is not None:
        shown = f"only the {filters.split} split"
        yield shown, replace(state, filters=replace(filters, split=None))


def why_empty(plan: "SearchPlan") -> str:
    """Say why a search finds nothing."""
    request = plan.request
    if request.max_distance is not None:
        return f"No item is at most {request.max_distance:g} away."
    if plan.filters or request.others or request.split:
        return "No item meets all conditions: remove one above."
    return "There are no other items."
