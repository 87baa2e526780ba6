"""A finished run from ADDE-M's released weights, without training."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from datrnet import __version__
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, ModelConfig, SystemChoice
from datrnet.core.errors import ConfigError
from datrnet.core.models.run_folder import RunFolder, save_weights, write_atomically
from datrnet.core.research.datasets.names import names_for
from datrnet.core.research.systems.adde_m import AddeM
from datrnet.core.research.systems.adde_weights import (
    BACKBONE,
    IMAGE_SIZE,
    ReleasedWeights,
    load_released,
    read_released,
)
from datrnet.core.research.systems.registry import method_of
from datrnet.core.retrieval.manipulation import Addition, save_manipulation
from datrnet.core.training.events import NetworkResult
from datrnet.core.training.run import new_run_path
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFiles:
    """The two files, and the order of their columns."""

    encoder: Path
    memory: Path
    super_categories: tuple[str, ...] = ()
    """Those of the weights, in order; by default all of the catalog."""
    names: Path | None = None
    """The file of names of the import of the split folder, in the order of the columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedRun:
    """The run, and what remains uncertain."""

    run: RunFolder
    result: NetworkResult
    in_alphabetical_order: tuple[str, ...]
    """Super-categories whose values are neither numbered nor in a file of names, so that they may
    not be in the order of the columns."""


def add_released_run(
    workspace: Workspace, store: Store, catalog: Catalog, files: ReleasedFiles
) -> ReleasedRun:
    """Make a finished run of released weights, on AlexNet at 224 pixels.

    Args:
        workspace: Receives the run.
        store: Its database.
        catalog: Its catalog.
        files: The weights.

    Raises:
        CheckpointError: A file is missing, damaged or a Git-LFS pointer, the two are swapped, or
            their shapes are not those of ADDE-M.
        ConfigError: The catalog has other numbers of values.
        DataError: The file of names cannot be read, or does not fit.
        UnknownNameError: A super-category or value that is named does not exist.
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
        super_categories=named if files.names else tuple(map(_numbered_order, named)),
    )
    result = NetworkResult(super_category=AddeM.name, accuracy=None, best_epoch=0, epochs=0)
    try:
        _write(run, system, released, result)
        store.add_run(
            run.name, AddeM.name, json.dumps({"version": __version__, **config.to_dict()})
        )
    except BaseException:  # without a row in the database nobody would find it
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    store.update_run(
        run.name, status="finished", metrics_json=json.dumps({AddeM.name: asdict(result)})
    )
    unsure = (
        ()
        if files.names
        else tuple(category.name for category in named if not _is_numbered(category))
    )
    return ReleasedRun(run=run, result=result, in_alphabetical_order=unsure)


def _write(run: RunFolder, system: AddeM, released: ReleasedWeights, result: NetworkResult) -> None:
    """Write what a trained run's folder holds, and the origin of the weights."""
    run.create()
    save_weights(system, run.system_path)
    manipulation = Addition(released.memory.numpy(), released.num_values)
    save_manipulation(manipulation, run.manipulation_path)
    write_atomically(run.released_path, json.dumps(_origin(released), indent=1))
    write_atomically(run.system_result_path, json.dumps(asdict(result)))


def _origin(released: ReleasedWeights) -> dict[str, dict[str, object]]:
    origin: dict[str, dict[str, object]] = {}
    for part, path in (("encoder", released.encoder_file), ("memory", released.memory_file)):
        content = path.read_bytes()
        origin[part] = {
            "file": path.name,
            "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
        }
    return origin


def _categories(
    catalog: Catalog, released: ReleasedWeights, files: ReleasedFiles
) -> tuple[SuperCategory, ...]:
    """Return the super-categories that the weights are of; in a named order where one is given."""
    if files.names is None:
        chosen = tuple(
            catalog.super_categories[catalog.super_category_idx(name)]
            for name in files.super_categories
        )
        chosen = chosen or catalog.super_categories
        _check_counts(released.num_values, chosen)
        return chosen
    names, _ = names_for(released.num_values, files.names)
    idxs = [catalog.super_category_idx(name) for name in names]
    chosen = tuple(catalog.super_categories[idx] for idx in idxs)
    _check_counts(released.num_values, chosen)
    ordered = [
        tuple(category.values[catalog.value_idx(idx, value)] for value in values)
        for idx, category, values in zip(idxs, chosen, names.values(), strict=True)
    ]
    return tuple(
        SuperCategory(name=category.name, values=values)
        for category, values in zip(chosen, ordered, strict=True)
    )


def _check_counts(counts: Sequence[int], chosen: Sequence[SuperCategory]) -> None:
    """Refuse super-categories that are not as many, or have not as many values, as the weights."""
    mend = (
        "Import the split folder that the weights were made for, whole, or name their "
        "super-categories in order with --super-category."
    )
    if len(counts) != len(chosen):
        here = ", ".join(f"{category.name} ({len(category.values)})" for category in chosen)
        raise ConfigError(
            f"The weights are of {len(counts)} super-categories with "
            f"{', '.join(map(str, counts))} values; the workspace's are {len(chosen)}: {here}.",
            mend=mend,
        )
    differing = [
        f"{category.name} has {len(category.values)}, in the weights {count}"
        for category, count in zip(chosen, counts, strict=True)
        if len(category.values) != count
    ]
    if differing:
        raise ConfigError(
            f"The weights are of other numbers of values: {'; '.join(differing)}.", mend=mend
        )


def _is_numbered(category: SuperCategory) -> bool:
    """Tell whether values are 1, 2 and so on, as an import without names calls them."""
    return set(category.values) == {str(number) for number in range(1, len(category.values) + 1)}


def _numbered_order(category: SuperCategory) -> SuperCategory:
    """Bring numbered values, which the catalog sorts as text, into the order of the columns."""
    if not _is_numbered(category):
        return category
    return SuperCategory(name=category.name, values=tuple(sorted(category.values, key=int)))
