"""The network has the shapes of the paper's table 1 and the masks of its equations."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from datrnet.core.config import Config, ModelConfig
from datrnet.core.demo.prepare import shipped_run
from datrnet.core.errors import ConfigError, ShapeError
from datrnet.core.models.datrnet import (
    ASE,
    AxisMask,
    ChannelMask,
    ConcurrentAxialAttention,
    DAtRNet,
    to_network_input,
)
from datrnet.core.models.run_folder import RunFolder

TINY = ModelConfig(image_size=16, filters=4)


def test_every_layer_has_the_shape_of_table_1() -> None:
    network = DAtRNet(ModelConfig()).eval()
    stages: list[nn.Sequential] = list(network.stages)  # type: ignore[arg-type]
    layers: list[nn.Module] = [network.stem]
    layers += [layer for stage in stages for layer in stage]
    layers += [network.dense, network.embedding]
    seen: list[tuple[int, ...]] = []
    for layer in layers:
        layer.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:])))

    with torch.inference_mode():
        embeddings = network(torch.rand(1, 3, 256, 256))

    assert seen == [
        (32, 256, 256),  # Conv
        (32, 128, 128),  # Max Pool
        (64, 128, 128),  # ASE-1
        (64, 64, 64),  # Max Pool
        (128, 64, 64),  # ASE-2
        (128, 32, 32),  # Max Pool
        (256, 32, 32),  # ASE-3
        (256,),  # Dense(256), after the global average pooling
        (128,),  # Dense(128)
    ]
    assert embeddings.shape == (1, 128)
    assert embeddings.norm().item() == pytest.approx(1)


def test_channel_mask_is_equation_1() -> None:
    mask = ChannelMask(8, "relu").eval()
    images = torch.rand(2, 8, 5, 6)

    def pair(dense: nn.Sequential, pooled: torch.Tensor) -> torch.Tensor:
        first, second = dense[0], dense[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        assert first.out_features == 2  # D / 4
        hidden = torch.relu(pooled @ first.weight.T + first.bias)
        return torch.sigmoid(hidden @ second.weight.T + second.bias)

    x1 = pair(mask.from_max, images.flatten(2).max(dim=2).values)
    x2 = pair(mask.from_mean, images.flatten(2).mean(dim=2))
    joined = torch.cat([x1, x2], dim=1) @ mask.join.weight.T + mask.join.bias

    torch.testing.assert_close(mask(images)[:, :, 0, 0], torch.sigmoid(joined))


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("squeeze", ["full_kernel", "pointwise_mean", "depthwise"])
def test_axis_mask_has_one_number_per_row_or_column(axis: int, squeeze: str) -> None:
    config = replace(TINY, axis_squeeze=squeeze)
    height, width = 6, 9
    length, across = (height, width) if axis == 2 else (width, height)
    mask = AxisMask(4, length, across, config, axis)(torch.rand(2, 4, height, width))
    assert mask.shape == ((2, 1, 6, 1) if axis == 2 else (2, 1, 1, 9))
    assert ((mask > 0) & (mask < 1)).all()


def test_height_mask_is_equation_2a() -> None:
    module = AxisMask(3, 8, 5, TINY, axis=2)
    conv, (first, _, second) = module.squeeze, module.dense
    images = torch.rand(1, 3, 8, 5)
    # Conv(X) with a kernel over the whole width gives one number per row
    rows = torch.einsum("bchw,cw->bh", images, conv.weight[0, :, 0]) + conv.bias
    hidden = torch.relu(rows @ first.weight.T + first.bias)
    expected = torch.sigmoid(hidden @ second.weight.T + second.bias)
    torch.testing.assert_close(module(images)[:, 0, :, 0], expected)


@pytest.mark.parametrize(("fusion", "channels"), [("concat", 24), ("sum", 8), ("product", 8)])
def test_fusion_joins_the_masked_maps(fusion: str, channels: int) -> None:
    attention = ConcurrentAxialAttention(8, 6, 6, replace(TINY, fusion=fusion))
    images = torch.rand(2, 8, 6, 6)
    masked = [images * mask(images) for mask in attention.masks.values()]
    expected = {
        "concat": torch.cat(masked, dim=1),
        "sum": masked[0] + masked[1] + masked[2],
        "product": masked[0] * masked[1] * masked[2] / images.clamp_min(1e-9) ** 2,
    }[fusion]
    assert attention.out_channels == channels
    torch.testing.assert_close(attention(images), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"stem_stride": 2},
        {"mid_level_kernels": (1, 7)},
        {"mid_level_pool": "average"},
        {"multi_scale": "asymmetric"},
        {"multi_scale": "residual"},
        {"attention_width": 1},
        {"axis_squeeze": "depthwise"},
        {"fusion": "product"},
        {"mask_activation": "none"},
        {"batch_norm": False},
        {"conv_activation": "silu"},
        {"input_conv": False},
        {"head_activation": "none"},
        {"attention": ()},
        {"attention": ("spatial",)},
        {"attention": ("channel",)},
        {"num_ase": 1},
        {"kernel": 5},
        {"embedding_size": 7},
        {"initialization": "kaiming"},
        {"initialization": "xavier"},
    ],
)
def test_every_choice_trains(change: dict[str, object]) -> None:
    config = replace(TINY, **change)  # type: ignore[arg-type]
    network = DAtRNet(config)
    embeddings = network(torch.rand(3, 3, 16, 16))
    assert embeddings.shape == (3, config.embedding_size)
    embeddings.square().sum(dim=1).mul(torch.arange(3)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_kaiming_weights_have_the_spread_of_their_fan_in() -> None:
    network = DAtRNet(replace(TINY, filters=32, initialization="kaiming"))
    weight = network.dense.weight
    assert weight.std().item() == pytest.approx((2 / weight.shape[1]) ** 0.5, rel=0.1)
    assert not network.dense.bias.any()


def test_ase_doubles_channels_and_keeps_height_and_width() -> None:
    assert ASE(4, 8, 8, TINY)(torch.rand(2, 4, 8, 8)).shape == (2, 8, 8, 8)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="16, 16"):
        DAtRNet(TINY)(torch.rand(1, 3, 20, 20))


def test_too_small_an_image_is_refused_by_the_config() -> None:
    with pytest.raises(ConfigError, match="too small"):
        ModelConfig(image_size=8, num_ase=4)


NAMES = """
stem.0.weight stem.1.weight stem.1.running_mean
stages.0.1.input.0.weight
stages.0.1.features.0.paths.0.0.0.weight stages.0.1.features.0.paths.1.0.1.bias
stages.0.1.features.1.branches.0.0.weight stages.0.1.features.1.branches.3.1.0.weight
stages.0.1.attention.masks.channel.from_max.0.weight
stages.0.1.attention.masks.channel.from_mean.2.bias stages.0.1.attention.masks.channel.join.weight
stages.0.1.attention.masks.height.squeeze.weight stages.0.1.attention.masks.width.dense.2.bias
stages.0.1.output.0.weight
dense.weight embedding.bias
"""


def test_stored_weights_keep_their_names() -> None:
    assert set(NAMES.split()) <= set(DAtRNet(TINY).state_dict())


def test_the_shipped_weights_load() -> None:
    run = RunFolder.open(shipped_run())
    for idx in range(len(run.super_categories)):
        network = run.load_network(idx)
        stored = load_file(run.weights_path(idx))
        assert network.state_dict().keys() == stored.keys()
    assert network.config == Config.load("demo").model


def test_pixels_become_input_between_minus_one_and_one() -> None:
    pixels = torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8)
    images = to_network_input(pixels)
    assert images.shape == (1, 3, 1, 1)
    torch.testing.assert_close(images.flatten(), torch.tensor([-1, 128 / 127.5 - 1, 1]))
