"""Drawn garments: every value is seen, no two pictures are the same."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import stock
from datrnet.core.demo.cloth import COLORS
from datrnet.core.demo.garments import draw_garment
from datrnet.core.errors import ConfigError, UnknownNameError

PLAIN = {
    "color": "blue",
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


def test_colors_are_far_apart_whatever_the_light() -> None:
    middles = {color: np.add(*span) / 2 / 255 for color, span in COLORS.items()}
    for color in COLORS:
        for seed in range(4):
            chest = small_pixels(PLAIN | {"color": color}, seed)[28:36, 26:38].mean(axis=(0, 1))
            nearest = min(middles, key=lambda name: np.abs(middles[name] - chest / 255).sum())
            assert nearest == color


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


def sheet(items: list[dict[str, str]]) -> Image.Image:
    """Return tiny pictures of items, ten in a row."""
    tile, columns = (18, 24), 10
    size = columns * tile[0], -(-len(items) // columns) * tile[1]
    whole = Image.new("RGB", size)
    for at, item in enumerate(items):
        picture = draw_garment(item, np.random.default_rng([0, at]))
        place = at % columns * tile[0], at // columns * tile[1]
        whole.paste(picture.resize(tile, Image.Resampling.BOX), place)
    return whole


def test_garments_look_as_those_that_the_shipped_networks_have_learned_from() -> None:
    items = stock(200, np.random.default_rng(0))
    drawn = np.asarray(sheet(items), dtype=np.int16)
    with Image.open(Path(__file__).parent / "garments.png") as stored:
        expected = np.asarray(stored, dtype=np.int16)
    # the last digits may differ between machines; any line drawn elsewhere shows
    assert np.abs(drawn - expected).max() <= 2
