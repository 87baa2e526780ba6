"""List DeepFashion's "Category and Attribute Prediction" set from its own files.

FOLDER/Anno_fine/      list_attr_cloth.txt and train.txt, train_attr.txt, train_bbox.txt, val….txt,
                       test….txt, or the list files of Anno_coarse
FOLDER/Anno_coarse/    (once Anno/) list_attr_cloth.txt, list_attr_img.txt, list_category_cloth.txt,
                       list_category_img.txt, list_bbox.txt
FOLDER/Eval/           list_eval_partition.txt

The fine annotation has one value in each of six super-categories. The coarse one has a category and
1,000 attributes, any number of which an image may have. How others have reduced them to one value
each is not published; ``RARE`` is our choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.importer import SPLIT_WORDS
from datrnet.core.catalog.table import Problem
from datrnet.core.errors import DataError
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.datasets.deepfashion_lists import (
    ImageList,
    read_attributes,
    read_bare_boxes,
    read_bare_labels,
    read_boxes,
    read_categories,
    read_labels,
    read_partition,
    record_notes,
)
from datrnet.core.research.datasets.listing import Entry, ItemListing
from datrnet.core.research.datasets.text_files import check_folder, check_length

Annotation = Literal["auto", "fine", "coarse"]

FINE_TYPES = {1: "texture", 2: "sleeve", 3: "length", 4: "neckline", 5: "fabric", 6: "fit"}
COARSE_TYPES = {1: "texture", 3: "shape"}

RARE = 20
"""A coarse value of fewer images is left out together with its images."""

NUM_TRIED = 200
"""Images that are tried to find the folder that the names are relative to."""

ATTRIBUTES = "list_attr_cloth.txt"
LABELS = "list_attr_img.txt"
PARTITION = "list_eval_partition.txt"
CATEGORIES = "list_category_cloth.txt"
CATEGORY_OF_IMAGE = "list_category_img.txt"
BOXES = "list_bbox.txt"

PICTURE_MEND = "Specify the folder that contains the folder img with --images DIR."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The annotation to read."""

    kind: Literal["fine", "coarse"]
    folder: Path
    root: Path
    """The data set's folder."""

    @property
    def partition(self) -> Path:
        default = self.root / "Eval"
        folders = [default, self.folder, self.root]
        return next((f for f in folders if (f / PARTITION).exists()), default) / PARTITION

    @property
    def headed_lists(self) -> list[Path]:
        """The lists, except the labels, whose first line has the number of records."""
        names = [ATTRIBUTES, BOXES]
        names += [CATEGORIES, CATEGORY_OF_IMAGE] if self.kind == "coarse" else []
        paths = [*(self.folder / name for name in names), self.partition]
        return [path for path in paths if path.exists()]

    def part(self, path: Path) -> str:
        """Return the name of a file for a summary."""
        return path.relative_to(self.root).as_posix()


def list_deepfashion(
    folder: Path,
    images: Path,
    annotation: Annotation = "auto",
    *,
    crop: bool = False,
    on_read: Progress = no_progress,
) -> ItemListing:
    """List the images of an annotation with their labels, splits and pictures.

    Args:
        folder: The data set's folder, or the annotation's in it.
        images: The folder that contains ``img``; its parent or ``img`` itself work too.
        annotation: ``auto`` reads the fine annotation if it exists, else the coarse one.
        crop: Whether pictures are cut to their bounding boxes.
        on_read: Called with how much has been read.

    Raises:
        UnknownNameError: There is no such folder.
        DataError: A file is missing or damaged, or two of them disagree.
    """
    found = _find(folder, annotation)
    read = _fine if found.kind == "fine" else _coarse
    return read(found, images, crop, on_read)


def _find(folder: Path, annotation: Annotation) -> _Found:
    check_folder(folder)
    inside = folder.absolute().name.startswith("Anno")
    root = folder.absolute().parent if inside else folder.absolute()
    places: tuple[tuple[Literal["fine", "coarse"], str], ...] = (
        ("fine", "Anno_fine"),
        ("coarse", "Anno_coarse"),
        ("coarse", "Anno"),
    )
    for kind, name in places:
        fits = annotation in (kind, "auto") and (not inside or name == folder.absolute().name)
        if fits and (root / name / ATTRIBUTES).exists():
            return _Found(kind=kind, folder=root / name, root=root)
    names = [name for kind, name in places if annotation in (kind, "auto")]
    raise DataError(
        f"{folder} has no {ATTRIBUTES} in {' or '.join(names)}.",
        hint="Use the folder that contains DeepFashion's Anno_fine or Anno_coarse, and Eval.",
    )


