"""`datrnet export`: write the catalog as a split folder, and a summary."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from datrnet.console import options as opt
from datrnet.console.output import print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.adde_export import ExportOptions, ExportSummary, export_adde
from datrnet.core.text import sanitize

INTERRUPTED = "The folder is unchanged. Run the same command again."

app = opt.command_app()


@app.command(epilog="Example: datrnet export splits --format adde --triplets 90000")
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")],
    format_: Annotated[Literal["adde"], typer.Option("--format")] = "adde",
    triplets: Annotated[int, typer.Option(min=0, metavar="N")] = 40000,
    seed: opt.Seed = 0,
    with_validation: Annotated[bool, typer.Option("--with-validation")] = False,
    force: Annotated[bool, typer.Option("--force")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Write the catalog as a split folder in ADDE's format.

    The folder holds labels, triplets and queries as text files of numbers. Pictures stay where
    they are; the folder's README names the image root. An earlier export is overwritten.

    Args:
        folder: Output folder; created if it does not exist.
        format_: adde: the split folder that ADDE's public code and `datrnet import` read.
        triplets: Number of triplets to sample.
        with_validation: Add validation items to the train split; else omit them.
        force: Write into a folder that holds other files.
    """
    options = ExportOptions(
        num_triplets=triplets, seed=seed, with_validation=with_validation, force=force
    )
    with JobProgress() as progress:
        summary = export_adde(Workspace.locate(workspace), folder, options, progress)
    if as_json:
        paths = {"folder": str(summary.folder), "image_root": str(summary.image_root)}
        print_json({**asdict(summary), **paths})
    else:
        _show(summary)
    say(f"Wrote the split folder {folder.absolute()}. Its image root is {summary.image_root}")


def _show(summary: ExportSummary) -> None:
    out = results()
    values = [(name, f"{number:,}") for name, number in summary.num_values.items()]
    show_table(("super-category", "values"), values, numbers=("values",))
    for note in summary.notes:
        out.print(sanitize(note))
    out.print(
        f"{summary.num_train:,} train items, {summary.num_test:,} test items, "
        f"{summary.num_triplets:,} triplets, {summary.num_queries:,} queries."
    )
