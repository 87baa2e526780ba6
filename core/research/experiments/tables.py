"""Tables of a trained index: tables 2 and 3 of the paper, and supplementary 6 to 9."""

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.metrics import Bootstrap, Estimate
from datrnet.core.evaluation.protocol import (
    Assessment,
    Figures,
    Protocol,
    Score,
    UseCase,
    assess,
    clusters_of,
    equal_weights_of,
    evaluate,
    gallery_of,
    query_figures,
    use_case,
    weights_of,
)
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.progress import tracked
from datrnet.core.research.experiments.charts import dot_chart, line_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import (
    INTERVAL_NOTE,
    UNKNOWN,
    Cell,
    ExperimentResult,
    score_cells,
    score_columns,
    table_3_cells,
    table_3_columns,
    use_case_name,
)

BOTH_WEIGHTS_NOTE = (
    "“chosen”: weights of the super-categories chosen on the validation split when the index was "
    "built; “equal”: the paper's plain distance."
)

USE_CASES = TypeAdapter(list[UseCase])

RunLabels = tuple[str, str, str]
"""Name and system of a run, and the name of its weights."""


def weightings_of(context: Context) -> dict[str, Weights]:
    """Return the weights ``chosen`` on the validation items, and ``equal`` ones."""
    generation = context.generation
    return {"chosen": weights_of(generation), "equal": equal_weights_of(generation)}


def assess_both(context: Context, protocol: Protocol) -> dict[str, Assessment]:
    """Evaluate the current index with both kinds of weights, and store the evaluations."""
    assessments = {}
    for name, weights in weightings_of(context).items():
        assessments[name] = assess(
            context.catalog,
            context.generation,
            context.split,
            protocol,
            weights=weights,
            on_progress=context.on_progress,
        )
        assessments[name].keep(context.store)
    return assessments


# ── tables 2 and 3: every evaluated run, under one protocol ──────────────────


