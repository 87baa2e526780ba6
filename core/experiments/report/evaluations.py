"""What the report says of stored evaluations."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datrnet.core.experiments.outcome import Cell
from datrnet.core.experiments.report.parts import (
    NOTHING,
    Settings,
    Table,
    moment,
    percent,
    settings_of,
)
from datrnet.db.rows import EvaluationRow

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPart:
    """The figures of one index on one split."""

    split: str
    facts: Settings
    how: str = ""
    """What sets it apart from others of its split, in a few words."""
    use_cases: Table | None = None
    by_super_category: Table | None = None
    protocol: Settings = ()
    problem: str = ""


def look_at_evaluation(row: EvaluationRow) -> EvaluationPart:
    """Return an evaluation as tables; one of another version may be unreadable."""
    facts = (("run", row.run_name), ("index", row.generation), ("made", moment(row.made_at)))
    try:
        results = json.loads(row.results_json)
        cases = results["use_cases"]
        k = results["protocol"]["k"]
        return EvaluationPart(
            split=row.split,
            facts=(("items", f"{results['num_items']:,}"), *facts),
            how=_how(results),
            use_cases=Table.of(
                ("use case", *_columns(k)), [(_name(one), *_cells(one["overall"])) for one in cases]
            ),
            by_super_category=_by_super_category(cases, k),
            protocol=(*settings_of(results["protocol"]), *_weights(results)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return EvaluationPart(
            split=row.split,
            facts=facts,
            problem="Another version of datrnet wrote it. Run `datrnet evaluate` again.",
        )


def _how(results: Facts) -> str:
    protocol, weights = results["protocol"], results["weights"]
    words = [f"top-{protocol['k']}"]
    words.append("equal weights" if {*weights["blocks"], weights["changed"]} == {1} else "weighted")
    words.append(f"{protocol['max_changes']} changes at most")
    if results.get("queries"):
        words.append(f"queries of {results['queries']}")
    if protocol["match"] != "used":
        words.append(f"match {protocol['match']}")
    if protocol["within"] is not None:
        words.append(f"prototypes within {protocol['within']}")
    if protocol["query_takes_rank"] != "changed":
        words.append(f"query takes a rank {protocol['query_takes_rank']}")
    return ", ".join(words)


def _columns(k: int) -> tuple[str, ...]:
    return "queries", f"top-{k}", f"NDCG@{k}", "NDCG of the change", "NDCG of the rest"


def _by_super_category(cases: list[Facts], k: int) -> Table | None:
    """Return the figures of one change, by what is changed."""
    for case in cases:
        if case["by_super_category"]:
            rows = [(name, *_cells(score)) for name, score in case["by_super_category"].items()]
            rows.append(("mean of these", *_cells(case["macro"])))
            return Table.of(("super-category", *_columns(k)), rows)
    return None


def _name(case: Facts) -> str:
    names = {0: "query only", 1: "one change"}
    name = names.get(case["num_changes"], f"{case['num_changes']} changes")
    asked, valid = case["overall"]["num_queries"], case["num_valid"]
    return name if asked == valid else f"{name} (a sample of {valid:,} queries)"


def _cells(score: Facts) -> tuple[Cell, ...]:
    return (
        score["num_queries"],
        _estimate(score["top_k_accuracy"], as_share=True),
        *(_estimate(score[name]) for name in ("ndcg", "ndcg_target", "ndcg_others")),
    )


def _estimate(estimate: Facts | None, *, as_share: bool = False) -> str:
    """Return a mean with its 95 % interval in brackets."""
    if estimate is None or not math.isfinite(estimate["value"]):
        return NOTHING
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if as_share:
        return f"{percent(value)} ({100 * low:.1f}–{100 * high:.1f})"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def _weights(results: Facts) -> Settings:
    weights = results["weights"]
    blocks = zip(results["super_categories"], weights["blocks"], strict=True)
    return (
        *((f"weight of {name}", f"{weight:g}") for name, weight in blocks),
        ("further weight of a change", f"{weights['changed']:g}"),
    )
