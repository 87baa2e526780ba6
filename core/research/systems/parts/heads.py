"""Networks with a head for each super-category."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn


def mlp(*sizes: int, bias: bool = True) -> nn.Sequential:
    """Return fully connected layers of these sizes with a ReLU between any two."""
    layers: list[nn.Module] = []
    for size, next_size in pairwise(sizes):
        layers += [nn.Linear(size, next_size, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Heads(nn.Module):
    """A network for each super-category, side by side."""

    def __init__(self, heads: Iterable[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the output of each head.

        Args:
            features: (B, D) for all heads, or (B, T, D), a block for each.
        """
        own = [features] * len(self.heads) if features.dim() == 2 else features.unbind(1)
        return tuple(head(x) for head, x in zip(self.heads, own, strict=True))
