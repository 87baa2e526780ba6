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
from datrnet.core.catalog.column_names import SPLIT_WORDS
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
from datrnet.core.research.datasets.listing import Entry, ItemListing, Names, used_values
from datrnet.core.research.datasets.text_files import check_folder, check_length

Annotation = Literal["auto", "fine", "coarse"]

Kind = Literal["fine", "coarse"]

TYPES: Mapping[Kind, Mapping[int, str]] = {
    "fine": {1: "texture", 2: "sleeve", 3: "length", 4: "neckline", 5: "fabric", 6: "fit"},
    "coarse": {1: "texture", 3: "shape"},
}
"""The super-category of each type of attributes that is taken."""

FOLDERS: Sequence[tuple[Kind, str]] = (
    ("fine", "Anno_fine"),
    ("coarse", "Anno_coarse"),
    ("coarse", "Anno"),
)

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

PICTURE_HINT = "Specify the folder that contains the folder img with --images DIR."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The annotation to read."""

    kind: Kind
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
    types = TYPES[found.kind]
    names, columns = read_attributes(found.folder / ATTRIBUTES)
    _check_types(found, names)
    chosen, width = [columns[kind] for kind in types], sum(map(len, columns.values()))
    words = [
        word
        for word in ("train", "val", "test")
        if found.kind == "fine" and (found.folder / f"{word}.txt").exists()
    ]
    parts = [_bare_part(found, word, chosen, crop) for word in words]
    parts = parts or [_list_part(found, chosen, width, crop, on_read)]
    file = "…_attr.txt" if words else LABELS
    values = {name: tuple(names[kind]) for kind, name in types.items()}
    sources = {name: f"{file}, type {kind}" for kind, name in types.items()}
    notes = [note for part in parts for note in part.notes]
    notes += [note for path in found.headed_lists for note in record_notes(path)]
    if found.kind == "fine":
        _object_to_ambiguous(parts, types)
    else:
        values, note = _reduce(found, parts[0], values)
        sources, notes = {"category": CATEGORY_OF_IMAGE, **sources}, [*notes, note]
    return ItemListing(
        names=values,
        entries=_entries(found, images, parts),
        labels=np.concatenate([part.labels[part.kept] for part in parts]),
        taken=_taken(found, parts),
        sources=sources,
        notes=tuple(notes),
        picture_hint=PICTURE_HINT,
    )


def _find(folder: Path, annotation: Annotation) -> _Found:
    check_folder(folder)
    inside = folder.absolute().name.startswith("Anno")
    root = folder.absolute().parent if inside else folder.absolute()
    places = [(kind, name) for kind, name in FOLDERS if annotation in (kind, "auto")]
    for kind, name in places:
        fits = not inside or name == folder.absolute().name
        if fits and (root / name / ATTRIBUTES).exists():
            return _Found(kind=kind, folder=root / name, root=root)
    names = [name for _, name in places]
    raise DataError(
        f"{folder} has no {ATTRIBUTES} in {' or '.join(names)}.",
        hint="Use the folder that contains DeepFashion's Anno_fine or Anno_coarse, and Eval.",
    )


def _check_types(found: _Found, names: Mapping[int, Sequence[str]]) -> None:
    """Check that the attributes are those of the annotation."""
    path, types = found.folder / ATTRIBUTES, TYPES[found.kind]
    for kind, name in types.items():
        if kind not in names:
            raise DataError(
                f"{path} has no attribute of type {kind} ({name}), "
                f"which the {found.kind} annotation has.",
                hint="Choose the other annotation with --annotation, or download the file again.",
            )
    extra = names.keys() - types.keys()
    if found.kind == "fine" and extra:
        raise DataError(
            f"{path} has attributes of type {min(extra)}: the fine annotation "
            f"has types 1 to {len(types)}.",
            hint="Use --annotation coarse if it is the coarse annotation.",
        )


def _object_to_ambiguous(parts: Sequence[ImageList], types: Mapping[int, str]) -> None:
    """Object to images without a single value in each super-category."""
    names = list(types.values())
    for part in parts:
        for row, place in np.argwhere(part.num_positive != 1)[::-1].tolist():
            number = part.num_positive[row, place]
            part.objections[row] = f"{number} values of {names[place]} are 1; exactly one must be."


def _reduce(
    found: _Found, part: ImageList, values: Names
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Keep the images with a single value, which is not rare, in each super-category.

    Returns:
        The values that are left, those of the category first, and a note on what is left out.
    """
    names, category_of = read_categories(
        found.folder / CATEGORIES, found.folder / CATEGORY_OF_IMAGE
    )
    categories = np.array([category_of.get(image, -1) for image in part.images], dtype=np.int16)
    for row in np.flatnonzero(categories < 0).tolist():
        part.objections[row] = f"{CATEGORY_OF_IMAGE} does not list the image."
    labels = np.column_stack([categories, part.labels])
    single, known = (part.num_positive == 1).all(axis=1), categories >= 0
    kept = _without_rare(labels, single & known)
    labels[~kept] = UNLABELED
    used, part.labels = used_values({"category": tuple(names), **values}, labels)
    part.kept = kept | (single & ~known)  # the unknown ones are reported
    return used, (
        f"{single.sum():,} of {len(single):,} images have exactly one texture and one shape; "
        f"{(single & known).sum() - kept.sum():,} of them are skipped, because fewer than {RARE} "
        "images have one of their values."
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


def _entries(found: _Found, images: Path, parts: Sequence[ImageList]) -> list[Entry]:
    root, entries = _image_root(images, parts[0]), []
    for part in parts:
        for row in np.flatnonzero(part.kept).tolist():
            name, written = part.images[row], part.written[row]
            used = written if (root / written).exists() else name
            entries.append(
                Entry(
                    code=name,
                    picture=f"{root / used}{part.boxes[row]}",
                    split=part.splits[row],
                    file=found.part(part.path),
                    line=part.first_line + row,
                    title=_title(name),
                    objection=part.objections.get(row, ""),
                )
            )
    return entries


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
