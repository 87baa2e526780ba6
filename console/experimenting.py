"""`datrnet experiment`: the list of experiments, and what one of them found."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from textwrap import fill
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable

from datrnet.console.output import fits, new_table, print_json, print_rows, results, say
from datrnet.console.pictures import wide_blocks
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.experiments.outcome import Cell, Outcome, Table, flat_table, is_number, shown
from datrnet.core.experiments.plan import Plan, shipped_plans
from datrnet.core.text import inert

HEADINGS = (14, 10, 6)
"""Characters of a heading's line where a table is too wide: the first that will do."""

NAME = 24
"""Characters of a row's name that are kept in one line wherever there is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentOptions:
    """What a person asks for, as typed."""

    name: str
    split: str | None = None
    settings: Sequence[str] = ()

    @property
    def command(self) -> str:
        """The command that repeats it, wherever the workspace lies."""
        words = ["datrnet", "experiment", self.name]
        words += ["--split", self.split] if self.split else []
        return shlex.join(words + [word for one in self.settings for word in ("--set", one)])

    @property
    def plan(self) -> Plan:
        """What is meant.

        Raises:
            UnknownNameError: There is no such experiment.
            ConfigError: Its file, or a setting, is not of its form.
        """
        plan = Plan.load(self.name).with_settings(self.settings)
        return replace(plan, split=self.split) if self.split else plan


def list_experiments(*, as_json: bool) -> None:
    """Print the experiments that come along."""
    plans = shipped_plans()
    if as_json:
        print_json([{"name": one.name, "title": one.title, "about": one.about} for one in plans])
        return
    table = new_table("experiment", "what it repeats", "what it shows")
    for one in plans:
        table.add_row(one.name, one.title, one.about)
    results().print(table)
    say("Run one with: datrnet experiment NAME")


def show_settings(options: ExperimentOptions, *, as_json: bool) -> None:
    """Print what an experiment is set to, without running it.

    Raises:
        DatrnetError: There is no such experiment, or a setting is wrong.
    """
    from datrnet.core.experiments.conduct import options_of

    plan = options.plan
    settings = {"kind": plan.kind, "split": plan.split, **asdict(options_of(plan))}
    if as_json:
        print_json(settings)
        return
    table = new_table("setting", "value")
    for name, value in settings.items():
        table.add_row(name, inert(str(value)))
    results().print(table)
    say("Replace one with --set NAME=VALUE; what stands in braces with --set NAME.KEY=VALUE.")


class Asked(Protocol):
    """What a person asks for, however they typed it."""

    @property
    def command(self) -> str:
        """The command that repeats it."""

    @property
    def plan(self) -> Plan:
        """What is meant."""


def run_experiment(workspace: Workspace, options: Asked, *, as_json: bool) -> None:
    """Run an experiment and print its table.

    Raises:
        DatrnetError: See ``core.experiments.conduct``.
    """
    from datrnet.core.experiments.conduct import conduct  # loads the networks' libraries

    plan = options.plan
    with workspace.open_store() as store, StepProgress() as progress:
        outcome, stored = conduct(workspace, store, plan, options.command, progress, progress.whole)
    if as_json:
        print_json(
            {
                "name": stored.name,
                "title": stored.title,
                "rows": _records(outcome.tables[0]),
                "further": [{"title": one.title, "rows": _records(one)} for one in outcome.further],
                "notes": stored.notes,
                "pictures": [str(stored.folder / name) for name in stored.pictures],
            }
        )
    elif results().is_terminal:
        _show(outcome)
    else:
        _print_plain(outcome)
    say(f"Table and pictures are in {stored.folder}. Next: datrnet report")


def _records(table: Table) -> list[dict[str, Any]]:
    names, rows = flat_table(table)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _print_plain(outcome: Outcome) -> None:
    """Print every table for programs, an empty line between any two."""
    for number, table in enumerate(outcome.tables):
        if number:
            results().print()
        names, rows = flat_table(table)
        print_rows(names, [["" if cell is None else cell for cell in row] for row in rows])


def _show(outcome: Outcome) -> None:
    out = results()
    for number, table in enumerate(outcome.tables):
        if number:
            out.print()
        out.print(fitting(out, table))
    if outcome.terminal is not None and out.width >= outcome.terminal.width // 2:
        out.print(wide_blocks(outcome.terminal))
    for note in outcome.notes:
        out.print(inert(note))


def fitting(out: Console, table: Table) -> RichTable:
    """Return a table as wide as the terminal allows: intervals beside, below, or left away."""
    if fits(out, beside := _for_people(table, shown)):
        return beside
    for figure in (_interval_below, _figure_alone):
        for heading in HEADINGS:
            folded = _for_people(table, figure, heading)
            if fits(out, folded):
                return folded
    for column in folded.columns:  # better broken words than a column cut away
        column.no_wrap, column.min_width = False, None
    return folded


def _for_people(
    table: Table, figure: Callable[[Cell], str], heading: int | None = None
) -> RichTable:
    """Return a table whose columns say how narrow they may become.

    Args:
        table: What is shown.
        figure: How a figure is written.
        heading: Characters of a heading's line; by default it has one line.
    """
    columns = list(zip(*table.rows, strict=True))
    numbers = [
        name
        for name, column in zip(table.columns, columns, strict=False)
        if all(map(is_number, column))
    ]
    drawn = new_table(*table.columns, numbers=numbers, title=inert(table.title))
    for row in table.rows:
        drawn.add_row(*(figure(cell) if is_number(cell) else inert(shown(cell)) for cell in row))
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
