"""From pixels to embeddings."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.models.datrnet import DAtRNet, to_network_input

BATCH_SIZE = 256
"""Pictures embedded at a time."""


def compute_device() -> torch.device:
    """Return the device of the networks: the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_device_if_fits(device: torch.device, pixels: NDArray[np.uint8]) -> Tensor:
    """Move pixels to a GPU if they fill at most a quarter of its free memory."""
    tensor = torch.from_numpy(pixels)
    if device.type != "cuda" or tensor.nbytes > torch.cuda.mem_get_info(device)[0] // 4:
        return tensor
    return tensor.to(device)


def embed(network: nn.Module, pixels: NDArray[np.uint8] | Tensor) -> NDArray[np.float32]:
    """Embed pictures with a network of one super-category or of all.

    Args:
        network: Takes images (B, 3, S, S); left in evaluation mode.
        pixels: (N, S, S, 3), uint8; a tensor may lie on a GPU.

    Returns:
        (N, E) embeddings, float32; (N, A, E) from a network of all super-categories.
    """
    network.eval()
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH_SIZE):
            # a GPU receives bytes, not the floats of four bytes that they become
            batch = torch.as_tensor(pixels[start : start + BATCH_SIZE]).to(device)
            images = to_network_input(batch).to(memory_format=torch.channels_last)
            parts.append(network(images).float().cpu().numpy())
    return np.concatenate(parts) if parts else _nothing(network)


def _nothing(network: nn.Module) -> NDArray[np.float32]:
    size = network.config.embedding_size if isinstance(network, DAtRNet) else 0
    return np.empty((0, size), dtype=np.float32)


def training_precision(
    wanted: str, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """Return an autocast context: bfloat16 if requested or native (``auto``), else float32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:
        # private, so a release of torch may drop it: float32 is right everywhere
        native = getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    lower = wanted == "bfloat16" or (wanted == "auto" and native)
    return partial(torch.autocast, device.type, dtype=torch.bfloat16, enabled=lower)
