"""Tables of a trained index: tables 2 and 3 of the paper, and supplementary 6 to 9."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.assess import equal_weights_of, gallery_of, weights_of
from datrnet.core.evaluation.metrics import Bootstrap, Estimate
from datrnet.core.evaluation.protocol import (
    Figures,
    Match,
    Protocol,
    QueryTakesRank,
    Score,
    evaluate_queries,
    query_figures,
)
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.research.experiments.charts import dot_chart, line_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.metrics import (
    UNKNOWN,
    score_cells,
    score_from,
    table_3_columns,
)
from datrnet.core.research.experiments.result import (
    INTERVAL_NOTE,
    Cell,
    ExperimentResult,
    score_columns,
    use_case_name,
)
from datrnet.db.rows import EvaluationRow

BOTH_WEIGHTS_NOTE = (
    "“chosen”: weights of the super-categories chosen on the validation split when the index was "
    "built; “equal”: the paper's plain distance."
)


# ── tables 2 and 3: every evaluated run, under one protocol ──────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTableOptions:
    """The protocol of all runs."""

    k: int = 30
    query_takes_rank: QueryTakesRank = "changed"
    match: Match = "used"
    within: str | None = None
    max_changes: int = 3
    max_queries: int = 20_000

    @property
    def protocol(self) -> Protocol:
        """The protocol."""
        return Protocol(**asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedRun:
    """A run's figures under the protocol."""

    run_name: str
    system: str
    weights: str
    use_cases: list[Mapping[str, Any]]

    def use_case(self, num_changes: int) -> Mapping[str, Any]:
        """Return the figures of a number of changes; nothing where it was not evaluated."""
        return next((case for case in self.use_cases if case["num_changes"] == num_changes), {})

    def score(self, num_changes: int, name: str = "micro mean") -> Score | None:
        """Return a mean over the queries with a number of changes, or a super-category's score."""
        case = self.use_case(num_changes)
        means = {"micro mean": case.get("overall"), "macro mean": case.get("macro")}
        facts = (case.get("by_super_category", {}) | means).get(name)
        return score_from(facts) if facts else None


def run_table_2(context: Context, options: RunTableOptions) -> ExperimentResult:
    """Return table 2: one change, by the super-category that is changed."""
    runs = evaluated_runs(context, options.protocol)
    categories = (run.use_case(1).get("by_super_category", {}) for run in runs)
    names = list(dict.fromkeys(name for scores in categories for name in scores))
    rows = [
        (name, run.run_name, run.system, run.weights, *score_cells(score))
        for name in (*names, "micro mean", "macro mean")
        for run in runs
        if (score := run.score(1, name)) is not None
    ]
    accuracies = {
        f"{run.run_name}, {run.weights}": [
            score.top_k_accuracy if (score := run.score(1, name)) else UNKNOWN for name in names
        ]
        for run in runs
    }
    return ExperimentResult(
        title=f"One change, by what is changed (table 2), {context.split} split",
        columns=("super-category", "run", "system", "weights", *score_columns(options.k)),
        rows=tuple(rows),
        notes=(
            "Micro means weigh every query alike, macro means every super-category.",
            BOTH_WEIGHTS_NOTE,
            INTERVAL_NOTE,
        ),
        pictures={
            "accuracy": dot_chart(names, accuracies, x_label=f"top-{options.k} accuracy", width=9.0)
        },
    )


def run_table_3(context: Context, options: RunTableOptions) -> ExperimentResult:
    """Return table 3: query, and query with one attribute changed."""
    rows = [
        (run.run_name, run.system, run.weights, *score_cells(query)[:3], *score_cells(one_change))
        for run in evaluated_runs(context, options.protocol)
        if (query := run.score(0)) and (one_change := run.score(1))
    ]
    return ExperimentResult(
        title=f"Query, and query with an attribute (table 3), {context.split} split",
        columns=("run", "system", "weights", *table_3_columns(options.k)),
        rows=tuple(rows),
        notes=(BOTH_WEIGHTS_NOTE, INTERVAL_NOTE),
    )


def evaluated_runs(context: Context, protocol: Protocol) -> list[EvaluatedRun]:
    """Return all runs evaluated under a protocol, the current index among them.

    An evaluation has no more changes than its index has super-categories. Of several evaluations of
    an index the newest counts, for each kind of weights.
    """
    protocol = context.assess_both_weightings(protocol)["equal"].protocol
    systems = {row.name: row.system for row in context.store.runs()}
    runs: dict[tuple[str, str], EvaluatedRun] = {}
    for row in context.store.evaluations():
        made_in = json.loads(row.protocol_json)
        expected = made_in | {"protocol": asdict(protocol), "queries": None}
        if row.split == context.split and made_in == expected:
            weights = _weights_name(row)
            runs[row.run_name, weights] = EvaluatedRun(
                run_name=row.run_name,
                system=systems.get(row.run_name, "–"),
                weights=weights,
                use_cases=json.loads(row.results_json)["use_cases"],
            )
    return list(runs.values())


def _weights_name(row: EvaluationRow) -> str:
    weights = json.loads(row.protocol_json)["weights"]
    return "equal" if {*weights["blocks"], weights["changed"]} == {1.0} else "chosen"


# ── supplementary 9: the number of changes ───────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesOptions(RunTableOptions):
    """How many changes, under which protocol."""

    max_changes: int = 6


