"""The weights of ADDE-M that its authors released: an encoder file and a memory file.

Tensors are matched by structure, not by the authors' names: the backbone's from its input on, then
for each super-category its projection (two layers) and, before or after all projections, its
classifier. The memory is a single matrix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from datrnet.core.errors import CheckpointError
from datrnet.core.research.backbones.weights import read_tensors
from datrnet.core.research.systems.adde_m import AddeConfig, AddeM

IMAGE_SIZE = 224
"""Side of the pictures that the released weights were trained on."""

BACKBONE = "alexnet"
"""The backbone of the released weights."""

EMBEDDING_SIZE = AddeConfig().embedding_size
"""Length of a released embedding of one super-category: the width of every classifier."""

MEND = "Name the two files as they were released: the encoder first, then the memory."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReleasedWeights:
    """An encoder and a memory that belong together."""

    encoder_file: Path
    memory_file: Path
    encoder: Mapping[str, Tensor]
    """By the authors' names, in the order of the file."""
    memory: Tensor
    """(E·T, S), a column for each value."""
    num_values: tuple[int, ...]
    """Of each of T super-categories, as the encoder's classifiers tell them apart."""


def read_released(encoder_file: Path, memory_file: Path) -> ReleasedWeights:
    """Read both files, without running anything that stands in them, and check that they fit.

    Raises:
        CheckpointError: A file is absent, damaged or a Git-LFS pointer, the two are swapped, or
            one of them is no encoder or no memory of ADDE-M.
    """
    encoder, stored = read_tensors(encoder_file), read_tensors(memory_file)
    if _is_memory(encoder) and not _is_memory(stored):
        raise CheckpointError(
            f"The two files are swapped: {encoder_file} holds a single matrix, as a memory does.",
            mend="Name the encoder's file first, then the memory's.",
        )
    if not _is_memory(stored):
        raise CheckpointError(
            f"{memory_file} is no memory of ADDE-M, which is a single matrix: it holds "
            f"{_shapes(stored.values())}.",
            mend=MEND,
        )
    num_values = _num_values(encoder_file, encoder)
    (memory,) = stored.values()
    needed = (EMBEDDING_SIZE * len(num_values), sum(num_values))
    if memory.shape != needed:
        raise CheckpointError(
            f"The memory {memory_file} is {_shape(memory)}; the encoder's {len(num_values)} "
            f"super-categories with {sum(num_values)} values need {needed[0]} × {needed[1]}.",
            mend="Name an encoder and a memory that were released together.",
        )
    return ReleasedWeights(
        encoder_file=encoder_file,
        memory_file=memory_file,
        encoder=encoder,
        memory=memory,
        num_values=num_values,
    )


def load_released(system: AddeM, released: ReleasedWeights) -> None:
    """Load released weights into a system on AlexNet; nothing is changed on failure.

    Raises:
        CheckpointError: They are of other shapes.
    """
    own = dict(system.named_parameters())
    memory = {"memory.weight": own.pop("memory.weight")}
    loaded = _matched(own, released.encoder, released.encoder_file)
    loaded |= _matched(memory, {"memory": released.memory}, released.memory_file)
    with torch.no_grad():
        for name, tensor in (own | memory).items():
            tensor.copy_(loaded[name])


def _is_memory(tensors: Mapping[str, Tensor]) -> bool:
    return len(tensors) == 1 and next(iter(tensors.values())).dim() == 2


def _num_values(path: Path, encoder: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the outputs of the classifiers, in order: what takes an embedding and is not square.

    A projection's second layer, which is square, takes as many numbers as a classifier.
    """
    taking = [tensor.shape for tensor in encoder.values() if tensor.dim() == 2]
    taking = [shape for shape in taking if shape[1] == EMBEDDING_SIZE]
    num_values = tuple(outputs for outputs, width in taking if outputs != width)
    if not num_values or len(taking) != 2 * len(num_values):
        raise CheckpointError(
            f"{path} is no encoder of ADDE-M, which has a projection and a classifier of "
            f"{EMBEDDING_SIZE} numbers for each super-category: it holds "
            f"{_shapes(encoder.values())}.",
            mend=MEND,
        )
    return num_values


def _matched(
    own: Mapping[str, Tensor], stored: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Give each of a system's tensors, in order, the file's first free one of the same shape.

    So layers of one shape keep their order, while layers of different shapes may stand in any.
    """
    free = dict(stored)
    matched = {}
    for name, tensor in own.items():
        found = next((key for key, other in free.items() if other.shape == tensor.shape), None)
        if found is None:
            left = f"left are {_shapes(free.values())}" if free else "it ends"
            raise CheckpointError(
                f"{path} has no tensor of the shape {_shape(tensor)} left for {name}; {left}.",
                mend=f"Name weights of ADDE-M on {BACKBONE}.",
            )
        matched[name] = free.pop(found)
    if free:
        name, tensor = next(iter(free.items()))
        raise CheckpointError(
            f"{path} has a tensor {name} of the shape {_shape(tensor)} that has no place.",
            mend=f"Name weights of ADDE-M on {BACKBONE}.",
        )
    return matched


def _shapes(tensors: Iterable[Tensor]) -> str:
    """Return the first shapes, as "64 × 3 × 11 × 11, 64, …"."""
    shapes = [_shape(tensor) for tensor in tensors]
    return f"{', '.join(shapes[:3])}{', …' if shapes[3:] else ''}"


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
