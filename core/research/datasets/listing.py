"""The items that a data set lists, as rows for the import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.picture_check import ParsedCatalog, ParsedRow, stored_path
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.products import MAX_CELL_LENGTH
from datrnet.core.catalog.sources.table import Problem
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import NewItem, Unstated

Names = Mapping[str, tuple[str, ...]]
"""Values by super-category, in the order of their columns in a data set's files."""


class Entry(NamedTuple):
    """One item of a list file."""

    code: str
    picture: str
    """As in a catalog file: a path, followed by its box if it has one."""
    split: str
    file: str
    """The list file, for messages."""
    line: int
    title: str = ""
    objection: str = ""
    """Why the item cannot be imported."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemListing:
    """The items of a data set, and the meaning of its files."""

    names: Names
    """In the numbering of the labels."""
    entries: Sequence[Entry]
    labels: NDArray[np.int16]
    """(N, A) index of an entry's value within its super-category; -1 where it has none."""
    taken: tuple[tuple[str, str], ...]
    """The parts of the folder, each with its meaning."""
    sources: Mapping[str, str]
    """The part of the folder that each super-category comes from."""
    notes: tuple[str, ...] = ()
    picture_hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """What the parts of a folder were taken as."""

    taken: tuple[tuple[str, str], ...]
    attributes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    """Parts that are not imported, with the reason."""

    def meanings(self) -> list[tuple[str, str]]:
        """Return every part with its meaning, for a summary."""
        return [*self.taken, *((part, f"skipped: {reason}") for part, reason in self.left_out)]


def parse_listing(
    listing: ItemListing, attributes: Sequence[str], images: Path, workspace: Workspace
) -> ParsedCatalog:
    """Turn the entries of a data set into items; of several entries with one id the first counts.

    Args:
        listing: The entries.
        attributes: The super-categories to import, ignoring case; empty for all.
        images: The folder that picture paths start from.
        workspace: Pictures inside it are stored relative to it.

    Raises:
        UnknownNameError: A super-category does not exist.
    """
    taken = _chosen(listing.names, attributes)
    rows: list[ParsedRow] = []
    problems: list[Problem] = []
    place_of_code: dict[str, str] = {}
    for entry, labels in zip(listing.entries, listing.labels.tolist(), strict=True):
        try:
            if entry.objection:
                raise DataError(entry.objection)
            where = f"line {entry.line} of {entry.file}"
            if (first := place_of_code.setdefault(entry.code, where)) is not where:
                raise DataError(f"The item {entry.code!r} is already on {first}.")
            values = {
                name: None if value == UNLABELED else listing.names[name][value]
                for name, value in zip(listing.names, labels, strict=True)
                if name in taken
            }
            rows.append(_parse_entry(entry, values, images.absolute(), workspace.root))
        except DataError as error:
            problems.append(
                Problem(line=entry.line, message=error.message, hint=error.hint, file=entry.file)
            )
    return ParsedCatalog(
        format="data set",
        plan=_plan(listing, taken),
        num_rows=len(listing.entries),
        rows=tuple(rows),
        problems=tuple(problems),
        codes=frozenset(place_of_code),
        notes=listing.notes,
        picture_hint=listing.picture_hint,
    )


def _chosen(names: Names, attributes: Sequence[str]) -> tuple[str, ...]:
    folded = {fold(name): name for name in names}
    for name in attributes:
        if fold(name) not in folded:
            raise UnknownNameError("super-category", name, names)
    chosen = {folded[fold(name)] for name in attributes}
    return tuple(name for name in names if name in chosen or not chosen)


def used_values(
    names: Names, labels: NDArray[np.int16]
) -> tuple[dict[str, tuple[str, ...]], NDArray[np.int16]]:
    """Return the values that items carry, and the labels (n, A) as indices of these."""
    used, numbered = {}, np.full_like(labels, UNLABELED)
    for idx, (name, values) in enumerate(names.items()):
        labeled = labels[:, idx] != UNLABELED
        carried, numbered[labeled, idx] = np.unique(labels[labeled, idx], return_inverse=True)
        used[name] = tuple(values[value] for value in carried)
    return used, numbered


def _parse_entry(
    entry: Entry, labels: Mapping[str, str | None], images: Path, root: Path
) -> ParsedRow:
    if len(entry.code) > MAX_CELL_LENGTH:
        raise DataError(
            f"The path has {len(entry.code):,} characters; the limit is {MAX_CELL_LENGTH:,}."
        )
    picture = Picture.parse(entry.picture, images).normalized()
    item = NewItem(
        code=entry.code,
        title=entry.title,
        picture_path=stored_path(picture, root),
        split=entry.split,
        labels=labels,
        unstated=frozenset[Unstated]() if entry.title else frozenset[Unstated]({"title"}),
    )
    return ParsedRow(line=entry.line, item=item, picture=picture, file=entry.file)


def _plan(listing: ItemListing, taken: Sequence[str]) -> FolderPlan:
    meanings = [
        (listing.sources[name], f"super-category {name}: {len(listing.names[name])} values")
        for name in taken
    ]
    left_out = tuple(
        (listing.sources[name], f"super-category {name}, not chosen")
        for name in listing.names
        if name not in taken
    )
    return FolderPlan(taken=(*listing.taken, *meanings), attributes=tuple(taken), left_out=left_out)
