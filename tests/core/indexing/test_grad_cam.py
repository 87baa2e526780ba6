"""Activation maps show where a network looks, on networks of which that is known."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from datrnet.core.config import ModelConfig
from datrnet.core.errors import ConfigError, ShapeError
from datrnet.core.indexing.activations import activation_map, default_stage
from datrnet.core.models.datrnet import AxisMask, DAtRNet, to_network_input

TINY = ModelConfig(
    image_size=32, filters=4, num_ase=1, embedding_size=4, fusion="product", batch_norm=False
)
GRAY = np.full((32, 32, 3), 200, dtype=np.uint8)
ONES = np.ones(4, dtype=np.float32)


def light_seeking(config: ModelConfig = TINY) -> DAtRNet:
    """Return a network whose embedding grows with the light of the picture, wherever it falls."""
    network = DAtRNet(config)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def corner_gazing() -> DAtRNet:
    """Return a network whose masks hide all but the lower right quarter."""
    network = light_seeking()
    for mask in network.modules():
        if isinstance(mask, AxisMask):
            last = mask.dense[2]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            length = len(last.bias)
            with torch.no_grad():
                last.bias.copy_(torch.where(torch.arange(length) < length // 2, -50.0, 50.0))
    return network


def test_a_network_that_looks_at_a_corner_has_its_map_there() -> None:
    heat = activation_map(corner_gazing(), GRAY, ONES)
    assert (heat.shape, heat.dtype) == ((32, 32), np.float32)
    assert heat.max() == 1
    assert heat[20:28, 20:28].min() > 0.5
    # the last convolution sees one of the map's 16 pixels further, and so does the enlargement
    assert heat[:12].max() < 1e-9
    assert heat[:, :12].max() < 1e-9


def test_a_bright_spot_in_the_dark_is_what_the_map_shows() -> None:
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[2:8, 22:28] = 255
    heat = activation_map(light_seeking(), pixels, ONES)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert row < 12
    assert column > 18


def test_what_speaks_against_the_prototype_leaves_no_map() -> None:
    heat = activation_map(corner_gazing(), GRAY, -ONES)
    np.testing.assert_array_equal(heat, np.zeros((32, 32)))


def test_full_agreement_still_has_a_map() -> None:
    network = corner_gazing()
    with torch.no_grad():
        embedding = network.eval()(to_network_input(torch.from_numpy(GRAY[None])))[0].numpy()
    assert activation_map(network, GRAY, embedding).max() == 1


def test_weights_keep_no_gradient_and_the_network_stays_in_evaluation_mode() -> None:
    network = light_seeking().train()
    activation_map(network, GRAY, ONES)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_map_can_be_had_of_frozen_weights_while_nothing_is_learned() -> None:
    network = light_seeking().requires_grad_(requires_grad=False)
    with torch.inference_mode():
        assert activation_map(network, GRAY, ONES).max() == 1


def test_a_prototype_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        activation_map(light_seeking(), GRAY, ONES[:3])


def test_every_normalization_has_the_same_map() -> None:
    networks = [
        light_seeking(replace(TINY, normalize=normalize)) for normalize in ("block", "none")
    ]
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    first, second = (activation_map(network, pixels, ONES) for network in networks)
    np.testing.assert_allclose(first, second)


def test_without_captum_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ConfigError) as caught:
        activation_map(light_seeking(), GRAY, ONES)
    assert 'pip install "datrnet[experiments]"' in caught.value.hint


def test_an_earlier_ase_shows_finer() -> None:
    config = ModelConfig(image_size=32, filters=4, num_ase=3, embedding_size=len(ONES))
    torch.manual_seed(0)
    network = DAtRNet(config).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    def roughness(stage: int) -> float:
        return float(np.abs(np.diff(activation_map(network, pixels, ONES, stage=stage))).max())

    assert roughness(0) > roughness(2)


def test_the_usual_stage_is_the_last_that_is_fine_enough() -> None:
    def usual(**settings: int) -> int:
        return default_stage(ModelConfig(**settings))  # type: ignore[arg-type]

    assert usual() == 2  # 128, 64, 32 numbers a side
    assert usual(image_size=64, stem_stride=2) == 1  # 16, 8, 4
    assert usual(image_size=16, num_ase=2) == 0  # 8, 4
    assert usual(image_size=8, num_ase=1) == 0  # 4: there is no other
