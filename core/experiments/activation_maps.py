"""Where the networks look: class activation maps of a few items, and how focused those of many are.

A map shows what of a picture speaks for the item's own label in one super-category.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.config import at_least
from datrnet.core.data.catalog import UNLABELED
from datrnet.core.data.overlay import overlaid
from datrnet.core.data.pictures import picture_pixels
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.experiments.drawing import FAINT, Sheet
from datrnet.core.experiments.outcome import Cell, Outcome
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.split_items import item_picture, items_of
from datrnet.core.models.activation import activation_map, usual_stage
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.retrieval.generation import Generation

COLUMNS = (
    "super-category",
    "maps",
    "share of the map in the middle quarter",
    "share of the picture above half",
    "empty maps",
)

SIDE = 150
"""Of a picture, in pixels."""

GAP = 12
HEADER = 36
CAPTION = 22

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is drawn and measured."""

    num_items: int = 8
    """Rows of the sheet."""
    num_measured: int = 100
    """Items that the table is made of, those of the sheet among them."""
    seed: int = 0
    """Of the items drawn."""
    ase: int = 0
    """Which ASE's output is looked at, from 1: the later ones decide more, the earlier ones are
    finer; 0 is the last of them that has a map of 8 x 8 or more."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, num_items=1, num_measured=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemMaps:
    """One item's maps."""

    row: int
    """In the catalogue."""
    maps: tuple[Map | None, ...]
    """(S, S) for each super-category; None without a label or a prototype."""


def run(setting: Setting, options: Options) -> Outcome:
    """Draw a sheet of activation maps and measure how focused they are.

    Raises:
        DataError: The index has no item of the split, or no picture of one can be read.
        IndexStaleError: There is no index.
        CheckpointError: The networks that made it are gone.
        ConfigError: captum is not installed.
    """
    found = maps_of(setting, options)
    side = setting.run.config.model.image_size
    ase = _ase(setting, options)
    cells = side // (setting.run.config.model.stem_stride * 2**ase)
    return Outcome(
        title="Class activation maps (supplementary, section 5)",
        columns=COLUMNS,
        rows=tuple(
            measured(category.name, [one.maps[block] for one in found])
            for block, category in enumerate(setting.generation.super_categories)
        ),
        notes=(
            f"The map after ASE {ase} of {setting.run.config.model.num_ase} has {cells} × {cells} "
            f"numbers for a picture of {side} × {side} pixels: nothing finer can show, and where "
            "there are few the networks' maps look alike.",
            "Share of the map in the middle quarter: of all warmth, what lies in the middle half "
            "of the width and of the height; a map that is the same everywhere has 0.250.",
            "Share of the picture above half: how much of it is warmer than half of the warmest "
            "place; the smaller, the more focused. Both are means over the maps that are not "
            "empty; a map is empty when nothing in the picture speaks for the label.",
        ),
        pictures={"activation-maps": drawn(setting, found[: options.num_items])},
    )


def maps_of(setting: Setting, options: Options) -> tuple[ItemMaps, ...]:
    """Return the maps of items drawn by seed, those labelled throughout first.

    Raises:
        DataError: The index has no item of the split, or no picture of one can be read.
    """
    items, run = items_of(setting), setting.run
    categories = setting.generation.super_categories
    networks = [run.load_network(run.idx_of(one.name)) for one in categories]
    stage = _ase(setting, options) - 1
    chosen = _chosen(items.labels, max(options.num_items, options.num_measured), options.seed)
    found = []
    for done, item in enumerate(chosen):
        setting.on_progress("Activation maps", done, len(chosen))
        row = int(items.rows[item])
        try:
            picture = setting.workspace.picture(setting.catalog.picture_paths[row])
            pixels = picture_pixels(picture, run.config.model.image_size)
        except DataError:
            continue
        maps = [
            _map(setting.generation, network, pixels, block, int(items.labels[item, block]), stage)
            for block, network in enumerate(networks)
        ]
        found.append(ItemMaps(row=row, maps=tuple(maps)))
    setting.on_progress("Activation maps", len(chosen), len(chosen))
    if not found:
        raise DataError(
            f"No picture of the split {setting.split!r} can be read.",
            mend="Import the catalogue again with its pictures in place.",
        )
    return tuple(found)


def _ase(setting: Setting, options: Options) -> int:
    """Return which ASE is looked at, from 1."""
    most = setting.run.config.model.num_ase
    if not 0 <= options.ase <= most:
        raise ConfigError(f"ase is {options.ase}; it must be between 1 and {most}, or 0.")
    return options.ase or usual_stage(setting.run.config.model) + 1


def _chosen(labels: NDArray[np.int16], num_items: int, seed: int) -> NDArray[np.int64]:
    """Return places of items (n, A): in an order drawn by seed, the fully labelled ones first."""
    order = np.random.default_rng(seed).permutation(len(labels))
    num_missing = (labels[order] == UNLABELED).sum(axis=1)
    return order[np.argsort(num_missing, kind="stable")][:num_items]


def _map(
    generation: Generation,
    network: DAtRNet,
    pixels: NDArray[np.uint8],
    block: int,
    value: int,
    stage: int,
) -> Map | None:
    """Return the map of a value, None where there is no value or no prototype of it."""
    if value == UNLABELED or np.isnan(generation.prototypes_of(block)[value]).any():
        return None
    return activation_map(network, pixels, generation.prototypes_of(block)[value], stage=stage)


def measured(super_category: str, maps: Sequence[Map | None]) -> tuple[Cell, ...]:
    """Return the table's row of a super-category: how focused its maps are."""
    there = [one for one in maps if one is not None]
    warm = [one for one in there if one.max() > 0]
    return (
        super_category,
        len(there),
        float(np.mean([_in_the_middle(one) for one in warm])) if warm else None,
        float(np.mean([(one > 0.5).mean() for one in warm])) if warm else None,
        len(there) - len(warm),
    )


def _in_the_middle(heat: Map) -> float:
    """Return how much of a map lies in the middle half of both its sides."""
    height, width = heat.shape
    middle = heat[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(middle.sum() / heat.sum())


def drawn(setting: Setting, found: Sequence[ItemMaps]) -> Image.Image:
    """Return the sheet: a row an item, its picture and then a map for each super-category.

    Raises:
        ConfigError: matplotlib, whose letters are used, is not installed.
    """
    categories = setting.generation.super_categories
    row_height = SIDE + CAPTION + GAP
    sheet = Sheet(GAP + (1 + len(categories)) * (SIDE + GAP), HEADER + len(found) * row_height)
    for column, words in enumerate(("Picture", *(one.name for one in categories))):
        sheet.write(words, _left(column), 10, SIDE, size=15, bold=True)
    for number, one in enumerate(found):
        top = HEADER + number * row_height
        picture = item_picture(setting, one.row, SIDE)
        sheet.put(picture, _left(0), top, SIDE)
        sheet.write(setting.catalog.codes[one.row], _left(0), top + SIDE + 3, SIDE, colour=FAINT)
        labels = setting.catalog.labels_of(one.row)
        for column, (category, heat) in enumerate(zip(categories, one.maps, strict=True), start=1):
            label = labels[category.name]
            if picture is not None and heat is not None:
                sheet.put(overlaid(picture, heat), _left(column), top, SIDE)
            elif label is not None:
                label += ": no prototype"
            sheet.write(label or "no label", _left(column), top + SIDE + 3, SIDE)
    return sheet.picture


def _left(column: int) -> int:
    return GAP + column * (SIDE + GAP)
