"""Export a workspace as a split folder in ADDE's format, with queries and triplets."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.export import check_parent, write_files
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.progress import Progress, StepProgress, no_progress
from datrnet.core.research.datasets.adde import (
    COUNTS,
    QUERY_FILES,
    SPLITS,
    TRIPLET_FILES,
    AddeFolder,
    AddeQueries,
    AddeSplit,
    draw_adde_triplets,
    one_hot,
)
from datrnet.core.research.datasets.listing import Names, used_values
from datrnet.core.text import sanitize

NUM_TRIPLETS = 40_000

ROWS = 8192
"""Rows of labels that are converted to text at a time."""

WORDS, LAST_WORDS = (np.array([b"-1" + end, b"0" + end, b"1" + end]) for end in (b" ", b"\n"))
"""A label or change from -1 on, as written within a line and at its end."""

NAMES_FILE = "values.json"
README_FILE = "README.md"
FIRST_LINE = "# A split folder in ADDE's format, written by datrnet"
"""Marks a folder that may be overwritten."""

_SPLIT_FILES = tuple(f"{kind}_{split}.txt" for split in SPLITS for kind in ("imgs", "labels"))
FILES = (COUNTS, *_SPLIT_FILES, *QUERY_FILES, *TRIPLET_FILES, NAMES_FILE, README_FILE)

README = """\
The paths in `imgs_*.txt` are relative to this image root:

    {summary.image_root}

| file | content of a line |
|---|---|
| `attr_num.txt` | the number of values of each super-category |
| `imgs_train.txt`, `imgs_test.txt` | an item's picture |
| `labels_train.txt`, `labels_test.txt` | the same item's labels: 1 for each of its values |
| `triplet_train.txt` | reference, positive and negative, as lines of `imgs_train.txt` from 0 |
| `triplet_train_ind.txt` | the change from the reference's labels to the positive's |
| `ref_test.txt` | a query's item, as a line of `imgs_test.txt` from 0 |
| `indfull_test.txt` | the query's change: -1 for the current value, 1 for the requested value |
| `gt_test.txt` | the labels of a correct result |
| `values.json` | the names of super-categories and values, in the order of the columns |

