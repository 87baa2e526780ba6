"""Commands are run in this process, on one thread, and train networks of a few channels."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNetConfig
from datrnet.core.research.systems.registry import METHODS


class Tiny(Backbone):
    """Two convolutions, in place of the millions of weights of the others."""

    name = "tiny"
    feature_size: ClassVar[int] = 8
    map_channels: ClassVar[int] = 8
    finer_maps: ClassVar[Mapping[int, int]] = {16: 8}
    head = "none"

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)
        )

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map (B, 8, S/2, S/2)."""
        found: Tensor = self.layers(self.normalize(images)).relu()
        return found


@pytest.fixture
def tiny_backbone() -> type[Backbone]:
    return Tiny


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # two threads that wait for each other on a busy machine are far slower than one
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _few_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give FashionSearchNet, whose layers are the widest, small ones where a config names none."""
    for name in ("fashionsearchnet", "fashionsearchnet-without-loc"):
        method, config = METHODS[name]
        assert isinstance(config, FashionSearchNetConfig)
        small = replace(config, conv_channels=(16, 16), branch_sizes=(16, 16, 16))
        monkeypatch.setitem(METHODS, name, (method, small))
