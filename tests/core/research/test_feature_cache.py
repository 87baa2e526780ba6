"""What a frozen backbone makes of pictures is computed once and kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datrnet.core.models.datrnet import to_network_input
from datrnet.core.research.backbones.backbone import Backbone, Frozen
from datrnet.core.research.method_learner import cached_features, embed_with_cached_features
from datrnet.core.research.systems.method import RetrievalMethod
from datrnet.core.research.systems.registry import METHODS

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), dtype=np.uint8)


class Trunk(Backbone):
    """A convolution with batch normalization, which training would change."""

    name = "trunk"
    feature_size = 3
    map_channels = 3

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.conv = nn.Conv2d(3, 3, 8, stride=8)
        self.bn = nn.BatchNorm2d(3)

    def feature_map(self, images: Tensor) -> Tensor:
        mapped: Tensor = self.bn(self.conv(self.normalize(images)))
        return mapped.relu()


def system_on(name: str, *, seed: int = 0, **settings: bool) -> RetrievalMethod:
    torch.manual_seed(seed)
    backbone = Frozen(Trunk(32))
    method, config = METHODS[name]
    return method(backbone, (3, 2), replace(config, **settings)).eval()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("adde-m", {}),
        ("datrnet-on-backbone", {}),
        ("datrnet-on-backbone", {"with_feature": True}),
        ("fashionsearchnet", {"with_feature": True}),
    ],
)
def test_what_is_kept_is_what_the_system_sees(
    tmp_path: Path, name: str, settings: dict[str, bool]
) -> None:
    system, told = system_on(name, **settings), []
    kept = cached_features(system, PIXELS, tmp_path, lambda *done: told.append(done))
    assert told == [(64, 70), (70, 70)]
    images = to_network_input(torch.from_numpy(PIXELS))
    with torch.inference_mode():
        seen = system.features(images)
        of_all = torch.from_numpy(kept[np.arange(70)]).float()
        assert torch.allclose(of_all, seen, atol=2e-3, rtol=2e-3)
        from_kept = system(of_all[:8])
        assert torch.allclose(from_kept, system(images[:8]), atol=1e-2)


def test_it_is_computed_once_for_one_backbone_and_one_set_of_pictures(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def keep(system: RetrievalMethod, pixels: np.ndarray = PIXELS) -> int:  # type: ignore[type-arg]
        told.clear()
        cached_features(system, pixels, tmp_path, lambda *done: told.append(done))
        return len(told)

    assert keep(system_on("adde-m"))
    assert not keep(system_on("amnet")), "another system on the same backbone"
    assert keep(system_on("fashionsearchnet")), "sees the map"
    assert keep(system_on("fashionsearchnet", with_feature=True)), "sees both"
    assert keep(system_on("adde-m", seed=1)), "another backbone"
    assert keep(system_on("adde-m"), PIXELS[::-1].copy()), "other pictures"
    assert len(list(tmp_path.iterdir())) == 5


def test_half_a_file_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_features(system_on("adde-m"), PIXELS, tmp_path, stop)
    kept = cached_features(system_on("adde-m"), PIXELS, tmp_path)
    assert np.isfinite(kept).all()
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("name", ["adde-m", "fashionsearchnet"])
def test_cached_features_embed_as_the_pictures_do_and_spare_the_backbone(
    tmp_path: Path, name: str
) -> None:
    system = system_on(name)
    with torch.inference_mode():
        seen = system(to_network_input(torch.from_numpy(PIXELS))).numpy()
    np.testing.assert_allclose(
        embed_with_cached_features(system, PIXELS, tmp_path), seen, atol=1e-2
    )
    (kept,) = tmp_path.glob("*.npy")
    before = kept.stat().st_mtime_ns
    embed_with_cached_features(system, PIXELS, tmp_path)
    assert kept.stat().st_mtime_ns == before
