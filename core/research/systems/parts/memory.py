"""A memory with a column for each attribute value, and its addresses."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.research.systems.method import TrainingSet
from datrnet.core.retrieval.prototypes import mean_embeddings


class Memory(nn.Module):
    """A matrix (R, S), one column for each of S values; a read is its product with an address."""

    def __init__(self, num_rows: int, num_values: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_rows, sum(num_values)))

    def forward(self, addresses: Tensor) -> Tensor:
        """Read the memory at addresses (B, S): (B, R)."""
        return F.linear(addresses, self.weight).float()

    @torch.no_grad()
    def fill(self, columns: NDArray[np.float32]) -> None:
        """Store the prototypes (S, R) of the values; NaN of a value without items becomes 0."""
        self.weight.copy_(torch.from_numpy(np.nan_to_num(columns)).T)

    def array(self, training_set: TrainingSet, num_values: Sequence[int]) -> NDArray[np.float32]:
        """Return the matrix, NaN in the columns of values without items, which were not trained."""
        matrix: NDArray[np.float32] = self.weight.detach().float().cpu().numpy().copy()
        carried = one_hots(torch.from_numpy(training_set.labels).long(), num_values).any(dim=0)
        matrix[:, ~carried.numpy()] = np.nan
        return matrix


def one_hots(labels: Tensor, num_values: Sequence[int]) -> Tensor:
    """Return a row of S numbers for each row of labels (B, T): 1 at each label, else 0."""
    # -1 goes to an entry of its own, which is cut off
    parts = [
        F.one_hot(column + 1, num + 1)[:, 1:]
        for column, num in zip(labels.unbind(1), num_values, strict=True)
    ]
    return torch.cat(parts, dim=1).float()


def wanted_values(targets: Tensor, changed: Tensor, num_values: Sequence[int]) -> Tensor:
    """Return addresses (B, S) with 1 at each wanted value."""
    return one_hots(targets.masked_fill(~changed, -1), num_values)


def exchanged_values(
    labels: Tensor, targets: Tensor, changed: Tensor, num_values: Sequence[int]
) -> Tensor:
    """Return addresses (B, S) with 1 at each wanted value and -1 at the current value."""
    return wanted_values(targets, changed, num_values) - wanted_values(labels, changed, num_values)


def mean_of_values(
    training_set: TrainingSet, part: Callable[[Tensor], Tensor], num_values: Sequence[int]
) -> NDArray[np.float32]:
    """Return the mean (S, D) of what a part makes, (B, D), of the items that carry each value.

    It is NaN where no item carries the value.
    """
    made = training_set.embed(part)
    means = [
        mean_embeddings(made, training_set.labels[:, idx], num, unit_length=False)
        for idx, num in enumerate(num_values)
    ]
    return np.concatenate(means)


def mean_of_samples(
    training_set: TrainingSet,
    part: Callable[[Tensor], Tensor],
    num_values: Sequence[int],
    num_items: int,
) -> tuple[NDArray[np.float32], ...]:
    """Return the mean (V, E) of each super-category's own block for items drawn for each value.

    Args:
        training_set: The items.
        part: What makes the blocks (B, T, E).
        num_values: Of each super-category.
        num_items: Drawn for each value, with replacement.

    Returns:
        For each super-category; NaN where no item carries the value.
    """
    rng = np.random.default_rng(training_set.seed)
    drawn = [
        _draw(labels, num, num_items, rng)
        for labels, num in zip(training_set.labels.T, num_values, strict=True)
    ]
    rows, place = np.unique(np.concatenate([items for items, _ in drawn]), return_inverse=True)
    blocks = training_set.embed(part, rows)
    ends = np.cumsum([len(items) for items, _ in drawn])[:-1]
    return tuple(
        mean_embeddings(blocks[where, idx], values, num, unit_length=False)
        for idx, (where, (_, values), num) in enumerate(
            zip(np.split(place, ends), drawn, num_values, strict=True)
        )
    )


def _draw(
    labels: NDArray[np.int16], num_values: int, num_items: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows drawn for each value that any carries, and the values."""
    carried = [np.flatnonzero(labels == value) for value in range(num_values)]
    rows = [rng.choice(items, num_items) for items in carried if len(items)]
    values = np.repeat([value for value, items in enumerate(carried) if len(items)], num_items)
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *rows]), values.astype(np.int64)
