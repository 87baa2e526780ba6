"""Where in a picture a network finds a value: class activation maps (Grad-CAM).

The score is the dot product of a prototype with the embedding before L2 normalization: the nearer
two unit vectors are, the flatter is their dot product, so that the best matches would have maps of
noise.
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


MIN_SIDE = 8
"""Side of the coarsest feature map that still shows where a network looks."""


def default_stage(config: ModelConfig) -> int:
    """Return the index of the last ASE whose map is at least ``MIN_SIDE`` wide.

    Later maps are closer to the decision, earlier ones are finer.
    """
    sides = [
        config.image_size // (config.stem_stride * 2**number)
        for number in range(1, config.num_ase + 1)
    ]
    return max((stage for stage, side in enumerate(sides) if side >= MIN_SIDE), default=0)


def activation_map(
    network: DAtRNet,
    pixels: NDArray[np.uint8],
    prototype: NDArray[np.float32],
    *,
    stage: int | None = None,
) -> NDArray[np.float32]:
    """Return how much each pixel adds to an embedding's similarity to a prototype.

    Args:
        network: The network of the prototype's super-category; left in evaluation mode, its weights
            without gradients.
        pixels: (S, S, 3), uint8.
        prototype: (E,).
        stage: Index of the ASE whose output is examined; ``default_stage`` by default.

    Returns:
        (S, S) in [0, 1]: the upsampled map of that ASE, divided by its maximum; all zero where
        nothing in the picture speaks for the value.

    Raises:
        ConfigError: captum is not installed.
        ShapeError: The prototype is not as long as an embedding.
    """
    if prototype.shape != (network.config.embedding_size,):
        raise ShapeError(
            f"The prototype has the shape {prototype.shape}; "
            f"({network.config.embedding_size},) is expected."
        )
    network.eval()
    device = next(network.parameters()).device
    stage = default_stage(network.config) if stage is None else stage
    # a caller may be in inference mode, in which nothing has a gradient
    with torch.inference_mode(mode=False), torch.enable_grad():
        target = torch.tensor(prototype, device=device)
        images = to_network_input(torch.from_numpy(pixels[None])).to(device).requires_grad_()
        coarse = _grad_cam(network, target, stage).attribute(images, relu_attributions=True)
    return upsample(coarse.detach(), len(pixels))


def _grad_cam(network: DAtRNet, prototype: Tensor, stage: int) -> "LayerGradCam":
    try:
        from captum.attr import LayerGradCam
    except ImportError as error:
        raise ConfigError(
            "Activation maps need captum, which is not installed.",
            hint='Install it with: pip install "datrnet[experiments]"',
        ) from error

    def similarity(images: Tensor) -> Tensor:
        return network.forward_head(images) @ prototype  # (B,)

    return LayerGradCam(similarity, network.stages[stage])


def upsample(coarse: Tensor, side: int) -> NDArray[np.float32]:
    """Upsample a map (1, 1, h, w) of non-negative numbers to (S, S), scaled to a maximum of 1."""
    heat = F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)[0, 0]
    largest = heat.max()
    shares: NDArray[np.float32] = (heat / largest if largest > 0 else heat).cpu().numpy()
    return shares
