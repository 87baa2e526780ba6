"""Where the networks look: activation maps of a few items, and how focused those of many are.

A map of DAtRNet shows what of a picture speaks for the item's own label in one super-category. One
of FashionSearchNet shows what speaks for the value that it sees, and a frame the region that it
embeds; where the workspace has such a run, it stands beside DAtRNet's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.config import at_least
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.graphics.heatmap import overlay_heatmap
from datrnet.core.indexing.activations import (
    LOCALIZED,
    ActivationMaps,
    Look,
    activation_maps_of,
)
from datrnet.core.models.activation import default_stage
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult, Table
from datrnet.core.research.experiments.sheets import FAINT, Sheet
from datrnet.core.retrieval.prototypes import Prototype

COLUMNS = (
    "super-category",
    "maps",
    "share of the map in the middle quarter",
    "share of the picture above half",
    "empty maps",
)
REGION_COLUMN = "share of the picture in the frame"

SIDE = 150
"""Of a picture, in pixels."""

GAP = 12
HEADER = 36
CAPTION = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMapOptions:
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
class ItemLooks:
    """Where one item is looked at."""

    row: int
    """In the catalogue."""
    looks: tuple[tuple[Look | None, ...], ...]
    """Of each system, for each super-category; None where there is nothing to look for."""


def run(context: Context, options: ActivationMapOptions) -> ExperimentResult:
    """Draw a sheet of activation maps and measure how focused they are.

    Raises:
        DataError: The index has no item of the split, or no picture of one can be read.
        IndexStaleError: There is no index.
        CheckpointError: The networks that made it are gone.
        ConfigError: captum is not installed, or the index is of a system without maps.
    """
    runs = _runs(context)
    found = looks_of(context, options, runs)
    tables = [_table(context, one, found, number) for number, one in enumerate(runs)]
    return ExperimentResult(
        title="Class activation maps (supplementary, section 5)",
        columns=tables[0].columns,
        rows=tables[0].rows,
        further=tuple(tables[1:]),
        notes=(
            *(_about(one, context, options) for one in runs),
            "Share of the map in the middle quarter: of all warmth, what lies in the middle half "
            "of the width and of the height; a map that is the same everywhere has 0.250.",
            "Share of the picture above half: how much of it is warmer than half of the warmest "
            "place; the smaller, the more focused. Both are means over the maps that are not "
            "empty; a map is empty when nothing in the picture speaks for the label.",
        ),
        pictures={"activation-maps": draw_sheet(context, runs, found[: options.num_items])},
    )


def _runs(context: Context) -> tuple[RunFolder, ...]:
    """Return the run of the current index and, beside DAtRNet's, the newest with regions.

    It must be of the same super-categories: it may be older than the index by far.
    """
    current = context.run
    if not current.config.system.is_datrnet:
        return (current,)
    names = {one.name for one in context.generation.super_categories}
    for row in reversed(context.store.runs()):
        folder = context.workspace.models / row.name
        if row.system == LOCALIZED and row.status == "finished" and folder.exists():
            beside = RunFolder.open(folder)
            if names <= {one.name for one in beside.super_categories}:
                return current, beside
    return (current,)


def _about(run: RunFolder, context: Context, options: ActivationMapOptions) -> str:
    """Return what a system's maps are and how fine they can be."""
    if not run.config.system.is_datrnet:
        return (
            f"{run.config.system.name} ({run.name}): the map of the value that its classifier "
            "sees, and in a frame the region that its branch embeds, whatever the label is."
        )
    side, ase = run.config.model.image_size, _ase(context, options)
    cells = side // (run.config.model.stem_stride * 2**ase)
    return (
        f"The map after ASE {ase} of {run.config.model.num_ase} has {cells} × {cells} "
        f"numbers for a picture of {side} × {side} pixels: nothing finer can show, and where "
        "there are few the networks' maps look alike."
    )


def looks_of(
    context: Context, options: ActivationMapOptions, runs: Sequence[RunFolder]
) -> tuple[ItemLooks, ...]:
    """Return where items are looked at that are drawn by seed, those labelled throughout first.

    Raises:
        DataError: The index has no item of the split, or no picture of one can be read.
    """
    items = context.items()
    makers = [
        activation_maps_of(one, _ase(context, options) - 1 if _is_datrnet(one) else None)
        for one in runs
    ]
    chosen = _chosen(items.labels, max(options.num_items, options.num_measured), options.seed)
    found = []
    for done, item in enumerate(chosen):
        context.on_progress("Activation maps", done, len(chosen))
        row = int(items.rows[item])
        try:
            looks = tuple(_looks(context, maps, row, items.labels[item]) for maps in makers)
        except DataError:
            continue
        found.append(ItemLooks(row=row, looks=looks))
    context.on_progress("Activation maps", len(chosen), len(chosen))
    if not found:
        raise DataError(
            f"No picture of the split {context.split!r} can be read.",
            mend="Import the catalogue again with its pictures in place.",
        )
    return tuple(found)


def _is_datrnet(run: RunFolder) -> bool:
    return run.config.system.is_datrnet


