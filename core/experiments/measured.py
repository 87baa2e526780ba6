"""The figures of one trained variant of a study, and what several seeds of it come to."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Score
from datrnet.core.experiments.outcome import Cell, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one trained variant."""

    seconds: float
    """Training time of all its networks, whatever else the machine did."""
    query: Score
    one_change: Score
    by_super_category: dict[str, Score]
    """One change, by what is changed."""
    weighed: tuple[Score, Score] | None
    """Query and one change with weights of the blocks chosen on the validation items; None where
    there is a single block, or too few items to choose by."""
    num_parameters: int
    """Of all networks together."""
    milliseconds: float
    """To embed one picture, with the whole split at a time."""
    microseconds: float
    """To make one query's vector and rank the whole split by it, with many queries at a time."""

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Measured":
        """Read figures back from JSON."""
        return cls(
            seconds=facts["seconds"],
            query=_score_from(facts["query"]),
            one_change=_score_from(facts["one_change"]),
            by_super_category={
                name: _score_from(one) for name, one in facts["by_super_category"].items()
            },
            weighed=_weighed_from(facts["weighed"]),
            num_parameters=facts["num_parameters"],
            milliseconds=facts["milliseconds"],
            microseconds=facts["microseconds"],
        )


def known_figures(path: Path) -> Measured | None:
    """Return the figures of a variant, None where there are none that can be read: made anew."""
    try:
        return Measured.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def pooled(results: Sequence[Measured], figure: Callable[[Measured], Estimate | None]) -> Estimate:
    """Return the mean of a figure over seeds, and what the intervals of all seeds span."""
    found = [one for one in map(figure, results) if one is not None]
    if not found:
        return Estimate(float("nan"), float("nan"), float("nan"))
    return Estimate(
        float(np.mean([one.value for one in found])),
        min(one.low for one in found),
        max(one.high for one in found),
    )


def spread(results: Sequence[Measured], figure: Callable[[Measured], Estimate | None]) -> Cell:
    """Return a figure over seeds: its interval where there is one, else mean and deviation."""
    found = [one for one in map(figure, results) if one is not None]
    if len(found) < 2:
        return found[0] if found else None
    return over_seeds([one.value for one in found])


def over_seeds(values: Sequence[float]) -> Cell:
    """Return plain numbers over seeds: that of one as it is, else mean and deviation."""
    if len(values) < 2:
        return values[0] if values else None
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def table_3_cells(results: Sequence[Measured]) -> tuple[Cell, ...]:
    """Return the cells of ``scores.table_3_columns``, over seeds."""
    first = results[0]
    return (
        first.query.num_queries,
        pooled(results, lambda one: one.query.top_k_accuracy),
        pooled(results, lambda one: one.query.ndcg),
        first.one_change.num_queries,
        pooled(results, lambda one: one.one_change.top_k_accuracy),
        pooled(results, lambda one: one.one_change.ndcg),
        pooled(results, lambda one: one.one_change.ndcg_target),
        pooled(results, lambda one: one.one_change.ndcg_others),
    )


def _weighed_from(facts: Sequence[Mapping[str, Any]] | None) -> tuple[Score, Score] | None:
    if facts is None:
        return None
    query, one_change = map(_score_from, facts)
    return query, one_change


def _score_from(facts: Mapping[str, Any]) -> Score:
    figures: dict[str, Any] = {
        name: Estimate(**value) if isinstance(value, dict) else value
        for name, value in facts.items()
    }
    return Score(**figures)
