"""Anyone's ImageNet weights load, and what is none says so in one line."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from datrnet.core.errors import CheckpointError
from datrnet.core.research.backbones.backbone import read_tensors
from datrnet.core.research.backbones.networks import ViTB16, make_backbone, resized_positions

PublicFile = Callable[..., Path]
SMALL = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, 2.0])}


class QuickBeginning(TorchFunctionMode):
    """A network begins with one number a tensor: 86 million random ones take a second."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(2)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__.endswith(("uniform_", "normal_")):
            tensor = args[0] if args else kwargs["tensor"]
            return tensor.data.fill_(1 / next(self.numbers))
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with QuickBeginning():
        yield


def written(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    (save_file if path.suffix == ".safetensors" else torch.save)(tensors, path)
    return path


def said(error: pytest.ExceptionInfo[CheckpointError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert error.value.hint
    return text


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "vit_b_16"])
def test_every_tensor_of_a_public_file_comes_to_its_place(
    name: str,
    public_file: PublicFile,
    published: dict[str, dict[str, tuple[int, ...]]],
) -> None:
    backbone = make_backbone(name, image_size=224, weights=public_file(name))
    own = backbone.state_dict()
    for idx, key in enumerate(published[name]):
        if not key.startswith(backbone.head):
            # a counter of batch normalization is an integer
            value = torch.tensor(idx / 1000).to(own[key].dtype).item()
            assert own[key].eq(value).all(), key


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_that_were_saved_are_the_same_when_loaded(tmp_path: Path, suffix: str) -> None:
    first = make_backbone("resnet50", image_size=32)
    path = written(tmp_path / f"weights{suffix}", first.state_dict())
    second = make_backbone("resnet50", image_size=64, weights=path)
    loaded = second.state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in first.state_dict().items())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_half_precision_is_widened(tmp_path: Path, suffix: str) -> None:
    path = written(
        tmp_path / f"half{suffix}", {key: tensor.half() for key, tensor in SMALL.items()}
    )
    tensors = read_tensors(path)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert torch.equal(tensors["weight"], SMALL["weight"])


def test_the_kind_of_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path / "weights.safetensors", SMALL).rename(tmp_path / "weights.bin")
    assert set(read_tensors(path)) == set(SMALL)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_what_a_training_script_wraps_around_the_weights_is_left_out(
    tmp_path: Path, wrapper: str
) -> None:
    parallel = {f"module.{key}": tensor for key, tensor in SMALL.items()}
    torch.save({"epoch": 3, wrapper: parallel}, tmp_path / "checkpoint.pth")
    assert set(read_tensors(tmp_path / "checkpoint.pth")) == set(SMALL)


def test_a_last_layer_of_another_width_or_none_is_fine(public_file: PublicFile) -> None:
    other = public_file("alexnet", {"classifier.6.weight": (7, 4096), "classifier.6.bias": (7,)})
    make_backbone("alexnet", image_size=64, weights=other)
    make_backbone(
        "alexnet",
        image_size=64,
        weights=public_file("alexnet", without=("classifier.6.weight", "classifier.6.bias")),
    )


def test_files_from_before_the_counters_of_batch_normalization_load(
    public_file: PublicFile,
) -> None:
    path = public_file("resnet50", without=("num_batches_tracked",))
    backbone = make_backbone("resnet50", image_size=32, weights=path)
    assert backbone.state_dict()["bn1.num_batches_tracked"].item() == 0


def test_older_names_of_the_transformer_load(tmp_path: Path, public_file: PublicFile) -> None:
    tensors = torch.load(public_file("vit_b_16"), weights_only=True)
    older = {
        key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): tensor
        for key, tensor in tensors.items()
    }
    assert set(older) != set(tensors)
    torch.save(older, tmp_path / "older.pth")
    backbone = make_backbone("vit_b_16", image_size=224, weights=tmp_path / "older.pth")
    name = "encoder.layers.encoder_layer_3.mlp.3.bias"
    assert torch.equal(backbone.state_dict()[name], tensors[name])


def test_positions_of_the_transformer_fit_another_image_size(public_file: PublicFile) -> None:
    path = public_file("vit_b_16")
    backbone = make_backbone("vit_b_16", image_size=64, weights=path)
    assert isinstance(backbone, ViTB16)
    positions = backbone.encoder.pos_embedding.detach()
    assert positions.shape == (1, 17, 768)
    torch.testing.assert_close(positions, torch.full((1, 17, 768), 0.003))


