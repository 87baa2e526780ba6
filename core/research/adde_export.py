"""Export a workspace as a split folder in ADDE's format, with queries and triplets."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.progress import Progress, StepProgress, no_progress
from datrnet.core.research.datasets.adde import AddeFolder, AddeQueries, AddeSplit
from datrnet.core.research.datasets.adde_triplets import draw_adde_triplets
from datrnet.core.research.datasets.adde_writer import refuse_foreign, write_adde
from datrnet.core.research.datasets.names import Names
from datrnet.core.text import sanitize

NUM_TRIPLETS = 40_000

README = """\
The lines of `imgs_*.txt` count from this image root:

    {root}

| file | what a line holds |
|---|---|
| `attr_num.txt` | how many values each super-category has |
| `imgs_train.txt`, `imgs_test.txt` | an item's picture |
| `labels_train.txt`, `labels_test.txt` | the same item's labels: 1 for the values it carries |
| `triplet_train.txt` | reference, positive and negative, as lines of `imgs_train.txt` from 0 |
| `triplet_train_ind.txt` | the change from the reference's labels to the positive's |
| `ref_test.txt` | a query's item, as a line of `imgs_test.txt` from 0 |
| `indfull_test.txt` | what the query changes: -1 for the current value, 1 for the wanted value |
| `gt_test.txt` | the labels that a correct result carries |
| `values.json` | the names of super-categories and values, in the order of the columns |

- Super-categories, with how many values each has: {values}
- {train:,} train items, {test:,} test items, {triplets:,} triplets, {queries:,} queries
{notes}
Back into a workspace:

    datrnet import FOLDER --format adde --images ROOT --names FOLDER/values.json
