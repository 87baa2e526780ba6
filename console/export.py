"""`datrnet export`: the corrected catalog out of the workspace."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, print_json, results, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.export import STANDARD_OUTPUT, TableSummary
from datrnet.core.catalog.like import LikeSummary
from datrnet.core.catalog.picture_sets import PictureSetSummary
from datrnet.core.research.adde_export import ExportSummary
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
    given: dict[str, Any] = {
        "variants": variants,
        "mapping": mapping,
        "delimiter": delimiter,
        "encoding": encoding,
        "triplets": triplets,
        "seed": seed,
        "with_validation": with_validation,
    }
    with JobProgress() as progress:
        summary = opt.shop_at(workspace).export(
            target, format=format_, like=like, force=force, on_progress=progress, **given
        )
    match summary:
        case ExportSummary():
            _report_adde(summary, as_json=as_json)
        case PictureSetSummary():
            _report_pictures(summary, as_json=as_json)
        case LikeSummary():
            _report_like(summary, as_json=as_json)
        case _:
            for note in summary.notes:
                say(note, "yellow")
            _report(summary, as_json=as_json)


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


def _report_adde(summary: ExportSummary, *, as_json: bool) -> None:
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
    folder, root = summary.folder.absolute(), summary.image_root
    say(f"Wrote the split folder {folder}. Its image root is {root}")
