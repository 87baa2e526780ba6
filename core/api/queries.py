"""Queries and options given in Python, turned into queries and requests."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.api.items import Item, Items
from datrnet.core.catalog.catalog import SPLITS, Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.pictures import PictureSource
from datrnet.core.errors import ConfigError, ShapeError, check_choice
from datrnet.core.retrieval.request import Ranking, Request, ValueMatch, resolve_query

MAX_WEIGHT = 1_000_000
"""Far above it, float32 distances overflow and the ranking is lost."""

QueryLike = str | int | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8] | Item
"""An item's id or ``Item``; or a picture: its path, the contents of its file, a Pillow image, or an
array (H, W), (H, W, 3) or (H, W, 4) of uint8."""

QueryLikes = QueryLike | list[str | int | Item] | tuple[str | int | Item, ...] | Items
"""A query; or several items, whose mean is the query."""

Values = str | Iterable[str]
"""A value, or several."""

Where = str | Iterable[str] | Mapping[str, Any]
"""Conditions: ``"price<50"``, ``["category=Shirts", "price<50"]``, or values by name:
``{"category": ["Shirts", "Dresses"]}``."""


def resolve(catalog: Catalog, asked: QueryLike) -> int | PictureSource:
    """Return the row of an item, or a picture.

    Raises:
        UnknownNameError: A text is neither an id nor the path of a picture.
        ShapeError: An array is no picture.
        ConfigError: It is something else.
    """
    match asked:
        case Item():
            return catalog.row_of_code(asked.id)
        case str() | int():
            return resolve_query(catalog, str(asked))
        case bytes() | Image.Image():
            return asked
        case os.PathLike():
            return Path(asked).expanduser()
    if hasattr(asked, "__array__"):
        return Image.fromarray(_pixels(np.asarray(asked)))
    raise ConfigError(
        f"A {type(asked).__name__} is no query.",
        hint="Use an item's id; or a picture as path, bytes, Pillow image or array.",
    )


def rows_of(catalog: Catalog, asked: Iterable[QueryLike]) -> list[int]:
    """Return the rows of several items.

    Raises:
        UnknownNameError: There is no such item.
        ConfigError: There is none, or a picture among them.
    """
    rows = [resolve(catalog, query) for query in asked]
    if found := [row for row in rows if isinstance(row, int)]:
        if len(found) == len(rows):
            return found
        raise ConfigError(
            "Several items can be one query, but no pictures.",
            hint="Import the pictures, or search with one of them.",
        )
    raise ConfigError("The query has no item.", hint="Name an item or the path of a picture.")


def _pixels(array: NDArray[Any]) -> NDArray[np.uint8]:
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype == np.uint8 and is_picture and array.size:
        return np.ascontiguousarray(array)
    raise ShapeError(
        f"A picture is an array (H, W, 3) of uint8, not {array.shape} of {array.dtype}.",
        hint="Scale values from 0 to 1 by 255, and put the channels last.",
    )


def request_of(
    catalog: Catalog,
    *,
    changes: Mapping[str, str] | None = None,
    where: Where | None = None,
    any_of: Mapping[str, Values] | None = None,
    weights: Mapping[str, float | str] | None = None,
    within: str | None = None,
    match: ValueMatch = "any",
    liked: Values = (),
    disliked: Values = (),
    k: int = 10,
    max_distance: float | None = None,
    ranking: Ranking | None = None,
    offset: int | None = None,
    split: str | None = None,
) -> Request:
    """Return a request without what is taken from other items or shall be unlike them.

    Raises:
        UnknownNameError: An item, super-category, value, fact or split does not exist.
        ConfigError: A condition, weight, distance or number of results is wrong.
    """
    if offset is not None and offset < 0:
        raise ConfigError(f"offset is {offset}; the first result has the offset 0.")
    if max_distance is not None and not max_distance >= 0:
        raise ConfigError(f"The maximum distance is {max_distance}; no distance is below 0.")
    liked, disliked = several(liked), several(disliked)
    if twice := {*liked} & {*disliked}:
        raise ConfigError(f"{min(twice)} is both liked and disliked.", hint="Keep one of the two.")
    if not isinstance(k, Integral) or k < 1:
        raise ConfigError(f"k is {k!r}; it must be a whole number, 1 or more.")
    check_choice("split", split, SPLITS)
    check_choice("match", match, get_args(ValueMatch))
    conditions = Conditions.of(catalog, conditions_of(where))
    return Request(
        changes={name: _single(name, value) for name, value in (changes or {}).items()},
        where=conditions.labels,
        others=conditions.others,
        any_of=_grouped(catalog, any_of or {}),
        match=match,
        weights={name: _factor(name, weight) for name, weight in (weights or {}).items()},
        liked=tuple(map(catalog.row_of_code, dict.fromkeys(liked))),
        disliked=tuple(map(catalog.row_of_code, dict.fromkeys(disliked))),
        k=k,
        max_distance=max_distance,
        ranking=ranking,
        offset=offset,
        split=split,
        within=None if within is None else _spelled(catalog, within),
    )


def conditions_of(where: Where | None) -> Iterator[Condition]:
    """Yield conditions as they were given.

    Raises:
        ConfigError: One is malformed.
    """
    if isinstance(where, Mapping):
        for name, values in where.items():
            for value in several(values):
                yield Condition(name, "=", str(value))
    else:
        yield from map(Condition.parse, map(str, several(where or ())))


def _single(name: str, value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise ConfigError(
            f"{name} cannot be set to several values.", hint="For any of several, use `any`."
        )
    return str(value)


def _grouped(catalog: Catalog, any_of: Mapping[str, Values]) -> dict[str, tuple[str, ...]]:
    """Return equivalent values by super-category, as the catalog spells it."""
    grouped: dict[str, tuple[str, ...]] = {}
    for name, values in any_of.items():
        known = _spelled(catalog, name)
        grouped[known] = (*grouped.get(known, ()), *several(values))
    return grouped


def several(values: Any) -> Iterable[Any]:
    """Return one thing or several as several; a text is one."""
    is_one = isinstance(values, str) or not isinstance(values, Iterable)
    return (values,) if is_one else values


def _spelled(catalog: Catalog, name: str) -> str:
    """Return a super-category as the catalog spells it."""
    return catalog.super_categories[catalog.super_category_idx(name)].name


def _factor(name: str, weight: float | str) -> float:
    try:
        factor = float(weight)
    except (TypeError, ValueError):  # the command line has texts
        factor = math.nan
    if -math.inf < factor < 0:
        raise ConfigError(
            f"The weight {name}={weight} is below 0; a distance cannot count against itself.",
            hint=f"To keep away from an item's {name}, use --unlike {name}=ITEM.",
        )
    if not 0 <= factor <= MAX_WEIGHT:
        raise ConfigError(
            f"The weight {name}={weight} is no number from 0 to {MAX_WEIGHT:,}.",
            hint="2 counts double, 0 not at all.",
        )
    return factor