"""
"""The folder's README below its first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of an export."""

    num_triplets: int = NUM_TRIPLETS
    seed: int = 0
    """Random seed of the triplets."""
    with_validation: bool = False
    """Whether validation items join the train split; otherwise they are omitted."""
    force: bool = False
    """Whether to write to a folder that contains other files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSummary:
    """Summary of a finished export."""

    folder: Path
    image_root: Path
    """The folder to which the image lines are relative."""
    num_train: int
    num_test: int
    num_queries: int
    num_triplets: int
    num_values: dict[str, int]
    """By super-category."""
    notes: tuple[str, ...]
    """What the format cannot represent, as sentences."""


def export_adde(
    workspace: Workspace,
    folder: Path,
    options: ExportOptions | None = None,
    on_progress: Progress = no_progress,
) -> ExportSummary:
    """Write a workspace's train and test splits as a split folder in ADDE's format.

    Raises:
        DatabaseError: The workspace has no catalogue.
        DataError: A split is empty, nothing is labelled, or the folder contains other files.
    """
    options = options or ExportOptions()
    if not options.force:
        refuse_foreign(folder)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    rows = _rows_of_splits(catalog, options)
    taken = np.concatenate(list(rows.values()))
    names, labels = _used_values(catalog, taken)
    root, paths, box_notes = _pictures(workspace, catalog, taken)
    ends = np.cumsum([len(items) for items in rows.values()])
    splits = {
        split: AddeSplit(paths=paths[end - len(items) : end], labels=labels[end - len(items) : end])
        for (split, items), end in zip(rows.items(), ends, strict=True)
    }
    rng = np.random.default_rng(options.seed)
    content = AddeFolder(
        counts=tuple(map(len, names.values())),
        splits=splits,
        queries=_queries(splits["test"].labels, partial(on_progress, "Listing queries")),
        triplets=draw_adde_triplets(splits["train"].labels, options.num_triplets, rng),
    )
    notes = (*_left_out(catalog, rows), *_unseen(names, splits), *box_notes)
    summary = _summary(folder, root, content, names, notes)
    write_adde(folder, content, names, _readme(summary), partial(on_progress, "Writing"))
    return summary


def _rows_of_splits(catalog: Catalog, options: ExportOptions) -> dict[str, NDArray[np.intp]]:
    train = catalog.rows_in("train")
    if options.with_validation:
        train = np.sort(np.concatenate([train, catalog.rows_in("validation")]))
    rows = {"train": train, "test": catalog.rows_in("test")}
    for split, items in rows.items():
        if not len(items):
            raise DataError(
                f"The {split} split has no item, and the format needs both splits.",
                mend="Import a catalog whose split column names train and test items.",
            )
    return rows


def _used_values(catalog: Catalog, taken: NDArray[np.intp]) -> tuple[Names, NDArray[np.int16]]:
    """Return the values that the items carry, and the labels (n, A) as indices of these."""
    names: dict[str, tuple[str, ...]] = {}
    columns: list[NDArray[np.int16]] = []
    for category, labels in zip(catalog.super_categories, catalog.labels[taken].T, strict=True):
        carried = np.unique(labels[labels != UNLABELED])
        if len(carried):
            names[category.name] = tuple(category.values[value] for value in carried)
            places = np.searchsorted(carried, labels)
            columns.append(np.where(labels == UNLABELED, UNLABELED, places).astype(np.int16))
    if not names:
        raise DataError(
            "No item of the train and test splits carries a label.",
            mend="Import a catalog with --attribute NAME for each super-category.",
        )
    return names, np.stack(columns, axis=1)


def _pictures(
    workspace: Workspace, catalog: Catalog, taken: NDArray[np.intp]
) -> tuple[Path, list[str], list[str]]:
    """Return the image root, the image lines, and notes on what is lost.

    The image root is the folder to which all codes are relative picture paths, if there is one, so
    that items imported from a data set keep their codes. Otherwise it is the common folder of all
    pictures.
    """
    pictures = [workspace.picture(catalog.picture_paths[row]) for row in taken]
    places = [str(picture.path) for picture in pictures]
    try:
        root = os.path.commonpath({os.path.dirname(place) for place in places})
    except ValueError as error:
        raise DataError(
            "The pictures are on different drives, but the format has a single image root.",
            mend="Move them to the same drive and import the catalog again.",
        ) from error
    root = _root_of_codes([catalog.codes[row] for row in taken], places) or root
    start = len(os.path.join(root, ""))
    lines = [place[start:].replace(os.sep, "/") for place in places]
    num_boxes = sum(picture.box is not None for picture in pictures)
    lost = (
        f"Pictures with a box, which the format cannot represent: {num_boxes:,}; boxes are ignored."
    )
    return Path(root), lines, [lost] if num_boxes else []


def _root_of_codes(codes: Sequence[str], places: Sequence[str]) -> str | None:
    """Return the folder to which all codes are relative picture paths, if there is one."""
    roots = set()
    for code, place in zip(codes, places, strict=True):
        end = code.replace("/", os.sep)
        if not place.endswith(os.sep + end):
            return None
        roots.add(place[: -len(end) - 1])
        if len(roots) > 1:
            return None
    return roots.pop() or os.sep


def _queries(labels: NDArray[np.int16], on_progress: StepProgress) -> AddeQueries:
    """Return all queries with one change, by item, super-category and value."""
    queries = draw_queries(labels, (1,), on_progress=on_progress)[0]
    places = queries.changed.argmax(axis=1)
    values = np.take_along_axis(queries.targets, places[:, None], axis=1)[:, 0]
    order = np.lexsort((values, places, queries.items))
    return AddeQueries(
        references=queries.items[order],
        targets=queries.targets[order],
        changed=queries.changed[order],
    )


def _left_out(catalog: Catalog, rows: dict[str, NDArray[np.intp]]) -> list[str]:
    missing = np.setdiff1d(np.arange(catalog.num_items), np.concatenate(list(rows.values())))
    splits = catalog.splits[missing]
    notes = []
    if num_validation := int((splits == "validation").sum()):
        notes.append(
            f"Validation items left out: {num_validation:,}; --with-validation adds them to the "
            "train split."
        )
    if num_none := int((splits == "").sum()):
        notes.append(f"Items left out because they have no split: {num_none:,}.")
    return notes


def _unseen(names: Names, splits: dict[str, AddeSplit]) -> list[str]:
    """Name the values that only test items carry, which cannot be learned."""
    unseen = [
        f"{name} {value}"
        for (name, values), labels in zip(names.items(), splits["train"].labels.T, strict=True)
        for idx, value in enumerate(values)
        if not (labels == idx).any()
    ]
    if not unseen:
        return []
    shown = ", ".join(unseen[:5]) + (", …" if len(unseen) > 5 else "")
    return [f"Values that no train item carries: {len(unseen):,} ({shown})."]


def _summary(
    folder: Path, root: Path, content: AddeFolder, names: Names, notes: tuple[str, ...]
) -> ExportSummary:
    if content.triplets is None:
        notes = (*notes, "No triplet is written.")
    return ExportSummary(
        folder=folder,
        image_root=root,
        num_train=len(content.splits["train"].paths),
        num_test=len(content.splits["test"].paths),
        num_queries=0 if content.queries is None else len(content.queries.references),
        num_triplets=0 if content.triplets is None else len(content.triplets.items),
        num_values={name: len(values) for name, values in names.items()},
        notes=notes,
    )


def _readme(summary: ExportSummary) -> str:
    return README.format(
        root=summary.image_root,
        values=", ".join(f"{sanitize(name)} {count}" for name, count in summary.num_values.items()),
        train=summary.num_train,
        test=summary.num_test,
        triplets=summary.num_triplets,
        queries=summary.num_queries,
        notes="".join(f"- {sanitize(note)}\n" for note in summary.notes),
    )
