"""Activation maps of a few items, and how focused those of many items are.

A map of DAtRNet shows what in a picture supports the item's own label in one super-category. A map
of FashionSearchNet shows what supports the value that it predicts, and a frame the region that it
embeds; if the workspace has such a run, its maps are below DAtRNet's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

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
    default_stage,
)
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import tracked
from datrnet.core.research.experiments.charts import (
    FAINT,
    PIXELS,
    draw_picture,
    new_sheet,
    rendered,
    wrapped,
    write,
)
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult, Table
from datrnet.core.retrieval.prototypes import Prototype

COLUMNS = (
    "super-category",
    "maps",
    "share of the map in the middle quarter",
    "share of the picture above half",
    "empty maps",
)
REGION_COLUMN = "share of the picture in the frame"

BELOW = 0.24
"""Height of the words under a map, in inches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMapOptions:
    """What is drawn and measured."""

    num_items: int = 8
    """Rows of the sheet."""
    num_measured: int = 100
    """Items behind the table, those of the sheet among them."""
    seed: int = 0
    """For drawing the items."""
    ase: int = 0
    """The ASE whose output is shown, from 1: later ones decide more, earlier ones are finer; 0 is
    the last of them that has a map of at least 8 x 8."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, num_items=1, num_measured=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemMaps:
    """The maps of an item."""

    row: int
    """In the catalog."""
    looks: tuple[tuple[Look | None, ...], ...]
    """By system and super-category; None without a value to look for."""


def run(context: Context, options: ActivationMapOptions) -> ExperimentResult:
    """Draw a sheet of activation maps and measure how focused they are.

    Raises:
        DataError: The index has no item of the split, or none of their pictures can be read.
        IndexStaleError: There is no index.
        CheckpointError: The networks that made it are gone.
        ConfigError: captum is not installed, or the index is of a system without maps.
    """
    runs = _runs(context)
    items = item_maps(context, options, runs)
    main, *further = [_table(context, run, items, number) for number, run in enumerate(runs)]
    return ExperimentResult(
        title="Class activation maps (supplementary, section 5)",
        columns=main.columns,
        rows=main.rows,
        further=tuple(further),
        notes=(
            *(_about(run, context, options) for run in runs),
            "Share of the map in the middle quarter: the part of the activation in the middle half "
            "of the width and of the height; an even map has 0.250.",
            "Share of the picture above half: the part with more than half of the maximum; the "
            "smaller, the more focused. Both are means over the maps that are not empty; a map is "
            "empty if nothing in the picture supports the label.",
        ),
        pictures={"activation-maps": draw_sheet(context, runs, items[: options.num_items])},
    )


def _runs(context: Context) -> tuple[RunFolder, ...]:
    """Return the run of the current index and, next to DAtRNet's, the newest with regions.

    It must have the super-categories of the index; it may be much older.
    """
    current = context.run
    if not current.config.system.is_datrnet:
        return (current,)
    names = {category.name for category in context.generation.super_categories}
    for row in reversed(context.store.runs()):
        folder = context.workspace.models / row.name
        if row.system == LOCALIZED and row.status == "finished" and folder.exists():
            localized = RunFolder.open(folder)
            if names <= {category.name for category in localized.super_categories}:
                return current, localized
    return (current,)


def _about(run: RunFolder, context: Context, options: ActivationMapOptions) -> str:
    """Explain a system's maps and their resolution."""
    config = run.config
    if not config.system.is_datrnet:
        return (
            f"{config.system.name} ({run.name}): the map of the value that its classifier "
            "predicts, and in a frame the region that its branch embeds, whatever the label is."
        )
    side, ase = config.model.image_size, _ase(context, options)
    cells = side // (config.model.stem_stride * 2**ase)
    return (
        f"The map after ASE {ase} of {config.model.num_ase} has {cells} × {cells} numbers for a "
        f"picture of {side} × {side} pixels; it shows nothing finer, and with few numbers the maps "
        "of the networks look alike."
    )


def item_maps(
    context: Context, options: ActivationMapOptions, runs: Sequence[RunFolder]
) -> tuple[ItemMaps, ...]:
    """Return the maps of items drawn by seed, the fully labeled ones first.

    Raises:
        DataError: The index has no item of the split, or none of their pictures can be read.
    """
    items, categories = context.items(), context.generation.super_categories
    stage = _ase(context, options) - 1
    makers = [ActivationMaps(run, stage) for run in runs]
    chosen = _chosen(items.labels, max(options.num_items, options.num_measured), options.seed)
    found = []
    for item in tracked(chosen.tolist(), "Activation maps", context.on_progress):
        row, labels = int(items.rows[item]), items.labels[item]
        picture = context.workspace.picture(context.catalog.picture_paths[row])
        wanted = {
            category.name: _prototype(context, block, int(labels[block]))
            for block, category in enumerate(categories)
        }
        try:
            looks = tuple(
                tuple(maps.look(picture, *pair) for pair in wanted.items()) for maps in makers
            )
        except DataError:  # its picture cannot be read
            continue
        found.append(ItemMaps(row=row, looks=looks))
    if not found:
        raise DataError(
            f"No picture of the split {context.split!r} can be read.",
            hint="Import the catalog again with its pictures in place.",
        )
    return tuple(found)