def _ase(context: Context, options: ActivationMapOptions) -> int:
    """Return which ASE of DAtRNet is looked at, from 1."""
    most = context.run.config.model.num_ase
    if not 0 <= options.ase <= most:
        raise ConfigError(f"ase is {options.ase}; it must be between 1 and {most}, or 0.")
    return options.ase or default_stage(context.run.config.model) + 1


def _chosen(labels: NDArray[np.int16], num_items: int, seed: int) -> NDArray[np.int64]:
    """Return places of items (n, A): in an order drawn by seed, the fully labelled ones first."""
    order = np.random.default_rng(seed).permutation(len(labels))
    num_missing = (labels[order] == UNLABELED).sum(axis=1)
    return order[np.argsort(num_missing, kind="stable")][:num_items]


def _looks(
    context: Context, maps: ActivationMaps, row: int, labels: NDArray[np.int16]
) -> tuple[Look | None, ...]:
    """Return where one system looks for each super-category; its picture may be unreadable."""
    picture = context.workspace.picture(context.catalog.picture_paths[row])
    return tuple(
        maps.look(picture, category.name, _wanted(context, block, int(labels[block])))
        for block, category in enumerate(context.generation.super_categories)
    )


def _wanted(context: Context, block: int, value: int) -> Prototype | None:
    """Return what stands for a value, None where there is no value or no prototype of it."""
    category = context.generation.super_categories[block]
    if value == UNLABELED:
        return None
    embedding = context.generation.prototypes_of(block)[value]
    if np.isnan(embedding).any():
        return None
    return Prototype(
        super_category=category.name,
        value=category.values[value],
        embedding=embedding,
        num_items=None,
    )


def _table(context: Context, run: RunFolder, found: Sequence[ItemLooks], number: int) -> Table:
    """Return how focused a system's maps are, a row for each super-category."""
    has_regions = not run.config.system.is_datrnet
    return Table(
        title=f"{run.config.system.name} ({run.name})",
        columns=(*COLUMNS, REGION_COLUMN) if has_regions else COLUMNS,
        rows=tuple(
            measured(category.name, [one.looks[number][block] for one in found])
            for block, category in enumerate(context.generation.super_categories)
        ),
    )


def measured(super_category: str, looks: Sequence[Look | None]) -> tuple[Cell, ...]:
    """Return the table's row of a super-category: how focused its maps, and regions, are."""
    there = [one for one in looks if one is not None]
    warm = [one.heat for one in there if one.heat.max() > 0]
    regions = [one.region for one in there if one.region is not None]
    areas = [(bottom - top) * (right - left) for top, left, bottom, right in regions]
    return (
        super_category,
        len(there),
        float(np.mean([_in_the_middle(one) for one in warm])) if warm else None,
        float(np.mean([(one > 0.5).mean() for one in warm])) if warm else None,
        len(there) - len(warm),
        *((float(np.mean(areas)),) if areas else ()),
    )


def _in_the_middle(heat: NDArray[np.float32]) -> float:
    """Return how much of a map lies in the middle half of both its sides."""
    height, width = heat.shape
    middle = heat[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(middle.sum() / heat.sum())


def draw_sheet(
    context: Context, runs: Sequence[RunFolder], found: Sequence[ItemLooks]
) -> Image.Image:
    """Return the sheet: an item's picture, then a map for each super-category; a row a system.

    Raises:
        ConfigError: matplotlib, whose letters are used, is not installed.
    """
    categories = context.generation.super_categories
    row_height = SIDE + CAPTION + GAP
    num_rows = len(found) * len(runs)
    sheet = Sheet(GAP + (1 + len(categories)) * (SIDE + GAP), HEADER + num_rows * row_height)
    for column, words in enumerate(("Picture", *(one.name for one in categories))):
        sheet.write(words, _left(column), 10, SIDE, size=15, bold=True)
    for number, (one, system) in enumerate(
        (one, system) for one in found for system in range(len(runs))
    ):
        top = HEADER + number * row_height
        code = context.catalog.codes[one.row]
        # its code below the picture, the other system below the same picture once more
        name = runs[system].config.system.name if system else code
        picture = context.picture(one.row, SIDE)
        sheet.put(picture, _left(0), top, SIDE)
        sheet.write(name, _left(0), top + SIDE + 3, SIDE, colour=FAINT)
        labels = context.catalog.labels_of(one.row)
        for column, (category, look) in enumerate(
            zip(categories, one.looks[system], strict=True), start=1
        ):
            if picture is not None and look is not None:
                sheet.put(
                    overlay_heatmap(picture, look.heat, look.region), _left(column), top, SIDE
                )
            words = _said(labels[category.name], look)
            sheet.write(words, _left(column), top + SIDE + 3, SIDE)
    return sheet.picture


def _said(label: str | None, look: Look | None) -> str:
    """Return the words below a map: the value that it is of, or why there is none."""
    if look is not None:
        return look.value if look.region is None else f"seen: {look.value}"
    return "no label" if label is None else f"{label}: no prototype"


def _left(column: int) -> int:
    return GAP + column * (SIDE + GAP)
