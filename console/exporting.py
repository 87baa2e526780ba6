"""`datrnet export`: what was written, and where the pictures count from."""

from dataclasses import asdict
from pathlib import Path

from datrnet.console.output import new_table, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.adde_export import ExportOptions, ExportSummary, export_adde
from datrnet.core.text import inert


def run_export(
    workspace: Workspace, folder: Path, options: ExportOptions, *, as_json: bool
) -> None:
    """Write a workspace as a split folder and print a summary.

    Raises:
        DatrnetError: See ``core.research.adde_export``.
    """
    with StepProgress() as progress:
        summary = export_adde(workspace, folder, options, progress)
    if as_json:
        print_json(facts_of(summary))
    else:
        _show(summary)
    say(f"The split folder is {folder.absolute()}. Its image root is {summary.image_root}")


def facts_of(summary: ExportSummary) -> dict[str, object]:
    """Return a summary as plain values, for JSON."""
    return {
        **asdict(summary),
        "folder": str(summary.folder),
        "image_root": str(summary.image_root),
    }


def _show(summary: ExportSummary) -> None:
    out = results()
    table = new_table("super-category", "values", numbers=("values",))
    for name, number in summary.num_values.items():
        table.add_row(inert(name), f"{number:,}")
    out.print(table)
    for note in summary.notes:
        out.print(inert(note))
    out.print(
        f"{summary.num_train:,} train items, {summary.num_test:,} test items, "
        f"{summary.num_triplets:,} triplets, {summary.num_queries:,} queries."
    )
