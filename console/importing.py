"""`datrnet import`: what a catalogue's columns were taken as, and what became of its rows."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from datrnet.console.output import new_table, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.data.importing import ImportOptions, ImportSummary, import_catalog
from datrnet.core.data.inert_text import inert
from datrnet.core.data.workspace import Workspace

LISTED = 20
"""Skipped rows listed one by one on a terminal; JSON has all of them."""


def run_import(
    workspace: Workspace, source: Path, options: ImportOptions, *, as_json: bool
) -> None:
    """Import a catalogue and print a summary.

    Raises:
        DatrnetError: See ``core.data.importing``.
    """
    with StepProgress() as progress:
        summary = import_catalog(workspace, source, options, partial(progress, "Checking pictures"))
    if as_json:
        print_json(facts_of(summary))
    else:
        _show(summary)
    say(f"The catalogue is in {workspace.root}. {_next_step(workspace)}")


def facts_of(summary: ImportSummary) -> dict[str, object]:
    """Return a summary as plain values, for JSON."""
    return {**asdict(summary), "source": str(summary.source)}


def _next_step(workspace: Workspace) -> str:
    with workspace.open_store() as store:
        if not store.super_categories():
            return (
                "It has no super-category, and training needs one: import it again with "
                "--attribute NAME for each column that is one."
            )
        return f"Next: datrnet {'index' if store.current_generation() else 'train'}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _show(summary: ImportSummary) -> None:
    out = results()
    columns = new_table("column", "taken as")
    for column, meaning in summary.plan.meanings():
        columns.add_row(inert(column), inert(meaning))
    out.print(columns)
    for note in summary.notes:
        out.print(inert(note))
    out.print(
        f"{_counted(summary.num_rows, 'row')}: {_counted(summary.added, 'item')} added, "
        f"{summary.updated:,} updated, {summary.unchanged:,} unchanged, "
        f"{_counted(len(summary.problems), 'row')} skipped."
    )
    if summary.not_in_file:
        out.print(f"Not in it, but kept from earlier imports: {summary.not_in_file:,}.")
    for problem in summary.problems[:LISTED]:
        out.print(f"  line {problem.line}: {inert(problem.message)}")
    if len(summary.problems) > LISTED:
        out.print(f"  … and {len(summary.problems) - LISTED:,} more; --json lists all.")
