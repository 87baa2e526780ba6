"""`datrnet evaluate`: the three use cases on one split, as a table or as JSON."""

from dataclasses import asdict
from functools import partial

from datrnet.console.output import new_table, percent, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.data.catalog import Catalog
from datrnet.core.data.inert_text import inert
from datrnet.core.data.workspace import Workspace
from datrnet.core.evaluation.assess import Assessment, assess
from datrnet.core.evaluation.protocol import Protocol, Score, UseCase
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.retrieval.generation import Generation


def run_evaluation(
    workspace: Workspace, split: str, protocol: Protocol, *, equal_weights: bool, as_json: bool
) -> None:
    """Evaluate the current index and print its figures.

    Raises:
        DatrnetError: There is no index, or it has no item of the split.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        generation = Generation.current(workspace, store)
    weights = Weights.equal(len(generation.super_categories)) if equal_weights else None
    with StepProgress() as progress:
        assessment = assess(
            catalog,
            generation,
            split,
            protocol,
            weights=weights,
            on_progress=partial(progress, "Evaluating"),
        )
    if as_json:
        print_json({**asdict(assessment), "definition": definition_of(assessment)})
    else:
        _show(assessment)


def definition_of(assessment: Assessment) -> str:
    """Return in one sentence what top-k accuracy means here."""
    protocol = assessment.protocol
    place = "may take a rank" if protocol.query_in_gallery else "is left out"
    return (
        f"Top-{protocol.k} accuracy is the share of queries with at least one item among the "
        f"nearest {protocol.k} that carries the wanted value in every super-category; "
        f"every item of the split is a query, ranked exactly against the split; the query item "
        f"itself {place} where something is changed, and is left out where nothing is."
    )


def _show(assessment: Assessment) -> None:
    out = results()
    k = assessment.protocol.k
    columns = (f"top-{k}", "95 % interval", f"NDCG@{k}", "of the change", "of the rest")
    title = f"{assessment.split} split, {assessment.num_items:,} items, run {assessment.run_name}"
    table = new_table(
        "use case", "queries", *columns, numbers=("queries", *columns), title=inert(title)
    )
    for case in assessment.use_cases:
        table.add_row(_name(case), _count(case), *_cells(case.overall))
    out.print(table)
    for case in assessment.use_cases:
        if case.by_super_category:
            _show_by_super_category(assessment, case, columns)
    weights = zip(assessment.super_categories, assessment.weights.blocks, strict=True)
    listed = ", ".join(f"{inert(name)} {weight:g}" for name, weight in weights)
    out.print(f"Weights: {listed}; a changed one × {assessment.weights.changed:g}.")
    out.print(definition_of(assessment))
    if any(case.overall.num_queries < case.num_valid for case in assessment.use_cases):
        say("Where a use case has more valid queries than were asked, they were sampled.")


def _show_by_super_category(
    assessment: Assessment, case: UseCase, columns: tuple[str, ...]
) -> None:
    table = new_table(
        "one change, of the",
        "queries",
        *columns,
        numbers=("queries", *columns),
    )
    for name in assessment.super_categories:
        if name in case.by_super_category:
            score = case.by_super_category[name]
            table.add_row(inert(name), f"{score.num_queries:,}", *_cells(score))
    table.add_section()
    table.add_row("mean of these", "", percent(case.macro_accuracy), "", "", "", "")
    results().print(table)


def _name(case: UseCase) -> str:
    match case.num_changes:
        case 0:
            return "query only"
        case 1:
            return "one change"
        case number:
            return f"{number} changes"


def _count(case: UseCase) -> str:
    asked = case.overall.num_queries
    return f"{asked:,}" + (f" of {case.num_valid:,}" if asked < case.num_valid else "")


def _cells(score: Score) -> tuple[str, ...]:
    low, high = score.interval
    return (
        percent(score.top_k_accuracy),
        f"{percent(low)} – {percent(high)}",
        *(_figure(one) for one in (score.ndcg, score.ndcg_target, score.ndcg_others)),
    )


def _figure(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
