"""Activation maps of a run's networks, loaded when they are needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from datrnet.core.catalog.pictures import Box, Picture, picture_pixels
from datrnet.core.config import Config, ModelConfig, SystemChoice
from datrnet.core.errors import CheckpointError, ConfigError, DataError
from datrnet.core.indexing.activations import (
    ActivationMaps,
    activation_map,
)
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNet
from datrnet.core.research.systems.registry import method_of
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.db.rows import SuperCategory

TINY = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8)
WANTED = Prototype(
    super_category="any",
    value="a",
    embedding=np.linspace(-1, 1, 8, dtype=np.float32),
    num_items=None,
)
CATEGORIES = tuple(SuperCategory(name=name, values=("a", "b")) for name in ("colour", "shape"))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run with two networks of random weights."""
    torch.manual_seed(0)
    folder = RunFolder(
        path=tmp_path / "run", config=Config(model=TINY), super_categories=CATEGORIES
    )
    folder.create()
    for idx in range(2):
        save_weights(DAtRNet(TINY), folder.weights_path(idx))
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return Picture(tmp_path / "noise.png", Box(2, 3, 20, 15))


@pytest.fixture
def localized(tmp_path: Path) -> RunFolder:
    """Return a run of FashionSearchNet with random weights."""
    torch.manual_seed(0)
    small = {"conv_channels": [8, 8], "branch_sizes": [8, 8, 8], "region_size": 1}
    config = Config(
        model=ModelConfig(image_size=96),
        system=SystemChoice(name="fashionsearchnet", backbone="resnet50", settings=small),
    )
    folder = RunFolder(path=tmp_path / "regions", config=config, super_categories=CATEGORIES)
    folder.create()
    save_weights(method_of(config.system, 96, (2, 2)), folder.weights_path())
    return folder


def test_the_map_is_that_of_the_super_category_network(run: RunFolder, picture: Picture) -> None:
    maps = ActivationMaps(run)
    for idx, name in enumerate(("colour", "shape")):
        pixels = picture_pixels(picture, 16)
        expected = activation_map(run.load_network(idx), pixels, WANTED.embedding)
        look = maps.look(picture, name, WANTED)
        assert look is not None
        np.testing.assert_array_equal(look.heat, expected)
        assert (look.value, look.region) == ("a", None)
    assert maps.look(picture, "colour", None) is None


def test_a_network_is_loaded_once_and_only_when_asked(run: RunFolder, picture: Picture) -> None:
    maps = ActivationMaps(run)
    assert not maps.is_loaded("shape")
    maps.look(picture, "shape", WANTED)
    assert (maps.is_loaded("colour"), maps.is_loaded("shape")) == (False, True)
    run.weights_path(1).unlink()
    maps.look(picture, "shape", WANTED)
    with pytest.raises(CheckpointError, match="has no network for 'sleeve'"):
        maps.look(picture, "sleeve", WANTED)


def test_what_is_missing_is_told(run: RunFolder, picture: Picture) -> None:
    run.weights_path(0).unlink()
    with pytest.raises(CheckpointError, match="are missing"):
        ActivationMaps(run).look(picture, "colour", WANTED)
    picture.path.unlink()
    with pytest.raises(DataError, match="is missing"):
        ActivationMaps(run).look(picture, "shape", WANTED)


def test_a_region_is_what_the_branch_embeds_and_its_map_is_of_the_value_seen(
    localized: RunFolder, picture: Picture
) -> None:
    maps = ActivationMaps(localized)
    assert not maps.is_loaded("shape")
    system = method_of(localized.config.system, 96, (2, 2))
    assert isinstance(system, FashionSearchNet)
    system.load_state_dict(load_file(localized.weights_path()))
    images = to_network_input(torch.from_numpy(picture_pixels(picture, 96)[None]))
    with torch.inference_mode():
        raw, boxes, values = system.eval().localize(images)
    for block, category in enumerate(CATEGORIES):
        look = maps.look(picture, category.name, None)
        assert look is not None
        assert look.region == tuple(boxes[0, block].tolist())
        assert look.value == category.values[int(values[0, block])]
        assert look.heat.shape == (96, 96)
        assert 0 <= look.heat.min() <= look.heat.max() <= 1
        assert (look.heat > 0).any() == bool((raw[0, block] > 0).any())
    assert maps.is_loaded("colour")


def test_a_system_that_looks_at_the_whole_has_no_maps(localized: RunFolder) -> None:
    choice = replace(localized.config.system, name="fashionsearchnet-without-loc")
    other = replace(localized, config=replace(localized.config, system=choice))
    with pytest.raises(ConfigError, match="Only DAtRNet and FashionSearchNet have"):
        ActivationMaps(other)
