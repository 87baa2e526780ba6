"""Weight files: read without executing code in them, and loaded into a network."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from datrnet.core.errors import CheckpointError

POINTER = b"version https://git-lfs."
WRAPPERS = ("state_dict", "model")
"""Under which names training scripts keep the state dict among other things."""
PARALLEL = "module."
"""What torch puts before every name of a network that was trained on several devices."""
COUNTER = ".num_batches_tracked"
"""A counter of batch normalization that files from before 2018 do not have and nobody needs."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a PyTorch state dict; half precision is widened.

    Raises:
        CheckpointError: The file is absent, damaged, a Git-LFS pointer, or holds something else.
    """
    stored = _read(path)
    for wrapper in WRAPPERS:
        if isinstance(stored, Mapping) and isinstance(stored.get(wrapper), Mapping):
            stored = stored[wrapper]
    if (
        not isinstance(stored, Mapping)
        or not stored
        or not all(
            isinstance(n, str) and isinstance(tensor, Tensor) for n, tensor in stored.items()
        )
    ):
        raise CheckpointError(
            f"{path} holds no tensors by name.",
            mend="Save the weights with torch.save(model.state_dict(), FILE) or as safetensors.",
        )
    cut = len(PARALLEL) if all(name.startswith(PARALLEL) for name in stored) else 0
    return {
        name[cut:]: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in stored.items()
    }


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            beginning = file.read(len(POINTER))
    except OSError as error:
        raise CheckpointError(
            f"The weights {path} cannot be read: {error.strerror}.",
            mend="Name a safetensors file or a PyTorch state dict.",
        ) from error
    if beginning == POINTER:
        raise CheckpointError(
            f"{path} is a Git-LFS pointer: the file itself was not downloaded.",
            mend="Install git-lfs and run `git lfs pull` in the folder it was cloned to.",
        )
    try:
        if beginning[8:9] == b"{":  # after the length of its header, safetensors has JSON
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that it refuses in the next moment
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no weight file raise almost anything in there
        raise CheckpointError(
            f"{path} is no weight file, is damaged, or holds more than tensors.",
            mend="Save the weights with torch.save(model.state_dict(), FILE) or as safetensors.",
        ) from error


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, source: Path, name: str, head: str
) -> None:
    """Load tensors into a network by name; nothing is changed on failure.

    Args:
        network: What takes them.
        tensors: By name, as read from a file.
        source: That file, for messages.
        name: The network's name, for messages.
        head: Tensors whose names begin so belong to a layer that the network does without.

    Raises:
        CheckpointError: A tensor is absent, of another shape or unknown; the first one is named.
    """
    mend = f"Give ImageNet weights of {name} with the names of the public file."
    own = network.state_dict()
    fitted = {key: tensor for key, tensor in tensors.items() if not key.startswith(head)}
    for key, tensor in own.items():
        if key not in fitted:
            if key.endswith(COUNTER):
                fitted[key] = tensor
                continue
            raise CheckpointError(f"{source} has no tensor {key}, which {name} has.", mend=mend)
        if fitted[key].shape != tensor.shape:
            raise CheckpointError(
                f"In {source} the tensor {key} has the shape {_shape(fitted[key])}; "
                f"{name} has {_shape(tensor)}.",
                mend=mend,
            )
    unknown = next((key for key in fitted if key not in own), None)
    if unknown is not None:
        raise CheckpointError(f"{source} has a tensor {unknown}, which {name} has not.", mend=mend)
    network.load_state_dict(fitted)


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
