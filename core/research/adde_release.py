"""Make a finished run from the weights of ADDE-M that its authors released, without training.

There are two files: an encoder and a memory. Their tensors are matched by structure, not by the
authors' names: the tensors of the backbone from its input on, then for each super-category its
projection (two layers) and, before or after all projections, its classifier. The memory is a
single matrix.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from datrnet import __version__
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, ModelConfig, SystemChoice
from datrnet.core.errors import CheckpointError, ConfigError
from datrnet.core.models.run_folder import RunFolder, save_weights, write_atomically
from datrnet.core.progress import NetworkResult
from datrnet.core.research.backbones.backbone import read_tensors, shape_text
from datrnet.core.research.datasets.importer import names_for
from datrnet.core.research.systems.adde_m import AddeConfig, AddeM
from datrnet.core.research.systems.registry import method_of
from datrnet.core.retrieval.manipulation import Addition, save_manipulation
from datrnet.core.training.run import new_run_path
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

IMAGE_SIZE = 224
"""Side of the images that the released weights were trained on."""

BACKBONE = "alexnet"
"""The backbone of the released weights."""

EMBEDDING_SIZE = AddeConfig().embedding_size
"""Size of a super-category's released embedding: the input size of every classifier."""

HINT = "Give the two files as released: the encoder first, then the memory."


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFiles:
    """The two files, and the super-categories and values of their columns."""

    encoder: Path
    memory: Path
    super_categories: tuple[str, ...] = ()
    """The super-categories of the weights, in order; by default all of the catalog."""
    names: Path | None = None
    """The file of names with which the split folder was imported, in the order of the columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedRun:
    """The new run."""

    run: RunFolder
    result: NetworkResult
    in_alphabetical_order: tuple[str, ...]
    """Super-categories whose values may not be in the order of the columns: they are neither
    numbered nor in a file of names."""


def add_released_run(
    workspace: Workspace, store: Store, catalog: Catalog, files: ReleasedFiles
) -> ReleasedRun:
    """Make a finished run from released weights, on AlexNet at 224 pixels.

    Args:
        workspace: The workspace.
        store: Its database.
        catalog: Its catalog.
        files: The weights.

    Raises:
        CheckpointError: A file is missing, damaged or a Git-LFS pointer, the two are swapped, or
            their shapes are not those of ADDE-M.
        ConfigError: Their numbers of values are not those of the catalog.
        DataError: The file of names cannot be read, or does not fit.
        UnknownNameError: A super-category or value does not exist.
    """
    released = read_released(files.encoder, files.memory)
    named = _categories(catalog, released, files)
    config = Config(
        name="released",
        model=ModelConfig(image_size=IMAGE_SIZE),
        system=SystemChoice(name=AddeM.name, backbone=BACKBONE),
    )
    system = method_of(config.system, IMAGE_SIZE, released.num_values)
    assert isinstance(system, AddeM), "the config names it"
    load_released(system, released)
    run = RunFolder(
        path=new_run_path(workspace, f"{AddeM.name}-released"),
        config=config,
        super_categories=named,
    )
    result = NetworkResult(super_category=AddeM.name, accuracy=None, best_epoch=0, epochs=0)
    try:
        run.create()
        save_weights(system, run.weights_path())
        manipulation = Addition(released.memory.numpy(), released.num_values)
        save_manipulation(manipulation, run.manipulation_path)
        write_atomically(run.released_path, json.dumps(_origin(released), indent=1))
        write_atomically(run.result_path(), json.dumps(asdict(result)))
        store.add_run(
            run.name, AddeM.name, json.dumps({"version": __version__, **config.to_dict()})
        )
    except BaseException:  # without a row in the database it cannot be found
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    store.update_run(
        run.name, status="finished", metrics_json=json.dumps({AddeM.name: asdict(result)})
    )
    unsure = [] if files.names else [c.name for c in named if not _is_numbered(c)]
    return ReleasedRun(run=run, result=result, in_alphabetical_order=tuple(unsure))


def _origin(released: ReleasedWeights) -> dict[str, dict[str, object]]:
    """Return name, size and digest of both files."""
    paths = {"encoder": released.encoder_file, "memory": released.memory_file}
    contents = {part: path.read_bytes() for part, path in paths.items()}
    return {
        part: {"file": paths[part].name, "bytes": len(data), "sha256": sha256(data).hexdigest()}
        for part, data in contents.items()
    }


def _categories(
    catalog: Catalog, released: ReleasedWeights, files: ReleasedFiles
) -> tuple[SuperCategory, ...]:
    """Return the super-categories of the weights, with values in the order of the columns."""
    if files.names:
        names, _ = names_for(released.num_values, files.names)
    else:
        known = [category.name for category in catalog.super_categories]
        names = dict.fromkeys(files.super_categories or known, ())
    chosen = {catalog.super_category_idx(name): values for name, values in names.items()}
    _check_counts(released.num_values, [catalog.super_categories[idx] for idx in chosen])
    categories = []
    for idx, values in chosen.items():
        category = catalog.super_categories[idx]
        if values:
            ordered = tuple(category.values[catalog.value_idx(idx, value)] for value in values)
        elif _is_numbered(category):  # the catalog sorts them as text
            ordered = tuple(sorted(category.values, key=int))
        else:
            ordered = category.values
        categories.append(SuperCategory(name=category.name, values=ordered))
    return tuple(categories)


def _check_counts(counts: Sequence[int], chosen: Sequence[SuperCategory]) -> None:
    """Check that the numbers of super-categories and of their values are those of the weights."""
    hint = (
        "Import the whole split folder that the weights were trained on, or list its "
        "super-categories in order with --super-category."
    )
    if len(counts) != len(chosen):
        here = ", ".join(f"{category.name} ({len(category.values)})" for category in chosen)
        raise ConfigError(
            f"The weights have {len(counts)} super-categories with "
            f"{', '.join(map(str, counts))} values; the workspace has {len(chosen)}: {here}.",
            hint=hint,
        )
    differing = [
        f"{category.name} has {len(category.values)}, in the weights {count}"
        for category, count in zip(chosen, counts, strict=True)
        if len(category.values) != count
    ]
    if differing:
        raise ConfigError(
            f"The numbers of values differ from the weights: {'; '.join(differing)}.", hint=hint
        )


def _is_numbered(category: SuperCategory) -> bool:
    """Tell whether values are 1, 2, …, as after an import without names."""
    return set(category.values) == set(map(str, range(1, len(category.values) + 1)))


def read_released(encoder_file: Path, memory_file: Path) -> ReleasedWeights:
    """Read both files, without executing their code, and check that they match.

    Raises:
        CheckpointError: A file is missing, damaged or a Git-LFS pointer, the two are swapped, or
            they are not an encoder and a memory of ADDE-M.
    """
    encoder, stored = read_tensors(encoder_file), read_tensors(memory_file)
    if _is_memory(encoder) and not _is_memory(stored):
        raise CheckpointError(
            f"The two files are swapped: {encoder_file} holds a single matrix, as a memory does.",
            hint="Give the encoder first, then the memory.",
        )
    if not _is_memory(stored):
        raise CheckpointError(
            f"{memory_file} is not a memory of ADDE-M, which is a single matrix: it contains "
            f"{_shapes(stored.values())}.",
            hint=HINT,
        )
    num_values = _num_values(encoder_file, encoder)
    (memory,) = stored.values()
    needed = (EMBEDDING_SIZE * len(num_values), sum(num_values))
    if memory.shape != needed:
        raise CheckpointError(
            f"The memory {memory_file} is {shape_text(memory)}; the encoder's {len(num_values)} "
            f"super-categories with {sum(num_values)} values need {needed[0]} × {needed[1]}.",
            hint="Use an encoder and a memory that were released together.",
        )
    return ReleasedWeights(
        encoder_file=encoder_file,
        memory_file=memory_file,
        encoder=encoder,
        memory=memory,
        num_values=num_values,
    )


def load_released(system: AddeM, released: ReleasedWeights) -> None:
    """Load released weights into a system on AlexNet; nothing changes on failure.

    Raises:
        CheckpointError: They have other shapes.
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
    """Return the output sizes of the classifiers, in order.

    A classifier and the second layer of a projection both take an embedding; the latter is square.
    """
    matrices = [tensor.shape for tensor in encoder.values() if tensor.dim() == 2]
    layers = [shape for shape in matrices if shape[1] == EMBEDDING_SIZE]
    num_values = tuple(outputs for outputs, inputs in layers if outputs != inputs)
    if not num_values or len(layers) != 2 * len(num_values):
        raise CheckpointError(
            f"{path} is not an encoder of ADDE-M, which has a projection and a classifier of "
            f"{EMBEDDING_SIZE} numbers for each super-category: it holds "
            f"{_shapes(encoder.values())}.",
            hint=HINT,
        )
    return num_values


def _matched(
    own: Mapping[str, Tensor], stored: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Match each of a system's tensors, in order, with the file's first free one of its shape.

    Layers of the same shape keep their order; those of different shapes may come in any.
    """
    free = dict(stored)
    matched = {}
    for name, tensor in own.items():
        found = next((key for key, other in free.items() if other.shape == tensor.shape), None)
        if found is None:
            left = f"left are {_shapes(free.values())}" if free else "it ends"
            raise CheckpointError(
                f"{path} has no tensor of the shape {shape_text(tensor)} left for {name}; {left}.",
                hint=f"Use weights of ADDE-M on {BACKBONE}.",
            )
        matched[name] = free.pop(found)
    if free:
        name, tensor = next(iter(free.items()))
        raise CheckpointError(
            f"{path} has a tensor {name} of the shape {shape_text(tensor)} that has no place.",
            hint=f"Use weights of ADDE-M on {BACKBONE}.",
        )
    return matched


def _shapes(tensors: Iterable[Tensor]) -> str:
    """Return the first shapes, as "64 × 3 × 11 × 11, 64, …"."""
    shapes = list(map(shape_text, tensors))
    return f"{', '.join(shapes[:3])}{', …' if shapes[3:] else ''}"
