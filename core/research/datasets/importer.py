"""Import a data set from a folder in the format it is released in.

ADDE's format lacks the names of super-categories and values. They come from a file: a JSON object
of super-categories, each with its values in the order of the columns, or a JSON list of
super-categories only. Without a file they are numbered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from datrnet.core.catalog.importer import ImportSummary, import_parsed
from datrnet.core.catalog.picture_files import picture_folder
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.adde import AddeFolder, read_adde
from datrnet.core.research.datasets.deepfashion import Annotation, list_deepfashion
from datrnet.core.research.datasets.listing import Entry, ItemListing, Names, parse_listing
from datrnet.core.text import clean

Format = Literal["adde", "deepfashion"]

ADDE_PICTURE_HINT = "Specify the folder that the paths in imgs_*.txt start from with --images DIR."

SHOPPING100K = {
    "category": 16,
    "collar": 17,
    "colour": 19,
    "fabric": 14,
    "fastening": 10,
    "fit": 15,
    "gender": 2,
    "neckline": 11,
    "pattern": 16,
    "pocket": 7,
    "sleeve length": 9,
    "sport": 15,
}
"""The super-categories of Shopping100k, in the order of their names, with their numbers of values.
The names of the values are not public."""


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
    return import_parsed(workspace, str(source), parsed, checked, skips_bad=True)


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
        picture_hint=ADDE_PICTURE_HINT,
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


def names_for(counts: Sequence[int], path: Path | None = None) -> tuple[Names, tuple[str, ...]]:
    """Return the names of all super-categories and values, and what was guessed, as sentences.

    Args:
        counts: (A,) number of values of each super-category.
        path: A file of names.

    Raises:
        DataError: The file cannot be read, or does not fit the counts.
    """
    if path is not None:
        return _read_names(path, counts), ()
    if tuple(counts) == tuple(SHOPPING100K.values()):
        note = (
            "The numbers of values are those of Shopping100k, so the super-categories have its "
            "names; the values are numbered. Set other names with --names FILE."
        )
        return _numbered(SHOPPING100K, counts), (note,)
    plain = [f"attribute {number}" for number in range(1, len(counts) + 1)]
    note = "The format has no names: everything is numbered. Set names with --names FILE."
    return _numbered(plain, counts), (note,)


def _numbered(names: Sequence[str] | Mapping[str, int], counts: Sequence[int]) -> Names:
    return {
        name: tuple(str(number) for number in range(1, count + 1))
        for name, count in zip(names, counts, strict=True)
    }


def _read_names(path: Path, counts: Sequence[int]) -> Names:
    try:
        content = json.loads(path.read_text("utf-8-sig"), object_pairs_hook=_JsonPairs)
    except OSError as error:
        raise DataError(f"The names {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _unfit(path, f"it is not JSON ({error})") from error
    if not isinstance(content, list):
        raise _unfit(path, "it is neither an object nor a list")
    if not isinstance(content, _JsonPairs):
        names = _texts(path, "super-categories", content)
        _check_count(path, names, counts)
        return _numbered(names, counts)
    values = [_texts(path, f"values of {name!r}", listed) for name, listed in content]
    names = _distinct(path, "super-categories", [name for name, _ in content])
    _check_count(path, names, counts)
    for name, listed, count in zip(names, values, counts, strict=True):
        if len(listed) != count:
            raise _unfit(path, f"{name!r} has {len(listed)} values, not {count}")
    return dict(zip(names, values, strict=True))


class _JsonPairs(list[tuple[str, object]]):
    """The fields of a JSON object in order, including repeated ones."""


def _check_count(path: Path, names: Sequence[str], counts: Sequence[int]) -> None:
    if len(names) != len(counts):
        raise _unfit(path, f"it lists {len(names)} super-categories, not {len(counts)}")


def _texts(path: Path, what: str, values: object) -> tuple[str, ...]:
    """Return a list of names, cleaned; they must differ."""
    if not isinstance(values, list) or isinstance(values, _JsonPairs):
        raise _unfit(path, f"the {what} are not a list")
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str) or not clean(value):
            raise _unfit(path, f"number {number} of the {what} is not text")
    return _distinct(path, what, values)


def _distinct(path: Path, what: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return names, cleaned; they must differ, ignoring case."""
    cleaned = tuple(map(clean, names))
    folded = [name.casefold() for name in cleaned]
    for place, name in enumerate(cleaned):
        if folded[place] in folded[:place]:
            raise _unfit(path, f"two {what} are called {name!r}")
    if not all(cleaned):
        raise _unfit(path, f"one of the {what} has an empty name")
    return cleaned


def _unfit(path: Path, what: str) -> DataError:
    return DataError(
        f"The names {path} do not fit: {what}.",
        hint='Write {"super-category": ["value", …], …} in the order of attr_num.txt, '
        'or ["super-category", …].',
    )
