"""A frozen backbone: never trained, and content with what it made of a picture before."""

import pytest
import torch

from datrnet.core.config import SystemChoice
from datrnet.core.errors import ConfigError
from datrnet.core.research.backbones.networks import make_backbone


def test_kept_features_and_maps_pass_as_the_pictures_do() -> None:
    torch.manual_seed(0)
    frozen = make_backbone("alexnet", image_size=64, frozen=True)
    images = torch.rand(3, 3, 64, 64) * 2 - 1
    feature, mapped = frozen(images), frozen.feature_map(images)
    assert feature.shape == (3, frozen.feature_size) == (3, 4096 + 256 + 3 * 64)
    assert mapped.shape == (3, frozen.map_channels, 3, 3)
    assert frozen.map_channels == 259
    assert torch.equal(frozen(feature), feature)
    assert torch.equal(frozen.feature_map(mapped), mapped)
    assert frozen.map_size() == (3, 3)


def test_what_is_seen_is_the_trunks_and_the_small_picture() -> None:
    frozen = make_backbone("resnet50", image_size=64, frozen=True)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    feature = frozen(images)
    own, largest, small = feature.split([2048, 2048, 192], dim=1)
    mapped = frozen.trunk.feature_map(images)
    assert torch.allclose(own, mapped.mean(dim=(2, 3)))
    assert torch.equal(largest, mapped.amax(dim=(2, 3)))
    blocks = images.reshape(2, 3, 8, 8, 8, 8).mean(dim=(3, 5))  # each of 8 × 8 pixels
    assert torch.allclose(small.view(2, 3, 8, 8), blocks, atol=1e-6)
    colors = frozen.feature_map(images)[:, 2048:]
    halves = images.reshape(2, 3, 2, 32, 2, 32).mean(dim=(3, 5))
    assert torch.allclose(colors, halves, atol=1e-6)


def test_it_stays_as_it_begins() -> None:
    frozen = make_backbone("resnet50", image_size=32, frozen=True)
    frozen.train().requires_grad_(True)
    frozen.fix()
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    frozen(torch.rand(4, 3, 32, 32))  # batch normalization would count this
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())


def test_map_and_feature_are_kept_as_one_vector() -> None:
    torch.manual_seed(0)
    frozen = make_backbone("alexnet", image_size=64, frozen=True)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    mapped, feature = frozen.map_and_feature(images)
    assert torch.equal(mapped, frozen.feature_map(images))
    assert torch.equal(feature, frozen(images))
    kept = torch.cat([mapped.flatten(1), feature], dim=1)
    assert all(map(torch.equal, frozen.map_and_feature(kept), (mapped, feature)))


def test_a_stride_that_a_backbone_has_no_map_of_is_refused() -> None:
    with pytest.raises(ConfigError, match="alexnet provides no map of stride 16") as error:
        make_backbone("alexnet", image_size=64, frozen=True, map_stride=16)
    assert error.value.hint == "Use one of: 0, where 0 is its last map."
    with pytest.raises(ConfigError, match="Only a frozen backbone has a map_stride"):
        SystemChoice(name="amnet", map_stride=16)
