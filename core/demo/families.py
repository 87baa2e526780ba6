"""Which items a demo shop stocks: families of one cut in several colours and patterns.

A look is one choice of all six values. The shop stocks the looks in most demand, so that popular
cuts come in many colourways, rare ones in few, and a look's neighbours by one change are mostly
stocked too; every value keeps a few looks however rare it is.
"""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from datrnet.core.demo.attributes import POPULARITY, SUPER_CATEGORIES

_ITEMS_PER_LOOK = 2.9
# how far a season's fashion departs from plain popularity, for a cut and for a single look
_CUT_FASHION = 0.15
_LOOK_FASHION = 0.1
# every value keeps at least this share of the looks
_SMALLEST_SHARE = 0.012
# popular looks are stocked more than once, though less than their demand asks
_DEMAND_FELT = 0.6
_COLOURWAY = (0, 4)

Demand = NDArray[np.float64]


def stock(num_items: int, rng: np.random.Generator) -> list[dict[str, str]]:
    """Return the attributes of every item of a shop, in random order.

    Args:
        num_items: How many items to stock.
        rng: Where the choice comes from.
    """
    demand = _demand(rng)
    looks = _stocked_looks(demand, max(1, round(num_items / _ITEMS_PER_LOOK)))
    shares = demand.ravel()[looks] ** _DEMAND_FELT
    more = max(0, num_items - len(looks))
    extra = rng.choice(looks, size=more, p=shares / shares.sum())
    chosen = rng.permutation(np.concatenate([looks, extra])[:num_items])
    places = np.stack(np.unravel_index(chosen, demand.shape), axis=1).tolist()
    return [
        {
            super_category: values[at]
            for (super_category, values), at in zip(SUPER_CATEGORIES.items(), place, strict=True)
        }
        for place in places
    ]


def _demand(rng: np.random.Generator) -> Demand:
    """Return how wanted every look is: one axis per super-category."""
    shares = [
        np.array(list(by_value.values()), dtype=np.float64) for by_value in POPULARITY.values()
    ]
    demand: Demand = reduce(np.multiply.outer, shares)
    per_cut = [1 if axis in _COLOURWAY else side for axis, side in enumerate(demand.shape)]
    demand *= rng.lognormal(0.0, _CUT_FASHION, per_cut)
    demand *= np.exp(_LOOK_FASHION * rng.standard_normal(demand.shape, dtype=np.float32))
    return demand


def _stocked_looks(demand: Demand, num_looks: int) -> NDArray[np.int64]:
    """Return the flat places of the looks in most demand, some of every value among them."""
    per_value = max(1, round(num_looks * _SMALLEST_SHARE))
    places = np.arange(demand.size).reshape(demand.shape)
    kept: dict[int, None] = {}
    for axis, side in enumerate(demand.shape):
        for at in range(side):
            kept.update(
                dict.fromkeys(_top(np.take(demand, at, axis), np.take(places, at, axis), per_value))
            )
    for look in _top(demand, places, num_looks):
        if len(kept) >= num_looks:
            break
        kept[look] = None
    return np.array(list(kept), dtype=np.int64)


def _top(demand: Demand, places: NDArray[np.int64], count: int) -> list[int]:
    flat = demand.ravel()
    first = np.argpartition(-flat, min(count, flat.size - 1))[:count]
    chosen: list[int] = places.ravel()[first[np.argsort(-flat[first], kind="stable")]].tolist()
    return chosen