def run_table_2(context: Context, options: Protocol) -> ExperimentResult:
    """Return table 2: one change, by the super-category that is changed."""
    cases = {
        labels: found[1] for labels, found in evaluated_runs(context, options).items() if 1 in found
    }
    names = list(dict.fromkeys(name for case in cases.values() for name in case.by_super_category))
    scores: dict[RunLabels, dict[str, Score | None]] = {
        labels: {**case.by_super_category, "micro mean": case.overall, "macro mean": case.macro}
        for labels, case in cases.items()
    }
    rows = [
        (name, *labels, *score_cells(score))
        for name in (*names, "micro mean", "macro mean")
        for labels, found in scores.items()
        if (score := found.get(name))
    ]
    accuracies = {
        f"{run}, {weights}": [
            score.top_k_accuracy if (score := found.get(name)) else UNKNOWN for name in names
        ]
        for (run, _, weights), found in scores.items()
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


def run_table_3(context: Context, options: Protocol) -> ExperimentResult:
    """Return table 3: query, and query with one attribute changed."""
    return ExperimentResult(
        title=f"Query, and query with an attribute (table 3), {context.split} split",
        columns=("run", "system", "weights", *table_3_columns(options.k)),
        rows=tuple(
            (*labels, *table_3_cells(found[0].overall, found[1].overall))
            for labels, found in evaluated_runs(context, options).items()
            if 0 in found and 1 in found
        ),
        notes=(BOTH_WEIGHTS_NOTE, INTERVAL_NOTE),
    )


def evaluated_runs(context: Context, protocol: Protocol) -> dict[RunLabels, dict[int, UseCase]]:
    """Return use cases by number of changes of all runs evaluated under a protocol.

    The current index is among them. An evaluation has no more changes than its index has
    super-categories. Of several evaluations of an index the newest counts, for each kind of
    weights. Those by match scores do not count.
    """
    protocol = assess_both(context, protocol)["equal"].protocol
    systems = {row.name: row.system for row in context.store.runs()}
    runs = {}
    for row in context.store.evaluations():
        settings = json.loads(row.protocol_json)
        expected = settings | {"protocol": asdict(protocol), "queries": None}
        by_distance = settings.get("ranking", "distance") == "distance"
        if row.split == context.split and settings == expected and by_distance:
            weights = settings["weights"]
            is_equal = {*weights["blocks"], weights["changed"]} == {1.0}
            name = "equal" if is_equal else "chosen"
            labels = (row.run_name, systems.get(row.run_name, "–"), name)
            cases = USE_CASES.validate_python(json.loads(row.results_json)["use_cases"])
            runs[labels] = {case.num_changes: case for case in cases}
    return runs


# ── supplementary 9: the number of changes ───────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesOptions(Protocol):
    """How many changes, under which protocol."""

    max_changes: int = 6


def run_changes(context: Context, options: ChangesOptions) -> ExperimentResult:
    """Evaluate the index with none, one and more changes, with both kinds of weights."""
    assessments = assess_both(context, options)
    lines = {
        f"{name} weights": [case.overall.top_k_accuracy for case in assessment.use_cases]
        for name, assessment in assessments.items()
    }
    chart = line_chart(
        [case.num_changes for case in assessments["chosen"].use_cases],
        lines,
        x_label="changed super-categories",
        y_label=f"top-{options.k} accuracy",
        whole_xs=True,
    )
    return ExperimentResult(
        title=f"Accuracy against the number of changes, {context.split} split",
        columns=("use case", "weights", "valid queries", *score_columns(options.k)),
        rows=tuple(
            (use_case_name(case.num_changes), name, case.num_valid, *score_cells(case.overall))
            for name, assessment in assessments.items()
            for case in assessment.use_cases
        ),
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
    query_sets = draw_queries(
        gallery.value_sets, (0, 1), limit=options.max_queries, groups=gallery.groups
    )
    weights = weights_of(context.generation)
    rows: list[tuple[Cell, ...]] = []
    lines: dict[str, list[Estimate | float]] = {}
    for k in tracked(options.ks, "Measuring", context.on_progress):
        for case in evaluate(gallery, names, weights, Protocol(k=k), query_sets=query_sets):
            overall = {use_case_name(case.num_changes): case.overall}
            for name, score in (overall | case.by_super_category).items():
                rows.append((k, name, *score_cells(score)))
                accuracy = score.top_k_accuracy
                # the intervals of super-categories would hide each other
                point = accuracy if name in overall else accuracy.value
                lines.setdefault(name, []).append(point)
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
    names = [category.name for category in context.generation.super_categories]
    kinds = {"generic": None} | {f"within {name}": name for name in options.within or names}
    weightings = weightings_of(context)
    rows: list[tuple[Cell, ...]] = []
    gains: dict[str, list[Estimate]] = {f"{name} weights": [] for name in weightings}
    generic: dict[str, Figures] = {}
    for kind in tracked(list(kinds), "Measuring", context.on_progress):
        protocol = Protocol(k=options.k, within=kinds[kind])
        gallery = gallery_of(
            context.catalog, context.generation, context.split, within=protocol.within
        )
        (queries,) = draw_queries(
            gallery.value_sets, (1,), limit=options.max_queries, groups=gallery.groups
        )
        for name, weights in weightings.items():
            found = query_figures(gallery, queries, weights, protocol)
            case = use_case(gallery, names, queries, found)
            gain = None
            if protocol.within is None:
                generic[name] = found
            else:
                bootstrap = Bootstrap(clusters_of(gallery, queries))
                gain = bootstrap.difference(found.hit, generic[name].hit)
                gains[f"{name} weights"].append(gain)
            rows.append((kind, name, *score_cells(case.overall), gain))
    chart = dot_chart(
        list(kinds)[1:],
        gains,
        x_label=f"gain in top-{options.k} accuracy over generic prototypes, one change",
    )
    gain_column = f"top-{options.k}, gain over generic"
    return ExperimentResult(
        title=f"Generic and specific prototypes, one change, {context.split} split",
        columns=("prototypes", "weights", *score_columns(options.k), gain_column),
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
