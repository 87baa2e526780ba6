"""Import a data set from a folder in the format it is released in."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from datrnet.core.catalog.importer import ImportSummary, import_parsed, picture_folder
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.adde import AddeFolder, read_adde
from datrnet.core.research.datasets.deepfashion import Annotation, list_deepfashion
from datrnet.core.research.datasets.listing import Entry, ItemListing, parse_listing
from datrnet.core.research.datasets.names import names_for

Format = Literal["adde", "deepfashion"]

ADDE_PICTURE_MEND = "Specify the folder that the paths in imgs_*.txt start from with --images DIR."


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions:
    """Options for the import of a folder."""

    format: Format
    images: Path | None = None
    """The folder that picture paths start from; by default the folder itself."""
    attributes: tuple[str, ...] = ()
    """The super-categories to import; empty for all."""
    names: Path | None = None
    """A file of names, for ADDE's format."""
    annotation: Annotation = "auto"
    """DeepFashion's annotation to read."""
    crop: bool = False
    """Whether DeepFashion's pictures are cut to their bounding boxes."""


def import_folder(
    workspace: Workspace,
    source: Path,
    options: FolderOptions,
    on_progress: Progress = no_progress,
) -> ImportSummary:
    """Add the items of a data set to a workspace, and update those it has.

    Raises:
        UnknownNameError: The folder, the picture folder or a super-category does not exist.
        DataError: A file is missing or damaged, two files disagree, or no item is good.
        DatabaseError: The workspace cannot be used.
    """

    def on_read(name: str, done: int, total: int) -> None:
        on_progress(f"Reading {name}, megabytes", done, total)

    images = picture_folder(options.images, source)
    if options.format == "adde":
        listing = _list_adde(source, options.names, read_adde(source, on_read))
    else:
        listing = list_deepfashion(
            source, images, options.annotation, crop=options.crop, on_read=on_read
        )
    parsed = parse_listing(listing, options.attributes, images, workspace)
    checked = partial(on_progress, "Checking pictures")
    return import_parsed(workspace, source, parsed, checked)


def _list_adde(source: Path, names_path: Path | None, folder: AddeFolder) -> ItemListing:
    names, notes = names_for(folder.counts, names_path)
    entries = [
        Entry(code=path, picture=path, split=split, file=f"imgs_{split}.txt", line=line)
        for split, part in folder.splits.items()
        for line, path in enumerate(part.paths, start=1)
    ]
    ends = np.cumsum(folder.counts).tolist()
    columns = zip(ends, folder.counts, strict=True)
    return ItemListing(
        names=names,
        entries=entries,
        labels=np.concatenate([part.labels for part in folder.splits.values()]),
        taken=tuple(
            (f"imgs_{split}.txt", f"id and picture of {len(part.paths):,} items, {split} split")
            for split, part in folder.splits.items()
        ),
        sources={
            name: f"labels, columns {end - count + 1} to {end}"
            for name, (end, count) in zip(names, columns, strict=True)
        },
        notes=(*notes, *_extras(folder)),
        picture_mend=ADDE_PICTURE_MEND,
    )


def _extras(folder: AddeFolder) -> list[str]:
    """Describe the folder's queries and triplets, which were checked against the labels."""
    extras = []
    if folder.queries is not None:
        extras.append(
            f"The folder's {len(folder.queries.references):,} queries agree with its labels; "
            "`datrnet evaluate --queries FOLDER` evaluates them."
        )
    if folder.triplets is not None:
        extras.append(
            f"The folder's {len(folder.triplets):,} triplets agree with its labels; "
            "`datrnet train --system adde-m --triplets FOLDER` trains on them."
        )
    return extras
