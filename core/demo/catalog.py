"""The demo catalog: which items the shop stocks, their titles, and the files on disk."""

import csv
import os
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.demo.attributes import POPULARITY, SHOP, SUPER_CATEGORIES
from datrnet.core.demo.garments import PICTURE_SIZE, draw_garment
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.progress import StepProgress

MAX_ITEMS = 200_000
TABLE_NAME = "catalog.csv"
WRONG_NAME = "wrong-labels.csv"
"""Lists the labels that are wrong on purpose, for the review to find."""
PICTURES = "images"
COLUMNS = ("id", "image", "title", "split", *SUPER_CATEGORIES)
WRONG_COLUMNS = ("id", "super_category", "label", "right")

_HELD_OUT = {"validation": 0.1, "test": 0.1}
_SHARE_UNLABELED = 0.03
_SHARE_WRONG = 0.05
"""Share of the training items with one wrong label; other splits measure, and are right."""
_QUALITY = 88


def write_demo_catalog(
    folder: Path,
    *,
    num_items: int = 2000,
    seed: int = 0,
    on_progress: StepProgress | None = None,
) -> Path:
    """Draw a catalog of garments; the same arguments give the same bytes.

    Args:
        folder: Where to write; made if absent.
        num_items: How many items.
        seed: Which shop.
        on_progress: Called with the number of items done and their total.

    Returns:
        The path of ``catalog.csv``, which is written last and at once.

    Raises:
        ConfigError: The number of items or the seed is out of range.
        DataError: The folder cannot be written to.
    """
    if not 1 <= num_items <= MAX_ITEMS:
        raise ConfigError(
            f"A demo catalog of {num_items} items cannot be drawn.",
            hint=f"Choose 1 to {MAX_ITEMS} items.",
        )
    if seed < 0:
        raise ConfigError(f"The seed {seed} is negative.", hint="Use a seed of 0 or more.")
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        # an older table would name pictures that are about to change
        (folder / TABLE_NAME).unlink(missing_ok=True)
        rows = _write_items(folder, num_items, seed, on_progress)
        wrong = _make_wrong(rows, np.random.default_rng([seed, num_items, len(COLUMNS)]))
        _write_table(folder / WRONG_NAME, WRONG_COLUMNS, wrong)
        return _write_table(folder / TABLE_NAME, COLUMNS, rows)
    except OSError as error:
        raise DataError(
            f"The demo catalog cannot be written to {folder}: {error.strerror or error}.",
            hint="Free some space there, or choose another folder.",
        ) from error


def _write_items(
    folder: Path, num_items: int, seed: int, on_progress: StepProgress | None
) -> list[dict[str, str]]:
    """Draw every item and return the rows of the table."""
    shop_rng, label_rng, split_rng = map(
        np.random.default_rng, np.random.SeedSequence(seed).spawn(3)
    )
    items, splits = stock(num_items, shop_rng), _splits(num_items, split_rng)
    unlabeled = label_rng.random((num_items, len(SUPER_CATEGORIES))) < _SHARE_UNLABELED
    rows = []
    for position, attributes in enumerate(items):
        # one stream per item, so that a picture does not depend on those before it
        rng = np.random.default_rng([seed, position])
        code = f"D{position + 1:05d}"
        image = f"{PICTURES}/{code}.jpg"
        draw_garment(attributes, rng, PICTURE_SIZE).save(folder / image, quality=_QUALITY)
        row = {"id": code, "image": image, "title": write_title(attributes, rng)}
        labels = zip(attributes.items(), unlabeled[position], strict=True)
        row |= {name: "" if missing else value for (name, value), missing in labels}
        rows.append(row | {"split": str(splits[position])})
        if on_progress is not None:
            on_progress(position + 1, num_items)
    return rows


def _make_wrong(rows: list[dict[str, str]], rng: np.random.Generator) -> list[dict[str, str]]:
    """Give some training items a wrong label, drawn as often as values occur; return which."""
    training = [row for row in rows if row["split"] == "train"]
    right_rows = [dict(row) for row in rows]
    wrong = []
    for place in rng.permutation(len(training))[: round(_SHARE_WRONG * len(training))]:
        row = training[place]
        name = _choice([name for name in SUPER_CATEGORIES if row[name]] or [""], rng)
        others = [it[name] for it in right_rows if name and it[name] not in ("", row[name])]
        if not others:
            continue  # in a tiny shop
        label, right = _choice(others, rng), row[name]
        row[name] = label
        wrong.append({"id": row["id"], "super_category": name, "label": label, "right": right})
    return sorted(wrong, key=itemgetter("id"))


def read_wrong_labels(folder: Path) -> list[dict[str, str]]:
    """Return the labels that are wrong on purpose; none in a demo of an earlier version.

    Args:
        folder: That of the table.

    Returns:
        Each with ``id``, ``super_category``, ``label`` and ``right``, by id.
    """
    try:
        with (folder / WRONG_NAME).open(encoding="utf-8", newline="") as table:
            return list(csv.DictReader(table))
    except FileNotFoundError:
        return []


