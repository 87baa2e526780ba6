"""Read weight files without executing their code, and load them into a network."""

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
"""Keys under which training scripts store the state dict."""
PARALLEL = "module."
"""Prefix of all names of a network that was trained on several devices."""
COUNTER = ".num_batches_tracked"
"""An unused counter of batch normalization that files from before 2018 lack."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a PyTorch state dict as float32.

    Raises:
        CheckpointError: The file is missing, damaged, a Git-LFS pointer, or has no tensors.
    """
    stored = _read(path)
    for wrapper in WRAPPERS:
        if isinstance(stored, Mapping) and isinstance(stored.get(wrapper), Mapping):
            stored = stored[wrapper]
    if (
        not isinstance(stored, Mapping)
        or not stored
        or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in stored.items())
    ):
        raise CheckpointError(
            f"{path} contains no named tensors.",
            hint="Save the weights with torch.save(model.state_dict(), FILE) or as safetensors.",
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
            hint="Use a safetensors file or a PyTorch state dict.",
        ) from error
    if beginning == POINTER:
        raise CheckpointError(
            f"{path} is a Git-LFS pointer: the file itself was not downloaded.",
            hint="Install git-lfs and run `git lfs pull` in the folder it was cloned to.",
        )
    try:
        if beginning[8:9] == b"{":  # the header of safetensors is JSON after its length
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that it refuses anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # other files raise almost anything
        raise CheckpointError(
            f"{path} is not a weight file, is damaged, or contains more than tensors.",
            hint="Save the weights with torch.save(model.state_dict(), FILE) or as safetensors.",
        ) from error


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, source: Path, name: str, head: str
) -> None:
    """Load tensors into a network by name; nothing changes on failure.

    Args:
        network: The network.
        tensors: By name, as read from a file.
        source: The file, for messages.
        name: The network's name, for messages.
        head: Prefix of the tensors that belong to an omitted layer.

    Raises:
        CheckpointError: A tensor is missing, of another shape or unknown; the first is named.
    """
    hint = f"Use ImageNet weights of {name} with the tensor names of the public file."
    own = network.state_dict()
    fitted = {key: tensor for key, tensor in tensors.items() if not key.startswith(head)}
    for key, tensor in own.items():
        if key not in fitted:
            if key.endswith(COUNTER):
                fitted[key] = tensor
                continue
            raise CheckpointError(f"{source} lacks the tensor {key} of {name}.", hint=hint)
        if fitted[key].shape != tensor.shape:
            raise CheckpointError(
                f"In {source} the tensor {key} has the shape {shape_text(fitted[key])}; "
                f"{name} has {shape_text(tensor)}.",
                hint=hint,
            )
    unknown = next((key for key in fitted if key not in own), None)
    if unknown is not None:
        raise CheckpointError(f"{source} has a tensor {unknown}, which {name} lacks.", hint=hint)
    network.load_state_dict(fitted)


def shape_text(tensor: Tensor) -> str:
    """Return a shape as text, as "64 × 3 × 11 × 11"."""
    return " × ".join(str(size) for size in tensor.shape) or "one number"
