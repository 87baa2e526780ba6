"""A system's weights in a file, and what makes its queries beside them."""

from pathlib import Path
from typing import Any

import numpy as np

from datrnet.core.errors import CheckpointError
from datrnet.core.models.run_folder import RunFolder, load_weights, write_atomically
from datrnet.core.retrieval.manipulation import Manipulation, read_manipulation
from datrnet.core.systems.making import system_of
from datrnet.core.systems.system import System

TRAIN_AGAIN = "Train again with `datrnet train`."


def save_system(system: System, path: Path) -> None:
    """Write a system's weights in one step; a reader never sees half a file."""
    from safetensors.torch import save

    tensors = {name: one.detach().contiguous().cpu() for name, one in system.state_dict().items()}
    write_atomically(path, save(tensors))


def save_manipulation(manipulation: Manipulation, path: Path) -> None:
    """Write what makes queries of a system's embeddings."""
    stored: dict[str, Any] = {"kind": np.array(manipulation.kind), **manipulation.to_arrays()}
    np.savez(path, **stored)


def trained_system(run: RunFolder) -> System:
    """Return the trained system of a run, in evaluation mode.

    Raises:
        CheckpointError: Its weights are absent, damaged, or of another system.
    """
    num_values = tuple(len(one.values) for one in run.super_categories)
    system = system_of(run.config.system, run.config.model.image_size, num_values)
    load_weights(system, run.system_path)
    return system.eval()


def trained_manipulation(run: RunFolder) -> Manipulation:
    """Return what makes queries of a trained system's embeddings.

    Raises:
        CheckpointError: It is absent or damaged.
    """
    try:
        with run.manipulation_path.open("rb") as file, np.load(file) as stored:
            arrays = dict(stored)
        return read_manipulation(str(arrays.pop("kind")), arrays)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{run.manipulation_path} is absent or damaged.", mend=TRAIN_AGAIN
        ) from error
