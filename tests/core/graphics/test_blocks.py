"""Pictures as character cells."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.graphics.blocks import Cells, alphabet, cells_of, fitting_size, resized
from datrnet.core.preferences import Blocks

CORNERS = {
    "▗": [[0, 0], [0, 1]], "▖": [[0, 0], [1, 0]], "▄": [[0, 0], [1, 1]],
    "▝": [[0, 1], [0, 0]], "▐": [[0, 1], [0, 1]], "▞": [[0, 1], [1, 0]],
    "▟": [[0, 1], [1, 1]], " ": [[0, 0], [0, 0]],
}  # fmt: skip


def _painted(cells: Cells) -> np.ndarray:
    """Return the pixels that a terminal would show."""
    rows, columns = cells.size
    pixels = np.empty((rows * 2, columns * 2, 3), dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            mask = np.array(CORNERS[str(cells.characters[row, column])], dtype=bool)[..., None]
            pixels[row * 2 : row * 2 + 2, column * 2 : column * 2 + 2] = np.where(
                mask, cells.foreground[row, column], cells.background[row, column]
            )
    return pixels


@pytest.mark.parametrize("character", CORNERS)
def test_two_colors_are_drawn_exactly(character: str) -> None:
    mask = np.array(CORNERS[character], dtype=bool)[..., None]
    pixels = np.where(mask, [200, 30, 60], [10, 240, 90]).astype(np.uint8)
    cells = cells_of(pixels, 1, 1)
    assert cells.characters.tolist() == [[character]]
    assert np.array_equal(_painted(cells), pixels)


def test_the_error_is_the_least_of_all_masks() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    error = np.square(_painted(cells_of(pixels, 1, 1)).astype(float) - pixels).sum()
    for mask in CORNERS.values():
        chosen = np.array(mask, dtype=bool)
        painted = np.empty((2, 2, 3))
        for part in (chosen, ~chosen):
            if part.any():
                painted[part] = pixels[part].mean(axis=0)
        assert error <= np.square(painted - pixels).sum() + 12  # rounding to whole colors


def test_a_batch_is_drawn_as_its_pictures_are() -> None:
    rng = np.random.default_rng(1)
    batch = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    together = cells_of(batch, 8, 16)
    assert together.characters.shape == (3, 8, 16)
    for place, pixels in enumerate(batch):
        alone = cells_of(pixels, 8, 16)
        assert np.array_equal(together[place].characters, alone.characters)
        assert np.array_equal(together[place].foreground, alone.foreground)
        assert np.array_equal(together[place].background, alone.background)


def test_half_blocks_keep_upper_and_lower_colors() -> None:
    pixels = np.array([[[255, 0, 0]], [[0, 0, 255]]], dtype=np.uint8)
    cells = cells_of(pixels, 1, 1, glyphs="halves")
    assert cells.characters.tolist() == [["▄"]]
    assert cells.background[0, 0].tolist() == [255, 0, 0]
    assert cells.foreground[0, 0].tolist() == [0, 0, 255]


SEXTANTS = {
    " ": "00 00 00", "\N{BLOCK SEXTANT-2}": "01 00 00", "\N{BLOCK SEXTANT-3}": "00 10 00",
    "\N{BLOCK SEXTANT-5}": "00 00 10", "\N{BLOCK SEXTANT-6}": "00 00 01",
    "\N{BLOCK SEXTANT-35}": "00 10 10", "\N{BLOCK SEXTANT-235}": "01 10 10",
    "▐": "01 01 01", "\N{BLOCK SEXTANT-2346}": "01 11 01", "\N{BLOCK SEXTANT-23456}": "01 11 11",
}  # fmt: skip


@pytest.mark.parametrize("character", SEXTANTS)
def test_two_colors_in_sixths_are_drawn_exactly(character: str) -> None:
    mask = np.array([[int(digit) for digit in row] for row in SEXTANTS[character].split()])
    pixels = np.where(mask[..., None], [200, 30, 60], [10, 240, 90]).astype(np.uint8)
    cells = cells_of(pixels, 1, 1, glyphs="sextants")
    assert cells.characters.tolist() == [[character]]
    assert cells.background[0, 0].tolist() == [10, 240, 90]
    assert cells.foreground[0, 0].tolist() == ([200, 30, 60] if mask.any() else [10, 240, 90])


def test_every_sextant_is_named_after_its_pixels() -> None:
    letters = alphabet("sextants")
    for mask, character in zip(letters.masks, letters.characters.tolist(), strict=True):
        places = "".join(str(place + 1) for place in np.flatnonzero(mask))
        known = {"": " ", "246": "▐"}
        assert character == known.get(places) or unicodedata.name(character).endswith(
            f"SEXTANT-{places}"
        )


@pytest.mark.parametrize("glyphs", ["sextants", "quadrants", "halves"])
def test_every_division_of_a_cell_is_there_once(glyphs: Blocks) -> None:
    letters = alphabet(glyphs)
    num_pixels = letters.across * letters.down
    assert letters.masks.shape == (2 ** (num_pixels - 1), num_pixels)
    assert len(np.unique(letters.masks, axis=0)) == len(set(letters.characters.tolist()))
    assert not letters.masks[:, 0].any()


@pytest.mark.parametrize("glyphs", ["sextants", "quadrants", "halves"])
def test_nearly_equal_pixels_make_a_plain_cell(glyphs: Blocks) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(250, 256, (8, 8, 3), dtype=np.uint8)
    cells = cells_of(pixels, 4, 4, glyphs=glyphs)
    assert set(cells.characters.ravel().tolist()) == {" "}
    assert np.array_equal(cells.foreground, cells.background)


@given(
    source=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_resizing_keeps_the_mean_color(source: tuple[int, int], target: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*source, 3), dtype=np.uint8)
    small = resized(pixels, *target)
    assert small.shape == (*target, 3)
    assert np.allclose(small.mean(axis=(0, 1)), pixels.mean(axis=(0, 1)), atol=0.01)


@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    rows=st.integers(1, 80),
    columns=st.integers(1, 300),
)
def test_a_picture_fits_the_space(width: int, height: int, rows: int, columns: int) -> None:
    fitted_rows, fitted_columns = fitting_size(width, height, rows=rows, columns=columns)
    assert 1 <= fitted_rows <= rows
    assert 1 <= fitted_columns <= columns
    assert fitted_rows == rows or fitted_columns == columns


def test_a_square_picture_is_twice_as_many_columns_as_rows() -> None:
    assert fitting_size(500, 500, rows=10, columns=100) == (10, 20)
