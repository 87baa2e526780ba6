"""Drawn garments: every value is seen, no two pictures are the same."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.demo.attributes import COLOURS, SUPER_CATEGORIES
from datrnet.core.demo.garments import draw_garment
from datrnet.core.errors import ConfigError, UnknownNameError

PLAIN = {
    "colour": "blue",
    "collar": "none",
    "fastening": "pull-on",
    "neckline": "crew",
    "pattern": "plain",
    "sleeve": "short",
}


def small_pixels(attributes: dict[str, str], seed: int = 0) -> NDArray[np.float64]:
    picture = draw_garment(attributes, np.random.default_rng(seed), (192, 256))
    return np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR), dtype=np.float64)


def test_the_same_draw_gives_the_same_picture_and_another_draw_another() -> None:
    assert np.array_equal(small_pixels(PLAIN, 1), small_pixels(PLAIN, 1))
    assert np.abs(small_pixels(PLAIN, 1) - small_pixels(PLAIN, 2)).mean() > 1.0


@pytest.mark.parametrize("super_category", SUPER_CATEGORIES)
@pytest.mark.parametrize("start", [{}, {"collar": "hood", "pattern": "floral", "sleeve": "long"}])
def test_every_two_values_look_different_at_64_pixels(
    super_category: str, start: dict[str, str]
) -> None:
    values = SUPER_CATEGORIES[super_category]
    pictures = [small_pixels(PLAIN | start | {super_category: value}, 4) for value in values]
    for at, picture in enumerate(pictures):
        for other in pictures[:at]:
            changed = np.abs(picture - other)
            assert changed.mean() > 0.4
            # and somewhere plainly, not as a faint veil over everything
            assert (changed.max(axis=2) > 40).sum() >= 8


def test_colours_are_far_apart_whatever_the_light() -> None:
    middles = {colour: np.add(span.low, span.high) / 2 / 255 for colour, span in COLOURS.items()}
    for colour in COLOURS:
        for seed in range(4):
            chest = small_pixels(PLAIN | {"colour": colour}, seed)[28:36, 26:38].mean(axis=(0, 1))
            nearest = min(middles, key=lambda name: np.abs(middles[name] - chest / 255).sum())
            assert nearest == colour


@pytest.mark.parametrize("size", [(64, 64), (96, 128), (384, 512)])
def test_a_garment_can_be_drawn_at_any_size(size: tuple[int, int]) -> None:
    picture = draw_garment(PLAIN, np.random.default_rng(0), size)
    assert picture.size == size
    assert picture.mode == "RGB"


def test_every_combination_of_two_values_can_be_drawn() -> None:
    rng = np.random.default_rng(0)
    for collar in SUPER_CATEGORIES["collar"]:
        for neckline in SUPER_CATEGORIES["neckline"]:
            item = {name: str(rng.choice(values)) for name, values in SUPER_CATEGORIES.items()}
            draw_garment(item | {"collar": collar, "neckline": neckline}, rng, (48, 64))


def test_an_unknown_value_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean hood"):
        draw_garment(PLAIN | {"collar": "hod"}, np.random.default_rng(0), (48, 64))


def test_an_absent_super_category_is_refused() -> None:
    partial = {name: value for name, value in PLAIN.items() if name != "sleeve"}
    with pytest.raises(ConfigError, match="needs a sleeve"):
        draw_garment(partial, np.random.default_rng(0), (48, 64))
