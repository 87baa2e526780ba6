"""`datrnet import`: a catalog into the workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Exit, Option

from datrnet.console import options as opt
from datrnet.console.browse import use_colors
from datrnet.console.output import (
    counted,
    is_conversation,
    new_table,
    print_json,
    results,
    say,
    show_table,
)
from datrnet.console.progress import JobProgress
from datrnet.core.api.json_facts import ImportPreviewFacts
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.fetch import fetch_pictures
from datrnet.core.catalog.importer import (
    Absence,
    ImportOptions,
    ImportSummary,
    KnownItems,
    addresses_of,
    import_parsed,
    parse_catalog,
    pictures_of,
    plan_table,
    source_name,
)
from datrnet.core.catalog.picture_check import ImportPlan, ParsedCatalog
from datrnet.core.catalog.plan import TablePlan
from datrnet.core.catalog.sources.source import STANDARD_INPUT, ReadOptions, read_source
from datrnet.core.catalog.sources.table import Problem
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError, IndexStaleError
from datrnet.core.graphics.terminal import Terminal
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.preferences_file import read_preferences
from datrnet.core.research.datasets.deepfashion import Annotation
from datrnet.core.research.datasets.importer import FolderOptions, Format, import_folder
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.text import sanitize
from datrnet.db.rows import AbsentItems

LISTED = 20
"""Skipped rows listed in the terminal; JSON has all of them."""

CANCELED_EXIT = 130

BECAME: Mapping[AbsentItems, str] = {"keep": "kept", "hide": "hidden", "remove": "removed"}

MAX_EXAMPLES = 40
"""Width of the examples of a column, which are cut."""

OWNERS = {"names": "adde", "annotation": "deepfashion", "crop": "deepfashion"}
"""The data set format that an option belongs to; the others are for catalogs."""

app = opt.command_app()

Column = Annotated[str | None, Option(metavar="COLUMN")]
Columns = Annotated[list[str] | None, Option(metavar="COLUMN")]


@app.command(
    "import",
    epilog="Example: datrnet import shopify.csv --images photos \\\n"
    "or: datrnet import catalog.csv --attribute color --attribute sleeve \\\n"
    "or: datrnet import Shopping100k/splits --format adde --images Shopping100k/Images",
)
def import_(
    catalog: Annotated[Path, Argument(metavar="CATALOG", allow_dash=True)],
    images: Annotated[
        Path | None, Option(metavar="DIR", show_default="the folder of CATALOG")
    ] = None,
    attribute: Annotated[list[str] | None, Option(metavar="NAME")] = None,
    dry_run: Annotated[bool, Option("--dry-run")] = False,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
    skip_bad: Annotated[bool, Option("--skip-bad")] = False,
    missing: Annotated[AbsentItems, Option("--missing")] = "keep",
    prune: Annotated[bool, Option("--prune")] = False,
    fetch: Annotated[Path | None, Option(metavar="DIR", file_okay=False)] = None,
    id_column: Annotated[str | None, Option("--id", metavar="COLUMN")] = None,
    image: Annotated[str | None, Option(metavar="COLUMN|PATTERN")] = None,
    title: Column = None,
    split: Column = None,
    no_split: Annotated[bool, Option("--no-split")] = False,
    group: Annotated[str | None, Option(metavar="COLUMN|none")] = None,
    fact: Columns = None,
    ignore: Columns = None,
    whole: Columns = None,
    keep_value: Annotated[list[str] | None, Option(metavar="VALUE")] = None,
    delimiter: Annotated[str | None, Option(metavar="CHARACTER")] = None,
    encoding: Annotated[str | None, Option(metavar="NAME")] = None,
    mapping: Annotated[Path | None, Option(metavar="FILE", dir_okay=False)] = None,
    write_mapping: Annotated[Path | None, Option(metavar="FILE", dir_okay=False)] = None,
    format_: Annotated[Format | None, Option("--format")] = None,
    names: Annotated[Path | None, Option(metavar="FILE", dir_okay=False)] = None,
    annotation: Annotated[Annotation | None, Option(show_default="fine where available")] = None,
    crop: Annotated[bool, Option("--crop")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Import a catalog: add new items, update known ones.

    Reads exports of Shopify, WooCommerce, Magento 2 and Google Merchant, H&M's and Kaggle's tables,
    and any CSV, TSV, JSON, XML, Excel or Parquet file with a row per product. Rows that differ only
    in size or price become one item. What each column is taken as is printed with the reason.

    Args:
        catalog: A catalog file, plain or with gzip; a folder of pictures; - for standard input.
            With --format, the folder of a data set.
        images: Folder that picture paths start from.
        attribute: Column to use as a super-category, instead of those recognized; repeatable.
        dry_run: Show what would be imported, and write nothing.
        yes: Import without the preview that a terminal shows before a first import, and remove what
            --missing remove is about without asking.
        skip_bad: Import the good rows even if more than 5 % are bad.
        missing: What becomes of items of earlier imports that the file lacks. Before any are
            removed, or most are hidden, a terminal asks; to remove, scripts, and files that lack
            most items, need --yes.
        prune: Short for --missing hide: what the file lacks is out of the gallery, but not lost.
        fetch: Download pictures that the file names by web address into this folder.

    What the columns mean:
        id_column: Column with the item ids.
        image: Column with the picture paths, or a pattern such as "photos/{id}.jpg".
        title: Column with the titles.
        split: Column with train, validation or test. Without it, items are split 80:10:10, those of
            one product or photo together.
        no_split: Ignore a column with splits.
        group: Column with the product that rows are variants of; none imports every row as an item.
        fact: Column to show, sort and filter by, but not to train on; repeatable.
        ignore: Column to leave out; repeatable.
        whole: Column whose cells are one value each, whatever separators they contain; repeatable.
        keep_value: A placeholder, such as N/A, that is a value here; repeatable.
        delimiter: What separates the columns of a text file.
        encoding: Encoding of a text file, such as cp1252.
        mapping: File that says what the columns mean.
        write_mapping: Write what was recognized to this file, to edit it and use it with --mapping.

    Data sets in other formats:
        format_: adde: a split folder, as published with Shopping100k and DeepFashion. deepfashion:
            DeepFashion's own annotation folders.
        names: adde: JSON file with the names of super-categories and values; without it, they are
            numbered.
        annotation: deepfashion: fine has six super-categories; coarse has category, texture and
            shape.
        crop: deepfashion: crop pictures to their bounding boxes.
    """
    place, attributes = Workspace.locate(workspace), tuple(attribute or ())
    choices: dict[str, Any] = {
        "id": id_column,
        "image": image,
        "title": title,
        "split": "" if no_split else split,
        "group": "" if group == "none" else group,
    }
    given = {**choices, "fetch": fetch, "fact": fact, "mapping": mapping, "delimiter": delimiter}
    _check_format(format_, catalogs=given, names=names, annotation=annotation, crop=crop)
    if format_ is not None:
        folder_options = FolderOptions(
            format=format_,
            images=images,
            attributes=attributes,
            names=names,
            annotation=annotation or "auto",
            crop=crop,
        )
        with JobProgress() as progress:
            summary = import_folder(place, catalog, folder_options, progress)
        return _report(place, summary, "part", as_json=as_json)
    options = ImportOptions(
        images=images,
        attributes=attributes,
        facts=tuple(fact or ()),
        ignored=tuple(ignore or ()),
        whole=tuple(whole or ()),
        kept_values=tuple(keep_value or ()),
        mapping=mapping,
        reading=ReadOptions(delimiter=delimiter, encoding=encoding),
        folds_variants=group != "none",
        absent="hide" if prune and missing == "keep" else missing,
        skips_bad=skip_bad,
        **choices,
    )
    if fetch is not None:
        options = replace(options, fetched=fetch)
        _fetch(place, catalog, options)
    if yes or as_json or dry_run or catalog == STANDARD_INPUT or not is_conversation():
        parsed = parse_catalog(place, catalog, options)
    else:
        before = options.uses
        options, parsed = _previewed(place, catalog, options)
        if options.uses != before and write_mapping is None:
            say("Your changes are for this import; --write-mapping FILE keeps them for others.")
    if write_mapping is not None and parsed.mapping is not None:
        write_atomically(write_mapping, parsed.mapping.to_toml())
        say(f"Wrote the mapping {write_mapping}.")
    known = KnownItems.of(place)
    gone = known.absence(parsed.codes, options.absent)
    if dry_run:
        return _show_parsed(parsed, options.absent, gone.number, as_json=as_json)
    if gone.number and not yes:
        _agree_to_lose(gone, options.absent, asks=is_conversation() and not as_json)
    with JobProgress() as progress:
        summary = import_parsed(
            place,
            source_name(catalog),
            parsed,
            partial(progress, "Checking pictures"),
            absent=options.absent,
            skips_bad=options.skips_bad,
        )
    told = []
    if options.absent != "keep" and gone.is_most:
        became = BECAME[options.absent]
        told.append(f"Most of the catalog was {became}: {gone}. If the file is a part of it")
    if not attributes and (new := known.new_super_categories(parsed.plan)):
        told.append(f"New super-categories: {', '.join(new)}. If they are none")
    _report(place, summary, "column", told, as_json=as_json)


