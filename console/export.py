"""`datrnet export`: the corrected catalog out of the workspace."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.export import STANDARD_OUTPUT, TableSummary
from datrnet.core.catalog.importer import ImportOptions
from datrnet.core.catalog.like import LikeSummary, export_like
from datrnet.core.catalog.picture_sets import PictureSetSummary, export_picture_set
from datrnet.core.catalog.sources.source import ReadOptions
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.research.adde_export import NUM_TRIPLETS, ExportOptions, export_adde
from datrnet.core.text import sanitize

FolderFormat = Literal["adde", "coco", "fiftyone"]

LISTED = 20
"""Labels listed in the terminal; JSON has all of them."""

app = opt.command_app()


@app.command(
    epilog="Example: datrnet export catalog.xlsx \\\n"
    "or: datrnet export splits --format adde --triplets 90000"
)
def export(
    target: Annotated[Path, Argument(metavar="FILE|FOLDER", allow_dash=True)],
    variants: Annotated[bool, Option("--variants")] = False,
    like: Annotated[Path | None, Option("--like", metavar="FILE", dir_okay=False)] = None,
    force: Annotated[bool, Option("--force")] = False,
    format_: Annotated[FolderFormat | None, Option("--format")] = None,
    triplets: Annotated[int | None, Option(min=0, metavar="N", show_default="40000")] = None,
    seed: Annotated[int | None, Option(min=0, metavar="N", show_default="0")] = None,
    with_validation: Annotated[bool, Option("--with-validation")] = False,
    mapping: Annotated[Path | None, Option(metavar="FILE", dir_okay=False)] = None,
    delimiter: Annotated[str | None, Option(metavar="CHARACTER")] = None,
    encoding: Annotated[str | None, Option(metavar="NAME")] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Write the corrected catalog as a file, or as a folder for other programs.

    A table has a row per item: id, title, pictures, split, group, whether it is hidden, every
    super-category with who set its label (shop, person or model), what the index takes the item
    for and how confidently, and all facts. Importing the file changes nothing.

    Args:
        target: A file that ends with .csv, .tsv, .jsonl, .json, .xlsx or .parquet; - for standard
            output, as CSV. With --format, a folder, created if it does not exist.
        variants: Write a row per variant, such as a size, instead of one per item.
        like: Write this CSV, TSV or Excel file again, as a shop exported it: the same columns and
            rows; only the labels that were corrected since its import are changed.
        force: Write over an existing file, or into a folder that holds other files.
        format_: adde: the split folder that ADDE's public code and `datrnet import` read: labels,
            triplets and queries as text files of numbers. coco: a JSON file per split, with a
            category per value. fiftyone: a JSON file of samples, and how to load it. Pictures stay
            where they are.

    With --like:
        mapping: File that says what the columns of --like mean, if it was imported with one.
        delimiter: What separates its columns.
        encoding: Its encoding, such as cp1252.

    ADDE's format:
        triplets: Number of triplets to sample.
        seed: Random seed.
        with_validation: Add validation items to the train split; else omit them.
    """
    place = Workspace.locate(workspace)
    of_like = {"mapping": mapping, "delimiter": delimiter, "encoding": encoding}
    of_tables = {"variants": variants or None, "like": like, **of_like}
    of_adde = {"triplets": triplets, "seed": seed, "with-validation": with_validation or None}
    if format_ == "adde" or (format_ is None and _is_folder(target)):
        _refuse(of_tables, "a file", "Name a file, such as catalog.csv")
        options = ExportOptions(
            num_triplets=NUM_TRIPLETS if triplets is None else triplets,
            seed=seed or 0,
            with_validation=with_validation,
            force=force,
        )
        return _export_adde(place, target, options, as_json=as_json)
    _refuse(of_adde, "--format adde", "Add --format adde")
    if format_ is not None:
        _refuse(of_tables, "a file", "Omit --format")
        with JobProgress() as progress:
            pictures = export_picture_set(
                place, target, format_, partial(progress, "Writing"), force=force
            )
        return _report_pictures(pictures, as_json=as_json)
    if like is not None:
        _refuse({"variants": variants or None}, "a table of datrnet's own", "Omit --like")
        reading = ReadOptions(delimiter=delimiter, encoding=encoding)
        choices = ImportOptions(mapping=mapping, reading=reading)
        summary = export_like(place, like, target, choices, force=force)
        return _report_like(summary, as_json=as_json)
    _refuse(of_like, "--like", "Add --like FILE")
    with JobProgress() as progress:
        table = Shop(place).export(target, variants=variants, force=force, on_progress=progress)
    for note in table.notes:
        say(note, "yellow")
    _report(table, as_json=as_json)


