"""All networks of a run over one batch of pictures.

Batch normalization is folded into the convolutions, pictures become floats once for all networks,
and a batch is so small that what a layer computes is still in the processor's cache for the next.
"""

import copy
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import BATCH_SIZE

BATCH_PIXELS = 64 * 64**2
"""Pixels of a batch on a processor: 64 pictures of 64 px, 4 of 256 px."""


class FoldedNetworks(nn.Module):
    """The networks of a run as one, without batch normalization."""

    def __init__(self, networks: Iterable[DAtRNet]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(folded(network) for network in networks)
        self.eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (B, S, S, 3), uint8, to embeddings (B, A, E), float32."""
        images = to_network_input(pixels).to(memory_format=torch.channels_last)
        return torch.stack([network(images) for network in self.networks], dim=1)

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed any number of pictures (N, S, S, 3); returns (N, A, E)."""
        device = next(self.parameters()).device
        size = batch_size(pixels.shape[1]) if device.type == "cpu" else BATCH_SIZE
        with torch.inference_mode():
            parts = [
                # a GPU receives bytes, not the floats of four bytes that they become
                self(torch.from_numpy(pixels[start : start + size]).to(device)).cpu().numpy()
                for start in range(0, max(1, len(pixels)), size)
            ]
        return np.concatenate(parts)


def batch_size(image_size: int) -> int:
    """Return how many pictures of a size a processor embeds at a time."""
    return max(1, BATCH_PIXELS // image_size**2)


def folded(network: DAtRNet) -> DAtRNet:
    """Return a copy for inference, its batch normalization made part of the convolutions."""
    network = copy.deepcopy(network).eval()
    for layers in network.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (conv, norm) in enumerate(pairwise(layers)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[place] = fuse_conv_bn_eval(conv, norm)
                layers[place + 1] = nn.Identity()
    return network
