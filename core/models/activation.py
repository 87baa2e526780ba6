"""Where in a picture a network finds a value: class activation maps (Grad-CAM).

The agreement looked into is the dot product of the embedding with a prototype, before the embedding
is brought to length 1: the nearer two unit vectors are, the flatter their dot product, so that the
items that agree best would have maps of noise.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from datrnet.core.config import ModelConfig
from datrnet.core.errors import ConfigError, ShapeError
from datrnet.core.models.datrnet import DAtRNet, to_network_input

if TYPE_CHECKING:
    from captum.attr import LayerGradCam


LEAST_SIDE = 8
"""A map of fewer numbers a side looks alike whatever the network looks at."""


def usual_stage(config: ModelConfig) -> int:
    """Return the last ASE whose map is fine enough, from 0: the later ones decide more."""
    sides = [
        config.image_size // (config.stem_stride * 2**number)
        for number in range(1, config.num_ase + 1)
    ]
    return max((stage for stage, side in enumerate(sides) if side >= LEAST_SIDE), default=0)


def activation_map(
    network: DAtRNet,
    pixels: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    *,
    stage: int | None = None,
) -> NDArray[np.float32]:
    """Return what each pixel adds to an embedding's agreement with a prototype.

    Args:
        network: The network of the prototype's super-category; left in evaluation mode, its weights
            without gradients.
        pixels: (S, S, 3), uint8.
        wanted: (E,), the prototype.
        stage: Which ASE's output is looked at, from 0; that of ``usual_stage`` by default.

    Returns:
        (S, S) in [0, 1]: that ASE's map, enlarged, as a share of its maximum; all zero where
        nothing in the picture speaks for the value.

    Raises:
        ConfigError: captum is not installed.
        ShapeError: The prototype is not as long as an embedding.
    """
    if wanted.shape != (network.config.embedding_size,):
        raise ShapeError(
            f"The prototype has the shape {wanted.shape}; "
            f"({network.config.embedding_size},) is expected."
        )
    network.eval()
    device = next(network.parameters()).device
    looked_at = usual_stage(network.config) if stage is None else stage
    # a caller may be in inference mode, in which nothing has a gradient
    with torch.inference_mode(mode=False), torch.enable_grad():
        prototype = torch.tensor(wanted, device=device)
        images = to_network_input(torch.from_numpy(pixels[None])).to(device).requires_grad_()
        coarse = _grad_cam(network, prototype, looked_at).attribute(images, relu_attributions=True)
    return enlarged(coarse.detach(), len(pixels))


def _grad_cam(network: DAtRNet, prototype: Tensor, stage: int) -> "LayerGradCam":
    try:
        from captum.attr import LayerGradCam
    except ImportError as error:
        raise ConfigError(
            "Activation maps need captum, which is not installed.",
            mend='Install it with: pip install "datrnet[experiments]"',
        ) from error

    def agreement(images: Tensor) -> Tensor:
        return network.unscaled(images) @ prototype  # (B,)

    return LayerGradCam(agreement, network.stages[stage])


def enlarged(coarse: Tensor, side: int) -> NDArray[np.float32]:
    """Return a map (1, 1, h, w) of at least 0 at the picture's size (S, S), its maximum as 1."""
    heat = F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)[0, 0]
    largest = heat.max()
    shares: NDArray[np.float32] = (heat / largest if largest > 0 else heat).cpu().numpy()
    return shares
