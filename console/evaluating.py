"""`datrnet evaluate`: the three use cases on one split, as a table or as JSON."""

import math
from dataclasses import asdict
from pathlib import Path

from datrnet.console.output import new_table, percent, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.assess import Assessment, assess, equal_weights_of
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Protocol, Score, UseCase
from datrnet.core.retrieval.generation import Generation
from datrnet.core.text import inert

MATCHES = {
    "used": "every super-category that has a network",
    "known": "every super-category that has a network and where a value is wanted",
    "all": "every super-category of the catalogue",
}

RANKS = {
    "changed": "may take a rank where something is changed, and is left out where nothing is",
    "never": "is left out",
    "always": "may take a rank, and where nothing is changed the first is its own",
}


def run_evaluation(
    workspace: Workspace,
    split: str,
    protocol: Protocol,
    *,
    equal_weights: bool,
    queries: Path | None = None,
    as_json: bool,
) -> None:
    """Evaluate the current index, keep its figures with the run, and print them.

    Raises:
        DatrnetError: There is no index, or it has no item of the split.
    """
    if queries is not None and split != "test":
        raise ConfigError(
            f"The queries of a folder are of its test split, not of {split}.",
            mend="Leave --split away.",
        )
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        generation = Generation.current(workspace, store)
        weights = equal_weights_of(generation) if equal_weights else None
        given = None
        if queries is not None:
            from datrnet.core.research.adde_queries import read_index_queries

            given = read_index_queries(queries, catalog, generation, match=protocol.match)
        with StepProgress() as progress:
            assessment = assess(
                catalog,
                generation,
                split,
                protocol,
                weights=weights,
                queries=given,
                on_progress=progress,
            )
        assessment.keep(store)
    if as_json:
        print_json({**asdict(assessment), "definition": definition_of(assessment)})
    else:
        _show(assessment)


def definition_of(assessment: Assessment) -> str:
    """Return in one sentence what top-k accuracy means here."""
    protocol = assessment.protocol
    asked = (
        "the queries are all valid ones of the split"
        if assessment.queries is None
        else f"the queries are those of the folder {assessment.queries}"
    )
    return (
        f"Top-{protocol.k} accuracy is the share of queries with at least one item among the "
        f"nearest {protocol.k} that carries the wanted value in {MATCHES[protocol.match]}; "
        f"{asked}, ranked exactly against the split; the query item itself "
        f"{RANKS[protocol.query_takes_rank]}."
    )


def _show(assessment: Assessment) -> None:
    out = results()
    k = assessment.protocol.k
    columns = (f"top-{k}", f"NDCG@{k}", "of the change", "of the rest")
    place = "all items" if assessment.split == "all" else f"{assessment.split} split"
    title = f"{place}, {assessment.num_items:,} items, run {assessment.run_name}"
    table = new_table(
        "use case", "queries", *columns, numbers=("queries", *columns), title=inert(title)
    )
    for case in assessment.use_cases:
        table.add_row(_name(case), _count(case), *_cells(case.overall))
    out.print(table)
    for case in assessment.use_cases:
        if case.by_super_category:
            _show_by_super_category(assessment, case, columns)
    weights = zip(assessment.blocks, assessment.weights.blocks, strict=True)
    listed = ", ".join(f"{inert(name)} {weight:g}" for name, weight in weights)
    out.print(f"Weights: {listed}; a changed one × {assessment.weights.changed:g}.")
    if assessment.protocol.within:
        out.print(
            f"Prototypes: among the items of the wanted {inert(assessment.protocol.within)}, "
            "where there are enough."
        )
    out.print(definition_of(assessment))
    out.print("± is half of the 95 % interval, by bootstrap over the query items.")
    if assessment.num_left_out:
        say(
            f"{assessment.num_left_out:,} queries of the folder could not be asked: their "
            "item is not in the index, what they change has no network, or no item is right.",
            "yellow",
        )
    if assessment.protocol.k > assessment.num_items:
        say(f"The split has {assessment.num_items:,} items: no list is longer.", "yellow")
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
    if case.macro is not None:
        table.add_section()
        table.add_row("mean of these", "", *_cells(case.macro))
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
    return (
        _share(score.top_k_accuracy),
        *(_figure(one) for one in (score.ndcg, score.ndcg_target, score.ndcg_others)),
    )


def _share(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "–"
    return f"{percent(estimate.value)} ±{100 * _half(estimate):.1f}"


def _figure(estimate: Estimate | None) -> str:
    if estimate is None or math.isnan(estimate.value):
        return "–"
    half = f"{_half(estimate):.3f}"
    return f"{estimate.value:.3f} ±{half.removeprefix('0')}"


def _half(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2
