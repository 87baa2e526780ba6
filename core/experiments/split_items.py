"""The items that a figure is drawn of: those of a split that the index has, and their pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datrnet.core.catalog.pictures import read_picture
from datrnet.core.errors import DataError
from datrnet.core.evaluation.assess import gallery_rows
from datrnet.core.experiments.setting import Setting

ABSENT = (225, 225, 225)
"""Colour in place of a picture that cannot be read."""

WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitItems:
    """The indexed items of a split, one array per column."""

    rows: NDArray[np.int64]
    """(n,) in the catalogue."""
    places: NDArray[np.int64]
    """(n,) in the index."""
    labels: NDArray[np.int16]
    """(n, A) in the index's order and numbering, -1 where unlabelled."""

    def __len__(self) -> int:
        return len(self.rows)


def items_of(setting: Setting) -> SplitItems:
    """Return the indexed items of a setting's split, without those of a value new to the index.

    Raises:
        DataError: There are none.
        IndexStaleError: There is no index.
    """
    catalog, generation = setting.catalog, setting.generation
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.encode_labels(generation.super_categories)[rows]
    chosen = gallery_rows(catalog, generation, setting.split)
    there = np.isin(rows, chosen)
    return SplitItems(rows=chosen, places=np.flatnonzero(there), labels=labels[there])


def item_picture(setting: Setting, row: int, size: int | None = None) -> Image.Image | None:
    """Return an item's picture, of about the size it is shown at; None if it cannot be read."""
    stored = setting.catalog.picture_paths[row]
    try:
        return read_picture(setting.workspace.picture(stored), size)
    except DataError:
        return None


def fitted(picture: Image.Image | None, side: int) -> Image.Image:
    """Return a picture in the middle of a white square, whole; a grey square in place of none."""
    if picture is None:
        return Image.new("RGB", (side, side), ABSENT)
    return ImageOps.pad(picture, (side, side), Image.Resampling.LANCZOS, color=WHITE)
