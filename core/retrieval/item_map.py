"""The map of an index: for each block, every item as a point, near items near each other.

    indexes/<generation>/map.npy   (N, A, 2) float16 within the square from -1 to 1, NaN where an
                                   item has no place yet

The points of a block are computed when its map is first opened, and kept in this file, which is
beside the files of the manifest: an index without it is complete. An update of the index takes over
the places of the items that it keeps; the others are placed among them when the map is opened.
"""

import os
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import ITEM_IDS, Generation
from datrnet.core.retrieval.layout import CHUNK, EPOCHS, Floats, laid_out, placed
from datrnet.core.retrieval.manifest import MANIFEST, Manifest

MAP = "map.npy"

MOST_LAID_OUT = 5000
"""Items that are laid out; of more, a sample, and the others are placed among it."""

FEWEST_PLACED = 0.5
"""Share of the items that must have a place for the others to be placed among them."""


def map_points(generation: Generation, block: int, on_progress: Progress = no_progress) -> Floats:
    """Return the points (N, 2) of the items of a generation; computes those that are missing.

    Args:
        generation: The index.
        block: One of its blocks.
        on_progress: Called with the progress.
    """
    points = read_points(generation)[:, block]
    missing = np.flatnonzero(np.isnan(points).any(axis=1))
    if not len(missing):
        return points
    step = f"Laying out {generation.block_names[block]}"
    vectors = _vectors(generation, block)
    anchors = np.setdiff1d(np.arange(len(points)), missing)
    epochs = 0
    if len(anchors) < FEWEST_PLACED * len(points):
        anchors, epochs = np.arange(len(points)), EPOCHS
        if len(anchors) > MOST_LAID_OUT:
            rng = np.random.default_rng(block)
            anchors = np.sort(rng.choice(anchors, MOST_LAID_OUT, replace=False))
        missing = np.setdiff1d(np.arange(len(points)), anchors)
    total = epochs + len(missing) // CHUNK + 1
    if epochs:
        points[anchors] = laid_out(
            vectors[anchors], block, lambda done: on_progress(step, done, total)
        )
    if len(anchors) > MOST_LAID_OUT:
        anchors = anchors[:: -(-len(anchors) // MOST_LAID_OUT)]
    points[missing] = placed(
        vectors[missing],
        vectors[anchors],
        points[anchors],
        lambda done: on_progress(step, epochs + done // CHUNK, total),
    )
    stored = points.astype(np.float16)
    with suppress(OSError):  # a full or read-only disk, or the index is gone: only time is lost
        _write_points(generation, block, stored)
    on_progress(step, total, total)
    return stored.astype(np.float32)


def _vectors(generation: Generation, block: int) -> Floats:
    """Return a block (N, E) of all items in the metric space."""
    items = generation.items
    parts = [
        items.blocks_at(slice(start, start + CHUNK))[:, block]
        for start in range(0, len(items), CHUNK)
    ]
    if not parts:
        return np.empty((0, generation.embeddings.shape[2]), dtype=np.float32)
    return np.concatenate(parts)


def read_points(generation: Generation) -> Floats:
    """Return the points (N, A, 2) that are known, NaN for the others."""
    stored, (rows, columns) = _read(generation)
    return stored[rows[:, None], columns].astype(np.float32)


def moved_points(
    base: Generation, places: NDArray[np.int64], new_places: NDArray[np.int64], count: int
) -> NDArray[np.float16] | None:
    """Return the points (count, A, 2) of an update; None if no item has one.

    Args:
        base: The generation before it.
        places: (n,) of the items that it keeps.
        new_places: (n,) of the same items in the update.
        count: Items of the update.
    """
    kept = read_points(base)[places]
    if np.isnan(kept).all():
        return None
    points = np.full((count, *kept.shape[1:]), np.nan, dtype=np.float16)
    points[new_places] = kept
    return points


def _read(
    generation: Generation,
) -> tuple[NDArray[np.float16], tuple[NDArray[np.int64], list[int]]]:
    """Return what is in the file, and where the items and blocks of the generation are in it.

    The generation may lack items and super-categories that the catalog has no longer.
    """
    folder = generation.folder
    item_ids = np.load(folder / ITEM_IDS)
    names = Manifest.from_json((folder / MANIFEST).read_text("utf-8")).block_names
    rows = np.searchsorted(item_ids, generation.item_ids)
    columns = [names.index(name) for name in generation.manifest.block_names]
    shape = (len(item_ids), len(names), 2)
    with suppress(OSError, ValueError, EOFError):  # there is none, or it is damaged
        stored: NDArray[np.float16] = np.load(folder / MAP)
        if stored.shape == shape:
            return stored, (rows, columns)
    return np.full(shape, np.nan, dtype=np.float16), (rows, columns)


def _write_points(generation: Generation, block: int, points: NDArray[np.float16]) -> None:
    stored, (rows, columns) = _read(generation)
    stored[rows, columns[block]] = points
    partial = generation.folder / f".{os.getpid()}.{MAP}"
    with partial.open("wb") as stream:
        np.save(stream, stored)
    partial.replace(generation.folder / MAP)
