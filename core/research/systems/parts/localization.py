"""Where a value is seen: activation maps, the region of a map, a fixed-size piece of a region.

Torchvision's pooling of regions is not at hand, so it is made of bilinear samples here.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLES = 2
"""Samples a side of each cell of a pooled region, of which the largest counts."""


def activation_maps(feature_map: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Return each super-category's map (B, T, H, W) for the value that it predicts.

    Args:
        feature_map: (B, K, H, W), of whose mean over the places the values are predicted.
        weights: T times (V, K), of those predictions; without a bias a value's map sums up to it.
    """
    pooled = feature_map.mean(dim=(2, 3))
    predicted = [(pooled @ matrix.T).argmax(dim=1) for matrix in weights]
    chosen = torch.stack(
        [matrix[values] for matrix, values in zip(weights, predicted, strict=True)], dim=1
    )  # (B, T, K)
    return torch.einsum("btk,bkhw->bthw", chosen, feature_map)


def regions(maps: Tensor, threshold: float) -> Tensor:
    """Return the box around the largest connected part of each map that is near its maximum.

    Args:
        maps: (B, T, H, W).
        threshold: Share of a map's maximum above which a place belongs to a part.

    Returns:
        (B, T, 4) top, left, bottom, right as shares of the map's sides; the whole map where
        nothing in it speaks for the value.
    """
    batch, num, height, width = maps.shape
    flat = maps.reshape(batch * num, height, width)
    largest = flat.amax(dim=(1, 2), keepdim=True)
    part = _largest_part((flat >= threshold * largest) | (largest <= 0))
    top, bottom = _span(part.any(dim=2))
    left, right = _span(part.any(dim=1))
    boxes = torch.stack(
        [top / height, left / width, bottom / height, right / width], dim=1
    )  # (B·T, 4)
    return boxes.view(batch, num, 4)


def _largest_part(mask: Tensor) -> Tensor:
    """Keep of masks (M, H, W) the largest part whose places touch, corners too."""
    num, height, width = mask.shape
    places = torch.arange(1, height * width + 1, device=mask.device, dtype=torch.float32)
    names = mask * places.view(1, height, width)
    while True:  # each place takes the largest name around it, until a part has one name
        spread = F.max_pool2d(names[:, None], 3, stride=1, padding=1)[:, 0] * mask
        if torch.equal(spread, names):
            break
        names = spread
    flat = names.flatten(1).long()
    sizes = torch.zeros(num, height * width + 1, device=mask.device)
    sizes.scatter_add_(1, flat, torch.ones_like(flat, dtype=sizes.dtype))
    sizes[:, 0] = 0  # what is outside every part
    return mask & (names == sizes.argmax(dim=1).view(num, 1, 1))


def _span(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first occupied place (M,) along rows (M, L) and the one after the last."""
    length = occupied.shape[1]
    first = occupied.float().argmax(dim=1)
    last = length - occupied.flip(1).float().argmax(dim=1)
    return first, last


def pooled_regions(feature_map: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut boxes out of a map, each brought to the same size.

    Args:
        feature_map: (B, C, H, W).
        boxes: (B, T, 4) as ``regions`` gives them.
        size: Height and width of what comes out.

    Returns:
        (B, T, C, size, size).
    """
    batch, num = boxes.shape[:2]
    steps = size * SAMPLES
    centers = (torch.arange(steps, device=boxes.device) + 0.5) / steps
    top, left, bottom, right = (side[..., None] for side in boxes.unbind(2))  # (B, T, 1)
    rows = top + (bottom - top) * centers  # (B, T, steps)
    columns = left + (right - left) * centers
    grid = torch.stack(
        [
            columns[:, :, None, :].expand(batch, num, steps, steps),
            rows[:, :, :, None].expand(batch, num, steps, steps),
        ],
        dim=4,
    )
    # grid_sample counts from -1 to 1; all boxes of a picture below one another save copies of it
    grid = (2 * grid - 1).view(batch, num * steps, steps, 2)
    samples = F.grid_sample(
        feature_map.float(), grid.float(), padding_mode="border", align_corners=False
    )
    pooled = F.max_pool2d(samples, SAMPLES).view(batch, -1, num, size, size)
    return pooled.transpose(1, 2)
