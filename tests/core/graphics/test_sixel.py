"""Sixels, read again by a decoder that is as plain as can be."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.graphics.protocols import sixel_of


def decoded(sixels: str) -> NDArray[np.int64]:
    """Return the pixels (H, W, 3), -1 where none was drawn."""
    match = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', sixels, re.DOTALL)
    assert match is not None
    width, height = int(match[1]), int(match[2])
    pixels = np.full((height + 6, width, 3), -1)
    palette: dict[int, tuple[int, ...]] = {}
    colour, x, y = 0, 0, 0
    for token in re.findall(r"#[\d;]+|![\d]+.|[?-~]|[$-]", match[3]):
        if token[0] == "#":
            numbers = [int(number) for number in token[1:].split(";")]
            colour = numbers[0]
            if len(numbers) > 1:
                assert numbers[1] == 2
                assert x == y == 0, "a colour is defined after the first pixel"
                palette[colour] = tuple(round(number * 2.55) for number in numbers[2:])
        elif token == "$":
            x = 0
        elif token == "-":
            x, y = 0, y + 6
        else:
            count = int(token[1:-1]) if token[0] == "!" else 1
            for column in range(x, x + count):
                for bit in range(6):
                    if ord(token[-1]) - 63 >> bit & 1:
                        assert (pixels[y + bit, column] == -1).all(), "a pixel is drawn twice"
                        pixels[y + bit, column] = palette[colour]
            x += count
    assert (pixels[height:] == -1).all(), "pixels below the picture"
    return pixels[:height]


def test_few_colors_come_back_exactly() -> None:
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]])
    pixels = colors[np.random.default_rng(0).integers(0, 5, (13, 9))].astype(np.uint8)
    assert np.array_equal(decoded(sixel_of(Image.fromarray(pixels))), pixels)


@settings(max_examples=50)
@given(
    st.integers(1, 30),
    st.integers(1, 20),
    st.integers(2, 256),
    st.integers(0, 3),
    st.integers(0, 1000),
)
def test_every_pixel_is_drawn_once_in_a_near_color(
    width: int, height: int, num_colors: int, runs: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels = np.repeat(np.repeat(pixels, 1 + 3 * runs, axis=1), 1 + runs, axis=0)[:height, :width]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    drawn = decoded(sixel_of(picture, num_colors))
    assert (drawn >= 0).all()
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= num_colors
    if num_colors > 64:
        wanted = np.asarray(
            picture.quantize(num_colors, method=Image.Quantize.MEDIANCUT).convert("RGB")
        )
        assert np.abs(drawn - wanted).max() <= 2  # hundredths


def test_all_colors_are_defined_before_the_first_pixel() -> None:
    # some terminals draw the first band in the colors they have until then
    pixels = np.random.default_rng(1).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    sixels = sixel_of(Image.fromarray(pixels))
    last_definition = max(match.end() for match in re.finditer(r"#\d+;2;[\d;]+", sixels))
    assert not re.search(r"[?-~]", sixels[sixels.index('"') : last_definition])


def test_a_plain_picture_is_short() -> None:
    assert len(sixel_of(Image.new("RGB", (300, 300), "teal"))) < 1000


@pytest.mark.parametrize("num_colors", [2, 16])
def test_few_registers_mix_their_colors(num_colors: int) -> None:
    ramp = np.tile(np.linspace(0, 255, 60, dtype=np.uint8)[None, :, None], (60, 1, 3))
    drawn = decoded(sixel_of(Image.fromarray(ramp), num_colors))
    blurred = drawn.reshape(10, 6, 10, 6, 3).mean(axis=(1, 3))
    wanted = ramp.reshape(10, 6, 10, 6, 3).mean(axis=(1, 3))
    assert np.abs(blurred - wanted).mean() < 40