def _agree_to_lose(gone: Absence, absent: AbsentItems, *, asks: bool) -> None:
    """Ask whether items may go that a file lacks, or most of them may be hidden.

    Raises:
        ConfigError: Most of the catalog would be removed, or nobody can be asked about it.
        Exit: The user said no.
    """
    if absent == "remove" and (gone.is_most or not asks):
        raise ConfigError(
            f"This import would remove {gone}, which the file lacks; nothing was imported.",
            hint="To remove them, add --yes; to keep them out of the gallery only, --missing hide.",
        )
    if absent == "remove" or (absent == "hide" and gone.is_most and asks):
        if typer.confirm(f"{absent.capitalize()} {gone}, which the file lacks?", err=True):
            return
        say("Nothing was imported.")
        raise Exit(CANCELED_EXIT)


def _previewed(
    workspace: Workspace, catalog: Path, options: ImportOptions
) -> tuple[ImportOptions, ParsedCatalog]:
    """Show what an import would do if its columns are new, and let the user change it.

    Raises:
        Exit: The user canceled it.
        DatrnetError: The catalog cannot be read.
    """
    say(f"Reading {catalog} …")
    table = read_source(catalog, options.reading)
    options = replace(options, images=pictures_of(catalog, options).root)
    parse = partial(parse_catalog, workspace, table)
    known = KnownItems.of(workspace)

    def plan_columns(options: ImportOptions) -> TablePlan:
        return plan_table(table, options, known, needs_pictures=False)[1]

    try:
        found: ParsedCatalog | DataError = parse(options)
    except DataError as error:
        found = error
    plan = plan_columns(options) if isinstance(found, DataError) else found.plan
    assert isinstance(plan, TablePlan)
    if not isinstance(found, DataError) and known.has_all_of(plan):
        return options, found
    settings, problems = read_preferences()
    use_colors(settings.color, Terminal())  # Textual looks for them when it is imported
    from datrnet.tui.import_preview import ImportPreview
    from datrnet.tui.preview_state import PreviewState

    state = PreviewState(catalog.name or str(catalog), options, plan)
    if isinstance(found, DataError):
        state.fail(options, found, plan)
    else:
        state.show(options, found)
    chosen = ImportPreview(state, parse, plan_columns, settings, problems).run()
    if chosen is None:
        say("Nothing was imported.")
        raise Exit(CANCELED_EXIT)
    return chosen


