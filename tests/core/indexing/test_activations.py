"""Activation maps of a run's networks, loaded when they are needed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datrnet.core.config import Config, ModelConfig
from datrnet.core.data.pictures import Box, Picture, picture_pixels
from datrnet.core.errors import CheckpointError, DataError
from datrnet.core.indexing.activations import ActivationMaps
from datrnet.core.models.activation import activation_map
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.run_folder import RunFolder
from datrnet.db.rows import SuperCategory

TINY = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8)
WANTED = np.linspace(-1, 1, 8, dtype=np.float32)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run with two networks of random weights."""
    torch.manual_seed(0)
    categories = tuple(SuperCategory(name=name, values=("a", "b")) for name in ("colour", "shape"))
    folder = RunFolder(
        path=tmp_path / "run", config=Config(model=TINY), super_categories=categories
    )
    folder.create()
    for idx in range(2):
        folder.save_weights(idx, DAtRNet(TINY))
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return Picture(tmp_path / "noise.png", Box(2, 3, 20, 15))


def test_the_map_is_that_of_the_super_category_network(run: RunFolder, picture: Picture) -> None:
    maps = ActivationMaps(run)
    for idx, name in enumerate(("colour", "shape")):
        expected = activation_map(run.load_network(idx), picture_pixels(picture, 16), WANTED)
        np.testing.assert_array_equal(maps.heat(picture, name, WANTED), expected)


def test_a_network_is_loaded_once_and_only_when_asked(run: RunFolder, picture: Picture) -> None:
    maps = ActivationMaps(run)
    assert not maps.is_loaded("shape")
    maps.heat(picture, "shape", WANTED)
    assert (maps.is_loaded("colour"), maps.is_loaded("shape")) == (False, True)
    run.weights_path(1).unlink()
    maps.heat(picture, "shape", WANTED)
    with pytest.raises(CheckpointError, match="has no network for 'sleeve'"):
        maps.heat(picture, "sleeve", WANTED)


def test_what_is_missing_is_told(run: RunFolder, picture: Picture) -> None:
    run.weights_path(0).unlink()
    with pytest.raises(CheckpointError, match="are absent"):
        ActivationMaps(run).heat(picture, "colour", WANTED)
    picture.path.unlink()
    with pytest.raises(DataError, match="is missing"):
        ActivationMaps(run).heat(picture, "shape", WANTED)
