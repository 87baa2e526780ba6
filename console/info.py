"""`datrnet info`: what a workspace holds, even if the index is damaged or missing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.filesize import decimal

from datrnet.console import options as opt
from datrnet.console.output import (
    counted,
    fits,
    local_time,
    new_table,
    percent,
    print_json,
    results,
    show_table,
)
from datrnet.core.retrieval.index_lag import LISTED
from datrnet.core.text import sanitize

if TYPE_CHECKING:
    from datrnet.core.api.info import IndexState, InfoFacts
    from datrnet.core.api.json_facts import RunFacts

app = opt.command_app()


@app.command(epilog="Example: datrnet info --check")
def info(
    check: opt.Check = False, workspace: opt.Workspace = None, as_json: opt.Json = False
) -> None:
    """Show items, super-categories, runs, the index and disk use.

    With --check, the exit code is 1 if the index is missing or damaged.
    """
    facts = opt.shop_at(workspace).info(check=check)
    index = facts["index"]
    if as_json:
        print_json(facts)
    else:
        _show(facts)
    if check and (index.problem or index.damaged_files):
        raise typer.Exit(1)


def _show(facts: "InfoFacts") -> None:
    out = results()
    out.print(f"Workspace {sanitize(facts['workspace'])}")
    splits = ", ".join(f"{name} {count:,}" for name, count in facts["items_by_split"].items())
    out.print(counted(facts["num_items"], "item") + (f": {splits}" if splits else ""))
    if hidden := facts["num_hidden"]:
        verb = "is" if hidden == 1 else "are"
        out.print(
            f"{counted(hidden, 'item')} {verb} hidden: no search finds them. "
            "To show them: datrnet unhide --all"
        )
    if facts["super_categories"]:
        columns = ("super-category", "values", "labeled")
        rows = [
            (category["name"], f"{category['num_values']:,}", percent(category["share_labeled"]))
            for category in facts["super_categories"]
        ]
        show_table(columns, rows, numbers=columns[1:])
    show_table(("index", facts["index"].name or "none"), _index_rows(facts["index"]))
    if facts["runs"]:
        _show_runs(out, facts["runs"])
    experiments = facts["experiments"]
    if facts["num_evaluations"] or experiments:
        names = f" ({sanitize(', '.join(experiments))})" if experiments else ""
        out.print(
            f"{counted(facts['num_evaluations'], 'evaluation')}, "
            f"{counted(len(experiments), 'experiment')}{names}. To see them: datrnet report"
        )
    sizes = ", ".join(f"{name} {decimal(size)}" for name, size in facts["bytes_by_part"].items())
    out.print(f"On disk: {sizes}")


def _index_rows(state: "IndexState") -> Iterator[tuple[str, str]]:
    if state.problem:
        yield "problem", state.problem
    if state.engine_problem:
        yield "engine", state.engine_problem
    if state.run is not None:
        yield "run", state.run
    if state.num_items is not None:
        yield "items", f"{state.num_items:,}"
        yield "not yet indexed", f"{state.num_unindexed:,}"
        counts = {
            "with a new picture": state.num_replaced,
            "removed since": state.num_removed,
            "ranked exactly beside Annoy": state.num_exact,
        }
        yield from ((name, f"{number:,}") for name, number in counts.items() if number)
        if state.unreadable:
            more = ", …" if len(state.unreadable) > LISTED else ""
            codes = ", ".join(state.unreadable[:LISTED])
            yield "without a readable picture", f"{len(state.unreadable):,}: {codes}{more}"
        yield "recall@30", percent(state.recall_at_30)
        for name, weight in (state.weights or {}).items():
            yield f"weight of {name}", f"{weight:g}"
        yield "extra weight of a change", f"{state.changed_weight:g}"
    if state.damaged_files is not None:
        damaged = ", ".join(state.damaged_files)
        yield "checksums", f"wrong: {damaged}" if damaged else "correct"


def _show_runs(out: Console, runs: "list[RunFacts]") -> None:
    """Print a row per run, or a line per fact in a narrow terminal."""
    table = new_table("run", "status", "started", "validation accuracy")
    for run in runs:
        accuracies = (
            f"{sanitize(name)} {percent(share)}"
            for name, share in run["validation_accuracy"].items()
        )
        table.add_row(
            sanitize(run["name"]),
            run["status"],
            local_time(run["started_at"]),
            # a figure and its sign stay on one line
            ", ".join(accuracies).replace(" %", "\N{NO-BREAK SPACE}%"),
        )
    for column in table.columns[:-1]:
        column.no_wrap = True  # only the accuracies fold
        column.min_width = max(cell_len(str(cell)) for cell in column.cells)
    if fits(out, table):
        out.print(table)
        return
    for name, status, started, shares in zip(
        *(column.cells for column in table.columns), strict=True
    ):
        out.print(f"\nrun {name}\n{status}, started {started}")
        if shares:
            out.print(f"validation accuracy {shares}")
    out.print()
