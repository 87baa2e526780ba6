"""What a frozen backbone makes of pictures, computed once and kept in a file of the workspace."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datrnet.core.models.datrnet import to_network_input
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.research.systems.method import RetrievalMethod

BATCH = 64
"""Pictures seen at a time."""

FORMAT = 1
"""Of what is kept; another one makes it anew."""


def cached_features(
    system: RetrievalMethod,
    pixels: NDArray[np.uint8],
    folder: Path,
    on_progress: StepProgress = no_progress,
) -> NDArray[np.float16]:
    """Return what a system sees of pictures through its frozen backbone.

    Args:
        system: In evaluation mode.
        pixels: (N, S, S, 3), uint8.
        folder: Holds a file for each backbone and set of pictures, named by what they contain.
        on_progress: Told how many pictures are done, and how many there are.

    Returns:
        (N, D) features or (N, C, h, w) maps, mapped from the file.
    """
    path = folder / f"{_digest(system, pixels)}.npy"
    if path.exists():
        return _opened(path)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    device = next(system.backbone.parameters()).device
    kept: np.memmap[Any, np.dtype[np.float16]] | None = None
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            part = torch.from_numpy(pixels[start : start + BATCH])
            seen = system.features(to_network_input(part).to(device)).half().cpu().numpy()
            if kept is None:
                shape = (len(pixels), *seen.shape[1:])
                kept = np.lib.format.open_memmap(partial, "w+", dtype=np.float16, shape=shape)
            kept[start : start + len(seen)] = seen
            on_progress(min(start + BATCH, len(pixels)), len(pixels))
    assert kept is not None, "a training has pictures"
    kept.flush()
    del kept
    partial.replace(path)
    return _opened(path)


def _opened(path: Path) -> NDArray[np.float16]:
    kept: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return kept


def _digest(system: RetrievalMethod, pixels: NDArray[np.uint8]) -> str:
    """Return what tells pictures and backbone from others."""
    found = blake2b(f"{FORMAT} {system.feature_kind} {pixels.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(pixels).data)
    for name, tensor in system.backbone.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().numpy().tobytes())
    return found.hexdigest()