def _ase(context: Context, options: ActivationMapOptions) -> int:
    """Return the number of the ASE that is shown, from 1."""
    model = context.run.config.model
    if not 0 <= options.ase <= model.num_ase:
        raise ConfigError(f"ase is {options.ase}; it must be between 1 and {model.num_ase}, or 0.")
    return options.ase or default_stage(model) + 1


def _chosen(labels: NDArray[np.int16], num_items: int, seed: int) -> NDArray[np.int64]:
    """Return places of items (n, A) in an order drawn by seed, the fully labeled ones first."""
    order = np.random.default_rng(seed).permutation(len(labels))
    num_missing = (labels[order] == UNLABELED).sum(axis=1)
    return order[np.argsort(num_missing, kind="stable")][:num_items]


def _prototype(context: Context, block: int, value: int) -> Prototype | None:
    """Return the prototype of a value; None without a value, or without a prototype of it."""
    category = context.generation.super_categories[block]
    embedding = context.generation.prototypes_of(block)[value]
    if value == UNLABELED or np.isnan(embedding).any():
        return None
    name = category.values[value]
    return Prototype(super_category=category.name, value=name, embedding=embedding, num_items=None)


def _table(context: Context, run: RunFolder, items: Sequence[ItemMaps], number: int) -> Table:
    """Return how focused a system's maps are, a row for each super-category."""
    is_datrnet = run.config.system.is_datrnet
    return Table(
        title=f"{run.config.system.name} ({run.name})",
        columns=COLUMNS if is_datrnet else (*COLUMNS, REGION_COLUMN),
        rows=tuple(
            focus_row(category.name, [item.looks[number][block] for item in items])
            for block, category in enumerate(context.generation.super_categories)
        ),
    )


def focus_row(super_category: str, looks: Sequence[Look | None]) -> tuple[Cell, ...]:
    """Return the row of a super-category: how focused its maps, and regions, are."""
    shown = [look for look in looks if look is not None]
    maps = [look.heat for look in shown if look.heat.max() > 0]
    regions = [look.region for look in shown if look.region is not None]
    areas = [(bottom - top) * (right - left) for top, left, bottom, right in regions]
    return (
        super_category,
        len(shown),
        float(np.mean(list(map(_in_the_middle, maps)))) if maps else None,
        float(np.mean([(heat > 0.5).mean() for heat in maps])) if maps else None,
        len(shown) - len(maps),
        *((float(np.mean(areas)),) if areas else ()),
    )


def _in_the_middle(heat: NDArray[np.float32]) -> float:
    """Return the share of a map in the middle half of both its sides."""
    height, width = heat.shape
    middle = heat[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(middle.sum() / heat.sum())


def draw_sheet(
    context: Context, runs: Sequence[RunFolder], items: Sequence[ItemMaps]
) -> Image.Image:
    """Return the sheet: an item's picture, then a map for each super-category; a row per system.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    categories = context.generation.super_categories
    rows, columns = list(product(items, range(len(runs)))), 1 + len(categories)
    sheet = new_sheet(len(rows), columns, BELOW)
    for axes, heading in zip(sheet.axes, ("Picture", *(c.name for c in categories)), strict=False):
        write(axes, wrapped(heading, bold=True), top=1.18, bold=True)
    for number, (item, system) in enumerate(rows):
        first, *others = sheet.axes[number * columns : (number + 1) * columns]
        picture, labels = context.picture(item.row, PIXELS), context.catalog.labels_of(item.row)
        draw_picture(first, picture)
        name = runs[system].config.system.name if system else context.catalog.codes[item.row]
        write(first, wrapped(name), color=FAINT)
        for axes, category, look in zip(others, categories, item.looks[system], strict=True):
            if picture is not None and look is not None:
                draw_picture(axes, overlay_heatmap(picture, look.heat, look.region))
            write(axes, wrapped(_caption(labels[category.name], look)))
    return rendered(sheet)


def _caption(label: str | None, look: Look | None) -> str:
    """Return the words below a map: its value, or why there is none."""
    if look is not None:
        return look.value if look.region is None else f"predicted: {look.value}"
    return "no label" if label is None else f"{label}: no prototype"
