"""Cutting the background off a picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.catalog.garment_box import MARGIN, garment_box, trimmed

WHITE, RED = (250, 250, 250), (200, 10, 10)


def garment(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    picture = Image.new("RGB", size, WHITE)
    picture.paste(RED, box)
    return picture


def test_the_background_is_cut_to_a_small_margin() -> None:
    box = garment_box(garment((160, 160), (40, 50, 100, 130)))
    margin = MARGIN * 80
    assert box == pytest.approx((40 - margin, 50 - margin, 100 + margin, 130 + margin), abs=1)


def test_the_part_kept_has_the_pixels_of_the_picture() -> None:
    picture = garment((80, 80), (20, 20, 60, 60))
    left, top, right, bottom = garment_box(picture)
    expected = np.asarray(picture)[top:bottom, left:right]
    np.testing.assert_array_equal(np.asarray(trimmed(picture)), expected)


def test_noise_of_a_camera_and_specks_do_not_count() -> None:
    picture = garment((160, 160), (40, 50, 100, 130))
    noise = np.random.default_rng(0).integers(-5, 6, (160, 160, 3))
    pixels = np.clip(np.asarray(picture).astype(int) + noise, 0, 255).astype(np.uint8)
    pixels[5, 5] = 0
    assert garment_box(Image.fromarray(pixels)) == pytest.approx((37, 47, 103, 133), abs=2)


def test_a_busy_background_stays() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    pixels[40:100, 40:80] = RED
    picture = Image.fromarray(pixels)
    assert garment_box(picture) == (0, 0, 120, 160)
    assert trimmed(picture) is picture


def test_a_model_cut_off_at_the_bottom_is_trimmed_on_the_other_sides() -> None:
    left, top, right, bottom = garment_box(garment((120, 160), (40, 30, 80, 160)))
    assert 30 < left < 40
    assert 20 < top < 30
    assert 80 < right < 90
    assert bottom == 160


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (70, 70, 76, 76), (0, 0, 160, 160)])
def test_a_picture_of_nothing_of_a_button_or_of_one_color_stays(
    box: tuple[int, int, int, int],
) -> None:
    assert garment_box(garment((160, 160), box)) == (0, 0, 160, 160)


@given(st.data(), st.integers(1, 300), st.integers(1, 300))
def test_nothing_of_a_garment_is_cut_off_in_any_size(
    data: st.DataObject, width: int, height: int
) -> None:
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    right = data.draw(st.integers(left + 1, width))
    bottom = data.draw(st.integers(top + 1, height))
    found = garment_box(garment((width, height), (left, top, right, bottom)))
    assert 0 <= found[0] <= left
    assert 0 <= found[1] <= top
    assert right <= found[2] <= width
    assert bottom <= found[3] <= height
