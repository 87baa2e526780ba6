"""A map of warmth over a picture: hot and cold can be told apart, and so can the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.graphics.heatmap import ANCHORS, FRAME, Region, overlay_heatmap, ramp


def lightness(pixels: np.ndarray) -> np.ndarray:
    """Return the luma of colors (..., 3)."""
    return pixels.astype(float) @ [0.299, 0.587, 0.114]


def test_the_ramp_begins_and_ends_at_its_anchors() -> None:
    ends = ramp(np.array([0, 0.2, 1], dtype=np.float32))
    np.testing.assert_allclose(ends, [ANCHORS[0], ANCHORS[1], ANCHORS[-1]], atol=1e-3)


def test_hotter_is_always_lighter() -> None:
    shades = lightness(ramp(np.linspace(0, 1, 101, dtype=np.float32)))
    assert (np.diff(shades) > 0).all()


def test_the_hot_corner_is_where_the_map_says() -> None:
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[:2, 2:] = 1
    seen = lightness(np.asarray(overlay_heatmap(Image.new("RGB", (40, 40), "white"), heat)))
    assert seen[2, 37] == pytest.approx(lightness(np.array(ANCHORS[-1])), abs=1)
    for row, column in ((2, 2), (37, 2), (37, 37)):
        assert seen[row, column] == pytest.approx(lightness(np.array(ANCHORS[0])), abs=1)


@pytest.mark.parametrize("warmth", [0.0, 0.5, 1.0])
def test_the_contours_of_the_picture_stay_visible(warmth: float) -> None:
    picture = Image.new("RGB", (8, 8), "white")
    picture.paste((0, 0, 0), (0, 0, 4, 8))
    seen = lightness(
        np.asarray(overlay_heatmap(picture, np.full((2, 2), warmth, dtype=np.float32)))
    )
    assert seen[0, 7] - seen[0, 0] > 30


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_the_result_has_the_size_of_the_picture(
    size: tuple[int, int], shape: tuple[int, int]
) -> None:
    result = overlay_heatmap(Image.new("RGB", size), np.ones(shape, dtype=np.float32))
    assert (result.size, result.mode) == (size, "RGB")


def test_numbers_outside_the_range_are_taken_for_its_ends() -> None:
    picture = Image.new("RGB", (2, 2), "white")
    beyond = overlay_heatmap(picture, np.array([[-3, 7]], dtype=np.float32))
    np.testing.assert_array_equal(np.asarray(beyond)[0], [ANCHORS[0], ANCHORS[-1]])


def framed(size: tuple[int, int], region: Region) -> np.ndarray:
    """Return which pixels (H, W) of a gray picture a frame covers."""
    heat = np.zeros((2, 2), dtype=np.float32)
    return (np.asarray(overlay_heatmap(Image.new("RGB", size), heat, region)) == FRAME).all(axis=2)


def test_a_frame_runs_along_the_inner_edges_of_its_region() -> None:
    rows, columns = np.nonzero(framed((40, 80), (0.25, 0.5, 0.75, 1.0)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 59, 20, 39)
    covered = framed((40, 80), (0.25, 0.5, 0.75, 1.0))
    for edge in (covered[20, 20:], covered[59, 20:], covered[20:60, 20], covered[20:60, 39]):
        assert edge.all()
    assert not covered[22:58, 22:38].any()


@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_region_however_small_has_a_frame_inside_the_picture(
    size: tuple[int, int], shares: list[float]
) -> None:
    (top, bottom), (left, right) = sorted(shares[:2]), sorted(shares[2:])
    assert framed(size, (top, left, bottom, right)).any()