def _is_folder(target: Path) -> bool:
    """Tell whether a target without a format is a folder: by default in ADDE's."""
    return target != STANDARD_OUTPUT and (target.is_dir() or not target.suffix)


def _refuse(given: Mapping[str, object], owner: str, hint: str) -> None:
    """Refuse an option of another kind of export.

    Raises:
        ConfigError: There is one.
    """
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"--{name} is for {owner} only.", hint=f"{hint}, or omit --{name}.")


def _report(summary: TableSummary, *, as_json: bool) -> None:
    if as_json and summary.path != STANDARD_OUTPUT:
        print_json({**asdict(summary), "path": str(summary.path)})
    hidden = f", {summary.num_hidden:,} of them hidden" if summary.num_hidden else ""
    rows = f" in {counted(summary.num_rows, 'row')}" if summary.num_rows > summary.num_items else ""
    where = "" if summary.path == STANDARD_OUTPUT else f" to {summary.path}"
    say(f"Wrote {counted(summary.num_items, 'item')}{hidden}{rows}{where}.")


def _report_like(summary: LikeSummary, *, as_json: bool) -> None:
    if as_json and summary.path != STANDARD_OUTPUT:
        print_json({**asdict(summary), "path": str(summary.path)})
    cells = f" in {counted(summary.num_cells, 'cell')}" if summary.num_cells else ""
    where = "" if summary.path == STANDARD_OUTPUT else f" to {summary.path}"
    say(f"Wrote {counted(summary.num_labels, 'corrected label')}{cells}{where}.")
    if summary.num_unknown:
        rows = counted(summary.num_unknown, "row")
        say(f"No items of the catalog, left as they are: {rows}.")
    if summary.unwritten:
        say(f"{counted(len(summary.unwritten), 'label')} could not be written back:", "yellow")
    for label in summary.unwritten[:LISTED]:
        values = " | ".join(label.values) or "no value"
        name = f"{label.super_category} of {label.code}"
        say(f"  line {label.line}: {name} is {values}. {label.reason}")
    if len(summary.unwritten) > LISTED:
        say(f"  … and {len(summary.unwritten) - LISTED:,} more; --json lists all.")


def _report_pictures(summary: PictureSetSummary, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(summary), "folder": str(summary.folder)})
    files = ", ".join(f"{name} ({num:,})" for name, num in summary.num_items.items())
    num_items = sum(summary.num_items.values())
    items, labels = counted(num_items, "item"), counted(summary.num_labels, "label")
    say(f"Wrote {items} with {labels} to {summary.folder}: {files}.")
    if summary.unreadable:
        first = f"the first {summary.unreadable[0]}"
        say(f"Left out, since their pictures cannot be read: {len(summary.unreadable):,}, {first}.")


def _export_adde(
    workspace: Workspace, folder: Path, options: ExportOptions, *, as_json: bool
) -> None:
    with JobProgress() as progress:
        summary = export_adde(workspace, folder, options, progress)
    if as_json:
        paths: dict[str, Any] = {
            "folder": str(summary.folder),
            "image_root": str(summary.image_root),
        }
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
