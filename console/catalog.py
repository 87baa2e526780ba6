"""`datrnet import` and `datrnet export`: a catalog into the workspace, and out of it."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.importer import ImportOptions, ImportSummary, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.research.adde_export import ExportOptions, export_adde
from datrnet.core.research.datasets.deepfashion import Annotation
from datrnet.core.research.datasets.importer import FolderOptions, Format, import_folder
from datrnet.core.text import sanitize

LISTED = 20
"""Skipped rows listed in the terminal; JSON has all of them."""

OWNERS = {
    **dict.fromkeys(("id", "image", "title", "split")),
    "names": "adde",
    "annotation": "deepfashion",
    "crop": "deepfashion",
}
"""The format that an option belongs to; None is a CSV or JSON Lines file."""

app = opt.command_app()


ColumnOption = Annotated[str | None, Option(metavar="COLUMN")]


@app.command(
    "import",
    epilog="Example: datrnet import catalog.csv --images photos --attribute color "
    "--attribute sleeve \\\n"
    "or: datrnet import Shopping100k/splits --format adde --images Shopping100k/Images",
)
def import_(
    catalog: Annotated[Path, Argument(metavar="CATALOG")],
    images: Annotated[
        Path | None, Option(metavar="DIR", show_default="the folder of CATALOG")
    ] = None,
    attribute: Annotated[list[str] | None, Option(metavar="NAME")] = None,
    id_column: Annotated[str | None, Option("--id", metavar="COLUMN")] = None,
    image: ColumnOption = None,
    title: ColumnOption = None,
    split: ColumnOption = None,
    format_: Annotated[Format | None, Option("--format")] = None,
    names: Annotated[Path | None, Option(metavar="FILE", dir_okay=False)] = None,
    annotation: Annotated[Annotation | None, Option(show_default="fine where available")] = None,
    crop: Annotated[bool, Option("--crop")] = False,
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

    CSV and JSON Lines files:
        id_column: Column with the item ids.
        image: Column with the picture paths.
        title: Column with the titles.
        split: Column with train, validation or test. Without it, items are split 80:10:10.

    Data sets in other formats:
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
        facts = {**asdict(summary), "source": str(summary.source)}
        for problem in facts["problems"]:
            if not problem["file"]:  # the catalog is a single file
                del problem["file"]
        print_json(facts)
    else:
        _show(summary, "part" if format_ else "column")
    with place.open_store() as store:
        if not store.super_categories():
            next_step = (
                "It has no super-category, and training needs one. Import it again with "
                "--attribute NAME for each column to use."
            )
        else:
            next_step = f"Next: datrnet {'index' if store.current_generation() else 'train'}"
    say(f"The catalog is in {place.root}. {next_step}")


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


@app.command(epilog="Example: datrnet export splits --format adde --triplets 90000")
def export(
    folder: Annotated[Path, Argument(metavar="FOLDER")],
    format_: Annotated[Literal["adde"], Option("--format")] = "adde",
    triplets: Annotated[int, Option(min=0, metavar="N")] = 40000,
    seed: Annotated[int, Option(min=0, metavar="N")] = 0,
    with_validation: Annotated[bool, Option("--with-validation")] = False,
    force: Annotated[bool, Option("--force")] = False,
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
        seed: Random seed.
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
        out = results()
        values = [(name, f"{number:,}") for name, number in summary.num_values.items()]
        show_table(("super-category", "values"), values, numbers=("values",))
        for note in summary.notes:
            out.print(sanitize(note))
        out.print(
            f"{summary.num_train:,} train items, {summary.num_test:,} test items, "
            f"{summary.num_triplets:,} triplets, {summary.num_queries:,} queries."
        )
    say(f"Wrote the split folder {folder.absolute()}. Its image root is {summary.image_root}")
