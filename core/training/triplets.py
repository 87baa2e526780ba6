"""Drawing triplets for one super-category (section 3.3)."""

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import DataError

Rows = NDArray[np.int64]


def draw_triplets(
    labels: NDArray[np.int16], num_triplets: int, balance: float, rng: np.random.Generator
) -> Rows:
    """Draw triplets of rows: anchor and positive share the value, the negative has another.

    They may differ or agree in all else: the similarity of attributes counts, not that of images
    (section 3.3). Rows without a label are never drawn.

    Args:
        labels: (N,) value of each row in this super-category, -1 where unlabeled.
        num_triplets: How many to draw, with replacement.
        balance: 1 draws each value equally often, 0 as often as it occurs; in general in proportion
            to ``count ** (1 - balance)``.
        rng: Source of randomness.

    Returns:
        (num_triplets, 3) rows of anchor, positive and negative. The positive differs from the
        anchor if a second item has the value.

    Raises:
        DataError: Fewer than two values occur.
    """
    values, counts = np.unique(labels[labels >= 0], return_counts=True)
    if len(values) < 2:
        raise DataError(
            f"Triplets need at least two values among the training items; there are {len(values)}.",
            hint="Omit this super-category, or label more items.",
        )
    shares = np.asarray(counts ** (1.0 - balance), dtype=np.float64)
    shares /= shares.sum()
    members = np.argsort(labels, kind="stable")[(labels < 0).sum() :]  # rows grouped by value
    starts = np.concatenate([[0], np.cumsum(counts)])

    wanted = rng.choice(len(values), num_triplets, p=shares)
    other = _another_value(wanted, shares, rng)
    anchor_place = rng.integers(0, counts[wanted])
    # a step of 1 … count-1 around the group's circle never lands on the anchor itself
    step = rng.integers(0, np.maximum(counts[wanted] - 1, 1)) + 1
    positive_place = (anchor_place + step) % counts[wanted]
    negative_place = rng.integers(0, counts[other])
    places = [
        starts[wanted] + anchor_place,
        starts[wanted] + positive_place,
        starts[other] + negative_place,
    ]
    return np.stack([members[place] for place in places], axis=1).astype(np.int64)


def _another_value(
    wanted: NDArray[np.int64], shares: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw for each value a different value, in proportion to the shares of the others."""
    # inverse transform over the shares with the wanted value's own interval cut out
    ends = np.cumsum(shares)
    begins = ends - shares
    point = rng.random(len(wanted)) * (1.0 - shares[wanted])
    point = np.where(point >= begins[wanted], point + shares[wanted], point)
    other = np.minimum(np.searchsorted(ends, point, side="right"), len(shares) - 1)
    # rounding may land on the border of the gap: the neighbor is as good
    clash = other == wanted
    other[clash] = np.where(other[clash] + 1 < len(shares), other[clash] + 1, other[clash] - 1)
    return other.astype(np.int64)
