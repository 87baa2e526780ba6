"""Tables 2 and 3: every evaluated run beside the others, under one protocol."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Match, Protocol, QueryTakesRank
from datrnet.core.experiments.charts import dot_chart
from datrnet.core.experiments.outcome import Cell, Outcome
from datrnet.core.experiments.scores import INTERVAL_NOTE, score_columns, table_3_columns
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.weighing import assessed_in_both_ways
from datrnet.db.rows import EvaluationRow

BOTH_WEIGHTS_NOTE = (
    "“chosen” weighs the super-categories as chosen on the validation split when the index was "
    "built, “equal” is the paper's plain distance."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOptions:
    """The protocol that all runs are compared under."""

    k: int = 30
    query_takes_rank: QueryTakesRank = "changed"
    match: Match = "used"
    within: str | None = None
    max_changes: int = 3
    max_queries: int = 20_000

    @property
    def protocol(self) -> Protocol:
        """The protocol."""
        return Protocol(
            k=self.k,
            query_takes_rank=self.query_takes_rank,
            match=self.match,
            within=self.within,
            max_changes=self.max_changes,
            max_queries=self.max_queries,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A run's figures under the protocol."""

    run_name: str
    system: str
    weights: str
    use_cases: list[Mapping[str, Any]]

    def use_case(self, num_changes: int) -> Mapping[str, Any] | None:
        """Return the figures of a number of changes."""
        return next((one for one in self.use_cases if one["num_changes"] == num_changes), None)


def run_by_super_category(setting: Setting, options: ComparisonOptions) -> Outcome:
    """Return table 2: one change, by the super-category that is changed."""
    found = evaluated_runs(setting, options.protocol)
    names = list(
        dict.fromkeys(
            name for one in found for name in (one.use_case(1) or {}).get("by_super_category", {})
        )
    )
    rows = []
    for name in (*names, "micro mean", "macro mean"):
        for one in found:
            score = _score_of(one, name)
            if score is not None:
                rows.append((name, one.run_name, one.system, one.weights, *_cells(score)))
    charted = {f"{one.run_name}, {one.weights}": one for one in found}
    accuracies = {
        label: [_accuracy(_score_of(one, name)) for name in names] for label, one in charted.items()
    }
    return Outcome(
        title=f"One change, by what is changed (table 2), {setting.split} split",
        columns=("super-category", "run", "system", "weights", *score_columns(options.k)),
        rows=tuple(rows),
        notes=(
            "Micro means weigh every query alike, macro means every super-category.",
            BOTH_WEIGHTS_NOTE,
            INTERVAL_NOTE,
        ),
        pictures={
            "accuracy": dot_chart(
                names,
                {label: [one.value for one in some] for label, some in accuracies.items()},
                x_label=f"top-{options.k} accuracy",
                intervals={
                    label: [(one.low, one.high) for one in some]
                    for label, some in accuracies.items()
                },
                width=9.0,
            )
        },
    )


def run_overall(setting: Setting, options: ComparisonOptions) -> Outcome:
    """Return table 3: query, and query with one attribute changed."""
    found = evaluated_runs(setting, options.protocol)
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        query, changed = one.use_case(0), one.use_case(1)
        if query is None or changed is None:
            continue
        query_figures = _cells(query["overall"])
        rows.append(
            (
                one.run_name,
                one.system,
                one.weights,
                *query_figures[:3],
                *_cells(changed["overall"]),
            )
        )
    return Outcome(
        title=f"Query, and query with an attribute (table 3), {setting.split} split",
        columns=(
            "run",
            "system",
            "weights",
            *table_3_columns(options.k),
        ),
        rows=tuple(rows),
        notes=(BOTH_WEIGHTS_NOTE, INTERVAL_NOTE),
    )


def evaluated_runs(setting: Setting, protocol: Protocol) -> list[Evaluated]:
    """Return all runs that were evaluated so, the current index among them.

    As many changes as the index has super-categories are the most that an evaluation has.

    Where an index was evaluated more than once, of each kind of weights the newest counts.
    """
    protocol = assessed_in_both_ways(setting, protocol)["equal"].protocol
    systems = {row.name: row.system for row in setting.store.runs()}
    found: dict[tuple[str, str], Evaluated] = {}
    for row in setting.store.evaluations():
        made_in = json.loads(row.protocol_json)
        if (row.split, made_in) == (
            setting.split,
            made_in | {"protocol": asdict(protocol), "queries": None},
        ):
            weights = _weights_of(row)
            found[row.run_name, weights] = Evaluated(
                run_name=row.run_name,
                system=systems.get(row.run_name, "–"),
                weights=weights,
                use_cases=json.loads(row.results_json)["use_cases"],
            )
    return list(found.values())


def _weights_of(row: EvaluationRow) -> str:
    weights = json.loads(row.protocol_json)["weights"]
    return "equal" if {*weights["blocks"], weights["changed"]} == {1.0} else "chosen"


def _score_of(one: Evaluated, name: str) -> Mapping[str, Any] | None:
    case = one.use_case(1)
    if case is None:
        return None
    means = {"micro mean": case["overall"], "macro mean": case["macro"]}
    score: Mapping[str, Any] | None = means.get(name, case["by_super_category"].get(name))
    return score


def _cells(score: Mapping[str, Any]) -> tuple[Cell, ...]:
    figures = (score[name] for name in ("top_k_accuracy", "ndcg", "ndcg_target", "ndcg_others"))
    return (score["num_queries"], *(Estimate(**one) if one else None for one in figures))


def _accuracy(score: Mapping[str, Any] | None) -> Estimate:
    if score is None:
        return Estimate(float("nan"), float("nan"), float("nan"))
    return Estimate(**score["top_k_accuracy"])
