"""Sheets of activation maps and how focused they are."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datrnet.core.errors import ConfigError, DataError
from datrnet.core.experiments.activation_maps import Options, maps_of, measured, run
from datrnet.core.experiments.setting import Setting


def test_an_even_map_has_a_quarter_in_the_middle_and_is_warm_throughout() -> None:
    row = measured("colour", [np.ones((8, 8), dtype=np.float32)])
    assert row == ("colour", 1, 0.25, 1.0, 0)


def test_figures_are_means_over_maps_that_are_not_empty() -> None:
    middle, corner = np.zeros((2, 4, 4), dtype=np.float32)
    middle[1, 2] = 1  # all of it in the middle, one of 16 pixels
    corner[0, :] = (1, 0.6, 0.5, 0)  # nothing in the middle, two of 16 above a half
    empty = np.zeros((4, 4), dtype=np.float32)
    row = measured("colour", [middle, corner, None, empty])
    assert row == ("colour", 3, pytest.approx(0.5), pytest.approx(1.5 / 16), 1)


def test_without_maps_there_are_no_figures() -> None:
    assert measured("colour", [None]) == ("colour", 0, None, None, 0)


def test_the_sheet_has_a_row_an_item_and_a_column_a_super_category(setting: Setting) -> None:
    outcome = run(setting, Options(num_items=3, num_measured=5))
    assert [row[:2] for row in outcome.rows] == [("colour", 5), ("pattern", 5)]
    assert "4 × 4 numbers for a picture of 16 × 16" not in outcome.notes[0]
    assert "8 × 8 numbers for a picture of 16 × 16" in outcome.notes[0]
    sheet = outcome.pictures["activation-maps"]
    assert sheet.size == (12 + 3 * (150 + 12), 36 + 3 * (150 + 22 + 12))
    # the picture at the left has a white margin, an overlay none
    pixels = np.asarray(sheet)
    assert (pixels[36:186, 14] == 255).all()
    assert not (pixels[100, 174 + 40 : 174 + 110] == 255).all()


def test_items_labelled_throughout_come_first(setting: Setting) -> None:
    setting = replace(setting, split="train")
    found = maps_of(setting, Options(num_items=24, num_measured=1))
    assert len(found) == 24
    assert setting.catalog.codes[found[-1].row] == "item-11"  # has no colour
    assert [one is None for one in found[-1].maps] == [True, False]
    assert all(one is not None for item in found[:-1] for one in item.maps)


def test_the_seed_decides_which(setting: Setting) -> None:
    def rows(seed: int) -> list[int]:
        return [one.row for one in maps_of(setting, Options(num_measured=8, seed=seed))]

    assert rows(1) == rows(1) != rows(2)


def test_a_value_without_a_prototype_has_no_map(setting: Setting) -> None:
    setting.generation.prototypes_of(1)[0] = np.nan  # of the pattern
    found = maps_of(setting, Options(num_measured=12))
    assert sum(one.maps[1] is None for one in found) == 6
    assert run(setting, Options(num_items=12)).pictures["activation-maps"].height > 2000


def test_pictures_that_cannot_be_read_are_left_out(setting: Setting) -> None:
    paths = list(setting.catalog.picture_paths)
    test_rows = setting.catalog.rows_in("test")
    paths[test_rows[0]] = "nowhere.png"
    catalog = replace(setting.catalog, picture_paths=paths)
    found = maps_of(replace(setting, catalog=catalog), Options(num_measured=12))
    assert {one.row for one in found} == {int(row) for row in test_rows[1:]}
    gone = replace(setting.catalog, picture_paths=["nowhere.png"] * len(paths))
    with pytest.raises(DataError, match="No picture"):
        run(replace(setting, catalog=gone), Options())


@pytest.mark.parametrize("name", ["num_items", "num_measured"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Options(**{name: 0})


def test_the_sheet_is_rgb(setting: Setting) -> None:
    picture = run(setting, Options(num_items=1, num_measured=1)).pictures["activation-maps"]
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
