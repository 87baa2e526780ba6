"""Reading the weights of ADDE-M that its authors released: an encoder file and a memory file.

The names in them are the authors' own and are not relied on. What is relied on is the structure:
the tensors of the backbone from its input on, then for each super-category its projection (two
layers) and, before or after all projections, its classifier.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from datrnet.core.errors import CheckpointError
from datrnet.core.models.backbones.weights import read_tensors
from datrnet.core.systems.adde_m import AddeM


def load_adde_weights(system: AddeM, encoder_file: Path, memory_file: Path) -> None:
    """Load a released encoder and memory into a system on AlexNet; nothing is changed on failure.

    Raises:
        CheckpointError: A file is absent, damaged or a Git-LFS pointer, or is of other shapes.
    """
    own = dict(system.named_parameters())
    memory = {"memory.weight": own.pop("memory.weight")}
    loaded = _matched(own, encoder_file) | _matched(memory, memory_file)
    with torch.no_grad():
        for name, tensor in (own | memory).items():
            tensor.copy_(loaded[name])


def _matched(own: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Give each of a system's tensors, in order, the file's first free one of the same shape.

    So layers of one shape keep their order, while layers of different shapes may stand in any.
    """
    free = read_tensors(path)
    matched = {}
    for name, tensor in own.items():
        found = next((key for key, one in free.items() if one.shape == tensor.shape), None)
        if found is None:
            raise CheckpointError(
                f"{path} has no tensor of the shape {_shape(tensor)} left for {name}; "
                f"{_remaining(free.values())}.",
                mend="Name the backbone and the super-categories that the weights were made for.",
            )
        matched[name] = free.pop(found)
    if free:
        name, tensor = next(iter(free.items()))
        raise CheckpointError(
            f"{path} has a tensor {name} of the shape {_shape(tensor)} that has no place.",
            mend="Name the backbone and the super-categories that the weights were made for.",
        )
    return matched


def _remaining(tensors: Iterable[Tensor]) -> str:
    shapes = [_shape(one) for one in tensors]
    return f"left are {', '.join(shapes[:3])}{', …' if shapes[3:] else ''}" if shapes else "it ends"


def _shape(tensor: Tensor) -> str:
    return " × ".join(str(one) for one in tensor.shape) or "one number"
