"""The demo catalogue on disk: a folder of pictures and the table that lists them."""

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.families import stock
from datrnet.core.demo.garments import PICTURE_SIZE, draw_garment
from datrnet.core.demo.titles import write_title
from datrnet.core.errors import ConfigError, DataError

MAX_ITEMS = 200_000
TABLE_NAME = "catalog.csv"
COLUMNS = ("id", "image", "title", "split", *SUPER_CATEGORIES)

_SPLIT_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
_SHARE_UNLABELLED = 0.03
_QUALITY = 88


def write_demo_catalogue(
    folder: Path,
    *,
    num_items: int = 2000,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a catalogue of garments; the same arguments give the same bytes.

    Args:
        folder: Where to write; made if absent.
        num_items: How many items.
        seed: Which shop.
        on_progress: Told how many items are done, of how many.

    Returns:
        The path of ``catalog.csv``, which is written last and at once.

    Raises:
        ConfigError: The number of items or the seed is out of range.
        DataError: The folder cannot be written to.
    """
    _check(num_items, seed)
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        # an older table would name pictures that are about to change
        (folder / TABLE_NAME).unlink(missing_ok=True)
        return _write_table(folder, _write_items(folder, num_items, seed, on_progress))
    except OSError as error:
        raise DataError(
            f"The demo catalogue cannot be written to {folder}: {error.strerror or error}.",
            mend="Make room there or choose another folder.",
        ) from error


def _write_items(
    folder: Path, num_items: int, seed: int, on_progress: Callable[[int, int], None] | None
) -> list[dict[str, str]]:
    """Draw every item and return the rows of the table."""
    of_shop, of_labels, of_splits = (
        np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(3)
    )
    items, splits = stock(num_items, of_shop), _splits(num_items, of_splits)
    unlabelled = of_labels.random((num_items, len(SUPER_CATEGORIES))) < _SHARE_UNLABELLED
    rows = []
    for position, attributes in enumerate(items):
        # one stream per item, so that a picture does not depend on the ones before it
        row = _write_item(folder, position, attributes, np.random.default_rng([seed, position]))
        labels = zip(attributes.items(), unlabelled[position], strict=True)
        row |= {name: "" if missing else value for (name, value), missing in labels}
        rows.append(row | {"split": str(splits[position])})
        if on_progress is not None:
            on_progress(position + 1, num_items)
    return rows


def _check(num_items: int, seed: int) -> None:
    if not 1 <= num_items <= MAX_ITEMS:
        raise ConfigError(
            f"A demo catalogue of {num_items} items cannot be drawn.",
            mend=f"Ask for 1 to {MAX_ITEMS} items.",
        )
    if seed < 0:
        raise ConfigError(f"The seed {seed} is negative.", mend="Give a seed of 0 or more.")


def _write_item(
    folder: Path, position: int, attributes: Mapping[str, str], rng: np.random.Generator
) -> dict[str, str]:
    code = f"D{position + 1:05d}"
    image = f"images/{code}.jpg"
    picture = draw_garment(attributes, rng, PICTURE_SIZE)
    picture.save(folder / image, quality=_QUALITY)
    return {"id": code, "image": image, "title": write_title(attributes, rng)}


def _splits(num_items: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return the split of every item, in exact shares."""
    held_out = {
        name: round(num_items * share) for name, share in _SPLIT_SHARES.items() if name != "train"
    }
    splits = np.full(num_items, "train", dtype="U10")
    order, start = rng.permutation(num_items), 0
    for name, count in held_out.items():
        splits[order[start : start + count]] = name
        start += count
    return splits


def _write_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / TABLE_NAME
    unfinished = folder / f"{TABLE_NAME}.part"
    with unfinished.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        table.flush()
        os.fsync(table.fileno())
    unfinished.replace(path)
    return path
