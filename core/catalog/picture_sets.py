"""Exports the catalog for programs that look at labeled pictures: COCO's format, and FiftyOne.

Both are folders of JSON; pictures stay where they are and are named by their whole path.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.export import check_parent, check_target, typed_fact, write_files
from datrnet.core.catalog.pictures import Picture, upright_size
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress, no_progress

PictureSetFormat = Literal["coco", "fiftyone"]

NO_SPLIT = "no-split"
"""Name of the file with the items that have no split."""

_TAKEN_FIELDS = (
    *("id", "filepath", "tags", "metadata", "created_at", "last_modified_at"),
    *("item", "title", "group", "hidden", "facts"),
)
"""Fields that every sample of FiftyOne has, and those that are not labels."""

README = """\
# Samples for FiftyOne, written by datrnet

`samples.json` has an object per item. To load it:

    import json
    import fiftyone as fo

    samples = []
    for item in json.load(open("samples.json", encoding="utf-8")):
        sample = fo.Sample(filepath=item["filepath"], tags=item["tags"])
        for name in ("item", "title", "group", "hidden", "facts"):
            sample[name] = item[name]
        for name, values in item["labels"].items():
            found = [fo.Classification(label=value) for value in values]
            sample[name] = fo.Classifications(classifications=found)
        samples.append(sample)
    dataset = fo.Dataset("catalog")
    dataset.add_samples(samples)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSetSummary:
    """Summary of an exported set of pictures."""

    folder: Path
    num_items: dict[str, int]
    """By file."""
    num_labels: int
    unreadable: tuple[str, ...]
    """Ids of the items left out, since their pictures cannot be read."""


def export_picture_set(
    workspace: Workspace,
    folder: Path,
    file_format: PictureSetFormat,
    on_progress: StepProgress = no_progress,
    *,
    force: bool = False,
) -> PictureSetSummary:
    """Write the labels of all pictures as a folder.

    Args:
        workspace: Its catalog is written.
        folder: Created if it does not exist.
        file_format: ``coco`` or ``fiftyone``.
        on_progress: Called after each item.
        force: Whether to write over files.

    Raises:
        DatabaseError: The workspace has no catalog.
        DataError: The folder has such files, is in none, or cannot be written.
    """
    check_parent(folder)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    writer = _Writer(workspace, catalog, on_progress)
    if file_format == "fiftyone":
        samples = list(writer.samples())
        files: dict[str, Any] = {"samples.json": samples, "README.md": README}
        counts = {"samples.json": len(samples)}
        num_labels = sum(len(values) for s in samples for values in s["labels"].values())
    else:
        files = dict(writer.coco_files())
        counts = {name: len(content["images"]) for name, content in files.items()}
        num_labels = sum(len(content["annotations"]) for content in files.values())
    if folder.is_dir():
        for name in files:
            check_target(folder / name, force=force)
    texts = {
        name: content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        for name, content in files.items()
    }
    write_files(folder, {name: [text.encode()] for name, text in texts.items()})
    return PictureSetSummary(
        folder=folder,
        num_items=counts,
        num_labels=num_labels,
        unreadable=tuple(writer.unreadable),
    )


def _field_name(name: str) -> str:
    """Return a super-category as a field of a sample: no dot, no underscore first, none twice."""
    field = name.replace(".", " ").lstrip("_ ")
    return f"{field} label" if not field or field in _TAKEN_FIELDS else field


class _Writer:
    """Lists the items of a catalog as other programs want them."""

    def __init__(self, workspace: Workspace, catalog: Catalog, on_progress: StepProgress) -> None:
        self.unreadable: list[str] = []
        self._workspace = workspace
        self._catalog = catalog
        self._on_progress = on_progress
        self._kinds = {column.name: column.kind for column in catalog.facts.columns}

    def _items(self) -> Iterator[tuple[int, Picture, tuple[int, int]]]:
        """Yield the row, the picture and its size of every item whose picture can be read."""
        for row, stored in enumerate(self._catalog.picture_paths):
            try:
                picture = self._workspace.picture(stored)
                yield row, picture, upright_size(picture.path)
            except DataError:
                self.unreadable.append(self._catalog.codes[row])
            self._on_progress(row + 1, self._catalog.num_items)

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield an object per item."""
        for row, picture, _ in self._items():
            split = str(self._catalog.splits[row])
            yield {
                "filepath": str(picture.path),
                "tags": [split] if split else [],
                "item": self._catalog.codes[row],
                "title": self._catalog.titles[row],
                "group": self._catalog.facts.group(row),
                "hidden": bool(self._catalog.is_hidden[row]),
                "labels": {
                    _field_name(name): list(values)
                    for name, values in self._catalog.values_of(row).items()
                    if values
                },
                "facts": {
                    name: typed_fact(self._kinds[name], text)
                    for name, text in self._catalog.facts.of(row).items()
                },
            }

    def coco_files(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Return the contents of the file of each split that has items.

        A value is a category, and an item has an annotation for each of its values: its box, or
        the whole picture.
        """
        names = [(c.name, value) for c in self._catalog.super_categories for value in c.values]
        numbers = {name: number for number, name in enumerate(names, start=1)}
        categories = [
            {"id": number, "name": value, "supercategory": name}
            for (name, value), number in numbers.items()
        ]
        files: dict[str, dict[str, Any]] = {}
        for row, picture, size in self._items():
            name = f"{self._catalog.splits[row] or NO_SPLIT}.json"
            content = files.setdefault(
                name,
                {
                    "info": {"description": "A catalog of datrnet", "version": "1.0"},
                    "licenses": [],
                    "images": [],
                    "annotations": [],
                    "categories": categories,
                },
            )
            image_id = int(self._catalog.item_ids[row])
            content["images"].append(
                {
                    "id": image_id,
                    "file_name": str(picture.path),
                    "width": size[0],
                    "height": size[1],
                    "item": self._catalog.codes[row],
                    "hidden": bool(self._catalog.is_hidden[row]),
                }
            )
            content["annotations"] += self._annotations(row, image_id, picture, size, numbers)
        annotations = chain.from_iterable(content["annotations"] for content in files.values())
        for number, annotation in enumerate(annotations, start=1):
            annotation["id"] = number
        return files.items()

    def _annotations(
        self,
        row: int,
        image_id: int,
        picture: Picture,
        size: tuple[int, int],
        numbers: Mapping[tuple[str, str], int],
    ) -> Iterator[dict[str, Any]]:
        box = picture.box
        place = [0, 0, *size] if box is None else [box.x, box.y, box.width, box.height]
        left, top, width, height = place
        right, bottom = left + width, top + height
        outline = [left, top, right, top, right, bottom, left, bottom]
        for name, values in self._catalog.values_of(row).items():
            for value in values:
                yield {
                    "image_id": image_id,
                    "category_id": numbers[name, value],
                    "segmentation": [outline],
                    "bbox": place,
                    "area": width * height,
                    "iscrowd": 0,
                }
