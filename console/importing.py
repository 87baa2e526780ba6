"""`datrnet import`: what a catalogue's columns were taken as, and what became of its rows."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from datrnet.console.output import new_table, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.importer import ImportOptions, ImportSummary, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.research.datasets.deepfashion import Annotation
from datrnet.core.research.datasets.importing import FolderOptions, Format, import_folder
from datrnet.core.text import inert

LISTED = 20
"""Skipped rows listed one by one on a terminal; JSON has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChoices:
    """What a person asks for, as typed; None where nothing is said."""

    format: Format | None = None
    images: Path | None = None
    attributes: tuple[str, ...] = ()
    id: str | None = None
    image: str | None = None
    title: str | None = None
    split: str | None = None
    names: Path | None = None
    annotation: Annotation | None = None
    crop: bool = False

    def options(self) -> ImportOptions | FolderOptions:
        """Return what is asked for of a catalogue file or of a folder.

        Raises:
            ConfigError: An option is not of the format.
        """
        columns = ("id", "image", "title", "split")
        owners = {
            "--names": ("adde", self.names is not None),
            "--annotation": ("deepfashion", self.annotation is not None),
            "--crop": ("deepfashion", self.crop),
            **{f"--{name}": (None, getattr(self, name) is not None) for name in columns},
        }
        for option, (owner, is_given) in owners.items():
            if is_given and owner != self.format:
                mend = f"Add --format {owner}" if owner else "Leave --format away"
                of = f"folders of --format {owner}" if owner else "CSV and JSON Lines files"
                raise ConfigError(
                    f"{option} is an option of {of}.", mend=f"{mend}, or leave {option} away."
                )
        if self.format is None:
            return ImportOptions(
                images=self.images,
                attributes=self.attributes,
                **{name: getattr(self, name) for name in columns},
            )
        return FolderOptions(
            format=self.format,
            images=self.images,
            attributes=self.attributes,
            names=self.names,
            annotation=self.annotation or "auto",
            crop=self.crop,
        )


def run_import(
    workspace: Workspace, source: Path, choices: ImportChoices, *, as_json: bool
) -> None:
    """Import a catalogue and print a summary.

    Raises:
        ConfigError: An option is not of the format.
        DatrnetError: See ``core.catalog.importer`` and ``core.research.datasets.importing``.
    """
    options = choices.options()
    with StepProgress() as progress:
        if isinstance(options, FolderOptions):
            summary = import_folder(workspace, source, options, progress)
        else:
            checked = partial(progress, "Checking pictures")
            summary = import_catalog(workspace, source, options, checked)
    if as_json:
        print_json(facts_of(summary))
    else:
        _show(summary, "part" if choices.format else "column")
    say(f"The catalogue is in {workspace.root}. {_next_step(workspace)}")


def facts_of(summary: ImportSummary) -> dict[str, object]:
    """Return a summary as plain values, for JSON."""
    facts = asdict(summary)
    for problem in facts["problems"]:
        if not problem["file"]:  # the catalogue is a single file
            del problem["file"]
    return {**facts, "source": str(summary.source)}


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


def _show(summary: ImportSummary, part: str) -> None:
    out = results()
    columns = new_table(part, "taken as")
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
        out.print(f"  {inert(problem.place)}: {inert(problem.message)}")
    if len(summary.problems) > LISTED:
        out.print(f"  … and {len(summary.problems) - LISTED:,} more; --json lists all.")