def _fetch(workspace: Workspace, catalog: Path, options: ImportOptions) -> None:
    """Download what a catalog names by web address and the folder lacks."""
    assert options.fetched is not None
    addresses = addresses_of(catalog, options)
    if not addresses:
        say("Every picture is there already; nothing was downloaded.")
        return
    with JobProgress() as progress:
        summary = fetch_pictures(
            addresses, options.fetched, partial(progress, "Downloading pictures")
        )
    say(
        f"Downloaded {counted(summary.downloaded, 'picture')} into {options.fetched}; "
        f"{len(summary.failed):,} failed."
    )
    for address, reason in summary.failed[:LISTED]:
        say(f"  {sanitize(address)}: {sanitize(reason)}")


def _check_format(format_: Format | None, catalogs: Mapping[str, Any], **given: object) -> None:
    """Refuse an option that belongs to another format.

    Raises:
        ConfigError: There is one.
    """
    for name, value in {**catalogs, **given}.items():
        owner = OWNERS.get(name)
        if value not in (None, False) and owner != format_:
            files = f"--format {owner}" if owner else "catalog files"
            hint = f"Add --format {owner}" if owner else "Omit --format"
            raise ConfigError(f"--{name} is for {files} only.", hint=f"{hint}, or omit --{name}.")


def _report(
    place: Workspace, summary: ImportSummary, part: str, told: Sequence[str] = (), *, as_json: bool
) -> None:
    """Print what became of the columns and rows, and the next step."""
    if as_json:
        facts = asdict(summary)
        for problem in facts["problems"]:
            if not problem["file"]:  # the catalog is a single file
                del problem["file"]
        print_json(facts)
    else:
        _show(summary, part)
    for words in told:
        say(f"{words}: datrnet undo")
    say(f"The catalog is in {place.root}. {_next_step(place)}")