def run_changes(context: Context, options: ChangesOptions) -> ExperimentResult:
    """Evaluate the index with none, one and more changes, with both kinds of weights."""
    assessments = context.assess_both_weightings(options.protocol)
    cases = {name: assessment.use_cases for name, assessment in assessments.items()}
    rows = [
        (use_case_name(case.num_changes), name, case.num_valid, *score_cells(case.overall))
        for name in cases
        for case in cases[name]
    ]
    chart = line_chart(
        [case.num_changes for case in cases["chosen"]],
        {
            f"{name} weights": [case.overall.top_k_accuracy for case in cases[name]]
            for name in cases
        },
        x_label="changed super-categories",
        y_label=f"top-{options.k} accuracy",
        whole_xs=True,
    )
    return ExperimentResult(
        title=f"Accuracy against the number of changes, {context.split} split",
        columns=("use case", "weights", "valid queries", *score_columns(options.k)),
        rows=tuple(rows),
        notes=(
            "Chosen weights come from the validation split, equal ones are the paper's plain "
            "distance.",
            INTERVAL_NOTE,
        ),
        pictures={"accuracy": chart},
    )


# ── supplementary 6 and 8: the length of the list ────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLengthOptions:
    """Which lengths."""

    ks: tuple[int, ...] = (1, 2, 5, 10, 20, 30, 40, 50)
    max_queries: int = 20_000

    def __post_init__(self) -> None:
        """Check ranges."""
        if not self.ks or min(self.ks) < 1:
            raise ConfigError(f"ks is {list(self.ks)}; it must list lengths of at least 1.")


def run_list_length(context: Context, options: ListLengthOptions) -> ExperimentResult:
    """Measure the lists of one index at several lengths."""
    gallery = gallery_of(context.catalog, context.generation, context.split)
    names = [category.name for category in context.generation.super_categories]
    query_sets = draw_queries(gallery.labels, (0, 1), limit=options.max_queries)
    weights = weights_of(context.generation)
    by_k: dict[int, dict[str, Score]] = {}
    for done, k in enumerate(options.ks):
        context.on_progress("Measuring", done, len(options.ks))
        cases = evaluate_queries(gallery, names, query_sets, weights, Protocol(k=k))
        by_k[k] = {}
        for case in cases:
            by_k[k] |= {use_case_name(case.num_changes): case.overall, **case.by_super_category}
    context.on_progress("Measuring", len(options.ks), len(options.ks))
    rows = [
        (k, name, *score_cells(score))
        for k, scores in by_k.items()
        for name, score in scores.items()
    ]
    lines: dict[str, Sequence[Estimate | float]] = {
        name: [by_k[k][name].top_k_accuracy for k in options.ks] for name in by_k[options.ks[0]]
    }
    for name in lines.keys() & names:  # their intervals would hide each other
        lines[name] = [by_k[k][name].top_k_accuracy.value for k in options.ks]
    return ExperimentResult(
        title=f"Accuracy against the length of the list, {context.split} split",
        columns=("k", "queries of", *score_columns("k")),
        rows=tuple(rows),
        notes=(INTERVAL_NOTE,),
        pictures={"accuracy": line_chart(options.ks, lines, x_label="k", y_label="top-k accuracy")},
    )


# ── supplementary 7: specific prototypes ─────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificPrototypesOptions:
    """Which items prototypes are means of."""

    within: tuple[str, ...] = ()
    """Super-categories within whose values prototypes are taken; none tries each."""
    k: int = 30
    max_queries: int = 20_000


def run_specific_prototypes(
    context: Context, options: SpecificPrototypesOptions
) -> ExperimentResult:
    """Change one attribute with each kind of prototype, with both kinds of weights."""
    generation = context.generation
    names = [category.name for category in generation.super_categories]
    kinds: list[str | None] = [None, *(options.within or names)]
    weightings = {"chosen": weights_of(generation), "equal": equal_weights_of(generation)}
    rows: list[tuple[Cell, ...]] = []
    gains: dict[str, list[Estimate]] = {f"{name} weights": [] for name in weightings}
    generic: dict[str, Figures] = {}
    for done, within in enumerate(kinds):
        context.on_progress("Measuring", done, len(kinds))
        gallery = gallery_of(context.catalog, generation, context.split, within=within)
        (queries,) = draw_queries(gallery.labels, (1,), limit=options.max_queries)
        protocol = Protocol(k=options.k, within=within)
        for name, weights in weightings.items():
            found = query_figures(gallery, queries, weights, protocol)
            (case,) = evaluate_queries(gallery, names, [queries], weights, protocol)
            before = generic.setdefault(name, found)
            gain = Bootstrap(queries.items).mean(
                found.hit - before.hit, np.ones(len(queries), dtype=bool)
            )
            if within is None:
                rows.append(("generic", name, *score_cells(case.overall), None))
            else:
                rows.append((f"within {within}", name, *score_cells(case.overall), gain))
                gains[f"{name} weights"].append(gain)
    context.on_progress("Measuring", len(kinds), len(kinds))
    chart = dot_chart(
        [f"within {kind}" for kind in kinds[1:]],
        gains,
        x_label=f"gain in top-{options.k} accuracy over generic prototypes, one change",
    )
    return ExperimentResult(
        title=f"Generic and specific prototypes, one change, {context.split} split",
        columns=(
            "prototypes",
            "weights",
            *score_columns(options.k),
            f"top-{options.k}, gain over generic",
        ),
        rows=tuple(rows),
        notes=(
            "A specific prototype is the mean over the training items that also carry the wanted "
            "value of that super-category; where there are too few, the generic one is used.",
            "The gain is measured on the same queries; where its interval contains 0, the two "
            "cannot be told apart.",
            INTERVAL_NOTE,
        ),
        pictures={"gain": chart},
    )
