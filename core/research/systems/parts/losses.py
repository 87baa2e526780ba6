"""The losses, each over a whole batch at once."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def classification_loss(logits: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Return the cross entropies of all super-categories, summed; each a mean over its labels.

    Args:
        logits: T times (B, V).
        labels: (B, T), -1 where unlabeled, which does not count.
    """
    losses = []
    for category, wanted in zip(logits, labels.unbind(1), strict=True):
        total = F.cross_entropy(category.float(), wanted, ignore_index=-1, reduction="sum")
        # torch's own mean over a batch without labels would be 0 / 0
        losses.append(total / (wanted >= 0).sum().clamp(min=1))
    return torch.stack(losses).sum()


def squared_distances(vectors: Tensor) -> Tensor:
    """Return the squared L2 distances (B, B) between vectors (B, E)."""
    # lower precision would lose the small differences that the losses are about
    with torch.autocast(vectors.device.type, enabled=False):
        vectors = vectors.float() if vectors.dtype != torch.float64 else vectors
        lengths = (vectors * vectors).sum(dim=1)
        return (lengths[:, None] + lengths - 2 * vectors @ vectors.T).clamp(min=0)


def same_labels(labels: Tensor) -> Tensor:
    """Return which pairs (B, B) of labels (B,), or of whole rows (B, T) of them, are the same."""
    rows = labels.reshape(len(labels), -1)
    return (rows[:, None] == rows).all(dim=2)


def semi_hard_triplet_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    """Return the triplet loss with one semi-hard negative for each anchor and positive.

    It is the nearest negative that is farther from the anchor than the positive, else the farthest
    of all negatives. Anchors without a negative are left out.

    Args:
        distances: (B, B).
        same: (B, B) bool, which are positives of one another.
        margin: By which a negative should be farther.

    Returns:
        The mean over all positive pairs; 0 without any.
    """
    num_negatives = (~same).sum(dim=1, keepdim=True)
    # each anchor's negatives in order, the others behind them
    negatives = distances.masked_fill(same, torch.inf).sort(dim=1).values
    farther = torch.searchsorted(negatives.detach(), distances.detach().contiguous(), right=True)
    chosen = negatives.gather(1, torch.minimum(farther, num_negatives - 1).clamp(min=0))
    itself = torch.eye(len(same), dtype=torch.bool, device=same.device)
    pairs = same & ~itself & (num_negatives > 0)
    costs = (margin + distances[pairs] - chosen[pairs]).clamp(min=0)
    return costs.sum() / pairs.sum().clamp(min=1)


def semi_hard_loss(vectors: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return that loss on the squared L2 of vectors (B, E) with labels (B,) or (B, T)."""
    return semi_hard_triplet_loss(squared_distances(vectors), same_labels(labels), margin)


def margin_loss(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Return mean max(0, margin + d⁺ - d⁻), with the plain L2 between vectors, each (B, E)."""
    near = torch.linalg.vector_norm(anchors - positives, dim=1)
    far = torch.linalg.vector_norm(anchors - negatives, dim=1)
    loss: Tensor = (margin + near - far).clamp(min=0).mean()
    return loss


def ratio_loss(anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the triplet loss of distances that compete in a softmax.

    With d⁺ and d⁻ the softmax over the distances to positive and negative, it is the mean of
    ‖(d⁺, d⁻ - 1)‖² = 2 (d⁺)².

    Args:
        anchors: (B, E), as the other two.
        positives: The vectors that should be nearer.
        negatives: The vectors that should be farther.
    """
    near = torch.linalg.vector_norm(anchors - positives, dim=1)
    far = torch.linalg.vector_norm(anchors - negatives, dim=1)
    # of two numbers the softmax is the sigmoid of their difference
    return (2 * torch.sigmoid(near - far) ** 2).sum() / max(1, len(anchors))
