"""`datrnet evaluate`: retrieval accuracy on one split, as a table or as JSON."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from rich.table import Table
from typer import Option

from datrnet.console import options as opt
from datrnet.console.output import new_table, percent, print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.protocol import Assessment, Score, UseCase
from datrnet.core.research.experiments.result import use_case_name
from datrnet.core.retrieval.request import Ranking
from datrnet.core.text import sanitize

MATCHES = {
    "used": "every super-category that has a network",
    "known": "every super-category that has a network and where a value is wanted",
    "all": "every super-category of the catalog",
}

RANKS = {
    "changed": "is ranked if the query changes something and excluded otherwise",
    "never": "is excluded",
    "always": "is ranked; it ranks first if nothing is changed",
}

app = opt.command_app()


@app.command(epilog="Example: datrnet evaluate --split test -k 30")
def evaluate(
    split: opt.SplitOrAll = "test",
    top: Annotated[int, Option("-k", "--top", min=1, metavar="N")] = 30,
    changes: Annotated[int, Option(min=0, metavar="N")] = 3,
    match: Literal["used", "all", "known"] = "used",
    within: Annotated[str | None, Option(metavar="NAME")] = None,
    queries: Annotated[Path | None, Option(metavar="FOLDER")] = None,
    ranking: Annotated[
        Ranking | None, Option(metavar="NAME", show_default="what datrnet index chose")
    ] = None,
    equal_weights: Annotated[bool, Option("--equal-weights")] = False,
    exclude_query: Annotated[bool, Option("--exclude-query")] = False,
    include_query: Annotated[bool, Option("--include-query")] = False,
    max_queries: Annotated[int, Option(min=0, metavar="N")] = 20000,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Measure top-k retrieval accuracy on a split.

    The use cases are: no change, one change, several changes. Every item of the split is a query,
    with every change that some item of the split fulfills. The ranking is exact; `datrnet index`
    prints the recall of the index itself. The figures are stored in the workspace with the run.

    Args:
        split: Split whose items are queries and gallery.
        top: List length.
        changes: Maximum number of changes per query.
        match: Super-categories that a hit must match: those with a network (used), all in the
            catalog (all), or only those with a wanted value (known).
        within: Compute prototypes among items that share the wanted value of this super-category.
        queries: Use the queries of a split folder in ADDE's format.
        ranking: What orders the items: distance, or match, the probability that their values are
            the wanted ones.
        equal_weights: Weight all super-categories equally, as the paper does.
        exclude_query: Never rank the query item itself.
        include_query: Rank the query item even if nothing is changed.
        max_queries: Maximum queries per number of changes; 0 is no limit.
    """
    if exclude_query and include_query:
        raise ConfigError("--exclude-query and --include-query contradict each other.")
    if queries is not None and split != "test":
        raise ConfigError(
            f"The queries of a split folder belong to its test split, not to {split}.",
            hint="Omit --split.",
        )
    with JobProgress() as progress:
        assessment = Shop(Workspace.locate(workspace)).evaluate(
            split,
            k=top,
            changes=changes,
            match=match,
            within=within,
            queries=queries,
            ranking=ranking,
            equal_weights=equal_weights,
            query_takes_rank="never" if exclude_query else "always" if include_query else "changed",
            max_queries=max_queries,
            on_progress=progress,
        )
    if as_json:
        print_json({**asdict(assessment), "definition": definition_of(assessment)})
    else:
        _show(assessment)


def definition_of(assessment: Assessment) -> str:
    """Return in one sentence what top-k accuracy means here."""
    protocol = assessment.protocol
    asked = "all valid ones of the split"
    if assessment.queries is not None:
        asked = f"those of the folder {assessment.queries}"
    return (
        f"Top-{protocol.k} accuracy is the share of queries with at least one item among the "
        f"nearest {protocol.k} that has the wanted value in {MATCHES[protocol.match]}; "
        f"the queries are {asked}, ranked exactly against the split; the query item itself "
        f"{RANKS[protocol.query_takes_rank]}."
    )


def _show(assessment: Assessment) -> None:
    out, protocol = results(), assessment.protocol
    k = protocol.k
    numbers = ("queries", f"top-{k}", f"NDCG@{k}", "of the change", "of the rest")
    place = "all items" if assessment.split == "all" else f"{assessment.split} split"
    title = f"{place}, {assessment.num_items:,} items, run {assessment.run_name}"
    cases = [
        (use_case_name(case.num_changes), _count(case), *_cells(case.overall))
        for case in assessment.use_cases
    ]
    show_table(("use case", *numbers), cases, numbers=numbers, title=title)
    for case in assessment.use_cases:
        if case.by_super_category:
            out.print(_by_super_category(assessment, case, numbers))
    weights = zip(assessment.blocks, assessment.weights.blocks, strict=True)
    listed = ", ".join(f"{sanitize(name)} {weight:g}" for name, weight in weights)
    out.print(f"Weights: {listed}; a changed one × {assessment.weights.changed:g}.")
    if assessment.ranking == "match":
        out.print("Ranked by match scores: the probabilities that values are the wanted ones.")
    if protocol.within:
        within = sanitize(protocol.within)
        out.print(f"Prototypes: among items of the wanted {within}, if there are enough.")
    out.print(definition_of(assessment))
    out.print("± is half the 95 % confidence interval, by bootstrap over the query items.")
    if assessment.num_left_out:
        say(
            f"Skipped {assessment.num_left_out:,} queries of the folder: their item is not in the "
            "index, their change has no network, or no item matches.",
            "yellow",
        )
    if k > assessment.num_items:
        say(f"The split has {assessment.num_items:,} items; no list is longer.", "yellow")
    if any(case.overall.num_queries < case.num_valid for case in assessment.use_cases):
        say("Queries were sampled where a use case has more than --max-queries.")


def _by_super_category(assessment: Assessment, case: UseCase, numbers: tuple[str, ...]) -> Table:
    table = new_table("changed super-category", *numbers, numbers=numbers)
    for name in assessment.super_categories:
        if name in case.by_super_category:
            score = case.by_super_category[name]
            table.add_row(sanitize(name), f"{score.num_queries:,}", *_cells(score))
    if case.macro is not None:
        table.add_section()
        table.add_row("mean", "", *_cells(case.macro))
    return table


def _count(case: UseCase) -> str:
    asked = case.overall.num_queries
    return f"{asked:,}" + (f" of {case.num_valid:,}" if asked < case.num_valid else "")


def _cells(score: Score) -> Iterator[str]:
    """Yield the figures of a score, each with half its interval."""
    accuracy = score.top_k_accuracy
    for estimate in (accuracy, score.ndcg, score.ndcg_target, score.ndcg_others):
        if estimate is None or math.isnan(estimate.value):
            yield "–"
            continue
        half = (estimate.high - estimate.low) / 2
        if estimate is accuracy:
            yield f"{percent(estimate.value)} ±{100 * half:.1f}"
        else:
            yield f"{estimate.value:.3f} ±{f'{half:.3f}'.removeprefix('0')}"