@pytest.mark.parametrize("side", [4, 7, 20])
def test_resized_positions_keep_the_class_token_and_the_directions(side: int) -> None:
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij"
    )
    grid = torch.stack([down.flatten(), across.flatten()], dim=1)  # (196, 2)
    positions = torch.cat([torch.tensor([[5.0, -5.0]]), grid])[None]

    resized = resized_positions(positions, side)

    assert resized.shape == (1, 1 + side * side, 2)
    assert resized[0, 0].tolist() == [5, -5]
    rows, columns = resized[0, 1:].reshape(side, side, 2).unbind(-1)
    assert (rows.diff(dim=0) > 0).all()
    assert (columns.diff(dim=1) > 0).all()
    torch.testing.assert_close(rows, columns.T)
    torch.testing.assert_close(rows, -rows.flip(0))
    assert rows.abs().max() <= 1.05


def test_positions_of_the_same_grid_or_of_none_stay() -> None:
    same = torch.rand(1, 17, 3)
    assert resized_positions(same, 4) is same
    no_grid = torch.rand(1, 16, 3)
    assert resized_positions(no_grid, 4) is no_grid


def test_the_first_tensor_that_does_not_fit_is_named(public_file: PublicFile) -> None:
    path = public_file("resnet50", {"layer1.0.conv1.weight": (64, 64, 3, 3), "bn1.bias": (3,)})
    with pytest.raises(CheckpointError) as error:
        make_backbone("resnet50", image_size=32, weights=path)
    assert said(error) == (
        f"In {path} the tensor bn1.bias has the shape 3; resnet50 has 64. "
        "Use ImageNet weights of resnet50 with the tensor names of the public file."
    )


def test_weights_of_another_network_name_what_is_absent(public_file: PublicFile) -> None:
    path = public_file("alexnet")
    with pytest.raises(CheckpointError) as error:
        make_backbone("resnet50", image_size=32, weights=path)
    assert said(error).startswith(f"{path} lacks the tensor conv1.weight of resnet50.")


def test_a_tensor_that_the_network_has_not_is_named(public_file: PublicFile) -> None:
    path = public_file("alexnet", {"features.13.weight": (2, 3)})
    with pytest.raises(CheckpointError) as error:
        make_backbone("alexnet", image_size=32, weights=path)
    assert said(error).startswith(f"{path} has a tensor features.13.weight, which alexnet lacks.")


def test_patches_of_another_size_are_refused_by_shape(public_file: PublicFile) -> None:
    path = public_file("vit_b_16", {"conv_proj.weight": (768, 3, 32, 32)})
    with pytest.raises(CheckpointError, match=r"conv_proj\.weight has the shape 768 × 3 × 32 × 32"):
        make_backbone("vit_b_16", image_size=32, weights=path)


def test_nothing_is_changed_when_a_file_does_not_fit(public_file: PublicFile) -> None:
    backbone = make_backbone("resnet50", image_size=32)
    before = {key: tensor.clone() for key, tensor in backbone.state_dict().items()}
    with pytest.raises(CheckpointError):
        backbone.load(public_file("resnet50", {"layer4.2.bn3.bias": (3,)}))
    assert all(torch.equal(tensor, before[key]) for key, tensor in backbone.state_dict().items())


class Runs:
    """What a file could hold that does something when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"weight": SMALL["weight"], "more": Runs(tmp_path / "ran")}, tmp_path / "evil.pth")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    for name in ("evil.pth", "evil.pkl"):
        with pytest.raises(CheckpointError) as error:
            read_tensors(tmp_path / name)
        assert "contains more than tensors" in said(error)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("stored", [{}, [1, 2], {"a": 1}, {"state_dict": {}}, {3: torch.zeros(1)}])
def test_a_file_without_tensors_by_name_is_one_line(tmp_path: Path, stored: object) -> None:
    torch.save(stored, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError) as error:
        read_tensors(tmp_path / "weights.pth")
    assert "contains no named tensors" in said(error)


def test_a_file_that_is_not_there_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(CheckpointError) as error:
            read_tensors(path)
        assert said(error).startswith(f"The weights {path} cannot be read: ")


def test_a_pointer_of_git_lfs_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )
    with pytest.raises(CheckpointError) as error:
        read_tensors(tmp_path / "weights.pth")
    assert "git lfs pull" in said(error)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@given(data=st.data())
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_a_file_that_ends_too_early_is_one_line(
    tmp_path: Path, suffix: str, data: st.DataObject
) -> None:
    whole = written(tmp_path / f"whole{suffix}", SMALL).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(CheckpointError) as error:
        read_tensors(tmp_path / "cut")
    said(error)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@given(data=st.data())
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_a_file_with_other_bytes_in_it_is_read_or_is_one_line(
    tmp_path: Path, suffix: str, data: st.DataObject
) -> None:
    content = bytearray(written(tmp_path / f"whole{suffix}", SMALL).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    (tmp_path / "other").write_bytes(content)
    with suppress(CheckpointError):
        tensors = read_tensors(tmp_path / "other")
        assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())


@given(content=st.binary(max_size=64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_bytes_that_are_no_weight_file_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bytes").write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        read_tensors(tmp_path / "bytes")
    said(error)