- Super-categories with their numbers of values: {values}
- {summary.num_train:,} train items, {summary.num_test:,} test items, \
{summary.num_triplets:,} triplets, {summary.num_queries:,} queries
{notes}
To import it into a workspace:

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
        DatabaseError: The workspace has no catalog.
        DataError: A split is empty, nothing is labeled, or the folder contains other files or
            is in none.
    """
    options = options or ExportOptions()
    check_parent(folder)
    if not options.force:
        refuse_foreign(folder)
    with workspace.open_store() as store:
        catalog = Catalog.load(store, with_proposals=False)
    rows = _rows_of_splits(catalog, options)
    taken = np.concatenate(list(rows.values()))
    names, labels = _used_values(catalog, taken)
    root, paths, box_notes = _pictures(workspace, catalog, taken)
    num_train = len(rows["train"])
    splits = {
        "train": AddeSplit(paths=paths[:num_train], labels=labels[:num_train]),
        "test": AddeSplit(paths=paths[num_train:], labels=labels[num_train:]),
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
                hint="Import a catalog whose split column names train and test items.",
            )
    return rows


def _used_values(catalog: Catalog, taken: NDArray[np.intp]) -> tuple[Names, NDArray[np.int16]]:
    """Return the values that the items carry, and the labels (n, A) as indices of these."""
    known = {category.name: category.values for category in catalog.super_categories}
    names, labels = used_values(known, catalog.labels[taken])
    carried = [bool(values) for values in names.values()]
    if not any(carried):
        raise DataError(
            "No item of the train and test splits has a label.",
            hint="Import a catalog with --attribute NAME for each super-category.",
        )
    return {name: values for name, values in names.items() if values}, labels[:, carried]


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
            hint="Move them to the same drive and import the catalog again.",
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
    roots = {
        place.removesuffix(os.sep + code.replace("/", os.sep))
        for code, place in zip(codes, places, strict=True)
    }
    if len(roots) > 1 or roots <= set(places):  # a code is not the end of its path
        return None
    return roots.pop() or os.sep


def _queries(labels: NDArray[np.int16], on_progress: StepProgress) -> AddeQueries:
    """Return all queries with one change, by item, super-category and value."""
    queries = draw_queries(labels, (1,), on_progress=on_progress)[0]
    places = queries.changed.argmax(axis=1)
    values = np.take_along_axis(queries.targets, places[:, None], axis=1)[:, 0]
    order = np.lexsort((values, places, queries.items))
    return AddeQueries(references=queries.items[order], targets=queries.targets[order])


def _left_out(catalog: Catalog, rows: dict[str, NDArray[np.intp]]) -> list[str]:
    taken = np.concatenate(list(rows.values()))
    left_out = catalog.splits[np.setdiff1d(catalog.shown_rows, taken)]
    notes = []
    if num_hidden := catalog.num_items - len(catalog.shown_rows):
        notes.append(f"Hidden items skipped: {num_hidden:,}.")
    sets = catalog.value_sets[taken]
    if num_several := int((sets != sets[:, :, :1]).any(axis=(1, 2)).sum()):
        notes.append(
            f"Items with several values of a super-category: {num_several:,}; the format has room "
            "for the first."
        )
    if num_validation := int((left_out == "validation").sum()):
        notes.append(
            f"Validation items skipped: {num_validation:,}; --with-validation adds them to the "
            "train split."
        )
    if num_none := int((left_out == "").sum()):
        notes.append(f"Items skipped because they have no split: {num_none:,}.")
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
    return [f"Values that no train item has: {len(unseen):,} ({shown})."]


def _summary(
    folder: Path, root: Path, content: AddeFolder, names: Names, notes: tuple[str, ...]
) -> ExportSummary:
    if content.triplets is None:
        notes = (*notes, "No triplets are written.")
    return ExportSummary(
        folder=folder,
        image_root=root,
        num_train=len(content.splits["train"].paths),
        num_test=len(content.splits["test"].paths),
        num_queries=0 if content.queries is None else len(content.queries.references),
        num_triplets=0 if content.triplets is None else len(content.triplets),
        num_values={name: len(values) for name, values in names.items()},
        notes=notes,
    )


def _readme(summary: ExportSummary) -> str:
    values = ", ".join(f"{sanitize(name)} {count}" for name, count in summary.num_values.items())
    notes = "".join(f"- {sanitize(note)}\n" for note in summary.notes)
    return README.format(summary=summary, values=values, notes=notes)


def write_adde(
    folder: Path,
    content: AddeFolder,
    names: Names,
    readme: str,
    on_progress: StepProgress = no_progress,
) -> None:
    """Write a split folder; earlier files are replaced once all new ones are complete.

    Args:
        folder: See ``write_files``.
        content: What to write.
        names: Values in the order of their columns, by super-category.
        readme: The folder's README, without its first line.
        on_progress: Called with the number of files done and of all files.
    """
    files: dict[str, Iterable[bytes]] = dict(_files(content))
    files[NAMES_FILE] = [json.dumps(names, ensure_ascii=False, indent=1).encode(), b"\n"]
    files[README_FILE] = [f"{FIRST_LINE}\n\n{readme}".encode()]
    write_files(folder, files, on_progress)
    for name in set(FILES) - files.keys():  # from an earlier export with queries or triplets
        (folder / name).unlink(missing_ok=True)


def refuse_foreign(folder: Path) -> None:
    """Check that no foreign files would be overwritten.

    Raises:
        DataError: It is a file, or a folder with files that are not from an earlier export.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file.", hint="Choose a folder to write to.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        is_ours = (folder / README_FILE).read_text("utf-8").startswith(FIRST_LINE)
    except (OSError, UnicodeDecodeError):
        is_ours = False
    if not is_ours:
        raise DataError(
            f"{folder} contains files that datrnet did not export.",
            hint="Choose an empty folder, or use --force to write into this one.",
        )


def _files(content: AddeFolder) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the name of each file of numbers and paths, and its content in parts."""
    counts = content.counts
    yield COUNTS, [" ".join(map(str, counts)).encode(), b"\n"]
    for name, split in content.splits.items():
        yield f"imgs_{name}.txt", (f"{path}\n".encode() for path in split.paths)
        yield f"labels_{name}.txt", _label_rows(split.labels, None, counts)
    if (queries := content.queries) is not None:
        before = content.splits["test"].labels[queries.references]
        references, changes, targets = QUERY_FILES
        yield references, _number_rows(queries.references[:, None])
        yield changes, _label_rows(queries.targets, before, counts)
        yield targets, _label_rows(queries.targets, None, counts)
    if (triplets := content.triplets) is not None:
        before, after = (content.splits["train"].labels[triplets[:, column]] for column in (0, 1))
        items, changes = TRIPLET_FILES
        yield items, _number_rows(triplets)
        yield changes, _label_rows(after, before, counts)


def _number_rows(numbers: NDArray[np.int64]) -> Iterator[bytes]:
    return (f"{' '.join(map(str, row))}\n".encode() for row in numbers.tolist())


def _label_rows(
    labels: NDArray[np.int16], before: NDArray[np.int16] | None, counts: tuple[int, ...]
) -> Iterator[bytes]:
    """Yield labels (n, A) as text, or their difference from ``before``."""
    for start in range(0, len(labels), ROWS):
        part = slice(start, start + ROWS)
        matrix = one_hot(labels[part], counts)
        if before is not None:
            matrix -= one_hot(before[part], counts)
        yield _text_of(matrix)


def _text_of(matrix: NDArray[np.int8]) -> bytes:
    """Return numbers from -1 to 1 (n, S) as lines of words."""
    words = WORDS[matrix + 1]
    words[:, -1] = LAST_WORDS[matrix[:, -1] + 1]
    return words.tobytes().replace(b"\0", b"")  # shorter words are padded