def _next_step(workspace: Workspace) -> str:
    """Return what makes the catalog searchable as it is now, as a sentence."""
    with workspace.open_store() as store:
        if not store.super_categories():
            return (
                "It has no super-category, and training needs one. Import it again with "
                "--attribute NAME for each column to use."
            )
        if store.current_generation() is None:
            return f"Next: datrnet {'index' if store.latest_run('finished') else 'train'}"
        try:
            generation, catalog = Generation.current(workspace, store), Catalog.load(store)
            trained = generation.aligned_with(catalog).super_categories
        except IndexStaleError as error:
            return str(error)
    names = {category.name: set(category.values) for category in trained}
    new = [category.name for category in catalog.super_categories if category.name not in names]
    if new:
        verb = "is" if len(new) == 1 else "are"
        return f"{', '.join(new)} {verb} not trained yet. Next: datrnet train and datrnet index"
    outdated = IndexLag.of(workspace, catalog, generation).outdated
    has_new_value = any(set(c.values) - names[c.name] for c in catalog.super_categories)
    if outdated or has_new_value:
        return f"{outdated or 'There are new values.'} Next: datrnet index"
    return "The index is up to date."


def _show_parsed(
    parsed: ParsedCatalog, absent: AbsentItems, num_absent: int, *, as_json: bool
) -> None:
    """Print what an import would do."""
    num_variants = sum(row.num_rows - 1 for row in parsed.rows)
    if as_json:
        facts: ImportPreviewFacts = {
            "format": parsed.format,
            "plan": asdict(parsed.plan),  # type: ignore[call-overload]
            "notes": parsed.notes,
            "num_rows": parsed.num_rows,
            "num_merged": parsed.num_merged,
            "num_variants": num_variants,
            "num_items": len(parsed.rows),
            "not_in_file": num_absent,
            "problems": [asdict(problem) for problem in parsed.problems],
        }
        print_json(facts)
        return
    out = results()
    out.print(f"Read as {sanitize(parsed.format)}.")
    _show_columns(parsed.plan, "column")
    for note in parsed.notes:
        out.print(sanitize(note))
    out.print(
        f"{counted(parsed.num_rows, 'row')}: {counted(len(parsed.rows), 'item')}, "
        f"{counted(num_variants, 'further variant')}, {len(parsed.problems):,} to be skipped."
    )
    if num_absent:
        out.print(f"To be {BECAME[absent]}, since they are not in this file: {num_absent:,}.")
    _show_problems(parsed.problems)
    say("Nothing was written. Pictures are checked by the import itself.")


def _show_columns(plan: ImportPlan, part: str) -> None:
    if not isinstance(plan, TablePlan):
        show_table((part, "used as"), plan.meanings())
        return
    table = new_table(part, "used as", "reason", "for example")
    examples = table.columns[-1]
    examples.no_wrap, examples.overflow, examples.max_width = True, "ellipsis", MAX_EXAMPLES
    for column in plan.columns:
        words = "skipped" if column.use == "ignore" else column.words
        cells = (column.column, words, column.reason, ", ".join(column.examples))
        table.add_row(*map(sanitize, cells))
    results().print(table)


def _show(summary: ImportSummary, part: str) -> None:
    out = results()
    out.print(f"Read as {sanitize(summary.format)}.")
    _show_columns(summary.plan, part)
    for note in summary.notes:
        out.print(sanitize(note))
    folded = f" {counted(summary.num_variants, 'further variant')}." if summary.num_variants else ""
    out.print(
        f"{counted(summary.num_rows, 'row')}: {counted(summary.added, 'item')} added, "
        f"{summary.updated:,} updated, {summary.unchanged:,} unchanged, "
        f"{counted(len(summary.problems), 'row')} skipped.{folded}"
    )
    if summary.not_in_file:
        became = BECAME[summary.absent].capitalize()
        out.print(f"{became} from earlier imports, not in this file: {summary.not_in_file:,}.")
    if summary.disagreements:
        out.print(f"Labels set by hand that differ from the file, kept: {summary.disagreements:,}.")
    _show_problems(summary.problems)


def _show_problems(problems: Sequence[Problem]) -> None:
    out = results()
    for problem in problems[:LISTED]:
        out.print(f"  {sanitize(problem.place)}: {sanitize(problem.message)}")
    if len(problems) > LISTED:
        out.print(f"  … and {len(problems) - LISTED:,} more; --json lists all.")
    for hint in dict.fromkeys(problem.hint for problem in problems if problem.hint):
        out.print(sanitize(hint))
