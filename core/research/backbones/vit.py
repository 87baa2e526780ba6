"""ViT-B/16, a transformer on patches of 16 × 16 pixels.

References:
    Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
"""

import math
from collections import OrderedDict
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.errors import ConfigError
from datrnet.core.research.backbones.backbone import Backbone

PATCH = 16
"""Side of a patch in pixels."""
WIDTH = 768
"""Length of a token."""
HIDDEN = 3072
"""Width between the two Linear layers of a block."""
NUM_LAYERS = 12
NUM_ATTENTION_HEADS = 12
EPSILON = 1e-6
"""What layer normalization adds to the variance."""
POSITIONS = "encoder.pos_embedding"
OLDER_NAMES = {".mlp.linear_1.": ".mlp.0.", ".mlp.linear_2.": ".mlp.3."}
"""How the first public files call the two Linear layers, and how they are called since."""


class EncoderLayer(nn.Module):
    """Attention among the tokens and two Linear layers, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.self_attention = nn.MultiheadAttention(WIDTH, NUM_ATTENTION_HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=EPSILON)
        first, second = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        # the third place is that of a dropout that ViT-B/16 does without
        self.mlp = nn.Sequential(first, nn.GELU(), nn.Identity(), second)
        for layer in (first, second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, N, 768) to tokens (B, N, 768)."""
        seen = self.ln_1(tokens)
        attended, _ = self.self_attention(seen, seen, seen, need_weights=False)
        tokens = tokens + attended
        mapped: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return mapped


class Encoder(nn.Module):
    """Positions, twelve layers and a last normalization."""

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, num_tokens, WIDTH).normal_(std=0.02))
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{idx}", EncoderLayer()) for idx in range(NUM_LAYERS))
        )
        self.ln = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, N, 768) to tokens (B, N, 768)."""
        mapped: Tensor = self.ln(self.layers(tokens + self.pos_embedding))
        return mapped


class ViTB16(Backbone):
    """The pooled feature is the class token; the map is made of the patches' tokens.

    Raises:
        ConfigError: The pictures' side is no multiple of a patch's.
    """

    name: ClassVar[str] = "vit_b_16"
    feature_size: ClassVar[int] = WIDTH
    map_channels: ClassVar[int] = WIDTH
    head: ClassVar[str] = "heads."

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        if image_size % PATCH:
            raise ConfigError(
                f"image_size is {image_size}; {self.name} needs a multiple of {PATCH}.",
                mend=f"Nearest: {PATCH * max(2, round(image_size / PATCH))}.",
            )
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.encoder = Encoder(1 + (image_size // PATCH) ** 2)
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * PATCH**2)))
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]  # a Conv2d has one

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the patches' tokens (B, 768, S / 16, S / 16) of images (B, 3, S, S)."""
        return self.map_and_feature(images)[0]

    def map_and_feature(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return that map, and the class token (B, 768)."""
        tokens = self._encoded(images)
        side = self.image_size // PATCH
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(images), WIDTH, side, side)
        return patches, tokens[:, 0]

    def _encoded(self, images: Tensor) -> Tensor:
        """Return all tokens (B, 1 + h · w, 768), the class token first."""
        patches = self.conv_proj(self.normalize(images)).flatten(2).transpose(1, 2)
        first = self.class_token.expand(len(images), -1, -1)
        tokens: Tensor = self.encoder(torch.cat([first, patches], dim=1))
        return tokens

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take older names too, and bring the positions to this network's image size."""
        renamed = {_current(name): tensor for name, tensor in tensors.items()}
        if POSITIONS in renamed:
            renamed[POSITIONS] = resized_positions(renamed[POSITIONS], self.image_size // PATCH)
        return renamed


def resized_positions(positions: Tensor, side: int) -> Tensor:
    """Return positions (1, 1 + n · n, W) for another grid (1, 1 + side · side, W).

    The class token's stays, the patches' are interpolated. Tensors that are no square grid come
    back as they are.
    """
    num = positions.shape[1] - 1 if positions.dim() == 3 else 0
    old = math.isqrt(max(num, 0))
    if num < 1 or old * old != num or old == side:
        return positions
    grid = positions[:, 1:].transpose(1, 2).reshape(len(positions), -1, old, old)  # (1, W, n, n)
    resized = F.interpolate(
        grid, size=(side, side), mode="bicubic", align_corners=False, antialias=True
    )
    return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def _current(name: str) -> str:
    for older, current in OLDER_NAMES.items():
        name = name.replace(older, current)
    return name
