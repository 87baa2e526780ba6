"""The features of a frozen backbone, computed once and cached in a file of the workspace."""

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
"""Images embedded at a time."""

FORMAT = 1
"""Format of the cache; another number computes it again."""


def cached_features(
    system: RetrievalMethod,
    pixels: NDArray[np.uint8],
    folder: Path,
    on_progress: StepProgress = no_progress,
) -> NDArray[np.float16]:
    """Return the features of images by a system's frozen backbone.

    Args:
        system: In evaluation mode.
        pixels: (N, S, S, 3), uint8.
        folder: Holds a file for each backbone and set of images, named by a digest of both.
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
    cache: np.memmap[Any, np.dtype[np.float16]] | None = None
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            part = torch.from_numpy(pixels[start : start + BATCH])
            seen = system.features(to_network_input(part).to(device)).half().cpu().numpy()
            if cache is None:
                shape = (len(pixels), *seen.shape[1:])
                cache = np.lib.format.open_memmap(partial, "w+", dtype=np.float16, shape=shape)
            cache[start : start + len(seen)] = seen
            on_progress(min(start + BATCH, len(pixels)), len(pixels))
    assert cache is not None, "a training has pictures"
    cache.flush()
    del cache
    partial.replace(path)
    return _opened(path)


def _opened(path: Path) -> NDArray[np.float16]:
    kept: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return kept


def _digest(system: RetrievalMethod, pixels: NDArray[np.uint8]) -> str:
    """Return a digest of the images and the backbone."""
    found = blake2b(f"{FORMAT} {system.feature_kind} {pixels.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(pixels).data)
    for name, tensor in system.backbone.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().numpy().tobytes())
    return found.hexdigest()
