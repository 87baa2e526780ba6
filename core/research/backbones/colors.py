"""Colors of a picture that ImageNet features lack: a small copy, and the garment's histogram."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64
"""Side of the picture whose pixels are counted."""

BINS = 7
"""Bins of each of the axes L, a and b."""

LIGHTEST = 95.0
"""L of the last bin; the first has 5."""

STRONGEST = 60.0
"""|a| and |b| of the outermost bins."""

BACKGROUND = 8.0
"""Distance in Lab up to which a pixel is background: a little more than is just noticed."""

COLOR_FEATURES = 2 * BINS**3 + 1
"""Length of ``garment_histograms``."""

RGB_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
"""Of linear sRGB, with the white point D65."""

WHITE = (0.9505, 1.0, 1.089)


def lab(images: Tensor) -> Tensor:
    """Return the CIE Lab values (B, 3, H, W) of sRGB images (B, 3, H, W) in [-1, 1]."""
    rgb = ((images + 1) / 2).clamp(0, 1)
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("kc,bchw->bkhw", linear.new_tensor(RGB_TO_XYZ), linear)
    xyz = xyz / xyz.new_tensor(WHITE)[:, None, None]
    x, y, z = torch.where(
        xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116
    ).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def garment_histograms(images: Tensor) -> Tensor:
    """Return the colors of images (B, 3, S, S) in [-1, 1], as (B, ``COLOR_FEATURES``).

    Roots of the shares of 7 × 7 × 7 bins of Lab, first of the garment, then of the picture with its
    center weighted; then the garment's share of the picture. The garment is what differs from the
    median of the border.
    """
    pixels = lab(F.interpolate(images, (SIDE, SIDE), mode="area"))  # (B, 3, 64, 64)
    edges = (pixels[:, :, :2], pixels[:, :, -2:], pixels[..., :2], pixels[..., -2:])
    border = torch.cat([edge.flatten(2) for edge in edges], dim=2).median(dim=2).values
    pixels = pixels.flatten(2)  # (B, 3, 4096)
    is_garment = (torch.linalg.vector_norm(pixels - border[..., None], dim=1) > BACKGROUND).float()
    axis = torch.linspace(-1, 1, SIDE, device=images.device) * (SIDE - 1) / 48
    central = torch.exp(-(axis[:, None] ** 2 + axis**2)).flatten().expand_as(is_garment)
    lightness, a, b = pixels.unbind(1)
    lightness = _shares(lightness, 100 - LIGHTEST, LIGHTEST)
    a, b = _shares(a, -STRONGEST, STRONGEST), _shares(b, -STRONGEST, STRONGEST)
    hues = (a[..., :, None] * b[..., None, :]).flatten(2)  # (B, 4096, 49)
    parts = []
    for weights in (is_garment, central):
        shares = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)
        counted = (lightness * shares[..., None]).transpose(1, 2) @ hues  # (B, 7, 49)
        parts.append(counted.flatten(1).clamp(min=0).sqrt())
    return torch.cat([*parts, is_garment.mean(dim=1, keepdim=True)], dim=1)


def _shares(values: Tensor, low: float, high: float) -> Tensor:
    """Return how much of each value (B, N) falls into each bin (B, N, 7): linear between two."""
    places = (values.clamp(low, high) - low) * ((BINS - 1) / (high - low))
    centers = torch.arange(BINS, device=values.device)
    shares: Tensor = (1 - (places[..., None] - centers).abs()).clamp(min=0)
    return shares