def _fine(found: _Found, images: Path, crop: bool, on_read: Progress) -> ItemListing:
    names, columns = read_attributes(found.folder / ATTRIBUTES)
    _require_types(found, names, FINE_TYPES)
    if set(names) != set(FINE_TYPES):
        extra = min(set(names) - set(FINE_TYPES))
        raise DataError(
            f"{found.folder / ATTRIBUTES} has attributes of type {extra}: the fine annotation "
            f"has types 1 to {len(FINE_TYPES)}.",
            hint="Use --annotation coarse if it is the coarse annotation.",
        )
    chosen = [columns[kind] for kind in FINE_TYPES]
    parts = [
        _bare_part(found, word, chosen, crop)
        for word in ("train", "val", "test")
        if (found.folder / f"{word}.txt").exists()
    ] or [_list_part(found, chosen, sum(map(len, columns.values())), crop, on_read)]
    for part in parts:
        for row, place in np.argwhere(part.num_positive != 1)[::-1].tolist():
            number, name = part.num_positive[row, place], list(FINE_TYPES.values())[place]
            part.objections[row] = f"{number} values of {name} are 1; exactly one must be."
    file = "…_attr.txt" if (found.folder / "train.txt").exists() else LABELS
    sources = {name: f"{file}, type {kind}" for kind, name in FINE_TYPES.items()}
    values = {name: tuple(names[kind]) for kind, name in FINE_TYPES.items()}
    return _listing(found, images, parts, values, sources)


def _coarse(found: _Found, images: Path, crop: bool, on_read: Progress) -> ItemListing:
    names, columns = read_attributes(found.folder / ATTRIBUTES)
    _require_types(found, names, COARSE_TYPES)
    chosen = [columns[kind] for kind in COARSE_TYPES]
    category_names, category_of = read_categories(
        found.folder / CATEGORIES, found.folder / CATEGORY_OF_IMAGE
    )
    part = _list_part(found, chosen, sum(map(len, columns.values())), crop, on_read)
    categories = [category_of.get(image, -1) for image in part.images]
    for row, category in enumerate(categories):
        if category < 0:
            part.objections[row] = "list_category_img.txt does not list the image."
    column = np.array(categories, dtype=np.int16).reshape(-1, 1)
    labels = np.concatenate([column, part.labels], axis=1)
    single = (part.num_positive == 1).all(axis=1)
    known = column[:, 0] >= 0
    part.kept = _without_rare(labels, single & known)
    num_rare = int((single & known).sum() - part.kept.sum())
    values = {"category": tuple(category_names)}
    values |= {name: tuple(names[kind]) for kind, name in COARSE_TYPES.items()}
    values, part.labels = _used(values, labels, part.kept)
    part.kept |= single & ~known  # to be reported
    sources = {"category": "list_category_img.txt"}
    sources |= {name: f"{LABELS}, type {kind}" for kind, name in COARSE_TYPES.items()}
    note = (
        f"{single.sum():,} of {len(single):,} images have exactly one texture and one shape; "
        f"{num_rare:,} of them are skipped, because fewer than {RARE} images have one of their "
        "values."
    )
    return _listing(found, images, [part], values, sources, (note,))


def _require_types(
    found: _Found, names: Mapping[int, Sequence[str]], types: Mapping[int, str]
) -> None:
    missing = [f"{kind} ({name})" for kind, name in types.items() if kind not in names]
    if missing:
        raise DataError(
            f"{found.folder / ATTRIBUTES} has no attribute of type {missing[0]}, "
            f"which the {found.kind} annotation has.",
            hint="Choose the other annotation with --annotation, or download the file again.",
        )


def _list_part(
    found: _Found, columns: Sequence[NDArray[np.intp]], width: int, crop: bool, on_read: Progress
) -> ImageList:
    """Read the images of ``list_attr_img.txt``; splits and boxes have their own lists."""
    splits = read_partition(found.partition)
    boxes = read_boxes(found.folder / BOXES) if crop else {}
    part = read_labels(found.folder / LABELS, columns, width, on_read)
    for row, image in enumerate(part.images):
        if image not in splits:
            part.objections[row] = f"{PARTITION} does not list the image."
        elif crop and image not in boxes:
            part.objections[row] = f"{BOXES} does not list the image."
    part.splits = [splits.get(image, "") for image in part.images]
    part.boxes = [boxes.get(image, "") for image in part.images]
    return part


