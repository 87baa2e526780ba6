"""Random augmentation that preserves every attribute: color is one, so the hue never changes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from datrnet.core.config import TrainConfig


def augment(images: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Mirror, shift, scale and light images (B, 3, S, S) at random, padding with white.

    The random numbers do not depend on the device of the images.
    """
    num = len(images)

    def within(limit: float) -> Tensor:
        return (torch.rand(num, generator=generator) * 2 - 1) * limit

    scale = 1 + within(config.zoom)
    mirrored = (
        torch.rand(num, generator=generator) < 0.5 if config.flip else torch.zeros(num).bool()
    )
    grid_to_image = torch.zeros(num, 2, 3)
    grid_to_image[:, 0, 0] = torch.where(mirrored, -scale, scale)
    grid_to_image[:, 1, 1] = scale
    grid_to_image[:, :, 2] = torch.stack([within(config.shift), within(config.shift)], dim=1) * 2
    grid = F.affine_grid(grid_to_image.to(images.device), list(images.shape), align_corners=False)
    # product photos stand on white, which is 1: sampling 1 - x pads with white
    images = 1 - F.grid_sample(1 - images, grid, align_corners=False)
    if config.light:
        contrast = 1 + within(config.light).view(-1, 1, 1, 1).to(images.device)
        brightness = within(config.light).view(-1, 1, 1, 1).to(images.device)
        images = (images * contrast + brightness).clamp_(-1, 1)
    return images
