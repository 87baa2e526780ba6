"""Sheets of activation maps and how focused they are."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, ModelConfig, SystemChoice
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.graphics.heatmap import FRAME, Region
from datrnet.core.indexing.activations import Look
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.research.experiments.activation_maps import (
    BELOW,
    ActivationMapOptions,
    focus_row,
    item_maps,
    run,
)
from datrnet.core.research.experiments.charts import DOTS_PER_INCH, GAP, HEAD, PIXELS, SIDE
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.systems.registry import method_of


def look(heat: np.ndarray, region: Region | None = None) -> Look:
    return Look(heat=heat.astype(np.float32), value="red", region=region)


def test_an_even_map_has_a_quarter_in_the_middle_and_is_warm_throughout() -> None:
    row = focus_row("colour", [look(np.ones((8, 8)))])
    assert row == ("colour", 1, 0.25, 1.0, 0)


def test_figures_are_means_over_maps_that_are_not_empty() -> None:
    middle, corner = np.zeros((2, 4, 4), dtype=np.float32)
    middle[1, 2] = 1  # all of it in the middle, one of 16 pixels
    corner[0, :] = (1, 0.6, 0.5, 0)  # nothing in the middle, two of 16 above a half
    empty = np.zeros((4, 4), dtype=np.float32)
    row = focus_row("colour", [look(middle), look(corner), None, look(empty)])
    assert row == ("colour", 3, pytest.approx(0.5), pytest.approx(1.5 / 16), 1)


def test_without_maps_there_are_no_figures() -> None:
    assert focus_row("colour", [None]) == ("colour", 0, None, None, 0)


def test_regions_are_measured_by_their_area() -> None:
    warm = np.ones((4, 4))
    looks = [look(warm, (0.0, 0.0, 0.5, 1.0)), look(warm, (0.25, 0.5, 0.5, 1.0))]
    assert focus_row("colour", looks)[-1] == pytest.approx((0.5 + 0.125) / 2)


def test_the_sheet_has_a_row_an_item_and_a_column_a_super_category(context: Context) -> None:
    result = run(context, ActivationMapOptions(num_items=3, num_measured=5))
    assert [row[:2] for row in result.rows] == [("colour", 5), ("pattern", 5)]
    assert "4 × 4 numbers for a picture of 16 × 16" not in result.notes[0]
    assert "8 × 8 numbers for a picture of 16 × 16" in result.notes[0]
    sheet = result.pictures["activation-maps"]
    assert sheet.size == sheet_size(rows=3, columns=3)
    # the picture at the left has a white margin, an overlay none
    pixels = np.asarray(sheet)
    left, top = round(GAP * DOTS_PER_INCH), round(HEAD * DOTS_PER_INCH)
    middle = slice(top + 10, top + PIXELS - 10)
    assert (pixels[middle, left + 2] == 255).all()
    second = left + PIXELS + left
    assert not (pixels[top + PIXELS // 2, second + PIXELS // 4 : second + PIXELS // 2] == 255).all()


def sheet_size(rows: int, columns: int) -> tuple[int, int]:
    """Return width and height in pixels."""
    width, height = GAP + columns * (SIDE + GAP), HEAD + rows * (SIDE + BELOW)
    return int(width * DOTS_PER_INCH), int(height * DOTS_PER_INCH)


def test_fully_labeled_items_come_first(context: Context) -> None:
    context = replace(context, split="train")
    found = item_maps(context, ActivationMapOptions(num_items=24, num_measured=1), [context.run])
    assert len(found) == 24
    assert context.catalog.codes[found[-1].row] == "item-11"  # has no color
    assert [shown is None for shown in found[-1].looks[0]] == [True, False]
    assert all(shown is not None for item in found[:-1] for shown in item.looks[0])


def test_the_seed_decides_which(context: Context) -> None:
    def rows(seed: int) -> list[int]:
        return [
            item.row
            for item in item_maps(
                context, ActivationMapOptions(num_measured=8, seed=seed), [context.run]
            )
        ]

    assert rows(1) == rows(1) != rows(2)


def test_a_value_without_a_prototype_has_no_map(context: Context) -> None:
    context.generation.prototypes_of(1)[0] = np.nan  # of the pattern
    found = item_maps(context, ActivationMapOptions(num_measured=12), [context.run])
    assert sum(item.looks[0][1] is None for item in found) == 6
    assert (
        run(context, ActivationMapOptions(num_items=12)).pictures["activation-maps"].height > 2000
    )


def test_pictures_that_cannot_be_read_are_left_out(context: Context) -> None:
    paths = list(context.catalog.picture_paths)
    test_rows = context.catalog.rows_in("test")
    paths[test_rows[0]] = "nowhere.png"
    catalog = replace(context.catalog, picture_paths=paths)
    found = item_maps(
        replace(context, catalog=catalog), ActivationMapOptions(num_measured=12), [context.run]
    )
    assert {item.row for item in found} == {int(row) for row in test_rows[1:]}
    gone = replace(context.catalog, picture_paths=["nowhere.png"] * len(paths))
    with pytest.raises(DataError, match="No picture"):
        run(replace(context, catalog=gone), ActivationMapOptions())


@pytest.mark.parametrize("name", ["num_items", "num_measured"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        ActivationMapOptions(**{name: 0})


def test_the_sheet_is_rgb(context: Context) -> None:
    picture = run(context, ActivationMapOptions(num_items=1, num_measured=1)).pictures[
        "activation-maps"
    ]
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"


@pytest.fixture
def beside(copied: Workspace, tmp_path: Path) -> Iterator[Context]:
    """The setting in a workspace that has a finished run of FashionSearchNet too."""
    with copied.open_store() as store:
        context = Context(
            workspace=copied, store=store, catalog=Catalog.load(store), folder=tmp_path
        )
        small = {"conv_channels": [8, 8], "branch_sizes": [8, 8, 8], "region_size": 1}
        choice = SystemChoice(name="fashionsearchnet", settings=small)
        folder = RunFolder(
            path=copied.models / "localized",
            config=Config(model=ModelConfig(image_size=96), system=choice),
            super_categories=context.generation.super_categories,
        )
        folder.create()
        num_values = tuple(len(category.values) for category in folder.super_categories)
        torch.manual_seed(0)
        save_weights(method_of(choice, 96, num_values), folder.weights_path())
        store.add_run("localized", "fashionsearchnet", "{}")
        store.update_run("localized", status="finished")
        yield context


def test_regions_of_fashionsearchnet_stand_beside_the_maps(beside: Context) -> None:
    result = run(beside, ActivationMapOptions(num_items=3, num_measured=5))
    assert len(result.rows[0]) == 5
    (table,) = result.further
    assert table.title == "fashionsearchnet (localized)"
    assert [row[:2] for row in table.rows] == [("colour", 5), ("pattern", 5)]
    assert all(0 < row[-1] <= 1 for row in table.rows)
    sheet = np.asarray(result.pictures["activation-maps"])
    assert sheet.shape[1::-1] == sheet_size(rows=6, columns=3)
    is_frame = (sheet == FRAME).all(axis=2)
    for number in range(6):  # each item's second row has frames, its first one none
        top = round((HEAD + number * (SIDE + BELOW)) * DOTS_PER_INCH)
        assert is_frame[top : top + PIXELS].any() == bool(number % 2)


def test_a_run_that_knows_less_is_left_out(beside: Context) -> None:
    folder = RunFolder.open(beside.workspace.models / "localized")
    replace(folder, super_categories=folder.super_categories[:1]).create()
    assert run(beside, ActivationMapOptions(num_items=1, num_measured=1)).further == ()