def _bare_part(
    found: _Found, word: str, columns: Sequence[NDArray[np.intp]], crop: bool
) -> ImageList:
    """Read the images of one split, whose labels and boxes are in separate files."""
    names = found.folder / f"{word}.txt"
    part = read_bare_labels(names, found.folder / f"{word}_attr.txt", columns)
    part.splits = [SPLIT_WORDS[word]] * len(part.images)
    if crop:
        path = found.folder / f"{word}_bbox.txt"
        part.boxes = read_bare_boxes(path)
        check_length(path, len(part.boxes), names, len(part.images))
    return part


def _without_rare(labels: NDArray[np.int16], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which images remain; leaving images out can make other values rare."""
    while True:
        stay = kept.copy()
        for column in labels.T:
            counts = np.bincount(column[kept], minlength=int(column.max(initial=0)) + 1)
            stay &= (counts >= RARE)[column]
        if (stay == kept).all():
            return stay
        kept = stay


def _used(
    values: Mapping[str, tuple[str, ...]], labels: NDArray[np.int16], kept: NDArray[np.bool_]
) -> tuple[dict[str, tuple[str, ...]], NDArray[np.int16]]:
    """Return only the values in use, and the labels as indexes into them."""
    used: dict[str, tuple[str, ...]] = {}
    numbered = np.full_like(labels, UNLABELED)
    for column, (name, known) in enumerate(values.items()):
        carried, places = np.unique(labels[kept, column], return_inverse=True)
        used[name] = tuple(known[value] for value in carried)
        numbered[kept, column] = places
    return used, numbered


def _listing(
    found: _Found,
    images: Path,
    parts: Sequence[ImageList],
    values: Mapping[str, tuple[str, ...]],
    sources: Mapping[str, str],
    notes: tuple[str, ...] = (),
) -> ItemListing:
    entries: list[Entry] = []
    problems: list[Problem] = []
    rows: list[NDArray[np.int16]] = []
    root = _image_root(images, parts[0])
    for part in parts:
        file, first = found.part(part.path), part.first_line
        for row in np.flatnonzero(part.kept).tolist():
            if row in part.objections:
                message = part.objections[row]
                problems.append(Problem(line=first + row, message=message, file=file))
                continue
            name, written = part.images[row], part.written[row]
            used = written if (root / written).exists() else name
            entries.append(
                Entry(
                    code=name,
                    picture=f"{root / used}{part.boxes[row]}",
                    split=part.splits[row],
                    file=file,
                    line=first + row,
                    title=_title(name),
                )
            )
            rows.append(part.labels[row])
    return ItemListing(
        names=values,
        entries=entries,
        labels=np.array(rows, dtype=np.int16).reshape(-1, len(values)),
        taken=_taken(found, parts),
        sources=sources,
        problems=tuple(problems),
        notes=(
            *(note for part in parts for note in part.notes),
            *(note for path in found.headed_lists for note in record_notes(path)),
            *notes,
        ),
        picture_mend=PICTURE_MEND,
    )


def _taken(found: _Found, parts: Sequence[ImageList]) -> tuple[tuple[str, str], ...]:
    taken = [
        (found.part(part.path), f"id and picture of {len(part.images):,} images") for part in parts
    ]
    if parts[0].path.name == LABELS:
        taken.append((found.part(found.partition), "split"))
    if any(parts[0].boxes):
        name = BOXES if parts[0].path.name == LABELS else "…_bbox.txt"
        taken.append((name, "the part of the picture to use"))
    return tuple(taken)


def _image_root(images: Path, source: ImageList) -> Path:
    """Return the folder that the images' names are relative to: the given one or one nearby."""
    images = images.absolute()
    samples = list(zip(source.images, source.written, strict=True))[:NUM_TRIED]
    for root in (images, images / "Img", images.parent):
        if any((root / name).exists() for names in samples for name in names):
            return root
    return images


def _title(name: str) -> str:
    """Return the item's title, from the folder of its image."""
    parts = name.split("/")
    return " ".join(parts[-2].split("_")) if len(parts) > 2 else ""
