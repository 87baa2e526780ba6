"""`datrnet experiment`: list the experiments, or run one and print its tables."""

import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from textwrap import fill
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable

from datrnet.console import options as opt
from datrnet.console.output import fits, new_table, print_json, print_rows, results, say, show_table
from datrnet.console.pictures import wide_blocks
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.experiments.plan import Plan, shipped_plans
from datrnet.core.research.experiments.result import (
    Cell,
    ExperimentResult,
    Table,
    flat_table,
    is_number,
    shown,
)
from datrnet.core.text import sanitize

INTERRUPTED = "Trained networks and finished epochs are kept. Run the same command again."

HEADINGS = (14, 10, 6)
"""Characters in a line of a heading if a table is too wide; the first that fits is used."""

NAME = 24
"""Characters of a row's name that stay on one line where there is room."""

app = opt.command_app()


@app.command(epilog="Example: datrnet experiment ablation --set train.epochs=4")
def experiment(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME|FILE]")] = None,
    split: opt.GallerySplit = None,
    settings: opt.Settings = None,
    show: Annotated[bool, typer.Option("--show")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Reproduce a table or figure of the paper.

    Tables (CSV and Markdown) and pictures are written to the workspace. An experiment that trains
    continues where it was interrupted.

    Args:
        name: Experiment, or a TOML file of your own; without it, the command lists all.
        show: Print the settings instead of running it.
    """
    if name is None:
        _list(as_json=as_json)
        return
    plan = Plan.load(name).with_settings(settings or ())
    plan = replace(plan, split=split) if split else plan
    if show:
        _show_settings(plan, as_json=as_json)
    else:
        run_plan(Workspace.locate(workspace), plan, typed_command(ctx), as_json=as_json)


def typed_command(ctx: typer.Context) -> str:
    """Return the command as typed, without --workspace and --json, to repeat it elsewhere."""
    words = ["datrnet", str(ctx.info_name)]
    for param, value in opt.typed_parameters(ctx):
        for part in value if isinstance(value, list | tuple) else [value]:
            words += [] if param.param_type_name == "argument" else [param.opts[0]]
            words += [] if isinstance(part, bool) else [str(part)]
    return shlex.join(words)


def run_plan(workspace: Workspace, plan: Plan, command: str, *, as_json: bool) -> None:
    """Run an experiment and print its tables.

    Args:
        workspace: Where its results are stored.
        plan: The experiment.
        command: The command that repeats it, for the record.
        as_json: Print JSON instead of tables.

    Raises:
        DatrnetError: See ``core.research.experiments.runner``.
    """
    from datrnet.core.research.experiments.runner import run_experiment  # imports torch

    with workspace.open_store() as store, JobProgress() as progress:
        result, stored = run_experiment(workspace, store, plan, command, progress, progress.whole)
    if as_json:
        print_json(
            {
                "name": stored.name,
                "title": stored.title,
                "rows": _records(result.tables[0]),
                "further": [
                    {"title": table.title, "rows": _records(table)} for table in result.further
                ],
                "notes": stored.notes,
                "pictures": [str(stored.folder / name) for name in stored.pictures],
            }
        )
    elif results().is_terminal:
        _show(result)
    else:
        _print_plain(result)
    say(f"Tables and pictures are in {stored.folder}. Next: datrnet report")


def _list(*, as_json: bool) -> None:
    """Print the experiments that ship with datrnet."""
    plans = shipped_plans()
    if as_json:
        print_json([{"name": p.name, "title": p.title, "about": p.about} for p in plans])
        return
    show_table(("experiment", "reproduces", "shows"), [(p.name, p.title, p.about) for p in plans])
    say("Run one with: datrnet experiment NAME")


def _show_settings(plan: Plan, *, as_json: bool) -> None:
    """Print the settings of an experiment without running it.

    Raises:
        DatrnetError: A setting is wrong.
    """
    from datrnet.core.research.experiments.runner import options_of

    settings = {"kind": plan.kind, "split": plan.split, **asdict(options_of(plan))}
    if as_json:
        print_json(settings)
        return
    show_table(("setting", "value"), settings.items())
    say("Override one with --set NAME=VALUE; inside braces, with --set NAME.KEY=VALUE.")


def _records(table: Table) -> list[dict[str, Any]]:
    names, rows = flat_table(table)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _print_plain(result: ExperimentResult) -> None:
    """Print every table as rows, with an empty line between tables."""
    for number, table in enumerate(result.tables):
        if number:
            results().print()
        names, rows = flat_table(table)
        print_rows(names, [["" if cell is None else cell for cell in row] for row in rows])


def _show(result: ExperimentResult) -> None:
    out = results()
    for number, table in enumerate(result.tables):
        if number:
            out.print()
        out.print(fitting(out, table))
    if result.terminal is not None and out.width >= result.terminal.width // 2:
        out.print(wide_blocks(result.terminal))
    for note in result.notes:
        out.print(sanitize(note))


def fitting(out: Console, table: Table) -> RichTable:
    """Return a table that fits the terminal: intervals beside, below, or omitted."""
    if fits(out, beside := _table(table, shown)):
        return beside
    for figure in (_interval_below, _figure_alone):
        for heading in HEADINGS:
            folded = _table(table, figure, heading)
            if fits(out, folded):
                return folded
    for column in folded.columns:  # better broken words than a column cut away
        column.no_wrap, column.min_width = False, None
    return folded


def _table(table: Table, figure: Callable[[Cell], str], heading: int | None = None) -> RichTable:
    """Return a table whose columns know their minimum width.

    Args:
        table: The table to draw.
        figure: Formats a figure.
        heading: Characters in a line of a heading; None keeps headings on one line.
    """
    columns = list(zip(*table.rows, strict=True))
    numbers = [
        name
        for name, column in zip(table.columns, columns, strict=False)
        if all(map(is_number, column))
    ]
    drawn = new_table(*table.columns, numbers=numbers, title=sanitize(table.title))
    for row in table.rows:
        drawn.add_row(*(figure(cell) if is_number(cell) else sanitize(shown(cell)) for cell in row))
    for column in drawn.columns:
        if heading is not None:
            column.header = fill(str(column.header), heading, break_long_words=False)
        lines = [line for cell in (column.header, *column.cells) for line in str(cell).split("\n")]
        longest = max(map(cell_len, lines))
        column.min_width = longest if column.no_wrap else min(NAME, longest)
    return drawn


def _interval_below(cell: Cell) -> str:
    """Return a figure, and its interval or deviation in a line of its own."""
    return shown(cell).replace(" ", "\n", 1)


def _figure_alone(cell: Cell) -> str:
    return shown(cell).split(" ")[0]
