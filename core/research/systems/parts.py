"""What several systems are made of: heads, losses, and a memory of attribute values."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.research.systems.method import TrainingSet
from datrnet.core.retrieval.prototypes import mean_embeddings


def mlp(*sizes: int, bias: bool = True) -> nn.Sequential:
    """Return fully connected layers of these sizes with a ReLU between any two."""
    layers: list[nn.Module] = []
    for size, next_size in pairwise(sizes):
        layers += [nn.Linear(size, next_size, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Heads(nn.Module):
    """A network for each super-category."""

    def __init__(self, heads: Iterable[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the output of each head.

        Args:
            features: (B, D) for all heads, or (B, T, D), a block for each.
        """
        own = [features] * len(self.heads) if features.dim() == 2 else features.unbind(1)
        return tuple(head(block) for head, block in zip(self.heads, own, strict=True))


def classification_loss(logits: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Return the cross entropies of all super-categories, summed; each a mean over its labels.

    Args:
        logits: T times (B, V).
        labels: (B, T), -1 where unlabeled, which is left out.
    """
    losses = []
    for category, values in zip(logits, labels.unbind(1), strict=True):
        total = F.cross_entropy(category.float(), values, ignore_index=-1, reduction="sum")
        # torch's own mean of a batch without labels is 0 / 0
        losses.append(total / (values >= 0).sum().clamp(min=1))
    return torch.stack(losses).sum()


def squared_distances(vectors: Tensor) -> Tensor:
    """Return the squared L2 distances (B, B) between vectors (B, E)."""
    # lower precision would lose small differences
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors.float() if vectors.dtype != torch.float64 else vectors
        lengths = (vectors * vectors).sum(dim=1)
        return (lengths[:, None] + lengths - 2 * vectors @ vectors.T).clamp(min=0)


def same_labels(labels: Tensor) -> Tensor:
    """Return which pairs (B, B) of labels (B,), or of label vectors (B, T), are equal."""
    rows = labels.reshape(len(labels), -1)
    return (rows[:, None] == rows).all(dim=2)


def semi_hard_triplet_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    """Return the triplet loss with a semi-hard negative for each anchor and positive.

    It is the nearest negative that is farther from the anchor than the positive, else the farthest
    of all negatives. Anchors without a negative are left out.

    Args:
        distances: (B, B).
        same: (B, B) bool, the pairs of positives.
        margin: Margin by which a negative must be farther.

    Returns:
        The mean over all positive pairs; 0 without any.
    """
    num_negatives = (~same).sum(dim=1, keepdim=True)
    # each anchor's negatives in order, then infinities
    negatives = distances.masked_fill(same, torch.inf).sort(dim=1).values
    farther = torch.searchsorted(negatives.detach(), distances.detach().contiguous(), right=True)
    chosen = negatives.gather(1, torch.minimum(farther, num_negatives - 1).clamp(min=0))
    diagonal = torch.eye(len(same), dtype=torch.bool, device=same.device)
    pairs = same & ~diagonal & (num_negatives > 0)
    costs = (margin + distances[pairs] - chosen[pairs]).clamp(min=0)
    return costs.sum() / pairs.sum().clamp(min=1)


def semi_hard_loss(vectors: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return that loss on the squared L2 of vectors (B, E) with labels (B,) or (B, T)."""
    return semi_hard_triplet_loss(squared_distances(vectors), same_labels(labels), margin)


def margin_loss(anchors: Tensor, positives: Tensor, negatives: Tensor, *, margin: float) -> Tensor:
    """Return mean max(0, margin + d⁺ - d⁻) of the L2 distances between vectors, each (B, E)."""
    return F.triplet_margin_loss(anchors, positives, negatives, margin, eps=0)


def ratio_loss(anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the triplet loss of distances that compete in a softmax.

    With d⁺ and d⁻ the softmax over the distances to positive and negative, it is the mean of
    ‖(d⁺, d⁻ - 1)‖² = 2 (d⁺)².

    Args:
        anchors: (B, E), as the other two.
        positives: Vectors that should be nearer.
        negatives: Vectors that should be farther.
    """
    near = torch.linalg.vector_norm(anchors - positives, dim=1)
    far = torch.linalg.vector_norm(anchors - negatives, dim=1)
    # the softmax of two numbers is the sigmoid of their difference
    return (2 * torch.sigmoid(near - far) ** 2).sum() / max(1, len(anchors))


class Memory(nn.Module):
    """A matrix (R, S), a column for each of S values; a read is its product with an address."""

    def __init__(self, num_rows: int, num_values: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_rows, sum(num_values)))

    def forward(self, addresses: Tensor) -> Tensor:
        """Return the content (B, R) at addresses (B, S)."""
        return F.linear(addresses, self.weight).float()

    @torch.no_grad()
    def fill(self, columns: NDArray[np.float32]) -> None:
        """Set the prototype (S, R) of each value; 0 where it is NaN, as no item carries it."""
        self.weight.copy_(torch.from_numpy(np.nan_to_num(columns)).T)

    def array(self, training_set: TrainingSet, num_values: Sequence[int]) -> NDArray[np.float32]:
        """Return the matrix, NaN in the columns of values that no item carries: untrained."""
        matrix: NDArray[np.float32] = self.weight.detach().float().cpu().numpy().copy()
        carried = one_hots(torch.from_numpy(training_set.labels).long(), num_values).any(dim=0)
        matrix[:, ~carried.numpy()] = np.nan
        return matrix


def one_hots(labels: Tensor, num_values: Sequence[int]) -> Tensor:
    """Return a row of S numbers for each row of labels (B, T): 1 at each label, else 0."""
    # the entry of -1 is cut off
    parts = [
        F.one_hot(column + 1, num + 1)[:, 1:]
        for column, num in zip(labels.unbind(1), num_values, strict=True)
    ]
    return torch.cat(parts, dim=1).float()


def wanted_values(targets: Tensor, changed: Tensor, num_values: Sequence[int]) -> Tensor:
    """Return addresses (B, S) with 1 at the requested value of each change."""
    return one_hots(targets.masked_fill(~changed, -1), num_values)


def exchanged_values(
    labels: Tensor, targets: Tensor, changed: Tensor, num_values: Sequence[int]
) -> Tensor:
    """Return addresses (B, S) with 1 at the requested value of each change, -1 at the current."""
    return wanted_values(targets, changed, num_values) - wanted_values(labels, changed, num_values)


def value_means(
    training_set: TrainingSet,
    part: Callable[[Tensor], Tensor],
    num_values: Sequence[int],
    *,
    unit_length: bool,
) -> tuple[NDArray[np.float32], ...]:
    """Return the mean (V, D) of a part's output for the items that carry each value.

    Args:
        training_set: The items.
        part: Maps images to (B, D), or to a block for each super-category (B, T, D).
        num_values: V of each super-category.
        unit_length: Whether to L2-normalize each mean.

    Returns:
        For each super-category; NaN where no item carries the value.
    """
    outputs = training_set.embed(part)
    return tuple(
        mean_embeddings(
            outputs if outputs.ndim == 2 else outputs[:, idx],
            training_set.labels[:, idx],
            num,
            unit_length=unit_length,
        )
        for idx, num in enumerate(num_values)
    )


def mean_of_samples(
    training_set: TrainingSet,
    part: Callable[[Tensor], Tensor],
    num_values: Sequence[int],
    num_items: int,
) -> tuple[NDArray[np.float32], ...]:
    """Return the mean (V, E) of each super-category's own block for items drawn for each value.

    Args:
        training_set: The items.
        part: Maps images to blocks (B, T, E).
        num_values: V of each super-category.
        num_items: Number of items drawn for each value, with replacement.

    Returns:
        For each super-category; NaN where no item carries the value.
    """
    rng = np.random.default_rng(training_set.seed)
    drawn = {
        (idx, value): rng.choice(carriers, num_items)
        for idx, num in enumerate(num_values)
        for value in range(num)
        if len(carriers := np.flatnonzero(training_set.labels[:, idx] == value))
    }
    rows, places = np.unique(np.stack([*drawn.values()]), return_inverse=True)
    blocks = training_set.embed(part, rows)
    means = tuple(np.full((num, blocks.shape[2]), np.nan, np.float32) for num in num_values)
    for (idx, value), chosen in zip(drawn, places.reshape(len(drawn), -1), strict=True):
        means[idx][value] = blocks[chosen, idx].mean(axis=0, dtype=np.float64)
    return means