def _splits(num_items: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return the split of every item, in exact shares."""
    splits = np.full(num_items, "train", dtype="U10")
    order, start = rng.permutation(num_items), 0
    for name, share in _HELD_OUT.items():
        end = start + round(num_items * share)
        splits[order[start:end]] = name
        start = end
    return splits


def _write_table(path: Path, columns: Sequence[str], rows: list[dict[str, str]]) -> Path:
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        table.flush()
        os.fsync(table.fileno())
    unfinished.replace(path)
    return path


# ── titles: a made-up brand, the garment's name, a few of its values ─────────


def write_title(attributes: Mapping[str, str], rng: np.random.Generator) -> str:
    """Return a title for an item, as a shop writes it.

    Args:
        attributes: Super-category to value, all six.
        rng: The source of the choice of words.
    """
    titles = SHOP["titles"]
    nouns = next(
        rule["nouns"]
        for rule in titles["nouns"]
        if all(attributes[name] == value for name, value in rule.items() if name != "nouns")
    )
    color = attributes["color"]
    words = [
        _choice(titles["brands"], rng),
        _choice(titles["colors"].get(color, [color.title()]), rng),
    ]
    if attributes["pattern"] != "plain":
        words.append(attributes["pattern"].title())
    words.append(_choice(nouns, rng))
    extras = [
        _extra(name, attributes[name].title())
        for name, values in titles["extras"].items()
        if attributes[name] in values
    ]
    if extras and rng.random() < 0.6:
        words.append(f"with {_choice(extras, rng)}")
    return " ".join(words)


def _extra(super_category: str, value: str) -> str:
    if super_category == "sleeve":
        return f"{value} Sleeve"
    return value if value.endswith("Neck") else f"{value} Neck"


def _choice(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


# ── stock ────────────────────────────────────────────────────────────────────
#
# A look is one choice of all six values. The shop stocks the looks in most demand, so that popular
# cuts come in many colors, rare ones in few, and most neighbors of a look by one change are stocked
# too; every value keeps a few looks however rare it is.

_ITEMS_PER_LOOK = 2.9
_CUT_FASHION, _LOOK_FASHION = 0.15, 0.1
"""How far the fashion of a season departs from popularity, for a cut and for a single look."""
_SMALLEST_SHARE = 0.012
"""Every value keeps at least this share of the looks."""
_DEMAND_FELT = 0.6
"""Popular looks are stocked more than once, although less often than their demand asks."""
_COLORWAY = (0, 4)
"""The axes of color and pattern."""


def stock(num_items: int, rng: np.random.Generator) -> list[dict[str, str]]:
    """Return the attributes of every item of a shop, in random order.

    Args:
        num_items: How many items to stock.
        rng: The source of the choice.
    """
    demand = _demand(rng)
    looks = _stocked_looks(demand, max(1, round(num_items / _ITEMS_PER_LOOK)))
    shares = demand.ravel()[looks] ** _DEMAND_FELT
    extra = rng.choice(looks, size=max(0, num_items - len(looks)), p=shares / shares.sum())
    chosen = rng.permutation(np.concatenate([looks, extra])[:num_items])
    places = np.stack(np.unravel_index(chosen, demand.shape), axis=1).tolist()
    return [
        {
            super_category: values[at]
            for (super_category, values), at in zip(SUPER_CATEGORIES.items(), place, strict=True)
        }
        for place in places
    ]


def _demand(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the demand for every look: one axis per super-category."""
    shares = [np.array(list(values.values()), dtype=np.float64) for values in POPULARITY.values()]
    demand: NDArray[np.float64] = reduce(np.multiply.outer, shares)
    per_cut = [1 if axis in _COLORWAY else side for axis, side in enumerate(demand.shape)]
    demand *= rng.lognormal(0.0, _CUT_FASHION, per_cut)
    demand *= np.exp(_LOOK_FASHION * rng.standard_normal(demand.shape, dtype=np.float32))
    return demand


def _stocked_looks(demand: NDArray[np.float64], num_looks: int) -> NDArray[np.int64]:
    """Return the flat places of the looks in most demand, among them some of every value."""
    per_value = max(1, round(num_looks * _SMALLEST_SHARE))
    places = np.arange(demand.size).reshape(demand.shape)
    stocked: dict[int, None] = {}
    for axis, side in enumerate(demand.shape):
        for at in range(side):
            of_value = np.take(demand, at, axis), np.take(places, at, axis)
            stocked.update(dict.fromkeys(_top(*of_value, per_value)))
    for look in _top(demand, places, num_looks):
        if len(stocked) >= num_looks:
            break
        stocked[look] = None
    return np.array(list(stocked), dtype=np.int64)


def _top(demand: NDArray[np.float64], places: NDArray[np.int64], count: int) -> list[int]:
    flat = demand.ravel()
    first = np.argpartition(-flat, min(count, flat.size - 1))[:count]
    top: list[int] = places.ravel()[first[np.argsort(-flat[first], kind="stable")]].tolist()
    return top
