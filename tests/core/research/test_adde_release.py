"""Files of the shapes that ADDE-M's authors released load, whatever their names are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from datrnet.core.errors import CheckpointError
from datrnet.core.research.adde_release import load_released, read_released
from datrnet.core.research.backbones.networks import make_backbone
from datrnet.core.research.systems.adde_m import AddeConfig, AddeM

SHOPPING = (16, 17, 19, 14, 10, 15, 2, 11, 16, 7, 9, 15)
DEEP_FASHION = (50, 72, 80)
ALEXNET = (
    *((64, 3, 11, 11), (64,)),
    *((192, 64, 5, 5), (192,)),
    *((384, 192, 3, 3), (384,)),
    *((256, 384, 3, 3), (256,)),
    *((256, 256, 3, 3), (256,)),
    *((4096, 9216), (4096,)),
    *((4096, 4096), (4096,)),
)


def numbered(shapes: list[tuple[int, ...]]) -> dict[str, Tensor]:
    """Return tensors of these shapes, the n-th full of n, of which a file keeps one number each."""
    tensors = {}
    for number, shape in enumerate(shapes):
        tensors[f"layer{number}"] = torch.tensor(float(number)).expand(shape)
    return tensors


def encoder_shapes(num_values: tuple[int, ...], *, interleaved: bool) -> list[tuple[int, ...]]:
    projection = [(340, 4096), (340,), (340, 340), (340,)]
    classifiers = [[(num, 340), (num,)] for num in num_values]
    if interleaved:
        rest = [tensor for own in classifiers for tensor in (*projection, *own)]
    else:
        rest = projection * len(num_values) + [tensor for own in classifiers for tensor in own]
    return [*ALEXNET, *rest]


def save(
    folder: Path, num_values: tuple[int, ...], *, interleaved: bool = False
) -> tuple[Path, Path]:
    encoder, memory = folder / "encoder.pth.tar", folder / "memory.pth.tar"
    torch.save(numbered(encoder_shapes(num_values, interleaved=interleaved)), encoder)
    size = 340 * len(num_values)
    torch.save({"block": torch.tensor(0.5).expand(size, sum(num_values))}, memory)
    return encoder, memory


def method_of(num_values: tuple[int, ...]) -> Any:
    with torch.device("meta"):  # no time for first weights that are overwritten
        system = AddeM(make_backbone("alexnet", image_size=224), num_values, AddeConfig())
    return system.to_empty(device="cpu").requires_grad_(False)


@pytest.mark.parametrize("num_values", [SHOPPING, DEEP_FASHION], ids=["shopping", "deepfashion"])
def test_files_of_the_released_shapes_load_in_order(
    num_values: tuple[int, ...], tmp_path: Path
) -> None:
    system = method_of(num_values)
    load_released(system, read_released(*save(tmp_path, num_values)))
    *encoder, memory = system.parameters()
    assert system.backbone.features[0].weight[0, 0, 0, 0] == 0
    assert system.backbone.classifier[4].bias[0] == 13
    assert memory.shape == (340 * len(num_values), sum(num_values))
    assert (memory[0, 0], memory[-1, -1]) == (0.5, 0.5)
    assert [float(tensor.flatten()[-1]) for tensor in encoder] == list(range(len(encoder)))


def test_classifiers_may_stand_beside_their_projections(tmp_path: Path) -> None:
    system = method_of(DEEP_FASHION)
    load_released(system, read_released(*save(tmp_path, DEEP_FASHION, interleaved=True)))
    first = len(ALEXNET)
    for idx in range(3):
        own = [
            float(parameter.flatten()[0])
            for parameter in system.projections.heads[idx].parameters()
        ]
        assert own == [first + 6 * idx + place for place in range(4)]
        own = [
            float(parameter.flatten()[0])
            for parameter in system.classifiers.heads[idx].parameters()
        ]
        assert own == [first + 6 * idx + place for place in (4, 5)]


def test_weights_of_other_super_categories_are_refused_in_one_line(tmp_path: Path) -> None:
    system = method_of(DEEP_FASHION)
    torch.nn.init.ones_(system.memory.weight)
    encoder, memory = save(tmp_path, (50, 72, 81))
    with pytest.raises(CheckpointError) as raised:
        load_released(system, read_released(encoder, memory))
    said = str(raised.value)
    assert "no tensor of the shape 80 × 340 left for classifiers.heads.2.weight" in said
    assert "\n" not in said

    encoder, _ = save(tmp_path, DEEP_FASHION)
    torch.save({"block": torch.zeros(1020, 203)}, memory)
    with pytest.raises(
        CheckpointError, match=r"memory\.pth\.tar is 1020 × 203; .* need 1020 × 202"
    ):
        load_released(system, read_released(encoder, memory))
    assert (system.memory.weight == 1).all(), "nothing is loaded where not everything fits"


def test_more_super_categories_than_named_are_refused(tmp_path: Path) -> None:
    system = method_of((50, 72))
    with pytest.raises(CheckpointError, match="has no place"):
        load_released(system, read_released(*save(tmp_path, (50, 72, 80))))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "Git-LFS pointer"),
        (b"PK\x03\x04 not whole", "encoder"),
        (b"", "encoder"),
    ],
)
def test_a_file_that_is_no_state_dict_is_refused(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "encoder.pth.tar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        read_released(path, path)
