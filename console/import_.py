"""`datrnet import`: import a catalog, and print what became of its columns and rows."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from datrnet.console import options as opt
from datrnet.console.output import counted, print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.importer import ImportOptions, ImportSummary, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.research.datasets.deepfashion import Annotation
from datrnet.core.research.datasets.importer import FolderOptions, Format, import_folder
from datrnet.core.text import sanitize

INTERRUPTED = "The catalog is unchanged. Run the same command again."

LISTED = 20
"""Skipped rows listed in the terminal; JSON has all of them."""

TABLE_PANEL = "CSV and JSON Lines files"
FOLDER_PANEL = "Data sets in other formats"

OWNERS = {
    **dict.fromkeys(("id", "image", "title", "split")),
    "names": "adde",
    "annotation": "deepfashion",
    "crop": "deepfashion",
}
"""The format that an option belongs to; None is a CSV or JSON Lines file."""

app = opt.command_app()


ColumnOption = Annotated[str | None, typer.Option(metavar="COLUMN", rich_help_panel=TABLE_PANEL)]


@app.command(
    name="import",
    epilog="Example: datrnet import catalog.csv --images photos --attribute color "
    "--attribute sleeve \\\n"
    "or: datrnet import Shopping100k/splits --format adde --images Shopping100k/Images",
)
def import_(
    catalog: Annotated[Path, typer.Argument(metavar="CATALOG")],
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", show_default="the folder of CATALOG")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(metavar="NAME")] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", rich_help_panel=TABLE_PANEL)
    ] = None,
    image: ColumnOption = None,
    title: ColumnOption = None,
    split: ColumnOption = None,
    format_: Annotated[
        Format | None, typer.Option("--format", rich_help_panel=FOLDER_PANEL)
    ] = None,
    names: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, rich_help_panel=FOLDER_PANEL)
    ] = None,
    annotation: Annotated[
        Annotation | None,
        typer.Option(show_default="fine where available", rich_help_panel=FOLDER_PANEL),
    ] = None,
    crop: Annotated[bool, typer.Option("--crop", rich_help_panel=FOLDER_PANEL)] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Import a catalog: add new items, update known ones.

    Columns are recognized by their names; the summary shows how each one was used. Rows and
    pictures that cannot be read are skipped and listed with their line.

    Args:
        catalog: A CSV or JSON Lines file; with --format, a folder.
        images: Folder that relative picture paths start from.
        attribute: Column to use as a super-category; repeatable.
        id_column: Column with the item ids.
        image: Column with the picture paths.
        title: Column with the titles.
        split: Column with train, validation or test. Without it, items are split 80:10:10.
        format_: adde: a split folder, as published with Shopping100k and DeepFashion. deepfashion:
            DeepFashion's own annotation folders.
        names: adde: JSON file with the names of super-categories and values; without it, they are
            numbered.
        annotation: deepfashion: fine has six super-categories; coarse has category, texture and
            shape.
        crop: deepfashion: crop pictures to their bounding boxes.
    """
    columns: dict[str, Any] = {"id": id_column, "image": image, "title": title, "split": split}
    _check_format(format_, names=names, annotation=annotation, crop=crop, **columns)
    place, attributes = Workspace.locate(workspace), tuple(attribute or ())
    with JobProgress() as progress:
        if format_ is None:
            options = ImportOptions(images=images, attributes=attributes, **columns)
            checked = partial(progress, "Checking pictures")
            summary = import_catalog(place, catalog, options, checked)
        else:
            folder_options = FolderOptions(
                format=format_,
                images=images,
                attributes=attributes,
                names=names,
                annotation=annotation or "auto",
                crop=crop,
            )
            summary = import_folder(place, catalog, folder_options, progress)
    if as_json:
        print_json(facts_of(summary))
    else:
        _show(summary, "part" if format_ else "column")
    say(f"The catalog is in {place.root}. {_next_step(place)}")


def facts_of(summary: ImportSummary) -> dict[str, object]:
    """Return a summary as plain values, for JSON."""
    facts = asdict(summary)
    for problem in facts["problems"]:
        if not problem["file"]:  # the catalog is a single file
            del problem["file"]
    return {**facts, "source": str(summary.source)}


def _check_format(format_: Format | None, **given: object) -> None:
    """Refuse an option that belongs to another format.

    Raises:
        ConfigError: There is one.
    """
    for name, value in given.items():
        owner = OWNERS[name]
        if value not in (None, False) and owner != format_:
            files = f"--format {owner}" if owner else "CSV and JSON Lines files"
            hint = f"Add --format {owner}" if owner else "Omit --format"
            raise ConfigError(f"--{name} is for {files} only.", hint=f"{hint}, or omit --{name}.")


def _next_step(workspace: Workspace) -> str:
    with workspace.open_store() as store:
        if not store.super_categories():
            return (
                "It has no super-category, and training needs one. Import it again with "
                "--attribute NAME for each column to use."
            )
        return f"Next: datrnet {'index' if store.current_generation() else 'train'}"


def _show(summary: ImportSummary, part: str) -> None:
    out = results()
    show_table((part, "used as"), summary.plan.meanings())
    for note in summary.notes:
        out.print(sanitize(note))
    out.print(
        f"{counted(summary.num_rows, 'row')}: {counted(summary.added, 'item')} added, "
        f"{summary.updated:,} updated, {summary.unchanged:,} unchanged, "
        f"{counted(len(summary.problems), 'row')} skipped."
    )
    if summary.not_in_file:
        out.print(f"Kept from earlier imports, not in this file: {summary.not_in_file:,}.")
    for problem in summary.problems[:LISTED]:
        out.print(f"  {sanitize(problem.place)}: {sanitize(problem.message)}")
    if len(summary.problems) > LISTED:
        out.print(f"  … and {len(summary.problems) - LISTED:,} more; --json lists all.")
